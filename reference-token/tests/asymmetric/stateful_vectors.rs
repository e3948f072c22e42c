//! Vectors of stateful hash-based signatures, which the suites of the harness have as well.

use super::support::hex;

const TEXT: &str = include_str!("../../../suites/vectors/stateful.txt");

/// The bytes of a name.
pub(super) fn stateful(name: &str) -> Vec<u8> {
    let lines = TEXT.lines().skip_while(|line| *line != format!("{name}:"));
    let digits: String = lines
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(str::trim)
        .collect();
    assert!(!digits.is_empty(), "{name}");
    hex(&digits)
}
