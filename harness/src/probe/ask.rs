//! The probe's questions as sequences, and their answers.

use cryptoki_sys as ck;
use serde::Serialize;

use super::{ProbeError, rv_name};
use crate::cryptoki::Function;
use crate::cryptoki::function::Domain;
use crate::cryptoki::names::{self, Kind};
use crate::execute::Stop;
use crate::oracle::{CaseTrace, TraceCall, describe_end};
use crate::plan::Ladder;
use crate::plan::MechanismInfo;
use crate::run::wire::Job;
use crate::run::{Station, ladder};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Call, Capture, ForEach, Number,
    Reference, Sequence, Step, Template, Value,
};
use crate::target::{Credentials, Target};

/// A mechanism of the slot under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mechanism {
    /// `CK_MECHANISM_TYPE`.
    pub mechanism: u64,
    /// Its name, or number.
    pub name: String,
    /// `ulMinKeySize`.
    pub min_key_size: u64,
    /// `ulMaxKeySize`.
    pub max_key_size: u64,
    /// `CKF_` flags.
    pub flags: u64,
}

impl Mechanism {
    /// The part that decides which cases apply.
    #[must_use]
    pub fn info(&self) -> MechanismInfo {
        MechanismInfo {
            min_key_size: self.min_key_size,
            max_key_size: self.max_key_size,
            flags: self.flags,
        }
    }
}

/// The answers to the general questions.
pub(super) struct General(CaseTrace);

impl General {
    pub(super) fn calls(&self) -> impl Iterator<Item = &TraceCall> {
        self.0.calls.iter()
    }

    /// The ids of all slots.
    pub(super) fn slots(&self) -> Result<Vec<u64>, ProbeError> {
        let list = self.calls().rfind_of(Function::C_GetSlotList);
        match list.and_then(|call| call.outputs.first()) {
            Some((_, Value::List(items))) => {
                Ok(items.iter().filter_map(Value::as_number).collect())
            }
            _ => Err(failed(&self.0, "the module cannot list its slots")),
        }
    }
}

/// Finding the last call of a function.
trait FindCall<'c> {
    fn rfind_of(self, function: Function) -> Option<&'c TraceCall>;
}

impl<'c, I: Iterator<Item = &'c TraceCall>> FindCall<'c> for I {
    fn rfind_of(self, function: Function) -> Option<&'c TraceCall> {
        self.filter(|call| call.function == function && !call.question)
            .last()
    }
}

/// Builds the calls of a question one after the other.
#[derive(Default)]
struct Question {
    steps: Vec<Step>,
}

fn reference(name: &str) -> Argument {
    Argument::Number(Number::Reference(
        name.parse().unwrap_or_else(|_| Reference::to(name)),
    ))
}

fn literal(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}

impl Question {
    fn call(
        &mut self,
        function: Function,
        arguments: &[(usize, Argument)],
        gives: Option<(&str, &str)>,
    ) -> &mut Self {
        let mut call = Call::new(1, function);
        for (index, argument) in arguments {
            call.arguments[*index] = argument.clone();
        }
        call.gives = gives
            .map(|(output, name)| Capture {
                output: Reference::to(output),
                name: name.to_owned(),
            })
            .into_iter()
            .collect();
        call.keep_going = !matches!(
            function,
            Function::C_GetInfo | Function::C_GetSlotList | Function::C_FindObjectsInit
        );
        self.steps.push(Step::Call(Box::new(call)));
        self
    }

    fn each(&mut self, list: &str, bind: &str, inner: Question) -> &mut Self {
        self.steps.push(Step::ForEach(ForEach {
            list: Reference::to(list),
            bind: bind.to_owned(),
            steps: inner.steps,
        }));
        self
    }

    fn ask(
        self,
        station: &mut Station,
        given: Vec<(String, Value)>,
    ) -> Result<CaseTrace, ProbeError> {
        let sequence = Sequence { steps: self.steps };
        let job = Job {
            number: 0,
            initialized: true,
            given,
            sequence,
            shares_login: false,
            on_empty_token: false,
            own_token: false,
        };
        let mut ran = station.execute(vec![job])?;
        let Some(ran) = ran.pop() else {
            return Err(ProbeError::Ended("the worker gave no answer".to_owned()));
        };
        let mut calls = ran.trace.housekeeping.iter().chain(&ran.trace.calls);
        if let Some(end) = &ran.end {
            let in_flight = calls.find(|call| call.returned.is_none());
            let function = in_flight.map_or("the module", |call| call.function.name());
            return Err(ProbeError::Ended(format!(
                "{function} {}",
                describe_end(end)
            )));
        }
        let initialize = ran
            .trace
            .housekeeping
            .iter()
            .find(|c| c.function == Function::C_Initialize);
        if let Some(rv) = initialize
            .and_then(|call| call.returned)
            .filter(|r| r.rv != ck::CKR_OK)
        {
            return Err(ProbeError::Call {
                function: Function::C_Initialize,
                returned: rv_name(rv.rv),
                advice: "check the module's configuration, its environment and --init-args"
                    .to_owned(),
            });
        }
        Ok(ran.trace)
    }
}

fn failed(trace: &CaseTrace, advice: &str) -> ProbeError {
    if let Some((Stop::MissingFunction, name)) = trace.stop() {
        return ProbeError::Ended(format!("the module's function list has no {name}"));
    }
    let last = trace.calls.last();
    ProbeError::Call {
        function: last.map_or(Function::C_GetInfo, |call| call.function),
        returned: last
            .and_then(|call| call.returned)
            .map_or_else(|| "nothing".to_owned(), |back| rv_name(back.rv)),
        advice: advice.to_owned(),
    }
}

/// Library, slots and tokens.
pub(super) fn general(station: &mut Station) -> Result<General, ProbeError> {
    let mut each = Question::default();
    each.call(Function::C_GetSlotInfo, &[(0, reference("slot"))], None)
        .call(Function::C_GetTokenInfo, &[(0, reference("slot"))], None);
    let mut question = Question::default();
    question
        .call(Function::C_GetInfo, &[], None)
        .call(
            Function::C_GetSlotList,
            &[(0, literal(0))],
            Some(("slot_list", "slots")),
        )
        .each("slots", "slot", each);
    question.ask(station, Vec::new()).map(General)
}

/// `CK_INFO`.
pub(super) fn info(general: &General) -> Result<Vec<(String, Value)>, ProbeError> {
    match general
        .calls()
        .rfind_of(Function::C_GetInfo)
        .and_then(|call| call.outputs.first())
    {
        Some((_, Value::Record(fields))) => Ok(fields.clone()),
        _ => Err(failed(&general.0, "the module cannot say what it is")),
    }
}

/// Mechanisms and claimed profiles of the slot under test.
pub(super) fn slot(
    station: &mut Station,
    slot: u64,
) -> Result<(Vec<Mechanism>, Vec<u64>), ProbeError> {
    let mut mechanisms = Question::default();
    let mut each = Question::default();
    let arguments = [(0, literal(slot)), (1, reference("mechanism"))];
    each.call(Function::C_GetMechanismInfo, &arguments, None);
    mechanisms
        .call(
            Function::C_GetMechanismList,
            &[],
            Some(("mechanism_list", "list")),
        )
        .each("list", "mechanism", each);
    let trace = mechanisms.ask(station, Vec::new())?;
    let profiles = profiles().ask(station, Vec::new())?;
    Ok((read_mechanisms(&trace), read_profiles(&profiles)))
}

fn profiles() -> Question {
    let mut question = Question::default();
    let class = Attribute {
        attribute: ck::CKA_CLASS,
        value: AttributeValue::Ulong(Number::Literal(ck::CKO_PROFILE)),
    };
    let id = Attribute {
        attribute: ck::CKA_PROFILE_ID,
        value: AttributeValue::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(8)))),
    };
    let template = |attribute| {
        Argument::Template(Template {
            attributes: vec![attribute],
            claim: None,
        })
    };
    let session = (0, reference("session"));
    let mut each = Question::default();
    let arguments = [session.clone(), (1, reference("object")), (2, template(id))];
    each.call(Function::C_GetAttributeValue, &arguments, None);
    let room = Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(64))));
    question
        .call(
            Function::C_OpenSession,
            &[(1, literal(ck::CKF_SERIAL_SESSION))],
            Some(("session", "session")),
        )
        .call(
            Function::C_FindObjectsInit,
            &[session.clone(), (1, template(class))],
            None,
        )
        .call(
            Function::C_FindObjects,
            &[session.clone(), (1, room)],
            Some(("object", "objects")),
        )
        .call(Function::C_FindObjectsFinal, &[session], None)
        .each("objects", "object", each);
    question
}

fn read_mechanisms(trace: &CaseTrace) -> Vec<Mechanism> {
    let list = trace.calls.iter().rfind_of(Function::C_GetMechanismList);
    let Some((_, Value::List(types))) = list.and_then(|call| call.outputs.first()) else {
        return Vec::new();
    };
    let infos = trace
        .calls
        .iter()
        .filter(|call| call.function == Function::C_GetMechanismInfo);
    let types = types.iter().filter_map(Value::as_number);
    let field = |call: &TraceCall, name: &str| {
        let selected = call
            .outputs
            .first()
            .and_then(|(_, value)| value.select(&Reference::to("").field(name).path));
        selected.and_then(|value| value.as_number()).unwrap_or(0)
    };
    types
        .zip(infos)
        .map(|(mechanism, call)| Mechanism {
            mechanism,
            name: names::display(Kind::MECHANISM, mechanism),
            min_key_size: field(call, "ulMinKeySize"),
            max_key_size: field(call, "ulMaxKeySize"),
            flags: field(call, "flags"),
        })
        .collect()
}

fn read_profiles(trace: &CaseTrace) -> Vec<u64> {
    let values = trace
        .calls
        .iter()
        .filter(|call| call.function == Function::C_GetAttributeValue);
    let mut profiles: Vec<u64> = values
        .filter_map(|call| {
            let path = Reference::to("").field("CKA_PROFILE_ID").path;
            call.outputs.first()?.1.select(&path)?.as_number()
        })
        .collect();
    profiles.sort_unstable();
    profiles.dedup();
    profiles
}

/// Logs in and out once, so that a wrong PIN is given once and not once a case.
pub(super) fn log_in(
    station: &mut Station,
    target: &Target,
    credentials: &Credentials,
) -> Result<(), ProbeError> {
    let Some(pin) = &credentials.pin else {
        return Ok(());
    };
    let pin = Value::Bytes(pin.expose().as_bytes().to_vec());
    let given = vec![(
        "target".to_owned(),
        Value::Record(vec![("pin".to_owned(), pin)]),
    )];
    let question = Question {
        steps: ladder::steps(Ladder::User),
    };
    let trace = question.ask(station, given)?;
    let rv = trace
        .calls
        .last()
        .and_then(|call| call.returned)
        .map_or(ck::CKR_OK, |back| back.rv);
    let advice = match rv {
        ck::CKR_OK | ck::CKR_USER_ALREADY_LOGGED_IN => return Ok(()),
        ck::CKR_PIN_INCORRECT => "the PIN is wrong; it was tried once",
        ck::CKR_PIN_LOCKED => "the PIN is locked; unlock it or provision a fresh token",
        ck::CKR_USER_PIN_NOT_INITIALIZED => "the token has no user PIN yet; provision it first",
        ck::CKR_TOKEN_NOT_RECOGNIZED | ck::CKR_TOKEN_NOT_PRESENT => "the token cannot be used",
        _ => "the user cannot log in; check --slot, --pin and the token (--no-login runs without)",
    };
    let _ = target;
    Err(ProbeError::Call {
        function: trace
            .calls
            .last()
            .map_or(Function::C_Login, |call| call.function),
        returned: rv_name(rv),
        advice: advice.to_owned(),
    })
}

/// Fields as printable text: padding taken off, flags by number.
pub(super) fn shown(fields: &[(String, Value)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| {
            let text = match value {
                Value::Bytes(bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    text.trim_end_matches([' ', '\0']).to_owned()
                }
                other => other.show(Domain::Plain),
            };
            (name.clone(), text)
        })
        .collect()
}
