//! Keys from keys: SP 800-108, section 6.42, and the simple derivations of section 6.43.

use cryptoki_sys::*;

use super::support::{Attributes, Token, with};
use super::{count, derive, secret};

/// A parameter of counter mode with one additional key.
struct Counter {
    format: CK_SP800_108_COUNTER_FORMAT,
    data: [CK_PRF_DATA_PARAM; 1],
    key: CK_OBJECT_HANDLE,
}

impl Counter {
    fn new() -> Counter {
        Counter {
            format: CK_SP800_108_COUNTER_FORMAT {
                bLittleEndian: CK_FALSE,
                ulWidthInBits: 8,
            },
            data: [CK_PRF_DATA_PARAM::default()],
            key: 77,
        }
    }
}

#[test]
fn an_additional_key_comes_with_the_first_or_its_handle_tells_what_was_wrong() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = token.create(session, &secret(&[5; 32])).unwrap();
    let run = |additional: &Attributes| {
        let mut counter = Counter::new();
        counter.data[0] = CK_PRF_DATA_PARAM {
            type_: CK_SP800_108_ITERATION_VARIABLE,
            pValue: std::ptr::from_mut(&mut counter.format).cast(),
            ulValueLen: size_of::<CK_SP800_108_COUNTER_FORMAT>() as CK_ULONG,
        };
        let mut list = additional.list();
        let mut key = CK_DERIVED_KEY {
            ulAttributeCount: list.count(),
            pTemplate: list.pointer(),
            phKey: &mut counter.key,
        };
        let mut parameter = CK_SP800_108_KDF_PARAMS {
            prfType: CKM_SHA256_HMAC,
            ulNumberOfDataParams: 1,
            pDataParams: counter.data.as_mut_ptr(),
            ulAdditionalDerivedKeys: 1,
            pAdditionalDerivedKeys: &mut key,
        };
        let template = Attributes::new()
            .ulong(CKA_KEY_TYPE, CKK_AES)
            .ulong(CKA_VALUE_LEN, 16);
        let mechanism = with(CKM_SP800_108_COUNTER_KDF, &mut parameter);
        let result = derive(&token, session, mechanism, base, &template);
        (result, counter.key)
    };
    let sound = Attributes::new().ulong(CKA_KEY_TYPE, CKK_DES3);
    let (first, second) = run(&sound);
    let first = token.attribute(session, first.unwrap(), CKA_VALUE).unwrap();
    let second = token.attribute(session, second, CKA_VALUE).unwrap();
    assert_eq!((first.len(), second.len()), (16, 24));
    assert!(second.iter().all(|byte| byte.count_ones() % 2 == 1));
    let before = count(&token, session);
    let unsized_key = Attributes::new().ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    let (result, handle) = run(&unsized_key);
    assert_eq!(
        (result, handle),
        (Err(CKR_TEMPLATE_INCOMPLETE), CK_INVALID_HANDLE)
    );
    let wrong = sound.bool(CKA_MODULUS, true);
    let (result, handle) = run(&wrong);
    assert_eq!(
        (result, handle),
        (Err(CKR_TEMPLATE_INCONSISTENT), CK_INVALID_HANDLE)
    );
    assert_eq!(count(&token, session), before);
}

#[test]
fn a_key_of_two_is_as_secret_as_the_more_secret_one() {
    let token = Token::fresh();
    let session = token.user_session();
    let open = token.create(session, &secret(b"open")).unwrap();
    let closed = secret(b"closed").bool(CKA_EXTRACTABLE, false);
    let closed = token.create(session, &closed).unwrap();
    let concatenate = |other: CK_OBJECT_HANDLE, template: &Attributes| {
        let mut other = other;
        let mechanism = with(CKM_CONCATENATE_BASE_AND_KEY, &mut other);
        derive(&token, session, mechanism, open, template)
    };
    let none = Attributes::new();
    let both = concatenate(closed, &none).unwrap();
    let extractable = token.attribute(session, both, CKA_EXTRACTABLE).unwrap();
    assert_eq!(extractable, [CK_FALSE]);
    let loose = Attributes::new().bool(CKA_EXTRACTABLE, true);
    assert_eq!(concatenate(closed, &loose), Err(CKR_TEMPLATE_INCONSISTENT));
    let plainly = concatenate(open, &none).unwrap();
    assert_eq!(
        token.attribute(session, plainly, CKA_VALUE).unwrap(),
        b"openopen"
    );
    assert_eq!(concatenate(9999, &none), Err(CKR_KEY_HANDLE_INVALID));
    let idle = secret(b"idle").altered(CKA_DERIVE, |value| value[0] = CK_FALSE);
    let idle = token.create(session, &idle).unwrap();
    assert_eq!(concatenate(idle, &none), Err(CKR_KEY_TYPE_INCONSISTENT));
}
