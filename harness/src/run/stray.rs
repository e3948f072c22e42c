//! The record of a worker, or a background program of the token, that ended where no case of the plan is to blame: it is a finding all
//! the same, under an id of its own that waivers can name.

use p11assay_reports::evidence::{Case, Class, Clause, End, Finding, Level, Verdict};

use super::record::clipped;
use super::{Place, Stray};
use crate::oracle::describe_end;
use crate::target::Redactor;

/// Ids under which such ends are recorded.
pub const IDS: [&str; 4] = ["worker/finalize", "worker/idle", "worker/unload", PROGRAM];
/// The id of the end of a background program.
pub const PROGRAM: &str = "worker/program";
/// The title of such an end.
pub const TITLE_OF_PROGRAM: &str = "The background programs of the token go on while it is used";

/// Id, title and function by place.
fn words(place: &Place) -> (&'static str, &'static str, Option<&'static str>) {
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
        Place::Program(_) => (IDS[3], TITLE_OF_PROGRAM, None),
    }
}

/// How a background program ended, in words.
#[must_use]
pub fn end_of_program(program: &str, end: &End) -> String {
    let how = match end {
        End::Signal { signal, .. } => format!("was ended by {signal}"),
        End::Exited { status } => format!("ended with status {status}"),
        other => describe_end(other),
    };
    format!("`{program}`, which the token needs, {how}")
}

/// The record of an end that belongs to no case.
#[must_use]
pub fn case(stray: &Stray, redactor: &Redactor) -> Case {
    let (id, title, function) = words(&stray.place);
    let message = match &stray.place {
        Place::Program(program) => end_of_program(program, &stray.end),
        _ => describe_end(&stray.end),
    };
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
        message: redactor.text(&message),
        shape: Vec::new(),
        permitted: Vec::new(),
        clause: None,
        end: Some(stray.end.clone()),
    };
    // [PKCS11-Base 3.2] 5.4.2: an application that is finished with the library says so by C_Finalize, and goes on itself;
    // 5.1: until then every call of it has a return value, behind which there is what works on it.
    let section = match stray.place {
        Place::Program(_) => "5.1",
        _ => "5.4.2",
    };
    let clause = Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: section.to_owned(),
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
