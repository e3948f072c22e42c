//! Findings that belong together. Those of one function, one kind and one place in the module are a group: they are
//! taken for one fault, and the gravest come first. Within a group they are told apart by what leads there
//! (`distinct`): two argument shapes that end in the same frames are two findings of one group, since one fault is
//! mended in one place, and yet who looks into it wants to see both ways.

mod distinct;
mod gravity;
#[cfg(test)]
pub(crate) mod kit;

use std::collections::BTreeMap;

use crate::evidence::{Case, End, Finding, Frame, Verdict};
use crate::stream::Evidence;

pub use distinct::Distinct;
pub(crate) use distinct::alike;
pub use gravity::{Gravity, gravity};

/// By what a finding is known again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// The Cryptoki function.
    pub function: String,
    /// The kind: how the worker ended, or what was returned.
    pub kind: String,
    /// The innermost frame of a module that is not the C library, `libmine.so+0x1f2`; empty for what has none.
    pub place: String,
}

/// Findings of one signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster<'e> {
    /// What they have in common.
    pub signature: Signature,
    /// How grave the gravest is.
    pub gravity: Gravity,
    /// Why.
    pub reason: &'static str,
    /// The cases, in the order of the run.
    pub cases: Vec<&'e Case>,
}

/// The findings of a run by what they have in common, the gravest and most frequent first. Accepted ones are among
/// them.
#[must_use]
pub fn clusters(evidence: &Evidence) -> Vec<Cluster<'_>> {
    of_cases(&evidence.cases)
}

fn of_cases(cases: &[Case]) -> Vec<Cluster<'_>> {
    let mut by_signature: BTreeMap<Signature, Cluster<'_>> = BTreeMap::new();
    for case in cases {
        let Some(signature) = signature(case) else {
            continue;
        };
        let (gravity, reason) = gravity(case);
        let fresh = || Cluster {
            signature: signature.clone(),
            gravity,
            reason,
            cases: Vec::new(),
        };
        let cluster = by_signature.entry(signature.clone()).or_insert_with(fresh);
        if gravity < cluster.gravity {
            (cluster.gravity, cluster.reason) = (gravity, reason);
        }
        cluster.cases.push(case);
    }
    let mut all: Vec<_> = by_signature.into_values().collect();
    all.sort_by_key(|cluster| (cluster.gravity, std::cmp::Reverse(cluster.cases.len())));
    all
}

/// The signature of a case's gravest finding; none if the case found nothing about the module.
#[must_use]
pub fn signature(case: &Case) -> Option<Signature> {
    let about = [
        Verdict::Deviation,
        Verdict::SecurityViolation,
        Verdict::Hang,
        Verdict::Crash,
    ];
    if !about.contains(&case.verdict) {
        return None;
    }
    let finding = gravest(case);
    let function = finding.and_then(|finding| finding.function.clone());
    let end = finding.and_then(|finding| finding.end.as_ref());
    let kind = match (end, finding) {
        (Some(end), _) => kind_of(end),
        (None, Some(finding)) => finding.message.clone(),
        (None, None) => case.title.clone(),
    };
    Some(Signature {
        function: function.unwrap_or_default(),
        kind,
        place: end.and_then(place_of).unwrap_or_default(),
    })
}

/// The finding that the case's verdict comes from.
fn gravest(case: &Case) -> Option<&Finding> {
    let same = |finding: &&Finding| finding.verdict == case.verdict;
    case.findings.iter().find(same).or(case.findings.first())
}

fn kind_of(end: &End) -> String {
    match end {
        End::Signal { signal, access, .. } => match access {
            Some(access) => format!("{signal}, {access}"),
            None => signal.clone(),
        },
        End::Exited { status } => format!("exit {status}"),
        End::Hang { .. } => "no return".to_owned(),
        End::MemoryLimit { .. } => "memory limit".to_owned(),
        End::FileLimit { .. } => "file limit".to_owned(),
        End::Program { program, end } => format!("{program}: {}", kind_of(end)),
    }
}

fn place_of(end: &End) -> Option<String> {
    own_frames(end).next()
}

/// The frames that are not the C library's, innermost first.
fn own_frames(end: &End) -> impl Iterator<Item = String> {
    let frames = match end {
        End::Signal { frames, .. } | End::Hang { frames, .. } => frames.as_slice(),
        End::Exited { .. }
        | End::MemoryLimit { .. }
        | End::FileLimit { .. }
        | End::Program { .. } => &[],
    };
    let own = |frame: &&Frame| {
        let libraries = ["libc.", "libc-", "ld-", "linux-vdso", "libpthread", "?"];
        !libraries.iter().any(|name| frame.module.starts_with(name))
    };
    let shown = |frame: &Frame| format!("{}+{:#x}", frame.module, frame.offset);
    frames.iter().filter(own).map(shown)
}

#[cfg(test)]
mod tests {
    use super::kit::{case, signal};
    use super::*;

    #[test]
    fn a_finding_is_known_by_function_kind_and_place() {
        let found = signature(&case(
            Verdict::Crash,
            "end",
            Some(signal(Some("read"), None)),
        ));
        let wanted = Signature {
            function: "C_Sign".to_owned(),
            kind: "SIGSEGV, read".to_owned(),
            place: "libmine.so+0x1f2".to_owned(),
        };
        assert_eq!(found, Some(wanted));
        assert_eq!(signature(&case(Verdict::Pass, "return-code", None)), None);
        assert_eq!(signature(&case(Verdict::Environment, "end", None)), None);
        let deviation = signature(&case(Verdict::Deviation, "return-code", None));
        assert_eq!(deviation.expect("a finding").kind, "returned CKR_OK");
    }
}
