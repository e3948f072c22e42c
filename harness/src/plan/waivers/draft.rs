//! Drafts of waivers for the findings of a run: everything but the reason, without which no waiver is
//! read. Giving it, or mending the module, is for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use p11assay_reports::evidence::{self, Verdict};
use p11assay_reports::stream::Evidence;
use serde::Serialize;

use crate::yaml;

/// What the draft says of every waiver.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Whom to ask.
    pub owner: Option<String>,
    /// Last day on which they are to hold.
    pub expires: Option<String>,
}

/// An entry as it is written.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Entry<'e> {
    cases: Vec<&'e str>,
    clause: &'e str,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_version: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<&'e str>,
    reason: &'static str,
}

/// Findings that one reason may explain: the same thing found, resting on the same clause.
type Kind<'e> = (Verdict, &'e str, String);

impl Draft {
    /// A file of waivers, or more entries for one, for the findings that none accepts.
    ///
    /// # Errors
    /// If the evidence has a text that YAML cannot hold.
    pub fn write(&self, evidence: &Evidence) -> Result<String, yaml::WriteError> {
        let mut kinds: BTreeMap<Kind<'_>, Vec<&str>> = BTreeMap::new();
        for case in evidence.cases.iter().filter(|case| case.is_open_finding()) {
            let kind = (case.verdict, case.clause.section.as_str(), found(case));
            kinds.entry(kind).or_default().push(&case.id);
        }
        let target = evidence.target.as_ref();
        let version = target.and_then(|target| target.info.get("libraryVersion"));
        let mut out = String::new();
        for ((verdict, clause, found), cases) in kinds {
            let entry = Entry {
                cases,
                clause,
                verdict,
                module_version: version.map(String::as_str),
                owner: self.owner.as_deref(),
                expires: self.expires.as_deref(),
                reason: "",
            };
            let _ = writeln!(out, "# {found}");
            out += &yaml::to_string(&[entry])?;
        }
        for case in evidence.cases.iter().filter(|case| case.unexpected_pass) {
            let _ = writeln!(out, "# {} passed: take its waiver out", case.id);
        }
        Ok(out)
    }
}

/// What was found in a case, on one line.
fn found(case: &evidence::Case) -> String {
    let gravest = case.findings.iter().find(|f| f.verdict == case.verdict);
    let Some(finding) = gravest else {
        return case.verdict.name().to_owned();
    };
    let mut words = finding.function.iter().cloned().collect::<Vec<_>>();
    words.push(finding.message.clone());
    let mut text = words.join(" ");
    if !finding.permitted.is_empty() {
        let _ = write!(text, ", permitted: {}", finding.permitted.join(", "));
    }
    text.replace(|c: char| c.is_control(), " ")
}
