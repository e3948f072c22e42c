//! What is called in a session state: the calls that prepare, the one that is judged, and those that
//! leave nothing on the token.

use cryptoki_sys::*;

use super::super::draft::{number, session};
use super::super::{handles, honest};
use super::table::{Row, State};
use crate::cryptoki::Function::{self, *};
use crate::plan::{Ladder, MechanismNeed, Needs};
use crate::sequence::recipe;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content, Number,
    ParameterValue, Reference, Template,
};

/// A call in a state.
pub(super) struct Subject {
    pub(super) needs: Needs,
    pub(super) prepare: Vec<Call>,
    pub(super) judged: Call,
    pub(super) tidy: Tidy,
}

/// Calls after the one that is judged.
#[derive(Default)]
pub(super) struct Tidy {
    pub(super) after_success: Vec<Call>,
    pub(super) after_refusal: Vec<Call>,
}

impl Subject {
    fn of(judged: Call) -> Subject {
        Subject {
            needs: Needs::default(),
            prepare: Vec::new(),
            judged,
            tidy: Tidy::default(),
        }
    }
}

/// What a row calls in a state.
pub(super) fn subject(row: &Row, state: &State) -> Option<Subject> {
    match (row.function, row.subject) {
        (C_OpenSession, kind) => Some(open(kind)),
        (C_CloseSession | C_GetSessionInfo | C_Logout, "") => {
            Some(Subject::of(honest::call(row.function)))
        }
        (C_FindObjectsInit, "") => Some(find()),
        (C_Login, user) => login(user),
        (C_InitPIN | C_SetPIN, "") => Some(pin(row.function, state)),
        (function, object) => objects(function, object),
    }
}

fn open(kind: &str) -> Subject {
    let flags = match kind {
        "read-only" => CKF_SERIAL_SESSION,
        _ => CKF_SERIAL_SESSION | CKF_RW_SESSION,
    };
    let mut call = Call::new(0, C_OpenSession);
    call.arguments[1] = number(flags);
    Subject::of(call)
}

fn find() -> Subject {
    let mut subject = Subject::of(honest::call(C_FindObjectsInit));
    let mut end = Call::new(0, C_FindObjectsFinal);
    end.arguments[0] = session();
    subject.tidy.after_success.push(end);
    subject
}

fn login(user: &str) -> Option<Subject> {
    let (user, pin, so_pin) = match user {
        "user" => (CKU_USER, "pin", false),
        "so" => (CKU_SO, "so-pin", true),
        "context-specific" => (CKU_CONTEXT_SPECIFIC, "pin", false),
        _ => return None,
    };
    let mut call = Call::new(0, C_Login);
    call.arguments = vec![session(), number(user), secret(pin)];
    let mut subject = Subject::of(call);
    subject.needs = Needs {
        pin: !so_pin,
        so_pin,
        ..Needs::default()
    };
    Some(subject)
}

/// The PIN is changed to what it is, so that nothing is changed.
fn pin(function: Function, state: &State) -> Subject {
    let mine = match (function, state.ladder) {
        (C_SetPIN, Ladder::So) => "so-pin",
        _ => "pin",
    };
    let mut call = Call::new(0, function);
    call.arguments.fill(secret(mine));
    call.arguments[0] = session();
    let mut subject = Subject::of(call);
    subject.needs = Needs {
        pin: true,
        so_pin: state.ladder == Ladder::So,
        disposable: true,
        ..Needs::default()
    };
    subject
}

fn secret(name: &str) -> Argument {
    let secret = Reference::to("target").field(name);
    Argument::Bytes(Bytes::of(Content::Reference(secret)))
}

/// The second session of the cases on objects that are there already.
const OTHER: &str = "other";
/// The object of the case.
const OBJECT: &str = "object";

fn objects(function: Function, object: &str) -> Option<Subject> {
    let (private, token) = match object {
        "public session object" => (false, false),
        "private session object" => (true, false),
        "public token object" => (false, true),
        "private token object" => (true, true),
        _ => return None,
    };
    let mut subject = match function {
        C_CreateObject => {
            let judged = create(session(), private, token);
            Subject::of(handles::kept(judged))
        }
        C_CopyObject => {
            let mut copy = on_object(C_CopyObject);
            copy.arguments[2] = template(place(private, token));
            let copy = keeping(copy, "new_object", "copy");
            Subject {
                prepare: vec![presumed(handles::kept(create(session(), false, false)))],
                ..Subject::of(copy)
            }
        }
        C_DestroyObject | C_SetAttributeValue | C_GetAttributeValue => existing(function),
        C_GenerateKey | C_GenerateKeyPair => generate(function, private, token)?,
        _ => return None,
    };
    subject.needs.disposable |= token;
    // What was made on the token is taken off it; objects of the session go with it.
    let made: &[&str] = match function {
        C_CreateObject | C_GenerateKey => &[OBJECT],
        C_CopyObject => &["copy"],
        C_GenerateKeyPair => &[OBJECT, "counterpart"],
        _ => &[],
    };
    for name in made.iter().filter(|_| token) {
        subject.tidy.after_success.push(destroy(session(), name));
    }
    Some(subject)
}

/// A call on a public object of the token, made in another session.
fn existing(function: Function) -> Subject {
    let mut open = Call::new(0, C_OpenSession);
    open.arguments[1] = number(CKF_SERIAL_SESSION | CKF_RW_SESSION);
    let open = keeping(open, "session", OTHER);
    let mut judged = on_object(function);
    match function {
        C_SetAttributeValue => judged.arguments[2] = honest::label(),
        C_GetAttributeValue => {
            let room = Buffer::of(BufferSize::Elements(Number::Literal(8)));
            judged.arguments[2] = template(vec![Attribute {
                attribute: CKA_CLASS,
                value: AttributeValue::Buffer(room),
            }]);
        }
        _ => {}
    }
    // The object must go, whatever the answer.
    judged.keep_going = true;
    let mut subject = Subject::of(judged);
    let made = handles::kept(create(Argument::named(OTHER), false, true));
    subject.prepare = vec![open, presumed(made)];
    let gone = destroy(Argument::named(OTHER), OBJECT);
    if function != C_DestroyObject {
        subject.tidy.after_success.push(gone.clone());
    }
    subject.tidy.after_refusal.push(gone);
    subject
}

fn generate(function: Function, private: bool, token: bool) -> Option<Subject> {
    let (mechanism, key_type, flags) = match function {
        C_GenerateKey => (CKM_AES_KEY_GEN, CKK_AES, CKF_GENERATE),
        _ => (CKM_EC_KEY_PAIR_GEN, CKK_EC, CKF_GENERATE_KEY_PAIR),
    };
    let mut call = Call::new(0, function);
    call.arguments[0] = session();
    call.arguments[1] = Argument::mechanism(mechanism, ParameterValue::None);
    call.arguments[2] = template([recipe::generation(key_type), place(private, token)].concat());
    let call = if function == C_GenerateKey {
        keeping(call, "key", OBJECT)
    } else {
        call.arguments[3] = template(place(private, token));
        let call = keeping(call, "public_key", OBJECT);
        keeping(call, "private_key", "counterpart")
    };
    let mut subject = Subject::of(call);
    subject.needs.mechanisms = vec![MechanismNeed {
        mechanism,
        flags,
        key_size: None,
    }];
    Some(subject)
}

/// A call that makes a data object.
fn create(session: Argument, private: bool, token: bool) -> Call {
    let value = Content::Text("p11assay".to_owned());
    let class = [
        (CKA_CLASS, AttributeValue::Ulong(Number::Literal(CKO_DATA))),
        (CKA_VALUE, AttributeValue::Bytes(Bytes::of(value))),
    ];
    let class = class.map(|(attribute, value)| Attribute { attribute, value });
    let mut call = Call::new(0, C_CreateObject);
    call.arguments[0] = session;
    call.arguments[1] = template([class.to_vec(), place(private, token)].concat());
    call
}

/// Where an object is.
fn place(private: bool, token: bool) -> Vec<Attribute> {
    [(CKA_PRIVATE, private), (CKA_TOKEN, token)]
        .map(|(attribute, value)| Attribute {
            attribute,
            value: AttributeValue::Bool(value.into()),
        })
        .to_vec()
}

fn on_object(function: Function) -> Call {
    let mut call = Call::new(0, function);
    call.arguments[0] = session();
    call.arguments[1] = Argument::named(OBJECT);
    call
}

fn destroy(session: Argument, name: &str) -> Call {
    Call {
        arguments: vec![session, Argument::named(name)],
        ..Call::new(0, C_DestroyObject)
    }
}

fn template(attributes: Vec<Attribute>) -> Argument {
    Argument::Template(Template {
        attributes,
        claim: None,
    })
}

fn keeping(mut call: Call, output: &str, name: &str) -> Call {
    call.gives.push(Capture {
        output: Reference::to(output),
        name: name.to_owned(),
    });
    call
}

/// A call that a token need not support.
fn presumed(call: Call) -> Call {
    let mut limits = super::limits();
    limits.push(CKR_USER_NOT_LOGGED_IN);
    Call {
        not_applicable: limits,
        ..call
    }
}
