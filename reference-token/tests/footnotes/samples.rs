//! A template for each kind of object that an application creates.

use cryptoki_sys::*;

use crate::attributes::{Row, rows};
use crate::support::{Attributes, hex, rsa_2048, rsa_private, rsa_public};

/// P-256 of RFC 5480, and the key pair whose private key is 1 (FIPS 186-4, D.1.2.3).
pub(crate) const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const BASE_POINT: &str = "044104\
    6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
    4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

/// A template that creates an object, and the rows for its shape.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) template: Attributes,
    pub(crate) rows: Vec<Row>,
}

fn sample(
    name: &'static str,
    class: CK_OBJECT_CLASS,
    subtype: Option<(CK_ATTRIBUTE_TYPE, CK_ULONG)>,
    own: Attributes,
) -> Sample {
    let mut template = own.ulong(CKA_CLASS, class);
    if let Some((attribute, value)) = subtype {
        template = template.without(attribute).ulong(attribute, value);
    }
    Sample {
        name,
        template,
        rows: rows(class, subtype.map(|(_, value)| value)),
    }
}

pub(crate) fn samples() -> Vec<Sample> {
    let new = Attributes::new;
    let certificate = |kind| Some((CKA_CERTIFICATE_TYPE, kind));
    let key = |kind| Some((CKA_KEY_TYPE, kind));
    let text = |attributes: &[CK_ATTRIBUTE_TYPE]| {
        let add = |template: Attributes, attribute: &_| template.bytes(*attribute, *b"1");
        attributes.iter().fold(new(), add)
    };
    let aes = new().bytes(CKA_VALUE, [7; 16]);
    let rsa_private = rsa_private().without(CKA_CLASS);
    let rsa_public = rsa_public().without(CKA_CLASS);
    let value = hex(&format!("{:064x}", 1));
    let ec_private = new().bytes(CKA_EC_PARAMS, P256).bytes(CKA_VALUE, value);
    let ec_public = new()
        .bytes(CKA_EC_PARAMS, P256)
        .bytes(CKA_EC_POINT, hex(BASE_POINT));
    let x509 = text(&[CKA_SUBJECT]).bytes(CKA_VALUE, hex(rsa_2048::CERTIFICATE));
    let wtls = text(&[CKA_SUBJECT, CKA_VALUE]);
    let of_attributes = text(&[CKA_OWNER, CKA_VALUE]);
    let trust = text(&[CKA_ISSUER, CKA_SERIAL_NUMBER]);
    vec![
        sample("data", CKO_DATA, None, new()),
        sample("X.509", CKO_CERTIFICATE, certificate(CKC_X_509), x509),
        sample("WTLS", CKO_CERTIFICATE, certificate(CKC_WTLS), wtls),
        sample(
            "attribute certificate",
            CKO_CERTIFICATE,
            certificate(CKC_X_509_ATTR_CERT),
            of_attributes,
        ),
        sample("trust", CKO_TRUST, None, trust),
        sample("RSA public", CKO_PUBLIC_KEY, key(CKK_RSA), rsa_public),
        sample("RSA private", CKO_PRIVATE_KEY, key(CKK_RSA), rsa_private),
        sample("EC public", CKO_PUBLIC_KEY, key(CKK_EC), ec_public),
        sample("EC private", CKO_PRIVATE_KEY, key(CKK_EC), ec_private),
        sample("AES", CKO_SECRET_KEY, key(CKK_AES), aes.clone()),
        sample("generic", CKO_SECRET_KEY, key(CKK_GENERIC_SECRET), aes),
    ]
}
