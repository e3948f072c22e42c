//! The one place where a module's functions are called: a function number, ten words, a return
//! value.
#![allow(unsafe_code, reason = "calls C functions of a module")]

use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CK_NOTIFY, CK_RV};

use crate::cryptoki::Function;
use crate::cryptoki::function::{MAX_WORDS, cryptoki_functions};

/// The arguments of a call as machine words: numbers, or addresses.
pub type Words = [usize; MAX_WORDS];

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
        /// Calls a function; `None` if the module's list lacks it, in which case nothing was called.
        ///
        /// # Safety
        /// The words must be what the function's parameters ask for. A sequence may be wrong on
        /// purpose: then this must run in a worker, where the harm ends.
        #[inline]
        pub unsafe fn call(
            table: &CK_FUNCTION_LIST_3_2,
            function: Function,
            words: &Words,
        ) -> Option<CK_RV> {
            match function {
                $(Function::$name => {
                    let entry = table.$name?;
                    // SAFETY: by this function's own contract.
                    Some(unsafe { entry($(FromWord::from_word(words[$word])),*) })
                })*
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
