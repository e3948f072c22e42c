//! Mechanisms that encrypt: [PKCS11-Base 3.2] 5.8 and 5.10.

use cryptoki_sys::{CKA_DECRYPT, CKA_ENCRYPT, CKF_DECRYPT, CKF_ENCRYPT, CKM_RSA_X_509};

use super::super::draft::Draft;
use super::key::{BACK, FORTH};
use super::subject::{Purpose, Subject};
use super::{ample, equals, feed, half, keep, kept, length_contract, message, was};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Rule, Use};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::{Call, Content};

pub(super) const ENCRYPTION: Purpose = Purpose {
    of: Use::Encrypt,
    flags: CKF_ENCRYPT | CKF_DECRYPT,
    usages: [CKA_ENCRYPT, CKA_DECRYPT],
    private_first: false,
};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(subject) = Subject::of(row, &ENCRYPTION) else {
        return Vec::new();
    };
    let mut cases = vec![there_and_back(&subject), length(&subject)];
    if !row.rule(Rule::Single) {
        cases.push(parts(&subject));
    }
    if row.rule(Rule::NonceInBits) {
        cases.push(nonce_in_bits(&subject));
    }
    cases
}

/// 6.61: "ulNonceLen is the length of the nonce in bits".
fn nonce_in_bits(subject: &Subject<'_>) -> Draft {
    let init = subject.begin(C_EncryptInit, FORTH);
    subject
        .draft("nonce-in-bits", "6.61")
        .title(format!(
            "{} takes the length of its nonce in bits",
            subject.row.name
        ))
        .call(Call {
            not_applicable: refusals(&[Occasion::Start]),
            ..init
        })
        .call(feed(C_Encrypt, &[message()]))
}

fn there_and_back(subject: &Subject<'_>) -> Draft {
    let decrypted = feed(C_Decrypt, &[kept("ciphertext")]);
    // 6.1.12: without padding what comes back has zeros in front.
    let decrypted = match subject.row.value {
        CKM_RSA_X_509 => decrypted,
        _ => equals(decrypted, message()),
    };
    subject
        .draft("decrypts-what-it-encrypted", "5.10.2")
        .title(format!("{} decrypts what it encrypted", subject.row.name))
        .call(subject.begin(C_EncryptInit, FORTH))
        .call(keep(feed(C_Encrypt, &[message()]), "ciphertext"))
        .call(subject.begin(C_DecryptInit, BACK))
        .call(decrypted)
}

fn length(subject: &Subject<'_>) -> Draft {
    let draft = subject.draft("encrypt-length", "5.8.2");
    let begin = subject.begin(C_EncryptInit, FORTH);
    length_contract(draft, subject.row, begin, &feed(C_Encrypt, &[message()]))
}

fn parts(subject: &Subject<'_>) -> Draft {
    let update = |name| keep(ample(feed(C_EncryptUpdate, &[half()])), name);
    let joined = Content::Concat(["first", "second", "last"].map(kept).into());
    subject
        .draft("encrypt-parts", "5.8.3")
        .title(format!(
            "{} encrypts parts as it encrypts the whole",
            subject.row.name
        ))
        .call(subject.begin(C_EncryptInit, FORTH))
        .call(keep(feed(C_Encrypt, &[message()]), "whole"))
        .call(subject.begin(C_EncryptInit, FORTH))
        .call(update("first"))
        .call(update("second"))
        .call(was(
            keep(ample(feed(C_EncryptFinal, &[])), "last"),
            "whole",
            joined,
        ))
}
