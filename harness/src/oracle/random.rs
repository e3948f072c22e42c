//! Whether bytes look random: a check that a sound source as good as never fails, and a broken one (zeros,
//! a pattern, a counter, the same block again) does.
//!
//! The bits of a sound source are fair coins, and so are the changes from one bit to the next, all of them
//! independent. By Hoeffding's inequality (1963) the ones among `n` of them differ from `n / 2` by more than
//! `BOUND * sqrt(n) / 2` with a probability below `2 * exp(-BOUND^2 / 2)`: for both counts together 5e-14. That
//! two of up to 512 blocks of eight bytes are equal has a probability below 8e-15.

use std::collections::BTreeSet;

/// How many standard deviations a count may be off.
const BOUND: f64 = 8.0;
/// Bytes of the blocks of which none may be there twice.
const BLOCK: usize = 8;
/// Most blocks that are compared.
const BLOCKS: usize = 512;

/// True unless it is as good as certain that the bytes are not random. Of a few bytes nothing can be said.
#[must_use]
pub(super) fn is_plausible(bytes: &[u8]) -> bool {
    let bits = 8 * bytes.len();
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    is_fair(u64::from(ones), bits)
        && is_fair(changes(bytes), bits.saturating_sub(1))
        && !repeats(bytes)
}

/// True if so many ones may come of so many fair coins.
fn is_fair(ones: u64, coins: usize) -> bool {
    let coins = coins as f64;
    (2.0 * ones as f64 - coins).abs() <= BOUND * coins.sqrt()
}

/// How often a bit differs from the one before it.
fn changes(bytes: &[u8]) -> u64 {
    let mut last = None;
    let mut count = 0;
    for byte in bytes {
        let before = last.unwrap_or(byte >> 7);
        let moved = byte ^ (byte >> 1 | before << 7);
        count += u64::from(moved.count_ones());
        last = Some(byte & 1);
    }
    count
}

fn repeats(bytes: &[u8]) -> bool {
    let blocks = bytes.chunks_exact(BLOCK).take(BLOCKS);
    let count = blocks.len();
    blocks.collect::<BTreeSet<_>>().len() < count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted() {
        assert_eq!(changes(&[0b0101_1010, 0b0111_1111]), 6 + 1);
        assert_eq!(changes(&[0xff, 0x00]), 1);
        assert_eq!(changes(&[]), 0);
    }

    #[test]
    fn random_bytes_are_plausible() {
        let mut source = fastrand::Rng::with_seed(1);
        for count in (0..200).chain([1024, 4096, 8192]) {
            for _ in 0..20 {
                let bytes: Vec<u8> = std::iter::repeat_with(|| source.u8(..))
                    .take(count)
                    .collect();
                assert!(is_plausible(&bytes), "{bytes:?}");
            }
        }
    }

    #[test]
    fn patterns_are_not() {
        let counter: Vec<u8> = (0..=255).collect();
        let mut source = fastrand::Rng::with_seed(2);
        let block: Vec<u8> = std::iter::repeat_with(|| source.u8(..)).take(16).collect();
        let leaning: Vec<u8> = (0..512).map(|_| source.u8(..) | source.u8(..)).collect();
        let patterns = [
            vec![0; 32],
            vec![0xff; 32],
            vec![0x55; 32],
            vec![0xf0; 16],
            counter.repeat(4),
            block.repeat(2),
            leaning,
        ];
        for pattern in patterns {
            assert!(!is_plausible(&pattern), "{pattern:?}");
        }
    }
}
