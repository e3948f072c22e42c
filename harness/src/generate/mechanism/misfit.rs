//! What does not go together: a key of another type, one without the usage, a mechanism without the
//! parameter that it needs, a function that the mechanism is not for. [PKCS11-Base 3.2] 5.1.6.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::key::{self, FORTH, Keys};
use super::{draft, init, parameter};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::ParameterValue;
use crate::sequence::recipe;

/// A use with a key: how it begins, what the key must allow, what the token must say it can.
struct Begin {
    function: Function,
    /// Of the key that begins, and of its counterpart.
    usages: [CK_ATTRIBUTE_TYPE; 2],
    flag: CK_FLAGS,
    of: Use,
    /// True if of a pair the private key begins.
    signs: bool,
    /// As cases are called after it.
    name: &'static str,
}

const BEGINS: [Begin; 6] = [
    Begin {
        function: C_EncryptInit,
        usages: [CKA_ENCRYPT, CKA_DECRYPT],
        flag: CKF_ENCRYPT,
        of: Use::Encrypt,
        signs: false,
        name: "encrypt",
    },
    Begin {
        function: C_DecryptInit,
        usages: [CKA_DECRYPT, CKA_ENCRYPT],
        flag: CKF_DECRYPT,
        of: Use::Encrypt,
        signs: true,
        name: "decrypt",
    },
    Begin {
        function: C_SignInit,
        usages: [CKA_SIGN, CKA_VERIFY],
        flag: CKF_SIGN,
        of: Use::Sign,
        signs: true,
        name: "sign",
    },
    Begin {
        function: C_VerifyInit,
        usages: [CKA_VERIFY, CKA_SIGN],
        flag: CKF_VERIFY,
        of: Use::Sign,
        signs: false,
        name: "verify",
    },
    Begin {
        function: C_SignRecoverInit,
        usages: [CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER],
        flag: CKF_SIGN_RECOVER,
        of: Use::Recover,
        signs: true,
        name: "sign-recover",
    },
    Begin {
        function: C_VerifyRecoverInit,
        usages: [CKA_VERIFY_RECOVER, CKA_SIGN_RECOVER],
        flag: CKF_VERIFY_RECOVER,
        of: Use::Recover,
        signs: false,
        name: "verify-recover",
    },
];

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    BEGINS
        .iter()
        .flat_map(|begin| match row.uses.contains(&begin.of) {
            true => fitting(row, begin),
            false => other_use(row, begin).into_iter().collect(),
        })
        .collect()
}

fn fitting(row: &Mechanism, begin: &Begin) -> Vec<Draft> {
    let Some(parameter) = parameter::valid(row) else {
        return Vec::new();
    };
    let Begin {
        function,
        usages: usages @ [usage, _],
        flag,
        name,
        ..
    } = *begin;
    let start = |parameter| init(function, row, parameter, Some(FORTH));
    let mut cases = Vec::new();
    if let Some(foreign) = key::foreign(row) {
        let answer = Answer::of(function, &[CKR_KEY_TYPE_INCONSISTENT])
            .tolerating([CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_SIZE_RANGE])
            .tolerating([CKR_MECHANISM_PARAM_INVALID]);
        cases.push(
            draft(row, flag, &format!("{name}-key-of-another-type"), "5.1.6")
                .title(format!(
                    "{} refuses a key of another type to {name}",
                    row.name
                ))
                .class(Class::B)
                .fixture(key::create(foreign, &[(usage, true)], FORTH))
                .judged(start(parameter.clone()), answer),
        );
    }
    let Some(keys) = Keys::of(row, begin.signs) else {
        return cases;
    };
    let answer = Answer::of(function, &[CKR_KEY_FUNCTION_NOT_PERMITTED])
        .tolerating([CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_PARAM_INVALID]);
    cases.push(
        draft(row, flag, &format!("{name}-key-without-usage"), "5.1.6")
            .title(format!("{} refuses a key that may not {name}", row.name))
            .level(Level::Security)
            .class(Class::B)
            .fixtures(keys.make_unfit(usages))
            .judged(start(parameter), answer),
    );
    if parameter::is_needed(row) {
        let answer = Answer::of(function, &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
        let draft = draft(row, flag, &format!("{name}-without-parameter"), "5.1.6")
            .title(format!(
                "{} refuses to {name} without its parameter",
                row.name
            ))
            .class(Class::B)
            .fixtures(keys.make(usages));
        cases.push(draft.judged(start(ParameterValue::None), answer));
    }
    cases
}

/// A mechanism that is for something else, with a key that would do for the function.
fn other_use(row: &Mechanism, begin: &Begin) -> Option<Draft> {
    let key = recipe::keys(CKO_SECRET_KEY, &row.key_types)
        .next()
        .or_else(|| recipe::keys(CKO_SECRET_KEY, &[CKK_AES]).next())?;
    let answer = Answer::of(begin.function, &[CKR_MECHANISM_INVALID])
        .tolerating([CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED])
        .tolerating([CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
    let id = format!("{}-is-not-its-use", begin.name);
    let title = format!("{} is refused where it is to {}", row.name, begin.name);
    let parameter = parameter::valid(row)?;
    Some(
        draft(row, 0, &id, "5.1.6")
            .title(title)
            .class(Class::B)
            .fixture(key::create(key, &[(begin.usages[0], true)], FORTH))
            .judged(init(begin.function, row, parameter, Some(FORTH)), answer),
    )
}
