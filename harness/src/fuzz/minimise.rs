//! A corpus with the fewest inputs that still lead everywhere: the shortest first, each that shows nothing new
//! left out.

use super::functions::Functions;
use super::novelty::Novelty;
use super::pair::Pair;
use super::search::{BATCH, SearchError};
use crate::run::{Interrupt, StationError};
use crate::sequence::Call;
use crate::sequence::decode::{Decoded, Setting, decode};

/// What became of a corpus.
#[derive(Debug, Default)]
pub struct Minimised {
    /// The inputs that are left.
    pub kept: Vec<Vec<u8>>,
    /// How many show something wrong: a corpus is of what leads on, findings have their reproducers.
    pub wrong: usize,
    /// Features that they show.
    pub features: usize,
    /// Functions that they reach, if they are followed.
    pub functions: Functions,
}

/// Runs the inputs, and keeps those that show something that no shorter one does.
///
/// # Errors
/// If a station cannot go on, or the search was stopped.
pub fn minimise(
    pair: &mut Pair,
    setting: &Setting<'_>,
    mut inputs: Vec<Vec<u8>>,
    functions: Functions,
    interrupt: &Interrupt,
) -> Result<Minimised, SearchError> {
    inputs.sort_by_key(Vec::len);
    let mut novelty = Novelty::default();
    let mut minimised = Minimised {
        functions,
        ..Minimised::default()
    };
    for batch in inputs.chunks(BATCH as usize) {
        if interrupt.is_raised() {
            return Err(SearchError::Station(StationError::Cancelled));
        }
        let decoded: Vec<Decoded> = batch.iter().map(|input| decode(input, setting)).collect();
        let outcomes = pair.run(&decoded)?;
        let reached = pair.target.station.take_reached();
        let reached = minimised.functions.add(&reached);
        for ((input, decoded), outcome) in batch.iter().zip(&decoded).zip(outcomes) {
            if outcome.suspect.is_some() {
                minimised.wrong += 1;
                continue;
            }
            let calls: Vec<&Call> = decoded.sequence.calls().collect();
            let new = novelty.add(&calls, &outcome.ran.trace);
            if new > 0 || reached.contains_key(&outcome.ran.number) {
                minimised.kept.push(input.clone());
            }
        }
    }
    minimised.features = novelty.count();
    Ok(minimised)
}
