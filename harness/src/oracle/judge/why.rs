//! What a return value says of a case that does not apply by it: that the token lacks what the case
//! needs, that its policy refuses it, or only that the case did not come to what it is about.

use cryptoki_sys::*;
use p11assay_reports::evidence::Why;

/// [PKCS11-Base 3.2] 5.1.6: values for what a token or library does not have.
const ABSENT: &[CK_RV] = &[
    CKR_FUNCTION_NOT_SUPPORTED,
    CKR_FUNCTION_NOT_PARALLEL,
    CKR_SESSION_PARALLEL_NOT_SUPPORTED,
    CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_CURVE_NOT_SUPPORTED,
    CKR_DOMAIN_PARAMS_INVALID,
    CKR_PARAMETER_SET_NOT_SUPPORTED,
    CKR_RANDOM_NO_RNG,
    CKR_RANDOM_SEED_NOT_SUPPORTED,
];

/// 5.1.6: values for what a token has and does not do: sizes out of its range, modes in which it is
/// validated, rights of users, keys and objects.
const REFUSED: &[CK_RV] = &[
    CKR_ACTION_PROHIBITED,
    CKR_OPERATION_NOT_VALIDATED,
    CKR_FIPS_SELF_TEST_FAILED,
    CKR_KEY_SIZE_RANGE,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_NOT_WRAPPABLE,
    CKR_KEY_UNEXTRACTABLE,
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_ATTRIBUTE_SENSITIVE,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_TOKEN_WRITE_PROTECTED,
    CKR_SESSION_READ_ONLY,
    CKR_PIN_TOO_WEAK,
    CKR_PIN_LEN_RANGE,
    CKR_PIN_EXPIRED,
    CKR_USER_NOT_LOGGED_IN,
    CKR_USER_TYPE_INVALID,
    CKR_USER_PIN_NOT_INITIALIZED,
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    CKR_USER_TOO_MANY_TYPES,
];

pub(super) fn of(rv: CK_RV) -> Why {
    if ABSENT.contains(&rv) {
        Why::Absent
    } else if REFUSED.contains(&rv) {
        Why::Refused
    } else {
        Why::NotReachable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_of_one_kind() {
        assert!(ABSENT.iter().all(|rv| !REFUSED.contains(rv)));
        assert_eq!(of(CKR_MECHANISM_INVALID), Why::Absent);
        assert_eq!(of(CKR_KEY_SIZE_RANGE), Why::Refused);
        assert_eq!(of(CKR_DEVICE_ERROR), Why::NotReachable);
    }
}
