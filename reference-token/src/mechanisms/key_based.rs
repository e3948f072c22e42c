//! Key-based key derivation of NIST SP 800-108: [PKCS11-Base 3.2] section 6.42. Counter, feedback
//! and double pipeline mode over any MAC, with the input laid out as the parameter says.

use cryptoki_sys::*;

use super::prf::Prf;
use super::{
    Back, Derivation, Entry, Family, Form, Inheritance, Iteration, Named, Parameter, Product,
    Source, Yield,
};
use crate::attributes::Template;
use crate::rv::{Result, ensure, refusal, refuse};

/// The SP 800-108 mechanisms.
pub(super) struct KeyBasedKdfs;

/// CK_SP800_108_KDF_PARAMS and CK_SP800_108_FEEDBACK_KDF_PARAMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyBased {
    pub(crate) prf: CK_MECHANISM_TYPE,
    pub(crate) iteration: Iteration,
    pub(crate) pieces: Vec<Piece>,
    /// Of feedback mode.
    pub(crate) iv: Vec<u8>,
    /// Templates of further keys.
    pub(crate) additional: Vec<Template>,
}

/// How an integer is written into the input of the PRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub(crate) little_endian: bool,
    pub(crate) bits: CK_ULONG,
}

/// A CK_PRF_DATA_PARAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// The iteration variable, with a format where it is a counter.
    Iteration(Option<Integer>),
    Counter(Integer),
    Length {
        method: CK_SP800_108_DKM_LENGTH_METHOD,
        format: Integer,
    },
    Bytes(Vec<u8>),
    Key(Named),
}

impl KeyBased {
    pub(super) fn named_keys(&mut self) -> Vec<&mut Named> {
        let keys = self.pieces.iter_mut().filter_map(|piece| match piece {
            Piece::Key(key) => Some(key),
            _ => None,
        });
        keys.collect()
    }

    /// The tables of sections 6.42.3 to 6.42.5: which pieces a mode must and may have.
    fn check(&self) -> Result<()> {
        let count = |is: fn(&Piece) -> bool| self.pieces.iter().filter(|piece| is(piece)).count();
        let counts_itself = self.iteration == Iteration::Counter;
        let formed = self.pieces.iter().all(|piece| match piece {
            Piece::Iteration(format) => {
                format.is_some() == counts_itself && format.is_none_or(Integer::can_count)
            }
            Piece::Counter(format) => !counts_itself && format.can_count(),
            Piece::Length { method, format } => {
                let methods = [
                    CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
                    CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS,
                ];
                methods.contains(method) && format.width().is_some()
            }
            Piece::Bytes(bytes) => !bytes.is_empty(),
            Piece::Key(_) => true,
        });
        let sound = formed
            && count(|piece| matches!(piece, Piece::Iteration(_))) == 1
            && count(|piece| matches!(piece, Piece::Counter(_))) <= 1
            && count(|piece| matches!(piece, Piece::Length { .. })) <= 1;
        ensure(sound, CKR_MECHANISM_PARAM_INVALID)
    }

    /// How often the PRF can run before its counter is spent.
    fn most_segments(&self) -> u64 {
        let counters = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Iteration(Some(format)) | Piece::Counter(format) => Some(format.bits),
            _ => None,
        });
        let bits = counters.min().unwrap_or(32).min(32);
        (1u64 << bits) - 1
    }

    /// The input of the PRF. Without `iteration` it is the first value of the double pipeline.
    fn input(&self, iteration: Option<(&[u8], u64)>, lengths: &Lengths) -> Result<Vec<u8>> {
        let mut input = Vec::new();
        for piece in &self.pieces {
            match (piece, iteration) {
                (Piece::Bytes(bytes), _) => input.extend_from_slice(bytes),
                (Piece::Key(key), _) => input.extend_from_slice(key.value()?),
                (Piece::Length { method, format }, _) => {
                    input.extend(format.write(lengths.by(*method))?);
                }
                (Piece::Iteration(None), Some((variable, _))) => input.extend_from_slice(variable),
                (Piece::Iteration(Some(format)) | Piece::Counter(format), Some((_, counter))) => {
                    input.extend(format.write(counter)?);
                }
                (Piece::Iteration(_) | Piece::Counter(_), None) => {}
            }
        }
        Ok(input)
    }
}

impl Integer {
    /// Bytes; whole ones, and no more than the number has.
    fn width(self) -> Option<usize> {
        let whole = self.bits.is_multiple_of(8) && (8..=64).contains(&self.bits);
        whole.then_some(self.bits as usize / 8)
    }

    /// SP 800-108 section 5 has counters of at most 32 bits.
    fn can_count(self) -> bool {
        self.width().is_some() && self.bits <= 32
    }

    fn write(self, value: u64) -> Result<Vec<u8>> {
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        let width = self.width().ok_or(invalid)?;
        let bytes = value.to_be_bytes();
        let (high, low) = bytes.split_at(bytes.len() - width);
        let fits = high.iter().all(|byte| *byte == 0);
        ensure(fits, CKR_MECHANISM_PARAM_INVALID)?;
        Ok(match self.little_endian {
            true => low.iter().rev().copied().collect(),
            false => low.to_vec(),
        })
    }
}

/// The lengths of the keys and of a segment, in bytes.
struct Lengths {
    keys: Vec<usize>,
    segment: usize,
}

impl Lengths {
    fn segments(&self) -> u64 {
        let of_key = |length: &usize| length.div_ceil(self.segment) as u64;
        self.keys.iter().map(of_key).sum()
    }

    /// Section 6.42.2: the length of the derived keying material, in bits.
    fn by(&self, method: CK_SP800_108_DKM_LENGTH_METHOD) -> u64 {
        8 * match method {
            CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => self.segments() * self.segment as u64,
            _ => self.keys.iter().map(|length| *length as u64).sum(),
        }
    }
}

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
