//! What the PRF of SP 800-108 is applied to: the pieces of the parameter, which of them a mode takes,
//! and how numbers are written among them (sections 6.42.2 to 6.42.5).

use cryptoki_sys::*;

use crate::attributes::Template;
use crate::mechanisms::{Iteration, Named};
use crate::rv::{Result, ensure, refusal};

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
    pub(in crate::mechanisms) fn named_keys(&mut self) -> Vec<&mut Named> {
        let keys = self.pieces.iter_mut().filter_map(|piece| match piece {
            Piece::Key(key) => Some(key),
            _ => None,
        });
        keys.collect()
    }

    /// The tables of sections 6.42.3 to 6.42.5: which pieces a mode must and may have.
    pub(super) fn check(&self) -> Result<()> {
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
    pub(super) fn most_segments(&self) -> u64 {
        let counters = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Iteration(Some(format)) | Piece::Counter(format) => Some(format.bits),
            _ => None,
        });
        let bits = counters.min().unwrap_or(32).min(32);
        (1u64 << bits) - 1
    }

    /// The input of the PRF. Without `iteration` it is the first value of the double pipeline.
    pub(super) fn input(
        &self,
        iteration: Option<(&[u8], u64)>,
        lengths: &Lengths,
    ) -> Result<Vec<u8>> {
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
    pub(super) fn width(self) -> Option<usize> {
        let whole = self.bits.is_multiple_of(8) && (8..=64).contains(&self.bits);
        whole.then_some(self.bits as usize / 8)
    }

    /// SP 800-108 section 5 has counters of at most 32 bits.
    pub(super) fn can_count(self) -> bool {
        self.width().is_some() && self.bits <= 32
    }

    pub(super) fn write(self, value: u64) -> Result<Vec<u8>> {
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
pub(super) struct Lengths {
    pub(super) keys: Vec<usize>,
    pub(super) segment: usize,
}

impl Lengths {
    pub(super) fn segments(&self) -> u64 {
        let of_key = |length: &usize| length.div_ceil(self.segment) as u64;
        self.keys.iter().map(of_key).sum()
    }

    /// Section 6.42.2: the length of the derived keying material, in bits.
    pub(super) fn by(&self, method: CK_SP800_108_DKM_LENGTH_METHOD) -> u64 {
        8 * match method {
            CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => self.segments() * self.segment as u64,
            _ => self.keys.iter().map(|length| *length as u64).sum(),
        }
    }
}
