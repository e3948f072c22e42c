//! Which answers are right where a call must be refused: the return values that say why, and those
//! that the standard permits although they say less.

use cryptoki_sys::*;

use crate::cryptoki::{Function, ParameterKind, function::Domain};

/// The right answers to a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// Those that say what is the matter.
    pub(super) right: Vec<u64>,
    /// Those that are permitted and say less.
    pub(super) tolerated: Vec<u64>,
}

/// [PKCS11-Base 3.2] 5.1.1: any function can return these, whatever the circumstances. Nothing keeps
/// a library from answering every mistake with them, except that nobody learns what was wrong.
const UNIVERSAL: [u64; 4] = [
    CKR_GENERAL_ERROR,
    CKR_HOST_MEMORY,
    CKR_FUNCTION_FAILED,
    CKR_OPERATION_NOT_VALIDATED,
];

/// 5.1.3: any function that uses a token can return these; of them only what may be said of a token
/// that is there.
const OF_TOKEN: [u64; 2] = [CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR];

/// 5.20: all that the legacy functions are for.
const LEGACY: [Function; 2] = [Function::C_GetFunctionStatus, Function::C_CancelFunction];

impl Answer {
    /// `right` says what is the matter; the values of 5.1.1 and 5.1.3 are tolerated.
    pub(super) fn of(function: Function, right: &[u64]) -> Answer {
        let mut answer = Answer {
            right: right.to_vec(),
            tolerated: UNIVERSAL.to_vec(),
        };
        if uses_token(function) {
            answer.tolerated.extend(OF_TOKEN);
        }
        // 5.20.1 and 5.20.2: the only thing that they return is that nothing runs in parallel, and
        // they may do so without looking at anything.
        if LEGACY.contains(&function) {
            answer.right.push(CKR_FUNCTION_NOT_PARALLEL);
        }
        answer
    }

    /// The same, other values being as right.
    pub(super) fn or(mut self, others: impl IntoIterator<Item = u64>) -> Answer {
        self.right.extend(others);
        self.tolerated.retain(|value| !self.right.contains(value));
        self
    }

    /// The same, other values being tolerated.
    pub(super) fn tolerating(mut self, others: impl IntoIterator<Item = u64>) -> Answer {
        let right = &self.right;
        let others = others.into_iter().filter(|value| !right.contains(value));
        self.tolerated.extend(others);
        self
    }
}

/// True if a parameter of the function is of this kind.
pub(super) fn takes(function: Function, kind: ParameterKind) -> bool {
    function.parameters().iter().any(|p| p.kind == kind)
}

/// True if the function is called with a session: 5.1.2.
pub(super) fn uses_session(function: Function) -> bool {
    takes(function, ParameterKind::Ulong(Domain::Session))
}

/// True if the function uses a token: 5.1.3 counts all but those on the library and on slots.
pub(super) fn uses_token(function: Function) -> bool {
    use Function::*;
    ![
        C_Initialize,
        C_Finalize,
        C_GetInfo,
        C_GetFunctionList,
        C_GetInterfaceList,
        C_GetInterface,
        C_GetSlotList,
        C_GetSlotInfo,
        C_WaitForSlotEvent,
    ]
    .contains(&function)
}
