//! The return code as an error: what every room of the token answers with when it refuses.
//! Owns the type only; which code applies is decided next to the rule that is broken.

use cryptoki_sys::{CK_RV, CKR_OK};

/// A return code other than CKR_OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the call was refused with return value {0:#x}: look it up in [PKCS11-Base 3.2] section 5.1"
)]
pub(crate) struct Refusal(CK_RV);

/// What a room of the token gives back.
pub(crate) type Result<T> = core::result::Result<T, Refusal>;

impl Refusal {
    /// The return code to hand to the application.
    pub(crate) fn code(self) -> CK_RV {
        self.0
    }
}

/// Refuses with `code`, which must not be CKR_OK.
pub(crate) fn refuse<T>(code: CK_RV) -> Result<T> {
    Err(refusal(code))
}

/// The refusal that carries `code`, for `ok_or_else` and `map_err`.
pub(crate) fn refusal(code: CK_RV) -> Refusal {
    debug_assert_ne!(code, CKR_OK, "success is not a refusal");
    Refusal(code)
}

/// Refuses with `code` unless `condition` holds.
pub(crate) fn ensure(condition: bool, code: CK_RV) -> Result<()> {
    if condition { Ok(()) } else { refuse(code) }
}

/// A refusal with the code that another function has for the same fault.
pub(crate) fn translate(refused: Refusal, from: CK_RV, to: CK_RV) -> Refusal {
    if refused.code() == from {
        refusal(to)
    } else {
        refused
    }
}
