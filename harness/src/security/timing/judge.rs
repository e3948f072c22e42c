//! Whether the durations of two classes differ: what is compared are medians of ciphertexts. A difference counts if both
//! halves of the rounds have it and no class has one within itself; that there is none is said only where neither the whole
//! nor a half shows more than chance; what lies in between is not decided.

use crate::security::statistics::{Comparison, compare, median};

/// Standard deviations beyond which a difference is no chance: one in a million, in both halves.
const FAR: f64 = 5.0;
/// Standard deviations beyond which it is no longer said that there is no difference: one in 16,000. A whole that has 7
/// has 5 in its halves, or just not.
const DOUBT: f64 = 4.0;
/// The same between ciphertexts of one class, beyond which the measurement is spoiled.
const NEAR: f64 = 3.5;
/// Cliff's delta from which an effect is called large (Romano et al., 2006). Between 48 and 48 medians that are all
/// different [`FAR`] asks for 0.59 already; this one binds where a coarse clock gives most of them one value.
const LARGE: f64 = 0.474;

/// Durations by class, ciphertext and round.
pub(super) type Durations = [Vec<Vec<f64>>; 2];

/// The medians of the ciphertexts of a class, of the rounds that are wanted.
fn medians(class: &[Vec<f64>], wanted: impl Fn(usize) -> bool) -> Vec<f64> {
    let of = |rounds: &Vec<f64>| {
        let some = rounds
            .iter()
            .enumerate()
            .filter(|(round, _)| wanted(*round));
        median(&some.map(|(_, duration)| *duration).collect::<Vec<_>>())
    };
    class.iter().map(of).collect()
}

/// What is concluded of two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conclusion {
    /// They differ.
    Differ,
    /// They seem to, and so does a class from itself.
    Spoiled,
    /// More than chance gives, and less than a finding takes.
    Undecided,
    /// Nothing that chance does not give.
    Alike,
}

impl Conclusion {
    /// Of a comparison of all rounds, of each half of them, and of the most that a class differs within itself.
    fn of(whole: Comparison, halves: [Comparison; 2], within: f64) -> Self {
        let far = |half: &Comparison| half.z.abs() > FAR && half.delta.abs() > LARGE;
        let agree = halves[0].delta.signum() == halves[1].delta.signum();
        let shows = |one: &Comparison| one.z.abs() > DOUBT;
        match halves.iter().all(far) && agree {
            true if within > NEAR => Self::Spoiled,
            true => Self::Differ,
            false if shows(&whole) || halves.iter().any(shows) => Self::Undecided,
            false => Self::Alike,
        }
    }

    /// Whether the classes differ, where that is decided.
    fn differs(self) -> Option<bool> {
        match self {
            Self::Differ => Some(true),
            Self::Alike => Some(false),
            Self::Spoiled | Self::Undecided => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Differ => "the classes differ",
            Self::Spoiled => "the measurement is too noisy",
            Self::Undecided => {
                "not decided: more than chance gives, and not far beyond it in both halves; measure with more --rounds"
            }
            Self::Alike => "no difference beyond chance",
        }
    }
}

/// Whether two classes differ, absent if that is not decided, and the account of it.
pub(super) fn judge(durations: &Durations) -> (Option<bool>, String) {
    let compared = |wanted: &dyn Fn(usize) -> bool| {
        let [one, other] = durations.each_ref().map(|class| medians(class, wanted));
        compare(&one, &other)
    };
    let halves = [
        compared(&|round| round % 2 == 0),
        compared(&|round| round % 2 == 1),
    ];
    let whole = compared(&|_| true);
    let [one, other] = durations.each_ref().map(|class| medians(class, |_| true));
    let control = |class: &[f64]| {
        let (front, back) = class.split_at(class.len() / 2);
        compare(front, back).z.abs()
    };
    let within = control(&one).max(control(&other));
    let conclusion = Conclusion::of(whole, halves, within);
    let [one, other] = [median(&one), median(&other)].map(|ns| ns / 1000.0);
    let account = format!(
        "{}: Cliff's delta {:+.2}, z {:+.1} ({:+.1} and {:+.1} in the halves, {within:.1} within a class), \
         medians {one:.2} and {other:.2} microseconds of {} ciphertexts each, {} times each",
        conclusion.text(),
        whole.delta,
        whole.z,
        halves[0].z,
        halves[1].z,
        durations[0].len(),
        durations[0].first().map_or(0, Vec::len),
    );
    (conclusion.differs(), account)
}

#[cfg(test)]
mod tests {
    use super::super::{CIPHERTEXTS, shots};
    use super::*;

    fn durations(seed: u64, shift: f64, drift: f64) -> Durations {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut durations: Durations = [(); 2].map(|()| vec![Vec::new(); CIPHERTEXTS]);
        for (at, shot) in shots(8, &mut random).into_iter().enumerate() {
            let noise = -random.f64().max(1e-9).ln() * 4.0;
            let class = if shot.class == 0 { 0.0 } else { shift };
            let value = 1000.0 + class + noise + drift * at as f64;
            durations[shot.class][shot.number].push(value);
        }
        durations
    }

    #[test]
    fn noise_and_drift_are_no_finding() {
        for seed in 0..100 {
            let (differs, account) = judge(&durations(seed, 0.0, 0.05));
            assert_eq!(differs, Some(false), "{seed}: {account}");
        }
    }

    #[test]
    fn a_difference_as_large_as_the_noise_is_found() {
        for seed in 0..20 {
            let (differs, account) = judge(&durations(seed, 4.0, 0.0));
            assert_eq!(differs, Some(true), "{seed}: {account}");
        }
    }

    #[test]
    fn a_class_that_differs_within_itself_spoils_the_measurement() {
        let mut odd = durations(1, 50.0, 0.0);
        for ciphertext in &mut odd[0][..CIPHERTEXTS / 2] {
            ciphertext.iter_mut().for_each(|duration| *duration -= 50.0);
        }
        assert_eq!(judge(&odd).0, None);
    }

    /// Standard deviations of all rounds, of each half, and within a class, with what follows. The effect is that of 48 medians
    /// against 48, all different.
    #[test]
    fn what_is_neither_far_nor_chance_is_not_decided() {
        let of = |z: f64| Comparison {
            delta: 0.1184 * z,
            z,
        };
        for (whole, halves, within, expected) in [
            (0.5, [0.3, -0.8], 0.4, Conclusion::Alike),
            (-3.9, [-2.8, -2.9], 0.4, Conclusion::Alike),
            (4.1, [2.9, 3.0], 0.4, Conclusion::Undecided),
            (-4.1, [-2.9, -3.0], 0.4, Conclusion::Undecided),
            // One in a million in each half, if only just not.
            (6.9, [4.9, 4.9], 0.4, Conclusion::Undecided),
            (6.9, [5.5, 4.9], 0.4, Conclusion::Undecided),
            // Each half alone is no chance.
            (0.1, [5.5, -5.5], 0.4, Conclusion::Undecided),
            (6.9, [4.9, 4.9], 3.6, Conclusion::Undecided),
            (7.1, [5.1, 5.1], 0.4, Conclusion::Differ),
            (-7.1, [-5.1, -5.1], 3.4, Conclusion::Differ),
            (7.1, [5.1, 5.1], 3.6, Conclusion::Spoiled),
        ] {
            let got = Conclusion::of(of(whole), halves.map(of), within);
            assert_eq!(got, expected, "{whole} {halves:?} {within}");
        }
    }

    /// Medians of one class, and the same moved up by some and a half: every round is like the others.
    fn moved(by: usize) -> Durations {
        [None, Some(by as f64 + 0.5)].map(|moved| {
            let medians = (0..CIPHERTEXTS).map(|n| (n * 17 % CIPHERTEXTS) as f64);
            medians
                .map(|one| vec![1000.0 + one + moved.unwrap_or(0.0); 4])
                .collect()
        })
    }

    #[test]
    fn between_no_difference_and_one_there_is_no_answer() {
        for (by, expected, text) in [
            (0, Some(false), "no difference beyond chance: "),
            (12, Some(false), "no difference beyond chance: "),
            (14, None, "not decided: "),
            (16, None, "not decided: "),
            (17, Some(true), "the classes differ: "),
        ] {
            let (differs, account) = judge(&moved(by));
            assert_eq!(differs, expected, "{by}: {account}");
            assert!(account.starts_with(text), "{by}: {account}");
        }
        let (_, account) = judge(&moved(16));
        assert!(account.contains("measure with more --rounds"), "{account}");
    }

    /// Of one class all have the same median; of the other some have one that is a tick longer.
    #[test]
    fn a_coarse_clock_makes_no_small_effect_a_finding() {
        let ticks = |longer: usize| -> Durations {
            let class = |longer| {
                let tick = |n: usize| {
                    if n * 17 % CIPHERTEXTS < longer {
                        1.0
                    } else {
                        0.0
                    }
                };
                (0..CIPHERTEXTS).map(|n| vec![tick(n); 4]).collect()
            };
            [class(0), class(longer)]
        };
        let longer = [vec![1.0; 22], vec![0.0; 26]].concat();
        let far = compare(&[0.0; CIPHERTEXTS], &longer);
        assert!(far.z.abs() > FAR && far.delta.abs() < LARGE, "{far:?}");
        assert_eq!(judge(&ticks(22)).0, None);
        assert_eq!(judge(&ticks(24)).0, Some(true));
    }
}
