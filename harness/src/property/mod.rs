//! Property tests: laws that hold of any token, asked of keys, inputs and calls that are drawn.
//!
//! A [`Property`] draws questions, each a sequence whose expectations are the law; [`driver`] runs them on a
//! target in batches, judges them as cases are judged, and makes what fails as small as it gets. The
//! choices are proptest's strategies, and so are their seeds and their shrinking; what to ask is made of
//! the choices by rules that fit whatever the target lists ([`ground`]), so that every draw is a case.

mod agreement;
mod attributes;
mod cipher;
mod cross;
mod derivation;
mod digest;
mod draw;
pub mod driver;
mod failure;
mod ground;
mod import;
mod input;
mod key;
mod length;
mod machine;
mod mark;
mod message;
mod pair;
mod party;
mod purge;
mod question;
mod random;
mod relay;
pub mod save;
mod script;
mod search;
pub mod seeds;
mod session;
mod shrink;
mod signature;
mod table;
pub mod tally;
mod wrapping;

pub use ground::Ground;
pub use party::Party;
pub use question::{Question, clause};
pub use table::{Property, UnknownProperty, all, chosen};
