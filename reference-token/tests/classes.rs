//! Rules of single object classes that are not footnotes, and how templates and answers are read
//! and written: sections 4.3 to 4.15, 5.7.5 and 5.7.7.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use cryptoki_sys::*;
use support::{Attributes, RW, SLOT, Token, aes_key};

fn of(class: CK_OBJECT_CLASS) -> Attributes {
    Attributes::new().ulong(CKA_CLASS, class)
}

#[test]
fn trust_is_bound_to_its_certificate_by_a_hash_and_doubt_need_not_be() {
    let token = Token::fresh();
    let session = token.open(RW);
    let about = of(CKO_TRUST)
        .bytes(CKA_ISSUER, *b"issuer")
        .bytes(CKA_SERIAL_NUMBER, *b"1");
    let state = |state: u32| {
        about
            .clone()
            .ulong(CKA_TRUST_SERVER_AUTH, state as CK_ULONG)
    };
    for unbound in [CKT_TRUST_UNKNOWN, CKT_NOT_TRUSTED] {
        let object = token.create(session, &state(unbound)).unwrap();
        let missing = token.attribute(session, object, CKA_TRUST_CLIENT_AUTH);
        assert_eq!(missing, Err(CKR_ATTRIBUTE_TYPE_INVALID));
    }
    for bound in [CKT_TRUSTED, CKT_TRUST_ANCHOR, CKT_TRUST_MUST_VERIFY_TRUST] {
        let template = state(bound);
        let hash = template.clone().bytes(CKA_HASH_OF_CERTIFICATE, [1; 32]);
        let incomplete = Err(CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(token.create(session, &template), incomplete);
        assert_eq!(token.create(session, &hash), incomplete);
        let whole = hash.ulong(CKA_NAME_HASH_ALGORITHM, CKM_SHA256);
        assert!(token.create(session, &whole).is_ok());
    }
    let invalid = Err(CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(token.create(session, &state(5)), invalid);
}

#[test]
fn a_certificate_elsewhere_needs_its_url_and_its_key_hashes() {
    let token = Token::fresh();
    let session = token.open(RW);
    for kind in [CKC_X_509, CKC_WTLS] {
        let nothing = of(CKO_CERTIFICATE)
            .ulong(CKA_CERTIFICATE_TYPE, kind)
            .bytes(CKA_SUBJECT, *b"subject")
            .bytes(CKA_VALUE, []);
        let incomplete = Err(CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(token.create(session, &nothing), incomplete);
        let url = nothing.bytes(CKA_URL, *b"http://example.org/");
        assert_eq!(token.create(session, &url), incomplete);
        let whole = url
            .bytes(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, [1; 20])
            .bytes(CKA_HASH_OF_ISSUER_PUBLIC_KEY, [2; 20]);
        assert!(token.create(session, &whole).is_ok());
    }
    let nameless = of(CKO_CERTIFICATE)
        .ulong(CKA_CERTIFICATE_TYPE, CKC_WTLS)
        .bytes(CKA_SUBJECT, [])
        .bytes(CKA_VALUE, *b"certificate");
    assert_eq!(
        token.create(session, &nameless),
        Err(CKR_TEMPLATE_INCOMPLETE)
    );
    let unheard_of = nameless.altered(CKA_CERTIFICATE_TYPE, |value| value[0] = 9);
    assert_eq!(
        token.create(session, &unheard_of),
        Err(CKR_ATTRIBUTE_VALUE_INVALID)
    );
}

#[test]
fn what_describes_the_token_is_there_and_cannot_be_made_changed_or_destroyed() {
    let token = Token::fresh();
    let session = token.user_session();
    let template = Attributes::new().bytes(CKA_LABEL, *b"mine");
    for class in [CKO_HW_FEATURE, CKO_MECHANISM, CKO_PROFILE, CKO_VALIDATION] {
        let made = token.create(session, &of(class));
        assert_eq!(made, Err(CKR_TEMPLATE_INCONSISTENT));
        for object in token.find_all(session, &of(class)) {
            let prohibited = CKR_ACTION_PROHIBITED;
            assert_eq!(token.set(session, object, &template), prohibited);
            assert_eq!(token.copy(session, object, &template), Err(prohibited));
            let destroyed = call!(token, C_DestroyObject(session, object));
            assert_eq!(destroyed, prohibited);
        }
    }
    // The token is validated for nothing.
    assert!(token.find(session, &of(CKO_VALIDATION)).is_empty());
}

#[test]
fn mechanism_objects_are_those_of_the_mechanism_list() {
    let token = Token::fresh();
    let session = token.open(RW);
    let objects = token.find_all(session, &of(CKO_MECHANISM));
    let mut count = 0;
    let rv = call!(
        token,
        C_GetMechanismList(SLOT, std::ptr::null_mut(), &mut count)
    );
    assert_eq!(rv, CKR_OK);
    let mut list = vec![0; count as usize];
    let rv = call!(
        token,
        C_GetMechanismList(SLOT, list.as_mut_ptr(), &mut count)
    );
    assert_eq!(rv, CKR_OK);
    let kind = |object: &_| {
        token
            .attribute(session, *object, CKA_MECHANISM_TYPE)
            .unwrap()
    };
    let kinds: Vec<_> = objects.iter().map(kind).collect();
    let listed: Vec<_> = list
        .iter()
        .map(|kind| kind.to_ne_bytes().to_vec())
        .collect();
    assert_eq!(kinds, listed);
    // Without their class nobody finds them, or features.
    let all = token.find_all(session, &Attributes::new());
    assert!(all.iter().all(|object| !objects.contains(object)));
    let token_attribute = token.attribute(session, objects[0], CKA_TOKEN);
    assert_eq!(token_attribute, Err(CKR_ATTRIBUTE_TYPE_INVALID));
}

#[test]
fn the_counter_increases_at_every_reading_and_the_display_is_none() {
    let token = Token::fresh();
    let session = token.open(RW);
    let feature = |kind| {
        let template = of(CKO_HW_FEATURE).ulong(CKA_HW_FEATURE_TYPE, kind);
        token.find(session, &template)[0]
    };
    let counter = feature(CKH_MONOTONIC_COUNTER);
    let read = || token.attribute(session, counter, CKA_VALUE).unwrap();
    let mut last = read();
    for _ in 0..2000 {
        let next = read();
        assert!(next > last);
        last = next;
    }
    for attribute in [CKA_RESET_ON_INIT, CKA_HAS_RESET] {
        assert_eq!(token.attribute(session, counter, attribute), Ok(vec![0]));
    }
    let display = feature(CKH_USER_INTERFACE);
    let width = token.attribute(session, display, CKA_PIXEL_X);
    assert_eq!(width, Ok(CK_UNAVAILABLE_INFORMATION.to_ne_bytes().to_vec()));
}

#[test]
fn of_several_problems_the_first_case_of_the_standard_is_returned() {
    let token = Token::fresh();
    let session = token.user_session();
    let closed = aes_key().bool(CKA_SENSITIVE, true);
    let key = token.generate(session, CKM_AES_KEY_GEN, &closed).unwrap();
    let mut small = [0u8; 1];
    let entry = |type_, pointer: &mut [u8]| CK_ATTRIBUTE {
        type_,
        pValue: pointer.as_mut_ptr().cast(),
        ulValueLen: pointer.len() as CK_ULONG,
    };
    let too_small = entry(CKA_KEY_TYPE, &mut small);
    let absent = entry(CKA_MODULUS, &mut []);
    let secret = entry(CKA_VALUE, &mut []);
    let ask = |entries: &[CK_ATTRIBUTE]| {
        let mut entries = entries.to_vec();
        let count = entries.len() as CK_ULONG;
        call!(
            token,
            C_GetAttributeValue(session, key, entries.as_mut_ptr(), count)
        )
    };
    assert_eq!(ask(&[too_small]), CKR_BUFFER_TOO_SMALL);
    assert_eq!(ask(&[too_small, absent]), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(ask(&[too_small, absent, secret]), CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(ask(&[secret, absent, too_small]), CKR_ATTRIBUTE_SENSITIVE);
    let rv = call!(
        token,
        C_GetAttributeValue(session, key, std::ptr::null_mut(), 1)
    );
    assert_eq!(rv, CKR_ARGUMENTS_BAD);
}

fn array(type_: CK_ATTRIBUTE_TYPE, elements: &mut [CK_ATTRIBUTE]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_,
        pValue: elements.as_mut_ptr().cast(),
        ulValueLen: size_of_val(elements) as CK_ULONG,
    }
}

fn leaf(type_: CK_ATTRIBUTE_TYPE, value: &mut [u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_,
        pValue: value.as_mut_ptr().cast(),
        ulValueLen: value.len() as CK_ULONG,
    }
}

#[test]
fn array_attributes_are_read_as_lengths_first_and_then_as_values() {
    let token = Token::fresh();
    let session = token.user_session();
    let (mut yes, mut label, mut length) = ([1u8], *b"wrapped", 16u64.to_ne_bytes());
    let mut inner = [leaf(CKA_EXTRACTABLE, &mut yes), leaf(CKA_LABEL, &mut label)];
    let mut template = [
        leaf(CKA_VALUE_LEN, &mut length),
        array(CKA_WRAP_TEMPLATE, &mut inner),
    ];
    let (mut mechanism, mut key) = (support::plain(CKM_AES_KEY_GEN), 0);
    let pointer = template.as_mut_ptr();
    let rv = call!(
        token,
        C_GenerateKey(session, &mut mechanism, pointer, 2, &mut key)
    );
    assert_eq!(rv, CKR_OK);
    let ask = |entry: &mut CK_ATTRIBUTE| call!(token, C_GetAttributeValue(session, key, entry, 1));
    let mut entry = array(CKA_WRAP_TEMPLATE, &mut []);
    entry.pValue = std::ptr::null_mut();
    assert_eq!(ask(&mut entry), CKR_OK);
    assert_eq!(entry.ulValueLen as usize, 2 * size_of::<CK_ATTRIBUTE>());
    // Elements without a place learn their lengths; their types are not looked at.
    let mut found = [CK_ATTRIBUTE::default(); 2];
    assert_eq!(ask(&mut array(CKA_WRAP_TEMPLATE, &mut found)), CKR_OK);
    // The order is the application's.
    assert_eq!(found.map(|inner| inner.type_), [CKA_EXTRACTABLE, CKA_LABEL]);
    assert_eq!(found.map(|inner| inner.ulValueLen), [1, 7]);
    let (mut bool_place, mut text_place) = ([0u8; 1], [0u8; 3]);
    found[0].pValue = bool_place.as_mut_ptr().cast();
    found[1].pValue = text_place.as_mut_ptr().cast();
    found[1].ulValueLen = 3;
    let rv = ask(&mut array(CKA_WRAP_TEMPLATE, &mut found));
    assert_eq!(rv, CKR_BUFFER_TOO_SMALL);
    assert_eq!((bool_place, text_place), ([1], [0; 3]));
    let lengths = found.map(|inner| inner.ulValueLen);
    assert_eq!(lengths, [1, CK_UNAVAILABLE_INFORMATION]);
}

#[test]
fn nested_templates_are_checked_bounded_and_never_followed_in_circles() {
    let token = Token::fresh();
    let session = token.user_session();
    let create = |own: CK_ATTRIBUTE| {
        let mut class = CKO_SECRET_KEY.to_ne_bytes();
        let mut kind = CKK_AES.to_ne_bytes();
        let mut value = [1u8; 16];
        let mut template = [
            leaf(CKA_CLASS, &mut class),
            leaf(CKA_KEY_TYPE, &mut kind),
            leaf(CKA_VALUE, &mut value),
            own,
        ];
        let mut key = 0;
        call!(
            token,
            C_CreateObject(session, template.as_mut_ptr(), 4, &mut key)
        )
    };
    let mut wrong = [2u8; 3];
    for type_ in [CKA_EXTRACTABLE, CKA_VENDOR_DEFINED | 5] {
        let mut inner = [leaf(type_, &mut wrong)];
        let rv = create(array(CKA_UNWRAP_TEMPLATE, &mut inner));
        assert_eq!(rv, CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // An array that holds itself.
    let mut circle = [CK_ATTRIBUTE::default(); 2];
    let own = array(CKA_UNWRAP_TEMPLATE, &mut circle);
    circle.fill(own);
    assert_eq!(create(own), CKR_ATTRIBUTE_VALUE_INVALID);
    // One element of a large array, again and again: what it needs altogether is too much.
    let mut byte = [0u8; 1];
    let mut many = vec![leaf(CKA_EXTRACTABLE, &mut byte); 60_000];
    let mut arrays = vec![array(CKA_WRAP_TEMPLATE, &mut many); 60_000];
    let rv = create(array(CKA_UNWRAP_TEMPLATE, &mut arrays));
    assert_eq!(rv, CKR_DEVICE_MEMORY);
    let mut uneven = array(CKA_UNWRAP_TEMPLATE, &mut many);
    uneven.ulValueLen -= 1;
    assert_eq!(create(uneven), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn a_search_gives_its_objects_in_portions_and_leaves_out_what_was_destroyed() {
    let token = Token::fresh();
    let session = token.open(RW);
    let note = of(CKO_DATA);
    let objects: Vec<_> = (0..7)
        .map(|_| token.create(session, &note).unwrap())
        .collect();
    let mut list = note.list();
    let count = list.count();
    let rv = call!(token, C_FindObjectsInit(session, list.pointer(), count));
    assert_eq!(rv, CKR_OK);
    let next = |most: usize| {
        let (mut found, mut count) = (vec![0; most], 0);
        let pointer = found.as_mut_ptr();
        let rv = call!(
            token,
            C_FindObjects(session, pointer, most as CK_ULONG, &mut count)
        );
        assert_eq!(rv, CKR_OK);
        found.truncate(count as usize);
        found
    };
    assert_eq!(next(2), objects[..2]);
    assert!(next(0).is_empty());
    for object in &objects[2..5] {
        assert_eq!(call!(token, C_DestroyObject(session, *object)), CKR_OK);
    }
    // None at all would say that there are no more.
    assert_eq!(next(3), objects[5..]);
    assert!(next(3).is_empty());
    assert_eq!(call!(token, C_FindObjectsFinal(session)), CKR_OK);
}

#[test]
fn searches_by_unique_id_or_by_what_no_object_has() {
    let token = Token::fresh();
    let session = token.open(RW);
    let one = token.create(session, &of(CKO_DATA)).unwrap();
    token.create(session, &of(CKO_DATA)).unwrap();
    let id = token.attribute(session, one, CKA_UNIQUE_ID).unwrap();
    let by =
        |attribute, value: &[u8]| token.find(session, &Attributes::new().bytes(attribute, value));
    assert_eq!(by(CKA_UNIQUE_ID, &id), [one]);
    assert!(by(CKA_VENDOR_DEFINED | 3, b"1").is_empty());
    // Byte for byte: half a CK_ULONG is no value of any class.
    assert!(by(CKA_CLASS, &[0; 4]).is_empty());
}
