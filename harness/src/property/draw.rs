//! What is drawn for a case: choices that are independent of each other, so that each can be made smaller
//! by itself. Every draw is a case; what it means is made of it by rules that always fit the target.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::sequence::lexicon;

/// Longest input of a case.
const LONGEST: usize = 1500;
/// Most cuts of an input: it has one part more.
const CUTS: usize = 4;

/// The choices of a case.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    /// Which of several there are, each used for one thing.
    pick: [Index; 6],
    /// From which all bytes come.
    noise: u64,
    /// Bytes of the input.
    pub(super) length: usize,
    /// Where the input is cut when it is given in parts.
    pub(super) cuts: Vec<Index>,
    /// Where it is cut another time.
    pub(super) other_cuts: Vec<Index>,
    /// Yes or no, each used for one thing.
    coins: u8,
}

/// Any choices.
pub(super) fn draw() -> impl Strategy<Value = Draw> {
    let borders = (1..=10usize, 0..=2usize).prop_map(|(blocks, beside)| 16 * blocks + beside - 1);
    let length = prop_oneof![
        5 => 0..=48usize,
        3 => borders,
        2 => 49..=300usize,
        1 => 301..=LONGEST,
    ];
    let cuts = || vec(any::<Index>(), 0..=CUTS);
    let choices = (any::<[Index; 6]>(), any::<u64>(), any::<u8>());
    (choices, length, cuts(), cuts()).prop_map(
        |((pick, noise, coins), length, cuts, other_cuts)| Draw {
            pick,
            noise,
            length,
            cuts,
            other_cuts,
            coins,
        },
    )
}

/// A few choices, the same each time.
pub(super) fn samples(count: usize) -> Vec<Draw> {
    let mut runner = TestRunner::deterministic();
    let draws = std::iter::repeat_with(|| draw().new_tree(&mut runner));
    let trees = draws.take(count).filter_map(Result::ok);
    trees.map(|tree| tree.current()).collect()
}

impl Draw {
    /// One of the items, by the choice of this number; None if there are none.
    pub(super) fn pick<'i, T>(&self, number: usize, items: &'i [T]) -> Option<&'i T> {
        let index = self.pick.get(number)?;
        (!items.is_empty()).then(|| index.get(items))
    }

    /// Yes or no, by the coin of this number.
    pub(super) fn coin(&self, number: u32) -> bool {
        self.coins >> (number % 8) & 1 == 1
    }

    /// True once in four, by the coins of two numbers.
    pub(super) fn seldom(&self, numbers: [u32; 2]) -> bool {
        numbers.into_iter().all(|number| self.coin(number))
    }

    /// Bytes for a purpose, other ones for each. They shrink to zeros.
    pub(super) fn bytes(&self, purpose: u64, count: usize) -> Vec<u8> {
        if self.noise == 0 {
            return vec![0; count];
        }
        let mut state = self.noise ^ purpose.wrapping_mul(0xd134_2543_de82_ef95);
        let words = std::iter::repeat_with(|| next(&mut state).to_le_bytes());
        words.flatten().take(count).collect()
    }

    /// A name that no object has but those of the case.
    pub(super) fn name(&self) -> String {
        format!("p11assay {}", lexicon::to_hex(&self.bytes(NAME, 8)))
    }

    /// The input of the case.
    pub(super) fn data(&self) -> Vec<u8> {
        self.bytes(DATA, self.length)
    }
}

/// The purposes of the bytes of an input, and of a name.
const DATA: u64 = 1;
const NAME: u64 = 9;

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// An input in parts, none of them empty.
pub(super) fn parts(data: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    if data.is_empty() {
        return Vec::new();
    }
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len())).collect();
    places.extend([0, data.len()]);
    places.sort_unstable();
    places.dedup();
    let pairs = places.iter().zip(&places[1..]);
    pairs.map(|(from, to)| data[*from..*to].to_vec()).collect()
}

/// An input in parts of whole blocks of so many bytes, but for the last.
pub(super) fn blocks(data: &[u8], cuts: &[Index], size: usize) -> Vec<Vec<u8>> {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut carried: Vec<u8> = Vec::new();
    for part in parts(data, cuts) {
        carried.extend(part);
        let whole = carried.len() - carried.len() % size;
        if whole > 0 {
            let rest = carried.split_off(whole);
            blocks.push(std::mem::replace(&mut carried, rest));
        }
    }
    blocks.extend((!carried.is_empty()).then_some(carried));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #[test]
        fn parts_are_the_whole_and_none_is_empty(draw in draw()) {
            let data = draw.data();
            let parts = parts(&data, &draw.cuts);
            prop_assert!(parts.iter().all(|part| !part.is_empty()));
            prop_assert!(parts.len() <= draw.cuts.len() + 1);
            prop_assert_eq!(parts.concat(), &data[..]);
            let blocks = blocks(&data, &draw.cuts, 16);
            let last = blocks.len().saturating_sub(1);
            prop_assert!(blocks[..last].iter().all(|block| block.len() % 16 == 0));
            prop_assert!(blocks.iter().all(|block| !block.is_empty()));
            prop_assert_eq!(blocks.concat(), data);
        }

        #[test]
        fn bytes_differ_by_purpose_and_begin_alike(draw in draw()) {
            let long = draw.bytes(2, 40);
            prop_assert_eq!(&long[..16], draw.bytes(2, 16));
            let plain = draw.noise == 0;
            prop_assert_eq!(draw.bytes(3, 40) == long, plain);
        }
    }
}
