//! What the handles of a sequence stand for at one of its calls: the class and the type of each object, and which
//! objects and sessions are gone. It is read off the calls before that succeeded.

use std::collections::HashMap;

use cryptoki_sys::*;

use crate::cryptoki::Function::{self, *};
use crate::cryptoki::ParameterKind;
use crate::cryptoki::function::Domain;
use crate::cryptoki::mechanism::{self, OtherKeys};
use crate::cryptoki::names::{self, Kind};
use crate::oracle::TraceCall;
use crate::sequence::{Argument, Attribute, AttributeValue, Call, Number, Sequence};

/// The name of the session that the state of a case begins with. No call of the sequence opens it.
const SESSION: &str = "session";

const PUBLIC: &[CK_OBJECT_CLASS] = &[CKO_PUBLIC_KEY, CKO_SECRET_KEY];
const PRIVATE: &[CK_OBJECT_CLASS] = &[CKO_PRIVATE_KEY, CKO_SECRET_KEY];

/// The classes of keys that a function works with, by its parameter ([PKCS11-Base 3.2] 5.8 to 5.18). What is not
/// here takes any object.
fn wanted(function: Function, parameter: &str) -> Option<&'static [CK_OBJECT_CLASS]> {
    Some(match (function, parameter) {
        (C_EncryptInit | C_VerifyInit | C_VerifyRecoverInit | C_VerifySignatureInit, "key")
        | (C_MessageEncryptInit | C_MessageVerifyInit, "key")
        | (_, "wrapping_key") => PUBLIC,
        (C_DecryptInit | C_SignInit | C_SignRecoverInit, "key")
        | (C_MessageDecryptInit | C_MessageSignInit, "key")
        | (C_WrapKey | C_WrapKeyAuthenticated, "key")
        | (_, "unwrapping_key" | "base_key") => PRIVATE,
        (C_DigestKey, "key") => &[CKO_SECRET_KEY],
        (C_EncapsulateKey, "public_key") => &[CKO_PUBLIC_KEY],
        (C_DecapsulateKey, "private_key") => &[CKO_PRIVATE_KEY],
        _ => return None,
    })
}

#[derive(Debug, Clone, Default)]
struct Object {
    class: Option<CK_OBJECT_CLASS>,
    key_type: Option<CK_KEY_TYPE>,
    /// The session that it goes with.
    session: Option<String>,
}

/// What handles stand for.
#[derive(Debug, Default)]
pub(super) struct Objects {
    alive: HashMap<String, Object>,
    gone: HashMap<String, &'static str>,
    sessions: Vec<String>,
}

impl Objects {
    /// After these calls.
    pub(super) fn after<'t>(
        sequence: &Sequence,
        made: impl Iterator<Item = &'t TraceCall>,
    ) -> Self {
        let calls: Vec<&Call> = sequence.calls().collect();
        let mut objects = Self::default();
        for made in made.filter(|made| made.returned.is_some_and(|back| back.rv == CKR_OK)) {
            let is_it = |call: &&&Call| call.number == made.step && call.function == made.function;
            if let Some(call) = calls.iter().find(is_it).filter(|_| !made.question) {
                objects.follow(call);
            }
        }
        objects
    }

    fn follow(&mut self, call: &Call) {
        let named = |parameter: &str| reference(argument(call, parameter)?);
        match call.function {
            C_DestroyObject => self.lose(named("object"), "destroyed"),
            C_CloseSession => self.close(named("session")),
            C_CloseAllSessions | C_Finalize => {
                self.close(Some(SESSION));
                for session in std::mem::take(&mut self.sessions) {
                    self.close(Some(&session));
                }
            }
            _ => {}
        }
        for capture in call.gives.iter().filter(|of| of.output.path.is_empty()) {
            let output = capture.output.name.as_str();
            let kind = call.function.parameters().iter();
            let kind = kind.clone().find(|parameter| parameter.name == output);
            match kind.map(|parameter| parameter.kind) {
                Some(ParameterKind::OutUlong(Domain::Session)) => {
                    self.gone.remove(&capture.name);
                    self.sessions.push(capture.name.clone());
                }
                Some(ParameterKind::OutUlong(Domain::Object)) => {
                    self.gone.remove(&capture.name);
                    let object = self.made(call, output);
                    self.alive.insert(capture.name.clone(), object);
                }
                _ => {}
            }
        }
    }

    fn lose(&mut self, name: Option<&str>, how: &'static str) {
        if let Some(name) = name {
            self.alive.remove(name);
            self.gone.insert(name.to_owned(), how);
        }
    }

    /// [PKCS11-Base 3.2] 5.6.2: a session takes its objects with it.
    fn close(&mut self, session: Option<&str>) {
        let of_it = |object: &Object| object.session.as_deref() == session;
        let lost: Vec<String> = self
            .alive
            .iter()
            .filter(|(_, object)| session.is_some() && of_it(object))
            .map(|(name, _)| name.clone())
            .collect();
        lost.iter()
            .for_each(|name| self.lose(Some(name), "destroyed"));
        self.lose(session, "closed");
    }

    /// The object that a call gave.
    fn made(&self, call: &Call, output: &str) -> Object {
        let part = match output {
            "public_key" => "public_key_template",
            "private_key" => "private_key_template",
            _ => "template",
        };
        let given: &[Attribute] = match argument(call, part) {
            Some(Argument::Template(template)) => &template.attributes,
            _ => &[],
        };
        let number = |wanted| {
            given.iter().find_map(|given| match given.value {
                AttributeValue::Ulong(Number::Literal(value)) if given.attribute == wanted => {
                    Some(value)
                }
                _ => None,
            })
        };
        let on_token = given.iter().any(|given| {
            given.attribute == CKA_TOKEN && !matches!(given.value, AttributeValue::Bool(0))
        });
        let source = reference_of(call, "object").and_then(|name| self.alive.get(name));
        let row = mechanism_of(call);
        let own =
            row.filter(|row| row.name.ends_with("_KEY_GEN") || row.name.ends_with("_KEY_PAIR_GEN"));
        let class = match (call.function, output) {
            (C_GenerateKeyPair, "public_key") => Some(CKO_PUBLIC_KEY),
            (C_GenerateKeyPair, "private_key") => Some(CKO_PRIVATE_KEY),
            (C_GenerateKey, _) if own.is_some() => Some(CKO_SECRET_KEY),
            (C_DeriveKey | C_EncapsulateKey | C_DecapsulateKey, _) => Some(CKO_SECRET_KEY),
            (C_CopyObject, _) => source.and_then(|source| source.class),
            _ => None,
        };
        let key_type = own.and_then(|row| row.key_types.first().copied());
        Object {
            class: number(CKA_CLASS).or(class),
            key_type: number(CKA_KEY_TYPE)
                .or(key_type)
                .or(source.and_then(|source| source.key_type)),
            session: reference_of(call, "session")
                .filter(|_| !on_token)
                .map(str::to_owned),
        }
    }

    /// What is odd about a handle under this name.
    pub(super) fn odd(&self, function: Function, parameter: &str, name: &str) -> Option<String> {
        if let Some(how) = self.gone.get(name) {
            return Some((*how).to_owned());
        }
        let class = self.alive.get(name)?.class?;
        let wanted = wanted(function, parameter)?;
        let shown = || names::display(Kind::OBJECT_CLASS, class);
        (!wanted.contains(&class)).then(shown)
    }

    /// A key that is not of the mechanism's types: `key CKK_AES`.
    pub(super) fn misfit(&self, call: &Call) -> Option<String> {
        let row = mechanism_of(call).filter(|row| row.other_keys == OtherKeys::None)?;
        let parameters = call.function.parameter_names().iter();
        let mut keys = parameters.filter(|name| {
            // The key that is wrapped is of any type.
            let wraps = matches!(call.function, C_WrapKey | C_WrapKeyAuthenticated);
            name.ends_with("key") && !(wraps && **name == "key")
        });
        keys.find_map(|parameter| {
            let object = self.alive.get(reference_of(call, parameter)?)?;
            let key_type = object.key_type.filter(|of| !row.key_types.contains(of))?;
            let shown = names::display(Kind("key_types"), key_type);
            (!row.key_types.is_empty()).then(|| format!("{parameter} {shown}"))
        })
    }
}

fn argument<'c>(call: &'c Call, parameter: &str) -> Option<&'c Argument> {
    let mut names = call.function.parameter_names().iter();
    let place = names.position(|name| *name == parameter)?;
    call.arguments.get(place)
}

fn reference(argument: &Argument) -> Option<&str> {
    match argument {
        Argument::Number(Number::Reference(reference)) if reference.path.is_empty() => {
            Some(&reference.name)
        }
        _ => None,
    }
}

fn reference_of<'c>(call: &'c Call, parameter: &str) -> Option<&'c str> {
    reference(argument(call, parameter)?)
}

fn mechanism_of(call: &Call) -> Option<&'static mechanism::Mechanism> {
    match argument(call, "mechanism")? {
        Argument::Mechanism(given) => match given.mechanism {
            Number::Literal(value) => mechanism::by_value(value),
            _ => None,
        },
        _ => None,
    }
}
