//! HSS: [PKCS11-Base 3.2] section 6.65, over RFC 8554. Verification alone: signing keeps a state
//! that no copy of a key may share. This file owns the hierarchy of trees and the keys; one tree is
//! the `lms-signature` crate's, which has the parameter sets with SHA-256 and 32 bytes, up to
//! a height of 10: above, its private keys would be arrays of unheard-of length.

use cryptoki_sys::*;
use dsa::signature::Verifier;
use lms_signature::lms::{LmsMode, LmsSha256M32H5, LmsSha256M32H10, Signature, VerifyingKey};
use lms_signature::ots::{
    LmsOtsSha256N32W1, LmsOtsSha256N32W2, LmsOtsSha256N32W4, LmsOtsSha256N32W8,
};

use super::once::{self, Stateful};
use super::settle::settle_public_info;
use super::{Entry, Family, Form, Mechanism, Verifying, der};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The HSS mechanism.
pub(super) struct Hss;

/// Section 6.65.5: the sizes are not used.
static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_HSS,
    sizes: (0, 0),
    flags: CKF_VERIFY,
    form: Form::None,
    keys: &[CKK_HSS],
}];

/// DER of id-alg-hss-lms-hashsig, RFC 9708.
const HSS_LMS: [u8; 13] = [
    0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x11,
];

/// Bytes of the public key of a tree: two types, an identifier and a root.
const TREE_KEY: usize = 56;

/// Checks one tree's signature of a message.
type Check = fn(public: &[u8], message: &[u8], signature: &[u8]) -> bool;

/// A tree: RFC 8554 sections 4.1 and 5.1.
struct Tree {
    lms: u32,
    ots: u32,
    /// Elements of a one-time signature, besides its randomizer.
    elements: usize,
    height: usize,
    check: Check,
}

fn check<M: LmsMode>(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = VerifyingKey::<M>::try_from(public);
    let signature = Signature::<M>::try_from(signature);
    match (key, signature) {
        (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
        _ => false,
    }
}

/// The trees of one height, with each one-time signature.
macro_rules! trees {
    ($(($lms:literal, $height:literal, $mode:ident)),*) => {
        [$(
            Tree { lms: $lms, ots: 1, elements: 265, height: $height, check: check::<$mode<LmsOtsSha256N32W1>> },
            Tree { lms: $lms, ots: 2, elements: 133, height: $height, check: check::<$mode<LmsOtsSha256N32W2>> },
            Tree { lms: $lms, ots: 3, elements: 67,  height: $height, check: check::<$mode<LmsOtsSha256N32W4>> },
            Tree { lms: $lms, ots: 4, elements: 34,  height: $height, check: check::<$mode<LmsOtsSha256N32W8>> },
        )*]
    };
}

static TREES: [Tree; 8] = trees![(5, 5, LmsSha256M32H5), (6, 10, LmsSha256M32H10)];

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

impl Tree {
    /// The tree of a public key.
    fn of(public: &[u8]) -> Option<&'static Tree> {
        let (lms, rest) = word(public)?;
        let (ots, _) = word(rest)?;
        TREES.iter().find(|tree| tree.lms == lms && tree.ots == ots)
    }

    /// Bytes of a signature: number, one-time signature with type and randomizer, type and path.
    fn signature(&self) -> usize {
        4 + (4 + 32 + 32 * self.elements) + 4 + 32 * self.height
    }
}

/// Levels and the key of the topmost tree; CKR_ATTRIBUTE_VALUE_INVALID if it is no such key, and
/// CKR_PARAMETER_SET_NOT_SUPPORTED if it is one of SP 800-208 that is not here.
fn parsed(value: &[u8]) -> Result<(u32, &[u8], &'static Tree)> {
    let invalid = || refusal(CKR_ATTRIBUTE_VALUE_INVALID);
    let (levels, key) = word(value).ok_or_else(invalid)?;
    ensure((1..=8).contains(&levels), CKR_ATTRIBUTE_VALUE_INVALID)?;
    let (lms, _) = word(key).ok_or_else(invalid)?;
    let tree = Tree::of(key).ok_or(match lms {
        5..=24 => refusal(CKR_PARAMETER_SET_NOT_SUPPORTED),
        _ => invalid(),
    })?;
    ensure(key.len() == TREE_KEY, CKR_ATTRIBUTE_VALUE_INVALID)?;
    Ok((levels, key, tree))
}

/// RFC 8554 section 6.3: each tree signs the key of the next, and the last one the message.
fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
    let length = || refusal(CKR_SIGNATURE_LEN_RANGE);
    let (levels, mut key, mut tree) = parsed(value)?;
    let (signed, mut rest) = word(signature).ok_or_else(length)?;
    if signed != levels - 1 {
        return Ok(false);
    }
    for _ in 0..signed {
        let (signature, more) = rest.split_at_checked(tree.signature()).ok_or_else(length)?;
        let (next, more) = more.split_at_checked(TREE_KEY).ok_or_else(length)?;
        if !(tree.check)(key, next, signature) {
            return Ok(false);
        }
        let Some(next_tree) = Tree::of(next) else {
            return Ok(false);
        };
        (key, tree, rest) = (next, next_tree, more);
    }
    ensure(rest.len() == tree.signature(), CKR_SIGNATURE_LEN_RANGE)?;
    Ok((tree.check)(key, message, rest))
}

impl Stateful for Hss {
    fn verify(value: &[u8], message: &[u8], signature: &[u8]) -> Result<bool> {
        verify(value, message, signature)
    }
}

/// Checks a public key object and adds what follows from its value.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let value = key.bytes(CKA_VALUE).to_vec();
    let (levels, _, tree) = parsed(&value)?;
    key.set(CKA_HSS_LEVELS, Value::ulong(CK_ULONG::from(levels)));
    key.set(CKA_HSS_LMS_TYPE, Value::ulong(CK_ULONG::from(tree.lms)));
    key.set(CKA_HSS_LMOTS_TYPE, Value::ulong(CK_ULONG::from(tree.ots)));
    let algorithm = der::sequence(&[&HSS_LMS]);
    let info = der::sequence(&[&algorithm, &der::bit_string(&value)]);
    settle_public_info(key, info, Some(CKA_VALUE))
}

/// The table has no private keys of this type, so none comes here.
pub(super) fn settle_private(_: &mut Attributes) -> Result<()> {
    refuse(CKR_ATTRIBUTE_VALUE_INVALID)
}

impl Family for Hss {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn verify(&self, _: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(once::verify::<Hss>(key))
    }
}
