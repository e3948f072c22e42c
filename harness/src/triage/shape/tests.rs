use std::path::Path;

use super::*;
use crate::plan::Suite;
use crate::worker::Returned;

/// The shape of the last call of these steps, all calls before it having succeeded.
fn of(steps: &[&str]) -> Vec<String> {
    let lines = steps.iter().map(|step| format!("      - {step}\n"));
    let text = format!(
        "suite: s\ncites: {{ document: PKCS11-Base, version: '3.2' }}\ncases:\n  - id: c\n    title: A case\n    \
         clause: '5.12.2'\n    state: rw-user\n    steps:\n{}",
        lines.collect::<String>()
    );
    let suite = Suite::parse(Path::new("s.yaml"), &text).unwrap_or_else(|error| panic!("{error}"));
    let sequence = &suite.cases[0].sequence;
    let made = |call: &Call| TraceCall {
        step: call.number,
        lane: None,
        function: call.function,
        question: false,
        start_ns: 0,
        returned: Some(Returned {
            rv: 0,
            duration_ns: 0,
        }),
        outputs: Vec::new(),
        violations: Vec::new(),
        malformed: false,
    };
    let trace: Vec<TraceCall> = sequence.calls().map(made).collect();
    let last = trace.last().expect("a call");
    let at = At {
        step: last.step,
        lane: None,
        function: last.function.name(),
    };
    shape(sequence, &trace, at)
}

/// Steps that leave handles behind: a pair, a key, a session of its own with a key that goes with it.
const MADE: [&str; 4] = [
    "{ C_GenerateKeyPair: { session: $session, mechanism: CKM_EC_KEY_PAIR_GEN }, \
     gives: { public_key: $public, private_key: $private } }",
    "{ C_GenerateKey: { session: $session, mechanism: CKM_AES_KEY_GEN, template: { CKA_VALUE_LEN: 16 } }, \
     gives: { key: $aes } }",
    "{ C_OpenSession: { slot: $target.slot, flags: CKF_SERIAL_SESSION }, gives: { session: $other } }",
    "{ C_CreateObject: { session: $other, template: { CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, \
     CKA_VALUE: '000102030405060708090a0b0c0d0e0f' } }, gives: { object: $fleeting } }",
];

/// The shape of a call after [`MADE`] and some more.
fn after(more: &[&str], last: &str) -> Vec<String> {
    let steps = [&MADE[..], more, &[last]].concat();
    of(&steps)
}

#[test]
fn what_is_as_it_should_be_has_no_shape() {
    for call in [
        "C_GetInfo: {}",
        "C_Digest: { session: $session, data: '616263', digest: { buffer: exact } }",
        "C_Digest: { session: $session, data: '616263', digest: null }",
        "C_OpenSession: { slot: 0, flags: CKF_SERIAL_SESSION }",
        "C_EncryptInit: { session: $session, mechanism: CKM_AES_ECB, key: $aes }",
        "C_EncryptInit: { session: $other, mechanism: CKM_AES_ECB, key: $fleeting }",
        "C_MessageEncryptInit: { session: $session, mechanism: CKM_AES_GCM, key: $aes }",
        "C_VerifyInit: { session: $session, mechanism: CKM_ECDSA, key: $public }",
        "C_SignInit: { session: $session, mechanism: CKM_ECDSA, key: $private }",
        "C_WrapKey: { session: $session, mechanism: CKM_AES_KEY_WRAP, wrapping_key: $aes, key: $private }",
        "C_GetAttributeValue: { session: $session, object: $private, template: [CKA_LABEL] }",
        "C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA, CKA_LABEL: '' } }",
    ] {
        assert_eq!(after(&[], call), [""; 0], "{call}");
    }
}

#[test]
fn each_oddity_has_its_word() {
    for (call, word) in [
        (
            "C_EncryptInit: { session: $session, mechanism: null, key: $aes }",
            "mechanism NULL",
        ),
        ("C_Digest: { session: $session, data: null }", "data NULL"),
        ("C_Digest: { session: $session }", "data NULL"),
        ("C_DigestInit: { session: $session }", "mechanism NULL"),
        ("C_Logout: {}", "session CK_INVALID_HANDLE"),
        (
            "C_Digest: { session: $session, data: { pointer: null, claim: 9 } }",
            "data NULL with a length",
        ),
        (
            "C_Digest: { session: $session, data: { hex: '00', claim: 9 } }",
            "data shorter than said",
        ),
        (
            "C_Digest: { session: $session, data: { hex: '0000', claim: 1 } }",
            "data longer than said",
        ),
        (
            "C_Digest: { session: $session, data: { hex: '00', claim: 0x7fffffffffffffff } }",
            "data huge",
        ),
        (
            "C_Digest: { session: $session, data: '00', digest: { buffer: short } }",
            "digest short",
        ),
        (
            "C_Digest: { session: $session, data: '00', digest: { length-pointer: null } }",
            "digest without a length",
        ),
        (
            "C_Digest: { session: $session, data: '00', digest: { buffer: 2, claim: 64 } }",
            "digest shorter than said",
        ),
        (
            "C_Verify: { session: $session, data: '00', signature: { of: '0102', take: 1 } }",
            "signature cut",
        ),
        (
            "C_Digest: { session: dangling, data: '00' }",
            "session dangling",
        ),
        (
            "C_Digest: { session: 0, data: '00' }",
            "session CK_INVALID_HANDLE",
        ),
        (
            "C_CreateObject: { session: $session, template: { CKA_CLASS: { hex: '00' } } }",
            "template CKA_CLASS short",
        ),
        (
            "C_CreateObject: { session: $session, template: { CKA_TOKEN: { hex: '0000' } } }",
            "template CKA_TOKEN long",
        ),
        (
            "C_CreateObject: { session: $session, template: { attributes: { CKA_TOKEN: true }, claim: 3 } }",
            "template shorter than said",
        ),
        (
            "C_EncryptInit: { session: $session, mechanism: CKM_AES_CBC, key: $aes }",
            "mechanism parameter NULL",
        ),
        (
            "C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_CBC, parameter: '0001' }, key: $aes }",
            "mechanism parameter short",
        ),
        (
            "C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_GCM, parameter: '0001' }, key: $aes }",
            "mechanism parameter of another type",
        ),
        (
            "C_SignInit: { session: $session, mechanism: CKM_ECDSA, key: $public }",
            "key CKO_PUBLIC_KEY",
        ),
        (
            "C_SignInit: { session: $session, mechanism: CKM_ECDSA, key: $aes }",
            "key CKK_AES",
        ),
    ] {
        assert_eq!(after(&[], call), [word], "{call}");
    }
}

#[test]
fn what_is_gone_is_known_to_be() {
    let encrypt = "C_EncryptInit: { session: $other, mechanism: CKM_AES_ECB, key: $fleeting }";
    let destroy = "C_DestroyObject: { session: $other, object: $fleeting }";
    assert_eq!(after(&[destroy], encrypt), ["key destroyed"]);
    // A session takes its objects with it; those of others are left.
    let close = "C_CloseSession: { session: $other }";
    assert_eq!(
        after(&[close], encrypt),
        ["session closed", "key destroyed"]
    );
    let other = "C_EncryptInit: { session: $session, mechanism: CKM_AES_ECB, key: $aes }";
    assert_eq!(after(&[close], other), [""; 0]);
    // Or all sessions are gone, that which the state opened among them.
    for end in [
        "C_CloseAllSessions: { slot: $target.slot }",
        "C_Finalize: {}",
    ] {
        for call in [encrypt, other] {
            let gone = ["session closed", "key destroyed"];
            assert_eq!(after(&[end], call), gone, "{end}, {call}");
        }
    }
}
