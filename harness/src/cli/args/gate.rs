//! The arguments that say what decides the exit code.

use clap::{Args, ValueEnum};
use p11assay_reports::gate::{Allowance, Gate, Scope};

/// What decides the exit code.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Gate")]
pub(in crate::cli) struct GateArgs {
    /// Which findings that no waiver accepts end in exit code 1. Security violations, crashes and
    /// hangs always do; this is about deviations. [default: should]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(in crate::cli) gate: Option<ScopeArg>,
    /// Let waivers that hold no more pass; otherwise they end in exit code 1.
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub(in crate::cli) allow: Vec<AllowArg>,
}

/// Which deviations the gate stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ScopeArg {
    /// Deviations of cases that rest on a MUST or SHALL; lets SHOULD and profile cases pass.
    Must,
    /// All deviations.
    Should,
    /// No deviations: only security violations, crashes and hangs.
    Security,
    /// Deviations of cases that rest on a condition of a profile; lets MUST and SHOULD cases pass.
    Profile,
}

/// What the gate is told to let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum AllowArg {
    /// A waiver of a case of the run that has expired.
    ExpiredWaiver,
    /// A case that passed although it is waived.
    UnexpectedPass,
}

impl GateArgs {
    /// True if any of them is given.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.gate.is_some() || !self.allow.is_empty()
    }

    /// The gate that these and, where they say nothing, those of an earlier part of the run make.
    pub(in crate::cli) fn gate(&self, earlier: Option<&Gate>) -> Gate {
        let earlier = earlier.cloned().unwrap_or_default();
        let scope = self.gate.map(|scope| match scope {
            ScopeArg::Must => Scope::Must,
            ScopeArg::Should => Scope::Should,
            ScopeArg::Security => Scope::Security,
            ScopeArg::Profile => Scope::Profile,
        });
        let allow = self.allow.iter().map(|what| match what {
            AllowArg::ExpiredWaiver => Allowance::ExpiredWaiver,
            AllowArg::UnexpectedPass => Allowance::UnexpectedPass,
        });
        Gate {
            scope: scope.unwrap_or(earlier.scope),
            allow: if self.allow.is_empty() {
                earlier.allow
            } else {
                allow.collect()
            },
        }
    }
}
