//! The sums as a table for a terminal.

use super::{Coverage, State, Sum, groups};
use std::fmt::Write as _;

pub(super) fn text(coverage: &Coverage, open: bool) -> String {
    let mut out = String::new();
    let of = coverage.target.as_ref();
    let of = of.map_or_else(String::new, |target| format!(", reached on {target}"));
    let _ = writeln!(out, "{} cases{of}\n", coverage.cases);
    let heads = ["total", "covered", "seen", "excused", "open", "reached"];
    let _ = write!(out, "{:24}", "");
    heads.iter().for_each(|head| {
        let _ = write!(out, "{head:>9}");
    });
    for (title, rows) in coverage.tables() {
        let Sum {
            total,
            covered,
            seen,
            excused,
            open,
            reached,
        } = Sum::of(rows);
        let reached = reached.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let _ = write!(
            out,
            "\n{title:24}{total:>9}{covered:>9}{seen:>9}{excused:>9}{open:>9}{reached:>9}"
        );
    }
    if open {
        list(coverage, &mut out);
    }
    out
}

/// What no case covers, a line for each group.
fn list(coverage: &Coverage, out: &mut String) {
    for (title, rows) in coverage.tables() {
        let open: Vec<_> = rows
            .iter()
            .filter(|row| row.state() == State::Open)
            .cloned()
            .collect();
        if open.is_empty() {
            continue;
        }
        let _ = write!(out, "\n\nopen {title}");
        for group in groups(&open) {
            let items: Vec<&str> = group.iter().map(|row| row.item.as_str()).collect();
            let _ = write!(out, "\n  {} {}", group[0].group, items.join(" "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::coverage;

    #[test]
    fn the_sums_stand_in_a_table_and_what_is_open_below() {
        let text = coverage().text(false);
        assert!(
            text.starts_with("3 cases, reached on soft<hsm>\n"),
            "{text}"
        );
        let row = "return values                   5        2        1        1        1        2";
        assert!(text.contains(row), "{text}");
        let open = coverage().text(true);
        assert!(
            open.ends_with("open return values\n  C_Logout CKR_OK"),
            "{open}"
        );
    }
}
