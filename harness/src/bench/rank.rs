//! Statistics of ranks: what can be said of times without supposing how they are distributed. The
//! distributions and the rank sum test are `statrs`'s.

use p11assay_reports::bench::{Estimate, Noise};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};
use statrs::statistics::{Data, OrderStatistics};
use statrs::stats_tests::Alternative;
use statrs::stats_tests::mannwhitneyu::{MannWhitneyUMethod, mannwhitneyu};

/// Probability of error at which a difference counts.
pub const SIGNIFICANCE: f64 = 0.05;

/// The median; 0 of nothing.
#[must_use]
pub fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// What a part of the samples is at most; 0 of nothing.
#[must_use]
pub fn quantile(samples: &[f64], part: f64) -> f64 {
    match samples.len() {
        0 => 0.0,
        _ => Data::new(samples.to_vec()).quantile(part),
    }
}

/// How probable ranks as different as these are if both samples are of one distribution: Mann and
/// Whitney's U, two-sided.
#[must_use]
pub fn differ(before: &[f64], after: &[f64]) -> f64 {
    rank_sum(before, after, Alternative::TwoSided)
}

/// How probable `after` ranks as high as it does if it is at most `factor` times as long as `before`.
#[must_use]
pub fn longer(before: &[f64], after: &[f64], factor: f64) -> f64 {
    let scaled: Vec<f64> = before.iter().map(|time| time * factor).collect();
    rank_sum(after, &scaled, Alternative::Greater)
}

fn rank_sum(one: &[f64], two: &[f64], alternative: Alternative) -> f64 {
    // The exact method of this crate gives the complement if the first sample is not the larger one.
    let method = MannWhitneyUMethod::AsymptoticInclContinuityCorrection;
    // Without samples, or without an order among them, nothing is told.
    let result = mannwhitneyu(one, two, method, alternative).ok();
    result.map_or(1.0, |(_, p)| if p.is_nan() { 1.0 } else { p })
}

/// How many times as long `after` is as `before`: the median of all ratios of one to the other (Hodges and
/// Lehmann), and the ratios between which it lies with 95% by the same ranks.
#[must_use]
pub fn ratio(before: &[f64], after: &[f64]) -> Estimate {
    let pairs = after.iter().flat_map(|b| before.iter().map(move |a| b / a));
    let mut ratios: Vec<f64> = pairs.collect();
    ratios.sort_by(f64::total_cmp);
    let (n, m) = (before.len() as f64, after.len() as f64);
    let reach = z() * (n * m * (n + m + 1.0) / 12.0).sqrt();
    let outside = (n * m / 2.0 - reach).floor().max(0.0) as usize;
    between(&ratios, outside)
}

/// The median of samples, and the samples between which it lies with at least 95%: a binomial statement
/// that holds for every distribution.
#[must_use]
pub fn median_within(samples: &[f64]) -> Estimate {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let outside = Binomial::new(0.5, sorted.len() as u64).map_or(0, |coin| {
        let tail = (1.0 - 0.95) / 2.0;
        (0..sorted.len() as u64 / 2)
            .take_while(|k| coin.cdf(*k) <= tail)
            .count()
    });
    // With so many samples outside on either side the interval begins at the last of them.
    between(&sorted, outside.saturating_sub(1))
}

/// The median of sorted numbers, and those with so many outside on either side.
fn between(sorted: &[f64], outside: usize) -> Estimate {
    let Some(last) = sorted.len().checked_sub(1) else {
        return Estimate::default();
    };
    let outside = outside.min(last / 2);
    Estimate {
        value: median(sorted),
        low: sorted[outside],
        high: sorted[last - outside],
    }
}

/// How probable it is that as many of these are above `bound` if their median is not: the sign test.
#[must_use]
pub fn median_above(samples: &[f64], bound: f64) -> f64 {
    let above = samples.iter().filter(|sample| **sample > bound).count() as u64;
    let counted = samples.iter().filter(|sample| **sample != bound).count() as u64;
    match Binomial::new(0.5, counted) {
        Ok(coin) if above > 0 => coin.sf(above - 1),
        _ => 1.0,
    }
}

/// How probable it is that the median of these is `bound`, by the sign test, two-sided.
#[must_use]
pub fn median_differs(samples: &[f64], bound: f64) -> f64 {
    let mirrored: Vec<f64> = samples.iter().map(|sample| 2.0 * bound - sample).collect();
    let tail = median_above(samples, bound).min(median_above(&mirrored, bound));
    (2.0 * tail).min(1.0)
}

/// Probabilities corrected for their number, so that any of all is wrongly below a bound with that
/// probability at most (Holm).
#[must_use]
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, two| probabilities[*one].total_cmp(&probabilities[*two]));
    let mut corrected = vec![1.0; probabilities.len()];
    let mut largest: f64 = 0.0;
    for (place, index) in order.iter().enumerate() {
        let factor = (probabilities.len() - place) as f64;
        largest = largest.max((probabilities[*index] * factor).min(1.0));
        corrected[*index] = largest;
    }
    corrected
}

/// How far measurements of the same differ, by the spread of each.
#[must_use]
pub fn noise(spreads: &[f64]) -> Noise {
    Noise {
        median: median(spreads),
        p90: quantile(spreads, 0.9),
        max: spreads.iter().copied().fold(0.0, f64::max),
    }
}

/// How far apart numbers are, as a part of the smallest.
#[must_use]
pub fn spread(numbers: &[f64]) -> f64 {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(0.0, f64::max);
    if least > 0.0 && least.is_finite() {
        most / least - 1.0
    } else {
        0.0
    }
}

/// The quantile of the normal distribution that 95% lie within, 1.96.
fn z() -> f64 {
    Normal::standard().inverse_cdf(0.975)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(one: f64, two: f64) {
        assert!((one - two).abs() < 1e-6, "{one} is not {two}");
    }

    /// The example in SciPy's documentation of `mannwhitneyu`, normal approximation.
    #[test]
    fn the_rank_sum_test_gives_the_published_value() {
        let male = [19.0, 22.0, 16.0, 29.0, 24.0];
        let female = [20.0, 11.0, 17.0, 12.0];
        close(differ(&male, &female), 0.111_346_886_5);
        close(differ(&female, &male), 0.111_346_886_5);
        // All of five above all of five: 2.507 standard deviations.
        let (low, high) = ([1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.5]);
        assert!((longer(&low, &high, 1.0) - 0.006_09).abs() < 1e-4);
        assert!(longer(&high, &low, 1.0) > 0.99);
        assert!(longer(&low, &high, 2.5) > 0.3);
        assert_eq!(differ(&[], &low), 1.0);
    }

    /// 8 of 10 heads or more: 56 of 1024 throws.
    #[test]
    fn the_sign_test_counts_throws() {
        let samples = [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.5];
        close(median_above(&samples, 1.0), 56.0 / 1024.0);
        close(median_differs(&samples, 1.0), 112.0 / 1024.0);
        close(median_above(&[1.0, 1.0], 1.0), 1.0);
        close(median_above(&[], 1.0), 1.0);
    }

    /// Of ten samples the second and the ninth enclose the median with 97.85%, the third and the eighth with
    /// 89.1% (tables of order statistics).
    #[test]
    fn the_median_lies_between_samples() {
        let samples: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        let found = median_within(&samples);
        assert_eq!((found.value, found.low, found.high), (5.5, 2.0, 9.0));
        assert_eq!(median_within(&[]), Estimate::default());
    }

    #[test]
    fn a_ratio_is_found_with_its_interval() {
        let before: Vec<f64> = (0..40).map(|n| 100.0 + f64::from(n % 7)).collect();
        let after: Vec<f64> = before.iter().map(|time| time * 1.2).collect();
        let found = ratio(&before, &after);
        assert!((found.value - 1.2).abs() < 0.01, "{found:?}");
        assert!(found.low < 1.2 && 1.2 < found.high, "{found:?}");
        assert!(found.high - found.low < 0.05, "{found:?}");
    }

    /// Worked by hand: 0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 not below the one before.
    #[test]
    fn holm_corrects_for_the_number() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        corrected
            .iter()
            .zip(expected)
            .for_each(|(one, two)| close(*one, two));
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn spreads_are_parts_of_the_smallest() {
        close(spread(&[100.0, 115.0, 110.0]), 0.15);
        close(spread(&[]), 0.0);
        let found = noise(&[0.01, 0.02, 0.03]);
        close(found.median, 0.02);
        close(found.max, 0.03);
    }
}
