//! Keys from passwords: PBKDF2 of PKCS #5 and the method of PKCS #12, [PKCS11-Base 3.2] sections
//! 6.37 and 6.38. Passwords are bytes as they come: that PKCS #12 files encode theirs as BMPString
//! with a final NUL is for the application to do.

use cryptoki_sys::*;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use super::{Contribution, Entry, Family, Form, Hash, Mechanism, Parameter, Password, Wish};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The password-based mechanisms.
pub(super) struct Passwords;

/// Lengths of keys in bytes.
const fn entry(mechanism: CK_MECHANISM_TYPE, sizes: (CK_ULONG, CK_ULONG), form: Form) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags: CKF_GENERATE,
        form,
        keys: &[],
    }
}

static ENTRIES: [Entry; 2] = [
    entry(CKM_PKCS5_PBKD2, (1, 4096), Form::Pbkdf2),
    entry(
        CKM_PBA_SHA1_WITH_SHA1_HMAC,
        (20, 20),
        Form::Pbe { iv: false },
    ),
];

type Pbkdf2 = fn(&[u8], &[u8], u32, &mut [u8]);

/// The table of section 6.37.3, without GOST R 34.11-94.
const PRFS: [(CK_ULONG, Pbkdf2); 7] = [
    (CKP_PKCS5_PBKD2_HMAC_SHA1, pbkdf2_hmac::<Sha1>),
    (CKP_PKCS5_PBKD2_HMAC_SHA224, pbkdf2_hmac::<Sha224>),
    (CKP_PKCS5_PBKD2_HMAC_SHA256, pbkdf2_hmac::<Sha256>),
    (CKP_PKCS5_PBKD2_HMAC_SHA384, pbkdf2_hmac::<Sha384>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512, pbkdf2_hmac::<Sha512>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_224, pbkdf2_hmac::<Sha512_224>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_256, pbkdf2_hmac::<Sha512_256>),
];

/// Iterations that are run at all: minutes, not years.
const MOST_ITERATIONS: CK_ULONG = 10_000_000;

fn iterations(password: &Password) -> Result<u32> {
    let counted = (1..=MOST_ITERATIONS).contains(&password.iterations);
    ensure(counted, CKR_MECHANISM_PARAM_INVALID)?;
    u32::try_from(password.iterations).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// Section 6.37.4.
fn pbkdf2(password: &Password, template: &Attributes) -> Result<Vec<u8>> {
    let wish = Wish {
        key_type: template.ulong(CKA_KEY_TYPE),
        length: template
            .ulong(CKA_VALUE_LEN)
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
    };
    let length = wish.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    ensure((1..=4096).contains(&length), CKR_ATTRIBUTE_VALUE_INVALID)?;
    let (_, function) = PRFS
        .iter()
        .find(|(prf, _)| *prf == password.prf)
        .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let mut key = vec![0; length];
    let iterations = iterations(password)?;
    function(&password.password, &password.salt, iterations, &mut key);
    Ok(key)
}

/// What the bits of PKCS #12 are for: the identification byte of section 6.38.
#[derive(Clone, Copy)]
enum Purpose {
    Mac = 3,
}

/// The method of section 6.38, which is RFC 7292 appendix B.2, with SHA-1.
fn pkcs12(password: &Password, purpose: Purpose, length: usize) -> Result<Vec<u8>> {
    const BLOCK: usize = 64;
    let iterations = iterations(password)?;
    let diversifier = [purpose as u8; BLOCK];
    let stretched = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().next_multiple_of(BLOCK);
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut input = [stretched(&password.salt), stretched(&password.password)].concat();
    let mut output = Vec::new();
    loop {
        let mut hash = Hash::Sha1.digest(&[&diversifier, &input]);
        for _ in 1..iterations {
            hash = Hash::Sha1.digest(&[&hash]);
        }
        output.extend_from_slice(&hash);
        if output.len() >= length {
            output.truncate(length);
            return Ok(output);
        }
        let addend: Vec<u8> = hash.iter().copied().cycle().take(BLOCK).collect();
        for block in input.chunks_mut(BLOCK) {
            add_and_one(block, &addend);
        }
    }
}

/// Adds a number and one to a number of the same length, without what is carried out of it.
fn add_and_one(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (digit, other) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*other) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
}

impl Family for Passwords {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        match mechanism.kind {
            CKM_PBA_SHA1_WITH_SHA1_HMAC => Some(CKK_GENERIC_SECRET),
            _ => None,
        }
    }

    fn generate_answering(
        &self,
        mechanism: &Mechanism,
        template: &Attributes,
    ) -> Result<(Contribution, Vec<Vec<u8>>)> {
        let Parameter::Password(password) = &mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let value = match mechanism.kind {
            CKM_PKCS5_PBKD2 => pbkdf2(password, template)?,
            _ => pkcs12(password, Purpose::Mac, 20)?,
        };
        Ok((vec![(CKA_VALUE, Value::Bytes(value))], Vec::new()))
    }
}
