//! The record of a worker, or a background program of the token, that ended where no case of the plan is to blame: it is a finding all
//! the same, under an id of its own that waivers can name.

use p11assay_reports::evidence::{Case, Class, Clause, End, Finding, Level, Verdict};

use super::record::clipped;
use super::{Place, Stray};
use crate::oracle::{describe_end, end_of_program};
use crate::plan::{self, Planned, Unmet};
use crate::target::Redactor;

/// Ids under which such ends are recorded.
pub const IDS: [&str; 4] = [
    "worker/finalize",
    "worker/idle",
    "worker/unload",
    "worker/program",
];

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
        Place::Program => (
            IDS[3],
            "The background programs of the token go on while it is used",
            None,
        ),
    }
}

/// How it ended, in words.
fn describe(end: &End) -> String {
    match end {
        End::Program { program, end } => {
            let how = end_of_program(program, end);
            format!("{how}; which call had it end is not known")
        }
        end => describe_end(end),
    }
}

/// What the end is called.
fn verdict(end: &End) -> Verdict {
    match end {
        End::Hang { .. } => Verdict::Hang,
        _ => Verdict::Crash,
    }
}

/// [PKCS11-Base 3.2] 5.4.2: an application that is finished with the library says so by C_Finalize, and goes on itself;
/// 5.1: until then every call of it has a return value, behind which there is what works on it.
fn clause(place: &Place) -> Clause {
    let section = match place {
        Place::Program => "5.1",
        _ => "5.4.2",
    };
    Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: section.to_owned(),
    }
}

/// An end as a case that is settled, for searches, which are over when a plan reports them. Its reason says how it ended,
/// when, if that is told, and what it complained about last.
#[must_use]
pub fn settled(stray: &Stray, when: &str, redactor: &Redactor) -> Planned {
    let (id, title, _) = words(&stray.place);
    let reason = describe(&stray.end) + when + &last_words(stray);
    let reason = redactor.text(&reason);
    Planned {
        unmet: Some(Unmet {
            verdict: verdict(&stray.end),
            why: None,
            reason,
        }),
        case: plan::Case::without_calls(id.to_owned(), title.to_owned(), clause(&stray.place)),
    }
}

/// What it complained about last, if it did.
fn last_words(stray: &Stray) -> String {
    let mut lines = stray.stderr.lines();
    let last = lines.rfind(|line| !line.trim().is_empty());
    last.map_or(String::new(), |line| format!("; it said last: {line}"))
}

/// The record of an end that belongs to no case.
#[must_use]
pub fn case(stray: &Stray, redactor: &Redactor) -> Case {
    let (id, title, function) = words(&stray.place);
    let message = describe(&stray.end);
    let verdict = verdict(&stray.end);
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
    let clause = clause(&stray.place);
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
