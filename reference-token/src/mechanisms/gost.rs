//! GOST R 34.11-94: [PKCS11-Base 3.2] section 6.56, the digest and its HMAC.
//!
//! GOST 28147-89 (section 6.55) is left out: which mode CKM_GOST28147 runs is decided by a set of
//! parameters in a domain parameter object, and with the usual sets it changes its key on the way
//! (RFC 4357 section 2.3), for which there is no maintained crate.

use cryptoki_sys::*;
use gost94::params::{CryptoProParam, Gost94Params, TestParam};
use gost94::{Digest, Gost94};
use hmac::{KeyInit, SimpleHmac};

use super::digest::RunningDigest;
use super::hash::{Digester, Macer, Running};
use super::mac::{BYTES, Mac};
use super::{Digesting, Entry, Family, Form, Mechanism, Parameter, Signing, Verifying};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

/// CKM_GOSTR3411 and CKM_GOSTR3411_HMAC.
pub(super) struct Gost;

/// Bytes of output.
const LENGTH: usize = 32;

/// Sections 6.56.4 and 6.56.5: an object identifier or nothing. Sizes are not used.
static ENTRIES: [Entry; 2] = [
    Entry {
        mechanism: CKM_GOSTR3411,
        sizes: (0, 0),
        flags: CKF_DIGEST,
        form: Form::BytesOrNone(OIDS[0].len()),
        keys: &[],
    },
    Entry {
        mechanism: CKM_GOSTR3411_HMAC,
        sizes: (0, 0),
        flags: CKF_SIGN | CKF_VERIFY,
        form: Form::BytesOrNone(OIDS[0].len()),
        keys: &[CKK_GENERIC_SECRET],
    },
];

/// RFC 4357 section 11.2: the test and the CryptoPro set of parameters, in DER.
const OIDS: [&[u8]; 2] = [
    &[0x06, 0x07, 0x2a, 0x85, 0x03, 0x02, 0x02, 0x1e, 0x00],
    &[0x06, 0x07, 0x2a, 0x85, 0x03, 0x02, 0x02, 0x1e, 0x01],
];

/// Something to do with the hash under the parameters that a mechanism names.
trait Job {
    fn run<P: Gost94Params + Clone + Send + 'static>(self) -> Result<Box<dyn Running>>;
}

fn with_parameters(mechanism: &Mechanism, job: impl Job) -> Result<Box<dyn Running>> {
    match &mechanism.parameter {
        Parameter::None => job.run::<CryptoProParam>(),
        Parameter::Bytes(oid) if oid == OIDS[1] => job.run::<CryptoProParam>(),
        Parameter::Bytes(oid) if oid == OIDS[0] => job.run::<TestParam>(),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

struct Hash;

impl Job for Hash {
    fn run<P: Gost94Params + Clone + Send + 'static>(self) -> Result<Box<dyn Running>> {
        Ok(Box::new(Digester(Gost94::<P>::new())))
    }
}

struct Hmac<'a>(&'a [u8]);

impl Job for Hmac<'_> {
    fn run<P: Gost94Params + Clone + Send + 'static>(self) -> Result<Box<dyn Running>> {
        let mac = SimpleHmac::<Gost94<P>>::new_from_slice(self.0);
        Ok(Box::new(Macer(
            mac.map_err(|_| refusal(CKR_KEY_SIZE_RANGE))?,
        )))
    }
}

fn mac(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    let key = key.bytes(CKA_VALUE);
    let fits = (1..=BYTES.1).contains(&(key.len() as CK_ULONG));
    ensure(fits, CKR_KEY_SIZE_RANGE)?;
    Ok(Mac::new(with_parameters(mechanism, Hmac(key))?, LENGTH))
}

impl Family for Gost {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }
    fn digest(&self, mechanism: &Mechanism) -> Result<Box<dyn Digesting>> {
        let running = with_parameters(mechanism, Hash)?;
        Ok(Box::new(RunningDigest::new(running, LENGTH)))
    }
    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(mac(mechanism, key)?))
    }
    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(mac(mechanism, key)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::trial::{digest, plain, sign, with_iv};

    /// The answers for "abc" that implementations of both sets of parameters publish (OpenSSL's
    /// engine for GOST and libgcrypt among them).
    #[test]
    fn the_parameters_decide_and_those_of_crypto_pro_are_the_default() {
        let crypto_pro = hex("b285056dbf18d7392d7677369524dd14747459ed8143997e163b2986f92fd42c");
        let test = hex("f3134348c44fb1b2a277729e2285ebb5cb5e0f29c975bc753b70497c06a4d51d");
        let run = |mechanism| digest(&mechanism, b"abc");
        assert_eq!(run(plain(CKM_GOSTR3411)), Ok(crypto_pro.clone()));
        assert_eq!(run(with_iv(CKM_GOSTR3411, OIDS[1])), Ok(crypto_pro));
        assert_eq!(run(with_iv(CKM_GOSTR3411, OIDS[0])), Ok(test));
        let refused = run(with_iv(CKM_GOSTR3411, &[6; 9])).unwrap_err();
        assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
    }

    /// RFC 2104 section 2 with blocks of 32 bytes, spelled out.
    #[test]
    fn hmac_pads_its_key_to_32_bytes() {
        let block = |pad: u8| [vec![b'k' ^ pad], vec![pad; 31]].concat();
        let hash = |data: &[u8]| digest(&plain(CKM_GOSTR3411), data).unwrap();
        let inner = hash(&[&block(0x36)[..], b"data"].concat());
        let outer = hash(&[block(0x5c), inner].concat());
        assert_eq!(sign(&plain(CKM_GOSTR3411_HMAC), b"k", b"data"), Ok(outer));
    }
}
