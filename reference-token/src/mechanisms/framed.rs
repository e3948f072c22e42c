//! Signatures over framed messages: what ML-DSA and SLH-DSA have in common, [PKCS11-Base 3.2]
//! sections 6.67 and 6.69. Owns contexts, hedging, hashes ahead of the signature (FIPS 204 sections
//! 5.2 and 5.4, FIPS 205 section 10) and the running operations; keys and arithmetic belong to the
//! two families.

use cryptoki_sys::*;
use ed448_goldilocks::shake::digest::{ExtendableOutput, Update, XofReader};
use ed448_goldilocks::shake::{Shake128, Shake256};

use super::hash::Running;
use super::{Hash, Mechanism, Parameter, Signing, Verifying};
use crate::rv::{Result, ensure, refusal, refuse};

/// A key with which framed messages are signed or verified.
pub(super) trait Key: Send {
    /// Bytes of a signature.
    fn length(&self) -> usize;
    /// Signs M' with the private key, hedged or deterministically.
    fn sign(&self, message: &[u8], hedged: bool) -> Result<Vec<u8>>;
    /// Whether the signature of M' is one of the public key.
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// The hash ahead of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreHash {
    Hash(Hash),
    Shake128,
    Shake256,
}

/// The hashes that FIPS 204 and FIPS 205 approve of; the hash functions of the mechanisms' tables
/// and SHA-512 truncated.
const APPROVED: [Hash; 10] = [
    Hash::Sha224,
    Hash::Sha256,
    Hash::Sha384,
    Hash::Sha512,
    Hash::Sha512Truncated224,
    Hash::Sha512Truncated256,
    Hash::Sha3Bits224,
    Hash::Sha3Bits256,
    Hash::Sha3Bits384,
    Hash::Sha3Bits512,
];

/// DER of the identifiers of SHAKE128 and SHAKE256.
const SHAKE128: [u8; 11] = [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 0x0b];
const SHAKE256: [u8; 11] = [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 0x0c];

struct Shake<S, const LENGTH: usize>(S);

impl<S, const LENGTH: usize> Running for Shake<S, LENGTH>
where
    S: Update + ExtendableOutput + Clone + Send + 'static,
{
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        let mut digest = [0; LENGTH];
        self.0.finalize_xof().read(&mut digest);
        digest.to_vec()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(Shake::<S, LENGTH>(self.0.clone()))
    }
}

impl PreHash {
    /// The hash that a parameter names by its digest mechanism; SHAKE has none.
    fn named(mechanism: CK_MECHANISM_TYPE) -> Result<PreHash> {
        let hash = Hash::by_mechanism(mechanism).filter(|hash| APPROVED.contains(hash));
        hash.map(PreHash::Hash)
            .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
    }

    fn oid(self) -> &'static [u8] {
        match self {
            PreHash::Hash(hash) => hash.oid(),
            PreHash::Shake128 => &SHAKE128,
            PreHash::Shake256 => &SHAKE256,
        }
    }

    /// FIPS 204 algorithm 4: 256 bits of SHAKE128 and 512 of SHAKE256.
    fn length(self) -> usize {
        match self {
            PreHash::Hash(hash) => hash.length(),
            PreHash::Shake128 => 32,
            PreHash::Shake256 => 64,
        }
    }

    fn running(self) -> Box<dyn Running> {
        match self {
            PreHash::Hash(hash) => hash.running(),
            PreHash::Shake128 => Box::new(Shake::<Shake128, 32>(Shake128::default())),
            PreHash::Shake256 => Box::new(Shake::<Shake256, 64>(Shake256::default())),
        }
    }
}

/// The mechanisms that hash ahead of the signature: of ML-DSA, of SLH-DSA, and their hash.
#[rustfmt::skip]
static HASHING: [(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE, PreHash); 10] = [
    (CKM_HASH_ML_DSA_SHA224,   CKM_HASH_SLH_DSA_SHA224,   PreHash::Hash(Hash::Sha224)),
    (CKM_HASH_ML_DSA_SHA256,   CKM_HASH_SLH_DSA_SHA256,   PreHash::Hash(Hash::Sha256)),
    (CKM_HASH_ML_DSA_SHA384,   CKM_HASH_SLH_DSA_SHA384,   PreHash::Hash(Hash::Sha384)),
    (CKM_HASH_ML_DSA_SHA512,   CKM_HASH_SLH_DSA_SHA512,   PreHash::Hash(Hash::Sha512)),
    (CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_224, PreHash::Hash(Hash::Sha3Bits224)),
    (CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256, PreHash::Hash(Hash::Sha3Bits256)),
    (CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384, PreHash::Hash(Hash::Sha3Bits384)),
    (CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512, PreHash::Hash(Hash::Sha3Bits512)),
    (CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE128, PreHash::Shake128),
    (CKM_HASH_ML_DSA_SHAKE256, CKM_HASH_SLH_DSA_SHAKE256, PreHash::Shake256),
];

/// How a mechanism of either family treats the message.
pub(super) fn style(mechanism: &Mechanism) -> Result<Style> {
    match mechanism.kind {
        CKM_ML_DSA | CKM_SLH_DSA => return Ok(Style::Pure),
        CKM_HASH_ML_DSA | CKM_HASH_SLH_DSA => return Ok(Style::Hashed),
        _ => {}
    }
    let mut hashing = HASHING.iter();
    hashing
        .find(|(ml_dsa, slh_dsa, _)| [*ml_dsa, *slh_dsa].contains(&mechanism.kind))
        .map(|(_, _, hash)| Style::Hashing(*hash))
        .ok_or(refusal(CKR_MECHANISM_INVALID))
}

/// Where the message comes from.
enum Input {
    /// As it is: the pure schemes.
    Pure(Vec<u8>),
    /// Hashed by the application.
    Hashed(PreHash, Vec<u8>),
    /// Hashed here.
    Hashing(PreHash, Box<dyn Running>),
}

/// Which of a family's three kinds a mechanism is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Pure,
    Hashed,
    Hashing(PreHash),
}

/// A running operation.
struct Framed<K> {
    key: K,
    input: Input,
    context: Vec<u8>,
    hedge: CK_HEDGE_TYPE,
}

impl<K: Key> Framed<K> {
    fn new(mechanism: &Mechanism, style: Style, key: K) -> Result<Framed<K>> {
        let (hedge, context, hash) = match &mechanism.parameter {
            Parameter::None => (CKH_HEDGE_PREFERRED, Vec::new(), None),
            Parameter::SignContext {
                hedge,
                context,
                hash,
            } => (*hedge, context.clone(), *hash),
            _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
        };
        ensure(context.len() <= 255, CKR_MECHANISM_PARAM_INVALID)?;
        let input = match (style, hash) {
            (Style::Pure, None) => Input::Pure(Vec::new()),
            (Style::Hashing(hash), None) => Input::Hashing(hash, hash.running()),
            (Style::Hashed, Some(hash)) => Input::Hashed(PreHash::named(hash)?, Vec::new()),
            _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
        };
        Ok(Framed {
            key,
            input,
            context,
            hedge,
        })
    }

    fn absorb(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.input {
            Input::Pure(whole) | Input::Hashed(_, whole) => whole.extend_from_slice(data),
            Input::Hashing(_, running) => running.update(data),
        }
        Ok(())
    }

    fn into_message(self) -> Result<(K, Vec<u8>)> {
        let message = frame(self.input, &self.context)?;
        Ok((self.key, message))
    }
}

/// M' of FIPS 204 algorithms 2 and 4, and of FIPS 205 algorithms 22 and 23. CKR_DATA_LEN_RANGE for
/// a digest that is none of its hash.
fn frame(input: Input, context: &[u8]) -> Result<Vec<u8>> {
    // A context has at most 255 bytes.
    let lead = |kind: u8| [&[kind, context.len() as u8], context].concat();
    let hashed = |hash: PreHash, digest: &[u8]| [&lead(1), hash.oid(), digest].concat();
    match input {
        Input::Pure(message) => Ok([lead(0), message].concat()),
        Input::Hashed(hash, digest) => {
            ensure(digest.len() == hash.length(), CKR_DATA_LEN_RANGE)?;
            Ok(hashed(hash, &digest))
        }
        Input::Hashing(hash, running) => Ok(hashed(hash, &running.finish())),
    }
}

/// A signature to be made.
pub(super) fn sign(
    mechanism: &Mechanism,
    style: Style,
    key: impl Key + 'static,
) -> Result<Box<dyn Signing>> {
    let framed = Framed::new(mechanism, style, key)?;
    let known = [
        CKH_HEDGE_PREFERRED,
        CKH_HEDGE_REQUIRED,
        CKH_DETERMINISTIC_REQUIRED,
    ];
    ensure(known.contains(&framed.hedge), CKR_MECHANISM_PARAM_INVALID)?;
    Ok(Box::new(framed))
}

/// A signature to be verified, for which the hedge variant is ignored.
pub(super) fn verify(
    mechanism: &Mechanism,
    style: Style,
    key: impl Key + 'static,
) -> Result<Box<dyn Verifying>> {
    Ok(Box::new(Framed::new(mechanism, style, key)?))
}

impl<K: Key> Signing for Framed<K> {
    fn length(&self) -> usize {
        self.key.length()
    }
    fn is_multipart(&self) -> bool {
        !matches!(self.input, Input::Hashed(..))
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let hedged = self.hedge != CKH_DETERMINISTIC_REQUIRED;
        let (key, message) = self.into_message()?;
        key.sign(&message, hedged)
    }
}

impl<K: Key> Verifying for Framed<K> {
    fn is_multipart(&self) -> bool {
        matches!(self.input, Input::Hashing(..))
    }
    fn is_multipart_after_signature(&self) -> bool {
        !matches!(self.input, Input::Hashed(..))
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data)
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        ensure(
            signature.len() == self.key.length(),
            CKR_SIGNATURE_LEN_RANGE,
        )?;
        let (key, message) = self.into_message()?;
        ensure(key.verify(&message, signature), CKR_SIGNATURE_INVALID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_framed_as_in_fips_204() {
        let pure = frame(Input::Pure(b"message".to_vec()), b"ctx").unwrap();
        assert_eq!(pure, b"\x00\x03ctxmessage");
        let mut running = PreHash::Hash(Hash::Sha256).running();
        running.update(b"abc");
        let hash = PreHash::Hash(Hash::Sha256);
        let hashing = frame(Input::Hashing(hash, running), b"").unwrap();
        assert_eq!(hashing[..2], [1, 0]);
        assert_eq!(hashing[2..13], *Hash::Sha256.oid());
        let digest = Hash::Sha256.digest(&[b"abc"]);
        assert_eq!(hashing[13..], digest);
        let hashed = frame(Input::Hashed(hash, digest), b"").unwrap();
        assert_eq!(hashed, hashing);
        let short = frame(Input::Hashed(hash, vec![0; 31]), b"").unwrap_err();
        assert_eq!(short.code(), CKR_DATA_LEN_RANGE);
    }

    #[test]
    fn hashes_that_are_not_approved_are_refused() {
        assert!(PreHash::named(CKM_SHA512_256).is_ok());
        for bad in [CKM_SHA_1, CKM_MD5, CKM_BLAKE2B_256, CKM_RSA_PKCS] {
            let refusal = PreHash::named(bad).unwrap_err();
            assert_eq!(refusal.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
