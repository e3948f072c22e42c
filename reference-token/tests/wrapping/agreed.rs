//! Wrapping through a key agreement: sections 6.3.20 to 6.3.23. What the token wraps is unwrapped
//! here with the crates of the primitives alone, and the other way round.

use std::ptr::null_mut;

use aes_kw::cipher::KeyInit;
use aes_kw::{KwpAes128, KwpAes192, KwpAes256};
use cryptoki_sys::*;
use p256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest, Sha256};

use super::support::with;
use super::support::{Attributes, Token, hex};
use super::{ec_private, keys, private, secret, unwrap, wrap};

const P256: &str = "06082a8648ce3d030107";
const X25519: &str = "06032b656e";
const SHARED: [u8; 6] = *b"shared";

/// The halves of a wrapping key on a curve, with their private value.
fn wrapping_pair(
    token: &Token,
    session: CK_SESSION_HANDLE,
    (key_type, curve): (CK_KEY_TYPE, &str),
    (point, value): (Vec<u8>, &[u8]),
) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let half = |class| {
        Attributes::new()
            .ulong(CKA_CLASS, class)
            .ulong(CKA_KEY_TYPE, key_type)
            .bytes(CKA_EC_PARAMS, hex(curve))
    };
    let public = half(CKO_PUBLIC_KEY)
        .bytes(CKA_EC_POINT, point)
        .bool(CKA_WRAP, true);
    let private = half(CKO_PRIVATE_KEY)
        .bytes(CKA_VALUE, value)
        .bool(CKA_UNWRAP, true);
    (
        token.create(session, &public).unwrap(),
        token.create(session, &private).unwrap(),
    )
}

fn parameter(bits: CK_ULONG, kdf: CK_EC_KDF_TYPE, shared: &[u8]) -> CK_ECDH_AES_KEY_WRAP_PARAMS {
    CK_ECDH_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: bits,
        kdf,
        ulSharedDataLen: shared.len() as CK_ULONG,
        pSharedData: match shared.is_empty() {
            true => null_mut(),
            false => input!(shared),
        },
    }
}

/// ANSI X9.63 section 5.6.3 for one block of SHA-256.
fn derived(secret: &[u8], length: usize) -> Vec<u8> {
    let block = Sha256::new()
        .chain_update(secret)
        .chain_update([0, 0, 0, 1])
        .chain_update(SHARED);
    block.finalize()[..length].to_vec()
}

/// RFC 5649 with an AES key of any length.
fn kwp(key: &[u8], encrypting: bool, data: &[u8]) -> Vec<u8> {
    let mut output = vec![0; data.len() + 16];
    let wrapped = match (key.len(), encrypting) {
        (16, true) => KwpAes128::new_from_slice(key)
            .unwrap()
            .wrap_key(data, &mut output),
        (16, false) => KwpAes128::new_from_slice(key)
            .unwrap()
            .unwrap_key(data, &mut output),
        (24, true) => KwpAes192::new_from_slice(key)
            .unwrap()
            .wrap_key(data, &mut output),
        (24, false) => KwpAes192::new_from_slice(key)
            .unwrap()
            .unwrap_key(data, &mut output),
        (_, true) => KwpAes256::new_from_slice(key)
            .unwrap()
            .wrap_key(data, &mut output),
        (_, false) => KwpAes256::new_from_slice(key)
            .unwrap()
            .unwrap_key(data, &mut output),
    };
    wrapped.unwrap().to_vec()
}

fn p256_secret(value: &[u8], point: &[u8]) -> Vec<u8> {
    let key = p256::SecretKey::from_slice(value).unwrap();
    let point = p256::PublicKey::from_sec1_bytes(point).unwrap();
    key.diffie_hellman(&point).raw_secret_bytes().to_vec()
}

fn p256_point(value: &[u8]) -> Vec<u8> {
    let key = p256::SecretKey::from_slice(value).unwrap();
    let point = key.public_key().as_affine().to_sec1_point(false);
    point.as_bytes().to_vec()
}

fn in_octet_string(point: &[u8]) -> Vec<u8> {
    [&[4, point.len() as u8], point].concat()
}

#[test]
fn on_p_256_the_first_part_is_a_point_in_an_octet_string_and_the_rest_opens_with_the_derived_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let key = token.create(session, &value).unwrap();
    let point = p256_point(&[7; 32]);
    let curve = (CKK_EC, P256);
    let pair = wrapping_pair(&token, session, curve, (in_octet_string(&point), &[7; 32]));
    for kind in [CKM_ECDH_AES_KEY_WRAP, CKM_ECDH_COF_AES_KEY_WRAP] {
        for (bits, kdf) in [
            (128, CKD_SHA256_KDF),
            (192, CKD_SHA256_KDF),
            (256, CKD_SHA256_KDF),
            (128, CKD_NULL),
        ] {
            let shared: &[u8] = if kdf == CKD_NULL { &[] } else { &SHARED };
            let aes = |secret: &[u8]| match kdf {
                // Section 6.3.20: the first bits of what was derived.
                CKD_NULL => secret[..bits as usize / 8].to_vec(),
                _ => derived(secret, bits as usize / 8),
            };
            let mut parameter = parameter(bits, kdf, shared);
            let mechanism = with(kind, &mut parameter);
            let wrapped = wrap(&token, session, mechanism, (pair.0, key)).unwrap();
            assert_eq!(wrapped[..3], [4, 65, 4]);
            let secret_here = p256_secret(&[7; 32], &wrapped[2..67]);
            assert_eq!(kwp(&aes(&secret_here), false, &wrapped[67..]), [9; 20]);
            // A key that was wrapped elsewhere.
            let transport = in_octet_string(&p256_point(&[3; 32]));
            let sealed = kwp(&aes(&p256_secret(&[3; 32], &point)), true, &[8; 30]);
            let wrapped = [transport, sealed].concat();
            let template = secret(CKK_GENERIC_SECRET);
            let copy = unwrap(&token, session, mechanism, pair.1, (&wrapped, &template)).unwrap();
            assert_eq!(token.attribute(session, copy, CKA_VALUE).unwrap(), [8; 30]);
        }
    }
}

#[test]
fn on_a_montgomery_curve_the_public_value_comes_bare() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &ec_private()).unwrap();
    let own = x25519_dalek::StaticSecret::from([7; 32]);
    let point = x25519_dalek::PublicKey::from(&own).as_bytes().to_vec();
    let curve = (CKK_EC_MONTGOMERY, X25519);
    let pair = wrapping_pair(&token, session, curve, (point, &[7; 32]));
    for kind in [CKM_ECDH_AES_KEY_WRAP, CKM_ECDH_X_AES_KEY_WRAP] {
        let mut parameter = parameter(256, CKD_SHA256_KDF, &SHARED);
        let mechanism = with(kind, &mut parameter);
        let wrapped = wrap(&token, session, mechanism, (pair.0, key)).unwrap();
        let transport: [u8; 32] = wrapped[..32].try_into().unwrap();
        let secret = own.diffie_hellman(&x25519_dalek::PublicKey::from(transport));
        let info = kwp(&derived(secret.as_bytes(), 32), false, &wrapped[32..]);
        // PrivateKeyInfo: a SEQUENCE that begins with a version.
        assert_eq!((info[0], &info[2..5]), (0x30, &[2, 1, 0][..]));
        let template = private(CKK_EC);
        let copy = unwrap(&token, session, mechanism, pair.1, (&wrapped, &template)).unwrap();
        assert_eq!(token.attribute(session, copy, CKA_VALUE).unwrap(), [7; 32]);
    }
    let mut parameter = parameter(256, CKD_SHA256_KDF, &SHARED);
    let mechanism = with(CKM_ECDH_COF_AES_KEY_WRAP, &mut parameter);
    let refused = wrap(&token, session, mechanism, (pair.0, key));
    assert_eq!(refused, Err(CKR_WRAPPING_KEY_TYPE_INCONSISTENT));
}

#[test]
fn what_does_not_fit_or_was_altered_is_refused_and_makes_no_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let key = token.create(session, &value).unwrap();
    let point = in_octet_string(&p256_point(&[7; 32]));
    let pair = wrapping_pair(&token, session, (CKK_EC, P256), (point, &[7; 32]));
    for (bits, kdf, shared) in [
        (160, CKD_SHA256_KDF, &SHARED[..]),
        (128, 0x7fff, &[]),
        (128, CKD_NULL, &SHARED),
    ] {
        let mut parameter = parameter(bits, kdf, shared);
        let mechanism = with(CKM_ECDH_AES_KEY_WRAP, &mut parameter);
        let refused = wrap(&token, session, mechanism, (pair.0, key));
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }
    let mut parameter = parameter(128, CKD_SHA256_KDF, &[]);
    let mechanism = with(CKM_ECDH_COF_AES_KEY_WRAP, &mut parameter);
    let wrapped = wrap(&token, session, mechanism, (pair.0, key)).unwrap();
    let before = keys(&token, session, CKO_SECRET_KEY);
    let template = secret(CKK_GENERIC_SECRET);
    let open = |wrapped: &[u8]| unwrap(&token, session, mechanism, pair.1, (wrapped, &template));
    for (at, code) in [
        // No OCTET STRING, a point that is none, another point, another key.
        (0, CKR_WRAPPED_KEY_LEN_RANGE),
        (2, CKR_WRAPPED_KEY_INVALID),
        (10, CKR_WRAPPED_KEY_INVALID),
        (wrapped.len() - 1, CKR_WRAPPED_KEY_INVALID),
    ] {
        let mut altered = wrapped.clone();
        altered[at] ^= 1;
        assert_eq!(open(&altered), Err(code), "byte {at}");
    }
    for length in [1, 66, 67, 70] {
        assert_eq!(open(&wrapped[..length]), Err(CKR_WRAPPED_KEY_LEN_RANGE));
    }
    assert_eq!(keys(&token, session, CKO_SECRET_KEY), before);
    // P-224 has 28 bytes of secret.
    let small = Attributes::new()
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, hex("06052b81040021"))
        .bytes(CKA_VALUE, [7; 28]);
    let small = token.create(session, &small).unwrap();
    let info = token
        .attribute(session, small, CKA_PUBLIC_KEY_INFO)
        .unwrap();
    let public = Attributes::new()
        .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, hex("06052b81040021"))
        .bytes(CKA_EC_POINT, in_octet_string(&info[info.len() - 57..]))
        .bool(CKA_WRAP, true);
    let public = token.create(session, &public).unwrap();
    for (bits, expected) in [(192, Ok(())), (256, Err(CKR_MECHANISM_PARAM_INVALID))] {
        let mut parameter = self::parameter(bits, CKD_NULL, &[]);
        let mechanism = with(CKM_ECDH_AES_KEY_WRAP, &mut parameter);
        let wrapped = wrap(&token, session, mechanism, (public, key));
        assert_eq!(wrapped.map(|_| ()), expected);
    }
}
