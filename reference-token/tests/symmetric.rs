//! Symmetric mechanisms through the C functions: their parameter structures, what
//! C_GetMechanismInfo says of them, and what their key types demand.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::{cipher, sign, verify};
use support::{Attributes, SLOT, Token, hex, plain, with};

/// A secret key made from its value.
fn secret(key_type: CK_KEY_TYPE, value: &[u8]) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
        .bytes(CKA_VALUE, value)
}

fn info(token: &Token, mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM_INFO {
    let mut info = CK_MECHANISM_INFO::default();
    let rv = call!(token, C_GetMechanismInfo(SLOT, mechanism, &mut info));
    assert_eq!(rv, CKR_OK, "{mechanism:#x}");
    info
}

/// Units as the sections of the mechanisms give them: 6.8.4 and 6.58.5 in bits, most others in
/// bytes, and DES not at all.
#[test]
fn sizes_are_in_the_unit_of_each_section() {
    let token = Token::fresh();
    for (mechanism, least, most) in [
        (CKM_AES_CBC, 16, 32),
        (CKM_AES_XTS, 32, 64),
        (CKM_AES_XTS_KEY_GEN, 32, 64),
        (CKM_DES3_CBC, 0, 0),
        (CKM_DES2_KEY_GEN, 0, 0),
        (CKM_BLOWFISH_KEY_GEN, 4, 56),
        (CKM_CHACHA20, 256, 256),
        (CKM_CHACHA20_KEY_GEN, 32, 32),
        (CKM_GENERIC_SECRET_KEY_GEN, 8, 32768),
        (CKM_SHA256_KEY_GEN, 1, 4096),
    ] {
        let info = info(&token, mechanism);
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), (least, most));
    }
    let wraps = CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP;
    assert_eq!(info(&token, CKM_AES_KEY_WRAP_KWP).flags & wraps, wraps);
    assert_eq!(info(&token, CKM_DES_OFB64).flags & CKF_WRAP, 0);
    assert_eq!(info(&token, CKM_POLY1305).flags, CKF_SIGN | CKF_VERIFY);
}

/// RFC 3610 section 8, packet vector 1.
#[test]
fn ccm_reads_its_structure() {
    let token = Token::fresh();
    let session = token.user_session();
    let value: Vec<u8> = (0xc0..0xd0).collect();
    let key = token.create(session, &secret(CKK_AES, &value)).unwrap();
    let (mut nonce, mut aad) = (
        hex("00000003020100a0a1a2a3a4a5"),
        (0..8).collect::<Vec<u8>>(),
    );
    let data: Vec<u8> = (8..0x1f).collect();
    let mut parameter = CK_CCM_PARAMS {
        ulDataLen: data.len() as CK_ULONG,
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 13,
        pAAD: aad.as_mut_ptr(),
        ulAADLen: 8,
        ulMACLen: 8,
    };
    let mut run = |(encrypting, data): (bool, &[u8]), length: usize| {
        parameter.ulDataLen = length as CK_ULONG;
        let mechanism = with(CKM_AES_CCM, &mut parameter);
        cipher(&token, session, mechanism, key, (encrypting, data))
    };
    let sealed = hex("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0");
    assert_eq!(run((true, &data), 23), Ok(sealed.clone()));
    assert_eq!(run((false, &sealed), 23), Ok(data.clone()));
    let damaged = [&sealed[..30], &[0]].concat();
    assert_eq!(run((false, &damaged), 23), Err(CKR_ENCRYPTED_DATA_INVALID));
    assert_eq!(run((true, &data), 24), Err(CKR_DATA_LEN_RANGE));
    parameter.pNonce = null_mut();
    let mut mechanism = with(CKM_AES_CCM, &mut parameter);
    let rv = call!(token, C_EncryptInit(session, &mut mechanism, key));
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}

/// RFC 8439 sections 2.4.2 and 2.8.2, which have the same plaintext.
#[test]
fn chacha20_counts_its_nonce_in_bits() {
    let token = Token::fresh();
    let session = token.user_session();
    let value: Vec<u8> = (0..32).collect();
    let key = token.create(session, &secret(CKK_CHACHA20, &value));
    let key = key.unwrap();
    let (mut counter, mut nonce) = ([1u8, 0, 0, 0], hex("000000000000004a00000000"));
    let mut parameter = CK_CHACHA20_PARAMS {
        pBlockCounter: counter.as_mut_ptr(),
        blockCounterBits: 32,
        pNonce: nonce.as_mut_ptr(),
        ulNonceBits: 96,
    };
    let sunscreen: &[u8] = b"Ladies and Gentlemen of the class of '99: If I could offer you \
                             only one tip for the future, sunscreen would be it.";
    let mechanism = with(CKM_CHACHA20, &mut parameter);
    let out = cipher(&token, session, mechanism, key, (true, sunscreen)).unwrap();
    assert_eq!(out[..8], hex("6e2e359a2568f980"));
    for (counter_bits, nonce_bits) in [(64, 96), (31, 96), (32, 12), (32, 95)] {
        parameter.blockCounterBits = counter_bits;
        parameter.ulNonceBits = nonce_bits;
        let mut mechanism = with(CKM_CHACHA20, &mut parameter);
        let rv = call!(token, C_EncryptInit(session, &mut mechanism, key));
        assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
    }

    let value: Vec<u8> = (0x80..0xa0).collect();
    let key = token.create(session, &secret(CKK_CHACHA20, &value));
    let key = key.unwrap();
    let (mut nonce, mut aad) = (
        hex("070000004041424344454647"),
        hex("50515253c0c1c2c3c4c5c6c7"),
    );
    let mut parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 96,
        pAAD: aad.as_mut_ptr(),
        ulAADLen: 12,
    };
    let mechanism = with(CKM_CHACHA20_POLY1305, &mut parameter);
    let sealed = cipher(&token, session, mechanism, key, (true, sunscreen)).unwrap();
    assert_eq!(sealed[..8], hex("d31a8d34648e60db"));
    assert_eq!(
        sealed[sunscreen.len()..],
        hex("1ae10b594f09e26a7e902ecbd0600691")
    );
    let opened = cipher(&token, session, mechanism, key, (false, &sealed));
    assert_eq!(opened.as_deref(), Ok(sunscreen));
    // Twelve would be its bytes, but bits are what the section counts.
    parameter.ulNonceLen = 12;
    let mut mechanism = with(CKM_CHACHA20_POLY1305, &mut parameter);
    let rv = call!(token, C_EncryptInit(session, &mut mechanism, key));
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn salsa20_needs_a_counter_to_begin_with() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token
        .generate(session, CKM_SALSA20_KEY_GEN, &Attributes::new())
        .unwrap();
    let (mut counter, mut nonce) = ([0u8; 8], [1u8; 24]);
    let mut parameter = CK_SALSA20_PARAMS {
        pBlockCounter: counter.as_mut_ptr(),
        pNonce: nonce.as_mut_ptr(),
        ulNonceBits: 192,
    };
    let mechanism = with(CKM_SALSA20, &mut parameter);
    let sealed = cipher(&token, session, mechanism, key, (true, b"salsa")).unwrap();
    let opened = cipher(&token, session, mechanism, key, (false, &sealed));
    assert_eq!(opened.as_deref(), Ok(&b"salsa"[..]));
    parameter.pBlockCounter = null_mut();
    let mut mechanism = with(CKM_SALSA20, &mut parameter);
    let rv = call!(token, C_EncryptInit(session, &mut mechanism, key));
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}

/// Sections 6.18.2 and 6.18.3: odd parity, and no CKA_VALUE_LEN.
#[test]
fn keys_of_triple_des_have_odd_parity_and_no_length() {
    let token = Token::fresh();
    let session = token.user_session();
    let even = token.create(session, &secret(CKK_DES2, &[3; 16]));
    assert_eq!(even, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    let short = token.create(session, &secret(CKK_DES3, &[1; 16]));
    assert_eq!(short, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    // A template may name the one length there is, which makes no attribute of it.
    for (mechanism, length) in [
        (CKM_DES_KEY_GEN, 8),
        (CKM_DES2_KEY_GEN, 16),
        (CKM_DES3_KEY_GEN, 24),
    ] {
        let named = |length| Attributes::new().ulong(CKA_VALUE_LEN, length);
        let key = token.generate(session, mechanism, &named(length)).unwrap();
        assert_eq!(
            token.attribute(session, key, CKA_VALUE_LEN),
            Err(CKR_ATTRIBUTE_TYPE_INVALID)
        );
        let other = token.generate(session, mechanism, &named(12));
        assert_eq!(other, Err(CKR_TEMPLATE_INCONSISTENT));
    }
    let key = token
        .generate(session, CKM_DES3_KEY_GEN, &Attributes::new())
        .unwrap();
    let value = token.attribute(session, key, CKA_VALUE).unwrap();
    assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1));
    assert_eq!(
        token.attribute(session, key, CKA_VALUE_LEN),
        Err(CKR_ATTRIBUTE_TYPE_INVALID)
    );
    let zeros = cipher(&token, session, plain(CKM_DES3_ECB), key, (true, &[0; 8]));
    let check = token.attribute(session, key, CKA_CHECK_VALUE).unwrap();
    assert_eq!(check, zeros.unwrap()[..3]);
    let single = cipher(&token, session, plain(CKM_DES_ECB), key, (true, &[0; 8]));
    assert_eq!(single, Err(CKR_KEY_TYPE_INCONSISTENT));
    let mut iv = [1u8; 8];
    let stream = with(CKM_DES_CFB8, &mut iv);
    assert!(cipher(&token, session, stream, key, (true, &[0; 9])).is_ok());
}

/// Section 6.16.2: no parameter or one of the right length; 6.16.3: in one part only.
#[test]
fn key_wrap_takes_a_vector_or_none_and_no_parts() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.create(session, &secret(CKK_AES, &[1; 16])).unwrap();
    let wrap = |mechanism, data: &[u8]| cipher(&token, session, mechanism, key, (true, data));
    let default = wrap(plain(CKM_AES_KEY_WRAP), &[2; 16]).unwrap();
    let (mut same, mut other, mut short) = ([0xa6u8; 8], [0x11u8; 8], [0xa6u8; 4]);
    assert_eq!(
        wrap(with(CKM_AES_KEY_WRAP, &mut same), &[2; 16]),
        Ok(default.clone())
    );
    let own = wrap(with(CKM_AES_KEY_WRAP, &mut other), &[2; 16]).unwrap();
    assert_ne!(own, default);
    let refused = wrap(with(CKM_AES_KEY_WRAP, &mut short), &[2; 16]);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    let refused = cipher(&token, session, plain(CKM_AES_KEY_WRAP), key, (false, &own));
    assert_eq!(refused, Err(CKR_ENCRYPTED_DATA_INVALID));
    let mut mechanism = plain(CKM_AES_KEY_WRAP_KWP);
    assert_eq!(
        call!(token, C_EncryptInit(session, &mut mechanism, key)),
        CKR_OK
    );
    let (mut out, mut length) = ([0u8; 64], 64);
    let rv = call!(
        token,
        C_EncryptUpdate(session, input!([2; 16]), 16, out.as_mut_ptr(), &mut length)
    );
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn macs_take_the_key_types_of_their_sections() {
    let token = Token::fresh();
    let session = token.user_session();
    let length = Attributes::new().ulong(CKA_VALUE_LEN, 20);
    let key = token.generate(session, CKM_SHA3_256_KEY_GEN, &length);
    let key = key.unwrap();
    let own = sign(&token, session, plain(CKM_SHA3_256_HMAC), key, b"data").unwrap();
    let rv = verify(
        &token,
        session,
        plain(CKM_SHA3_256_HMAC),
        key,
        (b"data", &own),
    );
    assert_eq!(rv, CKR_OK);
    let foreign = sign(&token, session, plain(CKM_SHA256_HMAC), key, b"data");
    assert_eq!(foreign, Err(CKR_KEY_TYPE_INCONSISTENT));
    let value = token.attribute(session, key, CKA_VALUE).unwrap();
    let generic = token.create(session, &secret(CKK_GENERIC_SECRET, &value));
    let same = sign(
        &token,
        session,
        plain(CKM_SHA3_256_HMAC),
        generic.unwrap(),
        b"data",
    );
    assert_eq!(same, Ok(own));
    let mut bits: CK_ULONG = 384;
    let mut mechanism = with(CKM_SHA512_T, &mut bits);
    let rv = call!(token, C_DigestInit(session, &mut mechanism));
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}
