//! ML-DSA and SLH-DSA: sections 6.67 and 6.69.

use cryptoki_sys::*;

use super::support::{Attributes, Token, plain, with};
use super::{info, open_private, pair};

/// C_SignInit and C_Sign, for signatures of any length.
fn sign(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, CK_RV> {
    match call!(token, C_SignInit(session, &mut mechanism, key)) {
        CKR_OK => {}
        rv => return Err(rv),
    }
    let (mut signature, count) = (vec![0; 50_000], data.len() as CK_ULONG);
    let mut length = 50_000;
    let output = signature.as_mut_ptr();
    let rv = call!(
        token,
        C_Sign(session, input!(data), count, output, &mut length)
    );
    signature.truncate(length as usize);
    if rv == CKR_OK { Ok(signature) } else { Err(rv) }
}

fn context(hedge: CK_HEDGE_TYPE, context: &mut [u8]) -> CK_SIGN_ADDITIONAL_CONTEXT {
    CK_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: hedge,
        pContext: context.as_mut_ptr(),
        ulContextLen: context.len() as CK_ULONG,
    }
}

fn hashed(context: &mut [u8], hash: CK_MECHANISM_TYPE) -> CK_HASH_SIGN_ADDITIONAL_CONTEXT {
    CK_HASH_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: CKH_HEDGE_PREFERRED,
        pContext: context.as_mut_ptr(),
        ulContextLen: context.len() as CK_ULONG,
        hash,
    }
}

fn keys(
    token: &Token,
    session: CK_SESSION_HANDLE,
    generation: CK_MECHANISM_TYPE,
    set: CK_ULONG,
) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = Attributes::new().ulong(CKA_PARAMETER_SET, set);
    pair(token, session, plain(generation), &public, &open_private()).unwrap()
}

/// Of a family: generation, pure, hashed, hashing with SHA-256 and with SHAKE256; a parameter set
/// and the length of its signatures.
type Family = ([CK_MECHANISM_TYPE; 5], CK_ULONG, usize);

const FAMILIES: [Family; 2] = [
    (
        [
            CKM_ML_DSA_KEY_PAIR_GEN,
            CKM_ML_DSA,
            CKM_HASH_ML_DSA,
            CKM_HASH_ML_DSA_SHA256,
            CKM_HASH_ML_DSA_SHAKE256,
        ],
        CKP_ML_DSA_65,
        3309,
    ),
    (
        [
            CKM_SLH_DSA_KEY_PAIR_GEN,
            CKM_SLH_DSA,
            CKM_HASH_SLH_DSA,
            CKM_HASH_SLH_DSA_SHA256,
            CKM_HASH_SLH_DSA_SHAKE256,
        ],
        CKP_SLH_DSA_SHA2_128F,
        17088,
    ),
];

#[test]
fn contexts_and_hashes_are_part_of_what_is_signed() {
    let token = Token::fresh();
    let session = token.user_session();
    for ([generation, pure, hash, sha256, shake256], set, length) in FAMILIES {
        let (public, private) = keys(&token, session, generation, set);
        let (mut one, mut other) = (*b"one", *b"other");
        let mut one = context(CKH_HEDGE_REQUIRED, &mut one);
        let mut other = context(CKH_HEDGE_PREFERRED, &mut other);
        let mechanisms = [
            plain(pure),
            with(pure, &mut one),
            with(pure, &mut other),
            plain(sha256),
            with(sha256, &mut one),
            plain(shake256),
        ];
        // SLH-DSA takes a second to sign without optimisation: half of it must do.
        let taken = if pure == CKM_ML_DSA { 6 } else { 2 };
        for (i, mechanism) in mechanisms.iter().enumerate().take(taken) {
            let signature = sign(&token, session, *mechanism, private, b"data").unwrap();
            assert_eq!(signature.len(), length);
            for (j, other) in mechanisms.iter().enumerate() {
                let given: (&[u8], &[u8]) = (b"data", &signature);
                let rv = super::support::calls::verify(&token, session, *other, public, given);
                let expected = if i == j {
                    CKR_OK
                } else {
                    CKR_SIGNATURE_INVALID
                };
                assert_eq!(rv, expected, "{i} {j}");
            }
        }
        // SHA-256 of "abc" (FIPS 180-4): hashed here or there, it is one signature.
        let digest =
            super::support::hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut parameter = hashed(&mut [], CKM_SHA256);
        let given = with(hash, &mut parameter);
        let signature = sign(&token, session, given, private, &digest).unwrap();
        let data: (&[u8], &[u8]) = (b"abc", &signature);
        let rv = super::support::calls::verify(&token, session, plain(sha256), public, data);
        assert_eq!(rv, CKR_OK);
        let short = sign(&token, session, given, private, &digest[1..]);
        assert_eq!(short, Err(CKR_DATA_LEN_RANGE));
        let mut parameter = hashed(&mut [], CKM_SHA_1);
        let weak = sign(
            &token,
            session,
            with(hash, &mut parameter),
            private,
            &digest,
        );
        assert_eq!(weak, Err(CKR_MECHANISM_PARAM_INVALID));
        let without = sign(&token, session, plain(hash), private, &digest);
        assert_eq!(without, Err(CKR_MECHANISM_PARAM_INVALID));
    }
}

#[test]
fn hedging_is_as_the_parameter_asks() {
    let token = Token::fresh();
    let session = token.user_session();
    for ([generation, pure, ..], set, _) in FAMILIES {
        let (public, private) = keys(&token, session, generation, set);
        let signed = |hedge| {
            let mut parameter = context(hedge, &mut []);
            sign(
                &token,
                session,
                with(pure, &mut parameter),
                private,
                b"data",
            )
        };
        let fixed = signed(CKH_DETERMINISTIC_REQUIRED).unwrap();
        assert_eq!(signed(CKH_DETERMINISTIC_REQUIRED).unwrap(), fixed);
        assert_ne!(signed(CKH_HEDGE_REQUIRED).unwrap(), fixed);
        assert_eq!(signed(99), Err(CKR_MECHANISM_PARAM_INVALID));
        // Verification ignores the variant, whatever it is.
        let mut parameter = context(99, &mut []);
        let mechanism = with(pure, &mut parameter);
        let given: (&[u8], &[u8]) = (b"data", &fixed);
        let rv = super::support::calls::verify(&token, session, mechanism, public, given);
        assert_eq!(rv, CKR_OK);
        let mut long = [0; 256];
        let mut parameter = context(CKH_HEDGE_PREFERRED, &mut long);
        let refused = sign(
            &token,
            session,
            with(pure, &mut parameter),
            private,
            b"data",
        );
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }
}

#[test]
fn pure_signatures_are_verified_in_parts_only_where_the_signature_comes_first() {
    let token = Token::fresh();
    let session = token.user_session();
    let (public, private) = keys(&token, session, CKM_ML_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44);
    let signature = sign(&token, session, plain(CKM_ML_DSA), private, b"data").unwrap();
    let mut mechanism = plain(CKM_ML_DSA);
    assert_eq!(
        call!(token, C_VerifyInit(session, &mut mechanism, public)),
        CKR_OK
    );
    let part = b"data";
    let rv = call!(token, C_VerifyUpdate(session, input!(part), 4));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    let length = signature.len() as CK_ULONG;
    let rv = call!(
        token,
        C_VerifySignatureInit(session, &mut mechanism, public, input!(signature), length)
    );
    assert_eq!(rv, CKR_OK);
    for byte in part {
        let rv = call!(token, C_VerifySignatureUpdate(session, input!([*byte]), 1));
        assert_eq!(rv, CKR_OK);
    }
    assert_eq!(call!(token, C_VerifySignatureFinal(session)), CKR_OK);
}

#[test]
fn imported_keys_are_checked() {
    let token = Token::fresh();
    let session = token.user_session();
    for ([generation, ..], set, _) in FAMILIES {
        let (public, private) = keys(&token, session, generation, set);
        let read = |key, attribute| token.attribute(session, key, attribute).unwrap();
        let info = read(public, CKA_PUBLIC_KEY_INFO);
        assert_eq!(read(private, CKA_PUBLIC_KEY_INFO), info);
        let copy = Attributes::new()
            .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
            .bytes(CKA_KEY_TYPE, read(private, CKA_KEY_TYPE))
            .ulong(CKA_PARAMETER_SET, set)
            .bytes(CKA_VALUE, read(private, CKA_VALUE));
        assert!(token.create(session, &copy).is_ok());
        let torn = copy.altered(CKA_VALUE, |value| value[40] ^= 1);
        let torn = token.create(session, &torn);
        // Byte 40 of a private key of ML-DSA is chance that nothing follows from.
        assert_eq!(torn.is_ok(), generation == CKM_ML_DSA_KEY_PAIR_GEN);
        let short = copy.altered(CKA_VALUE, |value| value.truncate(63));
        assert_eq!(
            token.create(session, &short),
            Err(CKR_ATTRIBUTE_VALUE_INVALID)
        );
        let other = copy.altered(CKA_PARAMETER_SET, |set| set[0] = 77);
        let refused = token.create(session, &other);
        assert_eq!(refused, Err(CKR_PARAMETER_SET_NOT_SUPPORTED));
    }
    let sizes = info(&token, CKM_SLH_DSA);
    assert_eq!((sizes.ulMinKeySize, sizes.ulMaxKeySize), (32, 64));
    let sizes = info(&token, CKM_ML_DSA);
    assert_eq!((sizes.ulMinKeySize, sizes.ulMaxKeySize), (1312, 2592));
}
