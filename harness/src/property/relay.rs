//! Relays: questions that a target and the reference token answer in turn. A leg is a sequence of its own; what the legs
//! before it gave stands in it as bytes, so that the one in which something is wrong is a case for the target alone.

use std::collections::{BTreeMap, BTreeSet};

use super::script::SESSION;
use crate::oracle::CaseTrace;
use crate::sequence::{
    Call, Content, Number, Reference, Sequence, Value, calls, calls_mut, content, visit,
};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is tested.
    Target,
    /// The reference token, in a worker of its own.
    Reference,
}

impl Side {
    /// The one beside this one.
    pub(super) fn other(self) -> Self {
        match self {
            Side::Target => Side::Reference,
            Side::Reference => Side::Target,
        }
    }
}

/// What one side does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leg {
    pub(super) side: Side,
    pub(super) sequence: Sequence,
    /// What must hold of the target if the reference token is right in finding fault with what the target made. It can
    /// hold of no target that made it, so that it is the case of the finding.
    pub(super) accusation: Option<Sequence>,
}

/// What the calls of a sequence gave.
pub(super) type Given = BTreeMap<String, Value>;

/// What a sequence gave, as far as it came.
pub(super) fn given(sequence: &Sequence, trace: &CaseTrace) -> Given {
    let mut given = Given::new();
    for call in calls(&sequence.steps) {
        let mut records = trace.calls.iter().rev();
        let record = records.find(|record| {
            record.step == call.number && record.function == call.function && !record.question
        });
        let Some(record) = record else { continue };
        for capture in &call.gives {
            let mut parameters = call.function.parameters().iter();
            let place = parameters.position(|known| known.name == capture.output.name);
            let mut outputs = record.outputs.iter();
            let output = outputs.find(|(at, _)| Some(*at) == place);
            let value = output.and_then(|(_, value)| value.select(&capture.output.path));
            given.extend(value.map(|value| (capture.name.clone(), value)));
        }
    }
    given
}

/// A sequence with what others gave written out; the name of what none gave if there is something.
pub(super) fn written_out(sequence: &Sequence, given: &Given) -> Result<Sequence, String> {
    let mut sequence = sequence.clone();
    let own: BTreeSet<String> = calls(&sequence.steps)
        .flat_map(|call| call.gives.iter().map(|capture| capture.name.clone()))
        .collect();
    let find = |name: &str| given.get(name).cloned();
    let mut missing = None;
    let mut fill = |place: visit::Place<'_>| {
        let foreign = |reference: &&Reference| {
            let known = ["target", SESSION].contains(&reference.name.as_str());
            !known && !own.contains(&reference.name)
        };
        let Some(reference) = place.reference().filter(foreign).cloned() else {
            return;
        };
        let found = match place {
            visit::Place::Number(number) => {
                content::number(number, &find).map(|value| *number = Number::Literal(value))
            }
            visit::Place::Content(bytes) => {
                content::bytes(bytes, &find).map(|value| *bytes = Content::Literal(value))
            }
        };
        if found.is_err() {
            missing.get_or_insert(reference.name);
        }
    };
    for call in calls_mut(&mut sequence.steps) {
        visit::call(call, &mut fill);
        let Call {
            expect, requires, ..
        } = call;
        for expectation in expect.iter_mut().chain(requires) {
            visit::relation(&mut expectation.relation, &mut fill);
        }
    }
    match missing {
        Some(name) => Err(name),
        None => Ok(sequence),
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Script, equals, kept, on};
    use super::*;
    use crate::cryptoki::Function::{C_GenerateRandom, C_Verify};

    #[test]
    fn what_others_gave_is_written_out_and_what_is_its_own_is_left() {
        let mut script = Script::default();
        script.add(on(SESSION, C_GenerateRandom).room_for(4).kept("own"));
        let verify = on(SESSION, C_Verify).bytes("data", kept("own"));
        let verify = verify.bytes("signature", kept("made"));
        script.add(verify.was("own", equals(kept("made"))));
        let sequence = script.finish();
        assert_eq!(
            written_out(&sequence, &Given::new()),
            Err("made".to_owned())
        );
        let made = ("made".to_owned(), Value::Bytes(vec![1, 2]));
        let other = ("own".to_owned(), Value::Bytes(vec![3]));
        let given = Given::from([made, other]);
        let written = written_out(&sequence, &given).expect("all is given");
        let shown = format!("{written:?}");
        assert_eq!(shown.matches("Literal([1, 2])").count(), 2, "{shown}");
        assert!(!shown.contains("[3]"), "{shown}");
    }
}
