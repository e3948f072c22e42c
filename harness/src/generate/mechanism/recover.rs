//! Mechanisms that sign so that the data can be recovered: [PKCS11-Base 3.2] 5.13.5 and 5.15.5.

use cryptoki_sys::*;
use p11assay_reports::evidence::Level;

use super::super::draft::Draft;
use super::key::{BACK, FORTH};
use super::subject::{Purpose, Subject};
use super::{equals, feed, flipped, keep, kept, length_contract, message, presumed};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Use};

const RECOVERY: Purpose = Purpose {
    of: Use::Recover,
    flags: CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER,
    usages: [CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER],
    private_first: true,
};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(subject) = Subject::of(row, &RECOVERY) else {
        return Vec::new();
    };
    let mut cases = vec![there_and_back(&subject), length(&subject)];
    // The others have nothing by which an alteration could be noticed.
    if [CKM_RSA_PKCS, CKM_RSA_9796].contains(&row.value) {
        cases.push(altered(&subject));
    }
    cases
}

fn there_and_back(subject: &Subject<'_>) -> Draft {
    let recovered = feed(C_VerifyRecover, &[kept("signature")]);
    // 6.1.12: without padding what comes back has zeros in front.
    let recovered = match subject.row.value {
        CKM_RSA_X_509 => recovered,
        _ => equals(recovered, message()),
    };
    subject
        .draft("recovers-what-it-signed", "5.15.6")
        .title(format!("{} recovers what it signed", subject.row.name))
        .call(subject.begin(C_SignRecoverInit, FORTH))
        .call(keep(feed(C_SignRecover, &[message()]), "signature"))
        .call(subject.begin(C_VerifyRecoverInit, BACK))
        .call(recovered)
}

fn length(subject: &Subject<'_>) -> Draft {
    let draft = subject.draft("sign-recover-length", "5.13.6");
    let begin = subject.begin(C_SignRecoverInit, FORTH);
    let whole = feed(C_SignRecover, &[message()]);
    length_contract(draft, subject.row, begin, &whole)
}

fn altered(subject: &Subject<'_>) -> Draft {
    let signing = keep(feed(C_SignRecover, &[message()]), "signature");
    subject
        .draft("recovery-altered", "5.15.6")
        .title(format!(
            "{} recovers nothing from what was altered",
            subject.row.name
        ))
        .level(Level::Security)
        .call(presumed(subject.begin(C_SignRecoverInit, FORTH)))
        .call(presumed(signing))
        .call(presumed(subject.begin(C_VerifyRecoverInit, BACK)))
        .unsuccessful(feed(C_VerifyRecover, &[flipped(kept("signature"))]))
}
