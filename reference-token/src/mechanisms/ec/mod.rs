//! Elliptic curves: [PKCS11-Base 3.2] section 6.3. This file owns the table, key pairs, and what
//! follows from key material. `parameters` reads names of curves; `curve`, `edwards` and
//! `montgomery` are the three forms; `ecdsa`, `eddsa` and `ecdh` the mechanisms over them.

mod curve;
mod ecdh;
mod ecdsa;
mod ed25519ctx;
mod eddsa;
mod edwards;
mod montgomery;
mod nist_p256;
mod off_curve;
mod parameters;

use cryptoki_sys::*;

use curve::Curve;
use ecdsa::Ecdsa;
use eddsa::Eddsa;
use edwards::Edwards;
use montgomery::Montgomery;

use super::settle::settle_public_info;
use super::{
    Contribution, Derived, Entry, Family, Form, Mechanism, Parameter, Signing, Verifying, der,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The elliptic curve mechanisms.
pub(super) struct Ec;

/// Field sizes in bits: of the short Weierstrass curves, and as sections 6.3.10 and 6.3.11 fix them.
const BITS: (CK_ULONG, CK_ULONG) = (224, 521);
const RFC_BITS: (CK_ULONG, CK_ULONG) = (255, 448);
/// Prime fields, curves by name.
const NAMED: CK_FLAGS = CKF_EC_F_P | CKF_EC_OID | CKF_EC_CURVENAME;
/// Of points that have both, both forms.
const FORMS: CK_FLAGS = NAMED | CKF_EC_UNCOMPRESS | CKF_EC_COMPRESS;
/// Each mechanism must claim a form; of the two, RFC 8032 and 7748 encode points in the compressed.
const RFC_FORM: CK_FLAGS = NAMED | CKF_EC_COMPRESS;
const PAIRS: CK_FLAGS = CKF_GENERATE_KEY_PAIR;
const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;
const AGREES: CK_FLAGS = CKF_DERIVE | CKF_ENCAPSULATE | CKF_DECAPSULATE;
/// Flags that say which curves and forms of points a mechanism takes.
pub(super) const CLAIMS: CK_FLAGS = FORMS;

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BITS,
        flags: flags | FORMS,
        form,
        keys: &[CKK_EC],
    }
}

/// A mechanism of the curves of RFC 8032 or 7748.
const fn rfc(
    mechanism: CK_MECHANISM_TYPE,
    flags: CK_FLAGS,
    form: Form,
    keys: &'static [CK_KEY_TYPE],
) -> Entry {
    Entry {
        mechanism,
        sizes: RFC_BITS,
        flags: flags | RFC_FORM,
        form,
        keys,
    }
}

/// Agreement on short Weierstrass curves, and on Montgomery curves alone.
pub(super) const AGREEMENT: Entry = entry(CKM_ECDH1_DERIVE, AGREES, Form::Ecdh1);
pub(super) const RFC_AGREEMENT: Entry =
    rfc(CKM_ECDH1_DERIVE, AGREES, Form::Ecdh1, &[CKK_EC_MONTGOMERY]);

#[rustfmt::skip]
static ENTRIES: [Entry; 17] = [
    entry(CKM_EC_KEY_PAIR_GEN,              PAIRS, Form::None),
    entry(CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS, PAIRS, Form::None),
    rfc(CKM_EC_EDWARDS_KEY_PAIR_GEN,        PAIRS, Form::None,  &[CKK_EC_EDWARDS]),
    rfc(CKM_EC_MONTGOMERY_KEY_PAIR_GEN,     PAIRS, Form::None,  &[CKK_EC_MONTGOMERY]),
    entry(CKM_ECDSA,                        SIGNS, Form::None),
    entry(CKM_ECDSA_SHA1,                   SIGNS, Form::None),
    entry(CKM_ECDSA_SHA224,                 SIGNS, Form::None),
    entry(CKM_ECDSA_SHA256,                 SIGNS, Form::None),
    entry(CKM_ECDSA_SHA384,                 SIGNS, Form::None),
    entry(CKM_ECDSA_SHA512,                 SIGNS, Form::None),
    entry(CKM_ECDSA_SHA3_224,               SIGNS, Form::None),
    entry(CKM_ECDSA_SHA3_256,               SIGNS, Form::None),
    entry(CKM_ECDSA_SHA3_384,               SIGNS, Form::None),
    entry(CKM_ECDSA_SHA3_512,               SIGNS, Form::None),
    rfc(CKM_EDDSA,                          SIGNS, Form::Eddsa, &[CKK_EC_EDWARDS]),
    Entry {
        keys: &[CKK_EC, CKK_EC_MONTGOMERY],
        ..AGREEMENT
    },
    entry(CKM_ECDH1_COFACTOR_DERIVE,        AGREES, Form::Ecdh1),
];

/// Checks a public key object and adds what follows from its point.
pub(super) fn settle_public(key: &mut Attributes) -> Result<()> {
    let curve = curve_of(key)?;
    let point = point(key).ok_or(refusal(CKR_ATTRIBUTE_VALUE_INVALID))?;
    curve.check_point(point)?;
    settle_public_info(key, curve.public_info(point), Some(CKA_EC_POINT))
}

/// Checks a private key object and adds what follows from its value.
pub(super) fn settle_private(key: &mut Attributes) -> Result<()> {
    let curve = curve_of(key)?;
    let point = curve.public_point(key.bytes(CKA_VALUE))?;
    settle_public_info(key, curve.public_info(&point), None)
}

/// As `settle_public`, on Edwards curves.
pub(super) fn settle_edwards_public(key: &mut Attributes) -> Result<()> {
    let (curve, point) = (Edwards::of(key)?, key.bytes(CKA_EC_POINT));
    curve.check_public(point)?;
    settle_public_info(key, curve.public_info(point), Some(CKA_EC_POINT))
}

/// As `settle_private`, on Edwards curves.
pub(super) fn settle_edwards_private(key: &mut Attributes) -> Result<()> {
    let curve = Edwards::of(key)?;
    let public = curve.public(key.bytes(CKA_VALUE))?;
    settle_public_info(key, curve.public_info(&public), None)
}

/// As `settle_public`, on Montgomery curves.
pub(super) fn settle_montgomery_public(key: &mut Attributes) -> Result<()> {
    let (curve, point) = (Montgomery::of(key)?, key.bytes(CKA_EC_POINT));
    curve.check_public(point)?;
    settle_public_info(key, curve.public_info(point), Some(CKA_EC_POINT))
}

/// As `settle_private`, on Montgomery curves.
pub(super) fn settle_montgomery_private(key: &mut Attributes) -> Result<()> {
    let curve = Montgomery::of(key)?;
    let public = curve.public(key.bytes(CKA_VALUE))?;
    settle_public_info(key, curve.public_info(&public), None)
}

fn curve_of(key: &Attributes) -> Result<Curve> {
    Curve::from_parameters(key.bytes(CKA_EC_PARAMS))
}

/// Section 6.3.3: CKA_EC_POINT is the DER of an OCTET STRING around the point.
fn point(key: &Attributes) -> Option<&[u8]> {
    der::read_octet_string(key.bytes(CKA_EC_POINT))
}

/// CKA_VALUE and CKA_EC_POINT of a new key pair with the parameters of a public key template.
fn new_pair(kind: CK_MECHANISM_TYPE, public: &Attributes) -> Result<(Vec<u8>, Vec<u8>)> {
    match kind {
        CKM_EC_EDWARDS_KEY_PAIR_GEN => {
            let curve = Edwards::of(public)?;
            let value = curve.generate()?;
            let point = curve.public(&value)?;
            Ok((value, point))
        }
        CKM_EC_MONTGOMERY_KEY_PAIR_GEN => {
            let curve = Montgomery::of(public)?;
            let value = curve.generate()?;
            let point = curve.public(&value)?;
            Ok((value, point))
        }
        _ => {
            let curve = curve_of(public)?;
            let value = match kind {
                CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS => curve.generate_with_extra_bits()?,
                _ => curve.generate()?,
            };
            let point = der::octet_string(&curve.public_point(&value)?);
            Ok((value, point))
        }
    }
}

/// Key derivation function, shared data and public value of CK_ECDH1_DERIVE_PARAMS.
fn agreement(mechanism: &Mechanism) -> Result<(CK_EC_KDF_TYPE, &[u8], &[u8])> {
    match &mechanism.parameter {
        Parameter::Ecdh1 {
            kdf,
            shared,
            public,
        } => Ok((*kdf, shared, public)),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

impl Family for Ec {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        if mechanism.kind == CKM_EDDSA {
            return Ok(Eddsa::new(&mechanism.parameter, key, CKA_VALUE)?);
        }
        let value = key.bytes(CKA_VALUE);
        Ok(Ecdsa::new(mechanism.kind, curve_of(key)?, value))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        if mechanism.kind == CKM_EDDSA {
            return Ok(Eddsa::new(&mechanism.parameter, key, CKA_EC_POINT)?);
        }
        let point = point(key).ok_or(refusal(CKR_KEY_TYPE_INCONSISTENT))?;
        Ok(Ecdsa::new(mechanism.kind, curve_of(key)?, point))
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        match mechanism.kind {
            CKM_EC_EDWARDS_KEY_PAIR_GEN => Some(CKK_EC_EDWARDS),
            CKM_EC_MONTGOMERY_KEY_PAIR_GEN => Some(CKK_EC_MONTGOMERY),
            _ => Some(CKK_EC),
        }
    }

    fn generate_pair(
        &self,
        mechanism: &Mechanism,
        public: &Attributes,
    ) -> Result<(Contribution, Contribution)> {
        let (value, point) = new_pair(mechanism.kind, public)?;
        let parameters = public.bytes(CKA_EC_PARAMS).to_vec();
        Ok((
            vec![(CKA_EC_POINT, Value::Bytes(point))],
            vec![
                (CKA_EC_PARAMS, Value::Bytes(parameters)),
                (CKA_VALUE, Value::Bytes(value)),
            ],
        ))
    }

    /// Sections 6.3.17 and 6.3.18. The curves have cofactor 1, so both mechanisms do the same.
    fn derive(
        &self,
        mechanism: &Mechanism,
        base: &Attributes,
        length: Option<usize>,
    ) -> Result<Derived> {
        let (kdf, shared, public) = agreement(mechanism)?;
        let secret = ecdh::secret(base, public)?;
        Ok(Derived {
            class: CKO_SECRET_KEY,
            value: ecdh::derive(kdf, shared, secret, length)?,
        })
    }

    fn encapsulated_length(&self, _: &Mechanism, key: &Attributes) -> Result<usize> {
        match key.ulong(CKA_KEY_TYPE) {
            Some(CKK_EC_MONTGOMERY) => Ok(Montgomery::of(key)?.length()),
            _ => Ok(1 + 2 * curve_of(key)?.length()),
        }
    }

    /// Section 6.3.17: the ciphertext is the public half of a key pair that lives for this call.
    fn encapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        length: Option<usize>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let (kdf, shared, public) = agreement(mechanism)?;
        ensure(public.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
        let (ciphertext, secret) = ecdh::ephemeral(key)?;
        Ok((ciphertext, ecdh::derive(kdf, shared, secret, length)?))
    }

    fn decapsulate(
        &self,
        mechanism: &Mechanism,
        key: &Attributes,
        ciphertext: &[u8],
        length: Option<usize>,
    ) -> Result<Vec<u8>> {
        let (kdf, shared, public) = agreement(mechanism)?;
        ensure(public.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
        // A point that is none of the curve is here the ciphertext's fault, not the parameter's.
        let secret = ecdh::secret(key, ciphertext);
        let secret = secret.map_err(|refused| match refused.code() {
            CKR_PUBLIC_KEY_INVALID => refusal(CKR_WRAPPED_KEY_INVALID),
            _ => refused,
        })?;
        ecdh::derive(kdf, shared, secret, length)
    }
}

/// What PKCS #8 says of a private key: DER of its curve's identifier, and its value at full length.
pub(super) fn wrapped(key: &Attributes) -> Result<(&'static [u8], Vec<u8>)> {
    let value = key.bytes(CKA_VALUE);
    match key.ulong(CKA_KEY_TYPE) {
        Some(CKK_EC_EDWARDS) => Ok((Edwards::of(key)?.oid(), value.to_vec())),
        Some(CKK_EC_MONTGOMERY) => Ok((Montgomery::of(key)?.oid(), value.to_vec())),
        _ => {
            let curve = curve_of(key)?;
            Ok((curve.oid(), curve.scalar(value)?))
        }
    }
}
