//! The arguments of `C_Initialize`: the standard's layout, and the one that NSS reads.

use cryptoki_sys::{CKF_OS_LOCKING_OK, CKR_OK};
use p11assay::sequence::{InitArgs, Reserved};

use crate::fake::{Got, Script, bytes_at, run, ulongs_at};

fn initialize(arguments: &str, look: impl Fn(&Got) + 'static) {
    let trace = run(
        &format!("- C_Initialize: {{ init_args: {arguments} }}"),
        move |got| {
            look(got);
            CKR_OK
        },
    );
    assert_eq!(trace.calls.len(), 1);
}

#[test]
fn the_standard_structure_has_six_words() {
    initialize("{ flags: CKF_OS_LOCKING_OK }", |got| {
        let words = ulongs_at(got.words[0], 6);
        assert_eq!(words, [0, 0, 0, 0, CKF_OS_LOCKING_OK as usize, 0]);
        assert_eq!((got.words[0] + 48) % 4096, 0, "nothing follows");
    });
    initialize("{ reserved: { pointer: 1 } }", |got| {
        assert_eq!(ulongs_at(got.words[0], 6)[4..], [0, 1]);
    });
    initialize("{ reserved: \"conf\" }", |got| {
        assert_eq!(bytes_at(ulongs_at(got.words[0], 6)[5], 5), b"conf\0");
    });
}

#[test]
fn callbacks_are_four_or_deliberately_one() {
    initialize("{ mutexes: callbacks }", |got| {
        let words = ulongs_at(got.words[0], 6);
        let different: std::collections::BTreeSet<_> = words[..4].iter().collect();
        assert!(different.len() == 4 && !words[..4].contains(&0));
    });
    initialize("{ mutexes: incomplete }", |got| {
        let words = ulongs_at(got.words[0], 6);
        assert_ne!(words[0], 0);
        assert_eq!(words[1..], [0; 5]);
    });
}

#[test]
fn nss_finds_its_text_between_flags_and_reserved() {
    initialize("{ flags: 2, nss: \"configdir='sql:x'\" }", |got| {
        let words = ulongs_at(got.words[0], 7);
        assert_eq!((words[4], words[6]), (2, 0));
        assert_eq!(bytes_at(words[5], 18), b"configdir='sql:x'\0");
        assert_eq!((got.words[0] + 56) % 4096, 0, "nothing follows");
    });
    initialize("{ nss: \"a\", reserved: \"b\" }", |got| {
        let words = ulongs_at(got.words[0], 7);
        assert_eq!(
            (bytes_at(words[5], 2), bytes_at(words[6], 2)),
            (b"a\0".into(), b"b\0".into())
        );
    });
}

#[test]
fn the_target_says_what_is_given_unless_the_step_does() {
    let given = InitArgs {
        reserved: Reserved::Text("target".to_owned()),
        ..InitArgs::default()
    };
    let mut script = Script::new(
        "- C_Initialize: { init_args: $target }\n\
         - C_Initialize\n\
         - C_Initialize: { init_args: { flags: CKF_OS_LOCKING_OK, rest: $target } }\n",
    );
    script.init_args = Some(given);
    let mut flags = Vec::new();
    let trace = script.run(move |got| {
        let words = ulongs_at(got.words[0], 6);
        assert_eq!(bytes_at(words[5], 7), b"target\0");
        flags.push(words[4]);
        assert_eq!(flags, [0, 0, CKF_OS_LOCKING_OK as usize][..flags.len()]);
        CKR_OK
    });
    assert_eq!(trace.calls.len(), 3);
    run("- C_Initialize", |got| {
        assert_eq!(got.words, [0], "without a target's arguments: NULL");
        CKR_OK
    });
    initialize("null", |got| assert_eq!(got.words, [0]));
}
