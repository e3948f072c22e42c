//! Arbitrary sequences for tests: every function, every kind of argument, every relation, as far as
//! the YAML form can say them. Arguments and expectations have files of their own.

mod argument;
mod expectation;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use self::argument::argument;
use self::expectation::{expectations, output};
use super::{
    Call, Capture, Content, ForEach, Number, Reference, Selector, Sequence, Step, Together,
};
use crate::cryptoki::Function;

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_][a-zA-Z0-9_-]{0,5}".prop_filter("a name of its own", |name| {
        !["target", "length"].contains(&name.as_str())
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,8}",
        vec(any::<char>(), 0..6).prop_map(String::from_iter),
        "[$0-9~:#\\- ]{0,4}",
    ]
}

fn reference() -> impl Strategy<Value = Reference> {
    let segment = prop_oneof![
        3 => name().prop_map(Selector::Field),
        1 => Just(Selector::Length),
        1 => any::<i8>().prop_filter("beside it", |more| *more != 0).prop_map(Selector::Beside),
    ];
    let index = || option::of(any::<u16>());
    (name(), index(), vec((segment, index()), 0..3)).prop_map(|(name, index, rest)| {
        let at = |index: u16| Selector::Index(index.into());
        let mut reference = Reference::to(name);
        reference.path.extend(index.map(at));
        for (segment, index) in rest {
            reference.path.push(segment);
            reference.path.extend(index.map(at));
        }
        reference
    })
}

fn value() -> impl Strategy<Value = u64> {
    prop_oneof![0..40u64, any::<u64>(), any::<u32>().prop_map(u64::from)]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        3 => value().prop_map(Number::Literal),
        1 => reference().prop_map(Number::Reference),
        1 => Just(Number::Dangling),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let leaf = prop_oneof![
        vec(any::<u8>(), 0..6).prop_map(Content::Literal),
        text().prop_map(Content::Text),
        reference().prop_map(Content::Reference),
        (any::<u8>(), any::<usize>()).prop_map(|(byte, count)| Content::Repeat { byte, count }),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let of = || inner.clone().prop_map(Box::new);
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Content::Concat),
            (of(), any::<usize>()).prop_map(|(of, bit)| Content::Flip { of, bit }),
            (of(), any::<usize>()).prop_map(|(of, count)| Content::Take { of, count }),
            (of(), any::<usize>()).prop_map(|(of, count)| Content::Skip { of, count }),
        ]
    })
}

fn codes() -> impl Strategy<Value = Vec<u64>> {
    vec(value(), 0..3)
}

fn call() -> impl Strategy<Value = Call> {
    select(Function::ALL).prop_flat_map(|function| {
        let kinds = function.parameters().iter();
        let arguments: Vec<_> = kinds.map(|parameter| argument(parameter.kind)).collect();
        let gives = (output(function), name());
        let gives = gives.prop_map(|(output, name)| output.map(|output| Capture { output, name }));
        let checks = [(); 3].map(|()| expectations(function));
        let rest = (option::of(text()), option::of(name()), any::<[bool; 3]>());
        (arguments, [codes(), codes(), codes()], gives, checks, rest).prop_map(
            move |(arguments, [returns, tolerates, not_applicable], gives, checks, rest)| {
                let [expect, expect_strict, requires] = checks;
                let (otherwise, answer, [keep_going, must_exist, all_but]) = rest;
                // One list of return values: those that are right, or those that are not.
                let (except, returns) = if all_but {
                    (returns, Vec::new())
                } else {
                    (Vec::new(), returns)
                };
                Call {
                    arguments,
                    returns,
                    except,
                    tolerates,
                    not_applicable,
                    gives: gives.into_iter().collect(),
                    answer,
                    expect,
                    expect_strict,
                    requires,
                    otherwise,
                    keep_going,
                    must_exist,
                    ..Call::new(0, function)
                }
            },
        )
    })
}

/// Any sequence.
pub(crate) fn sequence() -> impl Strategy<Value = Sequence> {
    let one = || call().prop_map(|call| Step::Call(Box::new(call)));
    let each = (reference(), name(), vec(one(), 0..3))
        .prop_map(|(list, bind, steps)| Step::ForEach(ForEach { list, bind, steps }));
    let lanes = || vec(vec(one(), 0..3), 1..4);
    let repeated = (1..9u32, lanes()).prop_map(|(repeat, lanes)| Together {
        repeat,
        ..Together::of(lanes)
    });
    let ordered = (lanes(), vec(0..9u16, 0..5)).prop_map(|(lanes, order)| {
        let count = lanes.len() as u16;
        Together {
            order: order.into_iter().map(|lane| lane % count).collect(),
            ..Together::of(lanes)
        }
    });
    let together = prop_oneof![repeated, ordered].prop_map(Step::Together);
    let pause = (1..=1000u32).prop_map(Step::Pause);
    let child = vec(one(), 0..3).prop_map(Step::InChild);
    let token = any::<bool>().prop_map(|present| Step::Token { present });
    let others = prop_oneof![each, together, child, pause, Just(Step::Reload), token];
    vec(prop_oneof![4 => one(), 3 => others], 0..4).prop_map(|mut steps| {
        number_calls(&mut steps, &mut 0);
        Sequence { steps }
    })
}

fn number_calls(steps: &mut [Step], counter: &mut u32) {
    for step in steps {
        match step {
            Step::Call(call) => {
                *counter += 1;
                call.number = *counter;
            }
            Step::ForEach(each) => number_calls(&mut each.steps, counter),
            Step::Together(block) => {
                let lanes = block.lanes.iter_mut();
                lanes.for_each(|lane| number_calls(lane, counter));
            }
            Step::InChild(steps) => number_calls(steps, counter),
            Step::Pause(_) | Step::Reload | Step::Token { .. } => {}
        }
    }
}
