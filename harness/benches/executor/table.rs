//! The ways side by side: nanoseconds a call, and what each adds to the raw call.

use super::bed::Bed;
use super::operation::{Operation, Way};

/// Slices of time that each way gets.
const ROUNDS: usize = 401;
/// About how long a slice is, nanoseconds.
const SLICE: f64 = 100_000.0;

/// Which of the sorted slices of a way is told. Disturbances only ever add to a slice: where the
/// machine is shared the undisturbed tenth says more of the program, the median of the day.
const TOLD: [(&str, usize); 2] = [("median", ROUNDS / 2), ("a tenth is faster", ROUNDS / 10)];

/// The slices of each way, sorted.
type Slices = [Vec<f64>; Way::ALL.len()];

/// Measures and prints.
pub(crate) fn print(beds: &[Bed]) {
    let measured: Vec<(String, Slices)> = beds
        .iter()
        .flat_map(|bed| Operation::ALL.iter().map(move |operation| (bed, operation)))
        .map(|(bed, operation)| {
            let name = format!("{}: {}", bed.name, operation.name);
            (name, slices(bed, operation))
        })
        .collect();
    for (told, place) in TOLD {
        println!("\nns a call, {told} of {ROUNDS} slices, the ways taking turns; (+ beyond raw)");
        println!(
            "{:<44}{:>10}{:>18}{:>18}{:>18}{:>18}",
            "", "raw", "executor", "with journal", "with guards", "loop of bench"
        );
        for (name, slices) in &measured {
            let raw = slices[0][place];
            print!("{name:<44}{raw:>10.0}");
            for slices in &slices[1..] {
                let cost = slices[place];
                print!("{:>18}", format!("{cost:.0} (+{:.0})", cost - raw));
            }
            println!();
        }
    }
}

fn slices(bed: &Bed, operation: &Operation) -> Slices {
    let mut subjects = Way::ALL.map(|way| operation.prepare(bed, way));
    let warm = subjects[3].time(200).as_nanos() as f64 / 200.0;
    let passes = (SLICE / warm).max(1.0) as u32;
    let calls = f64::from(passes) * operation.calls_of_a_pass();
    let mut slices = Way::ALL.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for (subject, slices) in subjects.iter_mut().zip(&mut slices) {
            slices.push(subject.time(passes).as_nanos() as f64 / calls);
        }
    }
    slices
        .each_mut()
        .iter_mut()
        .for_each(|slices| slices.sort_by(f64::total_cmp));
    slices
}
