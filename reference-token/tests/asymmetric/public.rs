//! Public keys from private ones: section 6.43.8, for every type of private key.

use cryptoki_sys::*;

use super::fields::{dsa_domain, pkcs3, x9_42};
use super::support::{Attributes, Token, hex, plain, rsa_private, rsa_public};
use super::{derive, pair};

fn curve(oid: &str) -> Attributes {
    Attributes::new().bytes(CKA_EC_PARAMS, hex(oid))
}

fn set(set: CK_ULONG) -> Attributes {
    Attributes::new().ulong(CKA_PARAMETER_SET, set)
}

/// A mechanism that makes pairs, a template for it, and the attributes that make a public key.
fn kinds() -> [(CK_MECHANISM_TYPE, Attributes, &'static [CK_ATTRIBUTE_TYPE]); 10] {
    const POINT: &[CK_ATTRIBUTE_TYPE] = &[CKA_EC_PARAMS, CKA_EC_POINT];
    const FIELD: &[CK_ATTRIBUTE_TYPE] = &[CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_VALUE];
    const SET: &[CK_ATTRIBUTE_TYPE] = &[CKA_PARAMETER_SET, CKA_VALUE];
    [
        (CKM_EC_KEY_PAIR_GEN, curve("06082a8648ce3d030107"), POINT),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, curve("06032b6570"), POINT),
        (CKM_EC_EDWARDS_KEY_PAIR_GEN, curve("06032b6571"), POINT),
        (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, curve("06032b656e"), POINT),
        (CKM_DSA_KEY_PAIR_GEN, dsa_domain(), FIELD),
        (
            CKM_DH_PKCS_KEY_PAIR_GEN,
            pkcs3(),
            &[CKA_PRIME, CKA_BASE, CKA_VALUE],
        ),
        (CKM_X9_42_DH_KEY_PAIR_GEN, x9_42(), FIELD),
        (CKM_ML_DSA_KEY_PAIR_GEN, set(CKP_ML_DSA_44), SET),
        (CKM_SLH_DSA_KEY_PAIR_GEN, set(CKP_SLH_DSA_SHA2_128F), SET),
        (CKM_ML_KEM_KEY_PAIR_GEN, set(CKP_ML_KEM_512), SET),
    ]
}

#[test]
fn a_private_key_of_any_type_gives_out_its_public_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = Attributes::new()
        .bool(CKA_DERIVE, true)
        .bytes(CKA_ID, *b"id");
    for (mechanism, public, attributes) in kinds() {
        let (public, private) = pair(&token, session, plain(mechanism), &public, &private)
            .unwrap_or_else(|rv| panic!("{mechanism:#x}: {rv:#x}"));
        let mechanism = plain(CKM_PUB_KEY_FROM_PRIV_KEY);
        let again = derive(&token, session, mechanism, private, &Attributes::new()).unwrap();
        let common = [
            CKA_CLASS,
            CKA_KEY_TYPE,
            CKA_PUBLIC_KEY_INFO,
            CKA_PUBLIC_CRC64_VALUE,
            CKA_KEY_GEN_MECHANISM,
        ];
        for attribute in common.iter().chain(attributes) {
            assert_eq!(
                token.attribute(session, again, *attribute).unwrap(),
                token.attribute(session, public, *attribute).unwrap(),
                "{attribute:#x}"
            );
        }
        assert_eq!(token.attribute(session, again, CKA_ID).unwrap(), b"id");
        // Usages are those of the private key, by the name that they have here.
        let flag = |key, attribute| token.attribute(session, key, attribute).unwrap();
        for (own, other) in [(CKA_VERIFY, CKA_SIGN), (CKA_WRAP, CKA_UNWRAP)] {
            assert_eq!(flag(again, own), flag(private, other));
        }
    }
}

#[test]
fn an_rsa_key_gives_out_what_it_was_made_with_and_only_to_a_public_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = rsa_private().bool(CKA_DERIVE, true);
    let private = token.create(session, &private).unwrap();
    let mechanism = plain(CKM_PUB_KEY_FROM_PRIV_KEY);
    let again = derive(&token, session, mechanism, private, &Attributes::new()).unwrap();
    for attribute in [CKA_MODULUS, CKA_PUBLIC_EXPONENT] {
        let value = token.attribute(session, again, attribute).unwrap();
        assert_eq!(Some(&value[..]), rsa_public().get(attribute));
    }
    let secret = Attributes::new().ulong(CKA_CLASS, CKO_SECRET_KEY);
    let refused = derive(&token, session, mechanism, private, &secret);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCONSISTENT));
    let refused = derive(&token, session, mechanism, again, &Attributes::new());
    assert_eq!(refused, Err(CKR_KEY_TYPE_INCONSISTENT));
}
