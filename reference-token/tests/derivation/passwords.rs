//! Keys from passwords: section 6.37.

use cryptoki_sys::*;

use super::hex;
use super::support::{Attributes, Token, with};

#[test]
fn a_password_makes_a_key_and_an_iv() {
    let token = Token::fresh();
    let session = token.user_session();
    // The vector of tests in `mechanisms/password.rs`, its key with odd parity.
    let mut password = hex("0073006D006500670000");
    let mut salt = hex("0A58CF64530D823F");
    let mut iv = [0u8; 8];
    let mut parameter = CK_PBE_PARAMS {
        pInitVector: iv.as_mut_ptr(),
        pPassword: password.as_mut_ptr(),
        ulPasswordLen: 10,
        pSalt: salt.as_mut_ptr(),
        ulSaltLen: 8,
        ulIteration: 1,
    };
    let mut key = 0;
    let mut mechanism = with(CKM_PBE_SHA1_DES3_EDE_CBC, &mut parameter);
    let none = std::ptr::null_mut();
    assert_eq!(
        call!(
            token,
            C_GenerateKey(session, &mut mechanism, none, 0, &mut key)
        ),
        CKR_OK
    );
    assert_eq!(iv[..], hex("79993DFE048D3B76"));
    let value = token.attribute(session, key, CKA_VALUE).unwrap();
    let expected = hex("8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3");
    assert!(
        value
            .iter()
            .zip(&expected)
            .all(|(a, b)| a & 0xfe == b & 0xfe)
    );
    assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1));
    parameter.pInitVector = std::ptr::null_mut();
    let mut mechanism = with(CKM_PBE_SHA1_DES3_EDE_CBC, &mut parameter);
    assert_eq!(
        call!(
            token,
            C_GenerateKey(session, &mut mechanism, none, 0, &mut key)
        ),
        CKR_MECHANISM_PARAM_INVALID
    );
}

/// RFC 6070: both structures give the same key, and a number that is neither a length nor a pointer
/// is a bad parameter and no more.
#[test]
fn the_structure_of_earlier_versions_makes_the_same_key_from_a_password() {
    let token = Token::fresh();
    let session = token.user_session();
    let (mut password, mut salt, mut length) = (*b"password", *b"salt", 8 as CK_ULONG);
    let mut generate = |password_length| {
        let mut parameter = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: salt.as_mut_ptr().cast(),
            ulSaltSourceDataLen: 4,
            iterations: 2,
            prf: CKP_PKCS5_PBKD2_HMAC_SHA1,
            pPrfData: std::ptr::null_mut(),
            ulPrfDataLen: 0,
            pPassword: password.as_mut_ptr(),
            ulPasswordLen: password_length,
        };
        let template = Attributes::new()
            .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 20);
        let (mut list, mut key) = (template.list(), 0);
        let mut mechanism = with(CKM_PKCS5_PBKD2, &mut parameter);
        let rv = call!(
            token,
            C_GenerateKey(session, &mut mechanism, list.pointer(), 2, &mut key)
        );
        match rv {
            CKR_OK => Ok(token.attribute(session, key, CKA_VALUE).unwrap()),
            rv => Err(rv),
        }
    };
    let expected = hex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    assert_eq!(generate(8), Ok(expected.clone()));
    assert_eq!(generate(&raw mut length as CK_ULONG), Ok(expected));
    assert_eq!(generate(1 << 20), Err(CKR_MECHANISM_PARAM_INVALID));
}
