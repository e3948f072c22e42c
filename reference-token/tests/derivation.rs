//! C_DeriveKey and C_GenerateKey where more than one handle comes back: keys and bytes that return
//! through the parameter, all of them or none, and what keys inherit.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use cryptoki_sys::*;
use support::{Attributes, Token, with};

fn derive(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    base: CK_OBJECT_HANDLE,
    template: &Attributes,
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let (mut list, mut key) = (template.list(), 0);
    let count = list.count();
    let pointer = list.pointer();
    let rv = call!(
        token,
        C_DeriveKey(session, &mut mechanism, base, pointer, count, &mut key)
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

/// An open generic secret that others can be derived from.
fn secret(value: &[u8]) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bool(CKA_DERIVE, true)
        .bytes(CKA_VALUE, value)
}

fn count(token: &Token, session: CK_SESSION_HANDLE) -> usize {
    let keys = Attributes::new().ulong(CKA_CLASS, CKO_SECRET_KEY);
    token.find(session, &keys).len()
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// The parameter of CKM_TLS12_KEY_AND_MAC_DERIVE with everything that it points to.
struct Material {
    client: Vec<u8>,
    server: Vec<u8>,
    ivs: [[u8; 16]; 2],
    out: CK_SSL3_KEY_MAT_OUT,
}

impl Material {
    /// The random values of the TLS 1.2 vector of NIST.
    fn new() -> Material {
        Material {
            client: hex("62e1fd91f23f558a605f28478c58cf72637b89784d959df7e946d3f07bd1b616"),
            server: hex("ae6c806f8ad4d80784549dff28a4b58fd837681a51d928c3e30ee5ff14f39868"),
            ivs: [[0; 16]; 2],
            out: CK_SSL3_KEY_MAT_OUT::default(),
        }
    }

    fn parameter(&mut self) -> CK_TLS12_KEY_MAT_PARAMS {
        self.out.pIVClient = self.ivs[0].as_mut_ptr();
        self.out.pIVServer = self.ivs[1].as_mut_ptr();
        CK_TLS12_KEY_MAT_PARAMS {
            ulMacSizeInBits: 160,
            ulKeySizeInBits: 128,
            ulIVSizeInBits: 128,
            bIsExport: CK_FALSE,
            RandomInfo: CK_SSL3_RANDOM_DATA {
                pClientRandom: self.client.as_mut_ptr(),
                ulClientRandomLen: 32,
                pServerRandom: self.server.as_mut_ptr(),
                ulServerRandomLen: 32,
            },
            pReturnedKeyMaterial: &mut self.out,
            prfHashMechanism: CKM_SHA256,
        }
    }
}

/// NIST CAVP, TLS 1.2 with SHA-256: the master key and the key block that is made of it.
const MASTER: &str = "202c88c00f84a17a20027079604787461176455539e705be730890602c289a50
                      01e34eeb3a043e5d52a65e66125188bf";
const BLOCK: &str = "d06139889fffac1e3a71865f504aa5d0d2a2e89506c6f2279b670c3e1b74f531
                     016a2530c51a3a0f7e1d6590d0f0566b2f387f8d11fd4f731cdd572d2eae927f
                     6f2f81410b25e6960be68985add6c38445ad9f8c64bf8068bf9a6679485d966f
                     1ad6f68b43495b10a683755ea2b858d70ccac7ec8b053c6bd41ca299d4e51928";

#[test]
fn a_key_block_becomes_four_keys_and_two_ivs_that_return_through_the_parameter() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = token.create(session, &secret(&hex(MASTER))).unwrap();
    let template = Attributes::new()
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_LABEL, *b"write");
    let mut material = Material::new();
    let mut parameter = material.parameter();
    let mut mechanism = with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut parameter);
    let mut list = template.list();
    let rv = call!(
        token,
        C_DeriveKey(
            session,
            &mut mechanism,
            base,
            list.pointer(),
            2,
            std::ptr::null_mut()
        )
    );
    assert_eq!(rv, CKR_OK);
    let out = material.out;
    let handles = [
        out.hClientMacSecret,
        out.hServerMacSecret,
        out.hClientKey,
        out.hServerKey,
    ];
    let value = |key| token.attribute(session, key, CKA_VALUE).unwrap();
    let mut block = handles.map(value).concat();
    block.extend(material.ivs.concat());
    assert_eq!(block, hex(BLOCK)[..block.len()]);
    let flag = |key, attribute| token.attribute(session, key, attribute).unwrap() == [CK_TRUE];
    assert!(flag(handles[0], CKA_SIGN) && flag(handles[1], CKA_VERIFY));
    assert!(flag(handles[2], CKA_ENCRYPT) && flag(handles[3], CKA_DERIVE));
    for key in handles {
        assert_eq!(token.attribute(session, key, CKA_LABEL).unwrap(), b"write");
    }
}

#[test]
fn key_material_is_as_secret_as_its_master_key_or_not_made_at_all() {
    let token = Token::fresh();
    let session = token.user_session();
    let closed = secret(&hex(MASTER)).bool(CKA_SENSITIVE, true);
    let base = token.create(session, &closed).unwrap();
    let before = count(&token, session);
    let template = Attributes::new()
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bool(CKA_SENSITIVE, false);
    let mut material = Material::new();
    let mut parameter = material.parameter();
    let mechanism = with(CKM_TLS12_KEY_AND_MAC_DERIVE, &mut parameter);
    assert_eq!(
        derive(&token, session, mechanism, base, &template),
        Err(CKR_TEMPLATE_INCONSISTENT)
    );
    // A key of 16 bytes cannot be one of DES3: the keys before it do not come to be either.
    let template = Attributes::new().ulong(CKA_KEY_TYPE, CKK_DES3);
    assert!(derive(&token, session, mechanism, base, &template).is_err());
    assert_eq!(count(&token, session), before);
    assert_eq!((material.out.hClientKey, material.ivs[0]), (0, [0; 16]));
}

#[test]
fn the_version_in_a_pre_master_key_is_given_back() {
    let token = Token::fresh();
    let session = token.user_session();
    let mut version = CK_VERSION { major: 3, minor: 3 };
    let mut mechanism = with(CKM_SSL3_PRE_MASTER_KEY_GEN, &mut version);
    let template = Attributes::new().bool(CKA_DERIVE, true);
    let (mut list, mut base) = (template.list(), 0);
    let rv = call!(
        token,
        C_GenerateKey(session, &mut mechanism, list.pointer(), 1, &mut base)
    );
    assert_eq!(rv, CKR_OK);
    let value = token.attribute(session, base, CKA_VALUE).unwrap();
    assert_eq!((value.len(), &value[..2]), (48, &[3, 3][..]));
    let mut randoms = [7u8; 32];
    let mut given = CK_VERSION::default();
    let mut parameter = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: CK_SSL3_RANDOM_DATA {
            pClientRandom: randoms.as_mut_ptr(),
            ulClientRandomLen: 32,
            pServerRandom: randoms.as_mut_ptr(),
            ulServerRandomLen: 32,
        },
        pVersion: &mut given,
        prfHashMechanism: CKM_SHA256,
    };
    let none = Attributes::new();
    let mechanism = with(CKM_TLS12_MASTER_KEY_DERIVE, &mut parameter);
    let master = derive(&token, session, mechanism, base, &none).unwrap();
    assert_eq!((given.major, given.minor), (3, 3));
    assert_eq!(
        token.attribute(session, master, CKA_VALUE).unwrap().len(),
        48
    );
    // Section 6.40.4: the key says itself what it is for.
    let allowed = token.attribute(session, master, CKA_ALLOWED_MECHANISMS);
    assert_eq!(
        allowed.unwrap()[..8],
        CKM_TLS12_KEY_AND_MAC_DERIVE.to_ne_bytes()
    );
    // Without a version in the pre-master key there is no place for one.
    let mechanism = with(CKM_TLS12_MASTER_KEY_DERIVE_DH, &mut parameter);
    assert_eq!(
        derive(&token, session, mechanism, base, &none),
        Err(CKR_MECHANISM_PARAM_INVALID)
    );
}

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

#[test]
fn a_password_makes_a_key_and_an_iv() {
    let token = Token::fresh();
    let session = token.user_session();
    // The vector of tests in `mechanisms/password.rs`, its key with odd parity.
    let mut password = hex("0073006D006500670000");
    let mut salt = hex("0A58CF64530D823F");
    let mut iv = [0u8; 8];
    let mut parameter = CK_PBE_PARAMS {
        pInitVector: iv.as_mut_ptr(),
        pPassword: password.as_mut_ptr(),
        ulPasswordLen: 10,
        pSalt: salt.as_mut_ptr(),
        ulSaltLen: 8,
        ulIteration: 1,
    };
    let mut key = 0;
    let mut mechanism = with(CKM_PBE_SHA1_DES3_EDE_CBC, &mut parameter);
    let none = std::ptr::null_mut();
    assert_eq!(
        call!(
            token,
            C_GenerateKey(session, &mut mechanism, none, 0, &mut key)
        ),
        CKR_OK
    );
    assert_eq!(iv[..], hex("79993DFE048D3B76"));
    let value = token.attribute(session, key, CKA_VALUE).unwrap();
    let expected = hex("8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3");
    assert!(
        value
            .iter()
            .zip(&expected)
            .all(|(a, b)| a & 0xfe == b & 0xfe)
    );
    assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1));
    parameter.pInitVector = std::ptr::null_mut();
    let mut mechanism = with(CKM_PBE_SHA1_DES3_EDE_CBC, &mut parameter);
    assert_eq!(
        call!(
            token,
            C_GenerateKey(session, &mut mechanism, none, 0, &mut key)
        ),
        CKR_MECHANISM_PARAM_INVALID
    );
}

#[test]
fn finished_messages_have_the_length_and_the_side_that_was_asked_for() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = secret(&hex(MASTER))
        .bool(CKA_SIGN, true)
        .bool(CKA_VERIFY, true);
    let key = token.create(session, &key).unwrap();
    let sign = |length, side| {
        let mut parameter = CK_TLS_MAC_PARAMS {
            prfHashMechanism: CKM_SHA256,
            ulMacLength: length,
            ulServerOrClient: side,
        };
        let mechanism = with(CKM_TLS_MAC, &mut parameter);
        support::calls::sign(&token, session, mechanism, key, b"hash")
    };
    let server = sign(12, 1).unwrap();
    assert_eq!(server.len(), 12);
    assert_eq!(sign(16, 1).unwrap()[..12], server);
    assert_ne!(sign(12, 2).unwrap(), server);
    for (length, side) in [(11, 1), (12, 0), (12, 3)] {
        assert_eq!(sign(length, side), Err(CKR_MECHANISM_PARAM_INVALID));
    }
}

/// RFC 6070: both structures give the same key, and a number that is neither a length nor a pointer
/// is a bad parameter and no more.
#[test]
fn the_structure_of_earlier_versions_makes_the_same_key_from_a_password() {
    let token = Token::fresh();
    let session = token.user_session();
    let (mut password, mut salt, mut length) = (*b"password", *b"salt", 8 as CK_ULONG);
    let mut generate = |password_length| {
        let mut parameter = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: salt.as_mut_ptr().cast(),
            ulSaltSourceDataLen: 4,
            iterations: 2,
            prf: CKP_PKCS5_PBKD2_HMAC_SHA1,
            pPrfData: std::ptr::null_mut(),
            ulPrfDataLen: 0,
            pPassword: password.as_mut_ptr(),
            ulPasswordLen: password_length,
        };
        let template = Attributes::new()
            .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 20);
        let (mut list, mut key) = (template.list(), 0);
        let mut mechanism = with(CKM_PKCS5_PBKD2, &mut parameter);
        let rv = call!(
            token,
            C_GenerateKey(session, &mut mechanism, list.pointer(), 2, &mut key)
        );
        match rv {
            CKR_OK => Ok(token.attribute(session, key, CKA_VALUE).unwrap()),
            rv => Err(rv),
        }
    };
    let expected = hex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    assert_eq!(generate(8), Ok(expected.clone()));
    assert_eq!(generate(&raw mut length as CK_ULONG), Ok(expected));
    assert_eq!(generate(1 << 20), Err(CKR_MECHANISM_PARAM_INVALID));
}
