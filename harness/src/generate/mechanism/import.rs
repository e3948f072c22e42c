//! Key values of a length that keys of their type cannot have: [PKCS11-Base 3.2] 4.1.1, and the tables of
//! the key objects in chapter 6.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::template::bytes;
use super::{draft, key};
use crate::cryptoki::Function::C_CreateObject;
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::{Argument, Content, recipe};

/// The mechanism that makes keys of a type, the type, and a length that none of them has.
const LENGTHS: [(CK_MECHANISM_TYPE, CK_KEY_TYPE, usize); 9] = [
    (CKM_AES_KEY_GEN, CKK_AES, 17),
    (CKM_AES_XTS_KEY_GEN, CKK_AES_XTS, 48),
    (CKM_DES2_KEY_GEN, CKK_DES2, 17),
    (CKM_DES3_KEY_GEN, CKK_DES3, 23),
    (CKM_CAMELLIA_KEY_GEN, CKK_CAMELLIA, 17),
    (CKM_ARIA_KEY_GEN, CKK_ARIA, 17),
    (CKM_SEED_KEY_GEN, CKK_SEED, 17),
    (CKM_CHACHA20_KEY_GEN, CKK_CHACHA20, 33),
    (CKM_POLY1305_KEY_GEN, CKK_POLY1305, 33),
];

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let lengths = LENGTHS.iter().filter(|(of, ..)| *of == row.value);
    lengths
        .filter_map(|(_, key_type, count)| odd(row, *key_type, *count))
        .collect()
}

fn odd(row: &Mechanism, key_type: CK_KEY_TYPE, count: usize) -> Option<Draft> {
    let recipe = recipe::keys(CKO_SECRET_KEY, &[key_type]).next()?;
    let good = key::create(recipe, &[], "good");
    let mut odd = key::create(recipe, &[], "odd");
    if let Argument::Template(template) = &mut odd.arguments[1] {
        let value = Content::Repeat { byte: 0x2b, count };
        template.attributes.retain(|a| a.attribute != CKA_VALUE);
        template.attributes.push(bytes(CKA_VALUE, value));
    }
    let right = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT];
    let answer = Answer::of(C_CreateObject, &right).tolerating([
        CKR_KEY_SIZE_RANGE,
        CKR_TEMPLATE_INCOMPLETE,
        CKR_ARGUMENTS_BAD,
    ]);
    Some(
        draft(row, 0, "import-odd-length", "4.1.1")
            .level(Level::Should)
            .title(format!(
                "A key of the type that {} makes has no {count} bytes",
                row.name
            ))
            .class(Class::B)
            .fixture(good)
            .judged(odd, answer),
    )
}
