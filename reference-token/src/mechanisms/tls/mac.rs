//! MACs of SSL 3.0 and of the Finished messages of TLS: [PKCS11-Base 3.2] sections 6.39.7, 6.39.8
//! and 6.40.3.

use cryptoki_sys::*;

use super::TlsParameter;
use crate::attributes::Attributes;
use crate::mechanisms::prf::TlsPrf;
use crate::mechanisms::{Hash, Mechanism, Parameter, Signing, Verifying};
use crate::rv::{Result, ensure, refuse};

/// How the MAC is computed.
enum Kind {
    SslMd5,
    SslSha1,
    Finished(TlsPrf, &'static [u8]),
}

/// A running MAC. The data is kept: it goes into hashes behind a key.
pub(super) struct Mac {
    kind: Kind,
    key: Vec<u8>,
    data: Vec<u8>,
    length: usize,
}

impl Mac {
    pub(super) fn new(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
        let (kind, length) = match (&mechanism.parameter, mechanism.kind) {
            (Parameter::Ulong(_), CKM_SSL3_MD5_MAC) => (Kind::SslMd5, short(mechanism)?),
            (Parameter::Ulong(_), CKM_SSL3_SHA1_MAC) => (Kind::SslSha1, short(mechanism)?),
            (Parameter::Tls(parameter), _) => finished(parameter)?,
            _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
        };
        Ok(Mac {
            kind,
            key: key.bytes(CKA_VALUE).to_vec(),
            data: Vec::new(),
            length,
        })
    }

    fn result(self) -> Vec<u8> {
        let Mac {
            kind,
            key,
            data,
            length,
        } = self;
        let mut mac = match kind {
            Kind::SslMd5 => nested(Hash::Md5, 48, &key, &data),
            Kind::SslSha1 => nested(Hash::Sha1, 40, &key, &data),
            Kind::Finished(prf, label) => prf.apply(&key, label, &data, length),
        };
        mac.truncate(length);
        mac
    }
}

/// The tables of sections 6.39.7 and 6.39.8: four to eight bytes.
fn short(mechanism: &Mechanism) -> Result<usize> {
    let length = mechanism.length()?;
    ensure((4..=8).contains(&length), CKR_MECHANISM_PARAM_INVALID)?;
    Ok(length)
}

/// Section 6.40.3: twelve bytes before TLS 1.2, and no fewer after.
fn finished(parameter: &TlsParameter) -> Result<(Kind, usize)> {
    let TlsParameter::Mac {
        prf,
        length,
        server_or_client,
    } = parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let prf = TlsPrf::named(*prf)?;
    let most = match prf {
        TlsPrf::Tls10 => 12,
        // Nobody negotiates more than this.
        TlsPrf::Tls12(_) => 1 << 16,
    };
    ensure((12..=most).contains(length), CKR_MECHANISM_PARAM_INVALID)?;
    let label: &[u8] = match server_or_client {
        1 => b"server finished",
        2 => b"client finished",
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    Ok((Kind::Finished(prf, label), *length as usize))
}

/// RFC 6101 section 5.2.3.1.
fn nested(hash: Hash, pad: usize, key: &[u8], data: &[u8]) -> Vec<u8> {
    let inner = hash.digest(&[key, &vec![0x36; pad], data]);
    hash.digest(&[key, &vec![0x5c; pad], &inner])
}

impl Signing for Mac {
    fn length(&self) -> usize {
        self.length
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.data.extend_from_slice(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.result())
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
        ensure(signature.len() == self.length, CKR_SIGNATURE_LEN_RANGE)?;
        ensure(self.result() == signature, CKR_SIGNATURE_INVALID)
    }
}
