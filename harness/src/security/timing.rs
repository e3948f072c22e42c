//! Whether time tells what return values do not: ciphertexts of two classes that a target answers alike,
//! tried in random order again and again. What is compared are not durations of calls, of which those on one
//! ciphertext depend on each other, but the median of each ciphertext. A difference counts if it is far
//! beyond chance in both halves of the rounds, in the same direction, not small, and not seen between
//! ciphertexts of one class; [`judge`] has what is said of less.

use std::collections::BTreeSet;

use cryptoki_sys::*;

use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::plan::{Capabilities, Case, shipped};
use crate::run::job::job;
use crate::run::{Ran, Station, StationError};
use crate::sequence::{
    ANY, Argument, AttributeValue, Bytes, Call, Content, Number, Sequence, Step, Template, Value,
    calls,
};
use judge::{Durations, judge};
use padding::Classes;
use question::{QUESTIONS, Question};

mod judge;
mod padding;
mod question;

/// Ciphertexts of a class.
const CIPHERTEXTS: usize = 48;
/// Calls in one job: a round.
const CALLS: usize = 2 * CIPHERTEXTS;

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often each ciphertext is tried.
    pub rounds: usize,
    /// Seed of the order, and of what is encrypted.
    pub seed: u64,
}

/// What time told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Id of the case.
    pub id: String,
    /// What was asked.
    pub title: String,
    /// The section of the function.
    pub clause: &'static str,
    /// Whether the classes differ; absent if that cannot be said.
    pub differs: Option<bool>,
    /// With which effect, or why nothing can be said.
    pub account: String,
}

/// Asks the questions whose ids are wanted, of a target that has what their cases need.
///
/// # Errors
/// If the station cannot go on.
pub fn measure(
    station: &mut Station,
    given: &Value,
    settings: &Settings,
    target: &Capabilities,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Told>, StationError> {
    let suite =
        shipped::suite("security/rsa.yaml").map_err(|e| StationError::Fault(e.to_string()))?;
    let mut told = Vec::new();
    for question in QUESTIONS.iter().filter(|question| wanted(question.id)) {
        let case = question.case_of(&suite)?;
        let (differs, account) = match case.needs.unmet(target) {
            None => question.ask(case, station, given, settings)?,
            Some(unmet) => (None, unmet.reason),
        };
        told.push(Told {
            id: question.id.to_owned(),
            title: question.title.to_owned(),
            clause: question.function.section(),
            differs,
            account,
        });
    }
    Ok(told)
}

/// A call on one of the ciphertexts.
#[derive(Debug, Clone, Copy)]
struct Shot {
    class: usize,
    number: usize,
    round: usize,
}

impl Question {
    fn ask(
        &self,
        case: &Case,
        station: &mut Station,
        given: &Value,
        settings: &Settings,
    ) -> Result<(Option<bool>, String), StationError> {
        let unable = |text: &str| Ok((None, text.to_owned()));
        let mut random = fastrand::Rng::with_seed(settings.seed);
        let sealed = match self.classes {
            Classes::Cbc => seal(case, station, given, &mut random)?,
            _ => Vec::new(),
        };
        let modulus = attribute(case, CKA_MODULUS).unwrap_or_default();
        let Some(ciphertexts) = self
            .classes
            .make(CIPHERTEXTS, &modulus, &sealed, &mut random)
        else {
            return unable("the key cannot be imported, or does not encrypt");
        };
        let shots = shots(settings.rounds, &mut random);
        let mut durations: Durations = [(); 2].map(|()| vec![Vec::new(); CIPHERTEXTS]);
        let mut answers: Answers = Default::default();
        for part in shots.chunks(CALLS) {
            let bytes = part
                .iter()
                .map(|shot| &ciphertexts[shot.class][shot.number]);
            let asked = (self.function, self.classes.key_type());
            let job = job(0, &shooting(case, asked, bytes), given);
            let ran = station.execute(vec![job])?;
            let backs = ran.first().map(|ran| returned(ran, self.function));
            let backs = backs.unwrap_or_default();
            if backs.len() != part.len() {
                let function = self.function;
                return unable(&format!(
                    "the key cannot be imported, its mechanism is refused, or {function} does not come back"
                ));
            }
            for (shot, (rv, nanoseconds)) in part.iter().zip(backs) {
                durations[shot.class][shot.number].push(nanoseconds);
                answers[shot.class].insert(rv);
            }
            // What is told without a clock is not measured.
            let [one, other] = answers.each_ref().map(named);
            if one != other {
                return unable(&format!(
                    "the return values differ already: {one} and {other}"
                ));
            }
            if answers[0].len() != 1 {
                return unable(&format!("the return values differ within a class: {one}"));
            }
        }
        let (differs, account) = judge(&durations);
        let answer = named(&answers[0]);
        if differs == Some(false) && answers[0].iter().all(|rv| REFUSALS.contains(rv)) {
            return unable(&format!("{answer}, whatever the padding is"));
        }
        Ok((differs, format!("{account}; the answer is {answer}")))
    }
}

/// Answers that are about the mechanism, the key or the template: where there is no other, no padding was looked at, and
/// that time tells nothing says nothing.
const REFUSALS: [u64; 12] = [
    CKR_ARGUMENTS_BAD,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_FUNCTION_NOT_SUPPORTED,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_TYPE_INCONSISTENT,
    CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_TEMPLATE_INCOMPLETE,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
];

/// Return values, by class.
type Answers = [BTreeSet<u64>; 2];

fn named(answers: &BTreeSet<u64>) -> String {
    let names = answers.iter().map(|rv| names::display(Kind::RETURN, *rv));
    names.collect::<Vec<_>>().join(" or ")
}

/// Every ciphertext once a round, in an order of its own each time.
fn shots(rounds: usize, random: &mut fastrand::Rng) -> Vec<Shot> {
    let round = |round| {
        let mut shots: Vec<Shot> = (0..2 * CIPHERTEXTS)
            .map(|n| Shot {
                class: n % 2,
                number: n / 2,
                round,
            })
            .collect();
        random.shuffle(&mut shots);
        shots
    };
    let mut shots: Vec<Shot> = (0..rounds).flat_map(round).collect();
    shots.sort_by_key(|shot| shot.round);
    shots
}

/// The case that asks these, whatever comes of it, with the key of another one: its steps up to the function, again and
/// again. Keys that are made are of the type given.
fn shooting<'b>(
    case: &Case,
    (function, key_type): (Function, u64),
    ciphertexts: impl Iterator<Item = &'b Vec<u8>>,
) -> Case {
    let (setup, steps): (Vec<&Call>, Vec<&Call>) =
        calls(&case.sequence.steps).partition(|call| call.fixture);
    let mut all: Vec<Call> = setup
        .into_iter()
        .filter(|call| call.function == Function::C_CreateObject)
        .cloned()
        .collect();
    let first = steps.iter().position(|call| call.function == function);
    let (before, call) = match first {
        Some(place) => (&steps[..place], Some(steps[place])),
        None => (&[][..], None),
    };
    for bytes in ciphertexts {
        all.extend(before.iter().map(|call| (*call).clone()));
        all.extend(call.cloned().map(|mut call| {
            let ciphertext = Bytes::of(Content::Literal(bytes.clone()));
            for argument in &mut call.arguments {
                match argument {
                    Argument::Bytes(given) => *given = ciphertext.clone(),
                    Argument::Template(template) => retype(template, key_type),
                    _ => {}
                }
            }
            (call.returns, call.except, call.answer) = (Vec::new(), vec![ANY], None);
            call.expect.clear();
            call.gives.clear();
            call
        }));
    }
    with_calls(case, all)
}

/// The template of a key of another type.
fn retype(template: &mut Template, key_type: u64) {
    let named = template.attributes.iter_mut();
    for given in named.filter(|given| given.attribute == CKA_KEY_TYPE) {
        given.value = AttributeValue::Ulong(Number::Literal(key_type));
    }
}

fn with_calls(case: &Case, all: Vec<Call>) -> Case {
    let numbered = all.into_iter().zip(1..);
    let steps = numbered.map(|(call, number)| Step::Call(Box::new(Call { number, ..call })));
    Case {
        sequence: Sequence {
            steps: steps.collect(),
        },
        attack: None,
        ..case.clone()
    }
}

/// What the function returned, and how long it took.
fn returned(ran: &Ran, function: Function) -> Vec<(u64, f64)> {
    let calls = ran.trace.calls.iter();
    let asked = calls.filter(|call| call.function == function);
    asked
        .filter_map(|call| call.returned)
        .map(|back| (back.rv, back.duration_ns as f64))
        .collect()
}

/// Data of 16 bytes each, encrypted with padding by the target itself.
fn seal(
    case: &Case,
    station: &mut Station,
    given: &Value,
    random: &mut fastrand::Rng,
) -> Result<Vec<Vec<u8>>, StationError> {
    let setup: Vec<Call> = calls(&case.sequence.steps)
        .filter(|call| call.fixture)
        .cloned()
        .collect();
    let function = |wanted| move |call: &&Call| call.function == wanted;
    let mut all: Vec<Call> = setup
        .iter()
        .filter(function(Function::C_CreateObject))
        .cloned()
        .collect();
    for _ in 0..2 * CIPHERTEXTS {
        let mut data = vec![0; 16];
        random.fill(&mut data);
        all.extend(
            setup
                .iter()
                .find(function(Function::C_EncryptInit))
                .cloned(),
        );
        all.extend(
            setup
                .iter()
                .find(function(Function::C_Encrypt))
                .cloned()
                .map(|mut call| {
                    call.arguments[1] = Argument::Bytes(Bytes::of(Content::Literal(data)));
                    call.gives.clear();
                    call
                }),
        );
    }
    let ran = station.execute(vec![job(0, &with_calls(case, all), given)])?;
    let traces = ran.iter().flat_map(|ran| &ran.trace.calls);
    let sealed = traces.filter(|call| call.function == Function::C_Encrypt);
    Ok(sealed
        .filter_map(|call| match call.outputs.first() {
            Some((_, Value::Bytes(bytes))) => Some(bytes.clone()),
            _ => None,
        })
        .collect())
}

/// The value of an attribute of the key that a case imports.
fn attribute(case: &Case, wanted: u64) -> Option<Vec<u8>> {
    let mut created =
        calls(&case.sequence.steps).filter(|c| c.function == Function::C_CreateObject);
    let Argument::Template(template) = created.next()?.arguments.get(1)? else {
        return None;
    };
    let found = template
        .attributes
        .iter()
        .find(|given| given.attribute == wanted)?;
    match &found.value {
        AttributeValue::Bytes(Bytes {
            content: Some(Content::Literal(bytes)),
            ..
        }) => Some(bytes.clone()),
        _ => None,
    }
}
