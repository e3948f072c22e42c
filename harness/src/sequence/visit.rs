//! Every place in a call's arguments, or in what is expected of it, that may refer to what earlier calls gave.

use super::expectation::Expected;
use super::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Content, FieldValue,
    MechanismArgument, Number, ParameterValue, Reference, Relation, Structure,
};

/// A place that is, or may be, a reference.
#[derive(Debug)]
pub enum Place<'a> {
    /// A number, handle or length.
    Number(&'a mut Number),
    /// Bytes.
    Content(&'a mut Content),
}

impl Place<'_> {
    /// The reference that stands here.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        match self {
            Place::Number(Number::Reference(reference))
            | Place::Content(Content::Reference(reference)) => Some(reference),
            _ => None,
        }
    }
}

/// What is done at every place.
type Visit<'v> = dyn FnMut(Place<'_>) + 'v;

/// Visits every place of a call's arguments.
pub fn call(call: &mut Call, visit: &mut Visit<'_>) {
    for argument in &mut call.arguments {
        self::argument(argument, visit);
    }
}

/// Visits every place of an argument.
pub fn argument(argument: &mut Argument, visit: &mut Visit<'_>) {
    match argument {
        Argument::Number(number) => visit(Place::Number(number)),
        Argument::Bytes(given) => bytes(given, visit),
        Argument::Buffer(given) => buffer(given, visit),
        Argument::Template(template) => {
            attributes(&mut template.attributes, visit);
            claim(&mut template.claim, visit);
        }
        Argument::Mechanism(given) => mechanism(given, visit),
        Argument::Structure(given) => structure(given, visit),
        Argument::Default
        | Argument::Null
        | Argument::Pointer(_)
        | Argument::InitArgs(_)
        | Argument::Version { .. }
        | Argument::Callback
        | Argument::CancellingCallback => {}
    }
}

/// Visits every place of what must hold of an output.
pub fn relation(relation: &mut Relation, visit: &mut Visit<'_>) {
    match relation {
        Relation::Equals(expected) | Relation::Differs(expected) => {
            self::expected(expected, visit);
        }
        Relation::OneOf(list) | Relation::Contains(list) | Relation::Excludes(list) => {
            for one in list {
                self::expected(one, visit);
            }
        }
        Relation::Length(inner) => self::relation(inner, visit),
        Relation::AtLeast(number) | Relation::AtMost(number) => visit(Place::Number(number)),
        Relation::All(list) => {
            for inner in list {
                self::relation(inner, visit);
            }
        }
        Relation::Has(_)
        | Relation::Lacks(_)
        | Relation::Unique
        | Relation::Padded
        | Relation::Random
        | Relation::Text(_)
        | Relation::Roca
        | Relation::WeakExponent
        | Relation::Unavailable => {}
    }
}

fn expected(expected: &mut Expected, visit: &mut Visit<'_>) {
    match expected {
        Expected::Number(number) => visit(Place::Number(number)),
        Expected::Bytes(given) => content(given, visit),
        Expected::Version(..) => {}
    }
}

fn claim(claim: &mut Option<Number>, visit: &mut Visit<'_>) {
    if let Some(number) = claim {
        visit(Place::Number(number));
    }
}

fn numbers(numbers: &mut [Number], visit: &mut Visit<'_>) {
    for number in numbers {
        visit(Place::Number(number));
    }
}

fn bytes(bytes: &mut Bytes, visit: &mut Visit<'_>) {
    if let Some(given) = &mut bytes.content {
        content(given, visit);
    }
    claim(&mut bytes.claim, visit);
}

fn content(content: &mut Content, visit: &mut Visit<'_>) {
    match content {
        Content::Concat(parts) => {
            for part in parts {
                self::content(part, visit);
            }
        }
        Content::Flip { of, .. } | Content::Take { of, .. } | Content::Skip { of, .. } => {
            self::content(of, visit);
        }
        _ => visit(Place::Content(content)),
    }
}

fn buffer(buffer: &mut Buffer, visit: &mut Visit<'_>) {
    if let BufferSize::Elements(number) = &mut buffer.size {
        visit(Place::Number(number));
    }
    claim(&mut buffer.claim, visit);
}

fn attributes(attributes: &mut [Attribute], visit: &mut Visit<'_>) {
    for attribute in attributes {
        match &mut attribute.value {
            AttributeValue::Bool(_) => {}
            AttributeValue::Ulong(number) => visit(Place::Number(number)),
            AttributeValue::Ulongs(list) => numbers(list, visit),
            AttributeValue::Bytes(given) => bytes(given, visit),
            AttributeValue::Template(nested) => self::attributes(nested, visit),
            AttributeValue::Buffer(given) => buffer(given, visit),
        }
    }
}

fn mechanism(mechanism: &mut MechanismArgument, visit: &mut Visit<'_>) {
    visit(Place::Number(&mut mechanism.mechanism));
    claim(&mut mechanism.claim, visit);
    match &mut mechanism.parameter {
        ParameterValue::None => {}
        ParameterValue::Bytes(given) => bytes(given, visit),
        ParameterValue::Ulong(number) => visit(Place::Number(number)),
        ParameterValue::Structure(given) => structure(given, visit),
    }
}

fn structure(structure: &mut Structure, visit: &mut Visit<'_>) {
    for (_, value) in &mut structure.fields {
        match value {
            FieldValue::Number(number) => visit(Place::Number(number)),
            FieldValue::Bytes(given) => bytes(given, visit),
            FieldValue::Ulongs(list) => numbers(list, visit),
            FieldValue::Structures(list) => {
                for nested in list {
                    self::structure(nested, visit);
                }
            }
            FieldValue::Mechanism(given) => mechanism(given, visit),
            FieldValue::Template(given) => attributes(given, visit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::arbitrary;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What the written form shows as a reference in an argument is visited, and nothing else is.
        #[test]
        fn every_reference_is_visited(sequence in arbitrary::sequence()) {
            for call in sequence.calls() {
                let mut bare = call.clone();
                let mut visited = 0;
                self::call(&mut bare, &mut |place| {
                    visited += usize::from(place.reference().is_some());
                    match place {
                        Place::Number(number @ Number::Reference(_)) => *number = Number::Literal(0),
                        Place::Content(content @ Content::Reference(_)) => {
                            *content = Content::Literal(Vec::new());
                        }
                        _ => {}
                    }
                });
                let shown = format!("{:?}", call.arguments).matches("Reference(").count();
                prop_assert_eq!(visited, shown);
                let left = format!("{:?}", bare.arguments).contains("Reference(");
                prop_assert!(!left);
            }
        }
    }
}
