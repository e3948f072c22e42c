//! Ciphers, and keys that the token makes: sections 5.8, 5.10 and 5.18.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::{cipher, sign, verify};
use support::{Attributes, Token, aes_key, hex, plain, rsa_2048, rsa_private, rsa_public, with};

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

#[test]
fn what_is_encrypted_decrypts() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let (mut iv, mut block) = ([7u8; 16], [5u8; 16]);
    let mut counter = CK_AES_CTR_PARAMS {
        ulCounterBits: 32,
        cb: [0; 16],
    };
    let mut gcm = CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: block.as_mut_ptr(),
        ulAADLen: 16,
        ulTagBits: 128,
    };
    let mut cbc = [7u8; 16];
    let mechanisms = [
        (plain(CKM_AES_ECB), 32),
        (with(CKM_AES_CBC, &mut cbc), 32),
        (with(CKM_AES_CBC_PAD, &mut cbc), 37),
        (with(CKM_AES_CTR, &mut counter), 37),
        (with(CKM_AES_GCM, &mut gcm), 37),
    ];
    for (mechanism, length) in mechanisms {
        let data = vec![0x5a; length];
        let sealed = cipher(&token, session, mechanism, key, (true, &data)).unwrap();
        assert_ne!(sealed, data);
        let opened = cipher(&token, session, mechanism, key, (false, &sealed));
        assert_eq!(opened.unwrap(), data, "{:#x}", mechanism.mechanism);
    }
    let ragged = cipher(&token, session, plain(CKM_AES_ECB), key, (true, &[0; 15]));
    assert_eq!(ragged, Err(CKR_DATA_LEN_RANGE));
    let ragged = cipher(&token, session, plain(CKM_AES_ECB), key, (false, &[0; 15]));
    assert_eq!(ragged, Err(CKR_ENCRYPTED_DATA_LEN_RANGE));
}

#[test]
fn a_cipher_in_parts_gives_out_what_is_ready_and_keeps_what_did_not_fit() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let mut iv = [7u8; 16];
    let mut mechanism = with(CKM_AES_CBC_PAD, &mut iv);
    assert_eq!(
        call!(token, C_EncryptInit(session, &mut mechanism, key)),
        CKR_OK
    );
    let (data, mut output) = ([1u8; 20], [0u8; 64]);
    let pointer = output.as_mut_ptr();
    let mut length = 15;
    let update = |length: &mut CK_ULONG| {
        call!(
            token,
            C_EncryptUpdate(session, input!(data), 20, pointer, length)
        )
    };
    assert_eq!((update(&mut length), length), (CKR_BUFFER_TOO_SMALL, 16));
    assert_eq!((update(&mut length), length), (CKR_OK, 16));
    let mut last = 1;
    let rv = call!(token, C_EncryptFinal(session, pointer, &mut last));
    assert_eq!((rv, last), (CKR_BUFFER_TOO_SMALL, 16));
    assert_eq!(
        call!(token, C_EncryptFinal(session, pointer, &mut last)),
        CKR_OK
    );
    let rv = call!(token, C_EncryptFinal(session, pointer, &mut last));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn rsa_encrypts_wraps_and_tells_bad_padding() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = token.create(session, &rsa_private()).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    };
    for mechanism in [plain(CKM_RSA_PKCS), with(CKM_RSA_PKCS_OAEP, &mut oaep)] {
        let sealed = cipher(&token, session, mechanism, public, (true, MESSAGE)).unwrap();
        let opened = cipher(&token, session, mechanism, private, (false, &sealed)).unwrap();
        assert_eq!(opened, MESSAGE);
        let damaged = [&[sealed[0] ^ 1], &sealed[1..]].concat();
        let refused = cipher(&token, session, mechanism, private, (false, &damaged));
        assert_eq!(refused, Err(CKR_ENCRYPTED_DATA_INVALID));
        let long = cipher(&token, session, mechanism, public, (true, &[1; 250]));
        assert_eq!(long, Err(CKR_DATA_LEN_RANGE));
    }

    let open = aes_key().bool(CKA_EXTRACTABLE, true);
    let key = token.generate(session, CKM_AES_KEY_GEN, &open).unwrap();
    let closed = aes_key().bool(CKA_EXTRACTABLE, false);
    let closed = token.generate(session, CKM_AES_KEY_GEN, &closed).unwrap();
    let mut mechanism = plain(CKM_RSA_PKCS);
    let (mut wrapped, mut length) = ([0u8; 256], 256);
    let pointer = wrapped.as_mut_ptr();
    let mut wrap = |key| {
        call!(
            token,
            C_WrapKey(session, &mut mechanism, public, key, pointer, &mut length)
        )
    };
    assert_eq!(wrap(closed), CKR_KEY_UNEXTRACTABLE);
    assert_eq!(wrap(key), CKR_OK);
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES);
    let mut list = template.list();
    let (count, mut copy) = (list.count(), 0);
    let mut mechanism = plain(CKM_RSA_PKCS);
    let rv = call!(
        token,
        C_UnwrapKey(
            session,
            &mut mechanism,
            private,
            pointer,
            256,
            list.pointer(),
            count,
            &mut copy,
        )
    );
    assert_eq!(rv, CKR_OK);
    let value = |key| token.attribute(session, key, CKA_VALUE).unwrap();
    assert_eq!(value(copy), value(key));
    assert_eq!(token.attribute(session, copy, CKA_LOCAL).unwrap(), [0]);
}

#[test]
fn aes_wraps_keys_padded_with_zeros_and_the_length_takes_them_off() {
    let token = Token::fresh();
    let session = token.user_session();
    let wrapping = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let twenty = Attributes::new().ulong(CKA_VALUE_LEN, 20);
    let key = token
        .generate(session, CKM_GENERIC_SECRET_KEY_GEN, &twenty)
        .unwrap();
    let (mut mechanism, mut wrapped, mut length) = (plain(CKM_AES_ECB), [0u8; 64], 31);
    let pointer = wrapped.as_mut_ptr();
    let mut wrap = |length: &mut CK_ULONG| {
        call!(
            token,
            C_WrapKey(session, &mut mechanism, wrapping, key, pointer, length)
        )
    };
    assert_eq!((wrap(&mut length), length), (CKR_BUFFER_TOO_SMALL, 32));
    assert_eq!((wrap(&mut length), length), (CKR_OK, 32));
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, 20);
    let (mut list, mut copy) = (template.list(), 0);
    let count = list.count();
    let mut mechanism = plain(CKM_AES_ECB);
    let rv = call!(
        token,
        C_UnwrapKey(
            session,
            &mut mechanism,
            wrapping,
            pointer,
            length,
            list.pointer(),
            count,
            &mut copy,
        )
    );
    assert_eq!(rv, CKR_OK);
    let value = |key| token.attribute(session, key, CKA_VALUE).unwrap();
    assert_eq!(value(copy), value(key));
}

/// Section 6.1.3: attributes that are too few for the token make a template incomplete.
#[test]
fn a_short_exponent_without_primes_is_incomplete() {
    let token = Token::fresh();
    let session = token.user_session();
    let parts = [
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
        CKA_PUBLIC_EXPONENT,
    ];
    let bare = parts
        .into_iter()
        .fold(rsa_private(), |template, part| template.without(part));
    let short = bare.clone().bytes(CKA_PUBLIC_EXPONENT, [3]);
    let refused = token.create(session, &short);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    let long = bare.bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1]);
    assert!(token.create(session, &long).is_ok());
}

/// Section 6.1.4: CKR_TEMPLATE_INCONSISTENT for a public exponent that cannot be used.
#[test]
fn an_exponent_that_cannot_be_used_is_inconsistent() {
    let token = Token::fresh();
    let session = token.user_session();
    let mut mechanism = plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
    for exponent in [vec![0], vec![1], vec![1, 0, 0], vec![0xff; 9]] {
        let public = Attributes::new()
            .ulong(CKA_MODULUS_BITS, 1024)
            .bytes(CKA_PUBLIC_EXPONENT, exponent);
        let empty = Attributes::new();
        let (mut public, mut private) = (public.list(), empty.list());
        let (counts, mut keys) = ((public.count(), private.count()), (0, 0));
        let rv = call!(
            token,
            C_GenerateKeyPair(
                session,
                &mut mechanism,
                public.pointer(),
                counts.0,
                private.pointer(),
                counts.1,
                &mut keys.0,
                &mut keys.1,
            )
        );
        assert_eq!(rv, CKR_TEMPLATE_INCONSISTENT);
    }
}

#[test]
fn generated_pairs_work_together() {
    let token = Token::fresh();
    let session = token.user_session();
    let p384 = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    let pairs = [
        (
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            Attributes::new()
                .ulong(CKA_MODULUS_BITS, 1031)
                .bytes(CKA_PUBLIC_EXPONENT, [0, 3]),
            CKM_SHA512_RSA_PKCS,
        ),
        (
            CKM_EC_KEY_PAIR_GEN,
            Attributes::new().bytes(CKA_EC_PARAMS, p384),
            CKM_ECDSA_SHA384,
        ),
    ];
    for (generation, template, signing) in pairs {
        let mut mechanism = plain(generation);
        let (mut list, private) = (template.list(), Attributes::new().bool(CKA_SENSITIVE, true));
        let mut private_list = private.list();
        let (counts, mut keys) = ((list.count(), private_list.count()), (0, 0));
        let rv = call!(
            token,
            C_GenerateKeyPair(
                session,
                &mut mechanism,
                list.pointer(),
                counts.0,
                private_list.pointer(),
                counts.1,
                &mut keys.0,
                &mut keys.1,
            )
        );
        assert_eq!(rv, CKR_OK);
        let signature = sign(&token, session, plain(signing), keys.1, MESSAGE).unwrap();
        let rv = verify(
            &token,
            session,
            plain(signing),
            keys.0,
            (MESSAGE, &signature),
        );
        assert_eq!(rv, CKR_OK);
        let made_by = token
            .attribute(session, keys.1, CKA_KEY_GEN_MECHANISM)
            .unwrap();
        assert_eq!(made_by, generation.to_ne_bytes());
        assert_eq!(
            token
                .attribute(session, keys.1, CKA_ALWAYS_SENSITIVE)
                .unwrap(),
            [1]
        );
    }
    let refused = token.generate(session, CKM_AES_KEY_GEN, &Attributes::new());
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    let seventeen = Attributes::new().ulong(CKA_VALUE_LEN, 17);
    let refused = token.generate(session, CKM_AES_KEY_GEN, &seventeen);
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn hkdf_derives_keys_and_data() {
    let token = Token::fresh();
    let session = token.user_session();
    // RFC 5869 appendix A.1.
    let base = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_HKDF)
        .bytes(CKA_VALUE, [0x0b; 22])
        .bool(CKA_DERIVE, true);
    let base = token.create(session, &base).unwrap();
    let (mut salt, mut info) = (
        hex("000102030405060708090a0b0c"),
        hex("f0f1f2f3f4f5f6f7f8f9"),
    );
    let mut parameter = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_DATA,
        pSalt: salt.as_mut_ptr(),
        ulSaltLen: 13,
        hSaltKey: 0,
        pInfo: info.as_mut_ptr(),
        ulInfoLen: 10,
    };
    let mut derive = |mechanism, template: &Attributes| {
        let mut mechanism = with(mechanism, &mut parameter);
        let (mut list, mut key) = (template.list(), 0);
        let count = list.count();
        let rv = call!(
            token,
            C_DeriveKey(
                session,
                &mut mechanism,
                base,
                list.pointer(),
                count,
                &mut key,
            )
        );
        if rv == CKR_OK { Ok(key) } else { Err(rv) }
    };
    let generic = Attributes::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    let key = derive(CKM_HKDF_DERIVE, &generic.clone().ulong(CKA_VALUE_LEN, 42)).unwrap();
    let okm =
        hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_eq!(token.attribute(session, key, CKA_VALUE).unwrap(), okm);
    assert_eq!(token.attribute(session, key, CKA_LOCAL).unwrap(), [0]);
    assert_eq!(
        derive(CKM_HKDF_DERIVE, &generic),
        Err(CKR_TEMPLATE_INCOMPLETE)
    );
    let note = Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .ulong(CKA_VALUE_LEN, 42);
    let data = derive(CKM_HKDF_DATA, &note).unwrap();
    assert_eq!(token.attribute(session, data, CKA_VALUE).unwrap(), okm);
    let class = token.attribute(session, data, CKA_CLASS).unwrap();
    assert_eq!(class, CKO_DATA.to_ne_bytes());
}
