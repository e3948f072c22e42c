//! CT-KIP: [PKCS11-Base 3.2] section 6.54. The section names the protocol and leaves the formulas
//! to it. RFC 4758 section 3.5 has the token's key come from its pseudo-random function over a label,
//! the key that the client's nonce was encrypted with and the server's nonce; section 3.8.6 has the MAC
//! be the same function over another label and a nonce, and appendix D.2.2 puts the counter first.

use cryptoki_sys::*;

use super::prf::Prf;
use super::{
    Derivation, Entry, Family, Form, KipUse, Mechanism, Named, Parameter, Product, Signing,
    Verifying, Yield,
};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// The CT-KIP mechanisms.
pub(super) struct Kip;

/// CK_KIP_PARAMS, without what the mechanism makes no use of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KipParameter {
    /// The underlying mechanism, which has no parameter.
    pub(crate) mechanism: CK_MECHANISM_TYPE,
    pub(crate) key: Option<Named>,
    pub(crate) seed: Vec<u8>,
}

/// Keys in bytes: those of the functions and of what can be derived.
const BYTES: (CK_ULONG, CK_ULONG) = (1, 4096);

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, used: KipUse) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form: Form::Kip(used),
        keys: &[CKK_GENERIC_SECRET, CKK_AES, CKK_SHA256_HMAC],
    }
}

static ENTRIES: [Entry; 2] = [
    entry(CKM_KIP_DERIVE, CKF_DERIVE, KipUse::Derive),
    entry(CKM_KIP_MAC, CKF_SIGN | CKF_VERIFY, KipUse::Mac),
];

/// The functions of RFC 4758 appendix D, by what may be meant with "e.g. AES, SHA-256".
const FUNCTIONS: [(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE); 4] = [
    (CKM_AES_ECB, CKM_AES_CMAC),
    (CKM_AES_CMAC, CKM_AES_CMAC),
    (CKM_SHA256, CKM_SHA256_HMAC),
    (CKM_SHA256_HMAC, CKM_SHA256_HMAC),
];

fn parameter(mechanism: &Mechanism) -> Result<&KipParameter> {
    match &mechanism.parameter {
        Parameter::Kip(parameter) => Ok(parameter),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

fn function(parameter: &KipParameter) -> Result<Prf> {
    let row = FUNCTIONS
        .iter()
        .find(|(named, _)| *named == parameter.mechanism);
    let (_, mac) = row.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Prf::named(*mac)
}

/// Appendixes D.2.2 and D.3.2: the MACs of a counter from 1 on and the data, as many as are needed.
fn expand(function: &Prf, key: &[u8], data: &[&[u8]], length: usize) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    for block in 1u32.. {
        if output.len() >= length {
            break;
        }
        let number = block.to_be_bytes();
        let parts: Vec<&[u8]> = std::iter::once(&number[..])
            .chain(data.iter().copied())
            .collect();
        output.extend(function.apply(key, &parts)?);
    }
    output.truncate(length);
    Ok(output)
}

/// The octets of a key that goes into the function: the value of a secret key, the modulus of a
/// public RSA key.
fn octets(key: &Attributes) -> &[u8] {
    match key.ulong(CKA_CLASS) {
        Some(CKO_PUBLIC_KEY) => key.bytes(CKA_MODULUS),
        _ => key.bytes(CKA_VALUE),
    }
}

/// The key that the parameter names, if it names one.
fn named(parameter: &KipParameter) -> Result<&[u8]> {
    match &parameter.key {
        Some(named) => Ok(octets(named.key()?)),
        None => Ok(&[]),
    }
}

/// The length that a MAC has if no buffer says one, and the ends of what a buffer may say. The
/// section has "arbitrary length"; a few bytes would be guessed.
const USUAL: usize = 16;
const LEAST: usize = 8;
const MOST: usize = 1 << 16;

/// A running MAC. The key that the parameter names goes in behind the data, as R_C goes in behind
/// its label.
struct Mac {
    function: Prf,
    key: Vec<u8>,
    data: Vec<u8>,
    beside: Vec<u8>,
    length: usize,
}

impl Mac {
    fn new(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
        let parameter = parameter(mechanism)?;
        let function = function(parameter)?;
        let key = key.bytes(CKA_VALUE).to_vec();
        // A key that the function does not take is told before there is data.
        function.length(&key)?;
        Ok(Mac {
            function,
            key,
            data: Vec::new(),
            beside: named(parameter)?.to_vec(),
            length: USUAL,
        })
    }

    fn result(&self, length: usize) -> Result<Vec<u8>> {
        let input = [&self.data[..], &self.beside];
        expand(&self.function, &self.key, &input, length)
    }
}

impl Signing for Mac {
    fn length(&self) -> usize {
        self.length
    }
    fn fit(&mut self, room: usize) {
        self.length = match room {
            LEAST.. => room.min(MOST),
            _ => USUAL,
        };
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        self.result(self.length)
    }
}

impl Verifying for Mac {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let sized = (LEAST..=MOST).contains(&signature.len());
        ensure(sized, CKR_SIGNATURE_LEN_RANGE)?;
        let valid = self.result(signature.len())? == signature;
        ensure(valid, CKR_SIGNATURE_INVALID)
    }
}

impl Family for Kip {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    /// RFC 4758 section 3.5. The key is for one-time passwords if the template says so by class or,
    /// as the mechanism contributes the class (section 6.54.5), by type alone.
    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let parameter = parameter(asked.mechanism)?;
        let function = function(parameter)?;
        let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        let possible = (1..=BYTES.1 as usize).contains(&length);
        ensure(possible, CKR_KEY_SIZE_RANGE)?;
        let input = [b"Key generation", named(parameter)?, &parameter.seed[..]];
        let value = expand(&function, asked.secret()?, &input, length)?;
        let product = Product::secret(value);
        let class = match (asked.own.class, asked.own.key_type) {
            (Some(CKO_OTP_KEY), _) | (None, Some(CKK_HOTP)) => CKO_OTP_KEY,
            _ => product.class,
        };
        let product = Product { class, ..product };
        Ok(Yield::one(product.generic_by_default()))
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(Mac::new(mechanism, key)?))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(Mac::new(mechanism, key)?))
    }
}
