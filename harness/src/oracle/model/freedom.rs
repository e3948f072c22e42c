//! Which answers of the target and of the model cannot both be right, whatever freedom the standard
//! gives: each says something of a state that the two have in common.

use cryptoki_sys::*;

use crate::cryptoki::Function;
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::returns;
use crate::cryptoki::structure::layout;
use crate::sequence::{Argument, Call, ParameterValue};

/// What an answer says that another one rules out.
struct Claim {
    value: CK_RV,
    /// Functions of which it is a claim; all if there are none.
    functions: &'static [Function],
}

const fn claim(value: CK_RV) -> Claim {
    Claim {
        value,
        functions: &[],
    }
}

/// A claim of the functions that are told a signature and do nothing but check it. C_VerifyRecover may be asked
/// for a size, which is told before or after.
const fn about_signatures(value: CK_RV) -> Claim {
    Claim {
        value,
        functions: &[
            Function::C_Verify,
            Function::C_VerifyFinal,
            Function::C_VerifyMessage,
            Function::C_VerifyMessageNext,
            Function::C_VerifySignature,
            Function::C_VerifySignatureFinal,
        ],
    }
}

/// A claim of the functions that log in.
const fn about_logins(value: CK_RV) -> Claim {
    Claim {
        value,
        functions: &[Function::C_Login, Function::C_LoginUser],
    }
}

/// Values that are a statement on handles, sessions, PINs, operations or signatures
/// ([PKCS11-Base 3.2] 5.1.2, 5.1.6): if the model did the call, they are false, and if the model
/// returned one of them, success is.
///
/// CKR_USER_NOT_LOGGED_IN is none: whether a key is private is the token's choice where its template
/// does not say (4.4); but nobody else than the security officer sets the user's PIN (5.5.8). Nor are CKR_ENCRYPTED_DATA_INVALID, which chance decides for a key that was
/// generated, and CKR_KEY_FUNCTION_NOT_PERMITTED, whose attributes have defaults of the token.
const CLAIMS: [Claim; 17] = [
    claim(CKR_CRYPTOKI_NOT_INITIALIZED),
    claim(CKR_SESSION_HANDLE_INVALID),
    claim(CKR_OBJECT_HANDLE_INVALID),
    claim(CKR_KEY_HANDLE_INVALID),
    claim(CKR_WRAPPING_KEY_HANDLE_INVALID),
    claim(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
    claim(CKR_OPERATION_NOT_INITIALIZED),
    claim(CKR_SESSION_READ_ONLY),
    claim(CKR_SLOT_ID_INVALID),
    about_signatures(CKR_SIGNATURE_INVALID),
    about_signatures(CKR_SIGNATURE_LEN_RANGE),
    claim(CKR_USER_ALREADY_LOGGED_IN),
    Claim {
        value: CKR_USER_NOT_LOGGED_IN,
        functions: &[Function::C_InitPIN],
    },
    // With the last session the one reason goes that a token is not initialised for (5.5.7).
    Claim {
        value: CKR_SESSION_EXISTS,
        functions: &[Function::C_InitToken],
    },
    // Initialising a token leaves the user without a PIN (5.5.7), until there is one (5.5.8).
    about_logins(CKR_USER_PIN_NOT_INITIALIZED),
    Claim {
        value: CKR_PIN_INCORRECT,
        functions: &[
            Function::C_Login,
            Function::C_LoginUser,
            Function::C_SetPIN,
            Function::C_InitToken,
        ],
    },
    // Which operations a token takes side by side is its own affair; one of a kind is all there is.
    Claim {
        value: CKR_OPERATION_ACTIVE,
        functions: &[
            Function::C_EncryptInit,
            Function::C_DecryptInit,
            Function::C_DigestInit,
            Function::C_SignInit,
            Function::C_VerifyInit,
            Function::C_FindObjectsInit,
        ],
    },
];

/// True of functions that make objects, and give their handles: a token may make none in a read-only session, though the
/// standard has session objects there (5.7.1; `suites/spec/refusals.csv` says the same to cases).
fn makes_objects(function: Function) -> bool {
    let mut kinds = function.parameters().iter().map(|parameter| parameter.kind);
    kinds.any(|kind| kind == ParameterKind::OutUlong(Domain::Object))
}

/// The return values that are false of a call that the model did.
pub(super) fn claims(function: Function) -> Vec<u64> {
    let values = CLAIMS.iter().map(|claim| claim.value);
    values.filter(|value| is_false(function, *value)).collect()
}

/// True if a value that the target gave is false where the model did the call. A token that has had enough wrong PINs need
/// not say so by another value, and may have none left.
fn is_false(function: Function, value: u64) -> bool {
    let refused = value == CKR_SESSION_READ_ONLY && makes_objects(function);
    let may_be_locked = [CKR_PIN_INCORRECT, CKR_USER_PIN_NOT_INITIALIZED].contains(&value);
    is_claim(function, value) && !refused && !may_be_locked && !may_be_of_usage(function, value)
}

/// True of what a token may say of a key that is not for this use, whose default is its own (footnote 9 of 4.2), where the function's section
/// lists no value for that.
fn may_be_of_usage(function: Function, value: u64) -> bool {
    let is_of_the_key = match value {
        CKR_WRAPPING_KEY_HANDLE_INVALID | CKR_UNWRAPPING_KEY_HANDLE_INVALID => true,
        // Of C_WrapKey it speaks of the key that is wrapped, which has values of its own.
        CKR_KEY_HANDLE_INVALID => !matches!(
            function,
            Function::C_WrapKey | Function::C_WrapKeyAuthenticated
        ),
        _ => false,
    };
    is_of_the_key && !returns::is_listed(function, CKR_KEY_FUNCTION_NOT_PERMITTED)
}

fn is_claim(function: Function, value: u64) -> bool {
    CLAIMS.iter().any(|claim| {
        let about = claim.functions.is_empty() || claim.functions.contains(&function);
        claim.value == value && about
    })
}

/// True if the answer is that a handle is none, and nothing says that the call looks at that handle.
pub(super) fn is_of_no_use(call: &Call, answer: u64) -> bool {
    let parameters = call.function.parameters().iter().zip(&call.arguments);
    let mut mechanisms = parameters.filter(|(of, _)| of.kind == ParameterKind::Mechanism);
    mechanisms.any(|(_, given)| match given {
        // Without a mechanism the call ends an operation ([PKCS11-Base 3.2] 5.8.1, 5.15.5 and others), and nothing says
        // what the key is to be then.
        Argument::Null | Argument::Default => answer == CKR_KEY_HANDLE_INVALID,
        // A mechanism may make no use of a handle in its parameter, as HKDF makes none of hSaltKey when it does not extract
        // (6.62.3), and a token may look at it all the same.
        Argument::Mechanism(mechanism) => {
            let of_handles = [CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID];
            of_handles.contains(&answer) && has_handle(&mechanism.parameter)
        }
        _ => false,
    })
}

/// True of a structure that has a handle among its fields, which the header's names tell (`hSaltKey`).
fn has_handle(parameter: &ParameterValue) -> bool {
    let ParameterValue::Structure(given) = parameter else {
        return false;
    };
    let names = layout(&given.name).into_iter();
    let mut names = names.flat_map(|layout| &layout.field_names);
    names.any(|name| {
        let rest = name.strip_prefix('h');
        rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_uppercase()))
    })
}

/// True if `target` and `model` cannot both be right of one call in one state.
pub(super) fn contradicts(function: Function, target: u64, model: u64) -> bool {
    match (target, model) {
        (CKR_OK, CKR_OK) => false,
        (CKR_OK, refusal) => is_claim(function, refusal),
        (refusal, CKR_OK) => is_false(function, refusal),
        // Which of two reasons comes first is mostly open (5.1.7).
        _ => false,
    }
}

/// True if the target refuses with a value that the standard does not permit the function, where the model answers
/// otherwise. Both may be right all the same: lists have gaps ([PKCS11-Base 3.2] 5.1).
pub(super) fn is_unlisted(function: Function, target: u64, model: u64) -> bool {
    target != model
        && !contradicts(function, target, model)
        && !returns::is_permitted(function, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Structure;

    #[test]
    fn a_handle_that_a_mechanism_need_not_look_at_may_be_refused() {
        let derive = |parameter| {
            let mut call = Call::new(1, Function::C_DeriveKey);
            call.arguments[1] = Argument::mechanism(CKM_HKDF_DERIVE, parameter);
            call
        };
        let of = |name: &str| {
            derive(ParameterValue::Structure(Structure {
                name: name.to_owned(),
                fields: Vec::new(),
            }))
        };
        let salt = of("CK_HKDF_PARAMS");
        assert!(is_of_no_use(&salt, CKR_OBJECT_HANDLE_INVALID));
        assert!(is_of_no_use(&salt, CKR_KEY_HANDLE_INVALID));
        assert!(!is_of_no_use(&salt, CKR_SESSION_HANDLE_INVALID));
        // A curve is no handle.
        let curve = of("CK_ECDH1_DERIVE_PARAMS");
        assert!(!is_of_no_use(&curve, CKR_KEY_HANDLE_INVALID));
        let none = derive(ParameterValue::None);
        assert!(!is_of_no_use(&none, CKR_KEY_HANDLE_INVALID));
    }

    #[test]
    fn a_claim_and_success_contradict_each_other_and_nothing_else_does() {
        for (function, target, model, wanted) in [
            (
                Function::C_Sign,
                CKR_OK,
                CKR_OPERATION_NOT_INITIALIZED,
                true,
            ),
            (
                Function::C_Sign,
                CKR_OPERATION_NOT_INITIALIZED,
                CKR_OK,
                true,
            ),
            (Function::C_InitPIN, CKR_OK, CKR_USER_NOT_LOGGED_IN, true),
            (Function::C_Sign, CKR_OK, CKR_USER_NOT_LOGGED_IN, false),
            (Function::C_Login, CKR_OK, CKR_PIN_INCORRECT, true),
            (Function::C_Login, CKR_PIN_INCORRECT, CKR_OK, false),
            // 5.18.3 has no value for a key that may not wrap; 5.13.1 has one for a key that may not sign.
            (
                Function::C_WrapKey,
                CKR_WRAPPING_KEY_HANDLE_INVALID,
                CKR_OK,
                false,
            ),
            (
                Function::C_WrapKey,
                CKR_OK,
                CKR_WRAPPING_KEY_HANDLE_INVALID,
                true,
            ),
            (Function::C_WrapKey, CKR_KEY_HANDLE_INVALID, CKR_OK, true),
            (Function::C_DeriveKey, CKR_KEY_HANDLE_INVALID, CKR_OK, false),
            (Function::C_SignInit, CKR_KEY_HANDLE_INVALID, CKR_OK, true),
            (
                Function::C_Login,
                CKR_OK,
                CKR_USER_PIN_NOT_INITIALIZED,
                true,
            ),
            (Function::C_InitToken, CKR_OK, CKR_SESSION_EXISTS, true),
            (Function::C_InitToken, CKR_PIN_INCORRECT, CKR_OK, false),
            (Function::C_SignInit, CKR_MECHANISM_INVALID, CKR_OK, false),
            (Function::C_SignInit, CKR_OPERATION_ACTIVE, CKR_OK, true),
            (Function::C_Login, CKR_OPERATION_ACTIVE, CKR_OK, false),
            (
                Function::C_GenerateKey,
                CKR_SESSION_READ_ONLY,
                CKR_OK,
                false,
            ),
            (Function::C_GenerateKey, CKR_OK, CKR_SESSION_READ_ONLY, true),
            (
                Function::C_DestroyObject,
                CKR_SESSION_READ_ONLY,
                CKR_OK,
                true,
            ),
            (
                Function::C_Sign,
                CKR_DATA_LEN_RANGE,
                CKR_OPERATION_NOT_INITIALIZED,
                false,
            ),
            (Function::C_Sign, CKR_OK, CKR_OK, false),
        ] {
            assert_eq!(
                contradicts(function, target, model),
                wanted,
                "{function} {target:#x} {model:#x}"
            );
        }
    }
}
