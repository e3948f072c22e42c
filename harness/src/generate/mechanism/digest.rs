//! Mechanisms that digest: [PKCS11-Base 3.2] 5.12.

use cryptoki_sys::CKF_DIGEST;

use super::super::draft::Draft;
use super::{begin, draft, equals, feed, half, keep, kept, length_contract, message, parameter};
use crate::cryptoki::Function::{C_Digest, C_DigestFinal, C_DigestInit, C_DigestUpdate};
use crate::cryptoki::mechanism::{Mechanism, Use};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(parameter) = parameter::valid(row).filter(|_| row.uses.contains(&Use::Digest)) else {
        return Vec::new();
    };
    let begin = || begin(C_DigestInit, row, parameter.clone(), None);
    let whole = || feed(C_Digest, &[message()]);
    vec![
        draft(row, CKF_DIGEST, "digest-parts", "5.12.3")
            .title(format!(
                "{} digests parts as it digests the whole",
                row.name
            ))
            .call(begin())
            .call(keep(whole(), "whole"))
            .call(begin())
            .call(feed(C_DigestUpdate, &[half()]))
            .call(feed(C_DigestUpdate, &[half()]))
            .call(equals(feed(C_DigestFinal, &[]), kept("whole"))),
        length_contract(
            draft(row, CKF_DIGEST, "digest-length", "5.12.2"),
            row,
            begin(),
            &whole(),
        ),
    ]
}
