//! Diffie-Hellman and DSA over prime fields: sections 6.2 and 6.4.

use std::ptr::null_mut;

use cryptoki_sys::*;
use sha1::{Digest, Sha1};

use super::kem::{decapsulate, encapsulate};
use super::support::calls::{sign, verify};
use super::support::{Attributes, Token, hex, plain, with};
use super::{derive, info, open_private, pair};

/// The prime of RFC 3526 section 2, whose half (rounded down) is prime too. The base is 2.
const MODP_1536: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
     020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
     4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
     ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf05\
     98da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb\
     9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff";

fn half(prime: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let shift = |byte: &u8| {
        let half = carry << 7 | byte >> 1;
        carry = byte & 1;
        half
    };
    prime.iter().map(shift).collect()
}

pub(super) fn pkcs3() -> Attributes {
    let prime = hex(MODP_1536);
    Attributes::new()
        .bytes(CKA_PRIME, prime)
        .bytes(CKA_BASE, [2])
}

pub(super) fn x9_42() -> Attributes {
    let subprime = half(&hex(MODP_1536));
    pkcs3().bytes(CKA_SUBPRIME, subprime)
}

fn secret(length: CK_ULONG) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, length)
        .bool(CKA_SENSITIVE, false)
}

fn pointed(mechanism: CK_MECHANISM_TYPE, value: &mut [u8]) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: value.as_mut_ptr().cast(),
        ulParameterLen: value.len() as CK_ULONG,
    }
}

#[test]
fn both_sides_of_pkcs_3_agree() {
    let token = Token::fresh();
    let session = token.user_session();
    let private = open_private().ulong(CKA_VALUE_BITS, 300);
    let make = |private: &Attributes| {
        pair(
            &token,
            session,
            plain(CKM_DH_PKCS_KEY_PAIR_GEN),
            &pkcs3(),
            private,
        )
    };
    let (one, other) = (make(&private).unwrap(), make(&open_private()).unwrap());
    let read = |key, attribute| token.attribute(session, key, attribute).unwrap();
    assert_eq!(read(one.1, CKA_VALUE_BITS), 300u64.to_ne_bytes());
    assert_eq!(read(one.1, CKA_VALUE).len(), 38);
    // A private value of two bits makes a public one of four or eight: big integers have no zeros
    // before their digits.
    let small = make(&open_private().ulong(CKA_VALUE_BITS, 2)).unwrap();
    let (public, value) = (read(small.0, CKA_VALUE), read(small.1, CKA_VALUE));
    assert_eq!((public, value.len()), (vec![1 << value[0]], 1));
    assert_eq!(
        read(one.0, CKA_PUBLIC_KEY_INFO),
        read(one.1, CKA_PUBLIC_KEY_INFO)
    );
    let value = |(public, _), (_, private)| {
        let mut theirs = read(public, CKA_VALUE);
        let mechanism = pointed(CKM_DH_PKCS_DERIVE, &mut theirs);
        let key = derive(&token, session, mechanism, private, &secret(192)).unwrap();
        read(key, CKA_VALUE)
    };
    let whole = value(one, other);
    assert_eq!(whole, value(other, one));
    let mut theirs = read(one.0, CKA_VALUE);
    let mechanism = pointed(CKM_DH_PKCS_DERIVE, &mut theirs);
    let short = derive(&token, session, mechanism, other.1, &secret(16)).unwrap();
    assert_eq!(read(short, CKA_VALUE), whole[176..]);
    let prime = hex(MODP_1536);
    for mut bad in [
        vec![1],
        vec![0],
        prime.clone(),
        [&prime[..191], &[0xfe]].concat(),
    ] {
        let mechanism = pointed(CKM_DH_PKCS_DERIVE, &mut bad);
        let refused = derive(&token, session, mechanism, one.1, &secret(16));
        // Section 5.1.6: in preference to CKR_MECHANISM_PARAM_INVALID.
        assert_eq!(refused, Err(CKR_PUBLIC_KEY_INVALID));
    }
    let kem = plain(CKM_DH_PKCS_DERIVE);
    let (ciphertext, key) = encapsulate(&token, session, kem, one.0, &secret(32)).unwrap();
    let given = (&secret(32), &ciphertext[..]);
    let back = decapsulate(&token, session, kem, one.1, given).unwrap();
    assert_eq!(read(key, CKA_VALUE), read(back, CKA_VALUE));
    let wide = open_private().ulong(CKA_VALUE_BITS, 1536);
    assert_eq!(make(&wide), Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn both_sides_of_x9_42_agree() {
    let token = Token::fresh();
    let session = token.user_session();
    let make = || {
        let generation = plain(CKM_X9_42_DH_KEY_PAIR_GEN);
        pair(&token, session, generation, &x9_42(), &open_private()).unwrap()
    };
    let (one, other) = (make(), make());
    let read = |key, attribute| token.attribute(session, key, attribute).unwrap();
    for kdf in [CKD_NULL, CKD_SHA1_KDF_CONCATENATE] {
        let value = |(public, _), (_, private)| {
            let mut theirs = read(public, CKA_VALUE);
            let mut parameter = CK_X9_42_DH1_DERIVE_PARAMS {
                kdf,
                ulOtherInfoLen: 0,
                pOtherInfo: null_mut(),
                ulPublicDataLen: theirs.len() as CK_ULONG,
                pPublicData: theirs.as_mut_ptr(),
            };
            let mechanism = with(CKM_X9_42_DH_DERIVE, &mut parameter);
            let key = derive(&token, session, mechanism, private, &secret(48)).unwrap();
            read(key, CKA_VALUE)
        };
        assert_eq!(value(one, other), value(other, one));
    }
    let torn = x9_42().altered(CKA_SUBPRIME, |value| value[100] ^= 1);
    let generation = plain(CKM_X9_42_DH_KEY_PAIR_GEN);
    let refused = pair(&token, session, generation, &torn, &open_private());
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
    assert_eq!(info(&token, CKM_X9_42_DH_DERIVE).ulMinKeySize, 1024);
}

/// ANSI X9.42 dhHybrid1: the secret of the ephemeral pairs, then that of the static ones.
#[test]
fn two_pairs_on_each_side_share_what_they_share_one_by_one() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_X9_42_DH_KEY_PAIR_GEN);
    let make = || pair(&token, session, generation, &x9_42(), &open_private()).unwrap();
    let (statics, ephemerals) = ([make(), make()], [make(), make()]);
    let read = |key, attribute| token.attribute(session, key, attribute).unwrap();
    let single = |(public, _), (_, private)| {
        let mut theirs = read(public, CKA_VALUE);
        let mut parameter = CK_X9_42_DH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulOtherInfoLen: 0,
            pOtherInfo: null_mut(),
            ulPublicDataLen: theirs.len() as CK_ULONG,
            pPublicData: theirs.as_mut_ptr(),
        };
        let mechanism = with(CKM_X9_42_DH_DERIVE, &mut parameter);
        let key = derive(&token, session, mechanism, private, &secret(192)).unwrap();
        read(key, CKA_VALUE)
    };
    let expected = [
        single(ephemerals[0], ephemerals[1]),
        single(statics[0], statics[1]),
    ]
    .concat();
    let run = |(theirs, own): (usize, usize), second, kdf, length: CK_ULONG| {
        let (mut first_value, mut second_value) = (
            read(statics[theirs].0, CKA_VALUE),
            read(ephemerals[theirs].0, CKA_VALUE),
        );
        let mut parameter = CK_X9_42_DH2_DERIVE_PARAMS {
            kdf,
            ulOtherInfoLen: 0,
            pOtherInfo: null_mut(),
            ulPublicDataLen: first_value.len() as CK_ULONG,
            pPublicData: first_value.as_mut_ptr(),
            ulPrivateDataLen: 0,
            hPrivateData: second,
            ulPublicDataLen2: second_value.len() as CK_ULONG,
            pPublicData2: second_value.as_mut_ptr(),
        };
        let mechanism = with(CKM_X9_42_DH_HYBRID_DERIVE, &mut parameter);
        derive(&token, session, mechanism, statics[own].1, &secret(length))
    };
    for (theirs, own) in [(0, 1), (1, 0)] {
        let second = ephemerals[own].1;
        let whole = run((theirs, own), second, CKD_NULL, 384).unwrap();
        assert_eq!(read(whole, CKA_VALUE), expected);
        // Truncation removes bytes from the leading end.
        let short = run((theirs, own), second, CKD_NULL, 48).unwrap();
        assert_eq!(read(short, CKA_VALUE), expected[336..]);
        let hashed = run((theirs, own), second, CKD_SHA1_KDF_CONCATENATE, 20).unwrap();
        let digest = Sha1::digest([&expected[..], &[0, 0, 0, 1]].concat());
        assert_eq!(read(hashed, CKA_VALUE), digest[..]);
    }
    let refused = |second| run((0, 1), second, CKD_NULL, 48).unwrap_err();
    assert_eq!(refused(statics[0].0), CKR_KEY_HANDLE_INVALID);
    let idle = open_private().without(CKA_DERIVE);
    let (_, idle) = pair(&token, session, generation, &x9_42(), &idle).unwrap();
    assert_eq!(refused(idle), CKR_KEY_TYPE_INCONSISTENT);
    let generation = plain(CKM_DH_PKCS_KEY_PAIR_GEN);
    let (_, other) = pair(&token, session, generation, &pkcs3(), &open_private()).unwrap();
    assert_eq!(refused(other), CKR_KEY_TYPE_INCONSISTENT);
    // The square of the base generates the same group, and is another domain.
    let domain = x9_42().altered(CKA_BASE, |base| base[0] = 4);
    let generation = plain(CKM_X9_42_DH_KEY_PAIR_GEN);
    let (_, other) = pair(&token, session, generation, &domain, &open_private()).unwrap();
    assert_eq!(refused(other), CKR_DOMAIN_PARAMS_INVALID);
}

/// A domain of 1024 and 160 bits, made for this test.
pub(super) fn dsa_domain() -> Attributes {
    Attributes::new()
        .bytes(
            CKA_PRIME,
            hex(
                "daee96d060fb5ff8de93483ebe494976ca973c9da127cca8d332991e3c03e703\
             6140a69efea7da0e8bd272c197a0928957a4c6e58297d4977879bf39da7d30bb\
             a5b74b73bf0762fe793556ef003d192193e497b7f8bba24a749b414250cc390a\
             ab02e58c8c87df527142dbc3b1117cd999876fee932758b9116f61dc807e0b71",
            ),
        )
        .bytes(
            CKA_SUBPRIME,
            hex("d685d62404fcd5555daf106db8dee081179a071f"),
        )
        .bytes(
            CKA_BASE,
            hex(
                "4622c63e2242013731ad19d32615538033c2e09bdff747583c0ec7456853cc52\
             97ec6bf9dfe3241207fce77fb4990405711dc02c777fc25e9bb8cabbfe26dda8\
             c378c9972ee0b7a7afd71de6ca6fdcbd01181002d7d79c4c1c2412e2ffdd2bff\
             f6313609df38483ee94f20de2d42d48abcc41782b19dadb5909aa9e0f4446d80",
            ),
        )
}

#[test]
fn dsa_keys_sign() {
    let token = Token::fresh();
    let session = token.user_session();
    let generation = plain(CKM_DSA_KEY_PAIR_GEN);
    let keys = pair(&token, session, generation, &dsa_domain(), &open_private()).unwrap();
    let read = |key| token.attribute(session, key, CKA_PUBLIC_KEY_INFO).unwrap();
    assert_eq!(read(keys.0), read(keys.1));
    for (mechanism, data) in [
        (CKM_DSA, &[7; 20][..]),
        (CKM_DSA, &[7; 64]),
        (CKM_DSA_SHA1, b"data"),
        (CKM_DSA_SHA3_512, b"data"),
    ] {
        let signature = sign(&token, session, plain(mechanism), keys.1, data).unwrap();
        assert_eq!(signature.len(), 40);
        let judge =
            |signature: &[u8]| verify(&token, session, plain(mechanism), keys.0, (data, signature));
        assert_eq!(judge(&signature), CKR_OK);
        assert_eq!(judge(&signature[1..]), CKR_SIGNATURE_LEN_RANGE);
        assert_eq!(judge(&[0; 40]), CKR_SIGNATURE_INVALID);
        let mut altered = signature.clone();
        altered[39] ^= 1;
        assert_eq!(judge(&altered), CKR_SIGNATURE_INVALID);
    }
    let odd = sign(&token, session, plain(CKM_DSA), keys.1, &[7; 21]);
    assert_eq!(odd, Err(CKR_DATA_LEN_RANGE));
    let torn = dsa_domain().altered(CKA_BASE, |value| value[5] ^= 1);
    let refused = pair(&token, session, generation, &torn, &open_private());
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn domains_that_are_generated_serve_keys() {
    let token = Token::fresh();
    let session = token.user_session();
    let domain = |mechanism, template: &Attributes| token.generate(session, mechanism, template);
    let short = Attributes::new().ulong(CKA_PRIME_BITS, 1024);
    let dsa = domain(CKM_DSA_PARAMETER_GEN, &short).unwrap();
    let read = |object, attribute| token.attribute(session, object, attribute).unwrap();
    assert_eq!(read(dsa, CKA_CLASS), CKO_DOMAIN_PARAMETERS.to_ne_bytes());
    assert_eq!(read(dsa, CKA_LOCAL), [CK_TRUE]);
    assert_eq!(read(dsa, CKA_SUBPRIME_BITS), 160u64.to_ne_bytes());
    let public = [CKA_PRIME, CKA_SUBPRIME, CKA_BASE]
        .into_iter()
        .fold(Attributes::new(), |template, name| {
            template.bytes(name, read(dsa, name))
        });
    let generation = plain(CKM_DSA_KEY_PAIR_GEN);
    assert!(pair(&token, session, generation, &public, &open_private()).is_ok());
    // A domain may also be brought along, and then it is checked.
    let brought = public
        .clone()
        .ulong(CKA_CLASS, CKO_DOMAIN_PARAMETERS)
        .ulong(CKA_KEY_TYPE, CKK_DSA);
    let object = token.create(session, &brought).unwrap();
    assert_eq!(read(object, CKA_PRIME_BITS), 1024u64.to_ne_bytes());
    let torn = brought.altered(CKA_BASE, |base| base[9] ^= 1);
    assert_eq!(
        token.create(session, &torn),
        Err(CKR_ATTRIBUTE_VALUE_INVALID)
    );
    let dh = domain(
        CKM_DH_PKCS_PARAMETER_GEN,
        &short.altered(CKA_PRIME_BITS, |bits| bits[1] = 2),
    );
    let dh = dh.unwrap();
    assert_eq!(read(dh, CKA_PRIME).len(), 64);
    let public = [CKA_PRIME, CKA_BASE]
        .into_iter()
        .fold(Attributes::new(), |template, name| {
            template.bytes(name, read(dh, name))
        });
    let generation = plain(CKM_DH_PKCS_KEY_PAIR_GEN);
    assert!(pair(&token, session, generation, &public, &open_private()).is_ok());
    // X9.42 has no default for the length of the subprime.
    let refused = domain(CKM_X9_42_DH_PARAMETER_GEN, &short);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    let odd = short.clone().ulong(CKA_SUBPRIME_BITS, 161);
    let refused = domain(CKM_X9_42_DH_PARAMETER_GEN, &odd);
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}
