//! Which return values the standard permits a function, whatever the circumstances: those that its
//! description lists (`suites/spec/return-values.json`) and those that section 5.1 gives to all.
//!
//! That a listed value is right in a given state is not said here.

use std::collections::HashMap;
use std::sync::LazyLock;

use cryptoki_sys::CK_RV;

use super::refusal::{Occasion, refusals};
use super::{Function, names};

/// Values that [PKCS11-Base 3.2] section 5.1 lets functions return that do not list them.
///
/// 5.1.1 names the universal ones, 5.1.2 those of functions with a session, 5.1.3 those of functions
/// with a token, 5.1.4 what a callback of the application may bring about, 5.1.5 what mutex callbacks
/// do. 5.4 has functions that a library does not support answer CKR_FUNCTION_NOT_SUPPORTED, and 5.1.6
/// describes CKR_ARGUMENTS_BAD as the answer to any argument that is not appropriate.
const FOR_ALL: [&str; 16] = [
    "CKR_OK",
    "CKR_GENERAL_ERROR",
    "CKR_HOST_MEMORY",
    "CKR_FUNCTION_FAILED",
    "CKR_OPERATION_NOT_VALIDATED",
    "CKR_SESSION_HANDLE_INVALID",
    "CKR_SESSION_CLOSED",
    "CKR_DEVICE_REMOVED",
    "CKR_DEVICE_MEMORY",
    "CKR_DEVICE_ERROR",
    "CKR_TOKEN_NOT_PRESENT",
    "CKR_TOKEN_NOT_INITIALIZED",
    "CKR_CANCEL",
    "CKR_CRYPTOKI_NOT_INITIALIZED",
    "CKR_FUNCTION_NOT_SUPPORTED",
    "CKR_ARGUMENTS_BAD",
];

/// What a token says that does not make the object that it is asked for: which classes, attributes and
/// values it knows is left to it (4.1.1, 5.7.1). Suites write `creation-refused` for all of them.
pub static CREATION_REFUSED: LazyLock<Vec<CK_RV>> =
    LazyLock::new(|| refusals(&[Occasion::Create, Occasion::Session]));

/// The word for [`CREATION_REFUSED`] in suites.
pub const CREATION_REFUSED_WORD: &str = "creation-refused";

/// Every value of the standard but CKR_OK: what is presumed to succeed says nothing if it does not. Suites
/// write `failure` for all of them.
pub static FAILURES: LazyLock<Vec<CK_RV>> = LazyLock::new(|| {
    let all = names::of_kind(names::Kind::RETURN)
        .iter()
        .map(|one| one.value);
    all.filter(|value| *value != cryptoki_sys::CKR_OK).collect()
});

/// The word for [`FAILURES`] in suites.
pub const FAILURE_WORD: &str = "failure";

static LISTED: LazyLock<HashMap<Function, Vec<u64>>> = LazyLock::new(|| {
    let text = include_str!("../../../suites/spec/return-values.json");
    let lists: HashMap<String, Vec<String>> =
        serde_json::from_str(text).expect("suites/spec/return-values.json: function to values");
    let value = |name: &String| {
        let constant = names::constant(name);
        constant
            .unwrap_or_else(|| panic!("suites/spec/return-values.json: no constant {name}"))
            .value
    };
    let function = |name: &str| {
        Function::from_name(name)
            .unwrap_or_else(|| panic!("suites/spec/return-values.json: no function {name}"))
    };
    lists
        .iter()
        .map(|(name, values)| (function(name), values.iter().map(value).collect()))
        .collect()
});

static EVERYWHERE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let value = |name| names::constant(name).map(|constant| constant.value);
    FOR_ALL.into_iter().filter_map(value).collect()
});

/// True if the standard permits `function` to return `value` in some circumstances. Vendor-defined
/// values are not in the standard.
#[must_use]
pub fn is_permitted(function: Function, value: u64) -> bool {
    if EVERYWHERE.contains(&value) || value & cryptoki_sys::CKR_VENDOR_DEFINED != 0 {
        return true;
    }
    is_listed(function, value)
}

/// The return values that the description of `function` lists. That of C_AsyncComplete refers to the
/// function that it completes: it has those of all.
pub fn listed(function: Function) -> impl Iterator<Item = u64> {
    let of = match function {
        Function::C_AsyncComplete => Function::ALL,
        _ => &Function::ALL[function as usize..=function as usize],
    };
    of.iter().filter_map(|f| LISTED.get(f)).flatten().copied()
}

/// True if the description of `function` lists `value`, as [`listed`] says.
#[must_use]
pub fn is_listed(function: Function, value: u64) -> bool {
    listed(function).any(|known| known == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKR_KEY_HANDLE_INVALID, CKR_OK, CKR_PIN_INCORRECT, CKR_VENDOR_DEFINED};

    #[test]
    fn a_value_is_permitted_where_it_is_listed_and_nowhere_else() {
        assert!(is_permitted(Function::C_Login, CKR_PIN_INCORRECT));
        assert!(!is_permitted(Function::C_SignInit, CKR_PIN_INCORRECT));
        assert!(is_permitted(Function::C_SignInit, CKR_KEY_HANDLE_INVALID));
        assert!(!is_permitted(Function::C_GetInfo, CKR_KEY_HANDLE_INVALID));
        assert!(is_permitted(Function::C_GetInfo, CKR_OK));
        assert!(is_permitted(Function::C_GetInfo, CKR_VENDOR_DEFINED | 7));
    }

    #[test]
    fn every_function_has_its_list_and_every_universal_value_is_a_constant() {
        assert!(Function::ALL.iter().all(|f| LISTED.contains_key(f)));
        assert_eq!(EVERYWHERE.len(), FOR_ALL.len());
    }
}
