//! What the cases of a mechanism in one of its uses share: the mechanism, a parameter that it works
//! with, and keys for it and for what undoes it.

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_FLAGS};

use super::super::draft::Draft;
use super::key::Keys;
use super::{begin, draft, parameter};
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Call, ParameterValue};

/// One of the uses of mechanisms.
pub(super) struct Purpose {
    pub(super) of: Use,
    /// What the token must say that the mechanism can.
    pub(super) flags: CK_FLAGS,
    /// Usages of the key that does it, and of the one that undoes it.
    pub(super) usages: [CK_ATTRIBUTE_TYPE; 2],
    /// True if of a pair the private key goes first.
    pub(super) private_first: bool,
}

pub(super) struct Subject<'m> {
    pub(super) row: &'m Mechanism,
    pub(super) parameter: ParameterValue,
    pub(super) keys: Keys,
    pub(super) purpose: &'static Purpose,
}

impl<'m> Subject<'m> {
    /// None if the mechanism is for something else, or if nothing is known of its parameter or keys.
    pub(super) fn of(row: &'m Mechanism, purpose: &'static Purpose) -> Option<Subject<'m>> {
        Subject::with(row, purpose, parameter::valid(row))
    }

    /// The same with a parameter for this use.
    pub(super) fn with(
        row: &'m Mechanism,
        purpose: &'static Purpose,
        parameter: Option<ParameterValue>,
    ) -> Option<Subject<'m>> {
        if !row.uses.contains(&purpose.of) {
            return None;
        }
        Some(Subject {
            row,
            parameter: parameter?,
            keys: Keys::of(row, purpose.private_first)?,
            purpose,
        })
    }

    /// A case with both keys.
    pub(super) fn draft(&self, id: &str, section: &'static str) -> Draft {
        self.bare(id, section)
            .fixtures(self.keys.make(self.purpose.usages))
    }

    /// A case without keys.
    pub(super) fn bare(&self, id: &str, section: &'static str) -> Draft {
        draft(self.row, self.purpose.flags, id, section)
    }

    pub(super) fn begin(&self, function: Function, key: &str) -> Call {
        begin(function, self.row, self.parameter.clone(), Some(key))
    }
}
