//! Two runs side by side: what differs, by a stated test, and whether a gate stops it.

use p11assay_reports::bench::{
    Change, Compared, Comparison, Entry, FORMAT, Latency, Measured, Noise, Outcome, Run, percent,
};

use super::rank::{self, SIGNIFICANCE};

/// How two runs are compared, in words.
const TEST: &str = "ratio of medians by Hodges and Lehmann, test by Mann and Whitney's U, corrected by Holm, \
                    at 5%; a difference counts if it is beyond what each run measures against itself";

/// A gate that cannot be kept.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "a gate of {} is below what is measured against itself here: nine of ten benchmarks differ by up to {}; \
     measure longer or on a quieter machine, or take a larger threshold",
    percent(*threshold),
    percent(*noise)
)]
pub struct TooNoisy {
    /// The threshold.
    pub threshold: f64,
    /// What nine of ten benchmarks are below.
    pub noise: f64,
}

/// What is known of a benchmark on both sides.
pub(super) struct Side {
    pub(super) id: String,
    pub(super) before: f64,
    pub(super) after: f64,
    pub(super) ratio: p11assay_reports::bench::Estimate,
    pub(super) p_value: f64,
    /// How probable the figures are if there is no regression beyond the threshold.
    pub(super) gate_p_value: Option<f64>,
    pub(super) spread: f64,
    /// Whether every part of the measurement shows a regression beyond the threshold.
    pub(super) holds: bool,
}

/// Compares the benchmarks that two runs have in common.
///
/// # Errors
/// [`TooNoisy`] if a threshold is asked for that the runs cannot tell from their noise.
pub fn compare(before: &Run, after: &Run, threshold: Option<f64>) -> Result<Comparison, TooNoisy> {
    let (mut sides, mut left_out) = (Vec::new(), Vec::new());
    for entry in &before.entries {
        let Some(other) = after.entry(&entry.id) else {
            left_out.push(format!("{}: only before", entry.id));
            continue;
        };
        match (latency(entry), latency(other)) {
            (Ok(one), Ok(two)) => sides.push(side(&entry.id, one, two, threshold)),
            (Err(reason), _) => left_out.push(format!("{}: before, {reason}", entry.id)),
            (_, Err(reason)) => left_out.push(format!("{}: after, {reason}", entry.id)),
        }
    }
    let only_after = after
        .entries
        .iter()
        .filter(|entry| before.entry(&entry.id).is_none());
    left_out.extend(only_after.map(|entry| format!("{}: only after", entry.id)));
    let spreads: Vec<f64> = sides.iter().map(|side| side.spread).collect();
    let noise = rank::noise(&spreads);
    judge(
        Comparison {
            format: FORMAT,
            before: named(before),
            after: named(after),
            test: TEST.to_owned(),
            threshold,
            noise,
            entries: Vec::new(),
            left_out,
        },
        sides,
    )
}

fn named(run: &Run) -> String {
    let version = run.target.info.get("libraryVersion");
    let version = version.map_or(String::new(), |version| format!(" {version}"));
    format!("{}{version}, {}", run.target.name, run.started)
}

fn latency(entry: &Entry) -> Result<&Latency, String> {
    match &entry.outcome {
        Outcome::Measured(measured) => match &**measured {
            Measured {
                latency: Some(latency),
                ..
            } => Ok(latency),
            _ => Err("not measured".to_owned()),
        },
        Outcome::NotApplicable { reason } => Err(reason.clone()),
        Outcome::Failed { message, .. } => Err(message.clone()),
    }
}

fn side(id: &str, one: &Latency, two: &Latency, threshold: Option<f64>) -> Side {
    let (before, after) = (one.samples(), two.samples());
    let factor = threshold.map(|threshold| 1.0 + threshold);
    let medians = |latency: &Latency| -> Vec<f64> {
        let rounds = latency.rounds.iter();
        rounds.map(|round| rank::median(&round.samples)).collect()
    };
    // The slowest round before against the fastest after.
    let most = medians(one).into_iter().fold(0.0, f64::max);
    let least = medians(two).into_iter().fold(f64::INFINITY, f64::min);
    Side {
        id: id.to_owned(),
        before: one.median.value,
        after: two.median.value,
        ratio: rank::ratio(&before, &after),
        p_value: rank::differ(&before, &after),
        gate_p_value: factor.map(|factor| rank::longer(&before, &after, factor)),
        spread: one.spread.max(two.spread),
        holds: factor.is_some_and(|factor| least > most * factor),
    }
}

/// Completes a comparison: corrects the probabilities and says what each benchmark comes to.
pub(super) fn judge(mut comparison: Comparison, sides: Vec<Side>) -> Result<Comparison, TooNoisy> {
    let Noise { p90: noise, .. } = comparison.noise;
    let threshold = comparison.threshold;
    if let Some(threshold) = threshold.filter(|threshold| *threshold < noise) {
        return Err(TooNoisy { threshold, noise });
    }
    let p_values = rank::holm(&sides.iter().map(|side| side.p_value).collect::<Vec<_>>());
    let gates: Vec<f64> = sides.iter().filter_map(|side| side.gate_p_value).collect();
    let gates = rank::holm(&gates);
    let gate = |place: usize| gates.get(place).copied();
    for (place, (side, p_value)) in sides.into_iter().zip(p_values).enumerate() {
        let gate_p_value = gate(place);
        let significant = p_value < SIGNIFICANCE;
        let beyond = (side.ratio.value - 1.0).abs() > side.spread;
        let regressed = side.holds && gate_p_value.is_some_and(|p| p < SIGNIFICANCE);
        let change = match threshold {
            Some(threshold) if side.spread >= threshold => Change::Noisy,
            Some(_) if regressed => Change::Regressed,
            // Beyond the gate and not shown to be: no reason to let it pass.
            Some(threshold) if side.ratio.value > 1.0 + threshold => Change::Noisy,
            _ if !significant || !beyond => Change::None,
            _ if side.ratio.value > 1.0 => Change::Slower,
            _ => Change::Faster,
        };
        comparison.entries.push(Compared {
            id: side.id,
            before: side.before,
            after: side.after,
            ratio: side.ratio,
            p_value,
            gate_p_value,
            spread: side.spread,
            change,
        });
    }
    Ok(comparison)
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::run;
    use super::*;
    use p11assay_reports::bench::Round;

    /// A latency of two rounds whose samples vary by some percent.
    pub(super) fn latency(median: f64, other_round: f64) -> Latency {
        let round = |median: f64| Round {
            samples: (0..30)
                .map(|n| median * (0.99 + 0.001 * f64::from(n % 20)))
                .collect(),
            ..Round::default()
        };
        let rounds = vec![round(median), round(other_round)];
        let medians: Vec<f64> = rounds.iter().map(|r| rank::median(&r.samples)).collect();
        let mut latency = Latency {
            spread: rank::spread(&medians),
            rounds,
            ..Latency::default()
        };
        latency.median.value = rank::median(&latency.samples());
        latency
    }

    fn changes(before: &[(f64, f64)], after: &[(f64, f64)], gate: Option<f64>) -> Vec<Change> {
        let made = |times: &[(f64, f64)]| {
            run(times.iter().map(|(one, two)| latency(*one, *two)).collect())
        };
        let comparison = compare(&made(before), &made(after), gate).expect("quiet enough");
        comparison
            .entries
            .iter()
            .map(|entry| entry.change)
            .collect()
    }

    #[test]
    fn what_differs_is_told_and_what_does_not_is_left_alone() {
        let before = [(100.0, 101.0), (100.0, 101.0), (100.0, 101.0)];
        let after = [(100.5, 101.0), (120.0, 121.0), (80.0, 81.0)];
        let found = changes(&before, &after, None);
        assert_eq!(found, [Change::None, Change::Slower, Change::Faster]);
    }

    #[test]
    fn the_gate_stops_what_is_beyond_it_in_every_round() {
        let before = [(100.0, 101.0); 14];
        let mut after = before;
        // Beyond, below, beyond in one round alone, and not to be told.
        after[0] = (116.0, 117.0);
        after[1] = (105.0, 106.0);
        after[2] = (108.0, 116.0);
        after[3] = (100.0, 115.0);
        let found = changes(&before, &after, Some(0.1));
        let expected = [
            Change::Regressed,
            Change::Slower,
            Change::Noisy,
            Change::Noisy,
        ];
        assert_eq!(found[..4], expected);
        assert!(
            found[4..].iter().all(|change| *change == Change::None),
            "{found:?}"
        );
    }

    #[test]
    fn a_gate_below_the_noise_is_refused() {
        let noisy = run(vec![latency(100.0, 108.0); 10]);
        let refused = compare(&noisy, &noisy, Some(0.05)).expect_err("a noisy run");
        assert!(refused.to_string().contains("5.0%"), "{refused}");
        assert!(compare(&noisy, &noisy, Some(0.1)).is_ok());
    }

    #[test]
    fn what_only_one_run_has_is_said() {
        let (one, two) = (
            run(vec![latency(1.0, 1.0); 2]),
            run(vec![latency(1.0, 1.0)]),
        );
        let found = compare(&one, &two, None).expect("quiet enough");
        assert_eq!(found.left_out, ["bench/x/1: only before"]);
    }
}
