//! Cases for the tests of this room.

use std::collections::BTreeMap;

use crate::evidence::{Case, Class, Clause, End, Finding, Frame, Level, Verdict};

pub(crate) fn frame(module: &str, offset: u64) -> Frame {
    Frame {
        module: module.to_owned(),
        offset,
        build_id: None,
        symbol: None,
    }
}

pub(crate) fn signal(access: Option<&str>, address: Option<u64>) -> End {
    End::Signal {
        signal: "SIGSEGV".to_owned(),
        code: None,
        address,
        access: access.map(str::to_owned),
        registers: BTreeMap::new(),
        frames: vec![frame("libc.so.6", 1), frame("libmine.so", 0x1f2)],
    }
}

pub(crate) fn case(verdict: Verdict, oracle: &str, end: Option<End>) -> Case {
    let finding = Finding {
        verdict,
        step: Some(1),
        lane: None,
        function: Some("C_Sign".to_owned()),
        oracle: oracle.to_owned(),
        message: "returned CKR_OK".to_owned(),
        shape: Vec::new(),
        permitted: Vec::new(),
        clause: None,
        end,
    };
    Case {
        id: "suite/case".to_owned(),
        title: "a case".to_owned(),
        clause: Clause {
            document: "PKCS11-Base".to_owned(),
            version: "3.2".to_owned(),
            section: "5".to_owned(),
        },
        level: Level::Must,
        class: Class::B,
        verdict,
        why: None,
        reason: None,
        reading: None,
        findings: vec![finding],
        calls: 1,
        call_ns: 0,
        duration_ns: 0,
        trace: Vec::new(),
        stdout: String::new(),
        stderr: String::new(),
        reproducer: None,
        replay: None,
        tried: None,
        confirmed: None,
        waived: None,
        unexpected_pass: false,
    }
}
