//! The binding sentences of [PKCS11-Base 3.2] chapters 3 to 5, `suites/spec/clauses.csv`. A sentence is covered by
//! the cases that `suites/spec/clause-cases.csv` names for it, and by those that cite it by its number,
//! `5.7.1 item 2`. That a case cites the section says too little: of which of its sentences?

use std::collections::{BTreeSet, HashMap};

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

/// The sentence that a citation is of, by section and number, if it is of one.
fn cited(clause: &Clause) -> Option<(&str, &str)> {
    let item = clause.section.split_once(" item ");
    item.filter(|_| clause.document == "PKCS11-Base")
}

/// Cases by their ids, and which of them cite a sentence. A run may have a hundred thousand.
#[derive(Default)]
struct Cases<'c> {
    /// In order.
    ids: Vec<&'c str>,
    citing: HashMap<(&'c str, &'c str), Vec<&'c str>>,
}

impl<'c> Cases<'c> {
    fn of(cases: impl Iterator<Item = (&'c str, &'c Clause)>) -> Self {
        let mut all = Self::default();
        for (id, clause) in cases {
            all.ids.push(id);
            if let Some(sentence) = cited(clause) {
                all.citing.entry(sentence).or_default().push(id);
            }
        }
        all.ids.sort_unstable();
        all
    }

    /// How many ask for a sentence: those that one of the patterns names, and those that cite it.
    fn asking(&self, sentence: (&str, &str), patterns: &[&str]) -> usize {
        let named = |id: &str| patterns.iter().any(|pattern| names(pattern, id));
        let mut by_name = BTreeSet::new();
        for pattern in patterns {
            by_name.extend(self.named(pattern));
        }
        let citing = self.citing.get(&sentence).into_iter().flatten();
        by_name.len() + citing.filter(|id| !named(id)).count()
    }

    /// The places of those that a pattern names: they lie among the ids that begin as it does.
    fn named(&self, pattern: &str) -> impl Iterator<Item = usize> {
        let stem = pattern.split(['*', '?']).next().unwrap_or_default();
        let first = self.ids.partition_point(|id| *id < stem);
        let alike = self.ids[first..].partition_point(|id| id.starts_with(stem));
        (first..first + alike).filter(move |place| names(pattern, self.ids[*place]))
    }
}

pub(super) fn rows(cases: &[&Case], run: Option<&Evidence>) -> Vec<Row> {
    let excuses = untestable();
    let asked = asked();
    let cases = Cases::of(cases.iter().map(|case| (case.id.as_str(), &case.clause)));
    let judged = run.map(|run| {
        let judged = run.cases.iter().filter(|case| {
            let passed = [Verdict::Pass, Verdict::PermittedButWeak].contains(&case.verdict);
            passed || case.verdict.is_finding()
        });
        Cases::of(judged.map(|case| (case.id.as_str(), &case.clause)))
    });
    let row = |sentence: Sentence| {
        let key = (sentence.section, sentence.number);
        let patterns = asked.get(&key).map_or(&[][..], Vec::as_slice);
        Row {
            group: sentence.section.to_owned(),
            item: sentence.number.to_owned(),
            cases: cases.asking(key, patterns),
            reached: judged
                .as_ref()
                .map(|judged| judged.asking(key, patterns) as u64),
            excuse: excuses.get(&key).map(|reason| (*reason).to_owned()),
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
        assert_eq!(cited(&clause("5.7.1 item 2")), Some(("5.7.1", "2")));
        assert_eq!(cited(&clause("5.7.1")), None);
        let (one, other) = (clause("5.7.1 item 2"), clause("5.7.1"));
        let cases = [("s/a", &one), ("s/b", &one), ("t/c", &other)];
        let cases = Cases::of(cases.into_iter());
        assert_eq!(cases.asking(("5.7.1", "2"), &[]), 2);
        assert_eq!(cases.asking(("5.7.1", "1"), &[]), 0);
        assert_eq!(cases.asking(("5.7.1", "2"), &["s/a", "t/*"]), 3);
    }
}
