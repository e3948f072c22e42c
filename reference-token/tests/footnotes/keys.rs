//! Footnotes about keys that are generated and unwrapped.

use cryptoki_sys::*;

use crate::attributes::{Row, TOKEN, rows};
use crate::samples::P256;
use crate::support::{Attributes, Token, aes_key, plain};

/// What generates keys: the mechanism, the template of a key, and the template of a private key.
fn generators() -> Vec<(CK_MECHANISM_TYPE, CK_KEY_TYPE, Attributes)> {
    let new = Attributes::new;
    vec![
        (CKM_AES_KEY_GEN, CKK_AES, new().ulong(CKA_VALUE_LEN, 16)),
        (
            CKM_GENERIC_SECRET_KEY_GEN,
            CKK_GENERIC_SECRET,
            new().ulong(CKA_VALUE_LEN, 16),
        ),
        (
            CKM_RSA_PKCS_KEY_PAIR_GEN,
            CKK_RSA,
            new()
                .ulong(CKA_MODULUS_BITS, 512)
                .bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1]),
        ),
        (
            CKM_EC_KEY_PAIR_GEN,
            CKK_EC,
            new().bytes(CKA_EC_PARAMS, P256),
        ),
    ]
}

fn generate_pair(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_TYPE,
    (public, private): (&Attributes, &Attributes),
) -> Result<[CK_OBJECT_HANDLE; 2], CK_RV> {
    let (mut public, mut private) = (public.list(), private.list());
    let counts = (public.count(), private.count());
    let (mut mechanism, mut handles) = (plain(mechanism), [0, 0]);
    let [public_handle, private_handle] = &mut handles;
    let rv = call!(
        token,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.pointer(),
            counts.0,
            private.pointer(),
            counts.1,
            public_handle,
            private_handle,
        )
    );
    if rv == CKR_OK { Ok(handles) } else { Err(rv) }
}

/// Generates keys with a changed template for objects of one class, and tells what came of it.
fn generate_with(
    change: impl Fn(&Attributes, &Row) -> Option<Attributes>,
    class: CK_OBJECT_CLASS,
    expected: CK_RV,
) {
    let token = Token::fresh();
    let session = token.user_session();
    let empty = Attributes::new();
    for (mechanism, key_type, template) in generators() {
        for row in rows(class, Some(key_type)) {
            let template = if class == CKO_PRIVATE_KEY {
                &empty
            } else {
                &template
            };
            let Some(changed) = change(template, &row) else {
                continue;
            };
            let made_with = generators()
                .into_iter()
                .find(|(name, ..)| *name == mechanism);
            let whole = made_with.unwrap().2;
            let secret = [CKK_AES, CKK_GENERIC_SECRET].contains(&key_type);
            let rv = match class {
                CKO_SECRET_KEY if secret => token.generate(session, mechanism, &changed).err(),
                CKO_PUBLIC_KEY if !secret => {
                    generate_pair(&token, session, mechanism, (&changed, &empty)).err()
                }
                CKO_PRIVATE_KEY if !secret => {
                    generate_pair(&token, session, mechanism, (&whole, &changed)).err()
                }
                _ => continue,
            };
            assert_eq!(rv, Some(expected), "{mechanism:#x} {:#x}", row.attribute);
        }
    }
}

const KEYS: [CK_OBJECT_CLASS; 3] = [CKO_SECRET_KEY, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY];

#[test]
fn footnote_3_must_be_specified_for_generation() {
    for class in KEYS {
        let drop = |template: &Attributes, row: &Row| {
            row.note(3).then(|| template.clone().without(row.attribute))
        };
        generate_with(drop, class, CKR_TEMPLATE_INCOMPLETE);
    }
}

#[test]
fn footnote_4_must_not_be_specified_for_generation() {
    for class in KEYS {
        let add = |template: &Attributes, row: &Row| {
            let forbidden = row.any_note(&[4, TOKEN]);
            forbidden.then(|| template.clone().bytes(row.attribute, row.sample()))
        };
        generate_with(add, class, CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn footnotes_5_and_6_must_and_must_not_be_specified_for_unwrapping() {
    let token = Token::fresh();
    let session = token.user_session();
    let wrapping = token
        .generate(session, CKM_AES_KEY_GEN, &aes_key())
        .unwrap();
    let unwrap = |template: &Attributes| {
        let (mut list, mut mechanism) = (template.list(), plain(CKM_AES_ECB));
        let (mut wrapped, mut key, count) = ([0u8; 16], 0, list.count());
        let (pointer, length) = (wrapped.as_mut_ptr(), 16);
        let (list, key) = (list.pointer(), &mut key);
        let m = &mut mechanism;
        call!(
            token,
            C_UnwrapKey(session, m, wrapping, pointer, length, list, count, key)
        )
    };
    for (class, key_type) in [
        (CKO_SECRET_KEY, CKK_AES),
        (CKO_SECRET_KEY, CKK_GENERIC_SECRET),
        (CKO_PRIVATE_KEY, CKK_RSA),
        (CKO_PRIVATE_KEY, CKK_EC),
    ] {
        let whole = Attributes::new()
            .ulong(CKA_CLASS, class)
            .ulong(CKA_KEY_TYPE, key_type);
        for row in rows(class, Some(key_type)) {
            let attribute = row.attribute;
            if row.note(5) {
                let rv = unwrap(&whole.clone().without(attribute));
                assert_eq!(rv, CKR_TEMPLATE_INCOMPLETE, "{attribute:#x}");
            }
            if row.any_note(&[6, TOKEN]) {
                let rv = unwrap(&whole.clone().bytes(attribute, row.sample()));
                assert_eq!(rv, CKR_ATTRIBUTE_READ_ONLY, "{attribute:#x}");
            }
        }
    }
}

#[test]
fn footnote_13_is_generated_with_a_key_pair() {
    let token = Token::fresh();
    let session = token.user_session();
    for (mechanism, key_type, template) in generators() {
        if [CKK_AES, CKK_GENERIC_SECRET].contains(&key_type) {
            continue;
        }
        let pair = generate_pair(&token, session, mechanism, (&template, &Attributes::new()));
        let pair = pair.unwrap();
        for row in rows(CKO_PUBLIC_KEY, Some(key_type))
            .iter()
            .filter(|row| row.note(13))
        {
            let [public, private] = pair.map(|key| token.attribute(session, key, row.attribute));
            assert!(public.as_ref().is_ok_and(|value| !value.is_empty()));
            // A private key that has it as well has the same.
            assert!(private.is_err() || public == private);
        }
    }
}
