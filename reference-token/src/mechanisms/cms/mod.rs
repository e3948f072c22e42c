//! CMS signatures: [PKCS11-Base 3.2] section 6.44. The token hashes the data, puts the hash among
//! signed attributes and signs these: what comes out is a SignerInfo of RFC 5652 section 5.3.
//! `attributes` owns which attributes there are, `signer` how the signer is named; this file the
//! mechanism and the signature.

mod attributes;
mod signer;

use std::sync::Arc;

use cryptoki_sys::*;
use der::Encode;
use der::asn1::ObjectIdentifier;

use super::der as encoding;
use super::hash::Running;
use super::parameter::hash_named;
use super::{Entry, Family, Form, Hash, Mechanism, Named, Parameter, Signing, find_for};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal, refuse};

pub(super) use attributes::is_mime_type;
pub(crate) use attributes::offered;
use attributes::{Chosen, choose};
use signer::Signer;

/// The CMS mechanism.
pub(super) struct Cms;

/// CK_CMS_SIG_PARAMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CmsParameter {
    pub(crate) certificate: Option<Named>,
    pub(crate) signing: Mechanism,
    pub(crate) digest: Option<CK_MECHANISM_TYPE>,
    /// A MIME type, or nothing for a message that is a MIME object and says its type itself.
    pub(crate) content_type: Option<Vec<u8>>,
    pub(crate) requested: Option<Vec<u8>>,
    pub(crate) required: Option<Vec<u8>>,
}

static ENTRIES: [Entry; 1] = [Entry {
    mechanism: CKM_CMS_SIG,
    sizes: (0, 0),
    // The section forbids verification, and a SignerInfo has no message to recover.
    flags: CKF_SIGN,
    form: Form::Cms,
    keys: &[CKK_RSA, CKK_EC],
}];

/// How a mechanism signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Pkcs1,
    Pss,
    Ecdsa,
}

/// The mechanisms that may sign the attributes, with their schemes and the hashes that follow from
/// them.
#[rustfmt::skip]
static SIGNING: [(CK_MECHANISM_TYPE, Scheme, Option<Hash>); 18] = [
    (CKM_RSA_PKCS,            Scheme::Pkcs1, None),
    (CKM_SHA1_RSA_PKCS,       Scheme::Pkcs1, Some(Hash::Sha1)),
    (CKM_SHA224_RSA_PKCS,     Scheme::Pkcs1, Some(Hash::Sha224)),
    (CKM_SHA256_RSA_PKCS,     Scheme::Pkcs1, Some(Hash::Sha256)),
    (CKM_SHA384_RSA_PKCS,     Scheme::Pkcs1, Some(Hash::Sha384)),
    (CKM_SHA512_RSA_PKCS,     Scheme::Pkcs1, Some(Hash::Sha512)),
    (CKM_RSA_PKCS_PSS,        Scheme::Pss,   None),
    (CKM_SHA1_RSA_PKCS_PSS,   Scheme::Pss,   Some(Hash::Sha1)),
    (CKM_SHA224_RSA_PKCS_PSS, Scheme::Pss,   Some(Hash::Sha224)),
    (CKM_SHA256_RSA_PKCS_PSS, Scheme::Pss,   Some(Hash::Sha256)),
    (CKM_SHA384_RSA_PKCS_PSS, Scheme::Pss,   Some(Hash::Sha384)),
    (CKM_SHA512_RSA_PKCS_PSS, Scheme::Pss,   Some(Hash::Sha512)),
    (CKM_ECDSA,               Scheme::Ecdsa, None),
    (CKM_ECDSA_SHA1,          Scheme::Ecdsa, Some(Hash::Sha1)),
    (CKM_ECDSA_SHA224,        Scheme::Ecdsa, Some(Hash::Sha224)),
    (CKM_ECDSA_SHA256,        Scheme::Ecdsa, Some(Hash::Sha256)),
    (CKM_ECDSA_SHA384,        Scheme::Ecdsa, Some(Hash::Sha384)),
    (CKM_ECDSA_SHA512,        Scheme::Ecdsa, Some(Hash::Sha512)),
];

/// Whether a mechanism may stand in `pSigningMechanism`.
pub(crate) fn signs_cms(mechanism: CK_MECHANISM_TYPE) -> bool {
    SIGNING.iter().any(|(kind, ..)| *kind == mechanism)
}

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// Signature algorithms by their hash: RFC 5754 sections 3.2 and 3.3, RFC 3370 for SHA-1.
#[rustfmt::skip]
static ALGORITHMS: [(Hash, ObjectIdentifier, ObjectIdentifier); 5] = [
    (Hash::Sha1,   oid("1.2.840.113549.1.1.5"),  oid("1.2.840.10045.4.1")),
    (Hash::Sha224, oid("1.2.840.113549.1.1.14"), oid("1.2.840.10045.4.3.1")),
    (Hash::Sha256, oid("1.2.840.113549.1.1.11"), oid("1.2.840.10045.4.3.2")),
    (Hash::Sha384, oid("1.2.840.113549.1.1.12"), oid("1.2.840.10045.4.3.3")),
    (Hash::Sha512, oid("1.2.840.113549.1.1.13"), oid("1.2.840.10045.4.3.4")),
];

/// RFC 4056.
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");

/// DER of an object identifier.
fn name(identifier: ObjectIdentifier) -> Result<Vec<u8>> {
    let encoded = identifier.to_der();
    encoded.map_err(|_| refusal(CKR_GENERAL_ERROR))
}

/// DER of an AlgorithmIdentifier; `parameters` may be empty.
fn algorithm(identifier: &[u8], parameters: &[u8]) -> Vec<u8> {
    encoding::sequence(&[identifier, parameters])
}

/// What follows from `pSigningMechanism` and `pDigestMechanism`.
struct Signature {
    scheme: Scheme,
    hash: Hash,
    /// Whether the mechanism wants a hash and not what is hashed.
    takes_hash: bool,
    /// DER of signatureAlgorithm.
    algorithm: Vec<u8>,
}

impl Signature {
    /// Section 6.44.3.1: the digest is named where it does not follow, and only there; the same one
    /// twice is no contradiction.
    fn of(parameter: &CmsParameter) -> Result<Signature> {
        let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
        let row = SIGNING
            .iter()
            .find(|(kind, ..)| *kind == parameter.signing.kind);
        let (_, scheme, follows) = row.ok_or(invalid)?;
        let named = parameter.digest.map(hash_named).transpose()?;
        let hash = follows.or(named).ok_or(invalid)?;
        let agrees = named.is_none_or(|named| named == hash);
        ensure(agrees, CKR_MECHANISM_PARAM_INVALID)?;
        let names = ALGORITHMS.iter().find(|(this, ..)| *this == hash);
        let (_, rsa, ecdsa) = names.ok_or(invalid)?;
        let algorithm = match scheme {
            Scheme::Pkcs1 => algorithm(&name(*rsa)?, &encoding::NULL),
            Scheme::Ecdsa => algorithm(&name(*ecdsa)?, &[]),
            Scheme::Pss => pss(&parameter.signing, hash)?,
        };
        Ok(Signature {
            scheme: *scheme,
            hash,
            takes_hash: follows.is_none(),
            algorithm,
        })
    }

    /// What the mechanism signs of the attributes.
    fn input(&self, attributes: &[u8]) -> Vec<u8> {
        match (self.takes_hash, self.scheme) {
            (false, _) => attributes.to_vec(),
            (true, Scheme::Pkcs1) => self.hash.digest_info(&self.hash.digest(&[attributes])),
            (true, _) => self.hash.digest(&[attributes]),
        }
    }

    /// The signature as CMS has it: RFC 5753 section 2.1.1 for ECDSA.
    fn encoded(&self, signature: &[u8]) -> Vec<u8> {
        if self.scheme != Scheme::Ecdsa {
            return signature.to_vec();
        }
        let (r, s) = signature.split_at(signature.len() / 2);
        encoding::sequence(
            &[encoding::unsigned_integer(r), encoding::unsigned_integer(s)]
                .each_ref()
                .map(Vec::as_slice),
        )
    }
}

/// RSASSA-PSS-params of RFC 4056, from the parameter of the mechanism: it names the hash that the
/// data is hashed with, too.
fn pss(signing: &Mechanism, hash: Hash) -> Result<Vec<u8>> {
    let Parameter::Pss {
        hash: named,
        mgf,
        salt_length,
    } = signing.parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    ensure(hash_named(named)? == hash, CKR_MECHANISM_PARAM_INVALID)?;
    let mask = Hash::by_mgf(mgf).ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let of_hash = |hash: Hash| algorithm(hash.oid(), &encoding::NULL);
    let salt = encoding::unsigned_integer(&salt_length.to_be_bytes());
    let parameters = encoding::sequence(&[
        &encoding::tagged(0, &of_hash(hash)),
        &encoding::tagged(1, &algorithm(&name(MGF1)?, &of_hash(mask))),
        &encoding::tagged(2, &salt),
    ]);
    Ok(algorithm(&name(RSASSA_PSS)?, &parameters))
}

/// A running signature.
struct Operation {
    mechanism: Mechanism,
    key: Arc<Attributes>,
    signature: Signature,
    signer: Signer,
    chosen: Chosen,
    data: Box<dyn Running>,
    length: usize,
}

impl Operation {
    fn new(parameter: &CmsParameter, key: &Attributes) -> Result<Operation> {
        if let Some(mime) = &parameter.content_type {
            ensure(is_mime_type(mime), CKR_MECHANISM_PARAM_INVALID)?;
        }
        let signature = Signature::of(parameter)?;
        let (_, entry) = find_for(parameter.signing.kind, CKF_SIGN)?;
        let fits = key
            .ulong(CKA_KEY_TYPE)
            .is_some_and(|kind| entry.keys.contains(&kind));
        ensure(fits, CKR_KEY_TYPE_INCONSISTENT)?;
        let mut operation = Operation {
            mechanism: parameter.signing.clone(),
            key: Arc::new(key.clone()),
            signer: Signer::of(parameter.certificate.as_ref(), key)?,
            chosen: choose(
                parameter.required.as_deref(),
                parameter.requested.as_deref(),
            )?,
            data: signature.hash.running(),
            signature,
            length: 0,
        };
        // Signatures by ECDSA may be some bytes shorter than this.
        let longest = vec![0xff; operation.inner()?.length()];
        let digest = vec![0; operation.signature.hash.length()];
        operation.length = operation.info(&digest, &longest).len();
        Ok(operation)
    }

    /// The signature over the attributes, which may not be what it seems to be until it is made.
    fn inner(&self) -> Result<Box<dyn Signing>> {
        let (family, _) = find_for(self.mechanism.kind, CKF_SIGN)?;
        family.sign(&self.mechanism, &self.key)
    }

    /// RFC 5652 section 5.3.
    fn info(&self, digest: &[u8], signature: &[u8]) -> Vec<u8> {
        encoding::sequence(&[
            &self.signer.version(),
            &self.signer.identifier(),
            &algorithm(self.signature.hash.oid(), &[]),
            &encoding::tagged(0, &self.chosen.encoded(digest)),
            &self.signature.algorithm,
            &encoding::octet_string(&self.signature.encoded(signature)),
        ])
    }
}

impl Signing for Operation {
    fn length(&self) -> usize {
        self.length
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.update(data);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<u8>> {
        let data = std::mem::replace(&mut self.data, self.signature.hash.running());
        let digest = data.finish();
        // The digest that was required is not that of this message.
        ensure(self.chosen.accepts(&digest), CKR_FUNCTION_REJECTED)?;
        // RFC 5652 section 5.4: signed with the tag of a SET, and not as they are sent.
        let attributes = self.chosen.encoded(&digest);
        let attributes = match mutant!("cms-signs-what-is-sent") {
            true => encoding::tagged(0, &attributes),
            false => encoding::set(&attributes),
        };
        let mut inner = self.inner()?;
        inner.update(&self.signature.input(&attributes))?;
        Ok(self.info(&digest, &inner.finish()?))
    }
}

impl Family for Cms {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        match &mechanism.parameter {
            Parameter::Cms(parameter) => Ok(Box::new(Operation::new(parameter, key)?)),
            _ => refuse(CKR_MECHANISM_PARAM_INVALID),
        }
    }
}
