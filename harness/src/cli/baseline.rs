//! `p11assay baseline`: how the cases of a module ended, kept, and compared with.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use p11assay_reports::baseline::Baseline;
use p11assay_reports::{exit, stream};

use super::waivers::evidence_of;
use super::{Failure, args};

/// Writes the baseline of a run, or compares the run with one.
pub(super) fn baseline(args: &args::Baseline) -> Result<i32, Failure> {
    let evidence = stream::read(&evidence_of(&args.run)).map_err(Failure::usage)?;
    let remaining = evidence.remaining().len();
    if remaining > 0 {
        let text =
            format!("{remaining} cases of the run were not executed: take it up with --resume");
        return Err(Failure::usage(text));
    }
    let now = Baseline::of(&evidence);
    if let Some(path) = &args.write {
        let written = File::create(path).and_then(|file| {
            let mut file = BufWriter::new(file);
            now.write(&mut file)?;
            file.flush()
        });
        written.map_err(|error| at(path, error))?;
        return Ok(exit::PASSED);
    }
    let Some(path) = &args.compare else {
        now.write(std::io::stdout().lock())
            .map_err(Failure::harness)?;
        return Ok(exit::PASSED);
    };
    let file = File::open(path).map_err(|error| at(path, error))?;
    let before = Baseline::read(BufReader::new(file)).map_err(|error| at(path, error))?;
    let mut out = std::io::stdout().lock();
    let same = before.subject == now.subject;
    if !same {
        let (before, now) = (&before.subject, &now.subject);
        let _ = writeln!(
            out,
            "the baseline is of {} {} (firmware {}, Cryptoki {}), the run of {} {} (firmware {}, Cryptoki {})",
            before.target,
            before.library,
            before.firmware,
            before.cryptoki,
            now.target,
            now.library,
            now.firmware,
            now.cryptoki,
        );
    }
    let changes = before.changes(&now);
    for change in &changes {
        let _ = writeln!(out, "{change}");
    }
    if changes.is_empty() {
        let _ = writeln!(out, "nothing changed");
        return Ok(exit::PASSED);
    }
    let plural = if changes.len() == 1 { "" } else { "s" };
    let _ = writeln!(out, "{} suite{plural} changed", changes.len());
    // Of another version changes are what to expect: they are told, and that is all.
    Ok(if same { exit::FINDINGS } else { exit::PASSED })
}

fn at(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}
