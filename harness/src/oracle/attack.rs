//! Attacks: cases whose steps are those of somebody who wants what he should not have. That a step is
//! refused is what the target does right; that all of them are taken is the finding.

use p11assay_reports::evidence::{Finding, Verdict};

use crate::target::SecurityProfile;

/// What it is that the steps of a case come to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    /// What the standard says of it.
    pub means: Success,
    /// A security profile that forbids it, where the standard permits it.
    pub profile: Option<SecurityProfile>,
    /// Whether the target is held to that profile.
    pub held: bool,
    /// Where it was published.
    pub from: String,
}

/// What a success is by the standard alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// The clause of the case forbids it.
    Violation,
    /// It is permitted, and serves security badly.
    Weak,
}

impl Attack {
    /// The verdict on a target on which every step was taken.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.means {
            Success::Violation => Verdict::SecurityViolation,
            Success::Weak if self.held => Verdict::SecurityViolation,
            Success::Weak => Verdict::PermittedButWeak,
        }
    }

    pub(super) fn finding(&self) -> Finding {
        let against = match (self.means, self.profile) {
            (Success::Violation, _) => "which the standard forbids".to_owned(),
            (_, Some(profile)) if self.held => format!(
                "which the standard permits and {profile} forbids, to which the target is held"
            ),
            (_, Some(profile)) => {
                format!("which the standard permits and {profile} forbids")
            }
            (_, None) => "which the standard permits".to_owned(),
        };
        Finding {
            verdict: self.verdict(),
            step: None,
            lane: None,
            function: None,
            oracle: "attack".to_owned(),
            message: format!("the attack succeeds, {against} ({})", self.from),
            shape: Vec::new(),
            permitted: Vec::new(),
            clause: None,
            end: None,
        }
    }
}
