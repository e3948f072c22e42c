use std::path::Path;

use super::*;
use crate::sequence::read;
use crate::yaml::Document;

/// The functions whose outputs follow from the steps, of which those numbered in `fail` fail.
fn followed(text: &str, fail: &[u32]) -> Vec<Function> {
    let document = Document::parse(Path::new("t.yaml"), text).expect("YAML");
    let sequence = read::sequence(document.root()).expect("steps");
    let mut determined = Determined::default();
    let calls = sequence.calls();
    calls
        .filter_map(|call| {
            let name = determined.follow(call, !fail.contains(&call.number));
            name.map(|_| call.function)
        })
        .collect()
}

const KEY: &str = "\
- C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, CKA_VALUE: '000102030405060708090a0b0c0d0e0f' } }
  gives: { object: $key }
";

#[test]
fn a_digest_follows_from_its_parts() {
    let text = "\
- C_DigestInit: { session: $session, mechanism: CKM_SHA256 }
- C_DigestUpdate: { session: $session, part: '0102' }
- C_DigestUpdate: { session: $session, part: '03' }
- C_DigestFinal: { session: $session, digest: { buffer: null } }
- C_DigestFinal: { session: $session }
";
    assert_eq!(followed(text, &[]), [F::C_DigestFinal]);
    for failed in 1..=3 {
        assert_eq!(followed(text, &[failed]), [], "{failed}");
    }
}

#[test]
fn of_what_is_not_known_nothing_follows() {
    for between in [
        "C_DigestKey: { session: $session, key: $key }",
        "C_DigestUpdate: { session: $session, part: $somewhere }",
        "C_DigestUpdate: { session: 7, part: '00' }",
        "C_SetOperationState: { session: $session, operation_state: '00' }",
        "C_DigestInit: { session: $session, mechanism: null }",
        "C_DigestInit: { session: $session, mechanism: CKM_SHA512_T }",
        "C_CloseSession: { session: $other }",
    ] {
        let text = format!(
            "\
- C_DigestInit: {{ session: $session, mechanism: CKM_SHA256 }}
- {between}
- C_Digest: {{ session: $session, data: '01' }}
"
        );
        assert_eq!(followed(&text, &[]), [], "{between}");
    }
}

#[test]
fn what_is_encrypted_and_decrypted_again_follows_from_the_key() {
    let text = format!(
        "{KEY}\
- C_EncryptInit: {{ session: $session, mechanism: {{ type: CKM_AES_CBC, parameter: '000102030405060708090a0b0c0d0e0f' }}, key: $key }}
- C_Encrypt: {{ session: $session, data: '000102030405060708090a0b0c0d0e0f' }}
  gives: {{ encrypted_data: $text }}
- C_DecryptInit: {{ session: $session, mechanism: {{ type: CKM_AES_CBC, parameter: '000102030405060708090a0b0c0d0e0f' }}, key: $key }}
- C_Decrypt: {{ session: $session, encrypted_data: $text }}
"
    );
    assert_eq!(followed(&text, &[]), [F::C_Encrypt, F::C_Decrypt]);
    assert_eq!(followed(&text, &[1]), []);
    assert_eq!(followed(&text, &[3]), []);
    let short = text.replace("0c0d0e0f' }, key", "0c0d0e' }, key");
    assert_eq!(followed(&short, &[]), []);
    let other = text.replace("CKM_AES_CBC", "CKM_AES_CTS");
    assert_eq!(followed(&other, &[]), []);
}

#[test]
fn a_key_follows_from_a_template_in_plain_values() {
    let sign = "\
- C_SignInit: { session: $session, mechanism: CKM_AES_CMAC, key: $key }
- C_Sign: { session: $session, data: '00' }
";
    assert_eq!(followed(&format!("{KEY}{sign}"), &[]), [F::C_Sign]);
    let twice = KEY.replace("CKA_VALUE:", "CKA_LABEL: $somewhere, CKA_VALUE:");
    assert_eq!(followed(&format!("{twice}{sign}"), &[]), []);
    for change in ["C_SetAttributeValue", "C_DestroyObject"] {
        let text = format!("{KEY}- {change}: {{ session: $session, object: $key }}\n{sign}");
        assert_eq!(followed(&text, &[]), [], "{change}");
    }
}
