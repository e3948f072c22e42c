//! How often a case is executed before it is said that it shows something, or that it shows nothing: the one place
//! for these numbers. Executing is left to `engine`.

use std::collections::BTreeMap;
use std::time::Duration;

use p11assay_reports::evidence::Confirmation;

use crate::plan::Case;

/// In how many fresh workers a finding of a search is confirmed.
const CONFIRMATIONS: u32 = 3;

/// The same for one of threads, which chance may hide.
const WITH_LANES: u32 = 10;

/// How often a case with lanes is executed in each fresh worker that it is tried in until it shows something: once more
/// in the same worker costs little.
const IN_EACH: u32 = 20;

/// A finding that is not there any more would have to be as unlikely as this not to show in all tries.
const DOUBT: f64 = 0.01;

/// Most fresh workers that a finding is looked for in.
const MOST: u32 = 100;

/// No confirmation begins after so long: each of a hang takes its whole deadline.
pub const CONFIRMING: Duration = Duration::from_secs(20);

/// How often the cases of a run are executed.
#[derive(Debug, Clone)]
pub struct Patience {
    plain: u32,
    lanes: u32,
    confirmations: Option<(u32, u32)>,
    by_case: BTreeMap<String, u32>,
}

/// How often one case is executed until it shows something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// In how many workers, of which all but the first are fresh.
    pub workers: u32,
    /// How often in each.
    pub in_each: u32,
}

impl Default for Patience {
    /// Once, and what is found is confirmed once.
    fn default() -> Self {
        Self {
            plain: 1,
            lanes: 1,
            confirmations: None,
            by_case: BTreeMap::new(),
        }
    }
}

impl Patience {
    /// For cases that were findings a moment ago.
    #[must_use]
    pub fn of_search() -> Self {
        Self {
            plain: CONFIRMATIONS,
            lanes: WITH_LANES,
            ..Self::default()
        }
    }

    /// For cases that were findings in another run, by how often they were confirmed there.
    #[must_use]
    pub fn of_check<'c>(findings: impl Iterator<Item = (&'c str, Option<Confirmation>)>) -> Self {
        let tries = findings.map(|(id, confirmed)| (id.to_owned(), needed(confirmed)));
        Self {
            lanes: WITH_LANES,
            confirmations: Some((1, WITH_LANES)),
            by_case: tries.collect(),
            ..Self::default()
        }
    }

    /// In how many fresh workers a finding of the case is confirmed.
    #[must_use]
    pub fn confirmations(&self, case: &Case) -> u32 {
        let (plain, lanes) = self.confirmations.unwrap_or((self.plain, self.lanes));
        match case.sequence.has_lanes() {
            true => lanes,
            false => plain,
        }
    }

    /// How often the case is executed until it shows something.
    #[must_use]
    pub fn tries(&self, case: &Case) -> Tries {
        let lanes = case.sequence.has_lanes();
        let least = if lanes { self.lanes } else { self.plain };
        let workers = match self.by_case.get(&case.id) {
            // What makes no call is the account of a search.
            _ if case.sequence.steps.is_empty() => 1,
            Some(needed) => least.max(*needed),
            None => least,
        };
        let in_each = if lanes && workers > 1 { IN_EACH } else { 1 };
        Tries { workers, in_each }
    }
}

impl Tries {
    /// How often in all.
    #[must_use]
    pub fn all(self) -> u32 {
        self.workers * self.in_each
    }
}

/// In how many fresh workers a finding must not show before it is called fixed: as many as it was confirmed in, and more
/// if it did not show in each of them.
fn needed(confirmed: Option<Confirmation>) -> u32 {
    let Some(Confirmation { tries, same }) = confirmed else {
        return 1;
    };
    if same == 0 || same >= tries {
        return tries.clamp(1, MOST);
    }
    let missed = 1.0 - f64::from(same) / f64::from(tries);
    let enough = (DOUBT.ln() / missed.ln()).ceil();
    (enough as u32).clamp(tries, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(same: u32, tries: u32) -> u32 {
        needed(Some(Confirmation { tries, same }))
    }

    #[test]
    fn what_shows_rarely_is_looked_for_often() {
        assert_eq!(needed(None), 1);
        assert_eq!((after(1, 1), after(3, 3), after(10, 10)), (1, 3, 10));
        // A half: the seventh try leaves less than one in a hundred.
        assert_eq!((after(2, 3), after(5, 10), after(1, 2)), (5, 10, 7));
        assert_eq!(after(1, 10), 44);
        assert_eq!(after(1, 100), MOST);
        assert_eq!(after(0, 3), 3);
    }
}
