//! The rungs of the state ladder as steps: what every case needs is written once, here.

use cryptoki_sys as ck;

use crate::cryptoki::Function;
use crate::oracle::trace::HOUSEKEEPING;
use crate::plan::Ladder;
use crate::sequence::{Argument, Bytes, Call, Capture, Content, Number, Reference, Step};

/// The name under which a rung's session is known.
const SESSION: &str = "session";

/// The steps that bring an initialised library to the state a case asks for.
#[must_use]
pub fn steps(ladder: Ladder) -> Vec<Step> {
    let (flags, user) = match ladder {
        Ladder::Loaded | Ladder::Initialized => return Vec::new(),
        Ladder::Session => (0, None),
        Ladder::RwSession => (ck::CKF_RW_SESSION, None),
        Ladder::User => (0, Some((ck::CKU_USER, "pin"))),
        Ladder::RwUser => (ck::CKF_RW_SESSION, Some((ck::CKU_USER, "pin"))),
        Ladder::So => (ck::CKF_RW_SESSION, Some((ck::CKU_SO, "so-pin"))),
    };
    let mut steps = vec![open(flags | ck::CKF_SERIAL_SESSION)];
    steps.extend(user.map(|(user, pin)| login(user, pin)));
    steps
}

/// Whether a rung logs in, and as whom.
#[must_use]
pub fn needs_pin(ladder: Ladder) -> (bool, bool) {
    (
        matches!(ladder, Ladder::User | Ladder::RwUser),
        ladder == Ladder::So,
    )
}

fn fixture(function: Function) -> Call {
    Call {
        fixture: true,
        ..Call::new(0, function)
    }
}

/// Opens a session on the slot under test and keeps it as `$session`.
pub(super) fn open(flags: u64) -> Step {
    let mut call = fixture(Function::C_OpenSession);
    call.arguments[1] = Argument::Number(Number::Literal(flags));
    call.gives = vec![Capture {
        output: Reference::to(SESSION),
        name: SESSION.to_owned(),
    }];
    Step::Call(Box::new(call))
}

/// Steps of the harness's own: they take no part in a verdict.
pub(super) fn housekeeping(mut steps: Vec<Step>) -> Vec<Step> {
    for step in &mut steps {
        if let Step::Call(call) = step {
            call.number = HOUSEKEEPING;
        }
    }
    steps
}

/// Closes `$session`, as housekeeping.
pub(super) fn close() -> Step {
    let mut call = Call::new(HOUSEKEEPING, Function::C_CloseSession);
    call.arguments[0] = Argument::Number(Number::Reference(Reference::to(SESSION)));
    Step::Call(Box::new(call))
}

/// Logs in with a PIN of the target.
pub(super) fn login(user: u64, pin: &str) -> Step {
    let mut call = fixture(Function::C_Login);
    call.arguments[0] = Argument::Number(Number::Reference(Reference::to(SESSION)));
    call.arguments[1] = Argument::Number(Number::Literal(user));
    let pin = Content::Reference(Reference::to("target").field(pin));
    call.arguments[2] = Argument::Bytes(Bytes::of(pin));
    Step::Call(Box::new(call))
}
