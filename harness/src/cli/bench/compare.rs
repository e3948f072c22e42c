//! `p11assay bench compare`: two runs, or two targets by turns.

use std::io::Write;
use std::path::Path;

use p11assay_reports::bench::{self, Comparison};
use p11assay_reports::exit;
use p11assay_reports::terminal::Verbosity;

use super::super::Failure;
use super::super::args::{BenchCompare, TargetArgs};
use super::super::progress::Bar;
use super::super::session::watch_signals;
use super::super::target::resolve;
use super::{Reached, gated, reach, select};
use crate::bench::compare::{TooNoisy, compare};
use crate::bench::drive::{DriveError, Planned};
use crate::bench::paired::{self, Contender, Pace, PairedError};
use crate::plan::names;
use crate::run::{Interrupt, StationError};

/// Compares two records.
pub(super) fn runs(args: &BenchCompare) -> Result<i32, Failure> {
    let read = |path: &str| bench::read(Path::new(path)).map_err(Failure::usage);
    let (mut before, mut after) = (read(&args.before)?, read(&args.after)?);
    let meant = |id: &str| {
        let short = id.strip_prefix("bench/").unwrap_or(id);
        let mut patterns = args.only.iter();
        args.only.is_empty() || patterns.any(|glob| names(glob, id) || names(glob, short))
    };
    before.entries.retain(|entry| meant(&entry.id));
    after.entries.retain(|entry| meant(&entry.id));
    let comparison = compare(&before, &after, args.gate)
        .map_err(|error| too_noisy(&error, ", or measure both by turns with `--paired`"))?;
    if comparison.entries.is_empty() {
        return Err(Failure {
            message: "the two runs have no benchmark in common that both measured".to_owned(),
            code: exit::NOTHING_SELECTED,
        });
    }
    told(args, &comparison)
}

/// Measures two targets by turns, and compares.
pub(super) fn paired(args: &BenchCompare) -> Result<i32, Failure> {
    let benchmarks = select(&args.only, false)?;
    let interrupt = Interrupt::default();
    let _signal = watch_signals(&interrupt)?;
    let mut reached = Vec::new();
    for name in [&args.before, &args.before, &args.after] {
        let flags = TargetArgs {
            target: Some(name.clone()),
            ..TargetArgs::default()
        };
        let (target, credentials) = resolve(&flags)?;
        reached.push(reach(&target, &credentials, &interrupt, false)?);
    }
    let Ok([mut first, again, mut second]) = <[Reached; 3]>::try_from(reached) else {
        return Err(Failure::harness("not three workers"));
    };
    // What applies to one and not to the other is left out, with the reason.
    let one = gated(benchmarks.clone(), &mut first);
    let two = gated(benchmarks, &mut second);
    let both = one.into_iter().zip(two).map(|(one, two)| Planned {
        benchmark: one.benchmark,
        unmet: one.unmet.or(two.unmet),
    });
    let planned: Vec<Planned> = both.collect();
    let tokens = (first._token, again._token, second._token);
    let contender = |name: &str, station, given| Contender {
        name: name.to_owned(),
        station,
        given,
    };
    let mut contenders = [
        contender(&args.before, first.station, first.given),
        contender(&args.before, again.station, again.given),
        contender(&args.after, second.station, second.given),
    ];
    let pace = match args.quick {
        true => Pace {
            rounds: 3,
            slices: 9,
            slice_ns: 1_000_000,
        },
        false => Pace {
            rounds: 5,
            slices: 21,
            slice_ns: 2_000_000,
        },
    };
    let mut bar = Bar::of(planned.len() * pace.rounds, Verbosity::Normal);
    let mut begins = |_: u32, id: &str| {
        bar.step(id.to_owned());
    };
    let compared = paired::run(&mut contenders, &planned, pace, args.gate, &mut begins);
    bar.finish();
    drop(tokens);
    let comparison = compared.map_err(|error| match error {
        PairedError::TooNoisy(error) => too_noisy(&error, ""),
        PairedError::Drive(DriveError::Station(StationError::Cancelled)) => Failure::stopped(),
        PairedError::Drive(error) => Failure::target(error),
    })?;
    if comparison.entries.is_empty() {
        return Err(Failure {
            message: format!(
                "nothing could be compared: {}",
                comparison.left_out.join("; ")
            ),
            code: exit::NOTHING_SELECTED,
        });
    }
    told(args, &comparison)
}

/// A gate that cannot be kept, with what else may be done.
fn too_noisy(error: &TooNoisy, or: &str) -> Failure {
    Failure {
        message: format!("{error}{or}"),
        code: exit::TARGET_UNUSABLE,
    }
}

/// Shows and writes a comparison; gives the exit code.
fn told(args: &BenchCompare, comparison: &Comparison) -> Result<i32, Failure> {
    if let Some(path) = &args.json {
        bench::write(path, comparison).map_err(Failure::usage)?;
    }
    let _ = writeln!(std::io::stdout(), "{}", bench::comparison(comparison));
    let (mut regressed, mut undecided) = (comparison.regressed(), comparison.undecided());
    Ok(match (regressed.next(), undecided.next()) {
        (Some(_), _) => exit::FINDINGS,
        (None, Some(_)) => exit::TARGET_UNUSABLE,
        (None, None) => exit::PASSED,
    })
}
