//! The C boundary: the only room with `unsafe`. `memory` turns pointers and lengths into slices and
//! back, `parameter` and `template` read the structures that point further; the other files hold
//! the functions of the standard, a section of chapter 5 each. All of them check the library and
//! the session before any argument, and nothing here decides what a call means.

#![allow(
    unsafe_code,
    reason = "this is the boundary with C: pointers become slices here"
)]
#![allow(non_snake_case, reason = "Cryptoki names its functions this way")]

mod asynchronous;
mod ciphers;
mod digests;
mod encapsulation;
mod general;
mod keys;
mod memory;
mod message_parameter;
mod messages;
mod objects;
mod parameter;
pub(crate) mod process;
mod sessions;
mod shapes;
mod signatures;
mod slots;
mod table;
mod template;
mod wrap_parameter;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cryptoki_sys::{CK_RV, CKR_GENERAL_ERROR, CKR_OK};

use crate::rv::Result;

pub use table::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};

/// Runs the body of a function and turns its result into a return code. A panic ends here, as
/// CKR_GENERAL_ERROR: unwinding into the application would be undefined behaviour.
fn guard(body: impl FnOnce() -> Result<()>) -> CK_RV {
    #[cfg(feature = "mutants")]
    if mutant!("fifteen-percent-slower") {
        return crate::mutants::slowed(|| answer(body));
    }
    answer(body)
}

#[inline]
fn answer(body: impl FnOnce() -> Result<()>) -> CK_RV {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => CKR_OK,
        Ok(Err(refusal)) => refusal.code(),
        Err(_) => CKR_GENERAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token;

    #[test]
    fn a_panic_under_the_lock_is_a_general_error_and_the_token_goes_on() {
        let _library = token::Alone::begin();
        let panic = |_: &mut token::Token| panic!("deliberate, to see it caught");
        assert_eq!(guard(|| token::change_token(panic)), CKR_GENERAL_ERROR);
        assert_eq!(guard(|| token::with_token(|_| Ok(()))), CKR_OK);
    }
}
