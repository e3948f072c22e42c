//! CT-KIP: [PKCS11-Base 3.2] section 6.54 over the formulas of RFC 4758, which has no test vectors.

use cryptoki_sys::*;

use super::support::{Attributes, Token, calls, hex, plain, rsa_public, with};
use super::{derive, secret};

/// The client's nonce, the key of both sides, and the server's nonce.
const CLIENT: &str = "000102030405060708090a0b0c0d0e0f";
const SHARED: &str = "101112131415161718191a1b1c1d1e1f";
const SERVER: &[u8; 16] = b"nonce of server!";

/// A CK_KIP_PARAMS for the call.
fn with_kip<T>(
    (kind, underlying): (CK_MECHANISM_TYPE, CK_MECHANISM_TYPE),
    key: CK_OBJECT_HANDLE,
    call: impl FnOnce(CK_MECHANISM) -> T,
) -> T {
    let (mut underlying, mut seed) = (plain(underlying), *SERVER);
    let mut parameter = CK_KIP_PARAMS {
        pMechanism: &mut underlying,
        hKey: key,
        pSeed: seed.as_mut_ptr(),
        ulSeedLen: 16,
    };
    call(with(kind, &mut parameter))
}

fn value(token: &Token, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Vec<u8> {
    token.attribute(session, key, CKA_VALUE).unwrap()
}

#[test]
fn a_key_comes_of_both_nonces_and_the_key_between_them() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = token.create(session, &secret(&hex(CLIENT))).unwrap();
    let shared = token.create(session, &secret(&hex(SHARED))).unwrap();
    let server = token.create(session, &rsa_public()).unwrap();
    let derived = |underlying, key, template: &Attributes| {
        with_kip((CKM_KIP_DERIVE, underlying), key, |mechanism| {
            derive(&token, session, mechanism, base, template)
        })
    };
    let sized = |length| Attributes::new().ulong(CKA_VALUE_LEN, length);
    let rows = [
        (
            CKM_SHA256,
            shared,
            "f2b92134e1ec105d060ef0d001b8a0d00539d1d1867c7249ac57b245e65043279d4c11fe02bbb067",
        ),
        (
            CKM_AES_ECB,
            shared,
            "4a3b649f31a40721e785b794b2bae3f61860ecc2",
        ),
        (CKM_AES_CMAC, shared, "4a3b649f31a40721e785b794b2bae3f6"),
        (
            CKM_SHA256_HMAC,
            server,
            "a5125190bf3e4173cdddb7dbee925d31bf8240cd",
        ),
    ];
    for (underlying, key, expected) in rows {
        let expected = hex(expected);
        let template = sized(expected.len() as CK_ULONG);
        let made = derived(underlying, key, &template).unwrap();
        assert_eq!(value(&token, session, made), expected);
    }
    // What the protocol is for: the key of a one-time password.
    let password = sized(20)
        .ulong(CKA_CLASS, CKO_OTP_KEY)
        .ulong(CKA_KEY_TYPE, CKK_HOTP);
    let made = derived(CKM_SHA256, shared, &password).unwrap();
    assert_eq!(value(&token, session, made), hex(&rows[0].2[..40]));
    let counter = token.attribute(session, made, CKA_OTP_COUNTER).unwrap();
    assert_eq!(counter, [0; 8]);
    // Section 6.54.5: the class is contributed, and need not be named.
    let unclassed = sized(20).ulong(CKA_KEY_TYPE, CKK_HOTP);
    let made = derived(CKM_SHA256, shared, &unclassed).unwrap();
    let class = token.attribute(session, made, CKA_CLASS).unwrap();
    assert_eq!(class, CKO_OTP_KEY.to_ne_bytes());
    let refused = |underlying, key, template| derived(underlying, key, template).unwrap_err();
    let none = Attributes::new();
    assert_eq!(refused(CKM_SHA256, shared, &none), CKR_TEMPLATE_INCOMPLETE);
    let (template, wrong) = (sized(16), CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(refused(CKM_SHA512, shared, &template), wrong);
    assert_eq!(refused(CKM_SHA256, 77, &template), CKR_KEY_HANDLE_INVALID);
}

#[test]
fn a_mac_is_as_long_as_its_buffer() {
    let token = Token::fresh();
    let session = token.user_session();
    let nonce = token.create(session, &secret(&hex(CLIENT))).unwrap();
    let key = token.create(session, &secret(&hex(SHARED))).unwrap();
    let label = b"MAC 2 computation";
    let full = hex("b730e01891f786d86e032bc6b63dfece82798ff2");
    let init = || {
        with_kip((CKM_KIP_MAC, CKM_AES_ECB), nonce, |mut mechanism| {
            call!(token, C_SignInit(session, &mut mechanism, key))
        })
    };
    for room in [8, 16, 20] {
        assert_eq!(init(), CKR_OK);
        let (mut mac, mut length) = (vec![0; 20], room);
        let output = mac.as_mut_ptr();
        let rv = call!(
            token,
            C_Sign(session, input!(label), 17, output, &mut length)
        );
        assert_eq!((rv, length), (CKR_OK, room));
        assert_eq!(mac[..room as usize], full[..room as usize]);
    }
    // Without a buffer it is told how long one usually is; too small a one is no MAC.
    assert_eq!(init(), CKR_OK);
    let (mut mac, mut length) = ([0; 20], 0);
    let none = std::ptr::null_mut();
    let rv = call!(token, C_Sign(session, input!(label), 17, none, &mut length));
    assert_eq!((rv, length), (CKR_OK, 16));
    length = 7;
    let output = mac.as_mut_ptr();
    let rv = call!(
        token,
        C_Sign(session, input!(label), 17, output, &mut length)
    );
    assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, 16));
    let check = |mac: &[u8]| {
        with_kip((CKM_KIP_MAC, CKM_AES_ECB), nonce, |mechanism| {
            calls::verify(&token, session, mechanism, key, (label, mac))
        })
    };
    assert_eq!(call!(token, C_SignInit(session, none.cast(), 0)), CKR_OK);
    assert_eq!(check(&full), CKR_OK);
    assert_eq!(check(&full[..16]), CKR_OK);
    assert_eq!(check(&full[..7]), CKR_SIGNATURE_LEN_RANGE);
    assert_eq!(check(&full[1..17]), CKR_SIGNATURE_INVALID);
}

#[test]
fn a_mac_needs_a_key_that_its_function_takes_and_a_nonce_that_is_there() {
    let token = Token::fresh();
    let session = token.user_session();
    let short = token.create(session, &secret(b"fifteen bytes ..")).unwrap();
    let odd = token.create(session, &secret(b"fifteen bytes !")).unwrap();
    let data = Attributes::new().ulong(CKA_CLASS, CKO_DATA);
    let data = token.create(session, &data).unwrap();
    let init = |underlying, nonce, key| {
        with_kip((CKM_KIP_MAC, underlying), nonce, |mut mechanism| {
            let rv = call!(token, C_SignInit(session, &mut mechanism, key));
            call!(token, C_SignInit(session, std::ptr::null_mut(), 0));
            rv
        })
    };
    assert_eq!(init(CKM_AES_ECB, 0, short), CKR_OK);
    assert_eq!(init(CKM_AES_ECB, 0, odd), CKR_KEY_SIZE_RANGE);
    assert_eq!(init(CKM_SHA256, 0, odd), CKR_OK);
    assert_eq!(init(CKM_SHA256, data, odd), CKR_KEY_HANDLE_INVALID);
    assert_eq!(init(CKM_MD5, 0, odd), CKR_MECHANISM_PARAM_INVALID);
}
