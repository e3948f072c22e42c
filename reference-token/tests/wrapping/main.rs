//! Wrapping: sections 5.18.3, 5.18.4, 5.18.6 and 5.18.7. This file has private keys as PKCS #8 and
//! what must not come in or go out; `agreed` wrapping through a key agreement, `sealed` authenticated
//! encryption.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod agreed;
mod sealed;

use cryptoki_sys::*;
use support::{Attributes, Token, aes_key, hex, plain, rsa_private, rsa_public, with};

fn wrap(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    (wrapping, key): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
) -> Result<Vec<u8>, CK_RV> {
    let (mut wrapped, mut length) = (vec![0; 4096], 4096);
    let pointer = wrapped.as_mut_ptr();
    let rv = call!(
        token,
        C_WrapKey(session, &mut mechanism, wrapping, key, pointer, &mut length)
    );
    wrapped.truncate(length as usize);
    if rv == CKR_OK { Ok(wrapped) } else { Err(rv) }
}

fn unwrap(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    unwrapping: CK_OBJECT_HANDLE,
    (wrapped, template): (&[u8], &Attributes),
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let (mut list, mut key) = (template.list(), 0);
    let (count, length) = (list.count(), wrapped.len() as CK_ULONG);
    let rv = call!(
        token,
        C_UnwrapKey(
            session,
            &mut mechanism,
            unwrapping,
            input!(wrapped),
            length,
            list.pointer(),
            count,
            &mut key
        )
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

/// A private key on P-256 that may leave and be seen.
fn ec_private() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true)
        .bytes(CKA_EC_PARAMS, hex("06082a8648ce3d030107"))
        .bytes(CKA_VALUE, [7; 32])
}

fn private(key_type: CK_KEY_TYPE) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
        .bool(CKA_SENSITIVE, false)
}

fn secret(key_type: CK_KEY_TYPE) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
}

fn keys(token: &Token, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS) -> usize {
    let class = Attributes::new().ulong(CKA_CLASS, class);
    token.find(session, &class).len()
}

#[test]
fn a_private_key_goes_through_every_secret_key_mechanism_and_comes_back() {
    let token = Token::fresh();
    let session = token.user_session();
    let aes = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let key = token.create(session, &ec_private()).unwrap();
    let mut iv = [3u8; 16];
    let mechanisms = [
        plain(CKM_AES_ECB),
        with(CKM_AES_CBC, &mut iv),
        with(CKM_AES_CBC_PAD, &mut iv),
        plain(CKM_AES_KEY_WRAP),
        plain(CKM_AES_KEY_WRAP_KWP),
        plain(CKM_AES_KEY_WRAP_PKCS7),
    ];
    for mechanism in mechanisms {
        let wrapped = wrap(&token, session, mechanism, (aes, key)).unwrap();
        let copy = unwrap(
            &token,
            session,
            mechanism,
            aes,
            (&wrapped, &private(CKK_EC)),
        )
        .unwrap();
        for attribute in [CKA_VALUE, CKA_EC_PARAMS, CKA_PUBLIC_KEY_INFO] {
            assert_eq!(
                token.attribute(session, copy, attribute),
                token.attribute(session, key, attribute)
            );
        }
        // Section 5.18.4: extractable unless the template says otherwise, and not made here.
        let flag = |attribute| token.attribute(session, copy, attribute).unwrap() == [CK_TRUE];
        assert!(flag(CKA_EXTRACTABLE) && !flag(CKA_LOCAL) && !flag(CKA_ALWAYS_SENSITIVE));
    }
}

#[test]
fn an_rsa_key_wraps_secret_keys_itself_and_private_ones_with_a_key_between() {
    let token = Token::fresh();
    let session = token.user_session();
    let public = rsa_public().bool(CKA_WRAP, true);
    let public = token.create(session, &public).unwrap();
    let unwrapping = rsa_private().bool(CKA_UNWRAP, true);
    let unwrapping = token.create(session, &unwrapping).unwrap();
    let key = token.create(session, &ec_private()).unwrap();
    let refused = wrap(&token, session, plain(CKM_RSA_PKCS), (public, key));
    assert_eq!(refused, Err(CKR_KEY_NOT_WRAPPABLE));
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 0,
    };
    let mut parameter = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 256,
        pOAEPParams: &mut oaep,
    };
    let mechanism = with(CKM_RSA_AES_KEY_WRAP, &mut parameter);
    let wrapped = wrap(&token, session, mechanism, (public, key)).unwrap();
    let template = private(CKK_EC);
    let copy = unwrap(
        &token,
        session,
        mechanism,
        unwrapping,
        (&wrapped, &template),
    )
    .unwrap();
    assert_eq!(token.attribute(session, copy, CKA_VALUE).unwrap(), [7; 32]);
    let mut broken = wrapped.clone();
    *broken.last_mut().unwrap() ^= 1;
    let before = keys(&token, session, CKO_PRIVATE_KEY);
    let refused = unwrap(&token, session, mechanism, unwrapping, (&broken, &template));
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
    let refused = unwrap(
        &token,
        session,
        mechanism,
        unwrapping,
        (&wrapped[..100], &template),
    );
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_LEN_RANGE));
    assert_eq!(keys(&token, session, CKO_PRIVATE_KEY), before);
    parameter.ulAESKeyBits = 160;
    let mechanism = with(CKM_RSA_AES_KEY_WRAP, &mut parameter);
    let refused = wrap(&token, session, mechanism, (public, key));
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    // Section 6.1.12: without padding the key is at the end of as many bytes as the modulus has.
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let short = token.create(session, &value).unwrap();
    let wrapped = wrap(&token, session, plain(CKM_RSA_X_509), (public, short)).unwrap();
    let template = secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 20);
    let mechanism = plain(CKM_RSA_X_509);
    let copy = unwrap(
        &token,
        session,
        mechanism,
        unwrapping,
        (&wrapped, &template),
    )
    .unwrap();
    assert_eq!(token.attribute(session, copy, CKA_VALUE).unwrap(), [9; 20]);
    let unnamed = secret(CKK_GENERIC_SECRET);
    let refused = unwrap(&token, session, mechanism, unwrapping, (&wrapped, &unnamed));
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
}

/// Section 6.1.19: the key to be wrapped may have any length. What has no room for the AES key between
/// is the wrapping key.
#[test]
fn an_rsa_key_too_short_for_the_key_between_is_a_wrapping_key_of_a_wrong_size() {
    let token = Token::fresh();
    let session = token.user_session();
    let public = Attributes::new()
        .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, [0xff; 128])
        .bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1])
        .bool(CKA_WRAP, true);
    let public = token.create(session, &public).unwrap();
    let key = token.create(session, &ec_private()).unwrap();
    let wrapped = |hash, mgf, bits| {
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: std::ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        let mut parameter = CK_RSA_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            pOAEPParams: &mut oaep,
        };
        let mechanism = with(CKM_RSA_AES_KEY_WRAP, &mut parameter);
        wrap(&token, session, mechanism, (public, key)).map(|_| ())
    };
    // RFC 8017 section 7.1.1: 128 - 2 * 48 - 2 bytes are left, and after SHA-512 not even none.
    assert_eq!(wrapped(CKM_SHA384, CKG_MGF1_SHA384, 192), Ok(()));
    let small = Err(CKR_WRAPPING_KEY_SIZE_RANGE);
    assert_eq!(wrapped(CKM_SHA384, CKG_MGF1_SHA384, 256), small);
    assert_eq!(wrapped(CKM_SHA512, CKG_MGF1_SHA512, 128), small);
}

/// Section 5.1.6 has CKR_WRAPPED_KEY_LEN_RANGE for the length of the wrapped key alone: what PKCS #1
/// padding holds is not told from a padding that is wrong.
#[test]
fn contents_that_do_not_fit_look_like_wrong_padding() {
    let token = Token::fresh();
    let session = token.user_session();
    let public = rsa_public().bool(CKA_WRAP, true);
    let public = token.create(session, &public).unwrap();
    let unwrapping = rsa_private().bool(CKA_UNWRAP, true);
    let unwrapping = token.create(session, &unwrapping).unwrap();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let key = token.create(session, &value).unwrap();
    let mechanism = plain(CKM_RSA_PKCS);
    let wrapped = wrap(&token, session, mechanism, (public, key)).unwrap();
    let run = |wrapped: &[u8], template: &Attributes| {
        unwrap(&token, session, mechanism, unwrapping, (wrapped, template))
    };
    let sized = |length| secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, length);
    assert!(run(&wrapped, &sized(20)).is_ok());
    let mut broken = wrapped.clone();
    broken[100] ^= 1;
    for (wrapped, template) in [
        (&broken, sized(20)),
        (&wrapped, sized(19)),
        (&wrapped, secret(CKK_AES)),
        (&wrapped, secret(CKK_DES3)),
        (&wrapped, private(CKK_RSA)),
        (&wrapped, sized(20).bytes(CKA_CHECK_VALUE, [0; 3])),
    ] {
        assert_eq!(run(wrapped, &template), Err(CKR_WRAPPED_KEY_INVALID));
    }
    let short = run(&wrapped[1..], &sized(20));
    assert_eq!(short, Err(CKR_WRAPPED_KEY_LEN_RANGE));
}

#[test]
fn lengths_that_contradict_each_other_are_not_cut_to_fit() {
    let token = Token::fresh();
    let session = token.user_session();
    let aes = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let key = token.create(session, &value).unwrap();
    let kwp = plain(CKM_AES_KEY_WRAP_KWP);
    let wrapped = wrap(&token, session, kwp, (aes, key)).unwrap();
    let with_length = |length| secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, length);
    let run = |template: &Attributes| unwrap(&token, session, kwp, aes, (&wrapped, template));
    assert!(run(&with_length(20)).is_ok() && run(&secret(CKK_GENERIC_SECRET)).is_ok());
    for template in [
        with_length(19),
        with_length(21),
        secret(CKK_AES),
        secret(CKK_DES3),
    ] {
        assert_eq!(run(&template), Err(CKR_WRAPPED_KEY_LEN_RANGE));
    }
    // Twenty bytes fill two blocks, in which there may have been any from 17 to 32.
    let ecb = plain(CKM_AES_ECB);
    let wrapped = wrap(&token, session, ecb, (aes, key)).unwrap();
    let unnamed = secret(CKK_GENERIC_SECRET);
    let refused = unwrap(&token, session, ecb, aes, (&wrapped, &unnamed));
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    // Section 5.1.6: a wrapped key that is recognizably of another type than the template's.
    let elliptic = token.create(session, &ec_private()).unwrap();
    let another = wrap(&token, session, kwp, (aes, elliptic)).unwrap();
    for key_type in [CKK_RSA, CKK_EC_EDWARDS, CKK_DSA] {
        let refused = unwrap(&token, session, kwp, aes, (&another, &private(key_type)));
        assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
    }
    // A PrivateKeyInfo is not what 20 bytes of nines are.
    let refused = unwrap(&token, session, ecb, aes, (&wrapped, &private(CKK_EC)));
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
}

#[test]
fn templates_of_wrapping_keys_choose_what_they_wrap_and_shape_what_they_unwrap() {
    let token = Token::fresh();
    let session = token.user_session();
    let mut label = *b"out";
    let wanted = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: label.as_mut_ptr().cast(),
        ulValueLen: 3,
    };
    let size = size_of::<CK_ATTRIBUTE>();
    // SAFETY: the bytes of a structure without padding that outlives the call.
    let nested = unsafe { std::slice::from_raw_parts(std::ptr::from_ref(&wanted).cast(), size) };
    let choosy = aes_key()
        .bytes(CKA_WRAP_TEMPLATE, nested)
        .bytes(CKA_UNWRAP_TEMPLATE, nested);
    let aes = token.generate(session, CKM_AES_KEY_GEN, &choosy).unwrap();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, [9; 20]);
    let other = token.create(session, &value).unwrap();
    let kwp = plain(CKM_AES_KEY_WRAP_KWP);
    // Section 5.18.3 names this code for a key that does not match.
    let refused = wrap(&token, session, kwp, (aes, other));
    assert_eq!(refused, Err(CKR_KEY_HANDLE_INVALID));
    let labelled = value.bytes(CKA_LABEL, *b"out");
    let labelled = token.create(session, &labelled).unwrap();
    let wrapped = wrap(&token, session, kwp, (aes, labelled)).unwrap();
    let template = secret(CKK_GENERIC_SECRET);
    let copy = unwrap(&token, session, kwp, aes, (&wrapped, &template)).unwrap();
    assert_eq!(token.attribute(session, copy, CKA_LABEL).unwrap(), b"out");
    let contrary = template.bytes(CKA_LABEL, *b"in");
    let refused = unwrap(&token, session, kwp, aes, (&wrapped, &contrary));
    assert_eq!(refused, Err(CKR_TEMPLATE_INCONSISTENT));
}
