//! Whether time tells what return values do not: ciphertexts of two classes that a target answers alike,
//! tried in random order again and again. What is compared are not durations of calls, of which those on one
//! ciphertext depend on each other, but the median of each ciphertext. A difference counts if it is far
//! beyond chance in both halves of the rounds, in the same direction, not small, and not seen between
//! ciphertexts of one class.

use cryptoki_sys::*;

use super::statistics::{Comparison, compare, median};
use crate::cryptoki::Function;
use crate::cryptoki::names::{self, Kind};
use crate::plan::{Case, shipped};
use crate::run::job::job;
use crate::run::{Ran, Station, StationError};
use crate::sequence::{
    ANY, Argument, AttributeValue, Bytes, Call, Content, Sequence, Step, Value, calls,
};
use padding::Classes;

mod padding;

/// Ciphertexts of a class.
const CIPHERTEXTS: usize = 48;
/// Calls in one job.
const CALLS: usize = 96;
/// Standard deviations beyond which a difference is no chance: one in a million, in both halves.
const FAR: f64 = 5.0;
/// The same between ciphertexts of one class, beyond which the measurement is spoiled.
const NEAR: f64 = 3.5;
/// Cliff's delta from which an effect is called large (Romano et al., 2006).
const LARGE: f64 = 0.474;

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

/// A question: two classes of ciphertexts for one mechanism.
struct Question {
    id: &'static str,
    title: &'static str,
    mechanism: u64,
    /// The case of `security/rsa` that imports the key and decrypts.
    case: &'static str,
    classes: Classes,
}

const QUESTIONS: [Question; 4] = [
    Question {
        id: "security/timing/pkcs-valid",
        title: "The time of C_Decrypt tells whether the padding of PKCS #1 is right",
        mechanism: CKM_RSA_PKCS,
        case: "padding-told-by-decrypt",
        classes: Classes::PkcsValid,
    },
    Question {
        id: "security/timing/pkcs-kind",
        title: "The time of C_Decrypt tells a wrong block type of PKCS #1 from a padding without an end",
        mechanism: CKM_RSA_PKCS,
        case: "padding-told-by-decrypt",
        classes: Classes::PkcsKind,
    },
    Question {
        id: "security/timing/oaep-first-byte",
        title: "The time of C_Decrypt with OAEP tells whether the first byte is zero",
        mechanism: CKM_RSA_PKCS_OAEP,
        case: "manger-by-decrypt",
        classes: Classes::OaepFirstByte,
    },
    Question {
        id: "security/timing/cbc-padding",
        title: "The time of C_Decrypt with CKM_AES_CBC_PAD tells where the padding is wrong",
        mechanism: CKM_AES_CBC_PAD,
        case: "padding-told-by-cbc",
        classes: Classes::Cbc,
    },
];

/// Asks all questions of a target that lists their mechanisms.
///
/// # Errors
/// If the station cannot go on.
pub fn measure(
    station: &mut Station,
    given: &Value,
    settings: &Settings,
    lists: impl Fn(u64) -> bool,
) -> Result<Vec<Told>, StationError> {
    let suite =
        shipped::suite("security/rsa.yaml").map_err(|e| StationError::Fault(e.to_string()))?;
    let mut told = Vec::new();
    for question in &QUESTIONS {
        let mut named = suite.cases.iter();
        let case = named.find(|case| case.id.ends_with(&format!("/{}", question.case)));
        let (differs, account) = match case.filter(|_| lists(question.mechanism)) {
            Some(case) => question.ask(case, station, given, settings)?,
            None => (None, "the token does not list the mechanism".to_owned()),
        };
        told.push(Told {
            id: question.id.to_owned(),
            title: question.title.to_owned(),
            clause: "5.10.2",
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

/// Durations and answers by class, ciphertext and round.
type Durations = [Vec<Vec<f64>>; 2];

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
        let mut answers: [Vec<u64>; 2] = Default::default();
        for part in shots.chunks(CALLS) {
            let bytes = part
                .iter()
                .map(|shot| &ciphertexts[shot.class][shot.number]);
            let job = job(0, &shooting(case, bytes), given);
            let ran = station.execute(vec![job])?;
            let backs = ran.first().map(returned).unwrap_or_default();
            if backs.len() != part.len() {
                return unable("the key cannot be imported, or C_Decrypt does not come back");
            }
            for (shot, (rv, nanoseconds)) in part.iter().zip(backs) {
                durations[shot.class][shot.number].push(nanoseconds);
                answers[shot.class].push(rv);
            }
        }
        for answers in &mut answers {
            answers.sort_unstable();
            answers.dedup();
        }
        if answers[0] != answers[1] || answers[0].len() != 1 {
            let shown = answers.map(|list| {
                let names = list.iter().map(|rv| names::display(Kind::RETURN, *rv));
                names.collect::<Vec<_>>().join(" or ")
            });
            return unable(&format!(
                "the return values differ already: {} and {}",
                shown[0], shown[1]
            ));
        }
        let (differs, account) = judge(&durations);
        let answer = names::display(Kind::RETURN, answers[0][0]);
        Ok((differs, format!("{account}; the answer is {answer}")))
    }
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

/// The case that decrypts these, whatever comes of it, with the key of another one.
fn shooting<'b>(case: &Case, ciphertexts: impl Iterator<Item = &'b Vec<u8>>) -> Case {
    let (setup, steps): (Vec<&Call>, Vec<&Call>) =
        calls(&case.sequence.steps).partition(|call| call.fixture);
    let first = |function| steps.iter().find(|call| call.function == function);
    let init = first(Function::C_DecryptInit);
    let decrypt = first(Function::C_Decrypt);
    let mut all: Vec<Call> = setup
        .into_iter()
        .filter(|call| call.function == Function::C_CreateObject)
        .cloned()
        .collect();
    for bytes in ciphertexts {
        all.extend(init.map(|call| (*call).clone()));
        all.extend(decrypt.map(|call| {
            let mut call = (*call).clone();
            call.arguments[1] = Argument::Bytes(Bytes::of(Content::Literal(bytes.clone())));
            (call.returns, call.except, call.answer) = (Vec::new(), vec![ANY], None);
            call.expect.clear();
            call.gives.clear();
            call
        }));
    }
    with_calls(case, all)
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

/// What C_Decrypt returned, and how long it took.
fn returned(ran: &Ran) -> Vec<(u64, f64)> {
    let calls = ran.trace.calls.iter();
    let decrypts = calls.filter(|call| call.function == Function::C_Decrypt);
    decrypts
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

/// The medians of the ciphertexts of a class, of the rounds that are wanted.
fn medians(class: &[Vec<f64>], wanted: impl Fn(usize) -> bool) -> Vec<f64> {
    let of = |rounds: &Vec<f64>| {
        let some = rounds
            .iter()
            .enumerate()
            .filter(|(round, _)| wanted(*round));
        median(&some.map(|(_, duration)| *duration).collect::<Vec<_>>())
    };
    class.iter().map(of).collect()
}

/// Whether two classes differ, and the account of it.
fn judge(durations: &Durations) -> (Option<bool>, String) {
    let compared = |wanted: &dyn Fn(usize) -> bool| {
        let [one, other] = durations.each_ref().map(|class| medians(class, wanted));
        compare(&one, &other)
    };
    let halves = [
        compared(&|round| round % 2 == 0),
        compared(&|round| round % 2 == 1),
    ];
    let whole = compared(&|_| true);
    let [one, other] = durations.each_ref().map(|class| medians(class, |_| true));
    let control = |class: &[f64]| {
        let (front, back) = class.split_at(class.len() / 2);
        compare(front, back).z.abs()
    };
    let spoiled = control(&one).max(control(&other));
    let far = |half: &Comparison| half.z.abs() > FAR && half.delta.abs() > LARGE;
    let agree = halves[0].delta.signum() == halves[1].delta.signum();
    let [one, other] = [median(&one), median(&other)].map(|ns| ns / 1000.0);
    let account = format!(
        "Cliff's delta {:+.2}, z {:+.1} ({:+.1} and {:+.1} in the halves, {spoiled:.1} within a class), \
         medians {one:.2} and {other:.2} microseconds of {} ciphertexts each, {} times each",
        whole.delta,
        whole.z,
        halves[0].z,
        halves[1].z,
        durations[0].len(),
        durations[0].first().map_or(0, Vec::len),
    );
    match halves.iter().all(far) && agree {
        true if spoiled > NEAR => (None, format!("the measurement is too noisy: {account}")),
        true => (Some(true), format!("the classes differ: {account}")),
        false => (
            Some(false),
            format!("no difference beyond chance: {account}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(seed: u64, shift: f64, drift: f64) -> Durations {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut durations: Durations = [(); 2].map(|()| vec![Vec::new(); CIPHERTEXTS]);
        for (at, shot) in shots(8, &mut random).into_iter().enumerate() {
            let noise = -random.f64().max(1e-9).ln() * 4.0;
            let class = if shot.class == 0 { 0.0 } else { shift };
            let value = 1000.0 + class + noise + drift * at as f64;
            durations[shot.class][shot.number].push(value);
        }
        durations
    }

    #[test]
    fn noise_and_drift_are_no_finding() {
        for seed in 0..100 {
            let (differs, account) = judge(&durations(seed, 0.0, 0.05));
            assert_eq!(differs, Some(false), "{seed}: {account}");
        }
    }

    #[test]
    fn a_difference_as_large_as_the_noise_is_found() {
        for seed in 0..20 {
            let (differs, account) = judge(&durations(seed, 4.0, 0.0));
            assert_eq!(differs, Some(true), "{seed}: {account}");
        }
    }

    #[test]
    fn a_class_that_differs_within_itself_spoils_the_measurement() {
        let mut odd = durations(1, 50.0, 0.0);
        for ciphertext in &mut odd[0][..CIPHERTEXTS / 2] {
            ciphertext.iter_mut().for_each(|duration| *duration -= 50.0);
        }
        assert_eq!(judge(&odd).0, None);
    }
}
