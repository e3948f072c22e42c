//! Workers against the hostile module: whatever it does, the parent knows what happened and loses
//! nothing. This program is also the worker: started with `worker` it serves `worker/target.rs`.

#[path = "worker/kit.rs"]
mod kit;
#[path = "worker/target.rs"]
mod target;

// What instrumented modules call: they are loaded into this program, too.
#[path = "../src/callbacks.rs"]
mod callbacks;
#[path = "worker/crashes.rs"]
mod crashes;
#[path = "worker/edges.rs"]
mod edges;
#[path = "worker/hangs.rs"]
mod hangs;
#[path = "worker/histories.rs"]
mod histories;
#[path = "worker/lives.rs"]
mod lives;
#[path = "worker/reached.rs"]
mod reached;
#[path = "worker/states.rs"]
mod states;

use libtest_mimic::{Arguments, Trial};

/// A test and its name.
type Test = (&'static str, fn());

fn main() -> std::process::ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("worker") => target::serve(),
        Some("parent") => lives::parent(),
        _ => {}
    }
    let suites = [
        ("crashes", crashes::TESTS),
        ("edges", edges::TESTS),
        ("hangs", hangs::TESTS),
        ("histories", histories::TESTS),
        ("lives", lives::TESTS),
        ("reached", reached::TESTS),
        ("states", states::TESTS),
    ];
    let trials = suites.into_iter().flat_map(|(suite, tests)| {
        tests.iter().map(move |(name, test)| {
            Trial::test(format!("{suite}::{name}"), move || {
                test();
                Ok(())
            })
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// The tests of a file, each under the name of its function.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const TESTS: &[crate::Test] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use tests;
