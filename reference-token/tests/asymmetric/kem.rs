//! C_EncapsulateKey and C_DecapsulateKey, with every mechanism that has them.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::{Attributes, Token, hex, plain, with};
use super::{info, open_private, pair};

/// A ciphertext and the key in it.
pub(super) type Encapsulated = (Vec<u8>, CK_OBJECT_HANDLE);

pub(super) fn encapsulate(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    template: &Attributes,
) -> Result<Encapsulated, CK_RV> {
    let mut list = template.list();
    let count = list.count();
    let mut ciphertext = vec![0; 4096];
    let (mut length, mut handle) = (4096, 0);
    let rv = call!(
        token,
        C_EncapsulateKey(
            session,
            &mut mechanism,
            key,
            list.pointer(),
            count,
            ciphertext.as_mut_ptr(),
            &mut length,
            &mut handle,
        )
    );
    ciphertext.truncate(length as usize);
    if rv == CKR_OK {
        Ok((ciphertext, handle))
    } else {
        Err(rv)
    }
}

pub(super) fn decapsulate(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    (template, ciphertext): (&Attributes, &[u8]),
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let mut list = template.list();
    let (count, length) = (list.count(), ciphertext.len() as CK_ULONG);
    let mut handle = 0;
    let rv = call!(
        token,
        C_DecapsulateKey(
            session,
            &mut mechanism,
            key,
            list.pointer(),
            count,
            input!(ciphertext),
            length,
            &mut handle,
        )
    );
    if rv == CKR_OK { Ok(handle) } else { Err(rv) }
}

fn set(set: CK_ULONG) -> Attributes {
    Attributes::new().ulong(CKA_PARAMETER_SET, set)
}

fn shared() -> Attributes {
    Attributes::new()
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bool(CKA_SENSITIVE, false)
}

fn ecdh() -> CK_ECDH1_DERIVE_PARAMS {
    CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
        ulPublicDataLen: 0,
        pPublicData: null_mut(),
    }
}

/// Both sides get one key, and it claims nothing of its past.
fn round(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM,
    (public, private): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    template: &Attributes,
) -> Vec<u8> {
    let (ciphertext, one) = encapsulate(token, session, mechanism, public, template).unwrap();
    let other = decapsulate(token, session, mechanism, private, (template, &ciphertext)).unwrap();
    let read = |key, attribute| token.attribute(session, key, attribute).unwrap();
    assert_eq!(read(one, CKA_VALUE), read(other, CKA_VALUE));
    for key in [one, other] {
        for no in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
            assert_eq!(read(key, no), [CK_FALSE]);
        }
        assert_eq!(read(key, CKA_EXTRACTABLE), [CK_TRUE]);
        assert_eq!(read(key, CKA_CLASS), CKO_SECRET_KEY.to_ne_bytes());
    }
    ciphertext
}

#[test]
fn every_parameter_set_of_ml_kem_carries_a_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_ML_KEM_KEY_PAIR_GEN);
    for (name, length) in [
        (CKP_ML_KEM_512, 768),
        (CKP_ML_KEM_768, 1088),
        (CKP_ML_KEM_1024, 1568),
    ] {
        let keys = pair(&token, session, generation, &set(name), &open_private()).unwrap();
        let ciphertext = round(&token, session, plain(CKM_ML_KEM), keys, &shared());
        assert_eq!(ciphertext.len(), length);
        let bad = (&shared(), &ciphertext[1..]);
        let refused = decapsulate(&token, session, plain(CKM_ML_KEM), keys.1, bad);
        assert_eq!(refused, Err(CKR_WRAPPED_KEY_LEN_RANGE));
        let short = shared().ulong(CKA_VALUE_LEN, 16);
        let refused = encapsulate(&token, session, plain(CKM_ML_KEM), keys.0, &short);
        assert_eq!(refused, Err(CKR_TEMPLATE_INCONSISTENT));
        let aes = Attributes::new()
            .ulong(CKA_KEY_TYPE, CKK_AES)
            .bool(CKA_SENSITIVE, false);
        round(&token, session, plain(CKM_ML_KEM), keys, &aes);
    }
    let refused = pair(&token, session, generation, &set(9), &open_private());
    assert_eq!(refused, Err(CKR_PARAMETER_SET_NOT_SUPPORTED));
    let refused = pair(
        &token,
        session,
        generation,
        &Attributes::new(),
        &open_private(),
    );
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    let sizes = info(&token, CKM_ML_KEM);
    assert_eq!((sizes.ulMinKeySize, sizes.ulMaxKeySize), (800, 1568));
}

#[test]
fn elliptic_curves_encapsulate_with_a_key_made_for_it() {
    let token = Token::fresh();
    let session = token.user_session();
    let curves = [
        (CKM_EC_KEY_PAIR_GEN, "06082a8648ce3d030107", 65),
        (CKM_EC_KEY_PAIR_GEN, "06052b81040023", 133),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, "06032b656e", 32),
    ];
    for (generation, oid, length) in curves {
        let public = Attributes::new().bytes(CKA_EC_PARAMS, hex(oid));
        let keys = pair(&token, session, plain(generation), &public, &open_private()).unwrap();
        let mut parameter = ecdh();
        let mechanism = with(CKM_ECDH1_DERIVE, &mut parameter);
        let cut = shared().ulong(CKA_VALUE_LEN, 16);
        let ciphertext = round(&token, session, mechanism, keys, &cut);
        assert_eq!(ciphertext.len(), length);
        let mut own = ciphertext.clone();
        parameter.pPublicData = own.as_mut_ptr();
        parameter.ulPublicDataLen = length as CK_ULONG;
        let mechanism = with(CKM_ECDH1_DERIVE, &mut parameter);
        let refused = encapsulate(&token, session, mechanism, keys.0, &cut);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
        let mut parameter = ecdh();
        let mechanism = with(CKM_ECDH1_DERIVE, &mut parameter);
        let bad = decapsulate(&token, session, mechanism, keys.1, (&cut, &ciphertext[1..]));
        assert_eq!(bad, Err(CKR_WRAPPED_KEY_INVALID));
    }
}

#[test]
fn a_length_is_told_without_making_a_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_ML_KEM_KEY_PAIR_GEN);
    let keys = pair(
        &token,
        session,
        generation,
        &set(CKP_ML_KEM_512),
        &open_private(),
    )
    .unwrap();
    let template = shared();
    let ask = |buffer: *mut CK_BYTE, length: &mut CK_ULONG| {
        let mut list = template.list();
        let (count, mut handle, mut mechanism) = (list.count(), 0, plain(CKM_ML_KEM));
        call!(
            token,
            C_EncapsulateKey(
                session,
                &mut mechanism,
                keys.0,
                list.pointer(),
                count,
                buffer,
                length,
                &mut handle,
            )
        )
    };
    let (mut length, mut short) = (0, [0; 767]);
    assert_eq!(ask(null_mut(), &mut length), CKR_OK);
    assert_eq!(length, 768);
    length = 767;
    assert_eq!(ask(short.as_mut_ptr(), &mut length), CKR_BUFFER_TOO_SMALL);
    assert_eq!(length, 768);
    let secrets = Attributes::new().ulong(CKA_CLASS, CKO_SECRET_KEY);
    assert!(token.find(session, &secrets).is_empty());
}

#[test]
fn keys_must_permit_it() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_ML_KEM_KEY_PAIR_GEN);
    let public = set(CKP_ML_KEM_512).bool(CKA_ENCAPSULATE, false);
    let private = open_private().bool(CKA_DECAPSULATE, false);
    let keys = pair(&token, session, generation, &public, &private).unwrap();
    let refused = encapsulate(&token, session, plain(CKM_ML_KEM), keys.0, &shared());
    assert_eq!(refused, Err(CKR_KEY_TYPE_INCONSISTENT));
    let refused = encapsulate(&token, session, plain(CKM_ML_KEM), 12345, &shared());
    assert_eq!(refused, Err(CKR_KEY_HANDLE_INVALID));
    let given = (&shared(), &[0; 768][..]);
    let refused = decapsulate(&token, session, plain(CKM_ML_KEM), keys.1, given);
    assert_eq!(refused, Err(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT));
    let refused = decapsulate(&token, session, plain(CKM_ML_KEM), 12345, given);
    assert_eq!(refused, Err(CKR_UNWRAPPING_KEY_HANDLE_INVALID));
}

#[test]
fn private_keys_come_as_seed_or_value_and_both_must_agree() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_ML_KEM_KEY_PAIR_GEN);
    let keys = pair(
        &token,
        session,
        generation,
        &set(CKP_ML_KEM_768),
        &open_private(),
    )
    .unwrap();
    let read = |attribute| token.attribute(session, keys.1, attribute).unwrap();
    let (seed, value) = (read(CKA_SEED), read(CKA_VALUE));
    let whole = set(CKP_ML_KEM_768)
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_ML_KEM)
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true);
    let seeded = token
        .create(session, &whole.clone().bytes(CKA_SEED, seed.clone()))
        .unwrap();
    assert_eq!(token.attribute(session, seeded, CKA_VALUE).unwrap(), value);
    let bare = token
        .create(session, &whole.clone().bytes(CKA_VALUE, value.clone()))
        .unwrap();
    let absent = token.attribute(session, bare, CKA_SEED);
    assert_eq!(absent, Err(CKR_ATTRIBUTE_TYPE_INVALID));
    let info = token
        .attribute(session, keys.0, CKA_PUBLIC_KEY_INFO)
        .unwrap();
    assert_eq!(
        token.attribute(session, bare, CKA_PUBLIC_KEY_INFO).unwrap(),
        info
    );
    let both = whole.clone().bytes(CKA_VALUE, value).bytes(CKA_SEED, seed);
    assert!(token.create(session, &both).is_ok());
    let torn = both.altered(CKA_SEED, |seed| seed[0] ^= 1);
    assert_eq!(
        token.create(session, &torn),
        Err(CKR_ATTRIBUTE_VALUE_INVALID)
    );
    assert_eq!(token.create(session, &whole), Err(CKR_TEMPLATE_INCOMPLETE));
}
