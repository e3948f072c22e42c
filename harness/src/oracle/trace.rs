//! What happened in a case, read from the worker's journal.

use std::collections::BTreeMap;

use cryptoki_sys::{
    CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR, CKR_OK, CKR_TOKEN_NOT_PRESENT,
};

use crate::cryptoki::Function;
use crate::execute::{Stop, note};
use crate::sequence::value::{self, Value};
use crate::worker::{Journal, LOAD, Record, Returned};
use p11assay_reports::evidence::End;

/// The step number of calls that the harness makes between cases.
pub const HOUSEKEEPING: u32 = u32::MAX;

/// One call of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceCall {
    /// Number of the step.
    pub step: u32,
    /// The lane that made it, counted from 0; absent outside a block of lanes.
    pub lane: Option<u16>,
    /// The function.
    pub function: Function,
    /// True if the call only asked for sizes and another of the same step was to follow.
    pub question: bool,
    /// Start on the worker's clock, nanoseconds; 0 without timing.
    pub start_ns: u64,
    /// What came back; absent if the call did not return.
    pub returned: Option<Returned>,
    /// Outputs by index of their parameter.
    pub outputs: Vec<(usize, Value)>,
    /// Writes outside the call's buffers.
    pub violations: Vec<String>,
    /// True if an output's record could not be read.
    pub malformed: bool,
}

impl TraceCall {
    /// True if it was refused as by a module whose token is gone.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.returned.is_some_and(|back| is_cut_off(back.rv))
    }
}

/// Functions that a library may do by itself, with its token gone.
const WITHOUT_TOKEN: [Function; 9] = [
    Function::C_GetInfo,
    Function::C_GetFunctionList,
    Function::C_GetInterfaceList,
    Function::C_GetInterface,
    Function::C_GetSlotList,
    Function::C_GetSessionInfo,
    Function::C_CloseSession,
    Function::C_CloseAllSessions,
    Function::C_Finalize,
];

/// True of the return values of a module that lost its token, or what leads to it ([PKCS11-Base 3.2] 5.1).
#[must_use]
pub fn is_cut_off(rv: u64) -> bool {
    let values = [
        CKR_DEVICE_ERROR,
        CKR_DEVICE_REMOVED,
        CKR_GENERAL_ERROR,
        CKR_TOKEN_NOT_PRESENT,
    ];
    values.contains(&rv)
}

/// Why a sequence, or a lane of it, was left early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The reason.
    pub stop: Stop,
    /// More about it.
    pub text: String,
    /// The call before, by its place among the calls of the case.
    pub after: Option<usize>,
}

/// Everything that happened in a case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseTrace {
    /// The calls in order, housekeeping left out.
    pub calls: Vec<TraceCall>,
    /// The harness's own calls before and after.
    pub housekeeping: Vec<TraceCall>,
    /// Why the sequence was left early: one reason, or one a lane.
    pub stops: Vec<Stopped>,
    /// The lane in which the worker ended, if it did and that is known.
    pub ended_lane: Option<u16>,
    /// What the module changed in its process.
    pub state_changes: Vec<String>,
    /// A size that the module named and that was not offered.
    pub absurd: Option<String>,
    /// True if the journal was full before all was recorded.
    pub truncated: bool,
    /// True if the case was begun.
    pub began: bool,
    /// True if the case came to its end in the worker.
    pub ended: bool,
}

impl CaseTrace {
    /// Time spent in the calls of the case, nanoseconds.
    #[must_use]
    pub fn call_ns(&self) -> u64 {
        self.calls
            .iter()
            .filter_map(|call| call.returned)
            .map(|back| back.duration_ns)
            .sum()
    }
}

impl CaseTrace {
    /// The call that the worker ended in: of several lanes in calls, that of the one that ended it, or the
    /// first if that is not known.
    #[must_use]
    pub fn ended_call(&self) -> Option<&TraceCall> {
        let open = || self.calls.iter().filter(|call| call.returned.is_none());
        let guilty = open().find(|call| call.lane == self.ended_lane);
        guilty.or(open().next())
    }

    /// True if several lanes were in a call, and none of them is known to be the one that the worker ended in.
    fn is_end_anybodys(&self) -> bool {
        let open = || self.calls.iter().filter(|call| call.returned.is_none());
        open().nth(1).is_some() && !open().any(|call| call.lane == self.ended_lane)
    }

    /// The call to blame for this end of the worker; none if several lanes were in a call and it is not known which of
    /// them ended it.
    #[must_use]
    pub fn guilty_call(&self, end: &End) -> Option<&TraceCall> {
        match end {
            End::Program { .. } => self.cut_off_call(),
            End::Signal { .. } | End::Exited { .. } if self.is_end_anybodys() => None,
            _ => self.ended_call(),
        }
    }

    /// The call that a program that the token needs did not outlive, most likely: the first after all that did something
    /// that was refused as by a module whose token is gone, or else the last.
    fn cut_off_call(&self) -> Option<&TraceCall> {
        let did = |call: &TraceCall| {
            let ok = call.returned.is_some_and(|back| back.rv == CKR_OK);
            ok && !WITHOUT_TOKEN.contains(&call.function)
        };
        let after = self.calls.iter().rposition(did).map_or(0, |last| last + 1);
        let refused = self.calls[after..].iter().find(|call| call.is_cut_off());
        refused.or(self.calls.last())
    }

    /// The first reason why the sequence was left early, and more about it.
    #[must_use]
    pub fn stop(&self) -> Option<(Stop, &str)> {
        let first = self.stops.first();
        first.map(|stopped| (stopped.stop, stopped.text.as_str()))
    }

    /// True if the harness's own call of this function, before the case's first, did not return.
    #[must_use]
    pub fn ended_in(&self, function: Function) -> bool {
        let last = self.housekeeping.last();
        self.calls.is_empty()
            && last.is_some_and(|call| call.function == function && call.returned.is_none())
    }

    /// True if the case was not begun because the library could not be finalized for it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        let last = self.housekeeping.last().filter(|_| self.calls.is_empty());
        last.is_some_and(|call| {
            let failed = call.returned.is_some_and(|back| back.rv != CKR_OK);
            call.function == Function::C_Finalize && failed
        })
    }
}

/// The traces of all cases in a journal, by number.
#[must_use]
pub fn read(journal: &Journal) -> BTreeMap<u32, CaseTrace> {
    let mut traces: BTreeMap<u32, CaseTrace> = BTreeMap::new();
    let truncated = journal.is_truncated();
    let mut current: Option<u32> = None;
    let mut question = false;
    let mut lane = None;
    for record in journal.records() {
        if let Record::CaseBegin(mark) = record {
            current = Some(mark.case);
            (question, lane) = (false, None);
            traces.insert(
                mark.case,
                CaseTrace {
                    truncated,
                    began: true,
                    ..CaseTrace::default()
                },
            );
            continue;
        }
        let Some(trace) = current.and_then(|case| traces.get_mut(&case)) else {
            continue;
        };
        match record {
            Record::CaseBegin(_) | Record::Turn(_) => {}
            Record::Lane(of) => (question, lane) = (false, of),
            Record::CaseEnd(_) => {
                trace.ended = true;
                current = None;
            }
            Record::Call(call) if call.function == LOAD => {}
            Record::Call(call) => {
                let Some(function) = Function::from_index(call.function) else {
                    continue;
                };
                let list = match call.step {
                    HOUSEKEEPING => &mut trace.housekeeping,
                    _ => &mut trace.calls,
                };
                list.push(TraceCall {
                    step: call.step,
                    lane,
                    function,
                    question: std::mem::take(&mut question),
                    start_ns: call.start_ns,
                    returned: call.returned,
                    outputs: Vec::new(),
                    violations: Vec::new(),
                    malformed: false,
                });
            }
            Record::Output { tag, bytes } => add_output(trace, usize::from(tag), bytes),
            Record::Note {
                tag: note::QUESTION,
                ..
            } => question = true,
            Record::Note { tag, bytes } => add_note(trace, tag, bytes),
        }
    }
    traces
}

fn add_output(trace: &mut CaseTrace, parameter: usize, bytes: &[u8]) {
    let Some(call) = trace.calls.last_mut() else {
        return;
    };
    let kind = call
        .function
        .parameters()
        .get(parameter)
        .map(|parameter| parameter.kind);
    match kind.and_then(|kind| value::decode(kind, bytes).ok()) {
        Some(value) => call.outputs.push((parameter, value)),
        None => call.malformed = true,
    }
}

fn add_note(trace: &mut CaseTrace, tag: u16, bytes: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match tag {
        note::GUARD => {
            let calls = trace.calls.last_mut().or(trace.housekeeping.last_mut());
            if let Some(call) = calls {
                call.violations.push(text(bytes));
            }
        }
        note::STOP => {
            let reason = bytes.first().and_then(|byte| Stop::from_byte(*byte));
            trace.stops.extend(reason.map(|stop| Stopped {
                stop,
                text: text(&bytes[1..]),
                after: trace.calls.len().checked_sub(1),
            }));
        }
        note::ABSURD => trace.absurd = Some(text(bytes)),
        note::STATE => trace.state_changes.push(text(bytes)),
        _ => {}
    }
}
