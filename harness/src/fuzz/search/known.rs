//! What a search knows of already: what is found, what is being looked into, and what was often enough.

use std::collections::{BTreeMap, BTreeSet};

use crate::fuzz::finding;
use crate::fuzz::suspect::{LOST_LIBRARY, Suspect, What};

/// How often something that is not seen again is looked into.
const TRIES: usize = 3;
/// How many argument shapes of one name are looked into behind the first that was found, where the name tells no place
/// in the module.
const MORE_SHAPES: usize = 2;
/// How many sequences are run for each of those looks, variants among them: on a slow token it must not take the time of
/// all others.
const SEQUENCES_PER_LOOK: u64 = 4096;

/// What is known, by the names of suspects ([`Suspect::name`]) and by their ids, which tell their argument shapes too.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: BTreeMap<String, Looks>,
    /// Looks into further shapes.
    further: u64,
}

/// What is known of a name.
#[derive(Debug, Default)]
struct Looks {
    /// Ids that are being looked into.
    under_way: BTreeSet<String>,
    /// Ids that were found, and those of suspects that turned out to be one of them.
    found: BTreeSet<String>,
    /// Looks that came to nothing.
    failed: usize,
    /// Looks since the first finding.
    further: usize,
}

impl Looks {
    /// True if nothing by this name is looked into any more, whatever its shape.
    fn is_settled(&self) -> bool {
        match self.found.is_empty() {
            true => self.failed >= TRIES,
            false => self.further >= MORE_SHAPES,
        }
    }
}

impl Known {
    /// True of what a library says that is known to get lost.
    pub(super) fn has_cause_of(&self, suspect: &Suspect) -> bool {
        suspect.denies_the_library() && self.names.contains_key(LOST_LIBRARY)
    }

    /// True if whatever shows this name would not be looked into now. `sequences` were run so far.
    pub(super) fn is_settled(&self, suspect: &Suspect, sequences: u64) -> bool {
        self.has_cause_of(suspect)
            || self.names.get(&suspect.name()).is_some_and(|looks| {
                let is_found = !looks.found.is_empty();
                let is_all = suspect.tells_its_place() || !self.has_time(sequences);
                looks.is_settled() || is_found && is_all || !is_found && !looks.under_way.is_empty()
            })
    }

    /// True if something by this name is found, or somebody is looking into it.
    pub(super) fn has(&self, name: &str) -> bool {
        let looks = self.names.get(name);
        looks.is_some_and(|looks| !looks.found.is_empty() || !looks.under_way.is_empty())
    }

    /// True if the suspect of this shape is to be looked into; it is under way then, until [`found`](Self::found) or
    /// [`given_up`](Self::given_up) say what came of it.
    pub(super) fn take_on(&mut self, suspect: &Suspect, shape: &[String], sequences: u64) -> bool {
        if self.is_settled(suspect, sequences) {
            return false;
        }
        let id = finding::id(suspect, shape);
        let looks = self.names.entry(suspect.name()).or_default();
        if looks.found.contains(&id) || looks.under_way.contains(&id) {
            return false;
        }
        if !looks.found.is_empty() {
            looks.further += 1;
            self.further += 1;
        }
        looks.under_way.insert(id)
    }

    /// What was taken on was seen again, and is now known by another id, perhaps. What several calls may have done says
    /// nothing of others that do it, too: it counts as a look that came to nothing once it is known by its call.
    pub(super) fn found(&mut self, taken_on: (&Suspect, &[String]), shown: (&Suspect, &[String])) {
        if matches!(taken_on.0.what, What::EndedByOneOf(_)) && taken_on.0.name() != shown.0.name() {
            self.given_up(taken_on.0, taken_on.1);
            self.found(shown, shown);
            return;
        }
        for (suspect, shape) in [taken_on, shown] {
            let id = finding::id(suspect, shape);
            let looks = self.names.entry(suspect.name()).or_default();
            looks.under_way.remove(&id);
            looks.found.insert(id);
        }
    }

    /// What was taken on was not seen again. True if nothing else is found by its name.
    pub(super) fn given_up(&mut self, suspect: &Suspect, shape: &[String]) -> bool {
        let looks = self.names.entry(suspect.name()).or_default();
        looks.under_way.remove(&finding::id(suspect, shape));
        looks.failed += 1;
        looks.found.is_empty()
    }

    fn has_time(&self, sequences: u64) -> bool {
        self.further < sequences / SEQUENCES_PER_LOOK
    }
}

#[cfg(test)]
mod tests {
    use cryptoki_sys::{CKR_CRYPTOKI_NOT_INITIALIZED, CKR_FUNCTION_FAILED, CKR_OK};

    use super::*;
    use crate::cryptoki::Function;
    use crate::oracle::model::Disagreement;

    const MANY: u64 = 1_000_000;

    fn suspect(returned: u64) -> Suspect {
        Suspect::disagrees(Disagreement {
            step: 3,
            function: Function::C_Sign,
            returned,
            model: CKR_OK,
            output: None,
        })
    }

    fn shape(word: &str) -> Vec<String> {
        vec![format!("data {word}")]
    }

    #[test]
    fn what_others_met_while_it_was_looked_into_is_looked_into_as_often() {
        let (suspect, mut known) = (suspect(CKR_FUNCTION_FAILED), Known::default());
        for _ in 0..TRIES {
            assert!(known.take_on(&suspect, &[], 0));
            for _ in 0..=TRIES {
                assert!(!known.take_on(&suspect, &[], 0), "another job does");
            }
            assert!(known.given_up(&suspect, &[]));
        }
        assert!(!known.take_on(&suspect, &[], MANY), "it was often enough");
        assert!(
            !known.take_on(&suspect, &shape("NULL"), MANY),
            "in any shape"
        );
    }

    #[test]
    fn other_shapes_of_what_is_found_are_looked_into_if_there_is_time() {
        let (suspect, mut known) = (suspect(CKR_FUNCTION_FAILED), Known::default());
        let (one, other) = (shape("NULL"), shape("huge"));
        assert!(known.take_on(&suspect, &one, 0));
        assert!(
            !known.take_on(&suspect, &other, MANY),
            "one after the other"
        );
        known.found((&suspect, &one), (&suspect, &[]));
        assert!(known.has(&suspect.name()));
        for known_shape in [&one[..], &[]] {
            assert!(
                !known.take_on(&suspect, known_shape, MANY),
                "{known_shape:?}"
            );
        }
        assert!(!known.take_on(&suspect, &other, SEQUENCES_PER_LOOK - 1));
        assert!(known.take_on(&suspect, &other, SEQUENCES_PER_LOOK));
        assert!(!known.given_up(&suspect, &other), "what is found stays so");
        assert!(!known.is_settled(&suspect, MANY));
        assert!(known.take_on(&suspect, &shape("empty"), MANY));
        known.found((&suspect, &shape("empty")), (&suspect, &shape("empty")));
        assert!(known.is_settled(&suspect, MANY), "{MORE_SHAPES} more");
    }

    #[test]
    fn a_place_in_the_module_has_no_further_shapes() {
        use p11assay_reports::evidence::{End, Frame};
        let frame = |module: &str| Frame {
            module: module.to_owned(),
            offset: 16,
            build_id: None,
            symbol: None,
        };
        let crash = |frames| Suspect {
            what: What::Ended(Box::new(End::Signal {
                signal: "SIGSEGV".to_owned(),
                code: None,
                access: None,
                address: None,
                frames,
                registers: BTreeMap::new(),
            })),
            ..suspect(CKR_FUNCTION_FAILED)
        };
        let mut known = Known::default();
        for (frames, further) in [(vec![frame("libmine.so")], false), (Vec::new(), true)] {
            let crash = crash(frames);
            assert!(known.take_on(&crash, &[], MANY));
            known.found((&crash, &[]), (&crash, &[]));
            assert_eq!(known.take_on(&crash, &shape("NULL"), MANY), further);
        }
    }

    #[test]
    fn what_another_one_was_shrunk_to_is_found() {
        let (one, other) = (
            suspect(CKR_FUNCTION_FAILED),
            suspect(CKR_FUNCTION_FAILED + 1),
        );
        let mut known = Known::default();
        assert!(known.take_on(&one, &[], 0) && known.take_on(&other, &[], 0));
        known.found((&one, &[]), (&other, &[]));
        assert!(!known.given_up(&other, &[]), "it is found");
        assert!(!known.take_on(&other, &[], MANY));
    }

    #[test]
    fn what_one_of_several_lanes_did_hides_no_other_that_does_it() {
        use p11assay_reports::evidence::End;
        let left = || Box::new(End::Exited { status: 4 });
        let one_of = Suspect {
            function: None,
            what: What::EndedByOneOf(left()),
            ..suspect(CKR_OK)
        };
        let by = |function| Suspect {
            function: Some(function),
            what: What::Ended(left()),
            ..suspect(CKR_OK)
        };
        let mut known = Known::default();
        for function in [Function::C_Sign, Function::C_Login, Function::C_Sign] {
            assert!(known.take_on(&one_of, &[], MANY));
            known.found((&one_of, &[]), (&by(function), &[]));
            assert!(known.is_settled(&by(function), 0));
        }
        assert!(!known.take_on(&one_of, &[], MANY), "it was often enough");
    }

    #[test]
    fn what_a_lost_library_says_is_known() {
        let says = suspect(CKR_CRYPTOKI_NOT_INITIALIZED);
        let mut known = Known::default();
        assert!(!known.is_settled(&says, 0));
        let lost = Suspect {
            lost_library: true,
            ..says.clone()
        };
        assert!(known.take_on(&lost, &[], 0));
        assert!(known.is_settled(&says, MANY) && !known.is_settled(&suspect(1), 0));
    }
}
