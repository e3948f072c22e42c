//! The binding sentences of [PKCS11-Base 3.2] chapters 3 to 5, `suites/spec/clauses.csv`. A sentence is covered by
//! the cases that `suites/spec/clause-cases.csv` names for it, and by those that cite it by its number,
//! `5.7.1 item 2`. That a case cites the section says too little: of which of its sentences?

use std::collections::HashMap;

use p11assay_reports::coverage::Row;
use p11assay_reports::evidence::{Clause, Verdict};
use p11assay_reports::stream::Evidence;

use crate::plan::{Case, names};

/// A row of the file.
struct Sentence {
    section: &'static str,
    number: &'static str,
    begins: String,
}

fn sentences() -> impl Iterator<Item = Sentence> {
    let rows = include_str!("../../../suites/spec/clauses.csv")
        .lines()
        .skip(1);
    rows.map(|row| {
        let mut fields = row.splitn(5, ',');
        let mut next = || {
            let field = fields.next();
            field.unwrap_or_else(|| panic!("suites/spec/clauses.csv: {row}"))
        };
        let (section, number, _, _, begins) = (next(), next(), next(), next(), next());
        Sentence {
            section,
            number,
            begins: begins.trim_matches('"').replace("\"\"", "\""),
        }
    })
}

/// The cases that ask for sentences, by section and number: patterns of ids.
pub(super) fn asked() -> HashMap<(&'static str, &'static str), Vec<&'static str>> {
    let rows = include_str!("../../../suites/spec/clause-cases.csv")
        .lines()
        .skip(1);
    let parse = |row: &'static str| {
        let mut fields = row.splitn(3, ',');
        let key = (fields.next()?, fields.next()?);
        Some((key, fields.next()?.split(' ').collect()))
    };
    let parse = |row| parse(row).unwrap_or_else(|| panic!("clause-cases.csv: {row}"));
    rows.map(parse).collect()
}

/// Why sentences bind nothing that a module could be tested for, by section and number.
fn untestable() -> HashMap<(&'static str, &'static str), &'static str> {
    let rows = include_str!("../../../suites/spec/untestable-clauses.csv")
        .lines()
        .skip(1);
    let parse = |row: &'static str| {
        let mut fields = row.splitn(3, ',');
        Some(((fields.next()?, fields.next()?), fields.next()?))
    };
    let parse = |row| parse(row).unwrap_or_else(|| panic!("untestable-clauses.csv: {row}"));
    rows.map(parse).collect()
}

/// True if a citation is of this sentence.
fn cites(clause: &Clause, sentence: &Sentence) -> bool {
    let item = clause.section.split_once(" item ");
    clause.document == "PKCS11-Base" && item == Some((sentence.section, sentence.number))
}

pub(super) fn rows(cases: &[&Case], run: Option<&Evidence>) -> Vec<Row> {
    let excuses = untestable();
    let asked = asked();
    let row = |sentence: Sentence| {
        let key = (sentence.section, sentence.number);
        let (patterns, excuse) = (asked.get(&key), excuses.get(&key));
        let asks = |id: &str, clause: &Clause| {
            let named = patterns.is_some_and(|all| all.iter().any(|pattern| names(pattern, id)));
            named || cites(clause, &sentence)
        };
        let covering = cases.iter().filter(|case| asks(&case.id, &case.clause));
        let judged = run.map(|run| {
            let judged = run.cases.iter().filter(|case| {
                let verdict = case.verdict;
                let weak = verdict == Verdict::PermittedButWeak;
                (verdict == Verdict::Pass || weak || verdict.is_finding())
                    && asks(&case.id, &case.clause)
            });
            judged.count() as u64
        });
        Row {
            group: sentence.section.to_owned(),
            item: sentence.number.to_owned(),
            cases: covering.count(),
            reached: judged,
            excuse: excuse.map(|reason| (*reason).to_owned()),
            words: sentence.begins,
        }
    };
    sentences().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_of_the_tables_is_a_sentence() {
        let known: Vec<_> = sentences().map(|s| (s.section, s.number)).collect();
        for key in untestable().keys().chain(asked().keys()) {
            assert!(known.contains(key), "{key:?}");
        }
        assert!(known.len() > 200);
    }

    #[test]
    fn a_citation_is_of_one_sentence() {
        let clause = |section: &str| Clause {
            document: "PKCS11-Base".to_owned(),
            version: "3.2".to_owned(),
            section: section.to_owned(),
        };
        let sentence = Sentence {
            section: "5.7.1",
            number: "2",
            begins: String::new(),
        };
        assert!(cites(&clause("5.7.1 item 2"), &sentence));
        assert!(!cites(&clause("5.7.1 item 1"), &sentence));
        assert!(!cites(&clause("5.7.1"), &sentence));
        assert!(!cites(&clause("5.7 item 2"), &sentence));
    }
}
