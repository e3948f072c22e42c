//! Who signed: the SignerIdentifier of RFC 5652 section 5.3, from the certificate that the
//! parameter names or, without one, from the public key that belongs to the private one.

use cryptoki_sys::*;
use der::asn1::AnyRef;
use der::{Class, Decode, Tag, TagNumber, Tagged};

use super::attributes::elements;
use super::encoding;
use crate::attributes::Attributes;
use crate::mechanisms::{Hash, Named};
use crate::rv::{Result, ensure, refusal};

/// The signer of a SignerInfo.
#[derive(Debug)]
pub(super) enum Signer {
    /// DER of issuer and serial number.
    Certificate(Vec<u8>),
    /// A subject key identifier.
    Key(Vec<u8>),
}

impl Signer {
    /// The certificate must be one of the key.
    pub(super) fn of(certificate: Option<&Named>, key: &Attributes) -> Result<Signer> {
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        let public = key.bytes(CKA_PUBLIC_KEY_INFO);
        let Some(certificate) = certificate else {
            let identifier = key_identifier(public).ok_or(invalid)?;
            return Ok(Signer::Key(identifier));
        };
        let certificate = certificate.key()?;
        let is_x509 = certificate.ulong(CKA_CERTIFICATE_TYPE) == Some(CKC_X_509);
        ensure(is_x509, CKR_MECHANISM_PARAM_INVALID)?;
        let read = Certificate::read(certificate.bytes(CKA_VALUE)).ok_or(invalid)?;
        let belongs = read.public_key == public;
        ensure(belongs, CKR_MECHANISM_PARAM_INVALID)?;
        let named = encoding::sequence(&[read.issuer, read.serial]);
        Ok(Signer::Certificate(named))
    }

    /// DER of the version that goes with the choice.
    pub(super) fn version(&self) -> Vec<u8> {
        encoding::unsigned_integer(match self {
            Signer::Certificate(_) => &[1],
            Signer::Key(_) => &[3],
        })
    }

    /// DER of the choice.
    pub(super) fn identifier(&self) -> Vec<u8> {
        match self {
            Signer::Certificate(named) => named.clone(),
            Signer::Key(identifier) => encoding::implicit(0, identifier),
        }
    }
}

/// RFC 5280 section 4.2.1.2, method 1: SHA-1 of the public key's bits.
fn key_identifier(info: &[u8]) -> Option<Vec<u8>> {
    let info = AnyRef::from_der(info).ok()?;
    let parts = elements(info.value())?;
    let (bits, _) = parts.get(1)?;
    // The first byte counts unused bits.
    let (_, key) = bits.value().split_first()?;
    Some(Hash::Sha1.digest(&[key]))
}

/// What is needed of an X.509 certificate, RFC 5280 section 4.1, as it is encoded there.
struct Certificate<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    fn read(value: &'a [u8]) -> Option<Certificate<'a>> {
        let outer = AnyRef::from_der(value).ok()?;
        let parts = elements(outer.value())?;
        let (to_be_signed, _) = parts.first()?;
        let fields = elements(to_be_signed.value())?;
        let version = Tag::ContextSpecific {
            constructed: true,
            number: TagNumber(0),
        };
        let first = fields.first()?.0.tag();
        let after = usize::from(first == version && first.class() == Class::ContextSpecific);
        let field = |place: usize| fields.get(after + place);
        // Serial number, algorithm, issuer, validity, subject, public key.
        let (serial, issuer) = (field(0)?, field(2)?);
        let sound = serial.0.tag() == Tag::Integer && issuer.0.tag() == Tag::Sequence;
        sound.then_some(Certificate {
            serial: serial.1,
            issuer: issuer.1,
            public_key: field(5)?.1,
        })
    }
}
