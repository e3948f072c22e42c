//! Bytes to sequences: total, so that a fuzzer's input is always something to run, and guided by
//! what the standard says of functions and mechanisms, so that most calls are meaningful.
//!
//! A sequence is made of *phrases* ([`phrase`]): a key and an operation with it, an object's life, a
//! search. Every choice may come out wrong on purpose, seldom, and within input classes A and B:
//! values are wrong, memory is honest. Arguments, mechanisms and templates have files of their own.

mod argument;
mod mechanism;
mod operation;
mod phrase;
mod prelude;
mod recipe;
mod setting;
mod tape;
mod template;
mod variants;
mod weight;

pub use self::setting::{Pins, Prelude, Setting};
pub use self::variants::{Phrase, Variants};
pub use self::weight::Weight;

use self::setting::{ENDS_SESSIONS, Swarm};
use self::tape::Tape;
use super::{ANY, Argument, Call, Capture, Content, Number, Reference, Sequence, Step, Value};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::mechanism as table;
use crate::cryptoki::{Function, names};

/// Most phrases of a sequence.
const MOST_PHRASES: usize = 24;
/// Most calls of a sequence; a phrase that is begun is finished.
const MOST_CALLS: usize = 96;

/// A sequence read from bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The sequence, for disposable targets alone. Every return value is right by it.
    pub sequence: Sequence,
    /// What its names stand for until a call gives them a value, so that a call that fails does not
    /// end the sequence.
    pub given: Vec<(String, Value)>,
    /// True if the user is to be logged in when it begins, by a session that is not the sequence's own.
    pub shares_login: bool,
}

impl Decoded {
    /// True if a call of it takes as long as thousands of others: it generates keys out of large primes.
    #[must_use]
    pub fn is_dear(&self) -> bool {
        let is_dear = |argument: &Argument| match argument {
            Argument::Mechanism(given) => match given.mechanism {
                Number::Literal(value) => table::by_value(value).is_some_and(phrase::is_dear),
                _ => false,
            },
            _ => false,
        };
        let mut arguments = self.sequence.calls().flat_map(|call| &call.arguments);
        arguments.any(is_dear)
    }

    /// The sequence with a login of its own if it had none.
    #[must_use]
    pub fn by_itself(&self) -> Self {
        let mut alone = self.clone();
        let first = alone.sequence.steps.first();
        if let Some(Step::Call(open)) = first.filter(|_| self.shares_login) {
            let session = open.gives.first().map(|capture| capture.name.clone());
            let login = prelude::login(LOGIN, &session.unwrap_or_default());
            alone.sequence.steps.insert(1, login);
            alone.shares_login = false;
        }
        alone
    }
}

/// Number of the login of a sequence that finds a token with PINs.
const LOGIN: u32 = 2;

/// Reads bytes as a sequence.
#[must_use]
pub fn decode(bytes: &[u8], setting: &Setting<'_>) -> Decoded {
    let mut tape = Tape::new(bytes);
    let mut writer = Writer::new(setting, Swarm::read(&mut tape));
    writer.prelude();
    for _ in 0..MOST_PHRASES {
        if tape.is_over() || writer.calls >= MOST_CALLS {
            break;
        }
        phrase::phrase(&mut writer, &mut tape);
    }
    writer.finish()
}

/// An object that the sequence makes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Object {
    name: String,
    class: u64,
    key_type: u64,
}

/// The sequence so far, and what its calls have given names to.
struct Writer<'s> {
    setting: &'s Setting<'s>,
    swarm: Swarm,
    steps: Vec<Step>,
    calls: usize,
    sessions: Vec<String>,
    /// The session that most calls are about.
    current: String,
    objects: Vec<Object>,
    /// Outputs of bytes.
    outputs: Vec<String>,
    given: Vec<(String, Value)>,
}

impl<'s> Writer<'s> {
    fn new(setting: &'s Setting<'s>, swarm: Swarm) -> Self {
        Self {
            setting,
            swarm,
            steps: Vec::new(),
            calls: 0,
            sessions: Vec::new(),
            current: "s0".to_owned(),
            objects: Vec::new(),
            outputs: Vec::new(),
            given: Vec::new(),
        }
    }

    /// Adds a call with the arguments named, defaults for the others, and names for what it gives.
    fn call(&mut self, function: Function, arguments: &[(&str, Argument)]) -> &mut Call {
        let mut call = self.bare(function);
        for (slot, parameter) in call.arguments.iter_mut().zip(function.parameters()) {
            if let Some((_, given)) = arguments.iter().find(|(name, _)| *name == parameter.name) {
                *slot = given.clone();
            }
        }
        for parameter in function.parameters() {
            if let Some(name) = self.name_output(parameter.kind) {
                call.gives.push(Capture {
                    output: Reference::to(parameter.name),
                    name,
                });
            }
        }
        self.push(call)
    }

    /// A call with default arguments, of which every return value is right: what is judged is what
    /// the standard never permits.
    fn bare(&mut self, function: Function) -> Call {
        self.calls += 1;
        let number = u32::try_from(self.calls).unwrap_or(u32::MAX);
        Call {
            except: vec![ANY],
            ..Call::new(number, function)
        }
    }

    fn push(&mut self, call: Call) -> &mut Call {
        self.steps.push(Step::Call(Box::new(call)));
        match self.steps.last_mut() {
            Some(Step::Call(call)) => call,
            _ => unreachable!("just pushed"),
        }
    }

    /// A name for an output that later calls may want.
    fn name_output(&mut self, kind: ParameterKind) -> Option<String> {
        let (name, value) = match kind {
            ParameterKind::OutUlong(Domain::Session) => {
                let name = format!("s{}", self.sessions.len());
                self.sessions.push(name.clone());
                (name, Value::Number(0))
            }
            ParameterKind::OutUlong(Domain::Object) => {
                let name = format!("o{}", self.objects.len());
                self.objects.push(Object {
                    name: name.clone(),
                    class: names_of_nothing(),
                    key_type: names_of_nothing(),
                });
                (name, Value::Number(0))
            }
            ParameterKind::OutBytes => {
                let name = format!("b{}", self.outputs.len());
                self.outputs.push(name.clone());
                (name, Value::Bytes(Vec::new()))
            }
            _ => return None,
        };
        self.given.push((name.clone(), value));
        Some(name)
    }

    /// Says what the last `count` objects are that got a name.
    fn describe(&mut self, count: usize, kinds: &[(u64, u64)]) {
        let first = self.objects.len().saturating_sub(count);
        for (object, (class, key_type)) in self.objects[first..].iter_mut().zip(kinds) {
            (object.class, object.key_type) = (*class, *key_type);
        }
    }

    fn finish(self) -> Decoded {
        let ends_sessions = |step: &Step| match step {
            Step::Call(call) => ENDS_SESSIONS.contains(&call.function),
            _ => false,
        };
        let decoded = Decoded {
            shares_login: self.setting.prelude == Prelude::Session,
            sequence: Sequence { steps: self.steps },
            given: self.given,
        };
        match decoded.sequence.steps.iter().any(ends_sessions) {
            true => decoded.by_itself(),
            false => decoded,
        }
    }
}

/// A class or key type that no object has.
fn names_of_nothing() -> u64 {
    cryptoki_sys::CK_UNAVAILABLE_INFORMATION
}

fn number(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}

fn reference(name: &str) -> Argument {
    Argument::named(name)
}

fn text(text: &str) -> Argument {
    Argument::Bytes(super::Bytes::of(Content::Text(text.to_owned())))
}

/// The value of a constant that the tables are known to have.
fn constant(name: &str) -> u64 {
    names::constant(name).map_or(u64::MAX, |constant| constant.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::{Bytes, ParameterValue};
    use proptest::prelude::*;

    const PINS: Pins<'static> = Pins {
        so: "12345678",
        user: "1234",
    };

    fn token() -> Setting<'static> {
        Setting::new(Prelude::Token(PINS), |_| true)
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_sequence_and_the_same_one_each_time(
            bytes in proptest::collection::vec(any::<u8>(), 0..600)
        ) {
            let setting = token();
            let decoded = decode(&bytes, &setting);
            prop_assert_eq!(&decoded, &decode(&bytes, &setting));
            prop_assert!(decoded.sequence.calls().count() < MOST_CALLS + 40);
        }

        #[test]
        fn what_is_decoded_can_be_written_and_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let setting = token();
            let decoded = decode(&bytes, &setting);
            let (written, again) = crate::sequence::write::read_back(&decoded.sequence)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            for (read, call) in again.calls().zip(decoded.sequence.calls()) {
                prop_assert_eq!(read, call);
            }
            prop_assert_eq!(&again, &decoded.sequence, "{}", written);
        }
    }

    /// A structure of the right size with numbers where the function looks for pointers is a lie.
    #[test]
    fn parameters_of_random_bytes_and_of_wrapping_are_never_taken_for_pointers() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 200);
        let mut seen = 0;
        let setting = token();
        for _ in 0..2000 {
            let tree = strategy.new_tree(&mut runner).expect("bytes");
            let bytes = proptest::strategy::ValueTree::current(&tree);
            let decoded = decode(&bytes, &setting);
            for call in decoded.sequence.calls() {
                let authenticated = call.function.name().ends_with("KeyAuthenticated");
                for argument in &call.arguments {
                    let Argument::Mechanism(given) = argument else {
                        continue;
                    };
                    if let ParameterValue::Structure(structure) = &given.parameter {
                        seen += usize::from(authenticated);
                        let usual = ["CK_GCM_PARAMS", "CK_CCM_PARAMS"];
                        assert!(!authenticated || !usual.contains(&structure.name.as_str()));
                    }
                }
            }
        }
        assert!(seen > 0);
    }

    #[test]
    fn no_bytes_are_the_prelude_alone() {
        let decoded = decode(&[], &token());
        assert!(decoded.sequence.calls().all(|call| call.fixture));
    }

    #[test]
    fn every_function_is_called_by_some_bytes() {
        let mut missing: Vec<Function> = Function::ALL.to_vec();
        let setting = token();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 200);
        for _ in 0..4000 {
            let tree = strategy.new_tree(&mut runner).expect("bytes");
            let bytes = proptest::strategy::ValueTree::current(&tree);
            let decoded = decode(&bytes, &setting);
            missing.retain(|f| decoded.sequence.calls().all(|call| call.function != *f));
            if missing.is_empty() {
                break;
            }
        }
        assert_eq!(missing, []);
    }

    /// Wrong PINs lock tokens, and a token whose PIN is another is of no use to the next sequence.
    #[test]
    fn no_sequence_that_finds_a_token_spends_its_pins() {
        use cryptoki_sys::CKU_USER;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 200);
        let setting = Setting::new(Prelude::Session, |_| true);
        let mut logins = 0;
        for _ in 0..2000 {
            let tree = strategy.new_tree(&mut runner).expect("bytes");
            let decoded = decode(&proptest::strategy::ValueTree::current(&tree), &setting);
            for call in decoded.sequence.calls() {
                assert!(
                    !setting::SPENDS_PINS.contains(&call.function),
                    "{}",
                    call.function
                );
                if call.function == Function::C_Login {
                    logins += 1;
                    assert_eq!(call.arguments[1], number(CKU_USER));
                    let pin = Content::Reference(Reference::to("target").field("pin"));
                    assert_eq!(call.arguments[2], Argument::Bytes(Bytes::of(pin)));
                }
            }
        }
        assert!(logins > 200, "{logins}");
    }

    /// Lies are asked for, and gross enough for any module to tell.
    #[test]
    fn lengths_lie_only_where_they_are_to_and_then_absurdly() {
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 200);
        let (honest, mut lying) = (token(), token());
        lying.lies = true;
        let claims = |decoded: &Decoded| {
            let claim = |argument: &Argument| match argument {
                Argument::Bytes(bytes) if bytes.content.is_some() => bytes.claim.clone(),
                Argument::Template(template) => template.claim.clone(),
                Argument::Mechanism(mechanism) => mechanism.claim.clone(),
                _ => None,
            };
            let calls = decoded.sequence.calls();
            calls
                .flat_map(|call| call.arguments.iter().filter_map(claim))
                .collect::<Vec<_>>()
        };
        let mut seen = 0;
        for _ in 0..300 {
            let tree = strategy.new_tree(&mut runner).expect("bytes");
            let bytes = proptest::strategy::ValueTree::current(&tree);
            assert_eq!(claims(&decode(&bytes, &honest)), []);
            let lies = claims(&decode(&bytes, &lying));
            seen += lies.len();
            let absurd =
                |claim: &Number| matches!(claim, Number::Literal(told) if *told >= 1 << 48);
            assert!(lies.iter().all(absurd), "{lies:?}");
        }
        assert!(seen > 100, "{seen}");
    }

    /// Bytes in place of a nested template would be taken for its pointers.
    #[test]
    fn no_bytes_are_taken_for_a_template() {
        use crate::cryptoki::{AttributeType, attribute};
        use crate::sequence::{Attribute, AttributeValue};
        fn look(attributes: &[Attribute], seen: &mut usize) {
            for one in attributes {
                let template = attribute::attribute_type(one.attribute) == AttributeType::Template;
                match &one.value {
                    AttributeValue::Template(nested) => look(nested, seen),
                    AttributeValue::Bytes(bytes) if template => {
                        *seen += 1;
                        let literal = match &bytes.content {
                            Some(Content::Literal(literal)) => literal.len(),
                            other => panic!("{other:?}"),
                        };
                        assert!(!literal.is_multiple_of(24), "{one:?}");
                    }
                    _ => {}
                }
            }
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 300);
        let (setting, mut seen) = (token(), 0);
        for _ in 0..4000 {
            let tree = strategy.new_tree(&mut runner).expect("bytes");
            let decoded = decode(&proptest::strategy::ValueTree::current(&tree), &setting);
            for call in decoded.sequence.calls() {
                for argument in &call.arguments {
                    if let Argument::Template(template) = argument {
                        look(&template.attributes, &mut seen);
                    }
                }
            }
        }
        assert!(seen > 3, "{seen}");
    }
}
