//! Verification that begins with the signature: [PKCS11-Base 3.2] 5.15.7 to 5.15.10. "Any mechanism that
//! supports C_VerifyInit must also support C_VerifySignatureInit."

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::key::{BACK, FORTH};
use super::signature::SIGNATURE;
use super::subject::Subject;
use super::{all_presumed, feed, flipped, half, keep, kept, message, presumed};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Rule};
use crate::sequence::{Argument, Bytes, Call, Content};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(subject) = Subject::of(row, &SIGNATURE) else {
        return Vec::new();
    };
    let mut cases = vec![
        there_and_back(&subject),
        altered(&subject),
        without_usage(&subject),
    ];
    if !row.rule(Rule::Single) {
        cases.push(parts(&subject));
    }
    cases
}

/// A case that has a signature.
fn signed(subject: &Subject<'_>, id: &str, section: &'static str) -> Draft {
    subject
        .draft(id, section)
        .call(presumed(subject.begin(C_SignInit, FORTH)))
        .call(presumed(keep(feed(C_Sign, &[message()]), "signature")))
}

fn begin(subject: &Subject<'_>, signature: Content) -> Call {
    let mut call = subject.begin(C_VerifySignatureInit, BACK);
    call.arguments[3] = Argument::Bytes(Bytes::of(signature));
    call
}

/// What was signed is verified: how, the title says.
fn verified(subject: &Subject<'_>, id: &str, section: &'static str, how: &str) -> Draft {
    signed(subject, id, section)
        .title(format!("{} verifies a signature {how}", subject.row.name))
        .call(begin(subject, kept("signature")))
}

fn there_and_back(subject: &Subject<'_>) -> Draft {
    verified(subject, "verify-signature", "5.15.8", "that is given first")
        .call(feed(C_VerifySignature, &[message()]))
}

fn parts(subject: &Subject<'_>) -> Draft {
    let how = "that is given first on parts";
    verified(subject, "verify-signature-parts", "5.15.9", how)
        .call(feed(C_VerifySignatureUpdate, &[half()]))
        .call(feed(C_VerifySignatureUpdate, &[half()]))
        .call(feed(C_VerifySignatureFinal, &[]))
}

fn altered(subject: &Subject<'_>) -> Draft {
    signed(subject, "verify-signature-altered", "5.15.8")
        .title(format!(
            "{} does not verify an altered signature that is given first",
            subject.row.name
        ))
        .level(Level::Security)
        .call(presumed(begin(subject, flipped(kept("signature")))))
        .unsuccessful(feed(C_VerifySignature, &[message()]))
}

fn without_usage(subject: &Subject<'_>) -> Draft {
    let answer = Answer::of(C_VerifySignatureInit, &[CKR_KEY_FUNCTION_NOT_PERMITTED])
        .tolerating([CKR_KEY_TYPE_INCONSISTENT]);
    signed(subject, "verify-signature-key-without-usage", "5.1.6")
        .title(format!(
            "{} refuses a key that may not verify",
            subject.row.name
        ))
        .level(Level::Security)
        .class(Class::B)
        .call(presumed(begin(subject, kept("signature"))))
        .call(presumed(feed(C_VerifySignature, &[message()])))
        .calls(all_presumed(
            subject.keys.with([(CKA_SIGN, true), (CKA_VERIFY, false)]),
        ))
        .judged(begin(subject, kept("signature")), answer)
}
