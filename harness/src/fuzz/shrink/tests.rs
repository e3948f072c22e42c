//! What shrinking leaves.

use super::*;
use crate::cryptoki::Function;
use crate::sequence::Value;
use crate::sequence::read;
use crate::sequence::{Attribute, AttributeValue, Call, Template};
use crate::yaml::Document;
use std::convert::Infallible;
use std::path::Path;

fn sequence(functions: &[Function]) -> Decoded {
    let steps = functions.iter().zip(1..);
    let steps = steps.map(|(function, number)| Step::Call(Box::new(Call::new(number, *function))));
    Decoded {
        sequence: Sequence {
            steps: steps.collect(),
        },
        given: Vec::new(),
        shares_login: false,
        own_token: false,
    }
}

fn functions(decoded: &Decoded) -> Vec<Function> {
    decoded.sequence.calls().map(|call| call.function).collect()
}

#[test]
fn what_is_needed_stays_and_the_rest_goes() {
    let mut all = vec![Function::C_GetInfo; 200];
    (all[17], all[133]) = (Function::C_SignInit, Function::C_Sign);
    let mut budget = Budget::of(Duration::from_secs(60));
    let shows = &mut |candidate: &Decoded| {
        let left = functions(candidate);
        let init = left.iter().position(|f| *f == Function::C_SignInit);
        let sign = left.iter().position(|f| *f == Function::C_Sign);
        Ok::<_, Infallible>(init.is_some() && sign > init)
    };
    let Ok(shrunk) = shrink(sequence(&all), &mut budget, shows);
    assert_eq!(functions(&shrunk), [Function::C_SignInit, Function::C_Sign]);
    assert!(budget.tries < 200, "{}", budget.tries);
}

#[test]
fn arguments_become_plain_as_far_as_they_may() {
    let mut decoded = sequence(&[Function::C_CreateObject]);
    let attribute = |attribute| Attribute {
        attribute,
        value: AttributeValue::Bool(1),
    };
    if let Step::Call(call) = &mut decoded.sequence.steps[0] {
        call.arguments[1] = Argument::Template(Template {
            attributes: vec![attribute(1), attribute(2), attribute(3)],
            claim: None,
        });
    }
    let shows = &mut |candidate: &Decoded| {
        let mut calls = candidate.sequence.calls();
        let template = calls.next().map(|call| call.arguments[1].clone());
        let Some(Argument::Template(template)) = template else {
            return Ok::<_, Infallible>(false);
        };
        Ok(template.attributes.iter().any(|a| a.attribute == 2))
    };
    let Ok(shrunk) = shrink(decoded, &mut Budget::of(Duration::from_secs(60)), shows);
    let left = shrunk
        .sequence
        .calls()
        .next()
        .map(|call| call.arguments[1].clone());
    let wanted = Argument::Template(Template {
        attributes: vec![attribute(2)],
        claim: None,
    });
    assert_eq!(left, Some(wanted));
}

/// A parameter that the mechanism asks for stays with legal calls, though what is looked for shows without; with a handle that
/// is none it goes.
#[test]
fn legal_calls_stay_legal() {
    for (key, kept) in [("$key", true), ("7", false)] {
        let text = format!(
            "- C_OpenSession: {{ flags: CKF_SERIAL_SESSION }}\n  \
               gives: {{ session: $session }}\n\
             - C_GenerateKey: {{ session: $session, mechanism: CKM_AES_KEY_GEN, template: {{ CKA_VALUE_LEN: 16 }} }}\n  \
               gives: {{ key: $key }}\n\
             - C_EncryptInit: {{ session: $session, key: {key}, \
               mechanism: {{ type: CKM_AES_CBC, parameter: {{ repeat: '00', count: 16 }} }} }}\n"
        );
        let document = Document::parse(Path::new("t.yaml"), &text).expect("YAML");
        let decoded = Decoded {
            sequence: read::sequence(document.root()).expect("steps"),
            // Every name that a call gives, as a decoded sequence has them.
            given: ["session", "key"]
                .map(|name| (name.to_owned(), Value::Number(0)))
                .to_vec(),
            shares_login: false,
            own_token: false,
        };
        let begun = |candidate: &Decoded| functions(candidate).contains(&Function::C_EncryptInit);
        let shows = &mut |candidate: &Decoded| Ok::<_, Infallible>(begun(candidate));
        let Ok(shrunk) = shrink(decoded, &mut Budget::of(Duration::from_secs(60)), shows);
        let left = match kept {
            true => vec![
                Function::C_OpenSession,
                Function::C_GenerateKey,
                Function::C_EncryptInit,
            ],
            false => vec![Function::C_EncryptInit],
        };
        assert_eq!(functions(&shrunk), left);
        let mut arguments = shrunk.sequence.calls().flat_map(|call| &call.arguments);
        let parameter = arguments.any(|argument| {
            matches!(argument, Argument::Mechanism(given) if given.parameter != ParameterValue::None)
        });
        assert_eq!(parameter, kept);
    }
}

#[test]
fn no_other_pin_is_tried() {
    let mut decoded = sequence(&[Function::C_SetPIN, Function::C_Login, Function::C_Digest]);
    let text = |text: &str| Argument::Bytes(Bytes::of(Content::Text(text.to_owned())));
    for call in calls_mut(&mut decoded.sequence.steps) {
        for (argument, parameter) in call.arguments.iter_mut().zip(call.function.parameters()) {
            if parameter.kind == crate::cryptoki::function::ParameterKind::In {
                *argument = text("1234");
            }
        }
    }
    let whole = decoded.clone();
    let shows = &mut |candidate: &Decoded| {
        for (call, before) in candidate.sequence.calls().zip(whole.sequence.calls()) {
            if candidate.sequence.calls().count() == 3 && call.function != Function::C_Digest {
                assert_eq!(call.arguments, before.arguments);
            }
        }
        Ok::<_, Infallible>(candidate.sequence.calls().count() == 3)
    };
    let Ok(shrunk) = shrink(decoded, &mut Budget::of(Duration::from_secs(60)), shows);
    let last = shrunk.sequence.calls().last().cloned();
    assert_eq!(
        last.map(|call| call.arguments[1].clone()),
        Some(Argument::Default)
    );
}

/// Two calls that must be in different lanes, and nothing else.
#[test]
fn lanes_are_left_with_what_takes_two_of_them() {
    let mut decoded = sequence(&[Function::C_GetInfo; 40]);
    let mut lanes: Vec<Vec<Step>> = (0..4).map(|_| Vec::new()).collect();
    for (place, step) in decoded.sequence.steps.drain(4..).enumerate() {
        lanes[place % 4].push(step);
    }
    for (lane, function) in [(1, Function::C_Sign), (3, Function::C_Logout)] {
        lanes[lane].insert(3, Step::Call(Box::new(Call::new(99, function))));
    }
    let block = Together {
        repeat: 16,
        ..Together::of(lanes)
    };
    decoded.sequence.steps.insert(2, Step::Together(block));
    let shows = &mut |candidate: &Decoded| {
        let has = |lane: &Vec<Step>, function| {
            crate::sequence::calls(lane).any(|call| call.function == function)
        };
        let beside = |block: &Together| {
            let of = |function| block.lanes.iter().position(|lane| has(lane, function));
            let both = of(Function::C_Sign).zip(of(Function::C_Logout));
            both.is_some_and(|(sign, logout)| sign != logout)
        };
        let mut steps = candidate.sequence.steps.iter();
        Ok::<_, Infallible>(
            steps.any(|step| matches!(step, Step::Together(block) if beside(block))),
        )
    };
    let Ok(shrunk) = shrink(decoded, &mut Budget::of(Duration::from_secs(60)), shows);
    let call = |function| vec![Step::Call(Box::new(Call::new(99, function)))];
    let block = Together::of(vec![call(Function::C_Sign), call(Function::C_Logout)]);
    assert_eq!(shrunk.sequence.steps, [Step::Together(block)]);
    // Without the need for two of them there is no block.
    let shows = &mut |candidate: &Decoded| {
        let left = functions(candidate);
        Ok::<_, Infallible>(left.contains(&Function::C_Sign))
    };
    let Ok(shrunk) = shrink(shrunk, &mut Budget::of(Duration::from_secs(60)), shows);
    assert_eq!(shrunk.sequence.steps, call(Function::C_Sign));
}

#[test]
fn a_spent_budget_leaves_things_as_they_are() {
    let decoded = sequence(&[Function::C_GetInfo, Function::C_Sign]);
    let shows = &mut |_: &Decoded| Ok::<_, Infallible>(true);
    let Ok(same) = shrink(decoded.clone(), &mut Budget::of(Duration::ZERO), shows);
    assert_eq!(same, decoded);
}
