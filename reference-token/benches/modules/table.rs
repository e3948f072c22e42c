//! The modules side by side: time of an operation, and how it compares with SoftHSM2's.

use std::time::{Duration, Instant};

use super::module::Module;
use super::operation::{self, Operation, Spread};
use super::subject::Subjects;

/// How long an operation is measured on each module.
const TURN: Duration = Duration::from_millis(1500);
/// How long a slice is at least.
const SLICE: Duration = Duration::from_millis(3);

/// Measures and prints the operations that have one of the words in their names, or all of them.
pub(crate) fn print(modules: &[Module], words: &[String]) {
    let wanted = |operation: &&Operation| {
        words.is_empty() || words.iter().any(|word| operation.name.contains(word))
    };
    println!("\ntime of an operation: median of slices, or mean (*), the modules taking turns");
    print!("{:<44}", "");
    for module in modules {
        print!("{:>14}", module.name);
    }
    for module in modules.iter().skip(1) {
        print!("{:>18}", format!("token/{}", module.name));
    }
    println!();
    for operation in operation::ALL.iter().filter(wanted) {
        let times = times(modules, operation);
        let mark = if operation.spread == Spread::Wide {
            " *"
        } else {
            ""
        };
        print!("{:<44}", format!("{}{mark}", operation.name));
        for time in &times {
            print!("{:>14}", time.map_or("n/a".to_owned(), human));
        }
        for other in times.iter().skip(1) {
            let ratio = match (times[0], other) {
                (Some(token), Some(other)) if token / other < 0.01 => {
                    format!("{:.0e}", token / other)
                }
                (Some(token), Some(other)) => format!("{:.2}", token / other),
                _ => "n/a".to_owned(),
            };
            print!("{ratio:>18}");
        }
        println!();
    }
}

/// Seconds of the operation on each module.
fn times(modules: &[Module], operation: &Operation) -> Vec<Option<f64>> {
    let mut subjects: Vec<_> = modules
        .iter()
        .map(|module| operation.prepare(module))
        .collect();
    let passes: Vec<u64> = subjects.iter_mut().map(passes_of_a_slice).collect();
    let mut slices: Vec<Vec<f64>> = vec![Vec::new(); modules.len()];
    let end = Instant::now() + TURN * modules.len() as u32;
    while Instant::now() < end || slices[0].len() < 5 {
        for (index, subjects) in subjects.iter_mut().enumerate() {
            if let Some(subjects) = subjects {
                let spent = subjects.time(passes[index]).as_secs_f64();
                slices[index].push(spent / passes[index] as f64);
            } else {
                slices[index].push(0.0);
            }
        }
    }
    let present = subjects.iter().map(Option::is_some);
    present
        .zip(slices)
        .map(|(present, slices)| present.then(|| summary(operation.spread, slices)))
        .collect()
}

/// Doubles until a slice is long enough for the clock, and for threads to run side by side: three
/// times in a row, as one may be long because the machine is busy.
fn passes_of_a_slice(subjects: &mut Option<Subjects>) -> u64 {
    let Some(subjects) = subjects else { return 1 };
    let mut passes = 1;
    let mut long = 0;
    while long < 3 {
        let spent = subjects.time(passes);
        match spent < SLICE {
            true => (passes, long) = (passes * 2, 0),
            false if spent > 100 * SLICE => break,
            false => long += 1,
        }
    }
    passes
}

fn summary(spread: Spread, mut slices: Vec<f64>) -> f64 {
    match spread {
        Spread::Wide => slices.iter().sum::<f64>() / slices.len() as f64,
        Spread::Narrow => {
            slices.sort_by(f64::total_cmp);
            slices[slices.len() / 2]
        }
    }
}

fn human(seconds: f64) -> String {
    let (value, unit) = match seconds {
        ..1e-6 => (seconds * 1e9, "ns"),
        1e-6..1e-3 => (seconds * 1e6, "us"),
        1e-3..1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    format!("{value:.1} {unit}")
}
