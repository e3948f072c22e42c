//! Operations: digests, signatures, ciphers and keys, sections 5.8 to 5.19, with the length
//! convention of section 5.2.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{
    Attributes, RO, RW, Token, USER_PIN, aes_key, hex, plain, rsa_2048, rsa_private, rsa_public,
    with,
};

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

/// Pointer and length of input, as C functions take them.
macro_rules! input {
    ($bytes:expr) => {
        $bytes.as_ptr().cast_mut()
    };
}

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
    let mut signature = vec![0; 1024];
    let mut length = 1024;
    let count = data.len() as CK_ULONG;
    let output = signature.as_mut_ptr();
    match call!(
        token,
        C_Sign(session, input!(data), count, output, &mut length)
    ) {
        CKR_OK => signature.truncate(length as usize),
        rv => return Err(rv),
    }
    Ok(signature)
}

fn verify(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    (data, signature): (&[u8], &[u8]),
) -> CK_RV {
    match call!(token, C_VerifyInit(session, &mut mechanism, key)) {
        CKR_OK => {}
        rv => return rv,
    }
    let (count, length) = (data.len() as CK_ULONG, signature.len() as CK_ULONG);
    call!(
        token,
        C_Verify(session, input!(data), count, input!(signature), length)
    )
}

#[test]
fn a_digest_keeps_its_operation_until_the_output_fits() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    assert_eq!(
        call!(token, C_DigestInit(session, &mut mechanism)),
        CKR_OPERATION_ACTIVE
    );
    let mut length = 0;
    let mut digest = [0u8; 32];
    let data = input!(b"abc");
    assert_eq!(
        call!(token, C_Digest(session, data, 3, null_mut(), &mut length)),
        CKR_OK
    );
    assert_eq!(length, 32);
    length = 31;
    let output = digest.as_mut_ptr();
    let rv = call!(token, C_Digest(session, data, 3, output, &mut length));
    assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, 32));
    assert_eq!(
        call!(token, C_Digest(session, data, 3, output, &mut length)),
        CKR_OK
    );
    // FIPS 180-4, "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest[..], hex(expected));
    let over = call!(token, C_Digest(session, data, 3, output, &mut length));
    assert_eq!(over, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn single_and_multiple_part_functions_do_not_mix_and_bad_arguments_end_the_operation() {
    let token = Token::fresh();
    let session = token.open(RO);
    let mut digest = [0u8; 64];
    let mut length = 64;
    let start = || {
        let mut mechanism = plain(CKM_SHA_1);
        assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    };
    start();
    assert_eq!(
        call!(token, C_DigestUpdate(session, input!(b"ab"), 2)),
        CKR_OK
    );
    let output = digest.as_mut_ptr();
    let rv = call!(
        token,
        C_Digest(session, input!(b"c"), 1, output, &mut length)
    );
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    start();
    assert_eq!(
        call!(token, C_DigestUpdate(session, null_mut(), 5)),
        CKR_ARGUMENTS_BAD
    );
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    start();
    assert_eq!(call!(token, C_DigestInit(session, null_mut())), CKR_OK);
    let rv = call!(token, C_DigestFinal(session, output, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn the_value_of_a_key_is_digested_like_data() {
    let token = Token::fresh();
    let session = token.user_session();
    let secret = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, *b"abc");
    let key = token.create(session, &secret).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let mut mechanism = plain(CKM_SHA_1);
    assert_eq!(call!(token, C_DigestInit(session, &mut mechanism)), CKR_OK);
    assert_eq!(
        call!(token, C_DigestKey(session, public)),
        CKR_KEY_INDIGESTIBLE
    );
    assert_eq!(
        call!(token, C_DigestKey(session, 1)),
        CKR_KEY_HANDLE_INVALID
    );
    assert_eq!(call!(token, C_DigestKey(session, key)), CKR_OK);
    let (mut digest, mut length) = ([0u8; 20], 20);
    let rv = call!(
        token,
        C_DigestFinal(session, digest.as_mut_ptr(), &mut length)
    );
    assert_eq!(rv, CKR_OK);
    // FIPS 180-4, "abc".
    assert_eq!(digest[..], hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

#[test]
fn rsa_signatures_are_those_of_another_implementation() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = token.create(session, &rsa_private()).unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let pkcs1 = hex(rsa_2048::PKCS1_SIGNATURE);
    let made = sign(
        &token,
        session,
        plain(CKM_SHA256_RSA_PKCS),
        private,
        MESSAGE,
    );
    assert_eq!(made.unwrap(), pkcs1);
    let check = |data: &[u8], signature: &[u8]| {
        verify(
            &token,
            session,
            plain(CKM_SHA256_RSA_PKCS),
            public,
            (data, signature),
        )
    };
    assert_eq!(check(MESSAGE, &pkcs1), CKR_OK);
    assert_eq!(check(b"another", &pkcs1), CKR_SIGNATURE_INVALID);
    assert_eq!(check(MESSAGE, &pkcs1[1..]), CKR_SIGNATURE_LEN_RANGE);
    let mut parameter = CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        sLen: 32,
    };
    let pss = |parameter: &mut CK_RSA_PKCS_PSS_PARAMS| with(CKM_SHA256_RSA_PKCS_PSS, parameter);
    let signature = hex(rsa_2048::PSS_SIGNATURE);
    let rv = verify(
        &token,
        session,
        pss(&mut parameter),
        public,
        (MESSAGE, &signature),
    );
    assert_eq!(rv, CKR_OK);
    let made = sign(&token, session, pss(&mut parameter), private, MESSAGE).unwrap();
    let rv = verify(
        &token,
        session,
        pss(&mut parameter),
        public,
        (MESSAGE, &made),
    );
    assert_eq!(rv, CKR_OK);
    parameter.hashAlg = CKM_SHA512;
    let refused = sign(&token, session, pss(&mut parameter), private, MESSAGE);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn keys_are_refused_by_type_before_permission() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = token
        .create(session, &rsa_private().bool(CKA_SIGN, false))
        .unwrap();
    let public = token.create(session, &rsa_public()).unwrap();
    let try_sign = |mechanism, key| sign(&token, session, plain(mechanism), key, b"x");
    assert_eq!(
        try_sign(CKM_RSA_PKCS, private),
        Err(CKR_KEY_FUNCTION_NOT_PERMITTED)
    );
    assert_eq!(
        try_sign(CKM_RSA_PKCS, public),
        Err(CKR_KEY_TYPE_INCONSISTENT)
    );
    assert_eq!(try_sign(CKM_ECDSA, private), Err(CKR_KEY_TYPE_INCONSISTENT));
    assert_eq!(try_sign(CKM_SHA256, private), Err(CKR_MECHANISM_INVALID));
    assert_eq!(try_sign(CKM_RSA_PKCS, session), Err(CKR_KEY_HANDLE_INVALID));
    let mut extra = 0u8;
    let refused = sign(
        &token,
        session,
        with(CKM_RSA_PKCS, &mut extra),
        private,
        b"x",
    );
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn a_key_that_always_authenticates_waits_for_the_pin_at_each_use() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = rsa_private().bool(CKA_ALWAYS_AUTHENTICATE, true);
    let key = token.create(session, &template).unwrap();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    assert_eq!(
        call!(token, C_SignInit(session, &mut mechanism, key)),
        CKR_OK
    );
    let (mut signature, mut length) = ([0u8; 256], 256);
    let output = signature.as_mut_ptr();
    let mut go = || {
        call!(
            token,
            C_Sign(session, input!(MESSAGE), 19, output, &mut length)
        )
    };
    assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(
        token.login(session, CKU_CONTEXT_SPECIFIC, b"wrong"),
        CKR_PIN_INCORRECT
    );
    assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(token.login(session, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
    assert_eq!(go(), CKR_OK);
    assert_eq!(go(), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(signature[..], hex(rsa_2048::PKCS1_SIGNATURE));
}

fn cipher(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    (encrypting, data): (bool, &[u8]),
) -> Result<Vec<u8>, CK_RV> {
    let rv = match encrypting {
        true => call!(token, C_EncryptInit(session, &mut mechanism, key)),
        false => call!(token, C_DecryptInit(session, &mut mechanism, key)),
    };
    if rv != CKR_OK {
        return Err(rv);
    }
    let mut output = vec![0; data.len() + 512];
    let mut length = output.len() as CK_ULONG;
    let (pointer, count) = (output.as_mut_ptr(), data.len() as CK_ULONG);
    let rv = match encrypting {
        true => call!(
            token,
            C_Encrypt(session, input!(data), count, pointer, &mut length)
        ),
        false => call!(
            token,
            C_Decrypt(session, input!(data), count, pointer, &mut length)
        ),
    };
    output.truncate(length as usize);
    if rv == CKR_OK { Ok(output) } else { Err(rv) }
}

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
        let damaged = [&[1], &sealed[1..]].concat();
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
fn generated_pairs_work_together() {
    let token = Token::fresh();
    let session = token.user_session();
    let p384 = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    let pairs = [
        (
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            Attributes::new().ulong(CKA_MODULUS_BITS, 1024),
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

#[test]
fn an_operation_belongs_to_its_session() {
    let token = Token::fresh();
    let (first, second) = (token.open(RW), token.open(RW));
    let mut mechanism = plain(CKM_SHA256);
    assert_eq!(call!(token, C_DigestInit(first, &mut mechanism)), CKR_OK);
    let rv = call!(token, C_DigestUpdate(second, input!(b"x"), 1));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_SessionCancel(first, CKF_DIGEST | CKF_SIGN)),
        CKR_OK
    );
    let rv = call!(token, C_DigestUpdate(first, input!(b"x"), 1));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}
