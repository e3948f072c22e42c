//! Baselines: how the cases of a module ended, suite by suite, to compare later runs with. What changes shows,
//! even where no finding does: cases that do not apply any more, and findings that are waived already.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::evidence::{Case, Target, Verdict, Why};
use crate::stream::Evidence;

/// Which module a baseline is of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Subject {
    /// Name of the target description.
    pub target: String,
    /// `libraryDescription` and `libraryVersion` of `CK_INFO`.
    pub library: String,
    /// Firmware version of the token, which some modules tell their own version by.
    pub firmware: String,
    /// The Cryptoki version that it was judged by.
    pub cryptoki: String,
}

/// Cases of one suite by how they ended: a verdict, `waived`, or the reason why they do not apply.
type Ends = BTreeMap<String, usize>;

/// One line of a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    suite: String,
    #[serde(flatten)]
    ends: Ends,
}

/// How the cases of a module ended, suite by suite.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// The module.
    pub subject: Subject,
    suites: BTreeMap<String, Ends>,
}

/// A suite whose cases end in other ways than in the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The suite.
    pub suite: String,
    /// What changed: how cases end, how many did, how many do.
    pub ends: Vec<(String, usize, usize)>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.suite)?;
        for (place, (end, before, now)) in self.ends.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma} {end} {before} -> {now}")?;
        }
        Ok(())
    }
}

/// A file that is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A line of it is wrong.
    #[error(
        "line {line} is none of a baseline: {error}; `p11assay baseline RUN --write FILE` writes one"
    )]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

impl Baseline {
    /// The baseline of a run.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        let mut suites: BTreeMap<String, Ends> = BTreeMap::new();
        for case in &evidence.cases {
            let suite = case.id.rsplit_once('/').map_or("", |(suite, _)| suite);
            let ends = suites.entry(suite.to_owned()).or_default();
            *ends.entry(end(case).to_owned()).or_default() += 1;
        }
        Self {
            subject: evidence.target.as_ref().map(subject).unwrap_or_default(),
            suites,
        }
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// [`BaselineError`] with the line.
    pub fn read(from: impl BufRead) -> Result<Self, BaselineError> {
        let mut baseline = Self::default();
        for (line, text) in (1..).zip(from.lines()) {
            let text = text?;
            let wrong = |error| BaselineError::Line { line, error };
            if line == 1 {
                baseline.subject = serde_json::from_str(&text).map_err(wrong)?;
            } else {
                let Line { suite, ends } = serde_json::from_str(&text).map_err(wrong)?;
                baseline.suites.insert(suite, ends);
            }
        }
        Ok(baseline)
    }

    /// Writes it as JSON lines: the module, then a line for every suite, in the order of their names.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, mut to: impl Write) -> std::io::Result<()> {
        writeln!(to, "{}", serde_json::to_string(&self.subject)?)?;
        for (suite, ends) in &self.suites {
            let line = Line {
                suite: suite.clone(),
                ends: ends.clone(),
            };
            writeln!(to, "{}", serde_json::to_string(&line)?)?;
        }
        Ok(())
    }

    /// The suites of `now` whose cases end in other ways than here. Suites that it has not are not compared:
    /// a run may be of some of them.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<Change> {
        let none = Ends::new();
        let changed = now.suites.iter().filter_map(|(suite, ends)| {
            let before = self.suites.get(suite).unwrap_or(&none);
            let names: BTreeSet<_> = before.keys().chain(ends.keys()).collect();
            let count = |ends: &Ends, name| ends.get(name).copied().unwrap_or_default();
            let moved = names
                .into_iter()
                .map(|name| (name.clone(), count(before, name), count(ends, name)))
                .filter(|(_, before, now)| before != now)
                .collect::<Vec<_>>();
            (!moved.is_empty()).then(|| Change {
                suite: suite.clone(),
                ends: moved,
            })
        });
        changed.collect()
    }
}

fn subject(target: &Target) -> Subject {
    let told = |from: &BTreeMap<String, String>, field: &str| {
        from.get(field)
            .map(|text| text.trim())
            .unwrap_or_default()
            .to_owned()
    };
    let library = [
        told(&target.info, "libraryDescription"),
        told(&target.info, "libraryVersion"),
    ];
    Subject {
        target: target.name.clone(),
        library: library.join(" ").trim().to_owned(),
        firmware: told(&target.token, "firmwareVersion"),
        cryptoki: target.cryptoki_version.clone(),
    }
}

fn end(case: &Case) -> &'static str {
    match (case.verdict, case.why) {
        _ if case.is_waived() => "waived",
        (Verdict::NotApplicable, Some(why)) => Why::ALL
            .into_iter()
            .find(|(known, ..)| *known == why)
            .map_or("not-applicable", |(_, name, _)| name),
        (verdict, _) => verdict.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(suites: &[(&str, &[(&str, usize)])]) -> Baseline {
        let ends = |ends: &[(&str, usize)]| {
            let named = ends
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count));
            named.collect()
        };
        Baseline {
            subject: Subject {
                target: "t".to_owned(),
                ..Subject::default()
            },
            suites: suites
                .iter()
                .map(|(suite, of)| ((*suite).to_owned(), ends(of)))
                .collect(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let one = baseline(&[
            ("a/b", &[("pass", 2), ("absent", 1)]),
            ("c", &[("waived", 3)]),
        ]);
        let mut text = Vec::new();
        one.write(&mut text).unwrap();
        assert_eq!(Baseline::read(text.as_slice()).unwrap(), one);
        let first = String::from_utf8(text).unwrap();
        assert_eq!(
            first.lines().nth(1),
            Some(r#"{"suite":"a/b","absent":1,"pass":2}"#)
        );
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let text = "{\"target\":\"t\",\"library\":\"\",\"firmware\":\"\",\"cryptoki\":\"3.2\"}\n{\"sweet\":1}\n";
        let error = Baseline::read(text.as_bytes()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("line 2 is none of a baseline"),
            "{error}"
        );
    }

    #[test]
    fn changes_are_told_by_suite_and_what_was_not_run_is_none() {
        let before = baseline(&[
            ("a", &[("pass", 2), ("absent", 1)]),
            ("b", &[("pass", 1)]),
            ("left out", &[("pass", 9)]),
        ]);
        let now = baseline(&[
            ("a", &[("pass", 1), ("absent", 1), ("deviation", 1)]),
            ("b", &[("pass", 1)]),
            ("new", &[("pass", 4)]),
        ]);
        let told: Vec<_> = before.changes(&now).iter().map(Change::to_string).collect();
        assert_eq!(
            told,
            ["a: deviation 0 -> 1, pass 2 -> 1", "new: pass 0 -> 4"]
        );
        assert!(before.changes(&before).is_empty());
    }
}
