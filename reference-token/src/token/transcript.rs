//! What an operation has been given so far, for C_GetOperationState: mechanism, key and data, from
//! which the operation can be made again. Hashes and ciphers of many makers have no state of their
//! own that could be written down, but all of them come to the same state by the same input.

use cryptoki_sys::CKA_UNIQUE_ID;

use crate::attributes::Attributes;
use crate::mechanisms::Mechanism;

/// Longest data that is kept. An operation that was given more cannot be saved.
const MOST: usize = 1 << 20;

/// The record of an operation.
pub(super) struct Record {
    pub(super) mechanism: Mechanism,
    /// CKA_UNIQUE_ID of the key, if there is one.
    pub(super) key: Option<Vec<u8>>,
    pub(super) data: Vec<u8>,
}

/// A record, as long as it is complete.
pub(super) struct Transcript(Option<Box<Record>>);

impl Transcript {
    /// Of an operation that begins.
    pub(super) fn of(mechanism: &Mechanism, key: Option<&Attributes>) -> Transcript {
        Transcript(Some(Box::new(Record {
            mechanism: mechanism.clone(),
            key: key.map(|key| key.bytes(CKA_UNIQUE_ID).to_vec()),
            data: Vec::new(),
        })))
    }

    /// Of an operation that cannot be saved.
    pub(super) fn none() -> Transcript {
        Transcript(None)
    }

    pub(super) fn add(&mut self, data: &[u8]) {
        if let Some(record) = &mut self.0 {
            match record.data.len() + data.len() <= MOST {
                true => record.data.extend_from_slice(data),
                false => self.0 = None,
            }
        }
    }

    /// Something happened that must not leave the token.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Parameter;

    #[test]
    fn what_is_too_long_is_forgotten_and_not_cut() {
        let mechanism = Mechanism {
            kind: 1,
            parameter: Parameter::None,
        };
        let mut transcript = Transcript::of(&mechanism, None);
        transcript.add(&vec![7; MOST]);
        assert_eq!(transcript.record().unwrap().data.len(), MOST);
        transcript.add(&[]);
        assert!(transcript.record().is_some());
        transcript.add(&[7]);
        assert!(transcript.record().is_none());
        transcript.add(&[7]);
        assert!(transcript.record().is_none());
    }
}
