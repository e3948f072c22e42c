//! From suites to the plan of a run: cases chosen, put in order, and gated.

use std::collections::{BTreeSet, HashMap};

use p11assay_reports::evidence::{Shard, Why};

use super::filter::names;
use super::partition::{self, Partition};
use super::{Capabilities, Case, Filter, Suite, Unmet};
use crate::target::SecurityProfile;

/// The cases of a run in their order.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Suite files the plan was made from.
    pub files: Vec<String>,
    /// The cases.
    pub cases: Vec<Planned>,
    /// Set if the cases are one part of a plan that several runs share out.
    pub shard: Option<Shard>,
}

/// A case, and why it does not apply to the target.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The case.
    pub case: Case,
    /// Why it is not executed; `None` if it is.
    pub unmet: Option<Unmet>,
}

/// Suites that cannot make a plan together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two cases of one id.
    #[error("the id `{id}` is given twice: in {first} and in {second}; ids must be unique")]
    DuplicateId {
        /// The id.
        id: String,
        /// File of the first.
        first: String,
        /// File of the second.
        second: String,
    },
    /// A pattern without effect.
    #[error("no case matches `{0}`; `p11assay list` shows the ids")]
    NoMatch(String),
}

impl Plan {
    /// Chooses the cases of the suites that match one of the `wanted` patterns (all if there are
    /// none) and the filter.
    ///
    /// # Errors
    /// [`PlanError`] for an id given twice or a pattern that matches nothing.
    pub fn select(
        suites: &[Suite],
        wanted: &[String],
        filter: Option<&Filter>,
    ) -> Result<Self, PlanError> {
        let mut files: HashMap<&str, &str> = HashMap::new();
        for (suite, case) in all(suites) {
            if let Some(first) = files.insert(&case.id, &suite.file) {
                return Err(PlanError::DuplicateId {
                    id: case.id.clone(),
                    first: first.to_owned(),
                    second: suite.file.clone(),
                });
            }
        }
        for pattern in wanted {
            if !all(suites).any(|(_, case)| names(pattern, &case.id)) {
                return Err(PlanError::NoMatch(pattern.clone()));
            }
        }
        let chosen = |case: &Case| {
            (wanted.is_empty() || wanted.iter().any(|pattern| names(pattern, &case.id)))
                && filter.is_none_or(|filter| filter.matches(case))
        };
        let cases: Vec<Planned> = all(suites)
            .filter(|(_, case)| chosen(case))
            .map(|(_, case)| Planned {
                case: case.clone(),
                unmet: None,
            })
            .collect();
        Ok(Self {
            files: suites.iter().map(|suite| suite.file.clone()).collect(),
            cases,
            shard: None,
        })
    }

    /// Leaves in the plan the cases of one part, and notes the whole.
    pub fn keep_part(&mut self, part: Partition) {
        let whole = self.cases.iter().map(|planned| planned.case.id.clone());
        self.shard = Some(Shard {
            index: part.index,
            count: part.count,
            whole: whole.collect(),
        });
        self.cases.retain(|planned| part.holds(&planned.case.id));
    }

    /// A seed that is the same for all parts of the plan; `None` for a plan that is not shared out.
    #[must_use]
    pub fn shared_seed(&self) -> Option<u64> {
        let shard = self.shard.as_ref()?;
        Some(partition::hash(shard.whole.iter().map(String::as_str)))
    }

    /// Marks the attacks that one of these profiles forbids: they are violations.
    pub fn hold_to(&mut self, profiles: &BTreeSet<SecurityProfile>) {
        let attacks = self
            .cases
            .iter_mut()
            .filter_map(|planned| planned.case.attack.as_mut());
        for attack in attacks {
            attack.held = attack
                .profile
                .is_some_and(|profile| profiles.contains(&profile));
        }
    }

    /// Marks the cases that do not apply to the target.
    pub fn gate(&mut self, target: &Capabilities) {
        let settled =
            |planned: &&mut Planned| planned.unmet.as_ref().is_some_and(Unmet::is_settled);
        for planned in self.cases.iter_mut().filter(|planned| !settled(planned)) {
            let case = &planned.case;
            // A case needs the functions that it calls, said or not, unless their absence is what it
            // looks for.
            let looked_for: Vec<_> = case
                .sequence
                .calls()
                .filter(|call| call.must_exist)
                .map(|call| call.function)
                .collect();
            // What is known not to apply does not come to apply.
            let known = planned.unmet.take();
            let known = known.or_else(|| case.needs.unmet(target));
            planned.unmet = known.or_else(|| {
                case.sequence
                    .calls()
                    .filter(|call| !looked_for.contains(&call.function))
                    .filter(|call| !call.is_right(cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED))
                    .find_map(|call| target.lacks(call.function))
                    .map(|reason| Unmet::because(Why::Absent, reason))
            });
            let mechanisms = case.needs.mechanisms.iter();
            let trouble = || {
                mechanisms
                    .clone()
                    .find_map(|need| target.trouble(need.mechanism))
            };
            planned.unmet = planned.unmet.take().or_else(trouble);
        }
    }
}

fn all(suites: &[Suite]) -> impl Iterator<Item = (&Suite, &Case)> {
    suites
        .iter()
        .flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)))
}
