//! The choice of a recipe by the tape.

use super::Setting;
use super::tape::Tape;
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::Attribute;
use crate::sequence::recipe::{Recipe, generation_of, keys, larger, objects, public_points};
pub(super) use crate::sequence::recipe::{dh_public, made, open};

/// Any object; a larger key in place of one that is too small for all mechanisms of the token.
pub(super) fn object(setting: &Setting<'_>, tape: &mut Tape<'_>) -> &'static Recipe {
    let recipe = tape.pick(objects()).unwrap_or(&objects()[0]);
    let taken = |recipe: &Recipe| {
        let size = recipe.size();
        size.is_none_or(|size| setting.served().some_takes(recipe.key_type, size))
    };
    if taken(recipe) {
        return recipe;
    }
    let key_types = [recipe.key_type];
    let mut larger = larger(recipe.class, &key_types);
    larger.find(|larger| taken(larger)).unwrap_or(recipe)
}

/// A key of this class for a mechanism, if there is a recipe for one: the cheapest of those whose size the token says
/// that the mechanism takes, or any, since some tokens tell sizes in another unit than the standard's.
pub(super) fn key(
    setting: &Setting<'_>,
    tape: &mut Tape<'_>,
    class: u64,
    row: &Mechanism,
) -> Option<&'static Recipe> {
    let takes = |recipe: &&Recipe| {
        let size = recipe.size();
        size.is_none_or(|size| setting.served().takes(row.value, size))
    };
    let usual = || keys(class, &row.key_types);
    let mut fitting: Vec<&Recipe> = usual().filter(takes).collect();
    if fitting.is_empty() {
        let mut larger = larger(class, &row.key_types);
        fitting.extend(larger.find(takes));
    }
    if fitting.is_empty() {
        fitting.extend(usual());
    }
    tape.pick(&fitting).copied()
}

/// The template with which a mechanism generates a key of its type, of the cheapest size that it takes.
pub(super) fn generation(setting: &Setting<'_>, row: &Mechanism) -> Vec<Attribute> {
    let takes = |size| setting.served().takes(row.value, size);
    let key_type = row.key_types.first();
    key_type.map_or_else(Vec::new, |key_type| generation_of(*key_type, takes))
}

/// Another party's public value, for ECDH on P-256 or X25519.
pub(super) fn public_point(tape: &mut Tape<'_>) -> Vec<u8> {
    let [last, ..] = public_points();
    tape.pick(&public_points()).cloned().unwrap_or(last)
}
