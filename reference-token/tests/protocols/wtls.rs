//! WTLS: [PKCS11-Base 3.2] section 6.41.

use cryptoki_sys::*;

use super::support::{Attributes, Token, hex, with};
use super::{derive, secret};

/// Version 1 and nineteen bytes.
const PRE_MASTER: &str = "010102030405060708090a0b0c0d0e0f10111213";
const MASTER: &str = "c3690263c988514320ced3e7df26bc67cb50e169";

/// The random values of both sides.
struct Randoms {
    client: [u8; 16],
    server: [u8; 16],
}

impl Randoms {
    fn new() -> Randoms {
        let (mut client, mut server) = ([0; 16], [0; 16]);
        (client[0], server[0]) = (0xc0, 0x50);
        Randoms { client, server }
    }

    fn data(&mut self) -> CK_WTLS_RANDOM_DATA {
        CK_WTLS_RANDOM_DATA {
            pClientRandom: self.client.as_mut_ptr(),
            ulClientRandomLen: 16,
            pServerRandom: self.server.as_mut_ptr(),
            ulServerRandomLen: 16,
        }
    }
}

fn value(token: &Token, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Vec<u8> {
    token.attribute(session, key, CKA_VALUE).unwrap()
}

#[test]
fn a_pre_master_key_begins_with_the_version_and_is_twenty_bytes_unless_told_otherwise() {
    let token = Token::fresh();
    let session = token.user_session();
    let generate = |template: &Attributes| {
        let (mut version, mut key) = (1u8, 0);
        let mut mechanism = with(CKM_WTLS_PRE_MASTER_KEY_GEN, &mut version);
        let mut list = template.list();
        let count = list.count();
        let rv = call!(
            token,
            C_GenerateKey(session, &mut mechanism, list.pointer(), count, &mut key)
        );
        if rv == CKR_OK { Ok(key) } else { Err(rv) }
    };
    let key = generate(&Attributes::new()).unwrap();
    assert_eq!(value(&token, session, key).len(), 20);
    let key = generate(&Attributes::new().ulong(CKA_VALUE_LEN, 33)).unwrap();
    let long = value(&token, session, key);
    assert_eq!((long.len(), long[0]), (33, 1));
    let short = generate(&Attributes::new().ulong(CKA_VALUE_LEN, 19));
    assert_eq!(short, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn a_master_key_and_the_version_come_of_a_pre_master_key() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = token.create(session, &secret(&hex(PRE_MASTER))).unwrap();
    let (mut randoms, mut version) = (Randoms::new(), 0);
    let mut parameter = CK_WTLS_MASTER_KEY_DERIVE_PARAMS {
        DigestMechanism: CKM_SHA_1,
        RandomInfo: randoms.data(),
        pVersion: &mut version,
    };
    let template = Attributes::new();
    let mechanism = with(CKM_WTLS_MASTER_KEY_DERIVE, &mut parameter);
    let master = derive(&token, session, mechanism, base, &template).unwrap();
    assert_eq!(value(&token, session, master), hex(MASTER));
    assert_eq!(version, 1);
    // Where a secret was agreed on there is no version, and its place must not be there.
    let mechanism = with(CKM_WTLS_MASTER_KEY_DERIVE_DH_ECC, &mut parameter);
    let refused = derive(&token, session, mechanism, base, &template);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    let agreed = token.create(session, &secret(b"agreed")).unwrap();
    parameter.pVersion = std::ptr::null_mut();
    parameter.DigestMechanism = CKM_MD5;
    let mechanism = with(CKM_WTLS_MASTER_KEY_DERIVE_DH_ECC, &mut parameter);
    let master = derive(&token, session, mechanism, agreed, &template).unwrap();
    let expected = "6938aa7d46ac943e10aba57a0c8906adbcde1cb1";
    assert_eq!(value(&token, session, master), hex(expected));
    let mechanism = with(CKM_WTLS_MASTER_KEY_DERIVE, &mut parameter);
    let refused = derive(&token, session, mechanism, base, &template);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    // WAP-261-WTLS has no cipher suite with this one.
    parameter.DigestMechanism = CKM_SHA256;
    let mechanism = with(CKM_WTLS_MASTER_KEY_DERIVE_DH_ECC, &mut parameter);
    let refused = derive(&token, session, mechanism, agreed, &template);
    assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
}

/// Derives the keys of one direction: their handles and the IV.
fn keys(
    (token, session): (&Token, CK_SESSION_HANDLE),
    kind: CK_MECHANISM_TYPE,
    (key_bits, export, sequence): (CK_ULONG, CK_BBOOL, CK_ULONG),
    base: CK_OBJECT_HANDLE,
    template: &Attributes,
) -> Result<([CK_OBJECT_HANDLE; 2], [u8; 8]), CK_RV> {
    let (mut randoms, mut iv) = (Randoms::new(), [0; 8]);
    let mut out = CK_WTLS_KEY_MAT_OUT {
        hMacSecret: 0,
        hKey: 0,
        pIV: iv.as_mut_ptr(),
    };
    let mut parameter = CK_WTLS_KEY_MAT_PARAMS {
        DigestMechanism: CKM_SHA_1,
        ulMacSizeInBits: 160,
        ulKeySizeInBits: key_bits,
        ulIVSizeInBits: 64,
        ulSequenceNumber: sequence,
        bIsExport: export,
        RandomInfo: randoms.data(),
        pReturnedKeyMaterial: &mut out,
    };
    derive(token, session, with(kind, &mut parameter), base, template)
        .map(|_| ([out.hMacSecret, out.hKey], iv))
}

#[test]
fn each_direction_has_keys_and_an_iv_of_its_own() {
    let token = Token::fresh();
    let session = token.user_session();
    let at = (&token, session);
    let master = secret(&hex(MASTER)).bool(CKA_EXTRACTABLE, true);
    let base = token.create(session, &master).unwrap();
    let template = Attributes::new().ulong(CKA_KEY_TYPE, CKK_AES);
    let of_server = CKM_WTLS_SERVER_KEY_AND_MAC_DERIVE;
    let ([mac, key], iv) = keys(at, of_server, (128, CK_FALSE, 7), base, &template).unwrap();
    let block = [mac, key].map(|key| value(&token, session, key)).concat();
    let expected = hex(
        "7e3af0dc39abe4e8765de8b52a2874c9f6f0ae641fa588cb725b8e1eccc59a1a1cf34238dc478b02695ea639",
    );
    assert_eq!([&block[..], &iv].concat(), expected);
    let flag = |key, attribute| token.attribute(session, key, attribute).unwrap() == [CK_TRUE];
    assert!(flag(mac, CKA_SIGN) && flag(mac, CKA_VERIFY) && flag(mac, CKA_DERIVE));
    assert!(flag(key, CKA_ENCRYPT) && flag(key, CKA_DECRYPT) && flag(key, CKA_DERIVE));
    // The formulas of export suites expand the key to what the template asks for.
    let template = template.ulong(CKA_VALUE_LEN, 16);
    let of_client = CKM_WTLS_CLIENT_KEY_AND_MAC_DERIVE;
    let ([mac, key], iv) = keys(at, of_client, (40, CK_TRUE, 7), base, &template).unwrap();
    assert_eq!(
        value(&token, session, mac),
        hex("b2ca6c9b41a91b105fc399c1284aba7c6aed96c8")
    );
    let expected = "c99a76480a9c1678af328aa208e91da9";
    assert_eq!(value(&token, session, key), hex(expected));
    assert_eq!(iv[..], hex("56db662fa153e2f0"));
}

#[test]
fn keys_of_a_direction_are_as_secret_as_the_master_key_or_not_made() {
    let token = Token::fresh();
    let session = token.user_session();
    let at = (&token, session);
    let of_client = CKM_WTLS_CLIENT_KEY_AND_MAC_DERIVE;
    let closed = secret(&hex(MASTER)).bool(CKA_SENSITIVE, true);
    let base = token.create(session, &closed).unwrap();
    let template = Attributes::new().ulong(CKA_KEY_TYPE, CKK_AES);
    let open = template.clone().bool(CKA_SENSITIVE, false);
    let refused = keys(at, of_client, (128, CK_FALSE, 0), base, &open);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCONSISTENT));
    let (made, _) = keys(at, of_client, (128, CK_FALSE, 0), base, &template).unwrap();
    for key in made {
        let sensitive = token.attribute(session, key, CKA_SENSITIVE).unwrap();
        assert_eq!(sensitive, [CK_TRUE]);
    }
    // A sequence number has sixteen bits, and a key whole bytes.
    for wrong in [(128, CK_FALSE, 0x1_0000), (127, CK_FALSE, 0)] {
        let refused = keys(at, of_client, wrong, base, &template);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }
    let refused = keys(at, of_client, (40, CK_TRUE, 0), base, &template);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
}

#[test]
fn the_function_itself_gives_its_output_through_the_parameter() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = token.create(session, &secret(&hex(MASTER))).unwrap();
    let (mut seed, mut label) = (*b"seed", *b"label");
    let (mut output, mut length) = ([0; 33], 33);
    let mut parameter = CK_WTLS_PRF_PARAMS {
        DigestMechanism: CKM_SHA_1,
        pSeed: seed.as_mut_ptr(),
        ulSeedLen: 4,
        pLabel: label.as_mut_ptr(),
        ulLabelLen: 5,
        pOutput: output.as_mut_ptr(),
        pulOutputLen: &mut length,
    };
    let mut mechanism = with(CKM_WTLS_PRF, &mut parameter);
    let none = std::ptr::null_mut();
    let rv = call!(
        token,
        C_DeriveKey(session, &mut mechanism, base, none, 0, std::ptr::null_mut())
    );
    assert_eq!(rv, CKR_OK);
    let expected = "bf03558e328e6110fdf9fd6fd6648773bd35c125eed94b7d513f120439ee1454cf";
    assert_eq!(output[..], hex(expected));
    parameter.pulOutputLen = std::ptr::null_mut();
    let mut mechanism = with(CKM_WTLS_PRF, &mut parameter);
    let rv = call!(
        token,
        C_DeriveKey(session, &mut mechanism, base, none, 0, std::ptr::null_mut())
    );
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
}
