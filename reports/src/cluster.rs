//! Findings that belong together: those of one function, one kind and one place in the module are taken for one
//! fault, and the gravest come first.

use std::collections::BTreeMap;

use crate::evidence::{Case, End, Finding, Frame, Verdict};
use crate::stream::Evidence;

/// Addresses below this are of a NULL pointer and what is said to be behind it.
const NEAR_NULL: u64 = 0x1_0000;

/// What the C library says when it finds its heap, or the stack, written over.
const CORRUPTION: [&str; 6] = [
    "double free",
    "corrupted",
    "corruption",
    "invalid pointer",
    "invalid size",
    "stack smashing",
];

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

/// How grave a finding is for those who use the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Memory is written that must not be, or a security property does not hold.
    Severe,
    /// Memory is read that must not be.
    Serious,
    /// The application ends, hangs or runs out of memory.
    Moderate,
    /// A deviation that harms nobody by itself.
    Minor,
}

impl Gravity {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Severe => "severe",
            Self::Serious => "serious",
            Self::Moderate => "moderate",
            Self::Minor => "minor",
        }
    }
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
    let mut by_signature: BTreeMap<Signature, Cluster<'_>> = BTreeMap::new();
    for case in &evidence.cases {
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
    }
}

fn place_of(end: &End) -> Option<String> {
    let frames = match end {
        End::Signal { frames, .. } | End::Hang { frames, .. } => frames,
        End::Exited { .. } | End::MemoryLimit { .. } => return None,
    };
    let own = |frame: &&Frame| {
        let libraries = ["libc.", "libc-", "ld-", "linux-vdso", "libpthread", "?"];
        !libraries.iter().any(|name| frame.module.starts_with(name))
    };
    let frame = frames.iter().find(own)?;
    Some(format!("{}+{:#x}", frame.module, frame.offset))
}

/// How grave a case is, and why.
#[must_use]
pub fn gravity(case: &Case) -> (Gravity, &'static str) {
    use Gravity::{Minor, Moderate, Serious, Severe};
    let finding = gravest(case);
    let end = finding.and_then(|finding| finding.end.as_ref());
    let says_corruption = || CORRUPTION.iter().any(|word| case.stderr.contains(word));
    match (case.verdict, end) {
        (Verdict::SecurityViolation, None) => (Severe, "a security property does not hold"),
        (_, Some(End::Signal { .. })) if says_corruption() => (Severe, "the heap was written over"),
        (
            _,
            Some(End::Signal {
                access, address, ..
            }),
        ) => {
            let null = address.is_some_and(|address| address < NEAR_NULL);
            match access.as_deref() {
                Some("write" | "execute") if !null => (
                    Severe,
                    "memory is written or executed that is not the module's",
                ),
                Some("read") if !null => (Serious, "memory is read that is not the module's"),
                _ if null => (Moderate, "a NULL pointer is followed"),
                _ => (Moderate, "the application is ended"),
            }
        }
        (_, Some(End::Exited { .. })) => (Moderate, "the application is ended"),
        (_, Some(End::Hang { .. })) => (Moderate, "the application waits for ever"),
        (_, Some(End::MemoryLimit { .. })) => (Moderate, "the application's memory is used up"),
        _ if finding.is_some_and(|finding| finding.oracle == "guard") => {
            (Severe, "memory is written that is not the module's")
        }
        (Verdict::Crash, None) => (Severe, "memory is written that is not the module's"),
        _ => (Minor, "the standard does not permit it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Class, Clause, Level};

    fn frame(module: &str, offset: u64) -> Frame {
        Frame {
            module: module.to_owned(),
            offset,
            build_id: None,
            symbol: None,
        }
    }

    fn signal(access: Option<&str>, address: Option<u64>) -> End {
        End::Signal {
            signal: "SIGSEGV".to_owned(),
            code: None,
            address,
            access: access.map(str::to_owned),
            registers: BTreeMap::new(),
            frames: vec![frame("libc.so.6", 1), frame("libmine.so", 0x1f2)],
        }
    }

    fn case(verdict: Verdict, oracle: &str, end: Option<End>) -> Case {
        let finding = Finding {
            verdict,
            step: Some(1),
            lane: None,
            function: Some("C_Sign".to_owned()),
            oracle: oracle.to_owned(),
            message: "returned CKR_OK".to_owned(),
            permitted: Vec::new(),
            clause: None,
            end,
        };
        Case {
            id: "suite/case".to_owned(),
            title: "a case".to_owned(),
            clause: Clause {
                document: "PKCS11-Base".to_owned(),
                version: "3.2".to_owned(),
                section: "5".to_owned(),
            },
            level: Level::Must,
            class: Class::B,
            verdict,
            why: None,
            reason: None,
            reading: None,
            findings: vec![finding],
            calls: 1,
            call_ns: 0,
            duration_ns: 0,
            trace: Vec::new(),
            stdout: String::new(),
            stderr: String::new(),
            reproducer: None,
            replay: None,
            confirmed: None,
            waived: None,
            unexpected_pass: false,
        }
    }

    #[test]
    fn what_is_written_outweighs_what_is_read_and_what_only_ends() {
        use Gravity::{Minor, Moderate, Serious, Severe};
        let crash = |end| case(Verdict::Crash, "end", Some(end));
        let far = Some(0x7f00_0000_0000);
        let mut corrupted = crash(signal(None, None));
        corrupted.stderr = "free(): double free detected in tcache 2".to_owned();
        for (case, wanted) in [
            (crash(signal(Some("write"), far)), Severe),
            (crash(signal(Some("read"), far)), Serious),
            (crash(signal(Some("write"), Some(8))), Moderate),
            (crash(signal(None, None)), Moderate),
            (corrupted, Severe),
            (crash(End::Exited { status: 5 }), Moderate),
            (case(Verdict::Crash, "guard", None), Severe),
            (
                case(Verdict::SecurityViolation, "expectation", None),
                Severe,
            ),
            (case(Verdict::Deviation, "return-code", None), Minor),
        ] {
            assert_eq!(gravity(&case).0, wanted, "{case:?}");
        }
    }

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
