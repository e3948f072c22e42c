//! What may stand in the place of an argument because it is plainer: numbers, structures by field, and what refers to
//! earlier outputs. Which of it still shows a failure is for shrinking to find out.

use crate::cryptoki::Function;
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::structure::layout;
use crate::sequence::visit::{self, Place};
use crate::sequence::{
    Argument, Call, Content, FieldValue, MechanismArgument, Number, ParameterValue, Sequence,
    Structure, calls_mut,
};

/// A handle that a call of a sequence gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Handle {
    /// What it is of.
    domain: Domain,
    /// The name under which it is kept.
    pub(super) name: String,
}

/// The handles that calls give, in order. Those of lanes are not told: which of two comes first is not known there, and lanes
/// that share a session are something else ([PKCS11-Base 3.2] 5.1.2).
pub(super) fn handles(sequence: &Sequence) -> Vec<Handle> {
    if sequence.has_lanes() {
        return Vec::new();
    }
    sequence.calls().flat_map(given).collect()
}

fn given(call: &Call) -> impl Iterator<Item = Handle> {
    call.gives.iter().filter_map(|capture| {
        let mut parameters = call.function.parameters().iter();
        let output = parameters.find(|parameter| parameter.name == capture.output.name)?;
        match output.kind {
            ParameterKind::OutUlong(domain @ (Domain::Session | Domain::Object)) => Some(Handle {
                domain,
                name: capture.name.clone(),
            }),
            _ => None,
        }
    })
}

/// The first of its kind, if the handle of this name is another one.
pub(super) fn first<'h>(handles: &'h [Handle], name: &str) -> Option<&'h str> {
    let own = handles.iter().find(|handle| handle.name == name)?;
    let first = handles.iter().find(|other| other.domain == own.domain)?;
    (first.name != name).then_some(first.name.as_str())
}

/// The sequence with another handle wherever this one is used.
pub(super) fn renamed(sequence: &Sequence, from: &str, to: &str) -> Sequence {
    let mut sequence = sequence.clone();
    for call in calls_mut(&mut sequence.steps) {
        visit::call(call, &mut |place| {
            if let Place::Number(Number::Reference(reference)) = place
                && reference.name == from
            {
                to.clone_into(&mut reference.name);
            }
        });
    }
    sequence
}

/// What is plainer in the place of an argument, the plainest first. Their number is linear in the parts of the argument.
pub(super) fn plainer(call: &Call, place: usize, handles: &[Handle]) -> Vec<Argument> {
    let argument = &call.arguments[place];
    let mut all = match argument {
        Argument::Number(Number::Literal(value)) => plainer_number(call, place, *value)
            .into_iter()
            .map(|value| Argument::Number(Number::Literal(value)))
            .collect(),
        _ => Vec::new(),
    };
    let mut count = 0;
    visit::argument(&mut argument.clone(), &mut |_| count += 1);
    for changed in 0..count {
        all.extend(without_reference(argument, changed, handles));
    }
    all
}

/// Numbers that say less. A slot stays, as there may be another token in any other, and so does what a function with a
/// PIN is told, whose PIN would be tried on somebody else. A constant has its name, and says no less than another.
fn plainer_number(call: &Call, place: usize, value: u64) -> Vec<u64> {
    let parameters = call.function.parameters();
    let is_kept = parameters.iter().any(|parameter| parameter.is_pin())
        // Without its flag it waits for good, and that is no hang.
        || call.function == Function::C_WaitForSlotEvent;
    if is_kept {
        return Vec::new();
    }
    let mut plainer = match parameters[place].kind {
        // 0 is a handle of nothing; any other may be that of an object which somebody uses.
        ParameterKind::Ulong(Domain::Session | Domain::Object) => vec![0],
        ParameterKind::Ulong(Domain::Plain) | ParameterKind::Bool => vec![0, 1],
        ParameterKind::Ulong(Domain::Flags(_)) => {
            let highest = value.checked_ilog2().map_or(0, |bit| 1 << bit);
            vec![0, value & !highest, value & value.wrapping_sub(1)]
        }
        _ => Vec::new(),
    };
    plainer.retain(|number| *number < value);
    // True is no less plain than false.
    if parameters[place].kind == ParameterKind::Bool && value == 1 {
        plainer.clear();
    }
    plainer.dedup();
    plainer
}

/// The argument with something plainer at one of its places, if an output of an earlier call stands there.
fn without_reference(argument: &Argument, changed: usize, handles: &[Handle]) -> Vec<Argument> {
    /// As long as a block or a vector.
    const SHORT: usize = 16;
    let with = |change: &mut dyn FnMut(Place<'_>) -> bool| {
        let mut argument = argument.clone();
        let (mut at, mut is_other) = (0, false);
        visit::argument(&mut argument, &mut |place| {
            if at == changed {
                is_other = change(place);
            }
            at += 1;
        });
        is_other.then_some(argument)
    };
    let earlier = with(&mut |place| match place {
        Place::Number(Number::Reference(reference)) if reference.path.is_empty() => {
            let first = first(handles, &reference.name).map(str::to_owned);
            let is_other = first.is_some();
            reference.name = first.unwrap_or_default();
            is_other
        }
        _ => false,
    });
    let literals = [0, SHORT].map(|count| {
        with(&mut |place| match place {
            Place::Content(content @ Content::Reference(_)) => {
                *content = Content::Repeat { byte: 0, count };
                true
            }
            _ => false,
        })
    });
    earlier
        .into_iter()
        .chain(literals.into_iter().flatten())
        .collect()
}

/// The argument with one field less in its structure.
pub(super) fn fewer_fields(argument: &Argument) -> Vec<Argument> {
    match argument {
        Argument::Structure(given) => {
            let fewer = structures(given).into_iter();
            fewer.map(Argument::Structure).collect()
        }
        Argument::Mechanism(given) => {
            let fewer = mechanisms(given).into_iter();
            fewer
                .map(|given| Argument::Mechanism(Box::new(given)))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn mechanisms(given: &MechanismArgument) -> Vec<MechanismArgument> {
    let ParameterValue::Structure(structure) = &given.parameter else {
        return Vec::new();
    };
    let fewer = structures(structure).into_iter();
    fewer
        .map(|fewer| MechanismArgument {
            parameter: ParameterValue::Structure(fewer),
            ..given.clone()
        })
        .collect()
}

/// A field that is not mentioned is zero. A pointer stays whose length is told by no field of the name for it: what its
/// memory is said to have would be a lie.
fn structures(structure: &Structure) -> Vec<Structure> {
    let mut all = Vec::new();
    for (at, (_, value)) in structure.fields.iter().enumerate() {
        if !points_without_a_length(structure, at) {
            let mut fewer = structure.clone();
            fewer.fields.remove(at);
            all.push(fewer);
        }
        for inner in fields(value) {
            let mut plainer = structure.clone();
            plainer.fields[at].1 = inner;
            all.push(plainer);
        }
    }
    all
}

fn points_without_a_length(structure: &Structure, at: usize) -> bool {
    let Some((name, FieldValue::Bytes(_) | FieldValue::Ulongs(_) | FieldValue::Structures(_))) =
        structure.fields.get(at)
    else {
        return false;
    };
    layout(&structure.name).is_none_or(|layout| layout.length_of(name).is_none())
}

/// The value of a field with one field less in what it consists of.
fn fields(value: &FieldValue) -> Vec<FieldValue> {
    match value {
        FieldValue::Structures(list) => {
            let each = list.iter().enumerate().flat_map(|(at, one)| {
                structures(one).into_iter().map(move |fewer| {
                    let mut list = list.clone();
                    list[at] = fewer;
                    FieldValue::Structures(list)
                })
            });
            each.collect()
        }
        FieldValue::Mechanism(given) => {
            let fewer = mechanisms(given).into_iter();
            fewer
                .map(|given| FieldValue::Mechanism(Box::new(given)))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
