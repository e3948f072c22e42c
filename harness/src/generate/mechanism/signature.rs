//! Mechanisms that sign or make MACs: [PKCS11-Base 3.2] 5.13 and 5.15.

use cryptoki_sys::{CKA_SIGN, CKA_VERIFY, CKF_SIGN, CKF_VERIFY};
use p11assay_reports::evidence::Level;

use super::super::draft::Draft;
use super::key::{BACK, FORTH};
use super::subject::{Purpose, Subject};
use super::{feed, flipped, half, keep, kept, length_contract, message, presumed};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Rule, Use};
use crate::sequence::Content;

pub(super) const SIGNATURE: Purpose = Purpose {
    of: Use::Sign,
    flags: CKF_SIGN | CKF_VERIFY,
    usages: [CKA_SIGN, CKA_VERIFY],
    private_first: true,
};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(subject) = Subject::of(row, &SIGNATURE) else {
        return Vec::new();
    };
    let mut cases = vec![
        there_and_back(&subject),
        altered(
            &subject,
            "signature-altered",
            message(),
            flipped(kept("signature")),
        ),
        altered(
            &subject,
            "data-altered",
            flipped(message()),
            kept("signature"),
        ),
        length(&subject),
    ];
    if !row.rule(Rule::Single) {
        cases.push(parts(&subject));
    }
    cases
}

fn there_and_back(subject: &Subject<'_>) -> Draft {
    subject
        .draft("verifies-what-it-signed", "5.15.2")
        .title(format!("{} verifies what it signed", subject.row.name))
        .call(subject.begin(C_SignInit, FORTH))
        .call(keep(feed(C_Sign, &[message()]), "signature"))
        .call(subject.begin(C_VerifyInit, BACK))
        .call(feed(C_Verify, &[message(), kept("signature")]))
}

fn altered(subject: &Subject<'_>, id: &str, data: Content, signature: Content) -> Draft {
    let signing = keep(feed(C_Sign, &[message()]), "signature");
    subject
        .draft(id, "5.15.2")
        .title(format!(
            "{} does not verify what was altered",
            subject.row.name
        ))
        .level(Level::Security)
        .call(presumed(subject.begin(C_SignInit, FORTH)))
        .call(presumed(signing))
        .call(presumed(subject.begin(C_VerifyInit, BACK)))
        .unsuccessful(feed(C_Verify, &[data, signature]))
}

fn length(subject: &Subject<'_>) -> Draft {
    let draft = subject.draft("sign-length", "5.13.2");
    let begin = subject.begin(C_SignInit, FORTH);
    length_contract(draft, subject.row, begin, &feed(C_Sign, &[message()]))
}

/// Signatures need not be the same twice, so one made of parts is verified whole.
fn parts(subject: &Subject<'_>) -> Draft {
    subject
        .draft("sign-parts", "5.13.3")
        .title(format!(
            "{} signs parts as it signs the whole",
            subject.row.name
        ))
        .call(subject.begin(C_SignInit, FORTH))
        .call(feed(C_SignUpdate, &[half()]))
        .call(feed(C_SignUpdate, &[half()]))
        .call(keep(feed(C_SignFinal, &[]), "signature"))
        .call(subject.begin(C_VerifyInit, BACK))
        .call(feed(C_Verify, &[message(), kept("signature")]))
}
