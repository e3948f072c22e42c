//! One module loaded into this process, and sequences run on it one after the other.
#![allow(unsafe_code, reason = "runs sequences on a module in this process")]

use std::fmt;

use cryptoki_sys::{CKR_GENERAL_ERROR, CKR_OK};

use crate::cryptoki::{Function, Kind, names, returns};
use crate::execute::{Defaults, Options, Prepared, note};
use crate::memory::Arena;
use crate::module::{LoadError, Module, Source};
use crate::sequence::decode::{Setting, decode};
use crate::worker::{Journal, JournalWriter, Record, Timing};

/// Bytes of journal; a decoded sequence has some hundred calls with small outputs.
const JOURNAL: usize = 1 << 22;

/// The built-in token, ready for sequences.
pub struct InProcess {
    module: Module,
    arena: Arena,
    journal: JournalWriter,
}

/// What a sequence that was not wrong came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Calls made.
    pub calls: usize,
    /// Calls that returned CKR_OK.
    pub succeeded: usize,
}

/// Something that is never right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The function wrote next to the memory that it was given; the text says where.
    Guard {
        /// The function.
        function: Function,
        /// Where.
        place: String,
    },
    /// The function returned what the standard never permits it to, or CKR_GENERAL_ERROR, by which
    /// the token says that it met a state it cannot be in.
    Return {
        /// The function.
        function: Function,
        /// Number of the step.
        step: u32,
        /// The return value.
        value: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Guard { function, place } => write!(f, "{function}: {place}"),
            Finding::Return {
                function,
                step,
                value,
            } => write!(
                f,
                "step {step}: {function} returned {}, which its section does not list",
                names::display(Kind::RETURN, *value)
            ),
        }
    }
}

/// The slot of the built-in token.
const SLOT: u64 = 1;

impl InProcess {
    /// Loads the built-in token.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn builtin() -> Result<Self, LoadError> {
        Ok(Self {
            module: Module::load(&Source::Builtin, None)?,
            arena: Arena::default(),
            journal: JournalWriter::in_memory(JOURNAL, Timing::Off),
        })
    }

    /// Runs the sequence that the bytes are, on a token as new, and says what was wrong first.
    ///
    /// # Errors
    /// What was wrong.
    ///
    /// # Panics
    /// If there is no memory for the arguments of a sequence.
    pub fn run(&mut self, bytes: &[u8], setting: &Setting<'_>) -> Result<Summary, Finding> {
        let decoded = decode(bytes, setting);
        let defaults = Defaults {
            slot: SLOT,
            init_args: None,
        };
        let table = self.module.table();
        let mut prepared = Prepared::new(
            &decoded.sequence,
            table,
            &self.arena,
            &defaults,
            &decoded.given,
            Options::default(),
        )
        .expect("memory for the arguments");
        self.journal.clear();
        // SAFETY: the built-in token is trusted with honest memory, which is all that decoded
        // sequences have; finding out where that is wrong is what this is for.
        unsafe { prepared.run(&mut self.journal) };
        if let Some(finalize) = table.C_Finalize {
            // SAFETY: NULL is what the standard asks for; not being initialised is an answer.
            unsafe { finalize(std::ptr::null_mut()) };
        }
        judge(&self.journal.take_journal())
    }
}

fn judge(journal: &Journal) -> Result<Summary, Finding> {
    let mut summary = Summary::default();
    let mut current = Function::C_Initialize;
    for record in journal.records() {
        match record {
            Record::Call(call) => {
                let (Some(function), Some(value)) =
                    (Function::from_index(call.function), call.returned)
                else {
                    continue;
                };
                current = function;
                let value = value.rv;
                summary.calls += 1;
                summary.succeeded += usize::from(value == CKR_OK);
                if value == CKR_GENERAL_ERROR || !returns::is_permitted(function, value) {
                    return Err(Finding::Return {
                        function,
                        step: call.step,
                        value,
                    });
                }
            }
            Record::Note { tag, bytes } if tag == note::GUARD => {
                return Err(Finding::Guard {
                    function: current,
                    place: String::from_utf8_lossy(bytes).into_owned(),
                });
            }
            _ => {}
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::decode::{Pins, Prelude};
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    const PINS: Pins<'static> = Pins {
        so: "12345678",
        user: "1234",
    };

    /// The library keeps one state for the process, so its one user here makes all its runs.
    #[test]
    fn the_built_in_token_stands_up_to_some_hundred_sequences() {
        let mut process = InProcess::builtin().expect("the built-in token loads");
        let mut runner = TestRunner::deterministic();
        let strategy = proptest::collection::vec(any::<u8>(), 0..500);
        let setting = Setting::new(Prelude::Token(PINS), |_| true);
        let mut all = Summary::default();
        for _ in 0..150 {
            let bytes = strategy.new_tree(&mut runner).expect("bytes").current();
            match process.run(&bytes, &setting) {
                Ok(summary) => {
                    all.calls += summary.calls;
                    all.succeeded += summary.succeeded;
                }
                Err(finding) => panic!("{finding}; input {bytes:?}"),
            }
        }
        // Calls that are refused at the door find little: random choices alone must get this far.
        assert!(all.succeeded * 3 > all.calls, "{all:?}");
    }

    #[test]
    fn a_value_that_no_function_may_return_is_found() {
        let mut journal = JournalWriter::in_memory(4096, Timing::Off);
        journal.call_begin(3, Function::C_SignInit as u16);
        journal.call_end(cryptoki_sys::CKR_PIN_INCORRECT);
        assert_eq!(
            judge(&journal.take_journal()),
            Err(Finding::Return {
                function: Function::C_SignInit,
                step: 3,
                value: cryptoki_sys::CKR_PIN_INCORRECT,
            })
        );
        journal.call_begin(1, Function::C_Digest as u16);
        journal.call_end(cryptoki_sys::CKR_OK);
        journal.note(note::GUARD, b"one byte after `digest`");
        assert!(matches!(
            judge(&journal.take_journal()),
            Err(Finding::Guard {
                function: Function::C_Digest,
                ..
            })
        ));
    }
}
