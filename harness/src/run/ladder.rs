//! The rungs of the state ladder as steps: what every case needs is written once, here.

use cryptoki_sys as ck;

use crate::cryptoki::Function;
use crate::oracle::trace::HOUSEKEEPING;
use crate::plan::Ladder;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    ForEach, Number, Reference, Sequence, Step, Template, calls_mut,
};

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

/// Closes the sessions that a sequence opens, as housekeeping.
#[must_use]
pub fn close(sequence: &Sequence) -> Vec<Step> {
    let opened = sequence
        .calls()
        .filter(|call| call.function == Function::C_OpenSession);
    let names = opened.flat_map(|call| &call.gives);
    names
        .map(|capture| {
            let mut call = Call::new(HOUSEKEEPING, Function::C_CloseSession);
            call.arguments[0] = reference(&capture.name);
            // One may not have been opened.
            call.keep_going = true;
            Step::Call(Box::new(call))
        })
        .collect()
}

fn reference(name: &str) -> Argument {
    Argument::named(name)
}

/// The name under which [`empty_token`] keeps what it finds; an empty list until then.
pub const LEFT: &str = "left";

/// Destroys all objects on the token, as housekeeping.
#[must_use]
pub fn empty_token() -> Sequence {
    let on_token = Attribute {
        attribute: ck::CKA_TOKEN,
        value: AttributeValue::Bool(ck::CK_TRUE),
    };
    let template = Template {
        attributes: vec![on_token],
        claim: None,
    };
    let on_session = |function| {
        let mut call = Call::new(HOUSEKEEPING, function);
        (call.arguments[0], call.keep_going) = (reference(SESSION), true);
        call
    };
    let mut begin = on_session(Function::C_FindObjectsInit);
    begin.arguments[1] = Argument::Template(template);
    let mut find = on_session(Function::C_FindObjects);
    let room = BufferSize::Elements(Number::Literal(MOST_OBJECTS));
    find.arguments[1] = Argument::Buffer(Buffer::of(room));
    find.gives = vec![Capture {
        output: Reference::to("object"),
        name: LEFT.to_owned(),
    }];
    let end = on_session(Function::C_FindObjectsFinal);
    let mut destroy = on_session(Function::C_DestroyObject);
    destroy.arguments[1] = reference("one");
    let close = on_session(Function::C_CloseSession);
    let call = |call| Step::Call(Box::new(call));
    let mut sequence = Sequence {
        steps: housekeeping(steps(Ladder::RwUser)),
    };
    for step in calls_mut(&mut sequence.steps) {
        step.keep_going = true;
    }
    sequence.steps.extend([begin, find, end].map(call));
    sequence.steps.push(Step::ForEach(ForEach {
        list: Reference::to(LEFT),
        bind: "one".to_owned(),
        steps: vec![call(destroy)],
    }));
    sequence.steps.push(call(close));
    sequence
}

/// Most objects destroyed at once.
const MOST_OBJECTS: u64 = 256;

/// Logs in with a PIN of the target.
pub(super) fn login(user: u64, pin: &str) -> Step {
    let mut call = fixture(Function::C_Login);
    call.arguments[0] = Argument::named(SESSION);
    call.arguments[1] = Argument::Number(Number::Literal(user));
    let pin = Content::Reference(Reference::to("target").field(pin));
    call.arguments[2] = Argument::Bytes(Bytes::of(pin));
    Step::Call(Box::new(call))
}
