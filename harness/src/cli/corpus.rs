//! `p11assay corpus`: what is done with the inputs that searches keep.

use std::io::Write;

use super::Failure;
use super::args::{CorpusCommand, Minimise};
use super::ground::{Ground, failure};
use super::target::{at_disposal, resolve};
use crate::fuzz::{Corpus, Kept, minimise};
use crate::run::Interrupt;
use p11assay_reports::exit;

/// Works on a corpus.
pub(super) fn corpus(command: &CorpusCommand) -> Result<i32, Failure> {
    match command {
        CorpusCommand::Minimise(args) => minimised(args),
    }
}

/// Writes the fewest inputs that lead everywhere to a new folder. What is in the old ones stays there.
fn minimised(args: &Minimise) -> Result<i32, Failure> {
    let (target, credentials) = resolve(&args.target)?;
    at_disposal(&target, &credentials, "fuzzing")?;
    let mut inputs = Vec::new();
    for folder in &args.folders {
        if !folder.is_dir() {
            let text = format!("{} is no folder of inputs", folder.display());
            return Err(Failure::usage(text));
        }
        inputs.extend(Corpus::open(folder).map_err(Failure::usage)?.1);
    }
    let (mut left, there) = Corpus::open(&args.into).map_err(Failure::usage)?;
    if !there.is_empty() {
        let text = "has inputs already: choose a new folder for those that are left";
        return Err(Failure::usage(format!("{} {text}", args.into.display())));
    }
    let interrupt = Interrupt::default();
    let _signal = super::session::watch_signals(&interrupt)?;
    let mut ground = Ground::new(&target, &credentials, 1, &interrupt)?;
    let setting = ground.setting(&args.input)?;
    let functions = ground.follow(&args.coverage)?;
    let (count, pair) = (inputs.len(), &mut ground.pairs[0]);
    let found = minimise(pair, &setting, inputs, functions, &interrupt);
    let found = found.map_err(|error| failure(error, &credentials))?;
    let kept = found.kept.len();
    for bytes in found.kept {
        let dear = false;
        left.add(Kept { bytes, dear }).map_err(Failure::usage)?;
    }
    let _ = writeln!(
        std::io::stdout(),
        "{kept} of {count} inputs lead everywhere, to {}; {} show something wrong and were left out",
        [
            vec![format!("{} features", found.features)],
            found.functions.summary()
        ]
        .concat()
        .join(", "),
        found.wrong
    );
    Ok(exit::PASSED)
}
