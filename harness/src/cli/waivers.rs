//! `p11assay waivers`: drafts for the findings of a run.

use std::io::Write as _;
use std::path::Path;

use p11assay_reports::{exit, stream};

use super::Failure;
use super::args;
use super::session::EVIDENCE;
use crate::plan::{Draft, Waivers};

/// Writes the draft.
pub(super) fn waivers(args: &args::Waivers) -> Result<i32, Failure> {
    let evidence = stream::read(&evidence_of(&args.run)).map_err(Failure::usage)?;
    let draft = Draft {
        owner: args.owner.clone(),
        expires: args.expires.clone(),
    };
    if let Some(day) = draft.expires.as_deref().filter(|day| !Waivers::is_day(day)) {
        let text = format!("--expires {day}: that is no date; write it as in 2027-01-31");
        return Err(Failure::usage(text));
    }
    let text = draft.write(&evidence).map_err(Failure::harness)?;
    let open = evidence.counts().findings();
    match &args.write {
        Some(path) if open > 0 => create(path, &text)?,
        _ => {
            let _ = std::io::stdout().write_all(text.as_bytes());
        }
    }
    let advice = if open > 0 {
        "give each waiver a reason: without one it is refused"
    } else {
        "no finding is without a waiver"
    };
    eprintln!("{open} findings are not waived; {advice}");
    Ok(exit::PASSED)
}

/// The evidence in a run's folder, or the file itself.
pub(super) fn evidence_of(run: &Path) -> std::path::PathBuf {
    if run.is_dir() {
        run.join(EVIDENCE)
    } else {
        run.to_owned()
    }
}

/// Waivers that people wrote are never overwritten.
fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = std::fs::File::create_new(path).map_err(|error| {
        let shown = path.display();
        Failure::usage(format!(
            "{shown} cannot be made: {error}; without --write the draft goes to standard output"
        ))
    })?;
    file.write_all(text.as_bytes()).map_err(Failure::usage)
}
