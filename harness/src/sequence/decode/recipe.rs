//! The choice of a recipe by the tape.

use super::tape::Tape;
use crate::sequence::recipe::{Recipe, keys, objects, public_points};
pub(super) use crate::sequence::recipe::{dh_public, generation, made, open};

/// Any object.
pub(super) fn object(tape: &mut Tape<'_>) -> &'static Recipe {
    tape.pick(objects()).unwrap_or(&objects()[0])
}

/// An object of one of these key types and of this class, if there is a recipe for one.
pub(super) fn key(tape: &mut Tape<'_>, class: u64, key_types: &[u64]) -> Option<&'static Recipe> {
    let fitting: Vec<&Recipe> = keys(class, key_types).collect();
    tape.pick(&fitting).copied()
}

/// Another party's public value, for ECDH on P-256 or X25519.
pub(super) fn public_point(tape: &mut Tape<'_>) -> Vec<u8> {
    let [last, ..] = public_points();
    tape.pick(&public_points()).cloned().unwrap_or(last)
}
