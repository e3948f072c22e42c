//! `suites/mutants.csv`: for each mutant what comes of it, and by which case, or why no case can tell.

use std::path::PathBuf;

use p11assay_reports::evidence::Verdict;

/// What comes of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A case gives this verdict.
    Case(Verdict),
    /// The run ends before there is a case: the token cannot be made ready.
    Refused,
    /// Only sequences in many threads, or many times over, could show it.
    Sequences,
    /// Nothing that the standard says is broken for a case to see.
    Nothing,
}

/// Names of outcomes in the file.
const NAMES: [(&str, Outcome); 8] = [
    ("deviation", Outcome::Case(Verdict::Deviation)),
    (
        "security-violation",
        Outcome::Case(Verdict::SecurityViolation),
    ),
    (
        "permitted-but-weak",
        Outcome::Case(Verdict::PermittedButWeak),
    ),
    ("crash", Outcome::Case(Verdict::Crash)),
    ("hang", Outcome::Case(Verdict::Hang)),
    ("refused", Outcome::Refused),
    ("sequences", Outcome::Sequences),
    ("nothing", Outcome::Nothing),
];

/// A mutant and what comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) mutant: String,
    pub(crate) outcome: Outcome,
    /// The id of the case, or the reason why there is none.
    pub(crate) by: String,
}

impl Row {
    /// The case that catches it, if one does.
    pub(crate) fn case(&self) -> Option<&str> {
        matches!(self.outcome, Outcome::Case(_)).then_some(&self.by)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The mutants that the token has.
pub(crate) fn manifest() -> Vec<String> {
    let text = text("reference-token/mutants.toml");
    let names = text.lines().filter_map(|line| line.strip_prefix("name = "));
    names
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

/// What a mutant is about, by the token's own words.
pub(crate) fn area(mutant: &str) -> Option<String> {
    let text = text("reference-token/mutants.toml");
    let mut lines = text
        .lines()
        .skip_while(|line| *line != format!("name = \"{mutant}\""));
    let area = lines.find_map(|line| line.strip_prefix("area = "))?;
    Some(area.trim_matches('"').to_owned())
}

pub(crate) fn read() -> Vec<Row> {
    let text = text("suites/mutants.csv");
    let row = |line: &str| {
        let mut fields = line.splitn(3, ',');
        let mut next = || fields.next().unwrap_or_default().to_owned();
        let (mutant, outcome, by) = (next(), next(), next());
        let named = NAMES.iter().find(|(name, _)| *name == outcome);
        let (_, outcome) = *named.unwrap_or_else(|| panic!("{line}: no such outcome"));
        Row {
            mutant,
            outcome,
            by,
        }
    };
    text.lines().skip(1).map(row).collect()
}

pub(crate) fn write(rows: &[Row]) {
    let mut text = String::from("mutant,outcome,by\n");
    for row in rows {
        let named = NAMES.iter().find(|(_, outcome)| *outcome == row.outcome);
        let name = named.expect("every outcome has a name").0;
        text += &format!("{},{name},{}\n", row.mutant, row.by);
    }
    std::fs::write(root().join("suites/mutants.csv"), text).expect("the table is written");
}
