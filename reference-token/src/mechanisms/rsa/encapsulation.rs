//! Encapsulation with RSA: [PKCS11-Base 3.2] sections 6.1.6, 6.1.8 and 6.1.12. A secret of the template's
//! length under a padding, or without one RSASVE of NIST SP 800-56B section 7.2.1.

use cryptoki_sys::*;

use super::key::{PrivateKey, PublicKey};
use super::padding::Encryption;
use crate::mechanisms::random;
use crate::rv::{Result, ensure, refusal};

/// Ciphertext and secret.
pub(super) fn encapsulate(
    encryption: Encryption,
    key: &PublicKey,
    length: Option<usize>,
) -> Result<(Vec<u8>, Vec<u8>)> {
    if let Encryption::None = encryption {
        let (ciphertext, secret) = raw(key)?;
        return Ok((ciphertext, ending(secret, length, CKR_KEY_SIZE_RANGE)?));
    }
    let length = length.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let most = encryption.capacity(key.length());
    let fits = most.is_some_and(|most| (1..=most).contains(&length));
    ensure(fits, CKR_KEY_SIZE_RANGE)?;
    let secret = random(length)?;
    let representative = encryption.encode(&secret, key.length())?;
    let ciphertext = key.apply(&representative);
    Ok((ciphertext.ok_or(refusal(CKR_FUNCTION_FAILED))?, secret))
}

/// The secret in a ciphertext.
pub(super) fn decapsulate(
    encryption: Encryption,
    key: &PrivateKey,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<Vec<u8>> {
    let width = key.public().length();
    ensure(ciphertext.len() == width, CKR_WRAPPED_KEY_LEN_RANGE)?;
    let representative = key.apply(ciphertext)?;
    let representative = representative.ok_or(refusal(CKR_WRAPPED_KEY_INVALID))?;
    let secret = encryption.decode(&representative)?;
    if let Encryption::None = encryption {
        return ending(secret, length, CKR_WRAPPED_KEY_LEN_RANGE);
    }
    // One code for a padding that is wrong and a length that is: they are not to be told apart.
    let agrees = length.is_none_or(|length| length == secret.len());
    ensure(agrees && !secret.is_empty(), CKR_WRAPPED_KEY_INVALID)?;
    Ok(secret)
}

/// RSASVE.GENERATE: a number from 2 to the modulus less 2, and what becomes of it.
fn raw(key: &PublicKey) -> Result<(Vec<u8>, Vec<u8>)> {
    loop {
        let mut secret = random(key.length())?;
        secret[0] &= 0xff >> (8 * key.length() - key.bits());
        let ends = |number: &[u8]| {
            let (last, lead) = number.split_last().unwrap_or((&0, &[]));
            *last < 2 && lead.iter().all(|byte| *byte == 0)
        };
        // Above the modulus there is no complement, and what is next to it has one of 0 or 1.
        let Some(complement) = key.complement(&secret) else {
            continue;
        };
        if let (false, false, Some(ciphertext)) =
            (ends(&secret), ends(&complement), key.apply(&secret))
        {
            return Ok((ciphertext, secret));
        }
    }
}

/// Section 6.1.12: as many bytes as are wanted, from the end.
fn ending(mut secret: Vec<u8>, length: Option<usize>, code: CK_RV) -> Result<Vec<u8>> {
    let length = length.unwrap_or(secret.len());
    ensure((1..=secret.len()).contains(&length), code)?;
    Ok(secret.split_off(secret.len() - length))
}
