//! The ways side by side: nanoseconds a call, and what each adds to the raw call.

use super::bed::Bed;
use super::operation::{Operation, Way};

/// Slices of time that each way gets.
const ROUNDS: usize = 401;
/// About how long a slice is, nanoseconds.
const SLICE: f64 = 100_000.0;

/// Measures and prints.
pub(crate) fn print(beds: &[Bed]) {
    println!("\nns a call: median of {ROUNDS} slices, the ways taking turns; (+ beyond raw)");
    println!(
        "{:<44}{:>10}{:>18}{:>18}{:>18}",
        "", "raw", "executor", "with journal", "with guards"
    );
    for bed in beds {
        for operation in Operation::ALL {
            let medians = medians(bed, operation);
            let raw = medians[0];
            print!(
                "{:<44}{raw:>10.0}",
                format!("{}: {}", bed.name, operation.name)
            );
            for cost in &medians[1..] {
                print!("{:>18}", format!("{cost:.0} (+{:.0})", cost - raw));
            }
            println!();
        }
    }
}

fn medians(bed: &Bed, operation: &Operation) -> [f64; Way::ALL.len()] {
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
    slices.map(|mut slices| {
        slices.sort_by(f64::total_cmp);
        slices[ROUNDS / 2]
    })
}
