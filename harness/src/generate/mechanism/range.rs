//! Parameters that are too short, too long or out of range: [PKCS11-Base 3.2] 5.1.6,
//! CKR_MECHANISM_PARAM_INVALID, and what the sections of the mechanisms say of their parameters.

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::cipher::ENCRYPTION;
use super::key::FORTH;
use super::signature::SIGNATURE;
use super::subject::Subject;
use super::{feed, init, message, presumed};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, ParameterShape};
use crate::cryptoki::structure;
use crate::sequence::{
    Argument, Bytes, Call, Content, FieldValue, Number, ParameterValue, Structure,
};

/// A field of a structure with a value that it cannot have.
struct Bend {
    structure: &'static str,
    id: &'static str,
    title: &'static str,
    field: &'static str,
    value: Value,
    /// Section that says so.
    section: &'static str,
}

enum Value {
    Number(u64),
    /// So many bytes.
    Length(usize),
}

use Value::{Length, Number as Is};

const fn bend(
    structure: &'static str,
    id: &'static str,
    title: &'static str,
    field: &'static str,
    value: Value,
    section: &'static str,
) -> Bend {
    Bend {
        structure,
        id,
        title,
        field,
        value,
        section,
    }
}

/// No mechanism, mask generation function or source has this number.
const NONE_SUCH: u64 = 0x0fff_ffff;

#[rustfmt::skip]
const BENDS: [Bend; 15] = [
    bend("CK_AES_CTR_PARAMS", "no-counter", "no bits of counter", "ulCounterBits", Is(0), "6.11"),
    bend("CK_AES_CTR_PARAMS", "counter-too-long", "129 bits of counter", "ulCounterBits", Is(129), "6.11"),
    bend("CK_CAMELLIA_CTR_PARAMS", "no-counter", "no bits of counter", "ulCounterBits", Is(0), "6.47"),
    bend("CK_CAMELLIA_CTR_PARAMS", "counter-too-long", "129 bits of counter", "ulCounterBits", Is(129), "6.47"),
    bend("CK_GCM_PARAMS", "tag-too-long", "a tag of 136 bits", "ulTagBits", Is(136), "6.13"),
    bend("CK_CCM_PARAMS", "tag-odd", "a MAC of 5 bytes", "ulMACLen", Is(5), "6.13"),
    bend("CK_CCM_PARAMS", "tag-too-long", "a MAC of 18 bytes", "ulMACLen", Is(18), "6.13"),
    bend("CK_CCM_PARAMS", "nonce-too-short", "a nonce of 6 bytes", "pNonce", Length(6), "6.13"),
    bend("CK_CCM_PARAMS", "nonce-too-long", "a nonce of 14 bytes", "pNonce", Length(14), "6.13"),
    bend("CK_RSA_PKCS_PSS_PARAMS", "salt-too-long", "a salt longer than the modulus", "sLen", Is(512), "6.1"),
    bend("CK_RSA_PKCS_PSS_PARAMS", "hash-unknown", "a hash that does not exist", "hashAlg", Is(NONE_SUCH), "6.1"),
    bend("CK_RSA_PKCS_PSS_PARAMS", "mgf-unknown", "a mask generation function that does not exist", "mgf", Is(NONE_SUCH), "6.1"),
    bend("CK_RSA_PKCS_OAEP_PARAMS", "hash-unknown", "a hash that does not exist", "hashAlg", Is(NONE_SUCH), "6.1"),
    bend("CK_RSA_PKCS_OAEP_PARAMS", "mgf-unknown", "a mask generation function that does not exist", "mgf", Is(NONE_SUCH), "6.1"),
    bend("CK_RSA_PKCS_OAEP_PARAMS", "source-unknown", "a source that does not exist", "source", Is(NONE_SUCH), "6.1"),
];

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let uses = [
        (&ENCRYPTION, "encrypt", [C_EncryptInit, C_Encrypt]),
        (&SIGNATURE, "sign", [C_SignInit, C_Sign]),
    ];
    let mut cases = Vec::new();
    for (purpose, name, functions) in uses {
        if let Some(subject) = Subject::of(row, purpose) {
            cases.extend(bent(&subject, name, functions));
        }
    }
    cases
}

fn bent(subject: &Subject<'_>, name: &str, functions: [Function; 2]) -> Vec<Draft> {
    let refused = |id: &str, title: &str, section, parameter, claim| {
        refused(subject, functions, &format!("{name}-{id}"), title, section)(parameter, claim)
    };
    let row = subject.row;
    match (&subject.parameter, row.parameter) {
        (ParameterValue::Structure(structure), _) => {
            let bends = BENDS.iter().filter(|bend| bend.structure == structure.name);
            let mut cases: Vec<_> = bends
                .map(|bend| {
                    let parameter = ParameterValue::Structure(bend.apply(structure));
                    refused(bend.id, bend.title, bend.section, parameter, None)
                })
                .collect();
            let size = structure::layout(&structure.name).map(|layout| layout.size as u64 - 1);
            cases.push(refused(
                "parameter-too-short",
                "a structure that is cut short",
                "5.1.6",
                subject.parameter.clone(),
                size,
            ));
            cases.extend(other_hash(row, structure).map(|structure| {
                let parameter = ParameterValue::Structure(structure);
                refused(
                    "other-hash",
                    "a hash that is not its own",
                    "6.1",
                    parameter,
                    None,
                )
            }));
            cases
        }
        (ParameterValue::Ulong(_), _) => {
            let mut cases = vec![refused(
                "parameter-too-short",
                "half a number",
                "5.1.6",
                of_length(4),
                None,
            )];
            if row.name.contains("_GENERAL") {
                let parameter = ParameterValue::Ulong(Number::Literal(4096));
                cases.push(refused(
                    "mac-too-long",
                    "a MAC longer than it makes",
                    row.section,
                    parameter,
                    None,
                ));
            }
            cases
        }
        // 6.16: either none or one of this length.
        (_, ParameterShape::Bytes(count)) => vec![
            refused(
                "parameter-too-short",
                "a parameter that is a byte short",
                "5.1.6",
                of_length(count - 1),
                None,
            ),
            too_long(subject, functions, name, of_length(count + 1)),
        ],
        _ => Vec::new(),
    }
}

fn of_length(count: usize) -> ParameterValue {
    ParameterValue::Bytes(Bytes::of(Content::Repeat { byte: 0x24, count }))
}

impl Bend {
    fn apply(&self, good: &Structure) -> Structure {
        let value = match self.value {
            Is(value) => FieldValue::Number(Number::Literal(value)),
            Length(count) => FieldValue::Bytes(Bytes::of(Content::Repeat { byte: 0x24, count })),
        };
        with_field(good, self.field, value)
    }
}

fn with_field(good: &Structure, field: &str, value: FieldValue) -> Structure {
    let mut bent = good.clone();
    bent.fields.retain(|(name, _)| name != field);
    bent.fields.push((field.to_owned(), value));
    bent
}

/// 6.1.10: a mechanism that hashes with one function cannot be given another.
fn other_hash(row: &Mechanism, good: &Structure) -> Option<Structure> {
    if good.name != "CK_RSA_PKCS_PSS_PARAMS" || row.value == CKM_RSA_PKCS_PSS {
        return None;
    }
    let other = match row.value {
        CKM_SHA256_RSA_PKCS_PSS => CKM_SHA384,
        _ => CKM_SHA256,
    };
    let value = FieldValue::Number(Number::Literal(other));
    Some(with_field(good, "hashAlg", value))
}

/// A case on a parameter that is refused, when the operation begins or, which tells less, when it is
/// carried out.
fn refused(
    subject: &Subject<'_>,
    [begin, whole]: [Function; 2],
    id: &str,
    title: &str,
    section: &'static str,
) -> impl FnOnce(ParameterValue, Option<u64>) -> Draft {
    let right = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
    // A mechanism with such a parameter may be called an invalid mechanism, which tells less (5.1.6).
    let less = [CKR_OK, CKR_KEY_SIZE_RANGE, CKR_MECHANISM_INVALID];
    let answer = Answer::of(begin, &right).tolerating(less);
    let draft = subject
        .draft(id, section)
        .title(format!("{} refuses {title}", subject.row.name))
        .class(Class::B)
        .call(presumed(subject.begin(begin, FORTH)))
        .call(presumed(feed(whole, &[message()])));
    move |parameter, claim| {
        let call = init(begin, subject.row, parameter, Some(FORTH));
        draft
            .judged(claiming(call, claim), answer)
            .unsuccessful(feed(whole, &[message()]))
    }
}

/// A parameter of which there is more than is needed: that it must be refused is said nowhere.
fn too_long(
    subject: &Subject<'_>,
    [begin, _]: [Function; 2],
    name: &str,
    parameter: ParameterValue,
) -> Draft {
    let right = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
    let answer = Answer::of(begin, &right).tolerating([CKR_OK, CKR_MECHANISM_INVALID]);
    subject
        .draft(&format!("{name}-parameter-too-long"), "5.1.6")
        .title(format!(
            "{} does not take a parameter that is a byte too long",
            subject.row.name
        ))
        .class(Class::B)
        .judged(init(begin, subject.row, parameter, Some(FORTH)), answer)
}

/// The call with this as the length of the parameter.
fn claiming(mut call: Call, claim: Option<u64>) -> Call {
    if let Argument::Mechanism(mechanism) = &mut call.arguments[1] {
        mechanism.claim = claim.map(Number::Literal);
    }
    call
}
