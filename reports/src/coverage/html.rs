//! The tables as one HTML page: a line for each group, a mark for each row of it. It needs no script, no
//! other file, and follows the reader's choice of light or dark.

use super::{Coverage, Row, State, Sum, groups};
use crate::text::one_line;
use std::io::{Result, Write};

const STYLE: &str = include_str!("coverage.css");

/// States with the class of their marks and what they mean.
const STATES: [(State, &str, &str); 5] = [
    (
        State::Covered,
        "covered",
        "covered by a case, and reached if there is a run",
    ),
    (
        State::NotReached,
        "unreached",
        "covered by a case, not reached by this run",
    ),
    (
        State::Seen,
        "seen",
        "reached by this run, though no case asks for it by name",
    ),
    (
        State::Excused,
        "excused",
        "no case can cover it; the reason is in the mark",
    ),
    (State::Open, "open", "no case covers it"),
];

pub(super) fn write(coverage: &Coverage, out: &mut dyn Write) -> Result<()> {
    let target = coverage.target.as_deref().map(escape);
    let of = target.map_or_else(String::new, |target| format!(" on {target}"));
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Coverage{of}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Coverage{of}</h1>\n<p>{} cases.</p>",
        coverage.cases
    )?;
    sums(coverage, out)?;
    writeln!(out, "<ul class=\"legend\">")?;
    for (_, class, meaning) in STATES {
        writeln!(
            out,
            "<li><span class=\"mark {class}\">{class}</span> {meaning}</li>"
        )?;
    }
    writeln!(out, "</ul>")?;
    for (title, rows) in coverage.tables() {
        table(title, rows, out)?;
    }
    writeln!(out, "</body>\n</html>")
}

fn sums(coverage: &Coverage, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<table class=\"sums\">\n<tr><th></th><th>total</th><th>covered</th><th>seen</th><th>excused</th>\
         <th>open</th><th>reached</th></tr>"
    )?;
    for (title, rows) in coverage.tables() {
        let sum = Sum::of(rows);
        let reached = sum
            .reached
            .map_or_else(|| "-".to_owned(), |count| count.to_string());
        writeln!(
            out,
            "<tr><th><a href=\"#{}\">{title}</a></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td>{reached}</td></tr>",
            anchor(title),
            sum.total,
            sum.covered,
            sum.seen,
            sum.excused,
            sum.open
        )?;
    }
    writeln!(out, "</table>")
}

fn table(title: &str, rows: &[Row], out: &mut dyn Write) -> Result<()> {
    writeln!(out, "<h2 id=\"{}\">{title}</h2>\n<table>", anchor(title))?;
    for group in groups(rows) {
        let name = escape(&group[0].group);
        write!(out, "<tr><th>{name}</th><td>")?;
        for row in group {
            mark(row, out)?;
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</table>")
}

/// A mark, with all that is known of the row shown when it is pointed at.
fn mark(row: &Row, out: &mut dyn Write) -> Result<()> {
    let state = STATES.iter().find(|(state, ..)| *state == row.state());
    let class = state.map_or("", |(_, class, _)| class);
    let mut known = vec![format!("{} cases", row.cases)];
    known.extend(row.reached.map(|count| format!("reached {count} times")));
    known.extend(row.excuse.clone());
    known.extend((!row.words.is_empty()).then(|| row.words.clone()));
    write!(
        out,
        "<span class=\"mark {class}\" title=\"{}\">{}</span> ",
        escape(&known.join("; ")),
        escape(&row.item)
    )
}

fn anchor(title: &str) -> String {
    title.replace(' ', "-")
}

fn escape(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::coverage;

    #[test]
    fn a_page_has_a_mark_for_every_row_and_no_markup_from_names() {
        let mut page = Vec::new();
        coverage().write_html(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("<h1>Coverage on soft&lt;hsm&gt;</h1>"));
        let marks = ["covered", "unreached", "seen", "excused", "open"].map(|class| {
            page.matches(&format!("class=\"mark {class}\" title"))
                .count()
        });
        assert_eq!(marks, [2, 1, 1, 1, 1]);
        let excuse = "title=\"0 cases; reached 0 times; no test can remove a token\"";
        assert!(page.contains(excuse), "{page}");
    }
}
