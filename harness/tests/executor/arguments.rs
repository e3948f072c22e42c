//! Every kind of argument becomes the words that its function takes.

use std::cell::Cell;
use std::rc::Rc;

use cryptoki_sys::{CKM_SHA256, CKR_OK};
use p11assay::oracle::CaseTrace;
use p11assay::sequence::Value;

use crate::fake::{Got, Script, bytes_at, run, ulong_at, ulongs_at};

/// Runs one step and looks at the words of its call, which must be made once.
fn words(step: &str, look: impl Fn(&Got) + 'static) -> CaseTrace {
    let made = Rc::new(Cell::new(0));
    let counted = Rc::clone(&made);
    let trace = Script::new(step)
        .given("session", Value::Number(11))
        .given("key", Value::Number(12))
        .run(move |got| {
            counted.set(counted.get() + 1);
            look(got);
            CKR_OK
        });
    assert_eq!(made.get(), 1, "{step}");
    trace
}

#[test]
fn numbers_booleans_and_what_is_opaque_are_words() {
    words(
        "- C_OpenSession: { flags: CKF_SERIAL_SESSION|CKF_RW_SESSION }",
        |got| {
            assert_eq!(
                got.words[..4],
                [7, 6, 0, 0],
                "default slot, flags, no callback"
            );
            assert_ne!(got.words[4], 0, "a place for the handle");
        },
    );
    words(
        "- C_OpenSession: { slot: 0x1122334455667788, flags: 4, application: { pointer: 99 }, \
         notify: callback }",
        |got| {
            assert_eq!(got.words[..3], [0x1122_3344_5566_7788, 4, 99]);
            assert_ne!(got.words[3], 0, "the address of a callback");
        },
    );
    words(
        "- C_GetSlotList: { token_present: true, slot_list: { buffer: 2 } }",
        |got| {
            assert_eq!(got.words[0], 1);
        },
    );
    words("- C_CloseSession: { session: dangling }", |got| {
        assert_eq!(got.words, [0x5a5a_5a5a])
    });
    words("- C_CloseSession: { session: $session }", |got| {
        assert_eq!(got.words, [11])
    });
    words("- C_Finalize: { reserved: { pointer: 1 } }", |got| {
        assert_eq!(got.words, [1])
    });
    words("- C_Finalize", |got| assert_eq!(got.words, [0]));
}

#[test]
fn bytes_are_a_pointer_and_their_length() {
    let digest = "digest: { buffer: 4 }";
    words(
        &format!("- C_Digest: {{ session: $session, data: \"616263\", {digest} }}"),
        |got| {
            assert_eq!((got.words[0], got.words[2]), (11, 3));
            assert_eq!(got.bytes(1, 3), b"abc");
            assert_eq!((got.words[1] + 3) % 4096, 0, "an inaccessible page follows");
        },
    );
    words(
        &format!("- C_Digest: {{ session: 1, data: null, {digest} }}"),
        |got| {
            assert_eq!(got.words[1..3], [0, 0]);
        },
    );
    words(
        &format!("- C_Digest: {{ session: 1, data: {{ pointer: null, claim: 5 }}, {digest} }}"),
        |got| {
            assert_eq!(got.words[1..3], [0, 5]);
        },
    );
    words(
        &format!("- C_Digest: {{ session: 1, data: {{ hex: \"6162\", claim: 1000 }}, {digest} }}"),
        |got| {
            assert_eq!(got.words[2], 1000);
            assert_eq!(got.bytes(1, 2), b"ab");
        },
    );
    words(
        &format!("- C_Digest: {{ session: 1, data: \"\", {digest} }}"),
        |got| {
            assert_ne!(got.words[1], 0, "empty is not NULL");
            assert_eq!(got.words[2], 0);
        },
    );
}

#[test]
fn a_label_is_padded_with_blanks_and_cut_at_its_size() {
    words(
        "- C_InitToken: { slot: 3, pin: { text: \"1234\" }, label: \"tok\" }",
        |got| {
            assert_eq!((got.words[0], got.words[2]), (3, 4));
            assert_eq!(got.bytes(1, 4), b"1234");
            assert_eq!(got.bytes(3, 32), b"tok                             ");
        },
    );
    let long = "x".repeat(40);
    words(&format!("- C_InitToken: {{ label: \"{long}\" }}"), |got| {
        assert_eq!(got.bytes(3, 32), [b'x'; 32]);
        assert_eq!((got.words[3] + 32) % 4096, 0, "nothing follows the field");
    });
    words("- C_InitToken: { label: null }", |got| {
        assert_eq!(got.words[3], 0)
    });
}

#[test]
fn a_name_ends_with_nul_and_a_version_is_two_bytes() {
    words(
        "- C_GetInterface: { interface_name: \"PKCS 11\", version: \"3.2\", flags: 1 }",
        |got| {
            assert_eq!(got.bytes(0, 8), b"PKCS 11\0");
            assert_eq!(got.bytes(1, 2), [3, 2]);
            assert_eq!(got.words[3], 1);
        },
    );
    words(
        "- C_GetInterface: { interface_name: null, version: null }",
        |got| {
            assert_eq!(got.words[..2], [0, 0]);
        },
    );
}

#[test]
fn a_mechanism_is_three_ulongs() {
    words(
        "- C_DigestInit: { session: $session, mechanism: CKM_SHA256 }",
        |got| {
            assert_eq!(got.words[0], 11);
            assert_eq!(ulongs_at(got.words[1], 3), [CKM_SHA256 as usize, 0, 0]);
        },
    );
    words(
        "- C_DigestInit: { mechanism: { type: CKM_SHA256, parameter: \"0102\" } }",
        |got| {
            let parts = ulongs_at(got.words[1], 3);
            assert_eq!((bytes_at(parts[1], 2), parts[2]), (vec![1, 2], 2));
        },
    );
    words(
        "- C_DigestInit: { mechanism: { type: CKM_SHA256, parameter: { ulong: 9 }, claim: 3 } }",
        |got| {
            let parts = ulongs_at(got.words[1], 3);
            assert_eq!((ulong_at(parts[1]), parts[2]), (9, 3));
        },
    );
    words("- C_DigestInit: { mechanism: null }", |got| {
        assert_eq!(got.words[1], 0)
    });
}

/// Type, value and length of every attribute of a template.
fn attributes(address: usize, count: usize) -> Vec<(usize, Vec<u8>)> {
    (0..count)
        .map(|index| {
            let parts = ulongs_at(address + 24 * index, 3);
            (parts[0], bytes_at(parts[1], parts[2]))
        })
        .collect()
}

#[test]
fn a_template_is_an_array_of_attributes_and_its_count() {
    let step = "- C_CreateObject: { session: 1, template: [ \
                { CKA_CLASS: CKO_DATA }, { CKA_TOKEN: false }, { CKA_LABEL: ab }, { CKA_LABEL: c }, \
                { CKA_ALLOWED_MECHANISMS: [CKM_SHA256, 1] } ] }";
    words(step, |got| {
        assert_eq!(got.words[2], 5);
        let found = attributes(got.words[1], 5);
        assert_eq!(found[0], (0, vec![0; 8]));
        assert_eq!(found[1], (1, vec![0]));
        assert_eq!(
            (found[2].clone(), found[3].clone()),
            ((3, b"ab".to_vec()), (3, b"c".to_vec()))
        );
        let mechanisms: Vec<u8> = [CKM_SHA256, 1]
            .iter()
            .flat_map(|mechanism| mechanism.to_ne_bytes())
            .collect();
        assert_eq!(found[4], (0x4000_0600, mechanisms));
    });
}

#[test]
fn a_nested_template_is_an_array_behind_its_attribute() {
    let step = "- C_CreateObject: { template: { CKA_WRAP_TEMPLATE: { CKA_SIGN: true, \
                CKA_ID: \"0506\" } } }";
    words(step, |got| {
        let outer = ulongs_at(got.words[1], 3);
        assert_eq!((outer[0], outer[2]), (0x4000_0211, 48));
        assert_eq!(
            attributes(outer[1], 2),
            [(0x108, vec![1]), (0x102, vec![5, 6])]
        );
    });
}

#[test]
fn a_template_can_be_empty_missing_or_lie() {
    words("- C_CreateObject: { template: {} }", |got| {
        assert_eq!(got.words[1..3], [0, 0])
    });
    words("- C_CreateObject: { template: null }", |got| {
        assert_eq!(got.words[1..3], [0, 0])
    });
    words(
        "- C_CreateObject: { template: { attributes: { CKA_TOKEN: true }, claim: 9 } }",
        |got| {
            assert_eq!(got.words[2], 9);
            assert_eq!(attributes(got.words[1], 1), [(1, vec![1])]);
        },
    );
    words(
        "- C_CreateObject: { template: { CKA_ID: { pointer: null, claim: 4 } } }",
        |got| {
            assert_eq!(ulongs_at(got.words[1], 3), [0x102, 0, 4]);
        },
    );
}

#[test]
fn the_longest_argument_lists_keep_their_order() {
    let step = "- C_UnwrapKeyAuthenticated: { session: $session, mechanism: CKM_SHA256, \
                unwrapping_key: $key, wrapped_key: \"01\", template: { CKA_TOKEN: true }, \
                associated_data: \"0203\" }";
    words(step, |got| {
        assert_eq!((got.words[0], got.words[2]), (11, 12));
        assert_eq!(ulong_at(got.words[1]), CKM_SHA256 as usize);
        assert_eq!((got.bytes(3, 1), got.words[4]), (vec![1], 1));
        assert_eq!(
            (attributes(got.words[5], 1), got.words[6]),
            (vec![(1, vec![1])], 1)
        );
        assert_eq!((got.bytes(7, 2), got.words[8]), (vec![2, 3], 2));
        assert_ne!(got.words[9], 0);
    });
    let step = "- C_GenerateKeyPair: { session: 5, mechanism: CKM_SHA256, \
                private_key_template: { CKA_SIGN: true } }";
    words(step, |got| {
        assert_eq!(
            (got.words[0], got.words[2], got.words[3], got.words[5]),
            (5, 0, 0, 1)
        );
        assert_ne!(got.words[6], got.words[7]);
    });
}

#[test]
fn null_entries_are_never_called() {
    let trace = run("- C_Logout: { session: 1 }\n- C_Finalize\n", |_| {
        panic!("nothing is called")
    });
    let (stop, text) = trace.stop().expect("a reason");
    assert_eq!(
        (stop, text),
        (p11assay::execute::Stop::MissingFunction, "C_Logout")
    );
    assert!(trace.calls.is_empty());
}
