//! What decoding promises of any bytes.

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
    let mut setting = Setting::new(Prelude::Session, |_| true);
    setting.lies = true;
    let pin = Content::Reference(Reference::to("target").field("pin"));
    let pin = Argument::Bytes(Bytes::of(pin));
    let mut made = std::collections::BTreeMap::new();
    for _ in 0..2000 {
        let tree = strategy.new_tree(&mut runner).expect("bytes");
        let decoded = decode(&proptest::strategy::ValueTree::current(&tree), &setting);
        for call in decoded.sequence.calls() {
            let wanted = match call.function {
                Function::C_Login => vec![number(CKU_USER), pin.clone()],
                Function::C_LoginUser => {
                    vec![number(CKU_USER), pin.clone(), Argument::Default]
                }
                Function::C_InitPIN => vec![pin.clone()],
                Function::C_SetPIN => vec![pin.clone(), pin.clone()],
                other => {
                    assert_ne!(other, Function::C_InitToken);
                    continue;
                }
            };
            *made.entry(call.function.name()).or_insert(0) += 1;
            assert_eq!(call.arguments[1..], wanted, "{}", call.function);
        }
    }
    assert_eq!(made.len(), 4, "{made:?}");
    assert!(made.values().all(|count| *count > 10), "{made:?}");
    assert!(made["C_Login"] > 200, "{made:?}");
}

/// What is done to a token that is thrown away is done to no other.
#[test]
fn a_sequence_with_a_token_of_its_own_does_anything_to_it() {
    use cryptoki_sys::CKU_SO;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = proptest::collection::vec(any::<u8>(), 200);
    let shared = Setting::new(Prelude::Session, |_| true);
    let mut own = shared.clone();
    own.own_tokens = true;
    let mut made = std::collections::BTreeMap::new();
    for _ in 0..500 {
        let tree = strategy.new_tree(&mut runner).expect("bytes");
        let mut bytes = proptest::strategy::ValueTree::current(&tree);
        bytes[0] = 7;
        assert_eq!(decode(&bytes, &own), decode(&bytes, &shared));
        bytes[0] = setting::OWN_TOKEN;
        assert!(!decode(&bytes, &shared).own_token);
        assert_eq!(Variants::of(&bytes, &own, 1), None);
        let decoded = decode(&bytes, &own);
        assert!(decoded.own_token && decoded.is_dear() && !decoded.shares_login);
        for call in decoded.sequence.calls() {
            let what = match (call.function, call.arguments.get(1)) {
                (Function::C_Login, Some(user)) if *user == number(CKU_SO) => "officer",
                (Function::C_InitToken, Some(pin)) if *pin == pins::so_pin() => "initialised",
                (Function::C_InitToken, _) => "refused",
                (Function::C_InitPIN | Function::C_SetPIN, _) => call.function.name(),
                _ => continue,
            };
            *made.entry(what).or_insert(0) += 1;
        }
    }
    assert_eq!(made.len(), 5, "{made:?}");
    assert!(made.values().all(|count| *count > 20), "{made:?}");
}

#[test]
fn pins_must_not_be_alike_on_one_token_alone() {
    assert!(are_apart("1234", "12345678"));
    for (user, officer) in [
        ("1234", "1234"),
        ("1234", "1234z"),
        ("12", "4567"),
        ("1234", "123"),
        ("24682468", "1234"),
        ("123", "4567"),
    ] {
        assert!(!are_apart(user, officer), "{user} {officer}");
    }
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
        let absurd = |claim: &Number| matches!(claim, Number::Literal(told) if *told >= 1 << 48);
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
