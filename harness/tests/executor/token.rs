//! The built-in token in this process: sequences end to end, through the journal to values.

use p11assay::module::{Module, Source};
use p11assay::oracle::CaseTrace;
use p11assay::sequence::Value;

use crate::fake::Script;
use crate::turns;

/// What every part of the test needs, and leaves behind.
fn run(steps: &str) -> CaseTrace {
    let module = Module::load(&Source::Builtin, None).expect("it is part of the program");
    let begin = "- C_Initialize: { init_args: null }\n\
                 - C_InitToken: { slot: 1, pin: { text: \"12345678\" }, label: \"p11assay\" }\n\
                 - C_OpenSession: { slot: 1, flags: CKF_SERIAL_SESSION|CKF_RW_SESSION }\n  \
                   gives: { session: $session }\n";
    let whole = format!("{begin}{steps}- C_Finalize\n");
    let trace = Script::new(&whole).run_on(module.table());
    assert_eq!(trace.stop(), None, "{:#?}", trace.calls.last());
    assert!(
        trace
            .calls
            .iter()
            .all(|call| !call.malformed && call.violations.is_empty())
    );
    trace
}

fn last_output(trace: &CaseTrace, name: &str) -> Value {
    let call = trace
        .calls
        .iter()
        .rfind(|call| call.function.name() == name)
        .expect("was called");
    call.outputs.last().expect("an output").1.clone()
}

/// One test for all: the library has one state for the process.
#[test]
fn the_token_is_driven_through_every_shape() {
    let steps = "\
        - C_Digest: { session: $session, data: { text: abc } }\n  \
            returns: CKR_OPERATION_NOT_INITIALIZED\n\
        - C_DigestInit: { session: $session, mechanism: CKM_SHA256 }\n\
        - C_Digest: { session: $session, data: { text: abc }, digest: { buffer: short } }\n  \
            returns: CKR_BUFFER_TOO_SMALL\n\
        - C_Digest: { session: $session, data: { text: abc }, digest: { buffer: exact } }\n";
    let trace = run(steps);
    let Value::Bytes(digest) = last_output(&trace, "C_Digest") else {
        panic!("no digest")
    };
    assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
    let steps = "\
        - C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA, \
            CKA_LABEL: \"a label\", CKA_VALUE: \"0102\" } }\n  gives: { object: $object }\n\
        - C_GetAttributeValue: { session: $session, object: $object, \
            template: [CKA_LABEL, CKA_VALUE, CKA_MODULUS] }\n  \
            returns: CKR_ATTRIBUTE_TYPE_INVALID\n  gives: { template.CKA_VALUE: $value }\n\
        - C_FindObjectsInit: { session: $session, template: { CKA_VALUE: $value } }\n\
        - C_FindObjects: { session: $session }\n  gives: { object: $found }\n\
        - C_FindObjectsFinal: { session: $session }\n\
        - for-each:\n    in: $found\n    as: $one\n    steps:\n      \
            - C_DestroyObject: { session: $session, object: $one }\n\
        - C_DestroyObject: { session: $session, object: $object }\n  \
            returns: CKR_OBJECT_HANDLE_INVALID\n";
    let trace = run(steps);
    let Value::Record(fields) = last_output(&trace, "C_GetAttributeValue") else {
        panic!("no template")
    };
    let values: Vec<_> = fields.into_iter().map(|(_, value)| value).collect();
    let label = Value::Bytes(b"a label".to_vec());
    assert_eq!(values, [label, Value::Bytes(vec![1, 2]), Value::Absent]);
    let module = Module::load(&Source::Builtin, None).expect("it is part of the program");
    with_pin(&module);
    turns::every_turn_is_its_sequence(&module, PIN);
}

const PIN: &[u8] = b"12345678";

/// Leaves the token initialised and with a PIN.
fn with_pin(module: &Module) {
    use cryptoki_sys::{CKF_RW_SESSION, CKF_SERIAL_SESSION, CKU_SO};
    let (table, mut pin) = (module.table(), PIN.to_vec());
    let (mut label, mut session) = (*b"p11assay                        ", 0);
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let (pin, null) = (pin.as_mut_ptr(), std::ptr::null_mut());
    // SAFETY: legal calls; every pointer is to a live variable of the length told.
    #[allow(unsafe_code, reason = "calls the module")]
    let results = unsafe {
        [
            table.C_Initialize.expect("present")(null),
            table.C_InitToken.expect("present")(1, pin, 8, label.as_mut_ptr()),
            table.C_OpenSession.expect("present")(1, flags, null, None, &mut session),
            table.C_Login.expect("present")(session, CKU_SO, pin, 8),
            table.C_InitPIN.expect("present")(session, pin, 8),
            table.C_CloseSession.expect("present")(session),
        ]
    };
    assert_eq!(results, [0; 6]);
}
