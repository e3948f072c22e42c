//! Whether the durations of two classes differ: what is compared are medians of ciphertexts, and a difference counts
//! if both halves of the rounds have it and no class has one within itself.

use crate::security::statistics::{Comparison, compare, median};

/// Standard deviations beyond which a difference is no chance: one in a million, in both halves.
const FAR: f64 = 5.0;
/// The same between ciphertexts of one class, beyond which the measurement is spoiled.
const NEAR: f64 = 3.5;
/// Cliff's delta from which an effect is called large (Romano et al., 2006).
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

/// Whether two classes differ, and the account of it.
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
    let spoiled = control(&one).max(control(&other));
    let far = |half: &Comparison| half.z.abs() > FAR && half.delta.abs() > LARGE;
    let agree = halves[0].delta.signum() == halves[1].delta.signum();
    let [one, other] = [median(&one), median(&other)].map(|ns| ns / 1000.0);
    let account = format!(
        "Cliff's delta {:+.2}, z {:+.1} ({:+.1} and {:+.1} in the halves, {spoiled:.1} within a class), \
         medians {one:.2} and {other:.2} microseconds of {} ciphertexts each, {} times each",
        whole.delta,
        whole.z,
        halves[0].z,
        halves[1].z,
        durations[0].len(),
        durations[0].first().map_or(0, Vec::len),
    );
    match halves.iter().all(far) && agree {
        true if spoiled > NEAR => (None, format!("the measurement is too noisy: {account}")),
        true => (Some(true), format!("the classes differ: {account}")),
        false => (
            Some(false),
            format!("no difference beyond chance: {account}"),
        ),
    }
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
}
