use super::*;
use crate::plan::Suite;
use std::path::Path;

fn of(steps: &str) -> Result<String, Inexpressible> {
    let text = format!(
        "suite: s\ncites: {{ document: PKCS11-Base, version: '3.2' }}\ncases:\n  - id: c\n    title: A case\n    \
         clause: '5.12.2'\n    state: session\n    steps:\n{steps}"
    );
    let suite = Suite::parse(Path::new("s.yaml"), &text).expect("a suite");
    program(&suite.cases[0], &Module::default(), None)
}

/// Everything that an argument can be, in one case.
const EVERYTHING: &str = r#"
      - C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, CKA_VALUE: { repeat: "2b", count: 16 }, CKA_TOKEN: false, CKA_WRAP_TEMPLATE: { CKA_LABEL: "a \"label\"" } } }
        gives: { object: $key }
      - C_EncryptInit: { session: $session, mechanism: { type: CKM_AES_GCM, parameter: { CK_GCM_PARAMS: { pIv: "000102", ulIvBits: 24, ulTagBits: 128 } } }, key: $key }
      - C_Encrypt: { session: $session, data: { concat: [ "00ff", { text: abc } ] }, encrypted_data: { buffer: short } }
        returns: any
        gives: { encrypted_data: $out }
      - C_Decrypt: { session: $session, encrypted_data: { of: $out, flip: 3 }, data: { buffer: 64, claim: 8 } }
        returns: any
      - C_GetAttributeValue: { session: $session, object: $key, template: [CKA_CLASS, CKA_LABEL] }
      - C_FindObjectsInit: { session: $session, template: {} }
      - C_FindObjects: { session: $session, object: { buffer: 9 } }
        gives: { object: $all }
      - for-each: { in: $all, as: one, steps: [ { C_GetObjectSize: { session: $session, object: $one } } ] }
      - C_GetMechanismList: { slot: $target.slot, mechanism_list: { buffer: exact } }
      - C_Login: { session: $session, user_type: CKU_USER, pin: $target.pin }
        returns: any
      - C_InitToken: { slot: dangling, pin: null, label: a label }
        returns: any
"#;

/// The compiler is as strict as it can be: what it takes is at least C.
#[test]
fn a_program_compiles_without_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("program.c");
    std::fs::write(&source, of(EVERYTHING).expect("a program")).expect("written");
    let mut command = std::process::Command::new("cc");
    command.args([
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-unused-function",
    ]);
    command.arg("-o").arg(folder.path().join("program"));
    let output = command
        .arg(&source)
        .arg("-ldl")
        .output()
        .expect("a C compiler");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn what_only_the_harness_can_do_is_refused() {
    let together = "      - together:\n          - [ { C_GetSessionInfo: { session: $session } } ]\n          - [ { C_GetSessionInfo: { session: $session } } ]\n";
    assert_eq!(of(together), Err(Inexpressible::Together));
    let part =
        "      - C_GetSessionInfo: { session: $session }\n        gives: { info.state: $state }\n";
    assert!(matches!(of(part), Err(Inexpressible::Part(_))));
}

#[test]
fn strings_are_what_they_were() {
    assert_eq!(c_string(b"a\"\\\x007\xff"), "\"a\\\"\\\\\\0007\\377\"");
}
