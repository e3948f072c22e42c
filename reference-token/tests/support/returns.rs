//! What functions may return: the table of the standard, and what its text adds to the table.

use std::collections::HashMap;
use std::sync::LazyLock;

use cryptoki_sys::*;

/// Functions whose list leaves codes to another function, or that their text gives codes beyond
/// their list: section 5.21.
fn elsewhere(function: &str, rv: &str) -> bool {
    let unlisted = ["C_AsyncComplete", "C_AsyncGetID"].contains(&function);
    let joined =
        function == "C_AsyncComplete" && PERMITTED["C_GenerateKeyPair"].contains(&rv.into());
    joined || unlisted && rv == "CKR_OPERATION_NOT_INITIALIZED"
}

/// What section 5.1 lets functions return beyond their own lists.
fn universal(function: &str, rv: &str) -> bool {
    let anything = [
        "CKR_OK",
        "CKR_GENERAL_ERROR",
        "CKR_HOST_MEMORY",
        "CKR_FUNCTION_FAILED",
        "CKR_OPERATION_NOT_VALIDATED",
        "CKR_TOKEN_NOT_INITIALIZED",
        "CKR_FUNCTION_NOT_SUPPORTED",
        "CKR_CRYPTOKI_NOT_INITIALIZED",
    ];
    let with_session = [
        "CKR_SESSION_HANDLE_INVALID",
        "CKR_DEVICE_REMOVED",
        "CKR_SESSION_CLOSED",
    ];
    let sessionless = ["C_Initialize", "C_GetInfo", "C_GetSlotList"];
    anything.contains(&rv) || (with_session.contains(&rv) && !sessionless.contains(&function))
}

/// Return values by function, from the spec tables of the project.
static PERMITTED: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../suites/spec/return-values.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

macro_rules! names {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

/// Names of the return values that tests meet.
const NAMES: &[(&str, CK_RV)] = names!(
    CKR_OK CKR_GENERAL_ERROR CKR_FUNCTION_FAILED CKR_ARGUMENTS_BAD CKR_SLOT_ID_INVALID
    CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE CKR_ATTRIBUTE_TYPE_INVALID
    CKR_ATTRIBUTE_VALUE_INVALID CKR_ACTION_PROHIBITED CKR_DATA_INVALID CKR_DATA_LEN_RANGE
    CKR_DEVICE_ERROR CKR_ENCRYPTED_DATA_INVALID CKR_ENCRYPTED_DATA_LEN_RANGE
    CKR_FUNCTION_NOT_PARALLEL CKR_FUNCTION_NOT_SUPPORTED CKR_KEY_HANDLE_INVALID CKR_KEY_SIZE_RANGE
    CKR_KEY_TYPE_INCONSISTENT CKR_KEY_FUNCTION_NOT_PERMITTED CKR_KEY_UNEXTRACTABLE
    CKR_KEY_NOT_WRAPPABLE CKR_KEY_INDIGESTIBLE CKR_MECHANISM_INVALID CKR_MECHANISM_PARAM_INVALID
    CKR_OBJECT_HANDLE_INVALID CKR_OPERATION_ACTIVE CKR_OPERATION_NOT_INITIALIZED CKR_PIN_INCORRECT
    CKR_PIN_INVALID CKR_PIN_LEN_RANGE CKR_PIN_LOCKED CKR_SESSION_HANDLE_INVALID
    CKR_SESSION_PARALLEL_NOT_SUPPORTED CKR_SESSION_READ_ONLY CKR_SESSION_EXISTS
    CKR_SESSION_READ_ONLY_EXISTS CKR_SESSION_READ_WRITE_SO_EXISTS CKR_SIGNATURE_INVALID
    CKR_SIGNATURE_LEN_RANGE CKR_TEMPLATE_INCOMPLETE CKR_TEMPLATE_INCONSISTENT
    CKR_USER_ALREADY_LOGGED_IN CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED
    CKR_USER_TYPE_INVALID CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
    CKR_RANDOM_SEED_NOT_SUPPORTED CKR_BUFFER_TOO_SMALL CKR_CRYPTOKI_NOT_INITIALIZED
    CKR_CRYPTOKI_ALREADY_INITIALIZED CKR_CANT_LOCK CKR_NO_EVENT CKR_CURVE_NOT_SUPPORTED
    CKR_DOMAIN_PARAMS_INVALID CKR_SESSION_ASYNC_NOT_SUPPORTED CKR_WRAPPED_KEY_LEN_RANGE
    CKR_AEAD_DECRYPT_FAILED CKR_STATE_UNSAVEABLE CKR_SAVED_STATE_INVALID CKR_KEY_NEEDED
    CKR_KEY_CHANGED CKR_KEY_NOT_NEEDED CKR_PENDING CKR_OPERATION_CANCEL_FAILED CKR_DEVICE_MEMORY
    CKR_PARAMETER_SET_NOT_SUPPORTED CKR_PIN_EXPIRED CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_UNWRAPPING_KEY_SIZE_RANGE CKR_TOKEN_RESOURCE_EXCEEDED CKR_PUBLIC_KEY_INVALID
    CKR_FUNCTION_REJECTED CKR_WRAPPING_KEY_SIZE_RANGE
    CKR_TOKEN_NOT_INITIALIZED CKR_TOKEN_NOT_PRESENT
);

/// Fails the test if the standard does not list the return value for the function.
pub(super) fn check(function: &str, rv: CK_RV) {
    let name = NAMES.iter().find(|(_, value)| *value == rv);
    let (name, _) = name.unwrap_or_else(|| panic!("{function} returned {rv:#x}"));
    let listed = PERMITTED[function]
        .iter()
        .any(|permitted| permitted == name);
    assert!(
        listed || universal(function, name) || elsewhere(function, name),
        "{function} must not return {name}"
    );
}
