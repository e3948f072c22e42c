//! Cross-use: what the target makes, the reference token takes, and the reverse; where there is but one right answer,
//! both give it ([PKCS11-Base 3.2] chapter 6). A pair of functions that are wrong in the same way, each the inverse of
//! the other, shows by nothing else.
//!
//! Keys are those of both sides (`keys`), mechanisms those that both list (`subject`), and what is made and taken is a
//! signature, a ciphertext, a wrapped key, a derived one, an encapsulated one or a digest (`work`). Whatever either
//! side does not import, know or permit is not compared.

mod keys;
mod known;
mod parameter;
mod subject;
mod values;
mod work;

use std::sync::Arc;

use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::{Ground, absent};
use super::question::Question;
use super::relay::{Leg, Side};
use super::script::Script;
use super::table::Asked;
use subject::{Parties, Task};

/// Names of what is made by the side that begins, by the other, and by the target once more.
const FIRST: &str = "first";
const SECOND: &str = "second";
const OWN: &str = "own";
/// Choices of a draw: what is asked about.
const WHICH: usize = 0;
/// Coins of a draw: who begins.
const BEGINS: u32 = 2;

/// What one makes, the other takes.
pub(super) fn each_other(ground: &Arc<Ground>) -> Asked {
    let subjects = subject::all(ground, ground.reference()?);
    if subjects.is_empty() {
        return Err(absent(
            "the token lists no mechanism that the reference token has",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let subject = draw.pick(WHICH, &subjects).unwrap_or(&subjects[0]);
        let first = match draw.coin(BEGINS) {
            true => Side::Target,
            false => Side::Reference,
        };
        let (section, name) = (subject.row().section, subject.row().name);
        let legs = ground.reference().ok().and_then(|reference| {
            let parties = Parties {
                target: &ground,
                reference,
                first,
            };
            Some(legs(&subject.task(&parties, &draw)?, first))
        });
        Question::relay(name, section, legs.unwrap_or_default())
    };
    Ok(draw().prop_map(ask).boxed())
}

/// The side that begins makes something; the other one takes it, and makes something that the first takes.
fn legs(task: &Task, first: Side) -> Vec<Leg> {
    let Task { keys, work } = task;
    let shared = !keys.are_kept();
    let mut legs = vec![leg(first, |script| {
        keys.make(script);
        work.make(script, FIRST, None);
    })];
    let one_answer = work.repeats();
    // What the reference token says against something that the target made.
    let accusation = |of: &str, right: &str| {
        let mut script = Script::default();
        keys.import(&mut script);
        if one_answer {
            work.make(&mut script, OWN, Some(right));
        } else {
            work.deny(&mut script, of);
            if shared {
                work.make(&mut script, OWN, None);
                work.take(&mut script, OWN);
            }
        }
        script.finish()
    };
    let second = leg(first.other(), |script| {
        keys.import(script);
        if shared {
            work.make(script, SECOND, one_answer.then_some(FIRST));
        }
        work.take(script, FIRST);
    });
    legs.push(match first {
        Side::Target => accused(second, accusation(FIRST, SECOND)),
        Side::Reference => second,
    });
    if !shared || !work.is_taken() {
        return legs;
    }
    let third = leg(first, |script| {
        keys.import(script);
        work.take(script, SECOND);
    });
    legs.push(match first {
        Side::Target => third,
        Side::Reference => accused(third, accusation(SECOND, FIRST)),
    });
    legs
}

fn leg(side: Side, calls: impl FnOnce(&mut Script)) -> Leg {
    let mut script = Script::default();
    calls(&mut script);
    Leg {
        side,
        sequence: script.finish(),
        accusation: None,
    }
}

fn accused(leg: Leg, accusation: crate::sequence::Sequence) -> Leg {
    Leg {
        accusation: Some(accusation),
        ..leg
    }
}
