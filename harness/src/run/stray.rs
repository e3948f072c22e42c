//! The record of a worker that ended where no case of the plan is to blame: it is a finding all
//! the same, under an id of its own that waivers can name.

use p11assay_reports::evidence::{Case, Class, Clause, End, Finding, Level, Verdict};

use super::record::clipped;
use super::{Place, Stray};
use crate::oracle::describe_end;
use crate::target::Redactor;

/// Ids under which such ends are recorded.
pub const IDS: [&str; 3] = ["worker/finalize", "worker/idle", "worker/unload"];

/// Id, title and function by place.
fn words(place: Place) -> (&'static str, &'static str, Option<&'static str>) {
    match place {
        Place::Finalize => (
            IDS[0],
            "The library is finalized between cases and at the end",
            Some("C_Finalize"),
        ),
        Place::Idle => (
            IDS[1],
            "The process goes on while no function is called",
            None,
        ),
        Place::Unload => (
            IDS[2],
            "The library is unloaded after it was finalized",
            None,
        ),
    }
}

/// The record of an end that belongs to no case.
#[must_use]
pub fn case(stray: &Stray, redactor: &Redactor) -> Case {
    let (id, title, function) = words(stray.place);
    let verdict = match stray.end {
        End::Hang { .. } => Verdict::Hang,
        _ => Verdict::Crash,
    };
    let finding = Finding {
        verdict,
        step: None,
        lane: None,
        function: function.map(str::to_owned),
        oracle: "end".to_owned(),
        message: describe_end(&stray.end),
        shape: Vec::new(),
        permitted: Vec::new(),
        clause: None,
        end: Some(stray.end.clone()),
    };
    // [PKCS11-Base 3.2] 5.4.2: an application that is finished with the library says so by
    // C_Finalize, and goes on itself.
    let clause = Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: "5.4.2".to_owned(),
    };
    Case {
        id: id.to_owned(),
        title: title.to_owned(),
        clause,
        level: Level::Must,
        class: Class::A,
        verdict,
        why: None,
        reason: None,
        reading: None,
        findings: vec![finding],
        calls: u64::from(function.is_some()),
        call_ns: 0,
        duration_ns: 0,
        trace: Vec::new(),
        stdout: String::new(),
        stderr: clipped(redactor.text(&stray.stderr)),
        reproducer: None,
        replay: None,
        tried: None,
        confirmed: None,
        waived: None,
        unexpected_pass: false,
    }
}
