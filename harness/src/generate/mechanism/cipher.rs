//! Mechanisms that encrypt: [PKCS11-Base 3.2] 5.8 and 5.10.

use cryptoki_sys::{CKA_DECRYPT, CKA_ENCRYPT, CKF_DECRYPT, CKF_ENCRYPT, CKM_RSA_X_509};

use super::super::draft::Draft;
use super::key::{BACK, FORTH, Keys};
use super::{
    ample, begin, draft, equals, feed, keep, kept, length_contract, message, parameter, was,
};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Call, Content, ParameterValue};

const BOTH: u64 = CKF_ENCRYPT | CKF_DECRYPT;

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let fit = row.uses.contains(&Use::Encrypt);
    let (Some(parameter), Some(keys)) =
        (parameter::valid(row).filter(|_| fit), Keys::of(row, false))
    else {
        return Vec::new();
    };
    let subject = Subject {
        row,
        parameter,
        keys,
    };
    let mut cases = vec![subject.there_and_back(), subject.length()];
    if !row.single_part {
        cases.push(subject.parts());
    }
    cases
}

struct Subject<'m> {
    row: &'m Mechanism,
    parameter: ParameterValue,
    keys: Keys,
}

impl Subject<'_> {
    fn draft(&self, id: &str, section: &'static str) -> Draft {
        draft(self.row, BOTH, id, section).fixtures(self.keys.make([CKA_ENCRYPT, CKA_DECRYPT]))
    }

    fn begin(&self, function: Function, key: &str) -> Call {
        begin(function, self.row, self.parameter.clone(), Some(key))
    }

    fn there_and_back(&self) -> Draft {
        let decrypted = feed(C_Decrypt, &[kept("ciphertext")]);
        // 6.1.12: without padding what comes back has zeros in front.
        let decrypted = match self.row.value {
            CKM_RSA_X_509 => decrypted,
            _ => equals(decrypted, message()),
        };
        self.draft("decrypts-what-it-encrypted", "5.10.2")
            .title(format!("{} decrypts what it encrypted", self.row.name))
            .call(self.begin(C_EncryptInit, FORTH))
            .call(keep(feed(C_Encrypt, &[message()]), "ciphertext"))
            .call(self.begin(C_DecryptInit, BACK))
            .call(decrypted)
    }

    fn length(&self) -> Draft {
        let draft = self.draft("encrypt-length", "5.8.2");
        let begin = self.begin(C_EncryptInit, FORTH);
        length_contract(draft, self.row, begin, &feed(C_Encrypt, &[message()]))
    }

    fn parts(&self) -> Draft {
        let part = Content::Repeat {
            byte: 0x5a,
            count: 16,
        };
        let update = |name| {
            keep(
                ample(feed(C_EncryptUpdate, std::slice::from_ref(&part))),
                name,
            )
        };
        let joined = Content::Concat(["first", "second", "last"].map(kept).into());
        self.draft("encrypt-parts", "5.8.3")
            .title(format!(
                "{} encrypts parts as it encrypts the whole",
                self.row.name
            ))
            .call(self.begin(C_EncryptInit, FORTH))
            .call(keep(feed(C_Encrypt, &[message()]), "whole"))
            .call(self.begin(C_EncryptInit, FORTH))
            .call(update("first"))
            .call(update("second"))
            .call(was(
                keep(ample(feed(C_EncryptFinal, &[])), "last"),
                "whole",
                joined,
            ))
    }
}
