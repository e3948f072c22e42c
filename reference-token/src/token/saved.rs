//! The plain form of saved operations: numbers of eight bytes and counted byte strings, one after
//! the other. Reading is total, although only what the token wrote itself gets this far.

use cryptoki_sys::*;

use super::kind::Kind;
use crate::mechanisms::{Mechanism, Parameter};
use crate::rv::{Result, refuse};

/// A saved operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Saved {
    pub(super) kind: Kind,
    pub(super) mechanism: Mechanism,
    /// CKA_UNIQUE_ID of the key, if there is one.
    pub(super) key: Option<Vec<u8>>,
    /// Whether a multiple-part function was called.
    pub(super) in_parts: bool,
    /// All that the operation was given.
    pub(super) data: Vec<u8>,
}

/// The numbers of kinds in a state.
const KINDS: [(Kind, u64); 5] = [
    (Kind::Encrypt, 1),
    (Kind::Decrypt, 2),
    (Kind::Digest, 3),
    (Kind::Sign, 4),
    (Kind::Verify, 5),
];

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Parameters by number: those of the mechanisms that are used in parts. An operation with another
/// one is CKR_STATE_UNSAVEABLE.
fn parameter(out: &mut Vec<u8>, parameter: &Parameter) -> Result<()> {
    match parameter {
        Parameter::None => number(out, 0),
        Parameter::Bytes(bytes) => {
            number(out, 1);
            string(out, bytes);
        }
        Parameter::Ulong(value) => {
            number(out, 2);
            number(out, *value);
        }
        Parameter::Pss {
            hash,
            mgf,
            salt_length,
        } => {
            number(out, 3);
            for value in [*hash, *mgf, *salt_length] {
                number(out, value);
            }
        }
        Parameter::Gcm { iv, aad, tag_bits } => {
            number(out, 4);
            string(out, iv);
            string(out, aad);
            number(out, *tag_bits);
        }
        Parameter::Ctr { bits, block } => {
            number(out, 5);
            number(out, *bits);
            string(out, block);
        }
        _ => return refuse(CKR_STATE_UNSAVEABLE),
    }
    Ok(())
}

/// The operations of a session in `state`.
pub(super) fn encode(state: CK_STATE, operations: &[Saved]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    number(&mut out, state);
    number(&mut out, operations.len() as u64);
    for saved in operations {
        let code = KINDS.iter().find(|(kind, _)| *kind == saved.kind);
        match code {
            Some((_, code)) => number(&mut out, *code),
            None => return refuse(CKR_STATE_UNSAVEABLE),
        }
        number(&mut out, saved.mechanism.kind);
        parameter(&mut out, &saved.mechanism.parameter)?;
        number(&mut out, u64::from(saved.key.is_some()));
        string(&mut out, saved.key.as_deref().unwrap_or_default());
        number(&mut out, u64::from(saved.in_parts));
        string(&mut out, &saved.data);
    }
    Ok(out)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*bytes))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn parameter(&mut self) -> Option<Parameter> {
        Some(match self.number()? {
            0 => Parameter::None,
            1 => Parameter::Bytes(self.string()?.to_vec()),
            2 => Parameter::Ulong(self.number()?),
            3 => Parameter::Pss {
                hash: self.number()?,
                mgf: self.number()?,
                salt_length: self.number()?,
            },
            4 => Parameter::Gcm {
                iv: self.string()?.to_vec(),
                aad: self.string()?.to_vec(),
                tag_bits: self.number()?,
            },
            5 => Parameter::Ctr {
                bits: self.number()?,
                block: self.string()?.try_into().ok()?,
            },
            _ => return None,
        })
    }

    fn operation(&mut self) -> Option<Saved> {
        let code = self.number()?;
        let (kind, _) = KINDS.iter().find(|(_, known)| *known == code)?;
        let mechanism = Mechanism {
            kind: self.number()?,
            parameter: self.parameter()?,
        };
        let has_key = self.number()? != 0;
        let key = self.string()?;
        Some(Saved {
            kind: *kind,
            mechanism,
            key: has_key.then(|| key.to_vec()),
            in_parts: self.number()? != 0,
            data: self.string()?.to_vec(),
        })
    }
}

/// The session state and operations of an encoding; None if it is not one.
pub(super) fn decode(bytes: &[u8]) -> Option<(CK_STATE, Vec<Saved>)> {
    let mut reader = Reader(bytes);
    let state = reader.number()?;
    let count = reader.number()?;
    let operations: Option<Vec<_>> = (0..count.min(2)).map(|_| reader.operation()).collect();
    let whole = count <= 2 && reader.0.is_empty();
    Some((state, operations?)).filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(kind: Kind, parameter: Parameter) -> Saved {
        Saved {
            kind,
            mechanism: Mechanism {
                kind: 77,
                parameter,
            },
            key: (kind != Kind::Digest).then(|| b"id".to_vec()),
            in_parts: true,
            data: b"data".to_vec(),
        }
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_reads() {
        let parameters = [
            Parameter::None,
            Parameter::Bytes(vec![1, 2]),
            Parameter::Ulong(9),
            Parameter::Pss {
                hash: 1,
                mgf: 2,
                salt_length: 3,
            },
            Parameter::Gcm {
                iv: vec![4; 12],
                aad: Vec::new(),
                tag_bits: 96,
            },
            Parameter::Ctr {
                bits: 32,
                block: [5; 16],
            },
        ];
        for parameter in parameters {
            let operations = vec![
                saved(Kind::Digest, Parameter::None),
                saved(Kind::Encrypt, parameter),
            ];
            let bytes = encode(3, &operations).unwrap();
            assert_eq!(decode(&bytes), Some((3, operations)));
            for cut in 0..bytes.len() {
                assert_eq!(decode(&bytes[..cut]), None);
            }
            assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
        }
        assert!(encode(3, &[saved(Kind::SignRecover, Parameter::None)]).is_err());
    }
}
