//! Verification with recovery of the data: [PKCS11-Base 3.2] sections 6.1.6 and 6.1.12. The data is
//! what the padding leaves of the signature's representative.

use cryptoki_sys::*;

use super::key::PublicKey;
use super::padding::Encoding;
use crate::mechanisms::Recovering;
use crate::rv::{Result, ensure, refusal, refuse};

/// Bytes of EMSA-PKCS1-v1_5 around the data: RFC 8017 section 9.2.
const OVERHEAD: usize = 11;

struct Recovery {
    key: PublicKey,
    encoding: Encoding,
}

/// A verification that strips `encoding`; CKR_MECHANISM_INVALID if that hides the data.
pub(super) fn verify(encoding: Encoding, key: PublicKey) -> Result<Box<dyn Recovering>> {
    match encoding {
        Encoding::None | Encoding::Pkcs1(None) => Ok(Box::new(Recovery { key, encoding })),
        _ => refuse(CKR_MECHANISM_INVALID),
    }
}

/// The data in a representative of block type 01: zero, the type, eight or more 0xff, zero, data.
fn strip(representative: &[u8]) -> Option<&[u8]> {
    let padded = representative.strip_prefix(&[0, 1])?;
    let filler = padded.iter().take_while(|byte| **byte == 0xff).count();
    let data = padded.get(filler..)?.strip_prefix(&[0])?;
    (filler >= OVERHEAD - 3).then_some(data)
}

impl Recovering for Recovery {
    fn bound(&self) -> usize {
        match self.encoding {
            Encoding::None => self.key.length(),
            _ => self.key.length().saturating_sub(OVERHEAD),
        }
    }

    fn recover(&self, signature: &[u8]) -> Result<Vec<u8>> {
        ensure(
            signature.len() == self.key.length(),
            CKR_SIGNATURE_LEN_RANGE,
        )?;
        let invalid = refusal(CKR_SIGNATURE_INVALID);
        let representative = self.key.apply(signature).ok_or(invalid)?;
        match self.encoding {
            Encoding::None => Ok(representative),
            _ => strip(&representative).map(<[u8]>::to_vec).ok_or(invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_padding_of_signatures_is_stripped() {
        let block =
            |kind: u8, filler: &[u8], data: &[u8]| [&[0, kind][..], filler, &[0], data].concat();
        assert_eq!(strip(&block(1, &[0xff; 8], b"data")), Some(&b"data"[..]));
        assert_eq!(strip(&block(1, &[0xff; 40], b"")), Some(&b""[..]));
        // Data may begin with the bytes of the padding.
        assert_eq!(
            strip(&block(1, &[0xff; 8], &[0, 0xff])),
            Some(&[0, 0xff][..])
        );
        assert_eq!(strip(&block(1, &[0xff; 7], b"data")), None);
        assert_eq!(strip(&block(2, &[0xff; 8], b"data")), None);
        assert_eq!(strip(&block(1, &[0xfe; 8], b"data")), None);
        assert_eq!(strip(&[0, 1, 0xff, 0xff]), None);
        assert_eq!(strip(&[]), None);
    }
}
