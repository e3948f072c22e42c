//! What the cases cover of the standard, and what a run of them reached on a target: five tables of one
//! form, and their renderings. What belongs into the tables is left to the harness, which knows the
//! standard.

pub(crate) mod html;
mod terminal;

use serde::Serialize;
use std::io::Write;

/// The tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The target of the run; absent if there is none and the tables speak of the cases alone.
    pub target: Option<String>,
    /// How many cases there are.
    pub cases: usize,
    /// Functions, in groups by chapter.
    pub functions: Vec<Row>,
    /// Return values, in groups by function.
    pub returns: Vec<Row>,
    /// Functions, in groups by mechanism.
    pub mechanisms: Vec<Row>,
    /// Attributes.
    pub attributes: Vec<Row>,
    /// Binding sentences, in groups by section.
    pub clauses: Vec<Row>,
}

/// One thing that can be covered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What it belongs to: a function, a mechanism, a section.
    pub group: String,
    /// What it is: a function, a return value, an attribute, the number of a sentence.
    pub item: String,
    /// More of it, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub words: String,
    /// How many cases cover it.
    pub cases: usize,
    /// How often the run reached it; absent without a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<u64>,
    /// Why no case can cover it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excuse: Option<String>,
}

/// What is to be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Covered, and reached if there is a run.
    Covered,
    /// Covered, and not reached by the run.
    NotReached,
    /// Not covered by name, and reached by the run all the same: by a case that lets several answers
    /// pass, or on the way to something else.
    Seen,
    /// Not covered, for a reason.
    Excused,
    /// Not covered.
    Open,
}

impl Row {
    /// What is to be said of it.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.cases, self.reached, &self.excuse) {
            (0, Some(1..), _) => State::Seen,
            (0, _, None) => State::Open,
            (0, _, Some(_)) => State::Excused,
            (_, Some(0), _) => State::NotReached,
            _ => State::Covered,
        }
    }
}

/// How many rows of a table are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Rows.
    pub total: usize,
    /// Covered by a case.
    pub covered: usize,
    /// Not covered by name, and reached by the run all the same.
    pub seen: usize,
    /// Not covered, for a reason.
    pub excused: usize,
    /// Not covered.
    pub open: usize,
    /// Reached by the run.
    pub reached: Option<usize>,
}

impl Sum {
    /// Of these rows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Sum {
        let count = |state| rows.iter().filter(|row| row.state() == state).count();
        let [seen, excused, open] = [State::Seen, State::Excused, State::Open].map(count);
        let reached = || rows.iter().filter(|row| row.reached > Some(0)).count();
        let has_run = rows.iter().any(|row| row.reached.is_some());
        Sum {
            total: rows.len(),
            covered: rows.len() - seen - excused - open,
            seen,
            excused,
            open,
            reached: has_run.then(reached),
        }
    }
}

impl Coverage {
    /// The tables with their titles.
    #[must_use]
    pub fn tables(&self) -> [(&'static str, &[Row]); 5] {
        [
            ("functions", &self.functions),
            ("return values", &self.returns),
            ("mechanisms x functions", &self.mechanisms),
            ("attributes", &self.attributes),
            ("binding sentences", &self.clauses),
        ]
    }

    /// Writes the tables as one JSON document, with their sums as `sums`.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn write_json(&self, output: &mut dyn Write) -> std::io::Result<()> {
        #[derive(Serialize)]
        struct Document<'a> {
            sums: Sums,
            #[serde(flatten)]
            coverage: &'a Coverage,
        }
        #[derive(Serialize)]
        struct Sums {
            functions: Sum,
            returns: Sum,
            mechanisms: Sum,
            attributes: Sum,
            clauses: Sum,
        }
        let [functions, returns, mechanisms, attributes, clauses] =
            self.tables().map(|(_, rows)| Sum::of(rows));
        let sums = Sums {
            functions,
            returns,
            mechanisms,
            attributes,
            clauses,
        };
        let coverage = self;
        serde_json::to_writer(&mut *output, &Document { sums, coverage })?;
        output.write_all(b"\n")
    }

    /// Writes the tables as one HTML page that needs no other file.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn write_html(&self, output: &mut dyn Write) -> std::io::Result<()> {
        html::write(self, output)
    }

    /// The sums for a terminal, and with `open` every row that no case covers.
    #[must_use]
    pub fn text(&self, open: bool) -> String {
        terminal::text(self, open)
    }
}

/// The rows in groups, in their order.
fn groups(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    rows.chunk_by(|one, two| one.group == two.group)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn row(group: &str, item: &str, cases: usize, reached: Option<u64>) -> Row {
        Row {
            group: group.to_owned(),
            item: item.to_owned(),
            cases,
            reached,
            ..Row::default()
        }
    }

    pub(super) fn coverage() -> Coverage {
        let excused = Row {
            excuse: Some("no test can remove a token".to_owned()),
            ..row("C_Login", "CKR_DEVICE_REMOVED", 0, Some(0))
        };
        Coverage {
            target: Some("soft<hsm>".to_owned()),
            cases: 3,
            functions: vec![row("5.6", "C_Login", 3, Some(7))],
            returns: vec![
                row("C_Login", "CKR_OK", 2, Some(4)),
                row("C_Login", "CKR_PIN_LOCKED", 1, Some(0)),
                excused,
                row("C_Logout", "CKR_OK", 0, Some(0)),
                row("C_Logout", "CKR_GENERAL_ERROR", 0, Some(9)),
            ],
            ..Coverage::default()
        }
    }

    #[test]
    fn a_sum_has_every_row_once() {
        let sum = Sum::of(&coverage().returns);
        let expected = Sum {
            total: 5,
            covered: 2,
            seen: 1,
            excused: 1,
            open: 1,
            reached: Some(2),
        };
        assert_eq!(sum, expected);
        assert_eq!(Sum::of(&[row("", "a", 1, None)]).reached, None);
    }

    #[test]
    fn json_has_the_rows_and_their_sums() {
        let mut out = Vec::new();
        coverage().write_json(&mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["sums"]["returns"]["open"], 1);
        assert_eq!(json["returns"][1]["item"], "CKR_PIN_LOCKED");
        assert_eq!(json["target"], "soft<hsm>");
    }
}
