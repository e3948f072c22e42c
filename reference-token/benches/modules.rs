//! The same calls on the token, as the shared library that applications load, and on other modules:
//! SoftHSM2 where it is installed, Kryoptic where `KRYOPTIC_MODULE` names it.
//!
//! Criterion measures each operation on each module by itself and keeps a history; the table printed
//! in the end lets the modules take turns, so that what disturbs the machine disturbs all of them.
//! Run with `cargo bench -p reference-token --bench modules`; with `-- --table` for the table alone,
//! with `-- --table SHA-256 find` for those of its rows that have one of these words in their names.

#[path = "modules/call.rs"]
#[macro_use]
mod call;
#[path = "modules/module.rs"]
mod module;
#[path = "modules/operation.rs"]
mod operation;
#[path = "modules/pairs.rs"]
mod pairs;
#[path = "modules/subject.rs"]
mod subject;
#[path = "modules/symmetric.rs"]
mod symmetric;
#[path = "modules/table.rs"]
mod table;

use std::time::Duration;

use criterion::{Criterion, SamplingMode};

use module::Module;
use operation::Operation;

fn main() {
    // Without it, cargo only wants to see that the benchmark works.
    let measuring = std::env::args().any(|argument| argument == "--bench");
    let modules: Vec<Module> = [Module::token(), Module::softhsm2(), Module::kryoptic()]
        .into_iter()
        .filter_map(|module| module.map_err(|reason| eprintln!("SKIPPED: {reason}")).ok())
        .collect();
    if let Some(words) = asked_for_table() {
        return table::print(&modules, &words);
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .sample_size(10)
        .configure_from_args();
    for operation in operation::ALL {
        apart(&mut criterion, &modules, operation);
    }
    criterion.final_summary();
    if measuring {
        table::print(&modules, &[]);
    }
}

/// The words after `--table`, if it is among the arguments. Criterion does not know it.
fn asked_for_table() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip(1);
    arguments.find(|argument| argument == "--table")?;
    let is_word = |argument: &String| !argument.starts_with("--");
    Some(arguments.filter(is_word).collect())
}

/// The modules one after the other. What a module lacks is left out.
fn apart(criterion: &mut Criterion, modules: &[Module], operation: &Operation) {
    let mut group = criterion.benchmark_group(operation.name);
    group.sampling_mode(SamplingMode::Flat);
    for module in modules.iter().filter(|module| operation.applies(module)) {
        let mut subjects = None;
        group.bench_function(module.name, |bencher| {
            // Made when it is known that this one is wanted.
            match subjects.get_or_insert_with(|| operation.prepare(module)) {
                Some(subjects) => bencher.iter_custom(|passes| subjects.time(passes)),
                None => panic!("{} cannot be measured on {}", operation.name, module.name),
            }
        });
    }
    group.finish();
}
