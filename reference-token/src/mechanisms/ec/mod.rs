//! Elliptic curves: [PKCS11-Base 3.2] section 6.3 on the curves of NIST. This file owns the table,
//! ECDSA and ECDH operations, and what follows from key material; `curve` the arithmetic.

mod curve;

use cryptoki_sys::*;

use curve::Curve;

use super::hash::Running;
use super::settle::settle_public_info;
use super::{
    Contribution, Derived, Entry, Family, Form, Hash, Mechanism, Parameter, Signing, Verifying, der,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The elliptic curve mechanisms.
pub(super) struct Ec;

/// Field sizes in bits.
const BITS: (CK_ULONG, CK_ULONG) = (256, 521);
/// Prime fields, curves by name, points uncompressed.
const FORMS: CK_FLAGS = CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS;
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY | FORMS;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags,
        form,
        keys: &[CKK_EC],
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 13] = [
    entry(CKM_EC_KEY_PAIR_GEN,       CKF_GENERATE_KEY_PAIR | FORMS, Form::None),
    entry(CKM_ECDSA,                 SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA1,            SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA224,          SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA256,          SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA384,          SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA512,          SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA3_224,        SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA3_256,        SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA3_384,        SIGNS,              Form::None),
    entry(CKM_ECDSA_SHA3_512,        SIGNS,              Form::None),
    entry(CKM_ECDH1_DERIVE,          CKF_DERIVE | FORMS, Form::Ecdh1),
    entry(CKM_ECDH1_COFACTOR_DERIVE, CKF_DERIVE | FORMS, Form::Ecdh1),
];

static HASHING: [(CK_MECHANISM_TYPE, Hash); 9] = [
    (CKM_ECDSA_SHA1, Hash::Sha1),
    (CKM_ECDSA_SHA224, Hash::Sha224),
    (CKM_ECDSA_SHA256, Hash::Sha256),
    (CKM_ECDSA_SHA384, Hash::Sha384),
    (CKM_ECDSA_SHA512, Hash::Sha512),
    (CKM_ECDSA_SHA3_224, Hash::Sha3Bits224),
    (CKM_ECDSA_SHA3_256, Hash::Sha3Bits256),
    (CKM_ECDSA_SHA3_384, Hash::Sha3Bits384),
    (CKM_ECDSA_SHA3_512, Hash::Sha3Bits512),
];

/// Key derivation functions of ANSI X9.63: the hash of each.
static KDFS: [(CK_EC_KDF_TYPE, Hash); 9] = [
    (CKD_SHA1_KDF, Hash::Sha1),
    (CKD_SHA224_KDF, Hash::Sha224),
    (CKD_SHA256_KDF, Hash::Sha256),
    (CKD_SHA384_KDF, Hash::Sha384),
    (CKD_SHA512_KDF, Hash::Sha512),
    (CKD_SHA3_224_KDF, Hash::Sha3Bits224),
    (CKD_SHA3_256_KDF, Hash::Sha3Bits256),
    (CKD_SHA3_384_KDF, Hash::Sha3Bits384),
    (CKD_SHA3_512_KDF, Hash::Sha3Bits512),
];

/// Checks a public key object and adds what follows from its point.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let curve = curve_of(key)?;
    let point = point(key.bytes(CKA_EC_POINT)).ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    curve.check_point(point)?;
    settle_public_info(key, curve.public_info(point), CKA_EC_POINT)
}

/// Checks a private key object and adds what follows from its value.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let curve = curve_of(key)?;
    let point = curve.public_point(key.bytes(CKA_VALUE))?;
    // The checksum is over the public key's attribute, which a private key does not carry.
    settle_public_info(key, curve.public_info(&point), CKA_EC_POINT)
}

fn curve_of(key: &Attributes) -> Result<Curve> {
    Curve::from_parameters(key.bytes(CKA_EC_PARAMS))
}

/// Section 6.3.3: CKA_EC_POINT is the DER of an OCTET STRING around the point.
fn point(encoding: &[u8]) -> Option<&[u8]> {
    der::read_octet_string(encoding)
}

/// A running ECDSA operation; without a hash the data is the digest.
struct Ecdsa {
    curve: Curve,
    key: Vec<u8>,
    hash: Option<Box<dyn Running>>,
    data: Vec<u8>,
}

impl Ecdsa {
    fn new(mechanism: &Mechanism, curve: Curve, key: Vec<u8>) -> Ecdsa {
        let hash = HASHING.iter().find(|(kind, _)| *kind == mechanism.kind);
        Ecdsa {
            curve,
            key,
            hash: hash.map(|(_, hash)| hash.running()),
            data: Vec::new(),
        }
    }

    fn absorb(&mut self, data: &[u8]) {
        match &mut self.hash {
            Some(hash) => hash.update(data),
            None => self.data.extend_from_slice(data),
        }
    }

    /// The digest, its key and its curve.
    fn into_parts(self) -> (Vec<u8>, Vec<u8>, Curve) {
        (
            self.hash.map_or(self.data, Running::finish),
            self.key,
            self.curve,
        )
    }
}

impl Signing for Ecdsa {
    fn length(&self) -> usize {
        2 * self.curve.length()
    }
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        let (digest, key, curve) = self.into_parts();
        ensure(!digest.is_empty(), CKR_DATA_LEN_RANGE)?;
        curve.sign(&key, &digest)
    }
}

impl Verifying for Ecdsa {
    fn is_multipart(&self) -> bool {
        self.hash.is_some()
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.absorb(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        let (digest, key, curve) = self.into_parts();
        ensure(!digest.is_empty(), CKR_DATA_LEN_RANGE)?;
        let signature = full_length(signature, curve.length())?;
        ensure(
            curve.verify(&key, &digest, &signature),
            CKR_SIGNATURE_INVALID,
        )
    }
}

/// Section 6.3.1: to be verified, a signature may be shorter than those that a token makes. Its
/// halves are two numbers, of which leading zero bytes may be missing.
fn full_length(signature: &[u8], length: usize) -> Result<Vec<u8>> {
    let sound = signature.len().is_multiple_of(2) && (1..=2 * length).contains(&signature.len());
    ensure(sound, CKR_SIGNATURE_LEN_RANGE)?;
    let (r, s) = signature.split_at(signature.len() / 2);
    let zeros = vec![0; length - r.len()];
    Ok([&zeros[..], r, &zeros[..], s].concat())
}

impl Family for Ec {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        let value = key.bytes(CKA_VALUE).to_vec();
        Ok(Box::new(Ecdsa::new(mechanism, curve_of(key)?, value)))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        let point = point(key.bytes(CKA_EC_POINT)).ok_or(refusal(CKR_KEY_TYPE_INCONSISTENT))?;
        Ok(Box::new(Ecdsa::new(
            mechanism,
            curve_of(key)?,
            point.to_vec(),
        )))
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_EC)
    }

    fn generate_pair(
        &self,
        _: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let curve = curve_of(public)?;
        let value = curve.generate()?;
        let point = der::octet_string(&curve.public_point(&value)?);
        let parameters = public.bytes(CKA_EC_PARAMS).to_vec();
        Ok((
            vec![(CKA_EC_POINT, Value::Bytes(point))],
            vec![
                (CKA_EC_PARAMS, Value::Bytes(parameters)),
                (CKA_VALUE, Value::Bytes(value)),
            ],
        ))
    }

    /// Section 6.3.20. The curves have cofactor 1, so both mechanisms do the same.
    fn derive(
        &self,
        mechanism: &Mechanism,
        base: &Attributes,
        length: Option<usize>,
    ) -> Result<Derived> {
        let Parameter::Ecdh1 {
            kdf,
            shared,
            public,
        } = &mechanism.parameter
        else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let curve = curve_of(base)?;
        // The other party's point comes bare, or as in CKA_EC_POINT.
        let public = point(public).unwrap_or(public);
        let secret = curve.agree(base.bytes(CKA_VALUE), public)?;
        let mut value = match KDFS.iter().find(|(kind, _)| kind == kdf) {
            Some((_, hash)) => {
                let length = length.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
                x963(*hash, &secret, shared, length)?
            }
            None => {
                ensure(
                    *kdf == CKD_NULL && shared.is_empty(),
                    CKR_MECHANISM_PARAM_INVALID,
                )?;
                secret
            }
        };
        if let Some(length) = length {
            ensure((1..=value.len()).contains(&length), CKR_KEY_SIZE_RANGE)?;
            // Section 6.3.20: bytes are taken from the leading end of the secret.
            value.truncate(length);
        }
        Ok(Derived {
            class: CKO_SECRET_KEY,
            value,
        })
    }
}

/// The key derivation function of ANSI X9.63 section 5.6.3.
fn x963(hash: Hash, secret: &[u8], shared: &[u8], length: usize) -> Result<Vec<u8>> {
    // Far above any key of this token, far below the 2^32 blocks of the standard.
    ensure(length <= 1 << 16, CKR_KEY_SIZE_RANGE)?;
    let mut output = Vec::new();
    let mut counter = 1u32;
    while output.len() < length {
        output.extend(hash.digest(&[secret, &counter.to_be_bytes(), shared]));
        counter += 1;
    }
    output.truncate(length);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ecdsa(curve: Curve, key: Vec<u8>, data: &[u8]) -> Box<Ecdsa> {
        let data = data.to_vec();
        let hash = None;
        Box::new(Ecdsa {
            curve,
            key,
            hash,
            data,
        })
    }

    #[test]
    fn a_signature_without_the_leading_zeros_of_its_numbers_verifies() {
        let curve = Curve::P521;
        let key = curve.generate().unwrap();
        let point = curve.public_point(&key).unwrap();
        // Of four numbers below 2^521 one pair is below 2^520.
        let (digest, signature) = (0..=u8::MAX)
            .map(|byte| {
                let digest = [byte; 64];
                let signature = Signing::finish(ecdsa(curve, key.clone(), &digest)).unwrap();
                (digest, signature)
            })
            .find(|(_, signature)| signature[0] == 0 && signature[66] == 0)
            .unwrap();
        let short = [&signature[1..66], &signature[67..]].concat();
        let verify = |signature: &[u8]| {
            let verifying = ecdsa(curve, point.clone(), &digest);
            Verifying::finish(verifying, signature).map_err(|refusal| refusal.code())
        };
        assert_eq!(verify(&signature), Ok(()));
        assert_eq!(verify(&short), Ok(()));
        assert_eq!(verify(&short[..2]), Err(CKR_SIGNATURE_INVALID));
        let odd = &short[..129];
        let long = [&signature[..], &[0, 0]].concat();
        for bad in [&[][..], odd, &long] {
            assert_eq!(verify(bad), Err(CKR_SIGNATURE_LEN_RANGE));
        }
    }
}
