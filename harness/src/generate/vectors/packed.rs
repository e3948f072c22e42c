//! The sets as the build script packed them: their files take 70 megabytes, and packed less than a third.

use serde::de::DeserializeOwned;

/// All sets, one behind another.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/wycheproof.bin"));
/// A line for each: its name, and how many bytes of [`PACKED`] it takes.
const INDEX: &str = include_str!(concat!(env!("OUT_DIR"), "/wycheproof.txt"));

/// The text of a set.
fn unpack(set: &str) -> Option<Vec<u8>> {
    let mut start = 0;
    for line in INDEX.lines() {
        let (name, length) = line.split_once(' ')?;
        let end = start + length.parse::<usize>().ok()?;
        if name == set {
            return miniz_oxide::inflate::decompress_to_vec(PACKED.get(start..end)?).ok();
        }
        start = end;
    }
    None
}

/// A set that is packed.
pub(super) fn load<T: DeserializeOwned>(set: &str) -> T {
    let text = unpack(set).unwrap_or_else(|| panic!("the set {set} is not packed"));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("the set {set}: {error}"))
}
