//! Elliptic curves: section 6.3.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::calls::{sign, verify};
use super::support::{Attributes, Token, hex, plain, with};
use super::{derive, info, open_private, pair};

const WEIERSTRASS: [&str; 9] = [
    "06052b81040021",
    "06082a8648ce3d030107",
    "06052b81040022",
    "06052b81040023",
    "06052b8104000a",
    "06092b2403030208010107",
    "06092b2403030208010108",
    "06092b240303020801010b",
    "06092b240303020801010c",
];

fn named(name: &str) -> Vec<u8> {
    [&[0x13, name.len() as u8], name.as_bytes()].concat()
}

fn parameters(parameters: &[u8]) -> Attributes {
    Attributes::new().bytes(CKA_EC_PARAMS, parameters)
}

fn ecdh(kdf: CK_EC_KDF_TYPE, public: &mut [u8]) -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
        ulPublicDataLen: public.len() as CK_ULONG,
        pPublicData: public.as_mut_ptr(),
    }
}

fn secret(length: CK_ULONG) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, length)
        .bool(CKA_SENSITIVE, false)
}

/// Both sides derive with a mechanism; the keys must have the same value, which is given back.
fn agreed(
    token: &Token,
    session: CK_SESSION_HANDLE,
    (mechanism, kdf): (CK_MECHANISM_TYPE, CK_EC_KDF_TYPE),
    one: (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    other: (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
) -> Vec<u8> {
    let value = |(public, _), (_, private)| {
        let mut point = token.attribute(session, public, CKA_EC_POINT).unwrap();
        let mut parameter = ecdh(kdf, &mut point);
        let mechanism = with(mechanism, &mut parameter);
        let key = derive(token, session, mechanism, private, &secret(24)).unwrap();
        token.attribute(session, key, CKA_VALUE).unwrap()
    };
    let agreed = value(one, other);
    assert_eq!(agreed, value(other, one));
    agreed
}

#[test]
fn every_curve_signs_and_agrees() {
    let token = Token::fresh();
    let session = token.user_session();
    for oid in WEIERSTRASS {
        let public = parameters(&hex(oid));
        let make = |mechanism| pair(&token, session, plain(mechanism), &public, &open_private());
        let one = make(CKM_EC_KEY_PAIR_GEN).unwrap();
        let other = make(CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS).unwrap();
        for mechanism in [CKM_ECDSA, CKM_ECDSA_SHA1, CKM_ECDSA_SHA3_512] {
            let signature = sign(&token, session, plain(mechanism), one.1, b"data").unwrap();
            let judge = |key, signature: &[u8]| {
                verify(&token, session, plain(mechanism), key, (b"data", signature))
            };
            assert_eq!(judge(one.0, &signature), CKR_OK, "{oid}");
            assert_eq!(judge(other.0, &signature), CKR_SIGNATURE_INVALID, "{oid}");
            let odd = &signature[1..];
            assert_eq!(judge(one.0, odd), CKR_SIGNATURE_LEN_RANGE, "{oid}");
        }
        let plainly = agreed(&token, session, (CKM_ECDH1_DERIVE, CKD_NULL), one, other);
        let cofactor = (CKM_ECDH1_COFACTOR_DERIVE, CKD_NULL);
        assert_eq!(agreed(&token, session, cofactor, one, other), plainly);
        let hashed = (CKM_ECDH1_DERIVE, CKD_SHA256_KDF_SP800);
        assert_ne!(agreed(&token, session, hashed, one, other), plainly);
    }
}

#[test]
fn montgomery_curves_agree_and_edwards_curves_sign() {
    let token = Token::fresh();
    let session = token.user_session();
    for name in [
        hex("06032b656e"),
        named("curve25519"),
        hex("06032b656f"),
        named("curve448"),
    ] {
        let mechanism = plain(CKM_EC_MONTGOMERY_KEY_PAIR_GEN);
        let make = || {
            pair(
                &token,
                session,
                mechanism,
                &parameters(&name),
                &open_private(),
            )
        };
        let (one, other) = (make().unwrap(), make().unwrap());
        agreed(&token, session, (CKM_ECDH1_DERIVE, CKD_NULL), one, other);
        agreed(
            &token,
            session,
            (CKM_ECDH1_DERIVE, CKD_SHA512_KDF),
            one,
            other,
        );
        let mut point = token.attribute(session, one.0, CKA_EC_POINT).unwrap();
        let mut parameter = ecdh(CKD_NULL, &mut point);
        let cofactor = with(CKM_ECDH1_COFACTOR_DERIVE, &mut parameter);
        let refused = derive(&token, session, cofactor, other.1, &secret(16));
        assert_eq!(refused, Err(CKR_KEY_TYPE_INCONSISTENT));
        let mut zero = vec![0; point.len()];
        let mut parameter = ecdh(CKD_NULL, &mut zero);
        let refused = derive(
            &token,
            session,
            with(CKM_ECDH1_DERIVE, &mut parameter),
            other.1,
            &secret(16),
        );
        // Section 5.1.6: in preference to CKR_MECHANISM_PARAM_INVALID.
        assert_eq!(refused, Err(CKR_PUBLIC_KEY_INVALID));
    }
    let mut context = *b"context";
    for (name, takes_none, takes_context) in [
        (hex("06032b6570"), true, false),
        (named("edwards25519"), true, true),
        (hex("06032b6571"), true, false),
        (named("edwards448"), false, true),
    ] {
        let mechanism = plain(CKM_EC_EDWARDS_KEY_PAIR_GEN);
        let (public, private) = pair(
            &token,
            session,
            mechanism,
            &parameters(&name),
            &Attributes::new(),
        )
        .unwrap();
        let mut parameter = CK_EDDSA_PARAMS {
            phFlag: CK_TRUE,
            ulContextDataLen: 7,
            pContextData: context.as_mut_ptr(),
        };
        let parametrised = with(CKM_EDDSA, &mut parameter);
        for (mechanism, taken) in [
            (plain(CKM_EDDSA), takes_none),
            (parametrised, takes_context),
        ] {
            let signed = sign(&token, session, mechanism, private, b"data");
            assert_eq!(signed.is_ok(), taken);
            match signed {
                Ok(signature) => {
                    let data: (&[u8], &[u8]) = (b"data", &signature);
                    assert_eq!(verify(&token, session, mechanism, public, data), CKR_OK);
                    let other: (&[u8], &[u8]) = (b"date", &signature);
                    let rv = verify(&token, session, mechanism, public, other);
                    assert_eq!(rv, CKR_SIGNATURE_INVALID);
                }
                Err(rv) => assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID),
            }
        }
    }
}

#[test]
fn each_generator_knows_its_own_curves_alone() {
    let token = Token::fresh();
    let session = token.user_session();
    let (p256, ed25519, x25519) = ("06082a8648ce3d030107", "06032b6570", "06032b656e");
    for (mechanism, own) in [
        (CKM_EC_KEY_PAIR_GEN, p256),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, ed25519),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, x25519),
    ] {
        for oid in [p256, ed25519, x25519] {
            let public = parameters(&hex(oid));
            let made = pair(
                &token,
                session,
                plain(mechanism),
                &public,
                &Attributes::new(),
            );
            let expected = if oid == own {
                Ok(())
            } else {
                Err(CKR_CURVE_NOT_SUPPORTED)
            };
            assert_eq!(made.map(|_| ()), expected);
        }
        // ecParameters and implicitlyCA are representations that the token does not take.
        for bad in ["3003020101", "0500", ""] {
            let public = parameters(&hex(bad));
            let made = pair(
                &token,
                session,
                plain(mechanism),
                &public,
                &Attributes::new(),
            );
            assert_eq!(made, Err(CKR_DOMAIN_PARAMS_INVALID));
        }
    }
}

#[test]
fn imported_keys_are_checked() {
    let token = Token::fresh();
    let session = token.user_session();
    let public = |kind, name: &[u8], point: &[u8]| {
        let template = parameters(name)
            .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
            .ulong(CKA_KEY_TYPE, kind)
            .bytes(CKA_EC_POINT, point);
        token.create(session, &template).map(|_| ())
    };
    let p256 = hex(WEIERSTRASS[1]);
    // SEC 2 section 2.4.2: the base point of P-256, compressed.
    let base = hex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let wrapped = [&[0x04, 33], &base[..]].concat();
    assert_eq!(public(CKK_EC, &p256, &wrapped), Ok(()));
    assert_eq!(public(CKK_EC, &named("prime256v1"), &wrapped), Ok(()));
    let bare = public(CKK_EC, &p256, &base);
    assert_eq!(bare, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    let off = [&[0x04, 33, 0x02], &[0xff; 32][..]].concat();
    assert_eq!(
        public(CKK_EC, &p256, &off),
        Err(CKR_ATTRIBUTE_VALUE_INVALID)
    );
    let off = public(CKK_EC_EDWARDS, &named("edwards25519"), &[0x12; 31]);
    assert_eq!(off, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    let private = parameters(&p256)
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_VALUE, [0xff; 32]);
    let refused = token.create(session, &private);
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn both_halves_of_a_pair_carry_the_same_public_key_info() {
    let token = Token::fresh();
    let session = token.user_session();
    for (mechanism, name) in [
        (CKM_EC_KEY_PAIR_GEN, named("secp384r1")),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, named("edwards448")),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, named("curve25519")),
    ] {
        let private = open_private();
        let made = pair(
            &token,
            session,
            plain(mechanism),
            &parameters(&name),
            &private,
        );
        let (public, private) = made.unwrap();
        let read = |key| token.attribute(session, key, CKA_PUBLIC_KEY_INFO).unwrap();
        assert_eq!(read(public), read(private));
        assert!(!read(public).is_empty());
        let copied = token.attribute(session, private, CKA_EC_PARAMS);
        assert_eq!(copied.unwrap(), name);
    }
}

#[test]
fn mechanisms_say_what_curves_they_take() {
    let token = Token::fresh();
    let named = CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME;
    for (mechanism, sizes) in [
        (CKM_ECDSA, (224, 521)),
        (CKM_EDDSA, (255, 448)),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, (255, 448)),
        (CKM_ECDH1_DERIVE, (224, 521)),
    ] {
        let info = info(&token, mechanism);
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), sizes);
        assert_eq!(info.flags & named, named);
        assert_eq!(info.flags & (CKF_EC_F_2M | CKF_EC_ECPARAMETERS), 0);
        assert_ne!(info.flags & (CKF_EC_COMPRESS | CKF_EC_UNCOMPRESS), 0);
    }
}
