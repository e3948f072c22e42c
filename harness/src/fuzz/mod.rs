//! Call sequences made from bytes: what fuzz targets are a few lines over, and the driver that looks for
//! sequences by which a target shows that something is wrong with it.
//!
//! [`InProcess`] runs the built-in token in this process, for engines that bring their own feedback.
//! [`search`] runs any target in workers: inputs ([`tapes`]) that show something new ([`novelty`]) are
//! kept and changed, those that reach new [`functions`] of a closed module, too. Each is run in variants ([`vary`]), for
//! which target and model have a [`line`] each. The reference token beside the target ([`pair`]) tells what cannot be
//! right ([`suspect`]), and of lanes what is wrong whatever the order of their calls ([`together`], [`apart`]); what is wrong is shown
//! again and made short ([`mod@look`], [`mod@shrink`]) and a case ([`finding`]).

mod apart;
mod class;
mod corpus;
mod finding;
mod functions;
mod in_process;
mod leak;
mod line;
pub mod look;
mod minimise;
mod novelty;
pub mod pair;
pub mod search;
pub mod shrink;
mod state;
mod suspect;
mod tapes;
mod together;
mod vary;

pub use corpus::{Corpus, CorpusError, Kept};
pub use functions::Functions;
pub use in_process::{Finding, InProcess, Summary};
pub use minimise::{Minimised, minimise};
pub use suspect::{Suspect, What};
