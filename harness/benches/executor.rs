//! What executing a call costs beyond the call itself, on the built-in token and on SoftHSM2.
//!
//! Each operation is measured in five ways (see [`Way`]): criterion measures each by itself and
//! keeps a history; the table printed in the end lets the ways take turns in slices of some
//! hundred microseconds, so that what disturbs the machine disturbs all of them, and tells the
//! medians. Run with `cargo bench --bench executor`.

#[path = "executor/bed.rs"]
mod bed;
#[path = "executor/operation.rs"]
mod operation;
#[path = "executor/table.rs"]
mod table;

use std::time::Duration;

use criterion::Criterion;

use bed::Bed;
use operation::{Operation, Way};

fn main() {
    let beds: Vec<Bed> = [Bed::builtin(), Bed::softhsm2()]
        .into_iter()
        .filter_map(|bed| bed.map_err(|reason| eprintln!("SKIPPED: {reason}")).ok())
        .collect();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    for bed in &beds {
        for operation in Operation::ALL {
            apart(&mut criterion, bed, operation);
        }
    }
    criterion.final_summary();
    let asked = |option| std::env::args().any(|argument| argument == option);
    // Without `--bench` cargo only wants to see that the benchmark works, and who profiles one way
    // does not want to see all of them.
    if asked("--bench") && !asked("--profile-time") {
        table::print(&beds);
    }
}

/// The ways one after the other.
fn apart(criterion: &mut Criterion, bed: &Bed, operation: &Operation) {
    let mut group = criterion.benchmark_group(format!("{}/{}", bed.name, operation.name));
    for (way, mut subject) in Way::ALL.map(|way| (way, operation.prepare(bed, way))) {
        group.bench_function(way.name(), |bencher| {
            bencher.iter_custom(|passes| {
                let spent = subject.time(u32::try_from(passes).unwrap_or(u32::MAX));
                spent.div_f64(operation.calls_of_a_pass())
            });
        });
    }
    group.finish();
}
