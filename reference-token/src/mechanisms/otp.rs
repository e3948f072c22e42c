//! One-time passwords: HOTP of [PKCS11-Base 3.2] section 6.53 and RFC 4226. A key holds a counter,
//! which moves on when a password is made with it. What signing gives is a CK_OTP_SIGNATURE_INFO
//! with all that it points to behind it, in one block.

use std::mem::offset_of;

use cryptoki_sys::*;

use super::{
    Contribution, Entry, Family, Form, Hash, Mechanism, Parameter, Signing, Verifying, secret,
};
use crate::attributes::{Attributes, Template, Value, otp_digits};
use crate::rv::{Result, ensure, refusal, refuse};

/// The OTP mechanisms.
pub(super) struct Otp;

/// RFC 4226 section 4, requirement 6: at least 128 bits.
pub(super) const KEY_BYTES: (usize, usize) = (16, 4096);

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: (KEY_BYTES.0 as CK_ULONG, KEY_BYTES.1 as CK_ULONG),
        flags,
        form,
        keys: &[CKK_HOTP],
    }
}

static ENTRIES: [Entry; 2] = [
    entry(CKM_HOTP_KEY_GEN, CKF_GENERATE, Form::None),
    entry(CKM_HOTP, CKF_SIGN | CKF_VERIFY, Form::Otp),
];

/// Section 6.53.9.1: the counter of a key has eight bytes. It starts at 0 where nothing is said.
pub(super) fn settle(key: &mut Attributes) -> Result<()> {
    if key.bytes(CKA_OTP_COUNTER).is_empty() {
        key.set_bytes(CKA_OTP_COUNTER, 0u64.to_be_bytes());
    }
    counter(key.bytes(CKA_OTP_COUNTER)).ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    Ok(())
}

/// A counter in network byte order.
fn counter(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// What a CK_OTP_PARAMS asks for, as far as HOTP listens.
#[derive(Debug, Default)]
struct Asked {
    counter: Option<u64>,
    digits: Option<CK_ULONG>,
    flags: CK_FLAGS,
}

impl Asked {
    /// Section 6.53.7. Challenge, time and PIN are ignored, as CKA_OTP_X_REQUIREMENT of every key
    /// says; the password itself is no input.
    fn read(parameters: &[(CK_OTP_PARAM_TYPE, Vec<u8>)]) -> Result<Asked> {
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        let number = |value: &[u8]| value.try_into().ok().map(CK_ULONG::from_ne_bytes);
        let mut asked = Asked::default();
        for (place, (kind, value)) in parameters.iter().enumerate() {
            let again = parameters
                .iter()
                .take(place)
                .any(|(other, _)| other == kind);
            ensure(!again, CKR_MECHANISM_PARAM_INVALID)?;
            match *kind {
                CK_OTP_PIN | CK_OTP_CHALLENGE | CK_OTP_TIME => {}
                CK_OTP_COUNTER => asked.counter = Some(counter(value).ok_or(invalid)?),
                CK_OTP_FLAGS => asked.flags = number(value).ok_or(invalid)?,
                CK_OTP_OUTPUT_LENGTH => {
                    let digits = number(value).ok_or(invalid)?;
                    ensure(otp_digits().contains(&digits), CKR_MECHANISM_PARAM_INVALID)?;
                    asked.digits = Some(digits);
                }
                CK_OTP_OUTPUT_FORMAT => {
                    let decimal = number(value) == Some(CK_OTP_FORMAT_DECIMAL);
                    ensure(decimal, CKR_MECHANISM_PARAM_INVALID)?;
                }
                _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
            }
        }
        Ok(asked)
    }

    /// The flags of section 6.53.7.1: without its counter HOTP is nothing, and what it does not
    /// use it can well exclude.
    fn check_flags(&self, key: &Attributes) -> Result<()> {
        const KNOWN: CK_FLAGS = CKF_NEXT_OTP
            | CKF_EXCLUDE_TIME
            | CKF_EXCLUDE_CHALLENGE
            | CKF_EXCLUDE_PIN
            | CKF_USER_FRIENDLY_OTP;
        ensure(self.flags & !KNOWN == 0, CKR_MECHANISM_PARAM_INVALID)?;
        let friendly = self.flags & CKF_USER_FRIENDLY_OTP != 0;
        let refused = friendly && !key.bool(CKA_OTP_USER_FRIENDLY_MODE);
        ensure(!refused, CKR_MECHANISM_PARAM_INVALID)
    }

    /// How far the password is from the current one.
    fn ahead(&self) -> u64 {
        u64::from(self.flags & CKF_NEXT_OTP != 0)
    }
}

/// A password being made or checked.
struct Hotp {
    key: Vec<u8>,
    digits: usize,
    /// The counter; None is that of the key, when the time has come.
    counter: Option<u64>,
    ahead: u64,
}

impl Hotp {
    fn new(mechanism: &Mechanism, key: &Attributes) -> Result<Hotp> {
        let Parameter::Otp(parameters) = &mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let asked = Asked::read(parameters)?;
        asked.check_flags(key)?;
        let must = key.ulong(CKA_OTP_COUNTER_REQUIREMENT) == Some(CK_OTP_PARAM_MANDATORY);
        let given = asked.counter.is_some() || !must;
        ensure(given, CKR_MECHANISM_PARAM_INVALID)?;
        let ahead = asked.ahead();
        let counter = asked.counter.map(|counter| {
            let counter = counter.checked_add(ahead);
            counter.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
        });
        let digits = asked.digits.or(key.ulong(CKA_OTP_LENGTH)).unwrap_or(6);
        Ok(Hotp {
            key: key.bytes(CKA_VALUE).to_vec(),
            digits: digits as usize,
            counter: counter.transpose()?,
            ahead,
        })
    }

    /// RFC 4226 section 5.3.
    fn password(&self, counter: u64) -> Vec<u8> {
        let mac = Hash::Sha1.mac(&self.key, &counter.to_be_bytes());
        let offset = mac.last().map_or(0, |byte| usize::from(byte & 0xf));
        let bits = mac.iter().skip(offset).take(4);
        let number = bits.fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        let digits = (number & 0x7fff_ffff) % 10u32.pow(self.digits as u32);
        format!("{digits:0width$}", width = self.digits).into_bytes()
    }
}

/// No data goes into a password.
fn without(data: &[u8]) -> Result<()> {
    ensure(data.is_empty(), CKR_DATA_LEN_RANGE)
}

/// Parameters in a CK_OTP_SIGNATURE_INFO: the password, and the counter that it was made with.
const TOLD: usize = 2;
/// Bytes of the structures.
const STRUCTURES: usize = size_of::<CK_OTP_SIGNATURE_INFO>() + TOLD * size_of::<CK_OTP_PARAM>();

/// The structures and what they point to. A pointer is a place in the block, counted from its
/// beginning, until the block has an address.
fn block(told: [(CK_OTP_PARAM_TYPE, &[u8]); TOLD]) -> Vec<u8> {
    let mut block = vec![0; STRUCTURES];
    let mut word = |place: usize, value: usize| {
        let end = place + size_of::<usize>();
        if let Some(bytes) = block.get_mut(place..end) {
            bytes.copy_from_slice(&value.to_ne_bytes());
        }
    };
    let first = size_of::<CK_OTP_SIGNATURE_INFO>();
    word(offset_of!(CK_OTP_SIGNATURE_INFO, pParams), first);
    word(offset_of!(CK_OTP_SIGNATURE_INFO, ulCount), TOLD);
    let mut end = STRUCTURES;
    for (index, (kind, value)) in told.into_iter().enumerate() {
        let at = first + index * size_of::<CK_OTP_PARAM>();
        word(at + offset_of!(CK_OTP_PARAM, type_), kind as usize);
        word(at + offset_of!(CK_OTP_PARAM, pValue), end);
        word(at + offset_of!(CK_OTP_PARAM, ulValueLen), value.len());
        end += value.len();
    }
    block.extend(told.into_iter().flat_map(|(_, value)| value));
    block
}

impl Signing for Hotp {
    fn length(&self) -> usize {
        STRUCTURES + self.digits + size_of::<u64>()
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        without(data)
    }
    fn spends(&self) -> bool {
        self.counter.is_none()
    }

    /// The counter of the key is used once. At its last value the key is used up.
    fn spend(&mut self, key: &Attributes) -> Result<Template> {
        let used_up = refusal(CKR_TOKEN_RESOURCE_EXCEEDED);
        let now = counter(key.bytes(CKA_OTP_COUNTER)).ok_or(refusal(CKR_GENERAL_ERROR))?;
        let used = now.checked_add(self.ahead).ok_or(used_up)?;
        let next = used.checked_add(1).ok_or(used_up)?;
        self.counter = Some(used);
        let next = if mutant!("otp-counter-stays") {
            now
        } else {
            next
        };
        let next = Value::Bytes(next.to_be_bytes().to_vec());
        Ok(vec![(CKA_OTP_COUNTER, next)])
    }

    fn pointers(&self) -> Vec<usize> {
        let first = size_of::<CK_OTP_SIGNATURE_INFO>();
        let values = (0..TOLD).map(|index| {
            first + index * size_of::<CK_OTP_PARAM>() + offset_of!(CK_OTP_PARAM, pValue)
        });
        let list = offset_of!(CK_OTP_SIGNATURE_INFO, pParams);
        std::iter::once(list).chain(values).collect()
    }

    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let counter = self.counter.ok_or(refusal(CKR_GENERAL_ERROR))?;
        Ok(block([
            (CK_OTP_VALUE, &self.password(counter)),
            (CK_OTP_COUNTER, &counter.to_be_bytes()),
        ]))
    }
}

impl Verifying for Hotp {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        without(data)
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        ensure(signature.len() == self.digits, CKR_SIGNATURE_LEN_RANGE)?;
        let counter = self.counter.ok_or(refusal(CKR_GENERAL_ERROR))?;
        let earlier = || counter.checked_sub(1).map(|earlier| self.password(earlier));
        let late = mutant!("otp-accepted-again") && earlier().as_deref() == Some(signature);
        let valid = self.password(counter) == signature || late;
        ensure(valid, CKR_SIGNATURE_INVALID)
    }
}

impl Family for Otp {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_HOTP)
    }

    fn generated_class(&self) -> CK_OBJECT_CLASS {
        CKO_OTP_KEY
    }

    fn generate_key(&self, _: &Mechanism, template: &Attributes) -> Result<Contribution> {
        secret::generate(CKK_HOTP, template)
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Hotp::new(mechanism, key)?))
    }

    /// Section 6.53.9.3: whoever verifies says the counter.
    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        let hotp = Hotp::new(mechanism, key)?;
        ensure(hotp.counter.is_some(), CKR_MECHANISM_PARAM_INVALID)?;
        Ok(Box::new(hotp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 appendix D, and its truncated values with seven and eight digits.
    #[test]
    fn passwords_are_those_of_rfc_4226() {
        let rows: [(u32, &str); 10] = [
            (1_284_755_224, "755224"),
            (1_094_287_082, "287082"),
            (137_359_152, "359152"),
            (1_726_969_429, "969429"),
            (1_640_338_314, "338314"),
            (868_254_676, "254676"),
            (1_918_287_922, "287922"),
            (82_162_583, "162583"),
            (673_399_871, "399871"),
            (645_520_489, "520489"),
        ];
        for (count, (truncated, six)) in (0..).zip(rows) {
            let password = |digits| {
                let hotp = Hotp {
                    key: b"12345678901234567890".to_vec(),
                    digits,
                    counter: None,
                    ahead: 0,
                };
                String::from_utf8(hotp.password(count)).unwrap()
            };
            assert_eq!(password(6), six);
            for (digits, most) in [(7, 10_000_000), (8, 100_000_000)] {
                assert_eq!(password(digits), format!("{:0digits$}", truncated % most));
            }
        }
    }

    #[test]
    fn a_parameter_is_named_once_and_understood_or_refused() {
        let counter = (CK_OTP_COUNTER, vec![0; 8]);
        let ignored = (CK_OTP_PIN, b"1234".to_vec());
        assert!(Asked::read(&[counter.clone(), ignored.clone()]).is_ok());
        for wrong in [
            vec![counter.clone(), ignored, counter],
            vec![(CK_OTP_COUNTER, vec![0; 4])],
            vec![(CK_OTP_VALUE, b"755224".to_vec())],
            vec![(CK_OTP_FLAGS, vec![1])],
            vec![(CK_OTP_OUTPUT_LENGTH, 9u64.to_ne_bytes().to_vec())],
            vec![(
                CK_OTP_OUTPUT_FORMAT,
                CK_OTP_FORMAT_BINARY.to_ne_bytes().to_vec(),
            )],
            vec![(77, vec![])],
        ] {
            let refused = Asked::read(&wrong).unwrap_err();
            assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
