//! A sequence made over and over in one process, so that memory that it takes for good comes to be more than a worker
//! may have.

use crate::cryptoki::Function;
use crate::run::ladder;
use crate::sequence::decode::Decoded;
use crate::sequence::visit::{self, Place};
use crate::sequence::{
    ANY, Call, MAX_REPEAT, Number, Sequence, Step, Together, Value, calls, calls_mut,
};

/// How often the lane has the sequence's steps, each time that it makes its own.
const ROUNDS: usize = 4;
/// The name of the session that every round opens.
const AGAIN: &str = "again";

/// The sequence as rounds of a lane alone, each in a session of its own, which it closes with all others that it opens.
/// What it began with stays open, so that a login stays, too.
pub(super) fn many_times(decoded: &Decoded) -> Decoded {
    let is_fixture = |step: &&Step| matches!(step, Step::Call(call) if call.fixture);
    let count = decoded.sequence.steps.iter().take_while(is_fixture).count();
    let (begin, rest) = decoded.sequence.steps.split_at(count);
    let mut round = rest.to_vec();
    let mut given = decoded.given.clone();
    if let Some(open) = opening(begin) {
        let mut again = open.clone();
        again.fixture = false;
        for capture in &mut again.gives {
            rename(&mut round, &capture.name);
            AGAIN.clone_into(&mut capture.name);
        }
        round.insert(0, Step::Call(Box::new(again)));
        given.push((AGAIN.to_owned(), Value::Number(0)));
    }
    let end = ladder::close(&Sequence {
        steps: round.clone(),
    });
    round.extend(end);
    let mut lane = vec![round; ROUNDS].concat();
    let first = calls(begin).map(|call| call.number).max().unwrap_or(0) + 1;
    for (call, number) in calls_mut(&mut lane).into_iter().zip(first..) {
        (call.number, call.except) = (number, vec![ANY]);
    }
    let mut steps = begin.to_vec();
    steps.push(Step::Together(Together {
        repeat: MAX_REPEAT,
        ..Together::of(vec![lane])
    }));
    Decoded {
        sequence: Sequence { steps },
        given,
        shares_login: decoded.shares_login,
        own_token: decoded.own_token,
    }
}

fn opening(begin: &[Step]) -> Option<&Call> {
    calls(begin).find(|call| call.function == Function::C_OpenSession)
}

/// Has the steps refer to the session of their round in the place of another one.
fn rename(steps: &mut [Step], name: &str) {
    for call in calls_mut(steps) {
        visit::call(call, &mut |place| {
            if let Place::Number(Number::Reference(reference)) = place
                && reference.name == name
            {
                AGAIN.clone_into(&mut reference.name);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::decode::{Prelude, Setting, decode};
    use crate::sequence::shape::sessions;

    #[test]
    fn every_round_opens_its_session_and_closes_what_it_opened() {
        let setting = Setting::new(Prelude::Session, |_| true);
        let decoded = decode(&[4, 11, 0, 0, 1, 1, 1, 0, 1, 1, 1], &setting).by_itself();
        let repeated = many_times(&decoded);
        let [Step::Call(open), Step::Call(login), Step::Together(block)] =
            repeated.sequence.steps.as_slice()
        else {
            panic!("{:#?}", repeated.sequence);
        };
        let functions = (open.function, login.function);
        assert_eq!(functions, (Function::C_OpenSession, Function::C_Login));
        assert_eq!(block.repeat, MAX_REPEAT);
        let made: Vec<&Call> = calls(&block.lanes[0]).collect();
        let ends = [made[0], made[made.len() - 1]].map(|call| call.function);
        assert_eq!(ends, [Function::C_OpenSession, Function::C_CloseSession]);
        assert!(
            made.iter()
                .flat_map(|call| sessions(call))
                .all(|name| name == AGAIN)
        );
        let numbers: std::collections::BTreeSet<u32> =
            repeated.sequence.calls().map(|call| call.number).collect();
        assert_eq!(numbers.len(), repeated.sequence.calls().count());
    }
}
