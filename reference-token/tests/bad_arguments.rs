//! Bad values in every argument: NULL pointers, handles of the wrong kind, absurd lengths. No call
//! may crash, and each must answer with a code that its function lists, which the call itself
//! checks.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{Token, plain};

/// Calls functions of one parameter list with the same arguments.
macro_rules! each {
    ($token:expr, $arguments:tt: $($name:ident)*) => { $(each!(@ $token, $name $arguments);)* };
    (@ $token:expr, $name:ident ($($argument:expr),*)) => {
        assert_ne!(call!($token, $name($($argument),*)), CKR_OK, stringify!($name));
    };
}

#[test]
fn null_pointers_where_something_must_be_are_refused() {
    let token = Token::fresh();
    let s = token.user_session();
    each!(token, (null_mut()): C_GetInfo);
    each!(token, (1, null_mut()): C_GetSlotInfo C_GetTokenInfo);
    each!(token, (s, null_mut()): C_GetSessionInfo);
    each!(token, (1, null_mut(), null_mut()): C_GetMechanismList);
    each!(token, (1, CKM_SHA256, null_mut()): C_GetMechanismInfo);
    each!(token, (1, null_mut(), 4, null_mut()): C_InitToken);
    each!(token, (s, null_mut(), 4, null_mut(), 4): C_SetPIN);
    each!(token, (s, null_mut(), 1, null_mut()): C_CreateObject);
    each!(token, (s, null_mut(), 1): C_FindObjectsInit C_GenerateRandom C_SeedRandom);
    each!(token, (s, null_mut(), null_mut(), 0, null_mut()): C_GenerateKey);
    each!(token, (s, null_mut(), 1, 1, null_mut(), null_mut()): C_WrapKey);
    each!(token, (s, null_mut(), 1, null_mut(), 0, null_mut()): C_DeriveKey);
    each!(token, (s, null_mut(), 0, null_mut(), null_mut()):
        C_Digest C_Sign C_Encrypt C_Decrypt C_EncryptUpdate C_DecryptUpdate);
    each!(token, (s, null_mut(), null_mut()): C_DigestFinal C_SignFinal C_EncryptFinal C_DecryptFinal);
}

#[test]
fn functions_of_operations_that_never_began_refuse_null_and_absurd_lengths() {
    let token = Token::fresh();
    let s = token.user_session();
    let (mut byte, mut length) = ([0u8; 1], 1);
    let (p, most) = (byte.as_mut_ptr(), CK_ULONG::MAX);
    for (p, n) in [(null_mut(), 0), (p, most)] {
        each!(token, (s, p, n, p, null_mut()):
            C_SignRecover C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate
            C_SignEncryptUpdate C_DecryptVerifyUpdate);
        each!(token, (s, p, n): C_VerifySignature C_VerifySignatureUpdate);
        each!(token, (s, p, null_mut()): C_GetOperationState);
        each!(token, (s, p, n, 0, 0): C_SetOperationState);
        each!(token, (s, p.cast(), n, p, n, p, n, p, null_mut()): C_EncryptMessage C_DecryptMessage);
        each!(token, (s, p.cast(), n, p, n): C_EncryptMessageBegin C_DecryptMessageBegin);
        each!(token, (s, p.cast(), n, p, n, p, null_mut(), most):
            C_EncryptMessageNext C_DecryptMessageNext);
        each!(token, (s, p.cast(), n, p, n, p, &mut length): C_SignMessage C_SignMessageNext);
        each!(token, (s, p.cast(), n, p, n, p, n): C_VerifyMessage C_VerifyMessageNext);
        each!(token, (s, p.cast(), n): C_SignMessageBegin C_VerifyMessageBegin);
    }
    each!(token, (s): C_VerifySignatureFinal C_MessageEncryptFinal C_MessageDecryptFinal
        C_MessageSignFinal C_MessageVerifyFinal);
    each!(token, (s, null_mut(), null_mut()): C_AsyncComplete);
    each!(token, (s, null_mut(), &mut length): C_AsyncGetID);
    each!(token, (s, null_mut(), most, null_mut(), most): C_AsyncJoin);
    let mut other = *b"C_Sign\0";
    each!(token, (s, other.as_mut_ptr(), null_mut()): C_AsyncComplete);
}

/// As long as an array of attributes, and its pointers lead nowhere: bytes, as far as anybody knows.
#[test]
fn a_type_that_nobody_knows_is_not_taken_for_a_template() {
    let token = Token::fresh();
    let s = token.user_session();
    let mut value = [0x41u8; 24];
    for unknown in [
        CKF_ARRAY_ATTRIBUTE | 0xffff,
        0x7fff_ffff,
        CK_ATTRIBUTE_TYPE::MAX,
    ] {
        let mut template = CK_ATTRIBUTE {
            type_: unknown,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 24,
        };
        let mut object = 0;
        let rv = call!(token, C_CreateObject(s, &mut template, 1, &mut object));
        assert_ne!(rv, CKR_OK, "{unknown:#x}");
        let rv = call!(token, C_FindObjectsInit(s, &mut template, 1));
        assert!(
            [CKR_OK, CKR_ATTRIBUTE_TYPE_INVALID].contains(&rv),
            "{rv:#x}"
        );
        call!(token, C_FindObjectsFinal(s));
    }
}

#[test]
fn a_message_parameter_of_the_ordinary_function_is_not_taken_for_one() {
    let token = Token::fresh();
    let s = token.user_session();
    // As long as CK_GCM_MESSAGE_PARAMS; what would be pointers there are numbers here.
    let mut gcm = CK_GCM_PARAMS {
        pIv: null_mut(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: std::ptr::without_provenance_mut(7),
        ulAADLen: 16,
        ulTagBits: 128,
    };
    let mut mechanism = plain(CKM_AES_GCM);
    mechanism.pParameter = (&raw mut gcm).cast();
    mechanism.ulParameterLen = size_of::<CK_GCM_PARAMS>() as CK_ULONG;
    each!(token, (s, &mut mechanism, 1): C_MessageEncryptInit C_MessageDecryptInit);
    mechanism.ulParameterLen += 1;
    each!(token, (s, &mut mechanism, 1): C_MessageEncryptInit C_MessageDecryptInit);
}

#[test]
fn lengths_that_cannot_be_are_refused_before_anything_is_read() {
    let token = Token::fresh();
    let s = token.user_session();
    let (mut byte, mut length) = ([0u8; 1], 1);
    let (p, most) = (byte.as_mut_ptr(), CK_ULONG::MAX);
    let mut attribute = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: p.cast(),
        ulValueLen: CK_ULONG::MAX - 7,
    };
    let mut object = 0;
    each!(token, (s, CKU_SO, p, most): C_Login);
    each!(token, (s, &mut attribute, most, &mut object): C_CreateObject);
    each!(token, (s, &mut attribute, 1, &mut object): C_CreateObject);
    each!(token, (s, &mut attribute, most): C_FindObjectsInit);
    each!(token, (s, p, most): C_GenerateRandom C_SeedRandom);
    for start in ["digest", "again"] {
        let mut mechanism = plain(CKM_SHA256);
        assert_eq!(
            call!(token, C_DigestInit(s, &mut mechanism)),
            CKR_OK,
            "{start}"
        );
        each!(token, (s, p, most, p, &mut length): C_Digest);
    }
    let mut mechanism = plain(CKM_AES_CBC);
    mechanism.pParameter = p.cast();
    mechanism.ulParameterLen = most;
    each!(token, (s, &mut mechanism, 1): C_EncryptInit C_DecryptInit);
    mechanism.mechanism = CKM_AES_GCM;
    mechanism.ulParameterLen = size_of::<CK_GCM_PARAMS>() as CK_ULONG;
    mechanism.pParameter = null_mut();
    each!(token, (s, &mut mechanism, 1): C_EncryptInit);
}

#[test]
fn handles_of_the_wrong_kind_are_found_out() {
    let token = Token::fresh();
    let s = token.user_session();
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    for object in [0, s, CK_ULONG::MAX] {
        each!(token, (s, object): C_DestroyObject);
        each!(token, (s, object, null_mut(), 0): C_GetAttributeValue C_SetAttributeValue);
        each!(token, (s, &mut mechanism, object): C_SignInit C_VerifyInit);
    }
    let mut info = CK_SESSION_INFO::default();
    for session in [0, s + 1, 0x4000_0001, CK_ULONG::MAX] {
        let rv = call!(token, C_GetSessionInfo(session, &mut info));
        assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
        let rv = call!(token, C_DestroyObject(session, 1));
        assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
        // Section 5.1.2: the session comes before the other arguments.
        let rv = call!(
            token,
            C_Digest(session, null_mut(), 9, null_mut(), null_mut())
        );
        assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
        let rv = call!(token, C_SignInit(session, null_mut(), 0));
        assert_eq!(rv, CKR_SESSION_HANDLE_INVALID);
    }
}
