//! The account that the jobs of a search keep in common: what was run, what is to be looked into, what was lost.

use super::{Progress, State};
use crate::fuzz::corpus::{CorpusError, Kept};
use crate::fuzz::pair::Outcome;
use crate::fuzz::suspect::Suspect;
use crate::fuzz::vary::usual_count;
use crate::sequence::decode::Decoded;

impl State<'_> {
    /// Counts sequences that were run one by one, and settles with the first of them how many variants of an input are
    /// run: by how long their calls took, if it was not told. Inputs come about in the same way either way, so that a
    /// search can be made again that says how many it ran.
    pub(super) fn count(&mut self, outcomes: &[Outcome]) {
        self.found.progress.sequences += outcomes.len() as u64;
        if std::mem::replace(&mut self.is_timed, true) {
            return;
        }
        self.found.most_variants = self.most_variants.unwrap_or_else(|| {
            let calls = outcomes.iter().flat_map(|outcome| &outcome.ran.trace.calls);
            let times = calls.filter_map(|call| call.returned);
            usual_count(&mut times.map(|back| back.duration_ns).collect::<Vec<_>>())
        });
    }

    /// How many variants of an input are run at most, once that is settled.
    pub(super) fn variants(&self) -> Option<u32> {
        self.is_timed.then_some(self.found.most_variants)
    }

    /// True of what is not known yet, unless so many findings are enough. What does not show alone may show another
    /// time, but not for ever.
    pub(super) fn is_worth_a_look(
        &mut self,
        suspect: &Suspect,
        shape: &[String],
        enough: usize,
    ) -> bool {
        let Progress {
            findings,
            sequences,
            variants,
            ..
        } = self.found.progress;
        findings < enough && self.known.take_on(suspect, shape, sequences + variants)
    }

    /// Keeps an input.
    pub(super) fn keep(&mut self, bytes: Vec<u8>, decoded: &Decoded) -> Result<(), CorpusError> {
        let dear = decoded.is_dear();
        self.corpus.add(Kept { bytes, dear })?;
        self.found.progress.corpus = self.corpus.inputs().len();
        Ok(())
    }

    /// Takes note of what was not seen again, unless it is what was left of another suspect meanwhile: that is found.
    pub(super) fn lose(&mut self, suspect: &Suspect, shape: &[String]) {
        if self.known.given_up(suspect, shape) {
            self.found.lost.insert(suspect.name(), suspect.title());
        }
    }

    /// Takes note of what a variant was suspected of and its tape does not show. What is known by that name is found, or
    /// whoever looks into it will say what came of it.
    pub(super) fn lose_variant(&mut self, Suspicion { name, title }: Suspicion) {
        if !self.known.has(&name) {
            self.found.lost.insert(of_variant(&name), title);
        }
    }

    /// Takes note that what is known by this name was seen again: it is not lost, whatever was before.
    pub(super) fn regain(&mut self, name: &str) {
        self.found.lost.remove(name);
        self.found.lost.remove(&of_variant(name));
    }
}

/// By what is lost that a variant alone was suspected of.
fn of_variant(name: &str) -> String {
    format!("variant/{name}")
}

/// What a variant is suspected of, before it is run as an input.
pub(super) struct Suspicion {
    /// By what it would be known.
    pub(super) name: String,
    /// One line for people.
    pub(super) title: String,
}

impl Suspicion {
    /// Of something that no suspect has the name of.
    pub(super) fn unnamed(title: &str) -> Self {
        Self {
            name: title.to_owned(),
            title: title.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cryptoki::Function;
    use crate::fuzz::corpus::Corpus;
    use crate::fuzz::novelty::Novelty;
    use crate::fuzz::search::{Found, Known, Watcher};
    use crate::oracle::model::Disagreement;
    use crate::plan::Case;
    use cryptoki_sys::{CKR_FUNCTION_FAILED, CKR_OK};

    struct Nobody;

    impl Watcher for Nobody {
        fn progress(&mut self, _: &Progress) {}

        fn found(&mut self, _: &Case) -> Result<(), CorpusError> {
            Ok(())
        }
    }

    /// What the jobs of a search have in common before the first.
    fn state(watcher: &mut Nobody) -> State<'_> {
        State {
            corpus: Corpus::in_memory(),
            waiting: Vec::new().into_iter(),
            watcher,
            novelty: Novelty::default(),
            known: Known::default(),
            begun: 0,
            most_variants: None,
            is_timed: false,
            found: Found::default(),
        }
    }

    fn suspect() -> Suspect {
        Suspect::disagrees(Disagreement {
            step: 3,
            function: Function::C_Sign,
            returned: CKR_FUNCTION_FAILED,
            model: CKR_OK,
            output: None,
        })
    }

    fn variant() -> Suspicion {
        Suspicion {
            name: suspect().name(),
            title: suspect().title(),
        }
    }

    #[test]
    fn enough_findings_are_enough() {
        let mut nobody = Nobody;
        let mut state = state(&mut nobody);
        state.found.progress.findings = 1;
        assert!(!state.is_worth_a_look(&suspect(), &[], 1));
        assert!(state.is_worth_a_look(&suspect(), &[], 2));
    }

    #[test]
    fn what_is_not_seen_again_is_lost_unless_it_is_found() {
        let (suspect, mut nobody) = (suspect(), Nobody);
        let mut state = state(&mut nobody);
        assert!(state.is_worth_a_look(&suspect, &[], 9));
        state.lose(&suspect, &[]);
        assert!(state.found.lost.contains_key(&suspect.name()));
        assert!(state.is_worth_a_look(&suspect, &[], 9));
        state.known.found((&suspect, &[]), (&suspect, &[]));
        state.regain(&suspect.name());
        state.lose(&suspect, &[]);
        assert!(state.found.lost.is_empty());
    }

    #[test]
    fn what_a_variant_was_suspected_of_is_lost_until_it_is_found() {
        let mut nobody = Nobody;
        let mut state = state(&mut nobody);
        state.lose_variant(variant());
        state.lose_variant(Suspicion::unnamed("a call in a variant"));
        assert_eq!(state.found.lost.len(), 2);
        state.regain(&suspect().name());
        // Of this nobody knows what it was.
        let left: Vec<&String> = state.found.lost.values().collect();
        assert_eq!(left, ["a call in a variant"]);
        assert!(state.is_worth_a_look(&suspect(), &[], 9));
        state.lose_variant(variant());
        assert_eq!(state.found.lost.len(), 1, "whoever looks into it says so");
    }
}
