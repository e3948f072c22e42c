//! Mechanisms in the message-based functions, sections 5.9, 5.11, 5.14 and 5.16: which can be used
//! so, what their parameter for a message holds, and how nonces are generated. The algorithms are
//! those of the ordinary functions, run once a message.

use cryptoki_sys::*;

use super::{Entry, fill_random};
use crate::rv::{Result, ensure, refusal};

/// The structure that a mechanism takes with each message to encrypt or decrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageForm {
    /// CK_GCM_MESSAGE_PARAMS.
    Gcm,
    /// CK_CCM_MESSAGE_PARAMS.
    Ccm,
    /// CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS.
    Poly1305,
}

/// The parameter of a message, as the application gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageParameter {
    /// The nonce, or the place of one that is to be generated.
    pub(crate) nonce: Vec<u8>,
    /// How the nonce comes to be: CKG_NO_GENERATE and its kin, when encrypting.
    pub(crate) generator: CK_GENERATOR_FUNCTION,
    /// Bits of the nonce, from its beginning, that a generator leaves as they are.
    pub(crate) fixed_bits: CK_ULONG,
    /// The length of the tag in bits.
    pub(crate) tag_bits: CK_ULONG,
    /// The tag to check, when decrypting and at the end of the message.
    pub(crate) tag: Vec<u8>,
    /// The length of the message, for mechanisms that must know it.
    pub(crate) data_length: CK_ULONG,
}

impl MessageParameter {
    /// The length of the tag in bytes.
    pub(crate) fn tag_length(&self) -> usize {
        usize::try_from(self.tag_bits.div_ceil(8)).unwrap_or(usize::MAX)
    }
}

static FORMS: [(CK_MECHANISM_TYPE, MessageForm); 4] = [
    (CKM_AES_GCM, MessageForm::Gcm),
    (CKM_AES_CCM, MessageForm::Ccm),
    (CKM_CHACHA20_POLY1305, MessageForm::Poly1305),
    (CKM_SALSA20_POLY1305, MessageForm::Poly1305),
];

/// Mechanisms whose tables in chapter 6 mark signing as single-part: a message to sign or verify
/// with them comes in one piece, too.
static SINGLE_PART: [CK_MECHANISM_TYPE; 8] = [
    CKM_RSA_PKCS,
    CKM_RSA_9796,
    CKM_RSA_X_509,
    CKM_RSA_X9_31,
    CKM_RSA_PKCS_PSS,
    CKM_DSA,
    CKM_ECDSA,
    CKM_EDDSA,
];

/// MACs that must not see two messages under one key and nonce, and take their nonce when they are
/// initialised.
static ONE_MESSAGE: [CK_MECHANISM_TYPE; 2] = [CKM_AES_GMAC, CKM_POLY1305];

/// What signs nothing but itself: a one-time password has no message.
static NO_MESSAGE: [CK_MECHANISM_TYPE; 1] = [CKM_HOTP];

/// The form of a mechanism's parameter for messages, if it encrypts messages.
pub(crate) fn message_form(mechanism: CK_MECHANISM_TYPE) -> Option<MessageForm> {
    FORMS
        .iter()
        .find(|(kind, _)| *kind == mechanism)
        .map(|(_, form)| *form)
}

/// The flags of CK_MECHANISM_INFO that follow from what else a mechanism can do: whatever signs or
/// verifies does so message by message, and whatever has a parameter for messages encrypts so.
pub(super) fn message_flags(entry: &Entry) -> CK_FLAGS {
    let encrypts = message_form(entry.mechanism).is_some();
    let signs = !ONE_MESSAGE.contains(&entry.mechanism) && !NO_MESSAGE.contains(&entry.mechanism);
    let one = [
        (CKF_ENCRYPT, encrypts, CKF_MESSAGE_ENCRYPT),
        (CKF_DECRYPT, encrypts, CKF_MESSAGE_DECRYPT),
        (CKF_SIGN, signs, CKF_MESSAGE_SIGN),
        (CKF_VERIFY, signs, CKF_MESSAGE_VERIFY),
    ];
    let flags = one
        .into_iter()
        .filter(|(flag, applies, _)| *applies && entry.flags & flag != 0)
        .fold(0, |flags, (_, _, flag)| flags | flag);
    match flags != 0 && !SINGLE_PART.contains(&entry.mechanism) {
        true => flags | CKF_MULTI_MESSAGE,
        false => flags,
    }
}

/// The generator of the nonces of one message-based process. No two nonces of it are the same
/// unless the application gives them itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nonces {
    /// Nonces that a counter made.
    counted: u64,
    /// What CKG_GENERATE starts from.
    start: Vec<u8>,
    /// The portion that CKG_GENERATE_COUNTER_XOR was given first.
    base: Option<Vec<u8>>,
}

/// Fewest bits that CKG_GENERATE_RANDOM fills: with fewer, chance makes equal ones. Section 6.13.1
/// lets a module reject a fixed portion that is too large.
const LEAST_RANDOM: usize = 64;

impl Nonces {
    /// The nonce of the next message: section 6.13.1.
    pub(crate) fn next(&mut self, message: &MessageParameter) -> Result<Vec<u8>> {
        let given = &message.nonce;
        if message.generator == CKG_NO_GENERATE {
            return Ok(given.clone());
        }
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        let fixed = usize::try_from(message.fixed_bits).map_err(|_| invalid)?;
        let width = (given.len() * 8).checked_sub(fixed).ok_or(invalid)?;
        let portion = match message.generator {
            CKG_GENERATE => {
                if self.start.len() != given.len() {
                    self.start = vec![0; given.len()];
                    fill_random(&mut self.start)?;
                }
                let count = self.count(width)?;
                combined(&self.start, count)
            }
            CKG_GENERATE_COUNTER => combined(&vec![0; given.len()], self.count(width)?),
            CKG_GENERATE_COUNTER_XOR => {
                let base = merged(fixed, &vec![0; given.len()], given);
                let same = self.base.get_or_insert_with(|| base.clone());
                ensure(*same == base, CKR_MECHANISM_PARAM_INVALID)?;
                combined(given, self.count(width)?)
            }
            CKG_GENERATE_RANDOM => {
                ensure(width >= LEAST_RANDOM, CKR_MECHANISM_PARAM_INVALID)?;
                let mut bytes = vec![0; given.len()];
                fill_random(&mut bytes)?;
                bytes
            }
            _ => return Err(invalid),
        };
        Ok(merged(fixed, given, &portion))
    }

    /// The next value of the counter; refused when `width` bits have no room for it.
    fn count(&mut self, width: usize) -> Result<u64> {
        let fits = width >= 64 || self.counted >> width == 0;
        ensure(width > 0 && fits, CKR_MECHANISM_PARAM_INVALID)?;
        let value = self.counted;
        self.counted += 1;
        Ok(value)
    }
}

/// `bytes` with the counter combined into its end.
fn combined(bytes: &[u8], counter: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (byte, count) in bytes.iter_mut().rev().zip(counter.to_le_bytes()) {
        *byte ^= count;
    }
    bytes
}

/// The first `bits` bits of `fixed`, and the others of `rest`.
fn merged(bits: usize, fixed: &[u8], rest: &[u8]) -> Vec<u8> {
    let kept = |place: usize| match bits.saturating_sub(place * 8) {
        0 => 0u8,
        some @ 1..8 => !(0xff >> some),
        _ => 0xff,
    };
    fixed
        .iter()
        .zip(rest)
        .enumerate()
        .map(|(place, (fixed, rest))| fixed & kept(place) | rest & !kept(place))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(
        nonce: &[u8],
        generator: CK_GENERATOR_FUNCTION,
        fixed: CK_ULONG,
    ) -> MessageParameter {
        MessageParameter {
            nonce: nonce.to_vec(),
            generator,
            fixed_bits: fixed,
            tag_bits: 128,
            tag: Vec::new(),
            data_length: 0,
        }
    }

    #[test]
    fn a_counter_starts_at_zero_beside_the_fixed_bits() {
        let mut nonces = Nonces::default();
        let given = message(&[0xab; 12], CKG_GENERATE_COUNTER, 36);
        let mut expected = [0xab, 0xab, 0xab, 0xab, 0xa0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(nonces.next(&given).unwrap(), expected);
        expected[11] = 1;
        assert_eq!(nonces.next(&given).unwrap(), expected);
    }

    #[test]
    fn a_counter_is_combined_with_a_portion_that_must_not_vary() {
        let mut nonces = Nonces::default();
        let given = message(&[0xff; 12], CKG_GENERATE_COUNTER_XOR, 32);
        assert_eq!(nonces.next(&given).unwrap(), [0xff; 12]);
        assert_eq!(nonces.next(&given).unwrap()[11], 0xfe);
        let mut other = given.clone();
        other.nonce[11] = 0xfe;
        let refusal = nonces.next(&other).unwrap_err();
        assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID);
        // The fixed bits are not part of it.
        other = given;
        other.nonce[0] = 0;
        assert_eq!(nonces.next(&other).unwrap()[11], 0xfd);
    }

    #[test]
    fn generated_nonces_differ_keep_their_fixed_bits_and_run_out() {
        for generator in [CKG_GENERATE, CKG_GENERATE_COUNTER] {
            let mut nonces = Nonces::default();
            let given = message(&[5; 12], generator, 92);
            let mut seen: Vec<_> = (0..16).map(|_| nonces.next(&given).unwrap()).collect();
            assert!(seen.iter().all(|nonce| nonce[..11] == [5; 11]));
            assert!(seen.iter().all(|nonce| nonce[11] >> 4 == 0));
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 16);
            assert!(nonces.next(&given).is_err());
        }
        let mut nonces = Nonces::default();
        let given = message(&[5; 12], CKG_GENERATE_RANDOM, 32);
        assert_ne!(nonces.next(&given).unwrap(), nonces.next(&given).unwrap());
        for (generator, fixed) in [(CKG_GENERATE_RANDOM, 40), (CKG_GENERATE, 96), (9, 0)] {
            assert!(nonces.next(&message(&[5; 12], generator, fixed)).is_err());
        }
        assert!(nonces.next(&message(&[5; 12], CKG_GENERATE, 97)).is_err());
    }

    #[test]
    fn what_signs_signs_messages_and_single_part_mechanisms_only_whole_ones() {
        let flags = |kind| message_flags(super::super::find(kind).unwrap().1);
        let signs = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
        assert_eq!(flags(CKM_ECDSA), signs);
        assert_eq!(flags(CKM_ECDSA_SHA256), signs | CKF_MULTI_MESSAGE);
        let seals = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
        assert_eq!(flags(CKM_AES_GCM), seals);
        assert_eq!(flags(CKM_CHACHA20_POLY1305), seals);
        assert_eq!(flags(CKM_AES_CBC), 0);
        assert_eq!(flags(CKM_AES_GMAC), 0);
    }
}
