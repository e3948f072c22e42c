//! Key-based key derivation of NIST SP 800-108: [PKCS11-Base 3.2] section 6.42. Counter, feedback
//! and double pipeline mode over any MAC. This file owns the modes; `input` the parameter, and what it
//! makes the MAC see.

mod input;
#[cfg(test)]
mod tests;

use cryptoki_sys::*;

use input::Lengths;

use super::prf::Prf;
use super::{
    Back, Derivation, Entry, Family, Form, Inheritance, Iteration, Parameter, Product, Source,
    Yield,
};
use crate::rv::{Result, ensure, refusal, refuse};

pub(crate) use input::{Integer, KeyBased, Piece};

/// The SP 800-108 mechanisms.
pub(super) struct KeyBasedKdfs;

/// The keying material of every key. Section 6.42.6: each begins with a segment of its own.
fn derive(parameter: &KeyBased, key: &[u8], keys: Vec<usize>) -> Result<Vec<Vec<u8>>> {
    let prf = Prf::named(parameter.prf)?;
    let lengths = Lengths {
        segment: prf.length(key)?,
        keys,
    };
    // Far beyond any key: keeps a template from asking for gigabytes.
    let modest = lengths.keys.iter().all(|length| *length <= 1 << 20);
    let countable = modest && lengths.segments() <= parameter.most_segments();
    ensure(countable, CKR_KEY_SIZE_RANGE)?;
    let mut variable = match parameter.iteration {
        Iteration::Counter => Vec::new(),
        Iteration::Feedback => parameter.iv.clone(),
        Iteration::DoublePipeline => parameter.input(None, &lengths)?,
    };
    let mut counter = 0;
    let mut outputs = Vec::with_capacity(lengths.keys.len());
    for length in &lengths.keys {
        let mut output = Vec::new();
        while output.len() < *length {
            counter += 1;
            if parameter.iteration == Iteration::DoublePipeline {
                variable = prf.apply(key, &[&variable])?;
            }
            let input = parameter.input(Some((&variable, counter)), &lengths)?;
            let segment = prf.apply(key, &[&input])?;
            output.extend_from_slice(&segment);
            if parameter.iteration == Iteration::Feedback {
                variable = segment;
            }
        }
        output.truncate(*length);
        outputs.push(output);
    }
    Ok(outputs)
}

/// Base keys in bits, the unit of section 6.42.
const fn entry(mechanism: CK_MECHANISM_TYPE, iteration: Iteration) -> Entry {
    Entry {
        mechanism,
        sizes: (8, 8 * 4096),
        flags: CKF_DERIVE,
        form: Form::KeyBased(iteration),
        keys: &[],
    }
}

static ENTRIES: [Entry; 3] = [
    entry(CKM_SP800_108_COUNTER_KDF, Iteration::Counter),
    entry(CKM_SP800_108_FEEDBACK_KDF, Iteration::Feedback),
    entry(CKM_SP800_108_DOUBLE_PIPELINE_KDF, Iteration::DoublePipeline),
];

impl Family for KeyBasedKdfs {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let Parameter::KeyBased(parameter) = &asked.mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let key = asked.secret()?;
        Prf::named(parameter.prf)?.check_key(asked.base)?;
        parameter.check()?;
        let wishes = std::iter::once(&asked.own).chain(&asked.additional);
        let lengths = wishes.map(|wish| wish.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE)));
        let values = derive(parameter, key, lengths.collect::<Result<_>>()?)?;
        let products = values.into_iter().enumerate().map(|(i, value)| {
            let source = match i.checked_sub(1) {
                Some(i) => Source::Additional(i),
                None => Source::Own,
            };
            Product::secret(value)
                .inheriting(Inheritance::FromBase)
                .from(source)
        });
        Ok(Yield {
            products: products.collect(),
            own: Some(0),
            back: (0..asked.additional.len())
                .map(|i| Back::Key(i + 1))
                .collect(),
        })
    }
}
