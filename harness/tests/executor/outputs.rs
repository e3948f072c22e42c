//! Memory for outputs in every shape that can be asked for, and what is told of what came back.

use std::cell::RefCell;
use std::rc::Rc;

use cryptoki_sys::{
    CK_UNAVAILABLE_INFORMATION, CKA_LABEL, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL,
    CKR_DEVICE_ERROR, CKR_OK,
};
use p11assay::execute::Stop;
use p11assay::oracle::CaseTrace;
use p11assay::sequence::Value;

use crate::fake::{Got, put, run, ulongs_at};

/// A digest of five bytes by the convention of [PKCS11-Base 3.2] 5.2. Keeps whether each call
/// had a buffer, and the room it told.
fn digest(shape: &str) -> (CaseTrace, Vec<(bool, usize)>) {
    let rooms = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&rooms);
    let step = format!("- C_Digest: {{ session: 1, data: \"00\", digest: {shape} }}");
    let trace = run(&step, move |got| {
        let room = got.ulong(4);
        kept.borrow_mut().push((got.words[3] != 0, room));
        got.give_ulong(4, 5);
        match (got.words[3], room) {
            (0, _) => CKR_OK,
            (_, 0..5) => CKR_BUFFER_TOO_SMALL,
            _ => {
                got.give(3, b"HELLO");
                CKR_OK
            }
        }
    });
    let rooms = rooms.take();
    (trace, rooms)
}

fn outputs(trace: &CaseTrace) -> Vec<Vec<(usize, Value)>> {
    trace
        .calls
        .iter()
        .map(|call| call.outputs.clone())
        .collect()
}

fn hello() -> Value {
    Value::Bytes(b"HELLO".to_vec())
}

#[test]
fn an_exact_buffer_is_asked_for_first() {
    let (trace, rooms) = digest("{ buffer: exact }");
    assert_eq!(rooms, [(false, 0), (true, 5)]);
    let questions: Vec<bool> = trace.calls.iter().map(|call| call.question).collect();
    assert_eq!(questions, [true, false]);
    assert_eq!(
        outputs(&trace),
        [vec![(2, Value::Size(5))], vec![(2, hello())]]
    );
}

#[test]
fn a_short_buffer_is_one_too_few() {
    let (trace, rooms) = digest("{ buffer: short }");
    assert_eq!(rooms, [(false, 0), (true, 4)]);
    assert_eq!(
        trace.calls[1].returned.map(|back| back.rv),
        Some(CKR_BUFFER_TOO_SMALL)
    );
    // Nothing was written: what came back is the size that it takes.
    assert_eq!(trace.calls[1].outputs, [(2, Value::Size(5))]);
    assert_eq!(trace.stop().map(|(stop, _)| stop), Some(Stop::WrongReturn));
}

#[test]
fn null_only_asks() {
    let (trace, rooms) = digest("null");
    assert_eq!(rooms, [(false, 0)]);
    assert!(!trace.calls[0].question, "the step itself asks");
    assert_eq!(trace.calls[0].outputs, [(2, Value::Size(5))]);
}

#[test]
fn a_buffer_of_n_has_n_and_may_claim_otherwise() {
    let (trace, rooms) = digest("{ buffer: 9 }");
    assert_eq!(rooms, [(true, 9)]);
    assert_eq!(
        trace.calls[0].outputs,
        [(2, hello())],
        "as long as the module says"
    );
    let (_, rooms) = digest("{ buffer: 9, claim: 2 }");
    assert_eq!(rooms, [(true, 2)]);
    let (_, rooms) = digest("{ buffer: exact, claim: 3 }");
    assert_eq!(rooms, [(false, 0), (true, 3)], "the question does not lie");
}

#[test]
fn a_length_pointer_can_be_null() {
    let step = "- C_Digest: { session: 1, digest: { buffer: 4, length-pointer: null } }";
    let trace = run(step, |got| {
        assert_eq!(got.words[4], 0);
        assert_ne!(got.words[3], 0);
        CKR_OK
    });
    assert_eq!(trace.calls[0].outputs, [(2, Value::Bytes(vec![0xa5; 4]))]);
}

#[test]
fn every_call_gets_untouched_memory() {
    let step = "- C_Digest: { session: 1, digest: { buffer: 3 } }\n";
    let mut script = crate::fake::Script::new(step);
    script.runs = 2;
    let trace = script.run(|got| {
        assert_eq!(got.bytes(3, 3), [0xa5; 3]);
        got.give(3, b"abc");
        CKR_OK
    });
    assert_eq!(trace.calls[0].outputs, [(2, Value::Bytes(b"abc".to_vec()))]);
}

#[test]
fn an_overlong_answer_is_clipped_to_the_buffer() {
    let trace = run("- C_Digest: { session: 1, digest: { buffer: 4 } }", |got| {
        got.give_ulong(4, 1 << 40);
        CKR_OK
    });
    assert_eq!(trace.calls[0].outputs, [(2, Value::Bytes(vec![0xa5; 4]))]);
    assert!(trace.calls[0].violations.is_empty());
}

#[test]
fn an_absurd_size_is_not_offered() {
    for size in [1u64 << 50, u64::MAX / 8 + 1] {
        let trace = run("- C_GetSlotList: { token_present: true }", move |got| {
            got.give_ulong(2, size);
            CKR_OK
        });
        assert_eq!(trace.calls.len(), 1, "the question is the only call");
        assert_eq!(trace.absurd, Some(size.to_string()));
        assert_eq!(
            trace.stop(),
            Some((Stop::Absurd, size.to_string().as_str()))
        );
    }
}

#[test]
fn an_unavailable_size_is_told_as_absent() {
    let trace = run("- C_Digest: { session: 1, digest: null }", |got| {
        got.give_ulong(4, CK_UNAVAILABLE_INFORMATION);
        CKR_OK
    });
    assert_eq!(trace.calls[0].outputs, [(2, Value::Absent)]);
}

#[test]
fn an_error_has_no_outputs() {
    let trace = run("- C_GetSessionInfo: { session: 1 }", |got| {
        got.give(1, &[0; 32]);
        CKR_DEVICE_ERROR
    });
    assert!(trace.calls[0].outputs.is_empty());
}

#[test]
fn fixed_sizes_handles_and_lists_follow_their_own_conventions() {
    let trace = run(
        "- C_GenerateRandom: { session: 1, random_data: { buffer: 3 } }",
        |got| {
            assert_eq!(got.words[2], 3);
            got.give(1, &[1, 2, 3]);
            CKR_OK
        },
    );
    assert_eq!(trace.calls[0].outputs, [(1, Value::Bytes(vec![1, 2, 3]))]);
    let trace = run(
        "- C_FindObjects: { session: 1, object: { buffer: 4 } }",
        |got| {
            assert_eq!((got.words[2], got.ulong(3)), (4, 0));
            got.give_ulong(1, 77);
            got.give_ulong(3, 1);
            CKR_OK
        },
    );
    assert_eq!(
        trace.calls[0].outputs,
        [(1, Value::List(vec![Value::Number(77)]))]
    );
    let trace = run(
        "- C_GetSlotList: { token_present: false, slot_list: { buffer: 2 } }",
        |got| {
            assert_eq!((got.words[0], got.ulong(2)), (0, 2));
            got.give(
                1,
                &[[5u8, 0, 0, 0, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 0]].concat(),
            );
            CKR_OK
        },
    );
    let slots = Value::List(vec![Value::Number(5), Value::Number(6)]);
    assert_eq!(trace.calls[0].outputs, [(1, slots)]);
}

#[test]
fn structures_come_back_by_field() {
    let trace = run("- C_GetMechanismInfo: { type: 4 }", |got| {
        assert_eq!(got.words[..2], [7, 4]);
        got.give(2, &[10u64, 20, 30].map(u64::to_ne_bytes).concat());
        CKR_OK
    });
    let fields = [("ulMinKeySize", 10), ("ulMaxKeySize", 20), ("flags", 30)];
    let expected = fields.map(|(name, value)| (name.to_owned(), Value::Number(value)));
    assert_eq!(
        trace.calls[0].outputs,
        [(2, Value::Record(expected.into()))]
    );
}

#[test]
fn tables_and_interfaces_are_read_without_trust() {
    let trace = run("- C_GetFunctionList: {}", |got| {
        got.give_ulong(0, 16);
        CKR_OK
    });
    assert!(
        trace.calls[0].outputs.is_empty(),
        "nothing can be read at address 16"
    );
    let trace = run("- C_GetInterface: { interface_name: null }", |got| {
        let version: &'static [u8; 2] = &[3, 2];
        let parts = [c"PKCS 11".as_ptr().addr(), version.as_ptr().addr(), 1];
        let entry = Box::leak(Box::new(parts)).as_ptr().addr();
        got.give_ulong(2, entry as u64);
        CKR_OK
    });
    let (index, Value::Record(fields)) = &trace.calls[0].outputs[0] else {
        panic!("no interface in {trace:?}");
    };
    assert_eq!(*index, 2);
    assert_eq!(fields[0].1, Value::Bytes(b"PKCS 11".to_vec()));
    assert_eq!(fields[1].1, Value::Version(3, 2));
}

/// A module that has a label of three bytes and nothing else ([PKCS11-Base 3.2] 5.7.5).
fn only_a_label(got: &Got) -> u64 {
    let mut rv = CKR_OK;
    for index in 0..got.words[3] {
        let place = got.words[2] + 24 * index;
        let [kind, value, length] = ulongs_at(place, 3)[..] else {
            unreachable!()
        };
        let told = match (kind as u64, value, length) {
            (CKA_LABEL, 0, _) => 3,
            (CKA_LABEL, _, 3..) => {
                put(value, b"tok");
                3
            }
            (CKA_LABEL, ..) => {
                rv = CKR_BUFFER_TOO_SMALL;
                CK_UNAVAILABLE_INFORMATION
            }
            _ => {
                rv = CKR_ATTRIBUTE_TYPE_INVALID;
                CK_UNAVAILABLE_INFORMATION
            }
        };
        put(place + 16, &told.to_ne_bytes());
    }
    rv
}

fn template(text: &str) -> CaseTrace {
    let step = format!("- C_GetAttributeValue: {{ session: 1, object: 2, template: {text} }}");
    run(&step, only_a_label)
}

fn record(fields: &[(&str, Value)]) -> Value {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Record(fields.collect())
}

#[test]
fn attributes_are_asked_for_and_missing_ones_are_absent() {
    let trace = template("[CKA_LABEL, CKA_ID]");
    assert_eq!(trace.calls.len(), 2);
    let sizes = record(&[("CKA_LABEL", Value::Size(3)), ("CKA_ID", Value::Absent)]);
    assert_eq!(trace.calls[0].outputs, [(2, sizes)]);
    let label = Value::Bytes(b"tok".to_vec());
    let values = record(&[("CKA_LABEL", label), ("CKA_ID", Value::Absent)]);
    assert_eq!(trace.calls[1].outputs, [(2, values)]);
}

#[test]
fn attributes_take_every_shape_of_buffer() {
    let trace = template("{ CKA_LABEL: null }");
    assert_eq!(
        trace.calls[0].outputs,
        [(2, record(&[("CKA_LABEL", Value::Size(3))]))]
    );
    let trace = template("{ CKA_LABEL: { buffer: short } }");
    assert_eq!(
        trace.calls[1].returned.map(|back| back.rv),
        Some(CKR_BUFFER_TOO_SMALL)
    );
    assert_eq!(
        trace.calls[1].outputs,
        [(2, record(&[("CKA_LABEL", Value::Absent)]))]
    );
    let trace = template("{ CKA_LABEL: { buffer: 8, claim: 3 } }");
    let label = Value::Bytes(b"tok".to_vec());
    assert_eq!(trace.calls.len(), 1);
    assert_eq!(
        trace.calls[0].outputs,
        [(2, record(&[("CKA_LABEL", label)]))]
    );
}

#[test]
fn what_is_written_next_to_a_buffer_is_told() {
    // The byte of the length's own page, 100 bytes before it.
    let trace = run("- C_Digest: { session: 1, digest: { buffer: 4 } }", |got| {
        put(got.words[4] - 100, &[0x5a]);
        put(got.words[4] - 101, &[0xa5]);
        CKR_OK
    });
    let violations = &trace.calls[0].violations;
    assert_eq!(violations.len(), 1);
    assert!(
        violations[0].contains("before a buffer of 8 bytes"),
        "{violations:?}"
    );
}
