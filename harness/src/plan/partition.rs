//! Sharing out a plan over several runs, `--partition 2/8`: by a hash of the ids, so that a case stays
//! in its part when others come and go, and cases that are alike are spread.

use std::str::FromStr;

/// One part of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (index, count) = text.split_once('/')?;
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count)
                .contains(&index)
                .then_some(Self { index, count })
        };
        parse().ok_or_else(|| "expected one part of several, from 1, as in 2/8".to_owned())
    }
}

impl Partition {
    /// True if the case of this id is in the part.
    #[must_use]
    pub fn holds(self, id: &str) -> bool {
        hash([id]) % u64::from(self.count) == u64::from(self.index) - 1
    }
}

/// FNV-1a of the words: the same on every machine and in every version.
pub(super) fn hash<'w>(words: impl IntoIterator<Item = &'w str>) -> u64 {
    let bytes = words
        .into_iter()
        .flat_map(|word| word.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_in_exactly_one_part_and_parts_are_of_like_size() {
        let ids: Vec<String> = (0..800)
            .map(|n| format!("mechanisms/CKM_{}/case-{n}", n % 40))
            .collect();
        for count in [1, 2, 3, 8] {
            let parts = (1..=count).map(|index| Partition { index, count });
            let sizes = parts.map(|part| ids.iter().filter(|id| part.holds(id)).count());
            let sizes: Vec<usize> = sizes.collect();
            assert_eq!(sizes.iter().sum::<usize>(), ids.len());
            let fair = ids.len() / sizes.len();
            assert!(
                sizes.iter().all(|size| size.abs_diff(fair) < fair / 3),
                "{sizes:?}"
            );
        }
    }

    /// Machines of one run may have different builds; their parts must be of one whole.
    #[test]
    fn a_case_is_in_the_same_part_for_ever() {
        let part = |id: &str| {
            (1..=8).find(|index| {
                Partition {
                    index: *index,
                    count: 8,
                }
                .holds(id)
            })
        };
        let parts = ["life/login/a", "life/login/b", "functions/C_Sign/null-data"].map(part);
        assert_eq!(parts, [Some(6), Some(3), Some(8)]);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/5"] {
            assert!(text.parse::<Partition>().is_err(), "{text}");
        }
        assert_eq!("3/3".parse(), Ok(Partition { index: 3, count: 3 }));
    }
}
