//! What the PRF of IKE is applied to: a derivation of section 6.64 each.

use cryptoki_sys::*;

use crate::attributes::{Attributes, Value};
use crate::mechanisms::prf::Prf;
use crate::mechanisms::{Derivation, Inheritance, Named, Product};
use crate::rv::{Result, ensure, refusal};

/// Keys of a Diffie-Hellman exchange are generic secrets.
fn check_generic(key: &Attributes) -> Result<()> {
    let generic = key.ulong(CKA_KEY_TYPE) == Some(CKK_GENERIC_SECRET);
    ensure(generic, CKR_KEY_TYPE_INCONSISTENT)
}

/// The value of a key of an exchange; nothing of one that is not there.
fn exchanged_value(key: Option<&Named>) -> Result<&[u8]> {
    match key {
        Some(key) => {
            check_generic(key.key()?)?;
            key.value()
        }
        None => Ok(&[]),
    }
}

/// Output of a PRF fed back: each block covers the one before, `tail`, and what `last` appends.
fn feedback(
    prf: &Prf,
    key: &[u8],
    tail: &[&[u8]],
    length: usize,
    last: impl Fn(u8) -> Vec<u8>,
) -> Result<Vec<u8>> {
    let most = 255 * prf.length(key)?;
    ensure(length <= most, CKR_KEY_SIZE_RANGE)?;
    let mut output = Vec::new();
    let mut block = Vec::new();
    for number in 1..=255 {
        if output.len() >= length {
            break;
        }
        block = prf.apply(key, &[&block, &tail.concat(), &last(number)])?;
        output.extend_from_slice(&block);
    }
    output.truncate(length);
    Ok(output)
}

/// Section 6.64.3.
pub(super) fn initial(
    asked: &Derivation,
    prf: &Prf,
    (data_as_key, nonces, new_key): (bool, &[u8], Option<&Named>),
) -> Result<Product> {
    // The section names this code, of all, for the two flags together.
    ensure(!data_as_key || new_key.is_none(), CKR_ARGUMENTS_BAD)?;
    let base = asked.secret()?;
    let value = match data_as_key {
        true => {
            check_generic(asked.base)?;
            prf.apply(nonces, &[base])?
        }
        false => {
            prf.check_key(asked.base)?;
            prf.apply(base, &[exchanged_value(new_key)?, nonces])?
        }
    };
    let whole = asked.own.bytes().is_none_or(|length| length == value.len());
    ensure(whole, CKR_KEY_SIZE_RANGE)?;
    Ok(Product::secret(value).by_default(CKA_KEY_TYPE, Value::ulong(prf.key_type())))
}

/// Section 6.64.5, with the recurrence of RFC 7296 section 2.13: the standard's own lines leave
/// out the seed in the last and repeat an index.
pub(super) fn plus(
    asked: &Derivation,
    prf: &Prf,
    seed_key: Option<&Named>,
    seed: &[u8],
) -> Result<Product> {
    prf.check_key(asked.base)?;
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let seed_key = seed_key.map_or(Ok(&[][..]), Named::value)?;
    let key = asked.secret()?;
    let value = feedback(prf, key, &[seed_key, seed], length, |number| vec![number])?;
    Ok(Product::secret(value).generic_by_default())
}

/// Section 6.64.4.
pub(super) fn first(
    asked: &Derivation,
    prf: &Prf,
    (exchanged, previous): (&Named, Option<&Named>),
    (cookies, number): (&[u8], u8),
) -> Result<Product> {
    prf.check_key(asked.base)?;
    ensure(asked.own.key_type.is_some(), CKR_TEMPLATE_INCOMPLETE)?;
    let previous = previous.map_or(Ok(&[][..]), Named::value)?;
    let exchanged = exchanged_value(Some(exchanged))?;
    let mut value = prf.apply(asked.secret()?, &[previous, exchanged, cookies, &[number]])?;
    let length = asked.own.bytes().unwrap_or(value.len());
    ensure(length <= value.len(), CKR_KEY_SIZE_RANGE)?;
    value.truncate(length);
    Ok(Product::secret(value))
}

/// Section 6.64.6. It can give out the base key itself, and the standard has no rule of inheritance
/// for it: the new key is kept as close as the base key.
pub(super) fn extended(
    asked: &Derivation,
    prf: &Prf,
    exchanged: Option<&Named>,
    extra: &[u8],
) -> Result<Product> {
    prf.check_key(asked.base)?;
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let key = asked.secret()?;
    let value = if exchanged.is_none() && length <= prf.length(key)? {
        key.get(..length)
            .ok_or(refusal(CKR_KEY_SIZE_RANGE))?
            .to_vec()
    } else {
        let first: &[u8] = match (exchanged, extra) {
            (None, []) => &[0],
            _ => &[],
        };
        let tail = [exchanged_value(exchanged)?, extra];
        feedback(prf, key, &tail, length, |number| match number {
            1 => first.to_vec(),
            _ => Vec::new(),
        })?
    };
    let product = Product::secret(value).generic_by_default();
    Ok(product.inheriting(Inheritance::Sticky))
}
