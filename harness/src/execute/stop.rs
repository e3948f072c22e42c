//! Why a sequence ends early, and how that and other remarks are noted in the journal.

use crate::worker::JournalWriter;

/// Tags of the notes that the executor leaves in the journal.
pub mod note {
    /// Something was written next to a buffer; the text says where.
    pub const GUARD: u16 = 1;
    /// The sequence was left early, with one of the reasons of [`super::Stop`] as first byte.
    pub const STOP: u16 = 2;
    /// A module named a size that no output has; the text says which.
    pub const ABSURD: u16 = 3;
    /// A loop was cut off.
    pub const CUT: u16 = 4;
    /// The step's call asks for sizes; the call that counts follows.
    pub const QUESTION: u16 = 5;
    /// Process state that changed, one change a note.
    pub const STATE: u16 = 6;
}

/// Why a sequence was left before its last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// A return value that the step does not ask for.
    WrongReturn = 1,
    /// A return value by which the target says that it lacks what the case needs.
    NotApplicable = 2,
    /// The module's function list lacks the function.
    MissingFunction = 3,
    /// A reference to what no call gave.
    Unresolved = 4,
    /// No memory for a buffer.
    OutOfMemory = 5,
    /// The module named an absurd size.
    Absurd = 6,
    /// A child did not come to the end of its steps by itself.
    ChildEnded = 7,
    /// The library cannot be unloaded: it is part of the program.
    Linked = 8,
    /// The library could not be loaded again.
    NotReloaded = 9,
    /// The token could not be put into its slot, or taken out of it.
    NotMoved = 10,
}

impl Stop {
    /// The reason that a note's first byte stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        use Stop::{
            Absurd, ChildEnded, Linked, MissingFunction, NotApplicable, NotMoved, NotReloaded,
            OutOfMemory, Unresolved, WrongReturn,
        };
        [
            WrongReturn,
            NotApplicable,
            MissingFunction,
            Unresolved,
            OutOfMemory,
            Absurd,
            ChildEnded,
            Linked,
            NotReloaded,
            NotMoved,
        ]
        .into_iter()
        .find(|stop| *stop as u8 == byte)
    }
}

/// Journals that the sequence is left.
#[cold]
pub(crate) fn leave(journal: &mut JournalWriter, stop: Stop, text: &str) -> Option<Stop> {
    let mut bytes = vec![stop as u8];
    bytes.extend_from_slice(text.as_bytes());
    journal.note(note::STOP, &bytes);
    Some(stop)
}
