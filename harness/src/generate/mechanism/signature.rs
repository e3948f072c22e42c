//! Mechanisms that sign or make MACs: [PKCS11-Base 3.2] 5.13 and 5.15.

use cryptoki_sys::{CKA_SIGN, CKA_VERIFY, CKF_SIGN, CKF_VERIFY};
use p11assay_reports::evidence::Level;

use super::super::draft::Draft;
use super::key::{BACK, FORTH, Keys};
use super::{begin, draft, feed, keep, kept, length_contract, message, parameter, presumed};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Call, Content, ParameterValue};

const BOTH: u64 = CKF_SIGN | CKF_VERIFY;

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let fit = row.uses.contains(&Use::Sign);
    let (Some(parameter), Some(keys)) =
        (parameter::valid(row).filter(|_| fit), Keys::of(row, true))
    else {
        return Vec::new();
    };
    let subject = Subject {
        row,
        parameter,
        keys,
    };
    let mut cases = vec![
        subject.there_and_back(),
        subject.altered("signature-altered", message(), flipped(kept("signature"))),
        subject.altered("data-altered", flipped(message()), kept("signature")),
        subject.length(),
    ];
    if !row.single_part {
        cases.push(subject.parts());
    }
    cases
}

/// The same bytes with the last bit of the first one turned over: a number stays below a modulus of
/// the same length.
fn flipped(of: Content) -> Content {
    Content::Flip {
        of: Box::new(of),
        bit: 7,
    }
}

struct Subject<'m> {
    row: &'m Mechanism,
    parameter: ParameterValue,
    keys: Keys,
}

impl Subject<'_> {
    fn draft(&self, id: &str, section: &'static str) -> Draft {
        draft(self.row, BOTH, id, section).fixtures(self.keys.make([CKA_SIGN, CKA_VERIFY]))
    }

    fn begin(&self, function: Function, key: &str) -> Call {
        begin(function, self.row, self.parameter.clone(), Some(key))
    }

    fn there_and_back(&self) -> Draft {
        self.draft("verifies-what-it-signed", "5.15.2")
            .title(format!("{} verifies what it signed", self.row.name))
            .call(self.begin(C_SignInit, FORTH))
            .call(keep(feed(C_Sign, &[message()]), "signature"))
            .call(self.begin(C_VerifyInit, BACK))
            .call(feed(C_Verify, &[message(), kept("signature")]))
    }

    fn altered(&self, id: &str, data: Content, signature: Content) -> Draft {
        let signing = keep(feed(C_Sign, &[message()]), "signature");
        self.draft(id, "5.15.2")
            .title(format!(
                "{} does not verify what was altered",
                self.row.name
            ))
            .level(Level::Security)
            .call(presumed(self.begin(C_SignInit, FORTH)))
            .call(presumed(signing))
            .call(presumed(self.begin(C_VerifyInit, BACK)))
            .unsuccessful(feed(C_Verify, &[data, signature]))
    }

    fn length(&self) -> Draft {
        let draft = self.draft("sign-length", "5.13.2");
        let begin = self.begin(C_SignInit, FORTH);
        length_contract(draft, self.row, begin, &feed(C_Sign, &[message()]))
    }

    /// Signatures need not be the same twice, so one made of parts is verified whole.
    fn parts(&self) -> Draft {
        let part = Content::Repeat {
            byte: 0x5a,
            count: 16,
        };
        self.draft("sign-parts", "5.13.3")
            .title(format!(
                "{} signs parts as it signs the whole",
                self.row.name
            ))
            .call(self.begin(C_SignInit, FORTH))
            .call(feed(C_SignUpdate, std::slice::from_ref(&part)))
            .call(feed(C_SignUpdate, std::slice::from_ref(&part)))
            .call(keep(feed(C_SignFinal, &[]), "signature"))
            .call(self.begin(C_VerifyInit, BACK))
            .call(feed(C_Verify, &[message(), kept("signature")]))
    }
}
