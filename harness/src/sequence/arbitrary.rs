//! Arbitrary sequences for tests: every function, every kind of argument, every relation, as far as
//! the YAML form can say them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::expectation::{Expectation, Expected, Relation};
use super::read::{Shape, shape};
use super::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    FieldValue, ForEach, InitArgs, MechanismArgument, Mutexes, Number, ParameterValue, Reference,
    Reserved, Selector, Sequence, Step, Structure, Template,
};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure::{FieldType, layout, structure_names};
use crate::cryptoki::{AttributeType, Function, Kind, attribute, names};

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
        ]
    })
}

fn bytes() -> impl Strategy<Value = Bytes> {
    (
        option::weighted(0.8, content()),
        option::weighted(0.3, number()),
    )
        .prop_map(|(content, claim)| Bytes { content, claim })
}

fn buffer() -> impl Strategy<Value = Buffer> {
    let size = prop_oneof![
        Just(BufferSize::Null),
        Just(BufferSize::Exact),
        Just(BufferSize::Short),
        number().prop_map(BufferSize::Elements),
    ];
    (size, option::of(number()), any::<bool>()).prop_map(|(size, claim, null_length)| Buffer {
        size,
        claim,
        null_length,
    })
}

fn attribute_type() -> impl Strategy<Value = u64> {
    let known: Vec<u64> = names::of_kind(Kind::ATTRIBUTE)
        .iter()
        .map(|c| c.value)
        .collect();
    prop_oneof![9 => select(known), 1 => value()]
}

fn attribute(depth: u32) -> BoxedStrategy<Attribute> {
    attribute_type()
        .prop_flat_map(move |attribute| {
            let typed = match attribute::attribute_type(attribute) {
                AttributeType::Bool => any::<u8>().prop_map(AttributeValue::Bool).boxed(),
                AttributeType::Ulong(_) => number().prop_map(AttributeValue::Ulong).boxed(),
                AttributeType::Ulongs(_) => {
                    vec(number(), 0..3).prop_map(AttributeValue::Ulongs).boxed()
                }
                AttributeType::Template if depth > 0 => attributes(depth - 1)
                    .prop_map(AttributeValue::Template)
                    .boxed(),
                _ => bytes().prop_map(AttributeValue::Bytes).boxed(),
            };
            prop_oneof![3 => typed, 1 => bytes().prop_map(AttributeValue::Bytes)]
                .prop_map(move |value| Attribute { attribute, value })
        })
        .boxed()
}

fn attributes(depth: u32) -> impl Strategy<Value = Vec<Attribute>> {
    vec(attribute(depth), 0..4)
}

fn out_attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let one = (attribute_type(), buffer()).prop_map(|(attribute, buffer)| Attribute {
        attribute,
        value: AttributeValue::Buffer(buffer),
    });
    vec(one, 0..4)
}

fn template(attributes: impl Strategy<Value = Vec<Attribute>>) -> impl Strategy<Value = Template> {
    (attributes, option::weighted(0.2, number()))
        .prop_map(|(attributes, claim)| Template { attributes, claim })
}

fn mechanism(depth: u32) -> BoxedStrategy<MechanismArgument> {
    let mechanisms: Vec<u64> = names::of_kind(Kind::MECHANISM)
        .iter()
        .map(|c| c.value)
        .collect();
    let mechanism = prop_oneof![
        4 => select(mechanisms).prop_map(Number::Literal),
        1 => value().prop_map(Number::Literal),
        1 => reference().prop_map(Number::Reference),
    ];
    let parameter = prop_oneof![
        Just(ParameterValue::None),
        bytes().prop_map(ParameterValue::Bytes),
        number().prop_map(ParameterValue::Ulong),
        structure(depth).prop_map(ParameterValue::Structure),
    ];
    (mechanism, parameter, option::weighted(0.2, number()))
        .prop_map(|(mechanism, parameter, claim)| MechanismArgument {
            mechanism,
            parameter,
            claim,
        })
        .boxed()
}

fn structure(depth: u32) -> BoxedStrategy<Structure> {
    let mut all: Vec<&str> = structure_names().collect();
    all.sort_unstable();
    select(all)
        .prop_flat_map(move |name| fields(name, depth))
        .boxed()
}

fn fields(name: &'static str, depth: u32) -> BoxedStrategy<Structure> {
    let given: Vec<_> = layout(name)
        .into_iter()
        .flat_map(|layout| &layout.fields)
        .map(|field| {
            let name = field.name.to_owned();
            option::of(field_value(field.field_type, depth))
                .prop_map(move |value| value.map(|value| (name.clone(), value)))
        })
        .collect();
    given
        .prop_map(move |fields| Structure {
            name: name.to_owned(),
            fields: fields.into_iter().flatten().collect(),
        })
        .boxed()
}

fn field_value(field_type: FieldType, depth: u32) -> BoxedStrategy<FieldValue> {
    let null = || {
        Just(FieldValue::Bytes(Bytes {
            content: None,
            claim: None,
        }))
    };
    match field_type {
        FieldType::Ulong | FieldType::Bool | FieldType::Byte => {
            number().prop_map(FieldValue::Number).boxed()
        }
        FieldType::Nested("CK_VERSION") => any::<[u8; 2]>()
            .prop_map(|pair| FieldValue::Bytes(Bytes::of(Content::Literal(pair.to_vec()))))
            .boxed(),
        FieldType::Bytes(_) | FieldType::PointerToBytes => {
            bytes().prop_map(FieldValue::Bytes).boxed()
        }
        FieldType::PointerToUlong => vec(number(), 0..3).prop_map(FieldValue::Ulongs).boxed(),
        FieldType::PointerTo(_) if depth == 0 => null().boxed(),
        FieldType::PointerTo("CK_MECHANISM") => mechanism(depth - 1)
            .prop_map(|mechanism| FieldValue::Mechanism(Box::new(mechanism)))
            .boxed(),
        FieldType::PointerTo("CK_ATTRIBUTE") => {
            attributes(depth - 1).prop_map(FieldValue::Template).boxed()
        }
        FieldType::Nested(name) | FieldType::PointerTo(name) => {
            vec(fields(name, depth.saturating_sub(1)), 0..3)
                .prop_map(FieldValue::Structures)
                .boxed()
        }
    }
}

fn init_args() -> impl Strategy<Value = InitArgs> {
    let reserved = prop_oneof![
        Just(Reserved::Null),
        text().prop_map(Reserved::Text),
        any::<u64>().prop_map(Reserved::Pointer),
    ];
    let mutexes = select(vec![Mutexes::None, Mutexes::Callbacks, Mutexes::Incomplete]);
    (value(), mutexes, option::of(text()), reserved).prop_map(|(flags, mutexes, nss, reserved)| {
        InitArgs {
            flags,
            mutexes,
            nss,
            reserved,
        }
    })
}

fn argument(kind: ParameterKind) -> BoxedStrategy<Argument> {
    let given = match kind {
        ParameterKind::Ulong(_) | ParameterKind::Bool => {
            number().prop_map(Argument::Number).boxed()
        }
        ParameterKind::In | ParameterKind::Padded(_) | ParameterKind::Name => {
            bytes().prop_map(Argument::Bytes).boxed()
        }
        ParameterKind::Version => any::<(u8, u8)>()
            .prop_map(|(major, minor)| Argument::Version { major, minor })
            .boxed(),
        ParameterKind::Mechanism => mechanism(2)
            .prop_map(|m| Argument::Mechanism(Box::new(m)))
            .boxed(),
        ParameterKind::MessageParameter => prop_oneof![
            structure(1).prop_map(Argument::Structure),
            bytes().prop_map(Argument::Bytes),
        ]
        .boxed(),
        ParameterKind::Template => template(attributes(2)).prop_map(Argument::Template).boxed(),
        ParameterKind::OutTemplate => template(out_attributes())
            .prop_map(Argument::Template)
            .boxed(),
        ParameterKind::InitArgs => init_args()
            .prop_map(|given| Argument::InitArgs(Box::new(given)))
            .boxed(),
        ParameterKind::Notify => Just(Argument::Callback).boxed(),
        ParameterKind::OutBytes
        | ParameterKind::OutFixed
        | ParameterKind::OutUlongs(_)
        | ParameterKind::OutHandles
        | ParameterKind::OutInterfaces => buffer().prop_map(Argument::Buffer).boxed(),
        ParameterKind::Pointer
        | ParameterKind::Out(_)
        | ParameterKind::OutUlong(_)
        | ParameterKind::OutTable => Just(Argument::Null).boxed(),
    };
    prop_oneof![
        2 => Just(Argument::Default),
        5 => given,
        1 => any::<u64>().prop_map(Argument::Pointer),
    ]
    .boxed()
}

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
            Relation::Unavailable,
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
fn output(function: Function) -> BoxedStrategy<Option<Reference>> {
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

fn expectations(function: Function) -> impl Strategy<Value = Vec<Expectation>> {
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
        let rest = (option::of(text()), any::<[bool; 3]>());
        (arguments, codes(), codes(), gives, checks, rest).prop_map(
            move |(arguments, returns, not_applicable, gives, checks, rest)| {
                let [expect, expect_strict, requires] = checks;
                let (otherwise, [keep_going, must_exist, all_but]) = rest;
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
                    not_applicable,
                    gives: gives.into_iter().collect(),
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
    vec(prop_oneof![4 => one(), 1 => each], 0..4).prop_map(|mut steps| {
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
        }
    }
}
