//! For tests: mechanisms found and run as the token does, on whole inputs and on parts of many
//! lengths, which must all come to the same.

use cryptoki_sys::*;

use super::{Ciphering, Mechanism, Parameter, find_for};
use crate::attributes::{Attributes, Value};
use crate::rv::Result;

/// Lengths of parts that fall on, before and after the boundaries of blocks.
const PARTS: [usize; 3] = [1, 16, 17];

pub(super) fn mechanism(kind: CK_MECHANISM_TYPE, parameter: Parameter) -> Mechanism {
    Mechanism { kind, parameter }
}

/// A mechanism without a parameter.
pub(super) fn plain(kind: CK_MECHANISM_TYPE) -> Mechanism {
    mechanism(kind, Parameter::None)
}

/// A mechanism whose parameter is a vector.
pub(super) fn with_iv(kind: CK_MECHANISM_TYPE, iv: &[u8]) -> Mechanism {
    mechanism(kind, Parameter::Bytes(iv.to_vec()))
}

fn key_object(value: &[u8]) -> Attributes {
    let value = Value::Bytes(value.to_vec());
    [(CKA_VALUE, value)].into_iter().collect()
}

fn begin(encrypting: bool, mechanism: &Mechanism, key: &[u8]) -> Result<Box<dyn Ciphering>> {
    let key = key_object(key);
    let flag = if encrypting { CKF_ENCRYPT } else { CKF_DECRYPT };
    let (family, _) = find_for(mechanism.kind, flag)?;
    match encrypting {
        true => family.encrypt(mechanism, &key),
        false => family.decrypt(mechanism, &key),
    }
}

fn in_parts(mut work: Box<dyn Ciphering>, data: &[u8], part: usize) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    for (place, part) in data.chunks(part).enumerate() {
        let promised = work.update_length(part.len());
        // What was there goes on as its copy would.
        let copy = (place == 1).then(|| work.duplicate().update(part));
        let given = work.update(part)?;
        assert_eq!(given.len(), promised);
        assert!(copy.is_none_or(|copy| copy.as_ref() == Ok(&given)));
        output.extend(given);
        if place == 2 {
            work = work.duplicate();
        }
    }
    let room = work.bound(0);
    let last = work.finish()?;
    assert!(last.len() <= room);
    output.extend(last);
    Ok(output)
}

/// An encryption or decryption, of which every way of cutting the input gives the same.
pub(super) fn cipher(
    encrypting: bool,
    mechanism: &Mechanism,
    key: &[u8],
    data: &[u8],
) -> Result<Vec<u8>> {
    let start = begin(encrypting, mechanism, key)?;
    let (room, in_one) = (start.bound(data.len()), !start.is_multipart());
    let whole = in_parts(start, data, data.len().max(1));
    if let Ok(whole) = &whole {
        assert!(whole.len() <= room);
    }
    for part in PARTS.iter().filter(|_| !in_one) {
        let parts = in_parts(begin(encrypting, mechanism, key)?, data, *part);
        assert_eq!(parts, whole, "{:#x} in parts of {part}", mechanism.kind);
    }
    whole
}

/// Both directions between a plaintext and its ciphertext.
pub(super) fn both(mechanism: &Mechanism, key: &[u8], plaintext: &[u8], ciphertext: &[u8]) {
    let name = format!("{:#x}", mechanism.kind);
    let encrypted = cipher(true, mechanism, key, plaintext);
    assert_eq!(encrypted.as_deref(), Ok(ciphertext), "{name}");
    let decrypted = cipher(false, mechanism, key, ciphertext);
    assert_eq!(decrypted.as_deref(), Ok(plaintext), "{name}");
}

/// A signature, of which every way of cutting the input gives the same, and which verifies.
pub(super) fn sign(mechanism: &Mechanism, key: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    let key = key_object(key);
    let (family, _) = find_for(mechanism.kind, CKF_SIGN)?;
    let run = |part: usize| {
        let mut work = family.sign(mechanism, &key)?;
        for part in data.chunks(part) {
            work.update(part)?;
        }
        let length = work.length();
        let signature = work.finish()?;
        assert_eq!(signature.len(), length);
        Ok(signature)
    };
    let whole = run(data.len().max(1))?;
    for part in PARTS {
        assert_eq!(run(part).as_ref(), Ok(&whole), "in parts of {part}");
    }
    let check = |signature: &[u8]| {
        let (family, _) = find_for(mechanism.kind, CKF_VERIFY)?;
        let mut work = family.verify(mechanism, &key)?;
        work.update(data)?;
        work.finish(signature)
    };
    assert_eq!(check(&whole), Ok(()));
    let mut damaged = whole.clone();
    damaged[0] ^= 1;
    let refused = |signature: &[u8]| check(signature).unwrap_err().code();
    assert_eq!(refused(&damaged), CKR_SIGNATURE_INVALID);
    assert_eq!(refused(&whole[1..]), CKR_SIGNATURE_LEN_RANGE);
    Ok(whole)
}

/// A digest, of which every way of cutting the input gives the same, also on a copy of the state.
pub(super) fn digest(mechanism: &Mechanism, data: &[u8]) -> Result<Vec<u8>> {
    let (family, _) = find_for(mechanism.kind, CKF_DIGEST)?;
    let run = |part: usize| {
        let mut work = family.digest(mechanism)?;
        for part in data.chunks(part) {
            work.update(part);
            work = work.duplicate();
        }
        let length = work.length();
        let digest = work.finish();
        assert_eq!(digest.len(), length);
        Ok(digest)
    };
    let whole = run(data.len().max(1))?;
    for part in PARTS {
        assert_eq!(run(part).as_ref(), Ok(&whole), "in parts of {part}");
    }
    Ok(whole)
}
