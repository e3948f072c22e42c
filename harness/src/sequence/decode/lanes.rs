//! Sequences with lanes: what lanes have in common is made first, then a block of them, then a look at what
//! they left.
//!
//! A lane has a session of its own, opened before the block, and shares the login, the token and the objects
//! made before. That several threads use one session at the same time is for the application to avoid
//! ([PKCS11-Base 3.2] 5.1.2), so that lanes never do unless they are asked to: no handle of a lane's session is ever
//! another's, neither by its number nor because it was given out again.

use std::collections::BTreeSet;

use super::setting::Lanes;
use super::tape::Tape;
use super::weight::{Weight, weight};
use super::{MOST_CALLS, Object, Writer, phrase};
use crate::cryptoki::Function;
use crate::sequence::shape::sessions;
use crate::sequence::{Step, Together, calls};

/// Most phrases before the block, in each lane, and after it.
const PHRASES: usize = 3;
/// How often lanes make their steps.
const REPEATS: [u32; 4] = [1, 1, 4, 16];
/// What names of a lane begin with, so that no two lanes give the same one.
const PREFIXES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Functions that no lane calls: what becomes of them beside others is left undefined (5.4.2, 5.5.4), or they are
/// about the library or the PINs that all lanes have.
const LEFT_OUT: [Function; 7] = [
    Function::C_Initialize,
    Function::C_Finalize,
    Function::C_WaitForSlotEvent,
    Function::C_InitToken,
    Function::C_InitPIN,
    Function::C_SetPIN,
    Function::C_LoginUser,
];

/// The lane that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// What its names begin with.
    pub(super) prefix: &'static str,
    /// True if it keeps away from the sessions of other lanes.
    pub(super) is_apart: bool,
}

impl Place {
    /// True if lanes do without this function.
    pub(super) fn leaves_out(self, function: Function) -> bool {
        let ends_all = function == Function::C_CloseAllSessions && self.is_apart;
        ends_all || LEFT_OUT.contains(&function)
    }
}

/// What the writer knows of names.
#[derive(Debug, Clone, Default)]
struct Known {
    sessions: Vec<String>,
    objects: Vec<Object>,
    outputs: Vec<String>,
    current: String,
}

impl Writer<'_> {
    fn known(&self) -> Known {
        Known {
            sessions: self.sessions.clone(),
            objects: self.objects.clone(),
            outputs: self.outputs.clone(),
            current: self.current.clone(),
        }
    }

    fn know(&mut self, known: Known) {
        (self.sessions, self.objects) = (known.sessions, known.objects);
        (self.outputs, self.current) = (known.outputs, known.current);
    }

    fn phrases(&mut self, tape: &mut Tape<'_>, most: usize) {
        for _ in 0..=tape.below(PHRASES) {
            if tape.is_over() || self.calls >= most {
                break;
            }
            phrase::phrase(self, tape);
        }
    }
}

/// Writes what comes after the prelude.
pub(super) fn sequence(writer: &mut Writer<'_>, tape: &mut Tape<'_>, lanes: Lanes) {
    writer.phrases(tape, MOST_CALLS / 3);
    let first = writer.current.clone();
    let own: Vec<String> = (0..lanes.count.min(PREFIXES.len()))
        .map(|_| {
            writer.open_session();
            writer.current.clone()
        })
        .collect();
    let repeat = REPEATS[tape.below(REPEATS.len())];
    block(writer, tape, &own, lanes, repeat);
    writer.current = first;
    writer.phrases(tape, usize::MAX);
}

/// Writes the block, one lane for each of the sessions.
fn block(writer: &mut Writer<'_>, tape: &mut Tape<'_>, own: &[String], lanes: Lanes, repeat: u32) {
    // Lanes that do the same are the likeliest to meet.
    let alike = tape.below(2) == 0;
    let in_one = lanes.share_sessions && tape.below(2) == 0;
    let begin = tape.clone();
    let (before, steps) = (writer.known(), std::mem::take(&mut writer.steps));
    let mut after = before.clone();
    let mut written = Vec::new();
    for (session, prefix) in own.iter().zip(PREFIXES) {
        let mut again = begin.clone();
        let source = match alike || tape.is_over() {
            true => &mut again,
            false => &mut *tape,
        };
        let mut inside = before.clone();
        inside
            .current
            .clone_from(if in_one { &own[0] } else { session });
        if !lanes.share_sessions {
            inside.sessions = vec![session.clone()];
        }
        let (sessions, objects) = (inside.sessions.len(), inside.objects.len());
        let outputs = inside.outputs.len();
        writer.know(inside);
        writer.lane = Some(Place {
            prefix,
            is_apart: !lanes.share_sessions,
        });
        let most = writer.calls + MOST_CALLS / own.len();
        writer.phrases(source, most);
        let mut lane = std::mem::take(&mut writer.steps);
        if !lanes.share_sessions {
            keep_apart(&mut lane);
        }
        let read = again.read();
        if tape.read() < read {
            *tape = again;
        }
        after.sessions.extend(writer.sessions.drain(sessions..));
        after.objects.extend(writer.objects.drain(objects..));
        after.outputs.extend(writer.outputs.drain(outputs..));
        written.push(lane);
    }
    writer.lane = None;
    writer.know(after);
    writer.steps = steps;
    written.retain(|lane| !lane.is_empty());
    let mut block = Together {
        repeat,
        ..Together::of(written)
    };
    let calls = block.lanes.iter().flat_map(|lane| calls(lane));
    if weight(calls) > Weight::Light || !block.may_be_repeated() {
        block.repeat = 1;
    }
    if !block.lanes.is_empty() {
        writer.steps.push(Step::Together(block));
    }
}

/// Takes out of a lane what would close a session that it did not open itself, and what uses one after it
/// was closed: by then its handle may be another lane's.
fn keep_apart(lane: &mut Vec<Step>) {
    let mut opened = BTreeSet::new();
    let mut closed = BTreeSet::new();
    lane.retain(|step| {
        let Step::Call(call) = step else {
            return true;
        };
        let sessions: Vec<String> = sessions(call).map(str::to_owned).collect();
        if sessions.iter().any(|name| closed.contains(name)) {
            return false;
        }
        if call.function == Function::C_CloseSession {
            let own = sessions.iter().all(|name| opened.contains(name));
            if own {
                closed.extend(sessions);
            }
            return own;
        }
        if call.function == Function::C_OpenSession {
            opened.extend(call.gives.iter().map(|capture| capture.name.clone()));
        }
        true
    });
}

/// True of a block whose rounds open sessions: all but those of the last round have no name to be closed by.
pub(super) fn loses_sessions(step: &Step) -> bool {
    match step {
        Step::Together(block) if block.repeat > 1 => {
            let mut made = block.lanes.iter().flat_map(|lane| calls(lane));
            made.any(|call| call.function == Function::C_OpenSession)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Prelude, Setting, decode};
    use super::*;
    use crate::cryptoki::function::{Domain, ParameterKind};
    use crate::sequence::{Argument, Number, Sequence, calls_mut};
    use fastrand::Rng;

    fn setting(count: usize, share_sessions: bool) -> Setting<'static> {
        let mut setting = Setting::new(Prelude::Session, |_| true);
        setting.lanes = Some(Lanes {
            count,
            share_sessions,
        });
        setting
    }

    fn tapes() -> impl Iterator<Item = Vec<u8>> {
        let mut rng = Rng::with_seed(7);
        (0..400).map(move |_| (0..rng.usize(8..400)).map(|_| rng.u8(..)).collect())
    }

    fn blocks(sequence: &Sequence) -> impl Iterator<Item = &Together> {
        sequence.steps.iter().filter_map(|step| match step {
            Step::Together(block) => Some(block),
            _ => None,
        })
    }

    /// The sessions that each lane uses, by name.
    fn used(block: &Together) -> Vec<BTreeSet<&str>> {
        let lanes = block.lanes.iter();
        lanes
            .map(|lane| calls(lane).flat_map(sessions).collect())
            .collect()
    }

    #[test]
    fn nearly_every_tape_has_a_block_of_lanes_and_what_is_decoded_can_be_written_and_read() {
        for count in [2, 8] {
            let setting = setting(count, false);
            let (mut full, mut repeated) = (0, 0);
            for tape in tapes() {
                let decoded = decode(&tape, &setting);
                assert_eq!(decoded, decode(&tape, &setting));
                for block in blocks(&decoded.sequence) {
                    full += usize::from(block.lanes.len() == count);
                    repeated += usize::from(block.repeat > 1);
                }
                // Steps are counted anew when they are read.
                let mut sequence = decoded.sequence;
                for (call, number) in calls_mut(&mut sequence.steps).into_iter().zip(1..) {
                    call.number = number;
                }
                let (written, again) = crate::sequence::write::read_back(&sequence)
                    .unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(again, sequence, "{written}");
            }
            assert!(full > 200, "{full} of 400");
            assert!(repeated > 25, "{repeated} of 400");
        }
    }

    #[test]
    fn lanes_keep_to_their_own_sessions_unless_they_are_to_share_them() {
        let mut shared = 0;
        for tape in tapes() {
            let apart = decode(&tape, &setting(4, false));
            for block in blocks(&apart.sequence) {
                let used = used(block);
                for (lane, one) in used.iter().enumerate() {
                    let others = &used[lane + 1..];
                    assert!(
                        others.iter().all(|other| one.is_disjoint(other)),
                        "{used:?}"
                    );
                }
                for call in block.lanes.iter().flat_map(|lane| calls(lane)) {
                    assert!(!LEFT_OUT.contains(&call.function));
                    assert_ne!(call.function, Function::C_CloseAllSessions);
                    let bare = call.arguments.first().is_some_and(|argument| {
                        matches!(argument, Argument::Number(Number::Literal(n)) if *n != 0)
                    });
                    let on_session =
                        call.function.parameters().first().is_some_and(|first| {
                            first.kind == ParameterKind::Ulong(Domain::Session)
                        });
                    assert!(!bare || !on_session, "{call:?}");
                }
            }
            let sharing = decode(&tape, &setting(4, true));
            shared += blocks(&sharing.sequence)
                .filter(|block| {
                    let used = used(block);
                    !used[0].is_disjoint(used.get(1).unwrap_or(&BTreeSet::new()))
                })
                .count();
        }
        assert!(shared > 50, "{shared}");
    }

    /// A handle that was given back may be given out to another lane.
    #[test]
    fn no_lane_uses_a_session_after_it_was_closed() {
        let mut closings = 0;
        for tape in tapes() {
            let decoded = decode(&tape, &setting(2, false));
            for block in blocks(&decoded.sequence) {
                for lane in &block.lanes {
                    let mut closed = BTreeSet::new();
                    for call in calls(lane) {
                        assert!(sessions(call).all(|name| !closed.contains(name)));
                        if call.function == Function::C_CloseSession {
                            closings += 1;
                            assert_eq!(block.repeat, 1);
                            closed.extend(sessions(call));
                        }
                    }
                }
            }
        }
        assert!(closings > 20, "{closings}");
    }

    #[test]
    fn lanes_may_do_the_same_and_may_do_different_things() {
        let functions = |lane: &Vec<Step>| calls(lane).map(|c| c.function).collect::<Vec<_>>();
        let (mut same, mut different) = (0, 0);
        for tape in tapes() {
            let decoded = decode(&tape, &setting(2, false));
            for block in blocks(&decoded.sequence).filter(|block| block.lanes.len() == 2) {
                let [one, two] = [&block.lanes[0], &block.lanes[1]].map(functions);
                let counted = if one == two {
                    &mut same
                } else {
                    &mut different
                };
                *counted += 1;
            }
        }
        assert!(same > 50 && different > 50, "{same}, {different}");
    }
}
