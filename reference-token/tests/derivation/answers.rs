//! Known answers of SSL and TLS: of NIST where there are any, of OpenSSL 3.0 (`openssl kdf ...
//! TLS1-PRF`) for TLS, and by the formulas of RFC 6101 with the crates of the hashes alone for SSL.

use std::ptr::null_mut;

use cryptoki_sys::*;
use md5::Md5;
use sha1::{Digest, Sha1};

use super::support::calls::{sign, verify};
use super::support::{Attributes, Token, with};
use super::{derive, hex, secret};

/// The master key of the other tests.
const MASTER: &str = super::tls::MASTER;
const CLIENT: [u8; 32] = [0x11; 32];
const SERVER: [u8; 32] = [0x22; 32];
const MESSAGE: &[u8] = b"the messages of a handshake";

fn randoms(client: &[u8], server: &[u8]) -> CK_SSL3_RANDOM_DATA {
    CK_SSL3_RANDOM_DATA {
        pClientRandom: input!(client),
        ulClientRandomLen: client.len() as CK_ULONG,
        pServerRandom: input!(server),
        ulServerRandomLen: server.len() as CK_ULONG,
    }
}

/// What comes out of a key block of 20 bytes of MAC, 16 of key and 16 of IV a side, in its order.
fn block(
    token: &Token,
    session: CK_SESSION_HANDLE,
    (mechanism, hash): (CK_MECHANISM_TYPE, Option<CK_MECHANISM_TYPE>),
    master: CK_OBJECT_HANDLE,
    (client, server): (&[u8], &[u8]),
) -> Vec<u8> {
    let (mut iv_client, mut iv_server) = ([0u8; 16], [0u8; 16]);
    let mut out = CK_SSL3_KEY_MAT_OUT {
        pIVClient: iv_client.as_mut_ptr(),
        pIVServer: iv_server.as_mut_ptr(),
        ..CK_SSL3_KEY_MAT_OUT::default()
    };
    let mut older = CK_SSL3_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 128,
        bIsExport: CK_FALSE,
        RandomInfo: randoms(client, server),
        pReturnedKeyMaterial: &mut out,
    };
    let mut newer = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: 160,
        ulKeySizeInBits: 128,
        ulIVSizeInBits: 128,
        bIsExport: CK_FALSE,
        RandomInfo: randoms(client, server),
        pReturnedKeyMaterial: &mut out,
        prfHashMechanism: hash.unwrap_or_default(),
    };
    let mut mechanism = match hash {
        Some(_) => with(mechanism, &mut newer),
        None => with(mechanism, &mut older),
    };
    let template = Attributes::new().ulong(CKA_KEY_TYPE, CKK_AES);
    let mut list = template.list();
    let rv = call!(
        token,
        C_DeriveKey(
            session,
            &mut mechanism,
            master,
            list.pointer(),
            1,
            null_mut()
        )
    );
    assert_eq!(rv, CKR_OK);
    let value = |key| token.attribute(session, key, CKA_VALUE).unwrap();
    let keys = [
        out.hClientMacSecret,
        out.hServerMacSecret,
        out.hClientKey,
        out.hServerKey,
    ];
    let mut block = keys.map(value).concat();
    block.extend(iv_client);
    block.extend(iv_server);
    block
}

/// NIST ACVP, TLS-v1.2-KDF-RFC7627, SHA2-256, test case 1.
#[test]
fn an_extended_master_secret_and_its_key_block_are_those_of_nist() {
    let token = Token::fresh();
    let session = token.user_session();
    let base = hex("8252B983A6459A6FB3B9DEBE8725247E276139EBF7C9ADCC
         DD7D240F3ADA7F5E3351B2769B6C8DC169A6D799C3C0FFEB");
    let base = token.create(session, &secret(&base)).unwrap();
    let hash = hex("1359D7DF74CB27C67F74C98D521D442B887EAF0DECF6E382C62434D6C3DD7D0D");
    let mut parameter = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
        prfHashMechanism: CKM_SHA256,
        pSessionHash: input!(hash),
        ulSessionHashLen: 32,
        pVersion: null_mut(),
    };
    let mechanism = with(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, &mut parameter);
    let template = Attributes::new().bool(CKA_DERIVE, true);
    let master = derive(&token, session, mechanism, base, &template).unwrap();
    assert_eq!(
        token.attribute(session, master, CKA_VALUE).unwrap(),
        hex("43A5E821FCF5446C712207F7CD161ED213EE3B9D001D418C
             57231BEFD596B583ECD55AB2C4456B02738698F90BC59AC0")
    );
    let client = hex("ABE7AF69AFFC5E0944F4009B3E7ABD1CC0A5CCE8DB055EFF4A509E5B6DE9475A");
    let server = hex("50E0A1A1FD64A55259781A5C22580A81F99799C32F52D3F48D2C10C5C692E289");
    let kind = (CKM_TLS12_KEY_AND_MAC_DERIVE, Some(CKM_SHA256));
    let given = block(&token, session, kind, master, (&client, &server));
    let expected = hex(
        "4886E75BE82DD4FB73C540729072D3E29B93C164E1CFFE071F1212B1237B98DC
         0B0A5895F331F7180CEB30B17BB8C3E92A074B26325FF975237DBD22320C0B88
         D64931F39C777B1527D36A999AD5FE5EE7F53FC42A509BEB22634B17EC7B768E
         AF6A87977CF8670B34D0A76EBCE6A659DAB6C15B4B86B98B9A63C50BBE1E2A09",
    );
    assert_eq!(given, expected[..104]);
}

#[test]
fn key_blocks_of_ssl_and_of_the_first_tls_are_what_their_formulas_give() {
    let token = Token::fresh();
    let session = token.user_session();
    let master = token.create(session, &secret(&hex(MASTER))).unwrap();
    let sides = (&CLIENT[..], &SERVER[..]);
    let kind = (CKM_SSL3_KEY_AND_MAC_DERIVE, None);
    let given = block(&token, session, kind, master, sides);
    // RFC 6101 section 6.2.2: "A", "BB", "CCC" and so on.
    let part = |number: u8| {
        let letters = vec![b'A' + number; usize::from(number) + 1];
        let inner = Sha1::digest([&letters, &hex(MASTER), &SERVER[..], &CLIENT].concat());
        Md5::digest([&hex(MASTER)[..], &inner].concat()).to_vec()
    };
    let expected: Vec<u8> = (0..7).flat_map(part).collect();
    assert_eq!(given, expected[..104]);
    let kind = (CKM_TLS_KEY_AND_MAC_DERIVE, None);
    let given = block(&token, session, kind, master, sides);
    // OpenSSL: -kdfopt digest:MD5-SHA1, seed "key expansion", server random, client random.
    let expected = hex(
        "7FA7DEC98B99977FDE6868AB31C865D056638F42A51BDE877823735673262
         8B8C202E38F02793C51210E86AD87B71E49011D87E99AB345B5F701DD29CCB3
         6583217E764A14591F358BE1EC603C5E285B318B6E3C20773B7EC9B0C1F1E28
         D8DDA0E42C55A7CC21EFA",
    );
    assert_eq!(given, expected);
}

/// OpenSSL: seed "EXPORTER-p11assay", both random values and, as RFC 5705 wants it, the length of the
/// context and the context.
#[test]
fn exported_keys_are_those_of_openssl() {
    let token = Token::fresh();
    let session = token.user_session();
    let master = token.create(session, &secret(&hex(MASTER))).unwrap();
    let label = b"EXPORTER-p11assay";
    let rows: [(&[u8], &str); 2] = [
        (
            b"context",
            "166422B5C043BC8577F776596437727
             6F623CF5688E0295C8F5E687EE64487EF",
        ),
        (
            &[],
            "73F357067257F06F1546AA40DFA4B18CF6FD2BB1B924D8F6113FC8DE5B2F039B",
        ),
    ];
    for (context, expected) in rows {
        let mut parameter = CK_TLS_KDF_PARAMS {
            prfMechanism: CKM_SHA256,
            pLabel: input!(label),
            ulLabelLength: label.len() as CK_ULONG,
            RandomInfo: randoms(&CLIENT, &SERVER),
            pContextData: match context.is_empty() {
                true => null_mut(),
                false => input!(context),
            },
            ulContextDataLength: context.len() as CK_ULONG,
        };
        let template = Attributes::new()
            .ulong(CKA_CLASS, CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 32);
        for kind in [CKM_TLS_KDF, CKM_TLS12_KDF] {
            let mechanism = with(kind, &mut parameter);
            let key = derive(&token, session, mechanism, master, &template).unwrap();
            let value = token.attribute(session, key, CKA_VALUE).unwrap();
            assert_eq!(value, hex(expected));
        }
    }
}

/// OpenSSL: seed "server finished" or "client finished", and the hash of the messages.
#[test]
fn finished_messages_are_those_of_openssl() {
    let token = Token::fresh();
    let session = token.user_session();
    let key = secret(&hex(MASTER)).bool(CKA_SIGN, true);
    let key = token.create(session, &key).unwrap();
    let sha_256 = hex("8644a1ab87453a8252a9f2b190d1ec90c1fe67d137fbaedec694b2db885266c7");
    let both = [&Md5::digest(MESSAGE)[..], &Sha1::digest(MESSAGE)].concat();
    for (prf, side, hash, expected) in [
        (CKM_SHA256, 1, &sha_256, "365CA0F63210E544B7E82750"),
        (CKM_SHA256, 2, &sha_256, "AFE3C0B2B05063AFE0FB3F68"),
        (CKM_TLS_PRF, 2, &both, "80483A28A8E07561704909A1"),
    ] {
        let mut parameter = CK_TLS_MAC_PARAMS {
            prfHashMechanism: prf,
            ulMacLength: 12,
            ulServerOrClient: side,
        };
        for kind in [CKM_TLS_MAC, CKM_TLS12_MAC] {
            let mechanism = with(kind, &mut parameter);
            let given = sign(&token, session, mechanism, key, hash).unwrap();
            assert_eq!(given, hex(expected));
        }
    }
}

/// RFC 6101 section 5.2.3.1: two nested hashes with pads of 48 and of 40 bytes.
#[test]
fn macs_of_ssl_are_nested_hashes() {
    let token = Token::fresh();
    let session = token.user_session();
    let value: Vec<u8> = (0..20).collect();
    let key = secret(&value).bool(CKA_SIGN, true).bool(CKA_VERIFY, true);
    let key = token.create(session, &key).unwrap();
    let inner = Md5::digest([&value, &[0x36; 48][..], MESSAGE].concat());
    let md5 = Md5::digest([&value, &[0x5c; 48][..], &inner].concat()).to_vec();
    let inner = Sha1::digest([&value, &[0x36; 40][..], MESSAGE].concat());
    let sha1 = Sha1::digest([&value, &[0x5c; 40][..], &inner].concat()).to_vec();
    for (kind, expected) in [(CKM_SSL3_MD5_MAC, md5), (CKM_SSL3_SHA1_MAC, sha1)] {
        for length in [4, 8] {
            let mut given: CK_ULONG = length;
            let mechanism = with(kind, &mut given);
            let mac = sign(&token, session, mechanism, key, MESSAGE).unwrap();
            assert_eq!(mac, expected[..length as usize]);
            let judge = |data: &[u8]| verify(&token, session, mechanism, key, (data, &mac));
            assert_eq!(judge(MESSAGE), CKR_OK);
            assert_eq!(judge(b"another"), CKR_SIGNATURE_INVALID);
        }
    }
}
