//! Key material of an object: whether it is sound, and what follows from it. Called for every new
//! object once all its attributes are there; values that the application gave must be the ones
//! computed here.

use cryptoki_sys::*;

use super::rsa;
use super::{Hash, dh, domain, dsa, ec, hss, ml_dsa, ml_kem, otp, secret, slh_dsa, xmss};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure};

type Settle = fn(&mut Attributes) -> Result<()>;

/// What settles the public and the private keys of each type.
#[rustfmt::skip]
static PAIRS: &[(CK_KEY_TYPE, Settle, Settle)] = &[
    (CKK_RSA,           settle_rsa_public,            settle_rsa_private),
    (CKK_EC,            ec::settle_public,            ec::settle_private),
    (CKK_EC_EDWARDS,    ec::settle_edwards_public,    ec::settle_edwards_private),
    (CKK_EC_MONTGOMERY, ec::settle_montgomery_public, ec::settle_montgomery_private),
    (CKK_DSA,           dsa::settle_public,           dsa::settle_private),
    (CKK_DH,            dh::settle_public,            dh::settle_private),
    (CKK_X9_42_DH,      dh::settle_public,            dh::settle_private),
    (CKK_HSS,           hss::settle_public,           hss::settle_private),
    (CKK_XMSS,          xmss::settle_public,          xmss::settle_private),
    (CKK_XMSSMT,        xmss::settle_public,          xmss::settle_private),
    (CKK_ML_DSA,        ml_dsa::settle_public,        ml_dsa::settle_private),
    (CKK_SLH_DSA,       slh_dsa::settle_public,       slh_dsa::settle_private),
    (CKK_ML_KEM,        ml_kem::settle_public,        ml_kem::settle_private),
];

/// Checks the value of an object and adds what is computed from it.
pub(crate) fn settle(object: &mut Attributes) -> Result<()> {
    let key_type = object.ulong(CKA_KEY_TYPE);
    let pair = PAIRS.iter().find(|(kind, _, _)| Some(*kind) == key_type);
    match (object.ulong(CKA_CLASS), key_type, pair) {
        (Some(CKO_CERTIFICATE), _, _) => settle_certificate(object),
        (Some(CKO_DOMAIN_PARAMETERS), _, _) => domain::settle(object),
        (Some(CKO_PUBLIC_KEY), _, Some((_, settle, _))) => settle(object),
        (Some(CKO_PRIVATE_KEY), _, Some((_, _, settle))) => settle(object),
        (Some(CKO_SECRET_KEY), Some(key_type), _) => settle_secret(object, key_type),
        (Some(CKO_OTP_KEY), Some(key_type), _) => {
            settle_secret(object, key_type)?;
            otp::settle(object)
        }
        _ => Ok(()),
    }
}

/// Section 4.6.2: the check value is the beginning of the SHA-1 of the certificate.
fn settle_certificate(certificate: &mut Attributes) -> Result<()> {
    let value = certificate.bytes(CKA_VALUE);
    if value.is_empty() {
        return Ok(());
    }
    let check = Hash::Sha1.digest(&[value])[..3].to_vec();
    agree(certificate, CKA_CHECK_VALUE, check, OnEmpty::Remove)
}

fn settle_rsa_public(key: &mut Attributes) -> Result<()> {
    let public = rsa::PublicKey::from_attributes(key)?;
    let bits = Value::ulong(public.bits() as CK_ULONG);
    if key
        .get(CKA_MODULUS_BITS)
        .is_some_and(|given| *given != bits)
    {
        return crate::rv::refuse(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    key.set(CKA_MODULUS_BITS, bits);
    settle_public_info(key, public.info(), Some(CKA_MODULUS))
}

fn settle_rsa_private(key: &mut Attributes) -> Result<()> {
    let private = match rsa::PrivateKey::from_attributes(key) {
        Err(_) if mutant!("private-key-not-checked") => return Ok(()),
        private => private?,
    };
    private.check_parts(key)?;
    settle_public_info(key, private.public().info(), Some(CKA_MODULUS))
}

/// Sections 4.9 and 4.10: SubjectPublicKeyInfo and the checksum over the public key's attribute,
/// which most private keys do not carry.
pub(super) fn settle_public_info(
    key: &mut Attributes,
    info: Vec<u8>,
    summed: Option<CK_ATTRIBUTE_TYPE>,
) -> Result<()> {
    agree(key, CKA_PUBLIC_KEY_INFO, info, OnEmpty::Fill)?;
    let Some(summed) = summed else { return Ok(()) };
    let sum = crc64(key.bytes(summed)).to_be_bytes().to_vec();
    agree(key, CKA_PUBLIC_CRC64_VALUE, sum, OnEmpty::Fill)
}

/// Section 4.11: length and check value of a secret key, as its type has them.
fn settle_secret(key: &mut Attributes, key_type: CK_KEY_TYPE) -> Result<()> {
    let value = key.bytes(CKA_VALUE).to_vec();
    secret::check(key_type, &value)?;
    if secret::has_length(key_type) {
        let length = Value::ulong(value.len() as CK_ULONG);
        let given = key.get(CKA_VALUE_LEN);
        ensure(
            given.is_none_or(|given| *given == length),
            CKR_TEMPLATE_INCONSISTENT,
        )?;
        key.set(CKA_VALUE_LEN, length);
    }
    let mut check = secret::check_value(key_type, &value)?;
    if mutant!("check-value-wrong") {
        check.reverse();
    }
    agree(key, CKA_CHECK_VALUE, check, OnEmpty::Remove)
}

/// What an empty value in a template asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnEmpty {
    /// The object shall not have the attribute.
    Remove,
    /// Nothing: it is computed as if it were absent.
    Fill,
}

/// Sets a computed attribute. One that the application gave must have the same value.
pub(super) fn agree(
    object: &mut Attributes,
    attribute: CK_ATTRIBUTE_TYPE,
    computed: Vec<u8>,
    on_empty: OnEmpty,
) -> Result<()> {
    match object.get(attribute) {
        Some(given) if given.bytes().is_empty() && on_empty == OnEmpty::Remove => {
            object.remove(attribute);
        }
        Some(given) if !given.bytes().is_empty() => {
            ensure(given.bytes() == computed, CKR_ATTRIBUTE_VALUE_INVALID)?;
        }
        _ => object.set_bytes(attribute, computed),
    }
    Ok(())
}

/// CRC-64 of ECMA-182: polynomial 0x42F0E1EBA9EA3693, nothing reflected or inverted.
fn crc64(data: &[u8]) -> u64 {
    data.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ u64::from(*byte) << 56, |sum, _| {
            let carry = sum >> 63;
            (sum << 1) ^ (carry * 0x42F0_E1EB_A9EA_3693)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-64/ECMA-182 in the catalogue of parametrised CRC algorithms.
    #[test]
    fn crc64_of_the_digits_one_to_nine() {
        assert_eq!(crc64(b"123456789"), 0x6c40_df5f_0b49_7347);
    }

    #[test]
    fn a_check_value_may_be_left_out_confirmed_or_suppressed_but_not_invented() {
        let key = |check: Option<&[u8]>| {
            let mut key: Attributes = [
                (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
                (CKA_KEY_TYPE, Value::ulong(CKK_GENERIC_SECRET)),
                (CKA_VALUE, Value::Bytes(b"abc".to_vec())),
            ]
            .into_iter()
            .collect();
            if let Some(check) = check {
                key.set_bytes(CKA_CHECK_VALUE, check);
            }
            key
        };
        // FIPS 180-4: SHA-1 of "abc" begins a9993e.
        for given in [None, Some(&[0xa9, 0x99, 0x3e][..])] {
            let mut key = key(given);
            settle(&mut key).unwrap();
            assert_eq!(key.bytes(CKA_CHECK_VALUE), [0xa9, 0x99, 0x3e]);
        }
        let mut silent = key(Some(&[]));
        settle(&mut silent).unwrap();
        assert!(!silent.has(CKA_CHECK_VALUE));
        assert!(settle(&mut key(Some(&[1, 2, 3]))).is_err());
    }
}
