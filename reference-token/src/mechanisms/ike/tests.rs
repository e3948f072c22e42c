//! Answers of NIST for IKE version 2, and the formulas of version 1.

use std::sync::Arc;

use super::*;
use crate::attributes::{Attributes, Value};
use crate::mechanisms::der::tests::hex;
use crate::mechanisms::{Mechanism, Wish};

fn key(value: &[u8], key_type: CK_KEY_TYPE) -> Attributes {
    [
        (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::ulong(key_type)),
        (CKA_VALUE, Value::Bytes(value.to_vec())),
    ]
    .into_iter()
    .collect()
}

fn named(value: &[u8]) -> Named {
    Named::Key(Arc::new(key(value, CKK_GENERIC_SECRET)))
}

fn derive(
    base: &Attributes,
    prf: CK_MECHANISM_TYPE,
    call: IkeCall,
    wish: (Option<CK_KEY_TYPE>, Option<usize>),
) -> Result<Vec<u8>> {
    let mechanism = Mechanism {
        kind: CKM_IKE_PRF_DERIVE,
        parameter: Parameter::Ike(Box::new(IkeParameter { prf, call })),
    };
    let asked = Derivation {
        mechanism: &mechanism,
        base,
        own: Wish {
            class: None,
            key_type: wish.0,
            length: wish.1,
        },
        additional: Vec::new(),
    };
    let product = Ike.derive_keys(&asked)?.products.remove(0);
    Ok(product.contribution[0].1.bytes().to_vec())
}

const ANYTHING: (Option<CK_KEY_TYPE>, Option<usize>) = (None, None);

/// NIST ACVP kdf-components ikev2 with SHA-256: the first seed, the keys made of it, and a
/// new seed when rekeying.
#[test]
fn ikev2_gives_the_answers_of_nist() {
    let nonces = hex("3651FEF5C9C35E93C09A8B90A3F04D59");
    let exchanged = hex(
        "D084A30166A50FB7325C3960874A839449EF9741C2F4F947D0201DD8C1269273
         D79509F37E3CA3EB4FA2FE2A28254E289CD3F34DAD4EB4DF1A07685A4B8A94FA
         61E2491F7598B3CE65547FF133B3F63D1AC4175EAA695033F3CEDB026A6873A3
         6455172A8540B8A5D23A0143BED0390EE49B168269D75FFFEE9FB62BE965993C",
    );
    let base = key(&exchanged, CKK_GENERIC_SECRET);
    let call = IkeCall::Initial {
        data_as_key: true,
        nonces: nonces.clone(),
        new_key: None,
    };
    let seed = derive(&base, CKM_SHA256_HMAC, call, ANYTHING).unwrap();
    assert_eq!(
        seed,
        hex("EFAA7AB0EAA85A3D0BE2100CD4B6FE00FF5025A9EAFDDB3EF518E9F0D3FE60E6")
    );
    let call = IkeCall::Plus {
        seed_key: None,
        seed: [nonces.clone(), hex("8E5C3AE507221684B1F201BB155C3ACD")].concat(),
    };
    let base = key(&seed, CKK_SHA256_HMAC);
    let keys = derive(&base, CKM_SHA256_HMAC, call, (None, Some(96))).unwrap();
    assert_eq!(
        keys,
        hex(
            "462B9DD525D4FD71169174272779E704BAF62C6231779AE9EFE8C58B21916B42
             010164AF2111EBD762F6916CA9A6F0EE05C8B320E4EE27705521DE2589ADEA18
             78F1A551738AF7C88DC4F0BB0C096A3F7D1F1A670FC79F49F678D60D665BB371"
        )
    );
    let call = IkeCall::Initial {
        data_as_key: false,
        nonces,
        new_key: Some(named(&hex(
            "52F00AB174C25D5B7139AE5FF4E8E9EDDEE5992D2E36ADF8A559FFD90DAB1442
             E4FBE429D320C0F33552A17D1557FA41EA70E8FB916C4FA27ED52B5F8EBD8461
             AFA78F1159159A64055AC5F6319E29C28EAE58CBC6847770F32C3FED1D047504
             84F854790F95E9EC01BC5BC461F24966462E359511329305038E94DEB6DD42C2",
        ))),
    };
    let base = key(&keys[..32], CKK_SHA256_HMAC);
    assert_eq!(
        derive(&base, CKM_SHA256_HMAC, call, ANYTHING).unwrap(),
        hex("90722C42BD849E9B72D240FC254174270FA8295DE6F0338DAFC303A9EC104F12")
    );
}

/// Section 6.64.4 by its formula, HMAC being tested elsewhere.
#[test]
fn ikev1_covers_the_previous_key_only_when_there_is_one() {
    use crate::mechanisms::Hash;
    let call = |previous| IkeCall::First {
        exchanged: named(b"gxy"),
        previous,
        cookies: b"CKYiCKYr".to_vec(),
        number: 1,
    };
    let base = key(b"SKEYID", CKK_GENERIC_SECRET);
    let wish = (Some(CKK_GENERIC_SECRET), None);
    assert_eq!(
        derive(&base, CKM_SHA_1_HMAC, call(None), wish).unwrap(),
        Hash::Sha1.mac(b"SKEYID", b"gxyCKYiCKYr\x01")
    );
    let previous = Some(named(b"SKEYID_d"));
    assert_eq!(
        derive(&base, CKM_SHA_1_HMAC, call(previous), wish).unwrap(),
        Hash::Sha1.mac(b"SKEYID", b"SKEYID_dgxyCKYiCKYr\x01")
    );
    let code = |wish| {
        let refusal = derive(&base, CKM_SHA_1_HMAC, call(None), wish).unwrap_err();
        refusal.code()
    };
    assert_eq!(code(ANYTHING), CKR_TEMPLATE_INCOMPLETE);
    let long = (Some(CKK_GENERIC_SECRET), Some(21));
    assert_eq!(code(long), CKR_KEY_SIZE_RANGE);
}

/// RFC 2409 appendix B.
#[test]
fn an_extended_key_is_the_base_key_until_it_has_to_be_longer() {
    use crate::mechanisms::Hash;
    let base = key(&[7; 20], CKK_SHA_1_HMAC);
    let call = || IkeCall::Extended {
        exchanged: None,
        extra: Vec::new(),
    };
    let of = |length| derive(&base, CKM_SHA_1_HMAC, call(), (None, Some(length))).unwrap();
    assert_eq!(of(16), [7; 16]);
    let first = Hash::Sha1.mac(&[7; 20], &[0]);
    let second = Hash::Sha1.mac(&[7; 20], &first);
    assert_eq!(of(40), [first, second].concat());
}

#[test]
fn flags_and_key_types_that_exclude_each_other_are_refused() {
    let call = |data_as_key, new_key| IkeCall::Initial {
        data_as_key,
        nonces: vec![1; 16],
        new_key,
    };
    let base = key(&[7; 32], CKK_SHA256_HMAC);
    let code = |call| {
        derive(&base, CKM_SHA256_HMAC, call, ANYTHING)
            .unwrap_err()
            .code()
    };
    assert_eq!(code(call(true, Some(named(b"k")))), CKR_ARGUMENTS_BAD);
    assert_eq!(code(call(true, None)), CKR_KEY_TYPE_INCONSISTENT);
    let typed = Named::Key(Arc::new(key(b"k", CKK_AES)));
    assert_eq!(code(call(false, Some(typed))), CKR_KEY_TYPE_INCONSISTENT);
}
