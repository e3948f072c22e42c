//! What comes before the first call of a case, and a whole run of the shipped profiles.
//!
//! Run with `cargo bench --bench start_up`. This program is also the worker that it starts.

use std::ffi::OsString;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::Criterion;
use p11assay::plan::shipped;
use p11assay::run::{Interrupt, Station};
use p11assay::target::step::Step;
use p11assay::target::{self, NoSequences, Overrides, Target};
use p11assay::worker::{ProcessState, Worker, WorkerOptions};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        p11assay::run::worker();
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    parts(&mut criterion);
    for name in ["builtin", "softhsm2"] {
        if let Err(reason) = station(&mut criterion, name) {
            eprintln!("SKIPPED: {name}: {reason}");
        }
    }
    profiles(&mut criterion);
    criterion.final_summary();
}

/// What a start and a case are made of.
fn parts(criterion: &mut Criterion) {
    let program = std::env::current_exe().expect("path of this program");
    let options = WorkerOptions::new(program, vec![OsString::from("worker")]);
    criterion.bench_function("worker ready", |bencher| {
        bencher.iter_with_large_drop(|| Worker::spawn(&options).expect("a worker"));
    });
    criterion.bench_function("shipped suites read", |bencher| {
        bencher.iter(|| black_box(shipped::suites(|_| true).expect("well formed")));
    });
    let before = ProcessState::capture();
    criterion.bench_function("process state audited", |bencher| {
        bencher.iter(|| before.diff(&ProcessState::capture()));
    });
}

/// A worker with the module loaded.
fn station(criterion: &mut Criterion, name: &str) -> Result<(), String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let mut target =
        Target::load(Some(name), &Overrides::default()).map_err(|error| words(&error))?;
    // What the token holds does not matter here: loading is measured.
    target
        .provision
        .retain(|step| !matches!(step, Step::Sequence(_)));
    let credentials = target.credentials().map_err(|error| words(&error))?;
    let token = target::provision(&target, &credentials, false, &mut NoSequences)
        .map_err(|error| words(&error))?;
    let interrupt = Interrupt::default();
    let start = || Station::start(&target, token.prepared(), &interrupt);
    start().map_err(|error| words(&error))?;
    criterion.bench_function(&format!("{name} loaded in a worker"), |bencher| {
        bencher.iter_with_large_drop(|| start().expect("it was loaded before"));
    });
    Ok(())
}

/// The command from its start to its end, with a run's folder and a JUnit report.
fn profiles(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut number = 0;
    criterion.bench_function(
        "p11assay run, all profiles on the built-in token",
        |bencher| {
            bencher.iter(|| {
                number += 1;
                run(&folder.path().join(number.to_string()));
            });
        },
    );
}

fn run(folder: &Path) {
    let status = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(["run", "profiles/*"])
        .arg("--junit")
        .arg(folder.with_extension("xml"))
        .arg("--run-dir")
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(status.success(), "{status}");
}
