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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    const BYTE: Integer = Integer {
        little_endian: false,
        bits: 8,
    };

    fn parameter(prf: CK_MECHANISM_TYPE, iteration: Iteration, pieces: Vec<Piece>) -> KeyBased {
        KeyBased {
            prf,
            iteration,
            pieces,
            iv: Vec::new(),
            additional: Vec::new(),
        }
    }

    fn bits(bits: CK_ULONG) -> Integer {
        Integer { bits, ..BYTE }
    }

    /// NIST CAVP KDFCTR_gen: a counter before fixed data, of 8, 16 and 32 bits.
    #[test]
    fn counter_mode_gives_the_answers_of_nist() {
        let rows = [
            (
                CKM_AES_CMAC,
                8,
                "682e814d872397eba71170a693514904",
                "e323cdfa7873a0d72cd86ffb4468744f097db60498f7d0e3a43bafd2d1af675e
                 4a88338723b1236199705357c47bf1d89b2f4617a340980e6331625c",
                "dac9b6ca405749cfb065a0f1e42c7c4224d3d5db32fdafe9dee6ca193316f2c7",
            ),
            (
                CKM_AES_CMAC,
                16,
                "5e534bea459e54c58a6942abfd4df8ab",
                "e9a5cc15d223aaa74abd122983b2a10512199b9cc87663fd8a62d417cef53770
                 264fc51f683890fe42da2df7be0f60898c5b09d5c4932137b6b1e06e",
                "92480eb4860123ceda76f1e6bf2668520bea49ed72bb900ae50725bb8cfcdb73
                 3af1a9de71fe1af5",
            ),
            (
                CKM_AES_CMAC,
                24,
                "993305e59f34a94f62931fd7662bb5b73c77d8d4bc6a33ba",
                "fcceb2d7ac6a68717c2490ec95bebea484c4930d156683c43164dc53bff0bafc
                 bfb31e920109927ef08e12f66f258b6f8ba284908faee7d3376e1bac",
                "40e358cfdeee0286d152fcb4626ff22e67eea3b65d8750a273001b67645804cb
                 f613832201b0a9ba",
            ),
            (
                CKM_SHA256_HMAC,
                32,
                "43eef6d824fd820405626ab9b6d79f1fd04e126ab8e17729e3afc7cb5af794f8",
                "5e269b5a7bdedcc3e875e2725693a257fc60011af7dcd68a3358507fe29b0659
                 ca66951daa05a15032033650bc58a27840f8fbe9f4088b9030738f68",
                "f0a339ecbcae6add1afb27da3ba40a1320c6427a58afb9dc366b219b7eb29ecf",
            ),
        ];
        for (prf, width, key, fixed, expected) in rows {
            let pieces = vec![
                Piece::Iteration(Some(bits(width))),
                Piece::Bytes(hex(fixed)),
            ];
            let parameter = parameter(prf, Iteration::Counter, pieces);
            parameter.check().unwrap();
            let expected = hex(expected);
            let output = derive(&parameter, &hex(key), vec![expected.len()]).unwrap();
            assert_eq!(output, [expected]);
        }
    }

    /// The known values of the kbkdf crate for feedback mode with a counter, and for the double
    /// pipeline without one: label, a zero byte, context, and the length in bits.
    #[test]
    fn feedback_and_double_pipeline_give_the_answers_of_another_implementation() {
        let key = hex(
            "241C3FBAABEDE87601B1C778B24F9A32742A14FE34DA61D77E8352EF9D6C7FC8
                       E335E32344E21D7DC0CD627D7E2FF973992611F372C5D3DD91C100F2C6DB2CAF",
        );
        let pieces = vec![
            Piece::Iteration(None),
            Piece::Counter(bits(32)),
            Piece::Bytes(vec![0x22, 0x33, 0]),
            Piece::Bytes(vec![0, 0x11]),
            Piece::Length {
                method: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
                format: bits(32),
            },
        ];
        let mut feedback = parameter(CKM_SHA256_HMAC, Iteration::Feedback, pieces);
        feedback.check().unwrap();
        feedback.iv = vec![b'a'; 32];
        let expected = hex(
            "C8C8E79188DB5732B52F81111E2982BD479865EF98E90A823926BC0EA1EB173B
                            21CA03B80228A6A1E27BE64DA382F1B7ADFF97CF43598AF2435827B2F6E78DD5
                            F9CBCC4948775451AD2BD44A9DBE2EE46FA5A73463E10142A3A1228183B45BC8
                            D3831AA13EED6F94E8F221FACBC80F8BD19BDF06EC82DE7AE0FE0EE37CA51FF2",
        );
        assert_eq!(derive(&feedback, &key, vec![128]).unwrap(), [expected]);
        let pieces = vec![
            Piece::Iteration(None),
            Piece::Bytes(hex("921ab061920b191de12f746ac9de0800")),
            Piece::Bytes(hex(
                "4f2c20f01775e27bcacdc21ee4a5ff0387758f36d8ec71c7a8c8208284f650b611837e",
            )),
        ];
        let pipeline = parameter(CKM_SHA256_HMAC, Iteration::DoublePipeline, pieces);
        pipeline.check().unwrap();
        let key = hex("7d4f86fdfd1c4ba04c674a68d60316d12c99c1b1f44f0a8e02bd2601377ebcd9");
        let expected = hex(
            "506bc2ba51410b2a6e7c05d33891520ddd5f702ad3d6203d76d8dae1216d0783
                            d8c59fae2e821d8eff2d8ddd93a6741c8f144fb96e9ca7d7c532468f213f5efe",
        );
        assert_eq!(derive(&pipeline, &key, vec![64]).unwrap(), [expected]);
    }

    /// The example of section 6.42.6.
    #[test]
    fn every_key_begins_with_a_segment_of_its_own() {
        let lengths = Lengths {
            keys: vec![48, 16],
            segment: 32,
        };
        assert_eq!(lengths.by(CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS), 512);
        assert_eq!(lengths.by(CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS), 768);
        let pieces = || vec![Piece::Iteration(Some(BYTE))];
        let parameter = parameter(CKM_SHA256_HMAC, Iteration::Counter, pieces());
        let both = derive(&parameter, b"key", vec![48, 16]).unwrap();
        let whole = derive(&parameter, b"key", vec![96]).unwrap().remove(0);
        assert_eq!(both, [&whole[..48], &whole[64..80]]);
    }

    #[test]
    fn integers_are_written_in_either_order_and_have_to_fit() {
        let little = Integer {
            little_endian: true,
            bits: 24,
        };
        assert_eq!(bits(24).write(0x010203).unwrap(), [1, 2, 3]);
        assert_eq!(little.write(0x010203).unwrap(), [3, 2, 1]);
        assert!(BYTE.write(256).is_err());
        assert!(bits(12).width().is_none() && bits(0).width().is_none());
        assert!(!bits(40).can_count() && bits(40).width().is_some());
    }

    #[test]
    fn a_counter_of_eight_bits_ends_after_255_segments() {
        let pieces = vec![Piece::Iteration(Some(BYTE))];
        let parameter = parameter(CKM_SHA256_HMAC, Iteration::Counter, pieces);
        assert!(derive(&parameter, b"key", vec![255 * 32]).is_ok());
        let refusal = derive(&parameter, b"key", vec![255 * 32 + 1]).unwrap_err();
        assert_eq!(refusal.code(), CKR_KEY_SIZE_RANGE);
    }

    #[test]
    fn each_mode_has_the_pieces_of_its_table() {
        let counter = || Piece::Iteration(Some(BYTE));
        let length = || Piece::Length {
            method: CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
            format: BYTE,
        };
        let refused = [
            (Iteration::Counter, vec![]),
            (Iteration::Counter, vec![counter(), counter()]),
            (Iteration::Counter, vec![counter(), Piece::Counter(BYTE)]),
            (Iteration::Counter, vec![counter(), length(), length()]),
            (Iteration::Counter, vec![counter(), Piece::Bytes(vec![])]),
            (Iteration::Counter, vec![Piece::Iteration(Some(bits(9)))]),
            (Iteration::Feedback, vec![Piece::Counter(BYTE)]),
            (Iteration::DoublePipeline, vec![Piece::Bytes(vec![1])]),
        ];
        for (iteration, pieces) in refused {
            let parameter = parameter(CKM_SHA256_HMAC, iteration, pieces);
            let refusal = parameter.check().unwrap_err();
            assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID, "{parameter:?}");
        }
    }
}
