//! One module loaded into this process, and sequences run on it one after the other.
#![allow(unsafe_code, reason = "runs sequences on a module in this process")]

mod any_module;

use std::fmt;

use cryptoki_sys::{CKR_GENERAL_ERROR, CKR_OK};

use crate::cryptoki::{Function, Kind, names, returns};
use crate::execute::{Defaults, Options, Prepared, note};
use crate::memory::Arena;
use crate::module::{LoadError, Module, Source};
use crate::sequence::decode::{Setting, decode};
use crate::sequence::{Sequence, Value};
use crate::worker::{Journal, JournalWriter, Record, Timing};

/// Bytes of journal; a decoded sequence has some hundred calls with small outputs.
const JOURNAL: usize = 1 << 22;

/// A module, ready for sequences.
pub struct InProcess {
    module: Module,
    arena: Arena,
    journal: JournalWriter,
    defaults: Defaults,
    home: Home,
}

/// What a sequence finds.
enum Home {
    /// A library that it has to initialise; whatever it leaves is gone when the library is finalized.
    Initializes,
    /// An initialised library and a token with PINs.
    Token(Box<any_module::Token>),
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
    /// Loads the built-in token. Sequences begin with a library that is not initialised.
    ///
    /// # Errors
    /// If it cannot be loaded.
    pub fn builtin() -> Result<Self, LoadError> {
        let defaults = Defaults {
            slot: SLOT,
            init_args: None,
        };
        let module = Module::load(&Source::Builtin, None)?;
        Ok(Self::new(module, defaults, Home::Initializes))
    }

    fn new(module: Module, defaults: Defaults, home: Home) -> Self {
        Self {
            module,
            arena: Arena::default(),
            journal: JournalWriter::in_memory(JOURNAL, Timing::Off),
            defaults,
            home,
        }
    }

    /// Runs the sequence that the bytes are, on a token as new, and says what was wrong first.
    ///
    /// # Errors
    /// What was wrong.
    ///
    /// # Panics
    /// If there is no memory for the arguments of a sequence.
    pub fn run(&mut self, bytes: &[u8], setting: &Setting<'_>) -> Result<Summary, Finding> {
        let decoded = decode(bytes, setting).by_itself();
        let mut given = decoded.given;
        if let Home::Token(home) = &self.home {
            given.extend(home.given.iter().cloned());
        }
        self.journal.clear();
        let lost = self.execute(&decoded.sequence, &given);
        let journal = self.journal.take_journal();
        match &self.home {
            Home::Initializes => self.finalize(),
            Home::Token(_) => self.tidy(&decoded.sequence, lost),
        }
        judge(&journal, matches!(self.home, Home::Initializes))
    }

    /// Runs a sequence, and says whether the library may be left without being initialised.
    fn execute(&mut self, sequence: &Sequence, given: &[(String, Value)]) -> bool {
        let mut prepared = Prepared::new(
            sequence,
            self.module.table(),
            &self.arena,
            &self.defaults,
            given,
            Options::default(),
        )
        .expect("memory for the arguments");
        // SAFETY: what a sequence does to this process is what it is run for; the engine is told of a
        // crash. The memory of the sequences that are run here is honest.
        unsafe { prepared.run(&mut self.journal) };
        prepared.lifecycle() == Some(false) || prepared.missed_library()
    }

    fn finalize(&self) {
        if let Some(finalize) = self.module.table().C_Finalize {
            // SAFETY: NULL is what the standard asks for; not being initialised is an answer.
            unsafe { finalize(std::ptr::null_mut()) };
        }
    }
}

/// `strictly`: return values are findings, too.
fn judge(journal: &Journal, strictly: bool) -> Result<Summary, Finding> {
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
                let listed = returns::is_permitted(function, value);
                if strictly && (value == CKR_GENERAL_ERROR || !listed) {
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
        // Calls that are refused at the door find little: random choices alone must get this far, though some are
        // wrong on purpose.
        assert!(all.succeeded * 2 > all.calls, "{all:?}");
    }

    #[test]
    fn a_value_that_no_function_may_return_is_found() {
        let mut journal = JournalWriter::in_memory(4096, Timing::Off);
        journal.call_begin(3, Function::C_SignInit as u16);
        journal.call_end(cryptoki_sys::CKR_PIN_INCORRECT);
        assert_eq!(
            judge(&journal.take_journal(), true),
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
            judge(&journal.take_journal(), true),
            Err(Finding::Guard {
                function: Function::C_Digest,
                ..
            })
        ));
    }
}
