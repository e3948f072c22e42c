//! That a generated key does what keys of its type are for.

use cryptoki_sys::*;

use super::super::draft::Draft;
use super::generate::{PRIVATE, PUBLIC, Subject};
use super::template::flag;
use super::{begin, equals, feed, keep, kept, message, parameter, presumed};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{self as table, Use};
use crate::plan::{MechanismNeed, Needs};
use crate::sequence::{Call, ParameterValue};

impl Subject<'_> {
    /// What was made does what keys of its type are for.
    pub(super) fn works(&self) -> Option<Draft> {
        // One-time passwords are made of no data: 6.53.
        if self.row.section == "6.53" {
            return None;
        }
        let row = table::all().iter().find(|row| {
            let fits = [Use::Encrypt, Use::Sign]
                .iter()
                .any(|u| row.uses.contains(u));
            fits && row.key_types.contains(&self.key_type) && parameter::valid(row).is_some()
        })?;
        let signs = row.uses.contains(&Use::Sign);
        let (usages, flags, functions) = match signs {
            true => (
                [CKA_SIGN, CKA_VERIFY],
                CKF_SIGN | CKF_VERIFY,
                [C_SignInit, C_Sign, C_VerifyInit],
            ),
            false => (
                [CKA_ENCRYPT, CKA_DECRYPT],
                CKF_ENCRYPT | CKF_DECRYPT,
                [C_EncryptInit, C_Encrypt, C_DecryptInit],
            ),
        };
        let [forth, back] = match (self.pair, signs) {
            (true, true) => [PRIVATE, PUBLIC],
            (true, false) => [PUBLIC, PRIVATE],
            _ => [PRIVATE, PRIVATE],
        };
        let begin = |function, key| {
            let parameter = parameter::valid(row).unwrap_or(ParameterValue::None);
            begin(function, row, parameter, Some(key))
        };
        let undone = match signs {
            true => feed(C_Verify, &[message(), kept("done")]),
            false => equals(feed(C_Decrypt, &[kept("done")]), message()),
        };
        let needs = Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: row.value,
                flags,
                key_size: None,
            }],
            ..Needs::default()
        };
        Some(
            self.draft("generated-key-works", self.section())
                .title(format!("{} makes a key for {}", self.row.name, row.name))
                .needs(&needs)
                .call(presumed(self.useful(usages, [forth, back])))
                .call(begin(functions[0], forth))
                .call(keep(feed(functions[1], &[message()]), "done"))
                .call(begin(functions[2], back))
                .call(undone),
        )
    }

    /// A call for keys with these usages.
    fn useful(&self, usages: [CK_ATTRIBUTE_TYPE; 2], keys: [&str; 2]) -> Call {
        let of = |key| {
            let named = keys
                .iter()
                .zip(usages)
                .filter(move |(named, _)| **named == key);
            named
                .map(|(_, usage)| flag(usage, true))
                .collect::<Vec<_>>()
        };
        self.templates([[self.needed.clone(), of(PUBLIC)].concat(), of(PRIVATE)])
    }
}
