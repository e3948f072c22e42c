//! Objects and their attributes: section 5.7 and chapter 4.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use cryptoki_sys::*;
use support::{Attributes, RO, RW, SO_PIN, Token, aes_key, rsa_private, rsa_public};

fn data() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bytes(CKA_LABEL, *b"note")
}

#[test]
fn session_objects_die_with_their_session_and_token_objects_live_on() {
    let token = Token::fresh();
    let (first, second) = (token.open(RW), token.open(RO));
    let session_object = token.create(first, &data()).unwrap();
    let token_object = token.create(first, &data().bool(CKA_TOKEN, true)).unwrap();
    assert_eq!(token.find(second, &data()), [session_object, token_object]);
    assert_eq!(call!(token, C_CloseSession(first)), CKR_OK);
    assert_eq!(token.find(second, &data()), [token_object]);
    assert_eq!(call!(token, C_Finalize(std::ptr::null_mut())), CKR_OK);
    assert_eq!(call!(token, C_Initialize(std::ptr::null_mut())), CKR_OK);
    let third = token.open(RO);
    let found = token.find(third, &data());
    assert_eq!(found.len(), 1);
    assert_ne!(found[0], token_object, "no handle outlives C_Finalize");
}

#[test]
fn read_only_sessions_leave_token_objects_alone() {
    let token = Token::fresh();
    let (reader, writer) = (token.open(RO), token.open(RW));
    let on_token = data().bool(CKA_TOKEN, true);
    assert_eq!(token.create(reader, &on_token), Err(CKR_SESSION_READ_ONLY));
    let object = token.create(writer, &on_token).unwrap();
    let template = Attributes::new().bytes(CKA_LABEL, *b"x");
    let mut list = template.list();
    let count = list.count();
    let set = call!(
        token,
        C_SetAttributeValue(reader, object, list.pointer(), count)
    );
    assert_eq!(set, CKR_SESSION_READ_ONLY);
    assert_eq!(
        call!(token, C_DestroyObject(reader, object)),
        CKR_SESSION_READ_ONLY
    );
    assert!(token.create(reader, &data()).is_ok());
}

#[test]
fn private_objects_exist_for_the_user_alone_and_lose_their_handles_at_logout() {
    let token = Token::fresh();
    let session = token.open(RW);
    let private = data().bool(CKA_PRIVATE, true).bool(CKA_TOKEN, true);
    assert_eq!(token.create(session, &private), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(token.login(session, CKU_USER, b"1234"), CKR_OK);
    let object = token.create(session, &private).unwrap();
    let passing = token
        .create(session, &data().bool(CKA_PRIVATE, true))
        .unwrap();
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert!(token.find(session, &data()).is_empty());
    assert_eq!(
        call!(token, C_DestroyObject(session, object)),
        CKR_OBJECT_HANDLE_INVALID
    );
    assert_eq!(token.login(session, CKU_USER, b"1234"), CKR_OK);
    let found = token.find(session, &data());
    assert_eq!(found.len(), 1);
    assert!(found[0] != object && found[0] != passing);
    assert_eq!(
        call!(token, C_DestroyObject(session, object)),
        CKR_OBJECT_HANDLE_INVALID
    );
}

#[test]
fn attribute_queries_process_every_attribute() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token.generate(
        session,
        CKM_AES_KEY_GEN,
        &aes_key().bool(CKA_SENSITIVE, true),
    );
    let key = key.unwrap();
    let (mut value, mut small, mut label) = ([0u8; 16], [9u8; 2], [0u8; 8]);
    let entry = |type_, pointer: &mut [u8]| CK_ATTRIBUTE {
        type_,
        pValue: pointer.as_mut_ptr().cast(),
        ulValueLen: pointer.len() as CK_ULONG,
    };
    let mut list = [
        entry(CKA_VALUE, &mut value),
        entry(CKA_MODULUS, &mut []),
        entry(CKA_KEY_TYPE, &mut small),
        entry(CKA_LABEL, &mut label),
    ];
    let rv = call!(
        token,
        C_GetAttributeValue(session, key, list.as_mut_ptr(), 4)
    );
    let codes = [
        CKR_ATTRIBUTE_SENSITIVE,
        CKR_ATTRIBUTE_TYPE_INVALID,
        CKR_BUFFER_TOO_SMALL,
    ];
    assert!(codes.contains(&rv));
    let lengths = list.map(|entry| entry.ulValueLen);
    let none = CK_UNAVAILABLE_INFORMATION;
    assert_eq!(lengths, [none, none, none, 0]);
    assert_eq!((value, small), ([0; 16], [9; 2]));
}

#[test]
fn a_key_is_revealed_only_if_it_is_open_in_both_ways() {
    let token = Token::fresh();
    let session = token.user_session();
    for (sensitive, extractable) in [(false, true), (true, true), (false, false)] {
        let template = aes_key().bool(CKA_SENSITIVE, sensitive);
        let template = template.bool(CKA_EXTRACTABLE, extractable);
        let key = token.generate(session, CKM_AES_KEY_GEN, &template).unwrap();
        let value = token.attribute(session, key, CKA_VALUE);
        match (sensitive, extractable) {
            (false, true) => assert_eq!(value.unwrap().len(), 16),
            _ => assert_eq!(value, Err(CKR_ATTRIBUTE_SENSITIVE)),
        }
        let always = token.attribute(session, key, CKA_ALWAYS_SENSITIVE).unwrap();
        assert_eq!(always, [u8::from(sensitive)]);
        assert_eq!(token.attribute(session, key, CKA_LOCAL).unwrap(), [1]);
        let check = token.attribute(session, key, CKA_CHECK_VALUE).unwrap();
        assert_eq!(check.len(), 3);
    }
}

#[test]
fn an_imported_key_was_not_made_here() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = token
        .create(session, &rsa_private().bool(CKA_TOKEN, true))
        .unwrap();
    for attribute in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert_eq!(token.attribute(session, key, attribute).unwrap(), [0]);
    }
    let mechanism = token
        .attribute(session, key, CKA_KEY_GEN_MECHANISM)
        .unwrap();
    assert_eq!(mechanism, CK_UNAVAILABLE_INFORMATION.to_ne_bytes());
    let secret = token.attribute(session, key, CKA_PRIME_1);
    assert_eq!(secret, Err(CKR_ATTRIBUTE_SENSITIVE));
    let public = token.create(session, &rsa_public()).unwrap();
    let bits = token.attribute(session, public, CKA_MODULUS_BITS).unwrap();
    assert_eq!(bits, (2048 as CK_ULONG).to_ne_bytes());
    for attribute in [CKA_PUBLIC_KEY_INFO, CKA_PUBLIC_CRC64_VALUE] {
        let of = |key| token.attribute(session, key, attribute).unwrap();
        assert_eq!(
            of(public),
            of(key),
            "both halves describe the same public key"
        );
    }
}

#[test]
fn parts_of_a_key_that_contradict_each_other_are_invalid() {
    let token = Token::fresh();
    let session = token.user_session();
    for attribute in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_COEFFICIENT] {
        let template = rsa_private().altered(attribute, |value| value[20] ^= 4);
        let refused = token.create(session, &template);
        assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID), "{attribute:#x}");
    }
    let incomplete = Attributes::new().ulong(CKA_CLASS, CKO_PUBLIC_KEY);
    assert_eq!(
        token.create(session, &incomplete),
        Err(CKR_TEMPLATE_INCOMPLETE)
    );
}

#[test]
fn copies_obey_copyable_and_objects_modifiable_and_destroyable() {
    let token = Token::fresh();
    let session = token.open(RW);
    let fixed = data()
        .bool(CKA_COPYABLE, false)
        .bool(CKA_MODIFIABLE, false)
        .bool(CKA_DESTROYABLE, false);
    let object = token.create(session, &fixed).unwrap();
    let template = Attributes::new().bytes(CKA_LABEL, *b"new");
    let mut list = template.list();
    let count = list.count();
    let mut copy = 0;
    let rv = call!(
        token,
        C_CopyObject(session, object, list.pointer(), count, &mut copy)
    );
    assert_eq!(rv, CKR_ACTION_PROHIBITED);
    let rv = call!(
        token,
        C_SetAttributeValue(session, object, list.pointer(), count)
    );
    assert_eq!(rv, CKR_ACTION_PROHIBITED);
    assert_eq!(
        call!(token, C_DestroyObject(session, object)),
        CKR_ACTION_PROHIBITED
    );

    let object = token.create(session, &data()).unwrap();
    let template = Attributes::new()
        .bool(CKA_TOKEN, true)
        .bytes(CKA_LABEL, *b"copy");
    let mut list = template.list();
    let count = list.count();
    let rv = call!(
        token,
        C_CopyObject(session, object, list.pointer(), count, &mut copy)
    );
    assert_eq!(rv, CKR_OK);
    assert_eq!(token.attribute(session, copy, CKA_LABEL).unwrap(), b"copy");
    assert_ne!(
        token.attribute(session, copy, CKA_UNIQUE_ID),
        token.attribute(session, object, CKA_UNIQUE_ID)
    );
    let mut size = 0;
    assert_eq!(
        call!(token, C_GetObjectSize(session, copy, &mut size)),
        CKR_OK
    );
    assert!(size > 0);
    assert_eq!(call!(token, C_DestroyObject(session, copy)), CKR_OK);
    assert_eq!(
        call!(token, C_DestroyObject(session, copy)),
        CKR_OBJECT_HANDLE_INVALID
    );
}

#[test]
fn profile_objects_come_last_and_stay() {
    let token = Token::fresh();
    let session = token.open(RW);
    let object = token
        .create(session, &data().bool(CKA_TOKEN, true))
        .unwrap();
    let all = token.find(session, &Attributes::new().bool(CKA_TOKEN, true));
    assert_eq!(all[0], object);
    let profiles = token.find(session, &Attributes::new().ulong(CKA_CLASS, CKO_PROFILE));
    assert_eq!(profiles[..], all[1..]);
    assert_eq!(profiles.len(), 5);
    assert_eq!(
        call!(token, C_DestroyObject(session, profiles[0])),
        CKR_ACTION_PROHIBITED
    );
    let claimed = Attributes::new().ulong(CKA_CLASS, CKO_PROFILE);
    assert_eq!(
        token.create(session, &claimed),
        Err(CKR_TEMPLATE_INCONSISTENT)
    );
}

#[test]
fn only_the_so_makes_a_certificate_trusted_and_then_it_is_fixed() {
    let token = Token::fresh();
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    let certificate = Attributes::new()
        .ulong(CKA_CLASS, CKO_CERTIFICATE)
        .ulong(CKA_CERTIFICATE_TYPE, CKC_X_509)
        .bytes(CKA_SUBJECT, *b"s")
        .bytes(CKA_VALUE, support::hex(support::rsa_2048::CERTIFICATE))
        .bool(CKA_TRUSTED, true);
    let object = token.create(session, &certificate).unwrap();
    let template = Attributes::new().bytes(CKA_ID, *b"1");
    let mut list = template.list();
    let count = list.count();
    let rv = call!(
        token,
        C_SetAttributeValue(session, object, list.pointer(), count)
    );
    assert_eq!(rv, CKR_ACTION_PROHIBITED);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(
        token.create(session, &certificate),
        Err(CKR_ATTRIBUTE_READ_ONLY)
    );
}

#[test]
fn a_search_excludes_other_operations_until_it_ends() {
    let token = Token::fresh();
    let session = token.open(RW);
    let template = data();
    let mut list = template.list();
    let count = list.count();
    assert_eq!(
        call!(token, C_FindObjectsInit(session, list.pointer(), count)),
        CKR_OK
    );
    let again = call!(token, C_FindObjectsInit(session, list.pointer(), count));
    assert_eq!(again, CKR_OPERATION_ACTIVE);
    let mut found = 0;
    let mut length = 9;
    assert_eq!(
        call!(token, C_FindObjects(session, &mut found, 1, &mut length)),
        CKR_OK
    );
    assert_eq!(length, 0);
    assert_eq!(
        call!(token, C_SessionCancel(session, CKF_FIND_OBJECTS)),
        CKR_OK
    );
    let rv = call!(token, C_FindObjects(session, &mut found, 1, &mut length));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(
        call!(token, C_FindObjectsFinal(session)),
        CKR_OPERATION_NOT_INITIALIZED
    );
}
