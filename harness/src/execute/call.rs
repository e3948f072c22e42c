//! The one place where a module's functions are called: a function of a few instructions for each of
//! them, chosen when a call is laid out.
#![allow(unsafe_code, reason = "calls C functions of a module")]

use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CK_NOTIFY, CK_RV, CKR_FUNCTION_NOT_SUPPORTED};

use crate::cryptoki::Function;
use crate::cryptoki::function::{MAX_WORDS, cryptoki_functions};

/// The arguments of a call as machine words: numbers, or addresses.
pub(super) type Words = [usize; MAX_WORDS];

/// Calls one function of a module's list with these words; where the list lacks it, nothing is called
/// and the answer is `CKR_FUNCTION_NOT_SUPPORTED`.
///
/// # Safety
/// The words must be what the function's parameters ask for. A sequence may be wrong on purpose: then
/// this must run in a worker, where the harm ends.
pub(super) type Caller = unsafe fn(&CK_FUNCTION_LIST_3_2, &Words) -> CK_RV;

/// A C argument made from a word.
trait FromWord {
    fn from_word(word: usize) -> Self;
}

impl FromWord for u8 {
    fn from_word(word: usize) -> Self {
        word as u8
    }
}

impl FromWord for u64 {
    fn from_word(word: usize) -> Self {
        word as u64
    }
}

impl<T> FromWord for *mut T {
    fn from_word(word: usize) -> Self {
        std::ptr::with_exposed_provenance_mut(word)
    }
}

impl FromWord for CK_NOTIFY {
    fn from_word(word: usize) -> Self {
        // SAFETY: `Option` of a function pointer has the size of a word and zero is `None`; the
        // word is zero or the address of a callback with this signature.
        unsafe { std::mem::transmute::<usize, CK_NOTIFY>(word) }
    }
}

macro_rules! define_dispatch {
    ($($name:ident, $section:literal, $since:ident, ($($word:tt),*), [$($parameter:ident: $kind:expr),*];)*) => {
        /// What calls a function.
        pub(super) fn caller(function: Function) -> Caller {
            match function {
                $(Function::$name => |table, words| match table.$name {
                    // SAFETY: by the contract of `Caller`.
                    Some(entry) => unsafe { entry($(FromWord::from_word(words[$word])),*) },
                    None => CKR_FUNCTION_NOT_SUPPORTED,
                },)*
            }
        }

        /// True if the module's list has the function.
        #[must_use]
        pub fn is_present(table: &CK_FUNCTION_LIST_3_2, function: Function) -> bool {
            match function {
                $(Function::$name => table.$name.is_some(),)*
            }
        }
    };
}

cryptoki_functions!(define_dispatch);
