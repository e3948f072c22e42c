//! The gate: which findings of a run decide its exit code, and which are reported and let pass.
//! What the codes are is left to `exit`.

use crate::evidence::{Level, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a run is held to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which deviations it stops.
    pub scope: Scope,
    /// What it lets pass although it would stop it otherwise.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allow: BTreeSet<Allowance>,
}

/// Which deviations a gate stops. Security violations, hangs and crashes pass none.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// None.
    Security,
    /// Those of cases that rest on a MUST or SHALL.
    Must,
    /// Those of cases that rest on a condition of a profile.
    Profile,
    /// All.
    #[default]
    Should,
}

/// What a gate can be told to let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Allowance {
    /// A waiver whose last day is over, of a case of the run.
    ExpiredWaiver,
    /// A case that passed although a waiver covers it.
    UnexpectedPass,
}

impl Scope {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Security => "security",
            Scope::Must => "must",
            Scope::Profile => "profile",
            Scope::Should => "should",
        }
    }
}

impl Gate {
    /// True if a finding of this verdict in a case of this level does not pass, unless it is waived.
    #[must_use]
    pub fn stops(&self, level: Level, verdict: Verdict) -> bool {
        if verdict != Verdict::Deviation {
            return verdict.is_finding();
        }
        match self.scope {
            Scope::Security => false,
            Scope::Must => matches!(level, Level::Must | Level::Security),
            Scope::Profile => matches!(level, Level::Profile | Level::Security),
            Scope::Should => true,
        }
    }

    /// True if the gate was told to let this pass.
    #[must_use]
    pub fn allows(&self, what: Allowance) -> bool {
        self.allow.contains(&what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_stops_the_deviations_of_its_scope_and_whatever_is_worse() {
        use Level::{Must, Profile, Security, Should};
        for (scope, stopped) in [
            (Scope::Security, vec![]),
            (Scope::Must, vec![Must, Security]),
            (Scope::Profile, vec![Profile, Security]),
            (Scope::Should, vec![Must, Should, Profile, Security]),
        ] {
            let gate = Gate {
                scope,
                ..Gate::default()
            };
            for level in [Must, Should, Profile, Security] {
                let expected = stopped.contains(&level);
                assert_eq!(gate.stops(level, Verdict::Deviation), expected, "{scope:?}");
                for verdict in Verdict::ALL
                    .into_iter()
                    .filter(|v| *v != Verdict::Deviation)
                {
                    assert_eq!(gate.stops(level, verdict), verdict.is_finding());
                }
            }
        }
    }

    #[test]
    fn names_are_those_of_the_stream() {
        for scope in [Scope::Security, Scope::Must, Scope::Profile, Scope::Should] {
            let written = serde_json::to_string(&scope).unwrap();
            assert_eq!(written, format!("\"{}\"", scope.name()));
        }
    }
}
