//! The tables as one HTML page, and as a part of the site of a report: a line for each group, a mark for each
//! row of it. They need no script.

use super::{Coverage, Row, State, Sum, groups};
use crate::html::{Page, Text};
use maud::{Markup, html};
use std::io::{Result, Write};

/// What the marks look like.
pub(crate) const STYLE: &str = include_str!("coverage.css");

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

/// The tables as a page of their own.
pub(super) fn write(coverage: &Coverage, out: &mut dyn Write) -> Result<()> {
    let target = coverage.target.as_deref();
    let title = target.map_or_else(
        || "Coverage".to_owned(),
        |target| format!("Coverage on {target}"),
    );
    let anchors = coverage
        .tables()
        .map(|(title, _)| (anchor("", title), title));
    let sections: Vec<(&str, &str)> = anchors
        .iter()
        .map(|(id, title)| (id.as_str(), *title))
        .collect();
    let page = Page {
        title: &title,
        style: &[STYLE],
        sections: &sections,
        ..Page::default()
    };
    page.write(&tables(coverage, "", 2), out)
}

/// The sums, the legend and the tables. `prefix` makes their anchors unique in a page that has several, and
/// `level` is that of their headings.
pub(crate) fn tables(coverage: &Coverage, prefix: &str, level: u8) -> Markup {
    html! {
        div.coverage {
            p { (coverage.cases) " cases." }
            (sums(coverage, prefix))
            ul.legend {
                @for (_, class, meaning) in STATES { li { span class={ "mark " (class) } { (class) } " " (meaning) } }
            }
            @for (title, rows) in coverage.tables() {
                @if level == 2 {
                    h2 id=(anchor(prefix, title)) { (title) }
                    (table(title, rows))
                } @else {
                    details id=(anchor(prefix, title)) { summary { (title) } (table(title, rows)) }
                }
            }
        }
    }
}

fn sums(coverage: &Coverage, prefix: &str) -> Markup {
    html! {
        table.sums {
            thead { tr {
                th scope="col" { span.hidden { "table" } }
                @for head in ["total", "covered", "seen", "excused", "open", "reached"] { th.n scope="col" { (head) } }
            } }
            tbody {
                @for (title, rows) in coverage.tables() {
                    @let sum = Sum::of(rows);
                    tr {
                        th scope="row" { a href={ "#" (anchor(prefix, title)) } { (title) } }
                        @for count in [sum.total, sum.covered, sum.seen, sum.excused, sum.open] { td.n { (count) } }
                        td.n { @match sum.reached { Some(count) => (count), None => "-" } }
                    }
                }
            }
        }
    }
}

fn table(title: &str, rows: &[Row]) -> Markup {
    html! {
        table {
            caption.hidden { (title) }
            tbody {
                @for group in groups(rows) {
                    tr {
                        th scope="row" { (Text(&group[0].group)) }
                        td { @for row in group { (mark(row)) " " } }
                    }
                }
            }
        }
    }
}

/// A mark, with all that is known of the row shown when it is pointed at.
fn mark(row: &Row) -> Markup {
    let state = STATES.iter().find(|(state, ..)| *state == row.state());
    let class = state.map_or("", |(_, class, _)| class);
    let mut known = vec![format!("{} cases", row.cases)];
    known.extend(row.reached.map(|count| format!("reached {count} times")));
    known.extend(row.excuse.clone());
    known.extend((!row.words.is_empty()).then(|| row.words.clone()));
    html! { span class={ "mark " (class) } title=(Text(&known.join("; "))) { (Text(&row.item)) } }
}

fn anchor(prefix: &str, title: &str) -> String {
    format!("{prefix}{}", title.replace(' ', "-"))
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
