//! Keys under authenticated encryption: sections 5.18.6 and 5.18.7, 6.13.3 and 6.13.5. What C_WrapKey
//! gives is compared with C_Encrypt over the same nonce, whose ciphertexts are those of published
//! vectors.

use cryptoki_sys::*;

use super::support::calls::cipher;
use super::support::{Token, aes_key, with};
use super::{ec_private, keys, private, secret, unwrap, wrap};

#[test]
fn authenticated_wrapping_makes_its_nonce_and_minds_tag_and_associated_data() {
    let token = Token::fresh();
    let session = token.user_session();
    let aes = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let key = token.create(session, &ec_private()).unwrap();
    let (mut iv, mut tag) = ([0u8; 12], [0u8; 16]);
    let mut parameter = CK_GCM_MESSAGE_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvFixedBits: 0,
        ivGenerator: CKG_GENERATE_RANDOM,
        pTag: tag.as_mut_ptr(),
        ulTagBits: 128,
    };
    let mut mechanism = with(CKM_AES_GCM, &mut parameter);
    let (mut wrapped, mut length) = (vec![0u8; 4096], 0);
    let aad = b"associated";
    let mut run = |pointer: *mut u8, length: &mut CK_ULONG| {
        call!(
            token,
            C_WrapKeyAuthenticated(
                session,
                &mut mechanism,
                aes,
                key,
                input!(aad),
                10,
                pointer,
                length
            )
        )
    };
    assert_eq!(run(std::ptr::null_mut(), &mut length), CKR_OK);
    let needed = length;
    length -= 1;
    let pointer = wrapped.as_mut_ptr();
    assert_eq!(
        (run(pointer, &mut length), length),
        (CKR_BUFFER_TOO_SMALL, needed)
    );
    assert_eq!((iv, tag), ([0; 12], [0; 16]));
    assert_eq!((run(pointer, &mut length), length), (CKR_OK, needed));
    assert!(iv != [0; 12] && tag != [0; 16]);
    let template = private(CKK_EC);
    let open = |aad: &[u8]| {
        let (mut list, mut copy) = (template.list(), 0);
        let (mut mechanism, count) = (mechanism, list.count());
        let rv = call!(
            token,
            C_UnwrapKeyAuthenticated(
                session,
                &mut mechanism,
                aes,
                input!(wrapped),
                needed,
                list.pointer(),
                count,
                input!(aad),
                aad.len() as CK_ULONG,
                &mut copy
            )
        );
        if rv == CKR_OK { Ok(copy) } else { Err(rv) }
    };
    let copy = open(aad).unwrap();
    assert_eq!(token.attribute(session, copy, CKA_VALUE).unwrap(), [7; 32]);
    let before = keys(&token, session, CKO_PRIVATE_KEY);
    assert_eq!(open(b"other data"), Err(CKR_WRAPPED_KEY_INVALID));
    assert_eq!(keys(&token, session, CKO_PRIVATE_KEY), before);
}

const VALUE: [u8; 24] = *b"a key of 24 bytes 901234";
const AAD: [u8; 10] = *b"associated";

/// A wrapping key that also encrypts, and a key to be wrapped.
fn pair(token: &Token, session: CK_SESSION_HANDLE) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let aes = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let value = secret(CKK_GENERIC_SECRET).bytes(CKA_VALUE, VALUE);
    (aes, token.create(session, &value).unwrap())
}

fn gcm(iv: &mut [u8], generator: CK_GENERATOR_FUNCTION, fixed: CK_ULONG) -> CK_GCM_WRAP_PARAMS {
    CK_GCM_WRAP_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: iv.len() as CK_ULONG,
        ulIvFixedBits: fixed,
        ivGenerator: generator,
        pAAD: input!(AAD),
        ulAADLen: 10,
        ulTagBits: 96,
    }
}

/// What C_UnwrapKey makes of a wrapped key.
fn value(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM,
    aes: CK_OBJECT_HANDLE,
    wrapped: &[u8],
) -> Result<Vec<u8>, CK_RV> {
    let template = secret(CKK_GENERIC_SECRET);
    let copy = unwrap(token, session, mechanism, aes, (wrapped, &template))?;
    Ok(token.attribute(session, copy, CKA_VALUE).unwrap())
}

#[test]
fn a_gcm_wrapped_key_is_its_ciphertext_with_the_tag_behind_it() {
    let token = Token::fresh();
    let session = token.user_session();
    let (aes, key) = pair(&token, session);
    let mut iv = [9u8; 12];
    let mut ordinary = CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: input!(AAD),
        ulAADLen: 10,
        ulTagBits: 96,
    };
    let ordinary = with(CKM_AES_GCM, &mut ordinary);
    let sealed = cipher(&token, session, ordinary, aes, (true, &VALUE)).unwrap();
    let mut parameter = gcm(&mut iv, CKG_NO_GENERATE, 0);
    let mechanism = with(CKM_AES_GCM, &mut parameter);
    assert_eq!(
        wrap(&token, session, mechanism, (aes, key)).unwrap(),
        sealed
    );
    // The structure of earlier versions is as good where no nonce is generated.
    assert_eq!(wrap(&token, session, ordinary, (aes, key)).unwrap(), sealed);
    for mechanism in [mechanism, ordinary] {
        assert_eq!(
            value(&token, session, mechanism, aes, &sealed).unwrap(),
            VALUE
        );
    }
    let before = keys(&token, session, CKO_SECRET_KEY);
    for at in [0, sealed.len() - 1] {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        let refused = value(&token, session, mechanism, aes, &altered);
        assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
    }
    let refused = value(&token, session, mechanism, aes, &sealed[..11]);
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_LEN_RANGE));
    assert_eq!(keys(&token, session, CKO_SECRET_KEY), before);
    parameter.ulTagBits = 129;
    let mechanism = with(CKM_AES_GCM, &mut parameter);
    let refused = wrap(&token, session, mechanism, (aes, key));
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn a_ccm_wrapped_key_has_the_length_that_the_token_knows() {
    let token = Token::fresh();
    let session = token.user_session();
    let (aes, key) = pair(&token, session);
    let mut nonce = [5u8; 11];
    let mut ordinary = CK_CCM_PARAMS {
        ulDataLen: VALUE.len() as CK_ULONG,
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 11,
        pAAD: input!(AAD),
        ulAADLen: 10,
        ulMACLen: 8,
    };
    let mechanism = with(CKM_AES_CCM, &mut ordinary);
    let sealed = cipher(&token, session, mechanism, aes, (true, &VALUE)).unwrap();
    // Section 6.13.5: whatever the parameter says of it.
    for length in [0, 7] {
        ordinary.ulDataLen = length;
        let mut parameter = CK_CCM_WRAP_PARAMS {
            ulDataLen: length,
            pNonce: nonce.as_mut_ptr(),
            ulNonceLen: 11,
            ulNonceFixedBits: 0,
            nonceGenerator: CKG_NO_GENERATE,
            pAAD: input!(AAD),
            ulAADLen: 10,
            ulMACLen: 8,
        };
        for mechanism in [
            with(CKM_AES_CCM, &mut parameter),
            with(CKM_AES_CCM, &mut ordinary),
        ] {
            assert_eq!(
                wrap(&token, session, mechanism, (aes, key)).unwrap(),
                sealed
            );
            assert_eq!(
                value(&token, session, mechanism, aes, &sealed).unwrap(),
                VALUE
            );
        }
        parameter.ulMACLen = 5;
        let mechanism = with(CKM_AES_CCM, &mut parameter);
        let refused = wrap(&token, session, mechanism, (aes, key));
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }
    let mechanism = with(CKM_AES_CCM, &mut ordinary);
    let mut altered = sealed.clone();
    altered[3] ^= 1;
    let refused = value(&token, session, mechanism, aes, &altered);
    assert_eq!(refused, Err(CKR_WRAPPED_KEY_INVALID));
}

#[test]
fn a_nonce_that_wrapping_generates_comes_back_and_opens_what_it_sealed() {
    let token = Token::fresh();
    let session = token.user_session();
    let (aes, key) = pair(&token, session);
    let mut seen = Vec::new();
    for generator in [
        CKG_GENERATE,
        CKG_GENERATE,
        CKG_GENERATE_RANDOM,
        CKG_GENERATE_RANDOM,
    ] {
        let mut iv = [0xabu8; 12];
        let mut parameter = gcm(&mut iv, generator, 12);
        let mechanism = with(CKM_AES_GCM, &mut parameter);
        let wrapped = wrap(&token, session, mechanism, (aes, key)).unwrap();
        assert_eq!((iv[0], iv[1] >> 4), (0xab, 0xa));
        // What generates is ignored when unwrapping: the nonce is the one that came back.
        assert_eq!(
            value(&token, session, mechanism, aes, &wrapped).unwrap(),
            VALUE
        );
        assert!(!seen.contains(&iv));
        seen.push(iv);
    }
    let mut iv = [0xabu8; 12];
    let mut parameter = gcm(&mut iv, CKG_GENERATE, 97);
    let mechanism = with(CKM_AES_GCM, &mut parameter);
    let refused = wrap(&token, session, mechanism, (aes, key));
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

/// Section 6.13.3: the counter starts at zero, and section 6.13.7.4 has nonces unique in a session.
#[test]
fn counted_nonces_go_on_from_call_to_call_and_start_again_with_another_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let (aes, key) = pair(&token, session);
    let (other, _) = pair(&token, session);
    let counted = |aes| {
        let mut iv = [0xffu8; 12];
        let mut parameter = gcm(&mut iv, CKG_GENERATE_COUNTER, 32);
        let mut mechanism = with(CKM_AES_GCM, &mut parameter);
        // A length alone takes no nonce.
        let mut length = 0;
        let none = std::ptr::null_mut();
        let rv = call!(
            token,
            C_WrapKey(session, &mut mechanism, aes, key, none, &mut length)
        );
        assert_eq!((rv, length, iv), (CKR_OK, 36, [0xff; 12]));
        wrap(&token, session, mechanism, (aes, key)).unwrap();
        assert_eq!(iv[..4], [0xff; 4]);
        u64::from_be_bytes(iv[4..].try_into().unwrap())
    };
    assert_eq!([counted(aes), counted(aes), counted(aes)], [0, 1, 2]);
    assert_eq!([counted(other), counted(aes)], [0, 3]);
}
