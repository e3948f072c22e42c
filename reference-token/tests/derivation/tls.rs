//! SSL and TLS: sections 6.39 and 6.40.

use cryptoki_sys::*;

use super::support::calls::sign;
use super::support::{Attributes, Token, with};
use super::{count, derive, hex, secret};

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
pub(super) const MASTER: &str = "202c88c00f84a17a20027079604787461176455539e705be730890602c289a50
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

/// Section 5.18.5: what the template of a key adds is added to all keys that are derived from it, and
/// what contradicts it is not made: a MAC key that signs, or is a generic secret, neither.
#[test]
fn the_derive_template_of_a_master_key_holds_for_its_mac_keys() {
    let token = Token::fresh();
    let session = token.user_session();
    let run = |imposed: &Attributes, kind: CK_MECHANISM_TYPE, mac_bits| {
        let mut list = imposed.list();
        let size = list.count() as usize * size_of::<CK_ATTRIBUTE>();
        // SAFETY: the array that the list points to, while the list lives.
        let nested = unsafe { std::slice::from_raw_parts(list.pointer().cast::<u8>(), size) };
        let master = secret(&hex(MASTER)).bytes(CKA_DERIVE_TEMPLATE, nested);
        let base = token.create(session, &master).unwrap();
        let before = count(&token, session);
        let template = Attributes::new().ulong(CKA_KEY_TYPE, CKK_AES);
        let mut material = Material::new();
        let mut newer = material.parameter();
        newer.ulMacSizeInBits = mac_bits;
        let mut older = CK_SSL3_KEY_MAT_PARAMS {
            ulMacSizeInBits: mac_bits,
            ulKeySizeInBits: newer.ulKeySizeInBits,
            ulIVSizeInBits: newer.ulIVSizeInBits,
            bIsExport: CK_FALSE,
            RandomInfo: newer.RandomInfo,
            pReturnedKeyMaterial: newer.pReturnedKeyMaterial,
        };
        let mechanism = match kind {
            CKM_TLS12_KEY_AND_MAC_DERIVE => with(kind, &mut newer),
            _ => with(kind, &mut older),
        };
        let derived = derive(&token, session, mechanism, base, &template);
        let made = count(&token, session) - before;
        assert!(derived.is_ok() || made == 0);
        derived.map(|_| (made, material.out.hClientMacSecret))
    };
    let new = Attributes::new;
    let (ssl3, tls12) = (CKM_SSL3_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_AND_MAC_DERIVE);
    for (imposed, kind) in [
        (new().bool(CKA_SIGN, false), tls12),
        (new().bool(CKA_DERIVE, false), ssl3),
        (new().ulong(CKA_KEY_TYPE, CKK_AES), tls12),
        (new().ulong(CKA_VALUE_LEN, 16), tls12),
    ] {
        assert_eq!(run(&imposed, kind, 160), Err(CKR_TEMPLATE_INCONSISTENT));
    }
    let aes = new().ulong(CKA_KEY_TYPE, CKK_AES);
    assert_eq!(run(&aes, tls12, 0), Ok((2, CK_INVALID_HANDLE)));
    let added = new().bool(CKA_DERIVE, true).bytes(CKA_LABEL, *b"imposed");
    let (made, mac) = run(&added, tls12, 160).unwrap();
    let label = token.attribute(session, mac, CKA_LABEL).unwrap();
    assert_eq!((made, &label[..]), (4, &b"imposed"[..]));
    let derives = token.attribute(session, mac, CKA_DERIVE).unwrap();
    assert_eq!(derives, [CK_TRUE]);
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
        sign(&token, session, mechanism, key, b"hash")
    };
    let server = sign(12, 1).unwrap();
    assert_eq!(server.len(), 12);
    assert_eq!(sign(16, 1).unwrap()[..12], server);
    assert_ne!(sign(12, 2).unwrap(), server);
    for (length, side) in [(11, 1), (12, 0), (12, 3)] {
        assert_eq!(sign(length, side), Err(CKR_MECHANISM_PARAM_INVALID));
    }
}
