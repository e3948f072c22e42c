//! Waivers: the deviations of a target that its owner knows and accepts, each with a reason.
//!
//! A waiver never hides a case: it is executed and recorded as ever, and only marked. What the
//! marks mean for reports and exit codes is left to the reports.

mod draft;
mod version;

use std::collections::HashMap;
use std::path::Path;

use p11assay_reports::evidence::{self, Verdict};
use serde::Deserialize;
use time::Date;

use super::filter::names;
use super::{Case, Plan, Suite};
use crate::yaml::{Diagnostic, Document, Spanned, from_node};

pub use draft::Draft;
pub use version::ModuleVersions;
use version::{Facet, Range};

/// The waivers of a target.
#[derive(Debug, Clone, Default)]
pub struct Waivers {
    list: Vec<Waiver>,
}

/// A waiver of one case or group.
#[derive(Debug, Clone, PartialEq)]
struct Waiver {
    /// Id of a case or of a group of them, or a glob.
    case: Spanned<String>,
    /// What it says of it.
    terms: Terms,
}

/// An entry of a file: one waiver, or several with the same reason.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a waiver: `case` or `cases`, `reason`"
)]
struct Terms {
    #[serde(default)]
    case: Option<Spanned<String>>,
    #[serde(default)]
    cases: Vec<Spanned<String>>,
    /// Whether the finding is not there every time, so that a pass is not unexpected.
    #[serde(default)]
    sometimes: bool,
    /// Section of the clause that the case must rest on.
    #[serde(default)]
    clause: Option<String>,
    /// The one verdict that it accepts, a finding or `environment`; every finding if absent.
    #[serde(default)]
    verdict: Option<Spanned<Verdict>>,
    /// Why it is accepted.
    reason: Spanned<String>,
    /// Whom to ask.
    #[serde(default)]
    owner: Option<String>,
    /// Last day on which it holds, `YYYY-MM-DD`, UTC.
    #[serde(default)]
    expires: Option<Spanned<String>>,
    /// `libraryVersion`s of the module that it is about; all versions if absent.
    #[serde(default)]
    module_version: Option<Range>,
    /// `firmwareVersion`s of the token that it is about; all versions if absent.
    #[serde(default)]
    firmware_version: Option<Range>,
}

/// A waiver that does not hold now.
#[derive(Debug, Clone, PartialEq)]
pub struct Idle {
    waiver: Waiver,
    /// True if its last day is over; otherwise it is about other versions.
    pub expired: bool,
    /// Why it does not hold.
    pub remark: String,
}

impl Idle {
    /// True if it is about a case of the plan, or about one of `others`, which a run may record beside.
    #[must_use]
    pub fn is_about(&self, plan: &Plan, others: &[&str]) -> bool {
        let planned = || plan.cases.iter().map(|planned| &planned.case);
        others.iter().any(|id| names(&self.waiver.case, id))
            || planned().any(|case| self.waiver.is_about(case))
    }
}

impl Waivers {
    /// Reads a file of waivers.
    ///
    /// # Errors
    /// A [`Diagnostic`] with the place of what is wrong: a key that there is not, an empty reason,
    /// a date that is none, a case waived twice.
    pub fn read(path: &Path) -> Result<(Self, Document), Diagnostic> {
        Self::from_document(Document::read(path)?)
    }

    /// Reads waivers from text; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Waivers::read`].
    pub fn parse(path: &Path, text: &str) -> Result<(Self, Document), Diagnostic> {
        Self::from_document(Document::parse(path, text)?)
    }

    fn from_document(document: Document) -> Result<(Self, Document), Diagnostic> {
        let entries: Vec<Spanned<Terms>> = from_node(&document)?;
        let mut list = Vec::new();
        for entry in entries {
            let cases: Vec<_> = entry.case.iter().chain(&entry.cases).cloned().collect();
            if cases.is_empty() {
                let text = "a waiver needs a `case`: the id of one, of a group, or a glob";
                return Err(at(&document, &entry, text));
            }
            let terms = &entry.value;
            list.extend(cases.into_iter().map(|case| Waiver {
                case,
                terms: terms.clone(),
            }));
        }
        let mut seen = HashMap::new();
        for waiver in &list {
            if waiver.terms.reason.trim().is_empty() {
                return Err(at(
                    &document,
                    &waiver.terms.reason,
                    "a waiver needs a reason: say why the \
                    deviation is accepted",
                ));
            }
            if let Some(expires) = waiver
                .terms
                .expires
                .as_ref()
                .filter(|text| date(text).is_none())
            {
                let text = format!("`{}` is no date; write it as in 2027-01-31", expires.value);
                return Err(at(&document, expires, &text));
            }
            if let Some(verdict) = waiver
                .terms
                .verdict
                .as_ref()
                .filter(|v| !v.value.is_finding() && v.value != Verdict::Environment)
            {
                let text = "only a finding can be waived, such as `deviation` or `crash`, or \
                    `environment`, that a case could not be judged";
                return Err(at(&document, verdict, text));
            }
            let key = (
                waiver.case.as_str(),
                &waiver.terms.clause,
                &waiver.terms.module_version,
                &waiver.terms.firmware_version,
                waiver.terms.verdict.as_ref().map(|verdict| verdict.value),
            );
            if let Some(first) = seen.insert(key, waiver.case.mark) {
                let text = format!("`{}` is waived twice; join the two", waiver.case.value);
                let diagnostic = at(&document, &waiver.case, &text);
                return Err(match first {
                    Some(mark) => diagnostic.also(mark, "the first is here", document.source()),
                    None => diagnostic,
                });
            }
        }
        Ok((Self { list }, document))
    }

    /// True if `text` is a day as `expires` takes it.
    #[must_use]
    pub fn is_day(text: &str) -> bool {
        date(text).is_some()
    }

    /// The ids and globs that are waived.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|waiver| waiver.case.as_str())
    }

    /// Checks that every waiver is about a case that there is, but for those that are not `checked`,
    /// since their suites were not made. `others` are ids of what a run may record beside the cases of
    /// suites.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first that matches none.
    pub fn check(
        &self,
        document: &Document,
        suites: &[Suite],
        others: &[&str],
        checked: impl Fn(&str) -> bool,
    ) -> Result<(), Diagnostic> {
        let cases = || suites.iter().flat_map(|suite| &suite.cases);
        for waiver in self.list.iter().filter(|waiver| checked(&waiver.case)) {
            let other = others.iter().any(|id| names(&waiver.case, id));
            if !other && !cases().any(|case| waiver.is_about(case)) {
                let clause = waiver.terms.clause.as_ref();
                let clause =
                    clause.map_or(String::new(), |c| format!(" that rests on section {c}"));
                let text = format!("no case matches `{}`{clause}", waiver.case.value);
                return Err(at(document, &waiver.case, &text)
                    .help("`p11assay list` shows the ids; take out what is no longer needed"));
            }
        }
        Ok(())
    }

    /// The waivers that hold on a day for these versions, and those that do not.
    #[must_use]
    pub fn in_force(self, today: Date, versions: &ModuleVersions) -> (Self, Vec<Idle>) {
        let mut idle = Vec::new();
        let mut list = self.list;
        list.retain(|waiver| {
            let found = waiver.idle(today, versions);
            let holds = found.is_none();
            idle.extend(found);
            holds
        });
        (Self { list }, idle)
    }

    /// Marks the record of a case that a waiver covers: a finding as accepted, a pass as
    /// unexpected. What was not judged is left alone, but for a waiver of just that.
    pub fn mark(&self, record: &mut evidence::Case) {
        let Some(waiver) = self.list.iter().find(|waiver| waiver.covers(record)) else {
            return;
        };
        record.unexpected_pass = record.verdict == Verdict::Pass && !waiver.terms.sometimes;
        let accepted = record.verdict.is_finding() || record.verdict == Verdict::Environment;
        if accepted || record.unexpected_pass {
            record.waived = Some(waiver.words());
        }
    }
}

impl Waiver {
    fn is_about(&self, case: &Case) -> bool {
        names(&self.case, &case.id) && self.rests_on(&case.clause.section)
    }

    fn covers(&self, record: &evidence::Case) -> bool {
        names(&self.case, &record.id)
            && self.rests_on(&record.clause.section)
            && self.accepts(record.verdict)
    }

    /// A pass is covered too: it is what a waiver does not expect.
    fn accepts(&self, verdict: Verdict) -> bool {
        match self.terms.verdict.as_ref().map(|only| only.value) {
            _ if verdict == Verdict::Pass => true,
            Some(only) => only == verdict,
            None => verdict != Verdict::Environment,
        }
    }

    fn rests_on(&self, section: &str) -> bool {
        self.terms
            .clause
            .as_ref()
            .is_none_or(|clause| clause == section)
    }

    /// Why it does not hold. One that is about another version has not expired here, whatever its date.
    fn idle(&self, today: Date, versions: &ModuleVersions) -> Option<Idle> {
        let case = &self.case.value;
        let terms = &self.terms;
        let ranges = [
            (Facet::Library, &terms.module_version),
            (Facet::Firmware, &terms.firmware_version),
        ];
        let other = ranges
            .into_iter()
            .find_map(|(facet, range)| versions.outside(facet, range.as_ref()?));
        let day = terms.expires.as_ref();
        let over = day.filter(|text| date(text).is_some_and(|day| day < today));
        let remark = match (&other, over) {
            (Some(other), _) => format!("the waiver of `{case}` is for {other}"),
            (None, Some(day)) => format!(
                "the waiver of `{case}` expired on {}; mend the module or renew the waiver",
                day.value
            ),
            (None, None) => return None,
        };
        Some(Idle {
            waiver: self.clone(),
            expired: other.is_none(),
            remark,
        })
    }

    fn words(&self) -> String {
        let owner = self
            .terms
            .owner
            .as_ref()
            .map(|owner| format!("owner: {owner}"));
        let until = self
            .terms
            .expires
            .as_ref()
            .map(|day| format!("until {}", day.value));
        let more: Vec<String> = owner.into_iter().chain(until).collect();
        let reason = self.terms.reason.trim();
        if more.is_empty() {
            reason.to_owned()
        } else {
            format!("{reason} ({})", more.join(", "))
        }
    }
}

fn at<T>(document: &Document, place: &Spanned<T>, text: &str) -> Diagnostic {
    match place.mark {
        Some(mark) => document.source().diagnostic(mark, text),
        None => document.source().whole(text),
    }
}

fn date(text: &str) -> Option<Date> {
    let format = time::format_description::parse_borrowed::<2>("[year]-[month]-[day]").ok()?;
    Date::parse(text, &format).ok()
}

#[cfg(test)]
mod shared;
#[cfg(test)]
mod tests;
