//! Names in the order that people expect: numbers in them are in the order of numbers, so that section 5.9 is before
//! section 5.10.

use std::cmp::Ordering;

/// Which of two names is first.
pub(super) fn compare(one: &str, two: &str) -> Ordering {
    pieces(one).cmp(pieces(two)).then_with(|| one.cmp(two))
}

/// Runs of digits as numbers, and what is between them.
fn pieces(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let digits = |c: char| c.is_ascii_digit();
    let parts = text.split_inclusive(move |c: char| !digits(c));
    parts.map(move |part| {
        let end = part.find(|c: char| !digits(c)).unwrap_or(part.len());
        (part[..end].parse().unwrap_or(0), &part[end..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_their_order_and_after_words() {
        let mut names = ["5.10", "5.9", "5.9.2", "a", "5.13.10", "5.13.1"];
        names.sort_by(|one, two| compare(one, two));
        assert_eq!(names, ["a", "5.9", "5.9.2", "5.10", "5.13.1", "5.13.10"]);
    }
}
