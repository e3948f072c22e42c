//! The four mandatory test cases of the 3.2 profiles: BL, EXT, AUTH and CERT. Their calls in their
//! order, with the values that they fix. The signature that AUTH prints belongs to a private key
//! that was never published: here it is checked with a key pair of our own.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{
    Attributes, RO, RW, SLOT, Token, USER_PIN, hex, plain, rsa_2048, rsa_private, rsa_public,
};

fn blank<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    field[..text.len()].copy_from_slice(text.as_bytes());
    field
}

/// A token with what the cases expect to find, and the library finalised again.
fn prepared(objects: &[Attributes]) -> Token {
    let token = Token::fresh();
    let session = token.user_session();
    for object in objects {
        token
            .create(session, &object.clone().bool(CKA_TOKEN, true))
            .unwrap();
    }
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    token
}

/// What all four begin with.
fn begin(token: &Token) {
    assert_eq!(call!(token, C_Initialize(null_mut())), CKR_OK);
    let mut info = CK_INFO::default();
    assert_eq!(call!(token, C_GetInfo(&mut info)), CKR_OK);
    assert_eq!(
        (info.cryptokiVersion.major, info.cryptokiVersion.minor),
        (3, 2)
    );
    assert_eq!(info.manufacturerID, blank("OASIS PKCS#11 TC"));
    assert_eq!(info.flags, 0);
    assert_eq!(info.libraryDescription, blank(""));
    assert_eq!(
        (info.libraryVersion.major, info.libraryVersion.minor),
        (1, 0)
    );
    let mut count = 0;
    assert_eq!(
        call!(token, C_GetSlotList(CK_TRUE, null_mut(), &mut count)),
        CKR_OK
    );
    let mut slots = vec![0; count as usize];
    let rv = call!(
        token,
        C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count)
    );
    assert_eq!((rv, slots[0]), (CKR_OK, SLOT));
}

/// What all four end with.
fn end(token: &Token, session: CK_SESSION_HANDLE) {
    assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
    assert_eq!(call!(token, C_CloseAllSessions(SLOT)), CKR_OK);
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
}

/// Slot and token of BL and EXT. Label, model, serial number and time may vary.
fn slot_and_token(token: &Token) {
    let mut slot = CK_SLOT_INFO::default();
    assert_eq!(call!(token, C_GetSlotInfo(SLOT, &mut slot)), CKR_OK);
    assert_eq!(
        slot.slotDescription,
        blank("OASIS PKCS#11 TC Slot Description")
    );
    assert_eq!(slot.manufacturerID, blank("OASIS PKCS#11 TC"));
    assert_eq!(slot.flags, CKF_TOKEN_PRESENT);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    let flags = CKF_RNG
        | CKF_LOGIN_REQUIRED
        | CKF_USER_PIN_INITIALIZED
        | CKF_RESTORE_KEY_NOT_NEEDED
        | CKF_TOKEN_INITIALIZED;
    // These can be configured away; the test case has a token without.
    let more = CKF_DUAL_CRYPTO_OPERATIONS | CKF_ASYNC_SESSION_SUPPORTED;
    assert_eq!(info.flags & !more, flags);
    assert_eq!(info.manufacturerID, blank("OASIS PKCS#11 TC"));
    assert_eq!((info.ulMaxPinLen, info.ulMinPinLen), (255, 4));
    assert_eq!((info.ulSessionCount, info.ulRwSessionCount), (0, 0));
    assert_eq!((info.ulMaxSessionCount, info.ulMaxRwSessionCount), (0, 0));
    let memory = [
        info.ulTotalPublicMemory,
        info.ulFreePublicMemory,
        info.ulTotalPrivateMemory,
        info.ulFreePrivateMemory,
    ];
    assert_eq!(memory, [0; 4]);
}

fn find(
    token: &Token,
    session: CK_SESSION_HANDLE,
    template: &Attributes,
    most: usize,
) -> Vec<CK_OBJECT_HANDLE> {
    let mut list = template.list();
    let count = list.count();
    assert_eq!(
        call!(token, C_FindObjectsInit(session, list.pointer(), count)),
        CKR_OK
    );
    let mut found = vec![0; most];
    let mut count = 0;
    let most = most as CK_ULONG;
    let rv = call!(
        token,
        C_FindObjects(session, found.as_mut_ptr(), most, &mut count)
    );
    assert_eq!(rv, CKR_OK);
    found.truncate(count as usize);
    found
}

fn on_token() -> Attributes {
    Attributes::new().bool(CKA_TOKEN, true)
}

#[test]
fn baseline_provider_bl_m_1_32() {
    let token = prepared(&[]);
    begin(&token);
    slot_and_token(&token);
    let session = token.open(RO);
    assert_eq!(find(&token, session, &on_token(), 1).len(), 1);
    assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
    end(&token, session);
}

#[test]
fn extended_provider_ext_m_1_32() {
    let token = prepared(&[]);
    begin(&token);
    slot_and_token(&token);
    let mut count = 0;
    assert_eq!(
        call!(token, C_GetMechanismList(SLOT, null_mut(), &mut count)),
        CKR_OK
    );
    let mut mechanisms = vec![0; count as usize];
    let rv = call!(
        token,
        C_GetMechanismList(SLOT, mechanisms.as_mut_ptr(), &mut count)
    );
    assert_eq!(rv, CKR_OK);
    let ciphers = CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY | CKF_WRAP | CKF_UNWRAP;
    for (mechanism, sizes, flags) in [
        (CKM_SHA512, (0, 0), CKF_DIGEST),
        (
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            (512, 16384),
            CKF_GENERATE_KEY_PAIR,
        ),
        (CKM_RSA_PKCS, (512, 16384), ciphers),
    ] {
        assert!(mechanisms.contains(&mechanism));
        let mut info = CK_MECHANISM_INFO::default();
        assert_eq!(
            call!(token, C_GetMechanismInfo(SLOT, mechanism, &mut info)),
            CKR_OK
        );
        assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), sizes);
        // The test case has a token without recovery of signed data, messages and encapsulation.
        let recovers = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
        let messages = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
        let kems = CKF_ENCAPSULATE | CKF_DECAPSULATE;
        assert_eq!(info.flags & !recovers & !messages & !kems, flags);
    }
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(find(&token, session, &on_token(), 1).len(), 1);
    assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    end(&token, session);
}

#[test]
fn authentication_token_auth_m_1_32() {
    let token = prepared(&[
        rsa_public().bytes(CKA_LABEL, *b"testrsa-pub"),
        rsa_private().bytes(CKA_LABEL, *b"testrsa-pri"),
    ]);
    begin(&token);
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    let named = |label: &str, class| {
        let template = on_token().bytes(CKA_LABEL, label).ulong(CKA_CLASS, class);
        let found = find(&token, session, &template, 1);
        assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
        found[0]
    };
    let public = named("testrsa-pub", CKO_PUBLIC_KEY);
    let (mut modulus, mut exponent) = ([0u8; 1024], [0u8; 1024]);
    let entry = |type_, value: &mut [u8]| CK_ATTRIBUTE {
        type_,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: 1024,
    };
    let mut list = [
        entry(CKA_MODULUS, &mut modulus),
        entry(CKA_PUBLIC_EXPONENT, &mut exponent),
    ];
    let rv = call!(
        token,
        C_GetAttributeValue(session, public, list.as_mut_ptr(), 2)
    );
    assert_eq!(rv, CKR_OK);
    assert_eq!(
        modulus[..list[0].ulValueLen as usize],
        hex(rsa_2048::MODULUS)
    );
    assert_eq!(exponent[..list[1].ulValueLen as usize], [1, 0, 1]);
    let private = named("testrsa-pri", CKO_PRIVATE_KEY);
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    assert_eq!(
        call!(token, C_SignInit(session, &mut mechanism, private)),
        CKR_OK
    );
    let (mut signature, mut length) = ([0u8; 256], 256);
    let data = rsa_2048::MESSAGE;
    let rv = call!(
        token,
        C_Sign(
            session,
            data.as_ptr().cast_mut(),
            data.len() as CK_ULONG,
            signature.as_mut_ptr(),
            &mut length,
        )
    );
    assert_eq!(rv, CKR_OK);
    assert_eq!(signature[..], hex(rsa_2048::PKCS1_SIGNATURE));
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    end(&token, session);
}

#[test]
fn public_certificates_token_cert_m_1_32() {
    let certificate = |label: &str| {
        Attributes::new()
            .ulong(CKA_CLASS, CKO_CERTIFICATE)
            .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
            .bytes(CKA_SUBJECT, *b"subject")
            .bytes(CKA_VALUE, hex(rsa_2048::CERTIFICATE))
            .bytes(CKA_LABEL, label)
    };
    // The case asks for five objects, the first of them with a label of 22 bytes.
    let labels = ["Mozilla Builtin Roots\0", "one", "two", "three", "four"];
    let token = prepared(&labels.map(certificate));
    begin(&token);
    let session = token.open(RO);
    let found = find(&token, session, &on_token(), 5);
    assert_eq!(found.len(), 5);
    // Attributes are read while the search goes on.
    assert_eq!(
        token.attribute(session, found[0], CKA_LABEL).unwrap(),
        labels[0].as_bytes()
    );
    let value = token.attribute(session, found[1], CKA_VALUE).unwrap();
    assert_eq!(value, hex(rsa_2048::CERTIFICATE));
    assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
    end(&token, session);
}
