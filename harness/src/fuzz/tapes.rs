//! New inputs: bytes made up, or made from those that led somewhere new.

use fastrand::Rng;

use super::corpus::Kept;
use crate::sequence::decode::OWN_TOKEN;

/// Longest input, bytes. What a sequence makes use of ends long before.
const LONGEST: usize = 1024;
/// Most changes made to an input at once.
const MOST_CHANGES: usize = 6;
/// How often another input is drawn in place of a dear one.
const DRAWS: usize = 4;
/// One in so many asks for a token of its own: that takes a second or two of some modules, as long as some dozen others.
const WITH_OWN_TOKEN: u8 = 64;

/// Makes inputs; the same ones for the same seed and corpus.
#[derive(Debug)]
pub(super) struct Tapes {
    rng: Rng,
    own_tokens: bool,
}

impl Tapes {
    /// Those of a seed, some of which ask for a token of their own if there are such.
    pub(super) fn new(seed: u64, own_tokens: bool) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            own_tokens,
        }
    }

    /// A seed for something that is drawn elsewhere.
    pub(super) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }

    /// An input: one of the corpus changed, mostly, or one made up.
    pub(super) fn next(&mut self, corpus: &[Kept]) -> Vec<u8> {
        if self.own_tokens && self.rng.u8(..WITH_OWN_TOKEN) == 0 {
            return self.with_own_token(corpus);
        }
        match self.choose(corpus) {
            Some(one) if self.rng.u8(..8) > 0 => self.changed(one, corpus),
            _ => self.fresh(),
        }
    }

    /// An input that asks for a token of its own: one of those that did changed, or one made up.
    fn with_own_token(&mut self, corpus: &[Kept]) -> Vec<u8> {
        let own = corpus.iter().map(|kept| &kept.bytes);
        let own: Vec<_> = own
            .filter(|bytes| bytes.first() == Some(&OWN_TOKEN))
            .collect();
        let mut bytes = match self.rng.choice(own) {
            Some(one) if self.rng.bool() => self.changed(one, corpus),
            _ => self.fresh(),
        };
        bytes.splice(..bytes.len().min(1), [OWN_TOKEN]);
        bytes
    }

    /// One of the inputs, one that is dear only if the draw falls on such often enough.
    fn choose<'c>(&mut self, corpus: &'c [Kept]) -> Option<&'c [u8]> {
        let mut one = self.rng.choice(corpus)?;
        for _ in 0..DRAWS {
            if !one.dear {
                break;
            }
            one = self.rng.choice(corpus)?;
        }
        Some(&one.bytes)
    }

    fn fresh(&mut self) -> Vec<u8> {
        let length = self.rng.usize(8..400);
        self.bytes(length)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.rng.fill(&mut bytes);
        bytes
    }

    fn changed(&mut self, one: &[u8], corpus: &[Kept]) -> Vec<u8> {
        let mut bytes = one.to_vec();
        for _ in 0..=self.rng.usize(..MOST_CHANGES) {
            self.change(&mut bytes, corpus);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, corpus: &[Kept]) {
        let place = self.rng.usize(..=bytes.len());
        let length = self.rng.usize(1..32).min(bytes.len() - place);
        match self.rng.u8(..7) {
            0 | 1 if place < bytes.len() => bytes[place] = self.rng.u8(..),
            2 if place < bytes.len() => bytes[place] = bytes[place].wrapping_add(1),
            // Taking out and putting in shifts what the rest means, so that its phrases change roles.
            3 => {
                bytes.drain(place..place + length);
            }
            4 => {
                let part = bytes[place..place + length].to_vec();
                bytes.splice(place..place, part);
            }
            5 => {
                if let Some(other) = self.choose(corpus) {
                    let from = self.rng.usize(..=other.len());
                    bytes.truncate(place);
                    bytes.extend_from_slice(&other[from..]);
                }
            }
            _ => {
                let count = self.rng.usize(1..32);
                let made = self.bytes(count);
                bytes.splice(place..place, made);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_others() {
        let kept = |bytes, dear| Kept { bytes, dear };
        let corpus = vec![kept(vec![1; 40], false), kept(vec![2; 300], true)];
        let run = |seed| {
            let mut tapes = Tapes::new(seed, false);
            (0..50).map(|_| tapes.next(&corpus)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(3).iter().all(|bytes| bytes.len() <= LONGEST));
    }

    #[test]
    fn some_ask_for_a_token_of_their_own_where_there_are_such() {
        let count = |own_tokens| {
            let mut tapes = Tapes::new(1, own_tokens);
            let made = (0..6400).map(|_| tapes.next(&[]));
            made.filter(|bytes| bytes[0] == OWN_TOKEN).count()
        };
        assert!((90..160).contains(&count(true)), "{}", count(true));
        // By chance.
        assert!((10..45).contains(&count(false)), "{}", count(false));
    }
}
