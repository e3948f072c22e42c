//! From a case to the job a worker executes, and from what happened to its judgement.

use p11assay_reports::evidence::{End, Finding, Verdict, Why};

use super::wire::Job;
use super::{Ran, ladder};
use crate::cryptoki::Function;
use crate::oracle::{Judgement, Reading, Subject, judge};
use crate::plan::{Case, Ladder, shipped};
use crate::sequence::{Call, Sequence, Value};

/// The job of a case: the rungs of its ladder, then its steps.
#[must_use]
pub fn job(number: u32, case: &Case, target: &Value) -> Job {
    let shares_login = shares_login(case);
    let mut steps = ladder::steps(if shares_login {
        Ladder::Session
    } else {
        case.ladder
    });
    steps.extend(case.sequence.steps.iter().cloned());
    let given = vec![
        ("target".to_owned(), target.clone()),
        ("with".to_owned(), Value::Record(case.with.clone())),
    ];
    Job {
        number,
        initialized: case.ladder != Ladder::Loaded,
        given,
        sequence: Sequence { steps },
        shares_login,
        on_empty_token: false,
        own_token: case.needs.own_token,
    }
}

/// The job of a case in a session of the user of which it is known that it does nothing but use that session: it
/// makes no difference to it who logged in when.
#[must_use]
pub fn shared_job(number: u32, case: &Case, target: &Value) -> Job {
    let opened = match case.ladder {
        Ladder::User => Ladder::Session,
        Ladder::RwUser => Ladder::RwSession,
        _ => return job(number, case, target),
    };
    let opened = Case {
        ladder: opened,
        ..case.clone()
    };
    Job {
        shares_login: true,
        ..job(number, &opened, target)
    }
}

/// True if a case does nothing but use keys in its session, so that it makes no difference to it who
/// logged in when, nor to the cases behind it. Logging in is dear to tokens that guard their PINs well.
/// What somebody wrote is done as it is written.
fn shares_login(case: &Case) -> bool {
    let plain = |call: &Call| PLAIN.contains(&call.function);
    case.ladder == Ladder::User && case.line == 0 && case.sequence.calls().all(plain)
}

/// Functions that work on keys in one session, and change nothing else.
const PLAIN: [Function; 17] = [
    Function::C_CreateObject,
    Function::C_GetAttributeValue,
    Function::C_EncryptInit,
    Function::C_Encrypt,
    Function::C_DecryptInit,
    Function::C_Decrypt,
    Function::C_DigestInit,
    Function::C_Digest,
    Function::C_SignInit,
    Function::C_Sign,
    Function::C_VerifyInit,
    Function::C_Verify,
    Function::C_GenerateKey,
    Function::C_UnwrapKey,
    Function::C_DeriveKey,
    Function::C_EncapsulateKey,
    Function::C_DecapsulateKey,
];

/// Judges what became of a job.
#[must_use]
pub fn verdict(case: &Case, job: &Job, ran: &Ran, reading: Reading) -> Judgement {
    if let Some(fault) = &ran.fault {
        let reason = Some(fault.clone());
        return Judgement {
            verdict: Verdict::HarnessFault,
            why: None,
            reason,
            findings: Vec::new(),
        };
    }
    if ran.spoiled {
        return spoiled();
    }
    let end: Option<&End> = ran.end.as_ref();
    let mut given = job.given.clone();
    if let Some(target) = &ran.target {
        given.retain(|(name, _)| name != "target");
        given.push(("target".to_owned(), target.clone()));
    }
    let mut judgement = judge(&Subject {
        level: case.level,
        attack: case.attack.as_ref(),
        steps: &job.sequence.steps,
        given: &given,
        trace: &ran.trace,
        end,
        reading,
    });
    if let (Some(guard), Some(finding)) = (&ran.guard, judgement.findings.last_mut()) {
        finding.message += &format!(" ({guard})");
    }
    if judgement.verdict == Verdict::Environment && locked_before(case, ran) {
        return Judgement {
            verdict: Verdict::NotApplicable,
            why: Some(Why::NotReachable),
            reason: Some("the cases before this one have locked the PIN, or left none".to_owned()),
            findings: Vec::new(),
        };
    }
    judgement
}

/// True if the case runs after those that try wrong PINs and change them, and nobody can log in for it any
/// more: how many wrong ones a token takes, and for how long, is left to it.
fn locked_before(case: &Case, ran: &Ran) -> bool {
    let suite = case.id.rsplit_once('/').map_or("", |(suite, _)| suite);
    let locked = |rv| {
        let values = [
            cryptoki_sys::CKR_PIN_LOCKED,
            cryptoki_sys::CKR_USER_PIN_NOT_INITIALIZED,
        ];
        values.contains(&rv)
    };
    let trace = &ran.trace;
    let mut calls = trace.housekeeping.iter().chain(&trace.calls);
    shipped::runs_last(suite)
        && calls.any(|call| {
            call.function == Function::C_Login && call.returned.is_some_and(|back| locked(back.rv))
        })
}

/// The judgement on a case after which the worker's account of it was not to be read any more.
fn spoiled() -> Judgement {
    let finding = Finding {
        verdict: Verdict::Crash,
        step: None,
        lane: None,
        function: None,
        oracle: "guard".to_owned(),
        message: "wrote over memory of its process that is not its own, the journal of its calls \
                  among it"
            .to_owned(),
        shape: Vec::new(),
        permitted: Vec::new(),
        clause: None,
        end: None,
    };
    Judgement {
        verdict: Verdict::Crash,
        why: None,
        reason: None,
        findings: vec![finding],
    }
}
