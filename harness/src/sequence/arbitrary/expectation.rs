//! Arbitrary outputs and what is expected of them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{content, number, reference, text, value};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure::layout;
use crate::cryptoki::{Function, Kind, names};
use crate::sequence::expectation::{Expectation, Expected, Relation};
use crate::sequence::read::{Shape, shape};
use crate::sequence::{Number, Reference, Selector};

fn expected(shape: Shape) -> BoxedStrategy<Expected> {
    match shape {
        Shape::Number(_) => number().prop_map(Expected::Number).boxed(),
        Shape::Any => prop_oneof![
            value().prop_map(|value| Expected::Number(Number::Literal(value))),
            other_expected(),
        ]
        .boxed(),
        Shape::Bytes | Shape::Text | Shape::Version => other_expected().boxed(),
    }
}

fn other_expected() -> impl Strategy<Value = Expected> {
    prop_oneof![
        reference().prop_map(|reference| Expected::Number(Number::Reference(reference))),
        content().prop_map(Expected::Bytes),
        any::<(u8, u8)>().prop_map(|(major, minor)| Expected::Version(major, minor)),
    ]
}

/// Relations of different keys, so that a mapping can hold them.
fn relation(of: Shape, depth: u32) -> BoxedStrategy<Relation> {
    let many = move || vec(expected(of), 0..3);
    let length = if depth == 0 {
        Just(Relation::AtLeast(Number::Literal(1))).boxed()
    } else {
        relation(Shape::Number(Domain::Plain), depth - 1)
    };
    let all = (
        prop_oneof![
            expected(of).prop_map(Relation::Equals),
            expected(of).prop_map(Relation::Differs),
        ],
        prop_oneof![
            many().prop_map(Relation::OneOf),
            many().prop_map(Relation::Contains),
            many().prop_map(Relation::Excludes),
        ],
        prop_oneof![
            number().prop_map(Relation::AtLeast),
            number().prop_map(Relation::AtMost),
            length.prop_map(|inner| Relation::Length(Box::new(inner))),
        ],
        prop_oneof![
            value().prop_map(Relation::Has),
            value().prop_map(Relation::Lacks),
            text().prop_map(Relation::Text),
        ],
        select(vec![
            Relation::Unique,
            Relation::Padded,
            Relation::Random,
            Relation::Unavailable,
            Relation::Roca,
            Relation::WeakExponent,
        ]),
    );
    let some = proptest::sample::subsequence(vec![0, 1, 2, 3, 4], 1..=5);
    (all, some)
        .prop_map(|((a, b, c, d, e), some)| {
            let all = [a, b, c, d, e];
            let mut list: Vec<Relation> = some.into_iter().map(|at| all[at].clone()).collect();
            match list.len() {
                1 => list.remove(0),
                _ => Relation::All(list),
            }
        })
        .boxed()
}

/// A way into an output of a function, or nothing if it has none.
pub(super) fn output(function: Function) -> BoxedStrategy<Option<Reference>> {
    let outputs = function.parameters().iter().filter(|p| p.kind.is_output());
    let mut paths = Vec::new();
    for parameter in outputs {
        let whole = || Reference::to(parameter.name);
        paths.push(whole());
        match parameter.kind {
            ParameterKind::Out(record) => {
                let names = layout(record.structure()).map(|layout| &layout.field_names);
                paths.extend(
                    names
                        .into_iter()
                        .flatten()
                        .map(|field| whole().field(*field)),
                );
            }
            ParameterKind::OutTemplate => {
                let known = names::of_kind(Kind::ATTRIBUTE).iter();
                paths.extend(known.map(|constant| whole().field(constant.name)));
            }
            ParameterKind::OutTable => paths.push(whole().field("version")),
            ParameterKind::MessageParameter => paths.push(whole().field("pIv")),
            _ => {}
        }
    }
    if paths.is_empty() {
        return Just(None).boxed();
    }
    (select(paths), any::<bool>())
        .prop_map(|(mut path, length)| {
            if length {
                path.path.push(Selector::Length);
            }
            Some(path)
        })
        .boxed()
}

pub(super) fn expectations(function: Function) -> impl Strategy<Value = Vec<Expectation>> {
    let of_output = output(function).prop_flat_map(move |path| match path {
        Some(subject) => relation(shape(function, &subject), 1)
            .prop_map(move |relation| {
                Some(Expectation {
                    subject: subject.clone(),
                    captured: false,
                    relation,
                })
            })
            .boxed(),
        None => Just(None).boxed(),
    });
    let of_capture = option::of((reference(), relation(Shape::Any, 1)).prop_map(
        |(subject, relation)| Expectation {
            subject,
            captured: true,
            relation,
        },
    ));
    (of_output, of_capture).prop_map(|(one, other)| one.into_iter().chain(other).collect())
}
