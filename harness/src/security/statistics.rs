//! Whether two sets of durations differ: the test of Mann and Whitney with its effect size, Cliff's delta.
//! Ranks do not mind outliers, of which durations on a busy machine have many.

/// What became of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Cliff's delta: how much oftener a value of the first set is the larger one than the smaller one,
    /// from -1 to 1.
    pub delta: f64,
    /// Standard deviations between what was found and what two like sets would give.
    pub z: f64,
}

/// Compares two sets; like sets if one of them is empty or all values are one.
#[must_use]
pub fn compare(one: &[f64], other: &[f64]) -> Comparison {
    let (m, n) = (one.len() as f64, other.len() as f64);
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut ties, mut at) = (0.0, 0.0, 0);
    while at < all.len() {
        let same = all[at..]
            .iter()
            .take_while(|(value, _)| *value == all[at].0)
            .count();
        // Equal values share the middle of their ranks, which are counted from 1.
        let rank = at as f64 + (same as f64 + 1.0) / 2.0;
        let of_one = all[at..at + same]
            .iter()
            .filter(|(_, is_one)| *is_one)
            .count();
        ranks += rank * of_one as f64;
        ties += (same as f64).powi(3) - same as f64;
        at += same;
    }
    let total = m + n;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)).max(1.0));
    if m == 0.0 || n == 0.0 || variance <= 0.0 {
        return Comparison { delta: 0.0, z: 0.0 };
    }
    let larger = ranks - m * (m + 1.0) / 2.0;
    Comparison {
        delta: 2.0 * larger / (m * n) - 1.0,
        z: (larger - m * n / 2.0) / variance.sqrt(),
    }
}

/// The median; 0 of nothing.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(half)) {
        (_, None) => 0.0,
        (1, Some(middle)) => *middle,
        (_, Some(upper)) => (sorted[half - 1] + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(seed: u64, count: usize, shift: f64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        // Skewed, with one in ten far out, as on a machine that others use.
        (0..count)
            .map(|_| {
                let far = if random.f64() < 0.1 { 50.0 } else { 1.0 };
                100.0 + shift - random.f64().max(1e-9).ln() * far
            })
            .collect()
    }

    /// The sets of an example that is reckoned by hand: 1 2 4 against 3 5 6.
    #[test]
    fn ranks_are_summed() {
        let found = compare(&[1.0, 2.0, 4.0], &[3.0, 5.0, 6.0]);
        assert!((found.delta + 7.0 / 9.0).abs() < 1e-9, "{found:?}");
        // U = 1, mean 4.5, variance 5.25.
        assert!((found.z + 3.5 / 5.25_f64.sqrt()).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn noise_is_no_difference() {
        let worst = (0..200)
            .map(|seed| {
                compare(&durations(seed, 64, 0.0), &durations(seed + 1000, 64, 0.0))
                    .z
                    .abs()
            })
            .fold(0.0, f64::max);
        assert!(worst < 4.5, "{worst}");
    }

    #[test]
    fn a_shift_within_the_noise_is_one() {
        let found = compare(&durations(1, 64, 0.0), &durations(2, 64, 3.0));
        assert!(found.z < -5.0 && found.delta < -0.5, "{found:?}");
    }

    #[test]
    fn like_and_empty_sets_do_not_differ() {
        for (one, other) in [(vec![], vec![1.0]), (vec![2.0; 9], vec![2.0; 7])] {
            assert_eq!(compare(&one, &other), Comparison { delta: 0.0, z: 0.0 });
        }
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }
}
