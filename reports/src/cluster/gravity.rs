//! How grave a finding is, from evidence alone: what the fault does to the application's memory and its life.

use super::gravest;
use crate::evidence::{Case, End, Verdict};

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
        (_, Some(End::FileLimit { .. })) => (Moderate, "the disk is filled"),
        (_, Some(End::Program { .. })) => (Moderate, "a program that the token needs is ended"),
        _ if finding.is_some_and(|finding| finding.oracle == "guard") => {
            (Severe, "memory is written that is not the module's")
        }
        // Settled by a search, which does not know the call.
        (Verdict::Crash, None) if finding.is_none() => (Moderate, "a process is ended"),
        (Verdict::Crash, None) => (Severe, "memory is written that is not the module's"),
        _ => (Minor, "the standard does not permit it"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::kit::{case, signal};
    use super::*;

    #[test]
    fn what_is_written_outweighs_what_is_read_and_what_only_ends() {
        use Gravity::{Minor, Moderate, Serious, Severe};
        let crash = |end| case(Verdict::Crash, "end", Some(end));
        let far = Some(0x7f00_0000_0000);
        let mut corrupted = crash(signal(None, None));
        corrupted.stderr = "free(): double free detected in tcache 2".to_owned();
        let mut settled = case(Verdict::Crash, "end", None);
        settled.findings.clear();
        for (case, wanted) in [
            (crash(signal(Some("write"), far)), Severe),
            (crash(signal(Some("read"), far)), Serious),
            (crash(signal(Some("write"), Some(8))), Moderate),
            (crash(signal(None, None)), Moderate),
            (corrupted, Severe),
            (crash(End::Exited { status: 5 }), Moderate),
            (case(Verdict::Crash, "guard", None), Severe),
            (settled, Moderate),
            (
                case(Verdict::SecurityViolation, "expectation", None),
                Severe,
            ),
            (case(Verdict::Deviation, "return-code", None), Minor),
        ] {
            assert_eq!(gravity(&case).0, wanted, "{case:?}");
        }
    }
}
