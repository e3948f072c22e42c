//! RSA beyond PKCS #1: section 6.1.

use cryptoki_sys::*;

use super::kem::{decapsulate, encapsulate};
use super::pair;
use super::support::calls::{sign, verify};
use super::support::{Attributes, Token, plain, rsa_private, rsa_public, with};

fn keys(token: &Token, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = token.create(session, &rsa_public()).unwrap();
    (public, token.create(session, &rsa_private()).unwrap())
}

#[test]
fn x9_31_signs_with_the_trailer_of_token_or_application() {
    let token = Token::fresh();
    let session = token.user_session();
    let (public, private) = keys(&token, session);
    // SHA-1 of "abc" (FIPS 180-4) and the trailer of ANSI X9.31.
    let digest = super::support::hex("a9993e364706816aba3e25717850c26c9cd0d89d33cc");
    let one = sign(&token, session, plain(CKM_SHA1_RSA_X9_31), private, b"abc").unwrap();
    let other = sign(&token, session, plain(CKM_RSA_X9_31), private, &digest).unwrap();
    assert_eq!(one, other);
    // The smaller of two numbers that add up to the modulus.
    assert!(one[0] < 0x80);
    let judge = |data: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_SHA1_RSA_X9_31),
            public,
            (data, &one),
        )
    };
    assert_eq!(judge(b"abc"), CKR_OK);
    assert_eq!(judge(b"abd"), CKR_SIGNATURE_INVALID);
    let long = sign(&token, session, plain(CKM_RSA_X9_31), private, &[1; 255]);
    assert_eq!(long, Err(CKR_DATA_LEN_RANGE));
}

#[test]
fn x9_31_key_pairs_sign_and_have_the_lengths_of_the_signatures() {
    let token = Token::fresh();
    let session = token.user_session();
    let generate = |bits| {
        let template = Attributes::new().ulong(CKA_MODULUS_BITS, bits);
        let template = template.bytes(CKA_PUBLIC_EXPONENT, [3]);
        let mechanism = plain(CKM_RSA_X9_31_KEY_PAIR_GEN);
        pair(&token, session, mechanism, &template, &Attributes::new())
    };
    for bits in [1024, 1280] {
        let (public, private) = generate(bits).unwrap();
        let modulus = token.attribute(session, public, CKA_MODULUS).unwrap();
        assert_eq!(8 * modulus.len() as u64, bits);
        assert!(modulus[0] >= 0x80);
        let mechanism = plain(CKM_SHA1_RSA_X9_31);
        let signature = sign(&token, session, mechanism, private, b"abc").unwrap();
        let mechanism = plain(CKM_SHA1_RSA_X9_31);
        let judged = verify(&token, session, mechanism, public, (b"abc", &signature));
        assert_eq!(judged, CKR_OK);
    }
    for bits in [512, 1023, 1152, 16640] {
        assert_eq!(generate(bits), Err(CKR_ATTRIBUTE_VALUE_INVALID), "{bits}");
    }
}

#[test]
fn historical_hashes_sign() {
    let token = Token::fresh();
    let session = token.user_session();
    let (public, private) = keys(&token, session);
    for mechanism in [
        CKM_MD2_RSA_PKCS,
        CKM_MD5_RSA_PKCS,
        CKM_RIPEMD128_RSA_PKCS,
        CKM_RIPEMD160_RSA_PKCS,
    ] {
        let signature = sign(&token, session, plain(mechanism), private, b"data").unwrap();
        let given: (&[u8], &[u8]) = (b"data", &signature);
        let rv = verify(&token, session, plain(mechanism), public, given);
        assert_eq!(rv, CKR_OK);
    }
}

#[test]
fn rsa_encapsulates_with_every_padding() {
    let token = Token::fresh();
    let session = token.user_session();
    let (public, private) = keys(&token, session);
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    let template = Attributes::new()
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bool(CKA_SENSITIVE, false);
    let sized = template.clone().ulong(CKA_VALUE_LEN, 24);
    for mechanism in [
        plain(CKM_RSA_PKCS),
        with(CKM_RSA_PKCS_OAEP, &mut oaep),
        plain(CKM_RSA_X_509),
    ] {
        let made = encapsulate(&token, session, mechanism, public, &sized).unwrap();
        assert_eq!(made.0.len(), 256);
        let given = (&sized, &made.0[..]);
        let back = decapsulate(&token, session, mechanism, private, given).unwrap();
        let read = |key| token.attribute(session, key, CKA_VALUE).unwrap();
        assert_eq!(read(made.1), read(back));
        assert_eq!(read(back).len(), 24);
        let short = decapsulate(&token, session, mechanism, private, (&sized, &made.0[1..]));
        assert_eq!(short, Err(CKR_WRAPPED_KEY_LEN_RANGE));
    }
    let unsized_key = encapsulate(&token, session, plain(CKM_RSA_PKCS), public, &template);
    assert_eq!(unsized_key, Err(CKR_TEMPLATE_INCOMPLETE));
    // The length of a triple DES key needs no naming.
    let des = Attributes::new()
        .ulong(CKA_KEY_TYPE, CKK_DES3)
        .bool(CKA_SENSITIVE, false);
    let made = encapsulate(&token, session, plain(CKM_RSA_PKCS), public, &des).unwrap();
    let given = (&des, &made.0[..]);
    let back = decapsulate(&token, session, plain(CKM_RSA_PKCS), private, given).unwrap();
    let read = |key| token.attribute(session, key, CKA_VALUE).unwrap();
    assert_eq!(read(made.1), read(back));
    // A ciphertext of chance has a wrong padding with all but certainty, and one code for it.
    let given = (&sized, &[3; 256][..]);
    let refused = decapsulate(&token, session, plain(CKM_RSA_PKCS), private, given);
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
}
