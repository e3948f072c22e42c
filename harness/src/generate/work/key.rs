//! Keys that do not fit where messages are begun, or a verification with its signature: of another type,
//! or without the usage ([PKCS11-Base 3.2] 5.1.6).

use cryptoki_sys::*;
use p11assay_reports::evidence::Level;

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::super::mechanism::create;
use super::Work;
use crate::cryptoki::Function::{self, *};
use crate::sequence::Argument;
use crate::sequence::recipe::{self, Recipe};

/// The usage that a function asks for, the type of the keys that its mechanism takes, and another.
fn kinds(function: Function) -> Option<(CK_ATTRIBUTE_TYPE, CK_KEY_TYPE, CK_KEY_TYPE)> {
    Some(match function {
        C_MessageEncryptInit => (CKA_ENCRYPT, CKK_AES, CKK_GENERIC_SECRET),
        C_MessageDecryptInit => (CKA_DECRYPT, CKK_AES, CKK_GENERIC_SECRET),
        C_MessageSignInit => (CKA_SIGN, CKK_GENERIC_SECRET, CKK_AES),
        C_MessageVerifyInit | C_VerifySignatureInit => (CKA_VERIFY, CKK_GENERIC_SECRET, CKK_AES),
        _ => return None,
    })
}

pub(super) fn cases(work: &Work) -> Vec<Draft> {
    let Some((usage, own, other)) = kinds(work.function) else {
        return Vec::new();
    };
    let key = |key_type| recipe::keys(CKO_SECRET_KEY, &[key_type]).next();
    let other = key(other).map(|key| other_type(work, key, usage));
    let unfit = key(own).map(|key| without_usage(work, key, usage));
    other.into_iter().chain(unfit).collect()
}

/// The case with this key in the place of the one that would do.
fn with(work: &Work, id: &str, key: &Recipe, usage: (CK_ATTRIBUTE_TYPE, bool)) -> Draft {
    work.draft(id, "5.1.6")
        .fixture(create(key, &[usage], "unfit"))
}

fn unfit() -> Argument {
    Argument::named("unfit")
}

fn other_type(work: &Work, key: &Recipe, usage: CK_ATTRIBUTE_TYPE) -> Draft {
    let function = work.function;
    let answer = Answer::of(function, &[CKR_KEY_TYPE_INCONSISTENT]).tolerating([
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        CKR_KEY_SIZE_RANGE,
        CKR_MECHANISM_INVALID,
        CKR_MECHANISM_PARAM_INVALID,
    ]);
    with(work, "at-work-key-of-another-type", key, (usage, true))
        .title(format!("{function} refuses a key of another type"))
        .judged(work.bent(2, unfit()), answer)
}

fn without_usage(work: &Work, key: &Recipe, usage: CK_ATTRIBUTE_TYPE) -> Draft {
    let function = work.function;
    let answer = Answer::of(function, &[CKR_KEY_FUNCTION_NOT_PERMITTED]).tolerating([
        CKR_KEY_TYPE_INCONSISTENT,
        CKR_MECHANISM_INVALID,
        CKR_MECHANISM_PARAM_INVALID,
    ]);
    with(work, "at-work-key-without-usage", key, (usage, false))
        .title(format!("{function} refuses a key without the usage"))
        .level(Level::Security)
        .judged(work.bent(2, unfit()), answer)
}
