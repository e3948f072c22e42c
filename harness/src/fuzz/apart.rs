//! What lanes give that follows from what each does by itself: digests, and signatures and ciphertexts of keys that it
//! made. Whatever the others do beside it, it is what the reference token gives when the lanes come one after the other.

use std::collections::{BTreeSet, HashMap};

use cryptoki_sys::CKR_OK;

use super::suspect::Suspect;
use super::together::in_an_order;
use crate::cryptoki::Function;
use crate::oracle::model::{WrongOutput, given_bytes};
use crate::oracle::{CaseTrace, TraceCall};
use crate::sequence::decode::Decoded;
use crate::sequence::determined::Determined;
use crate::sequence::{Call, Sequence, Step, Together, calls, shape};

use Function as F;

/// Functions after which a key may be another one's, or none: its handle can be given out again.
const ENDS_KEYS: [Function; 7] = [
    F::C_DestroyObject,
    F::C_SetAttributeValue,
    F::C_CloseSession,
    F::C_CloseAllSessions,
    F::C_Logout,
    F::C_Finalize,
    F::C_InitToken,
];

/// The lanes of a sequence one after the other, if what they give can be held against that: they make their steps once,
/// and have sessions of their own, which nobody else can come upon.
pub(super) fn one_by_one(decoded: &Decoded) -> Option<Decoded> {
    let (before, block) = parts(&decoded.sequence)?;
    let apart = block.repeat == 1
        && !shape::shares_sessions(&decoded.sequence.steps)
        && knows_sessions(before, block);
    apart.then(|| Decoded {
        sequence: in_an_order(&decoded.sequence, 0),
        ..decoded.clone()
    })
}

/// The steps before the lanes, and the lanes; nothing if they are not all there is.
fn parts(sequence: &Sequence) -> Option<(&[Step], &Together)> {
    let is_block = |step: &Step| matches!(step, Step::Together(_));
    let place = sequence.steps.iter().position(is_block)?;
    let (before, rest) = sequence.steps.split_at(place);
    match rest.split_first()? {
        (Step::Together(block), behind) if !behind.iter().any(is_block) => Some((before, block)),
        _ => None,
    }
}

/// True if whatever goes for a session is one that was opened before, and is not closed: the number of one that is gone,
/// or of an object, may be that of a session of another lane.
fn knows_sessions(before: &[Step], block: &Together) -> bool {
    let mut first = Sessions::default();
    if !calls(before).all(|call| first.know(call)) {
        return false;
    }
    block.lanes.iter().all(|lane| {
        let mut own = first.clone();
        calls(lane).all(|call| own.know(call))
    })
}

/// Names of the sessions that are open.
#[derive(Clone, Default)]
struct Sessions<'s>(BTreeSet<&'s str>);

impl<'s> Sessions<'s> {
    /// True if the call is on one of them, or on none; takes note of what becomes of them.
    fn know(&mut self, call: &'s Call) -> bool {
        let known = shape::sessions(call).all(|name| self.0.contains(name));
        match call.function {
            F::C_OpenSession => self
                .0
                .extend(call.gives.iter().map(|given| given.name.as_str())),
            F::C_CloseSession => {
                for name in shape::sessions(call) {
                    self.0.remove(name);
                }
            }
            F::C_CloseAllSessions | F::C_Finalize | F::C_InitToken => self.0.clear(),
            _ => {}
        }
        known
    }
}

/// The first output of a lane that is another than when the lanes came [one by one](one_by_one).
pub(super) fn wrong_output(
    sequence: &Sequence,
    target: &CaseTrace,
    model: &CaseTrace,
) -> Option<Suspect> {
    let (before, block) = parts(sequence)?;
    let of_lanes = block.lanes.iter().flat_map(|lane| calls(lane));
    let mut all = calls(before).chain(of_lanes);
    let keeps_keys = !all.any(|call| ENDS_KEYS.contains(&call.function));
    let (target, model) = (answers(target), answers(model));
    block.lanes.iter().find_map(|lane| {
        let mut determined = Determined::default();
        let before = calls(before).map(|call| (call, false));
        for (call, of_lane) in before.chain(calls(lane).map(|call| (call, true))) {
            let both = [target.get(&call.number), model.get(&call.number)];
            // What was not made succeeded on neither side.
            let done = both
                .iter()
                .all(|made| made.is_some_and(|made| is_done(made, call)));
            let known = keeps_keys || call.function != F::C_CreateObject;
            let Some(follows) = determined.follow(call, done && known) else {
                continue;
            };
            let [Some(found), Some(right)] = both.map(|made| given_bytes(made?)) else {
                continue;
            };
            if found != right {
                // What was another one before there were lanes says nothing of them, nor does what follows from it.
                let output = WrongOutput::of_bytes(follows, found, right);
                return of_lane.then(|| Suspect::gave(call, output));
            }
        }
        None
    })
}

fn is_done(made: &TraceCall, call: &Call) -> bool {
    made.function == call.function && made.returned.is_some_and(|back| back.rv == CKR_OK)
}

/// The answer of every step: that of its last call, which is no question.
fn answers(trace: &CaseTrace) -> HashMap<u32, &TraceCall> {
    trace.calls.iter().map(|call| (call.step, call)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sequence::{Value, read};
    use crate::worker::Returned;
    use crate::yaml::Document;

    fn sequence(lane: &str) -> Sequence {
        behind("", lane)
    }

    fn behind(first: &str, lane: &str) -> Sequence {
        let text = format!(
            "{first}\
- C_OpenSession: {{}}
  gives: {{ session: $s }}
- C_OpenSession: {{}}
  gives: {{ session: $t }}
- together:
    - - C_DigestInit: {{ session: $s, mechanism: CKM_SHA256 }}
      - C_Digest: {{ session: $s, data: '00' }}
{lane}"
        );
        let document = Document::parse(Path::new("t.yaml"), &text).expect("YAML");
        read::sequence(document.root()).expect("steps")
    }

    /// A trace in which every call returned this value, and gave these bytes.
    fn trace(sequence: &Sequence, rv: u64, bytes: &[u8]) -> CaseTrace {
        let made = sequence.calls().map(|call| TraceCall {
            step: call.number,
            lane: None,
            function: call.function,
            question: false,
            start_ns: 0,
            returned: Some(Returned { rv, duration_ns: 0 }),
            outputs: vec![(2, Value::Bytes(bytes.to_vec()))],
            violations: Vec::new(),
            malformed: false,
        });
        CaseTrace {
            calls: made.collect(),
            ..CaseTrace::default()
        }
    }

    const SEARCH: &str = "    - - C_FindObjectsInit: { session: $t }\n";

    #[test]
    fn a_digest_of_a_lane_is_its_own() {
        let sequence = sequence(SEARCH);
        let of = |rv, bytes: &[u8]| trace(&sequence, rv, bytes);
        let found = wrong_output(&sequence, &of(0, b"one"), &of(0, b"other"));
        let name = found.map(|suspect| suspect.name());
        assert_eq!(name.as_deref(), Some("C_Digest/wrong-digest-CKM_SHA256"));
        assert_eq!(
            wrong_output(&sequence, &of(0, b"one"), &of(0, b"one")),
            None
        );
        assert_eq!(
            wrong_output(&sequence, &of(5, b"one"), &of(0, b"other")),
            None
        );
        // What was begun on one side alone is not compared.
        let mut without = of(0, b"one");
        let init = |call: &TraceCall| call.function == F::C_DigestInit;
        without.calls.retain(|call| !init(call));
        assert_eq!(wrong_output(&sequence, &without, &of(0, b"other")), None);
    }

    /// A handle that is free again may be that of another lane's key by the time that it is used.
    #[test]
    fn signatures_are_compared_only_where_all_keys_stay() {
        let key = "    - - C_CreateObject: { session: $t, template: { CKA_CLASS: CKO_SECRET_KEY, CKA_VALUE: '00' } }
        gives: { object: $k }
      - C_SignInit: { session: $t, mechanism: CKM_SHA256_HMAC, key: $k }
      - C_Sign: { session: $t, data: '00' }
";
        let before = "- C_DestroyObject: { session: $target, object: $target }\n";
        let lost = format!("{key}      - C_DestroyObject: {{ session: $t, object: $k }}\n");
        for (sequence, wanted) in [
            (sequence(key), true),
            (sequence(&lost), false),
            (behind(before, key), false),
        ] {
            let target = trace(&sequence, 0, b"one");
            let mut model = trace(&sequence, 0, b"other");
            let digests = model.calls.iter_mut();
            for digest in digests.filter(|call| call.function == F::C_Digest) {
                digest.outputs = vec![(2, Value::Bytes(b"one".to_vec()))];
            }
            let found = wrong_output(&sequence, &target, &model);
            assert_eq!(found.is_some(), wanted, "{sequence:?}");
        }
    }

    /// A handle that is free may be given to another lane, and that of an object may be one already.
    #[test]
    fn lanes_on_sessions_that_are_none_are_not_held_against_anything() {
        let on = |name: &str| {
            format!("    - - C_DigestInit: {{ session: {name}, mechanism: CKM_SHA256 }}\n")
        };
        let closed =
            "      - C_CloseSession: { session: $t }\n      - C_GetSessionInfo: { session: $t }\n";
        let last = closed.split_inclusive('\n').next().expect("a line");
        for (first, lane, wanted) in [
            ("", on("$t"), true),
            ("", on("$t") + last, true),
            ("", on("$t") + closed, false),
            ("", on("$k"), false),
            ("- C_CloseAllSessions: {}\n", on("$t"), true),
        ] {
            let sequence = behind(first, &lane);
            assert_eq!(knows(&sequence), wanted, "{first}{lane}");
        }
        let late = sequence(&on("$t"));
        let mut steps = late.steps.clone();
        let close = behind("- C_CloseAllSessions: {}\n", "").steps[0].clone();
        steps.insert(2, close);
        assert!(!knows(&Sequence { steps }));
    }

    fn knows(sequence: &Sequence) -> bool {
        let (before, block) = parts(sequence).expect("lanes");
        knows_sessions(before, block)
    }

    #[test]
    fn what_was_wrong_before_the_lanes_says_nothing_of_them() {
        let digest = "- C_OpenSession: {}
  gives: { session: $u }
- C_DigestInit: { session: $u, mechanism: CKM_SHA256 }
- C_Digest: { session: $u, data: '00' }
";
        let sequence = behind(digest, SEARCH);
        let (target, model) = (trace(&sequence, 0, b"one"), trace(&sequence, 0, b"other"));
        assert_eq!(wrong_output(&sequence, &target, &model), None);
    }

    #[test]
    fn lanes_that_go_round_or_share_a_session_are_not_held_against_anything() {
        let decoded = |sequence: Sequence| Decoded {
            sequence,
            given: Vec::new(),
            shares_login: false,
            own_token: false,
        };
        let flat = one_by_one(&decoded(sequence(SEARCH))).expect("it can be");
        assert!(!flat.sequence.has_lanes());
        assert_eq!(flat.sequence.calls().count(), 5);
        let shared = SEARCH.replace("$t", "$s");
        assert_eq!(one_by_one(&decoded(sequence(&shared))), None);
        let mut round = sequence(SEARCH);
        for step in &mut round.steps {
            if let Step::Together(block) = step {
                block.repeat = 4;
            }
        }
        assert_eq!(one_by_one(&decoded(round)), None);
    }
}
