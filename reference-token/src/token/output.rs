//! Output of variable length: the convention of section 5.2, without the pointers; and
//! what goes back through the structures of mechanism parameters.

use cryptoki_sys::CK_OBJECT_HANDLE;

use crate::mechanisms::Signing;

/// What the application offers for output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// No buffer: only a sufficient length is asked for.
    Query,
    /// A buffer of so many bytes.
    Bytes(usize),
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// A length that suffices; CKR_OK.
    Length(usize),
    /// The output; CKR_OK.
    Bytes(Vec<u8>),
    /// The output, with the places of numbers in it that count from its beginning and are to be
    /// pointers; CKR_OK.
    Linked(Vec<u8>, Vec<usize>),
    /// A length that suffices; CKR_BUFFER_TOO_SMALL.
    TooSmall(usize),
}

/// What goes back through one place of a mechanism parameter, when the call has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Nothing,
    Handle(CK_OBJECT_HANDLE),
    Bytes(Vec<u8>),
}

impl Room {
    /// Lets a signature take its length from the buffer, if it does.
    pub(crate) fn shape(self, work: &mut dyn Signing) {
        if let Room::Bytes(room) = self {
            work.fit(room);
        }
    }

    /// The answer if `length` bytes are to come: None if they fit and should be produced.
    pub(crate) fn answer(self, length: usize) -> Option<Output> {
        match self {
            Room::Query if mutant!("size-query-one-short") => {
                Some(Output::Length(length.saturating_sub(1)))
            }
            Room::Query => Some(Output::Length(length)),
            Room::Bytes(room) if room < length => Some(Output::TooSmall(length)),
            Room::Bytes(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_output_that_fits_is_produced() {
        assert_eq!(Room::Query.answer(7), Some(Output::Length(7)));
        assert_eq!(Room::Bytes(6).answer(7), Some(Output::TooSmall(7)));
        assert_eq!(Room::Bytes(7).answer(7), None);
    }
}
