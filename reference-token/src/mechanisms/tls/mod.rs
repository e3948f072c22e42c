//! SSL 3.0 and TLS up to 1.2: [PKCS11-Base 3.2] sections 6.39 and 6.40. This file owns the table and
//! the parameters; `derivation` makes master keys and key material of them, `mac` the MACs. The
//! mechanisms of TLS 1.0 stand in version 2.40 of the standard and take the structures of SSL 3.0.
//! WTLS, which is TLS for telephones, is a family of its own in `wtls`.

mod derivation;
mod mac;
mod wtls;

use cryptoki_sys::*;

use super::{
    Contribution, Derivation, Entry, Family, Form, Mechanism, Parameter, Signing, TlsForm,
    Verifying, Yield, random,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, refuse};

pub(super) use wtls::Wtls;
pub(crate) use wtls::WtlsParameter;

/// The SSL and TLS mechanisms.
pub(super) struct Tls;

/// CK_SSL3_RANDOM_DATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Randoms {
    pub(crate) client: Vec<u8>,
    pub(crate) server: Vec<u8>,
}

/// A structure of sections 6.39.2 and 6.40.2. Places for output are the boundary's; what matters
/// here is whether they are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TlsParameter {
    /// The hash is None before TLS 1.2.
    Master {
        randoms: Randoms,
        hash: Option<CK_MECHANISM_TYPE>,
        takes_version: bool,
    },
    ExtendedMaster {
        hash: CK_MECHANISM_TYPE,
        session_hash: Vec<u8>,
        takes_version: bool,
    },
    Material {
        mac_bits: CK_ULONG,
        key_bits: CK_ULONG,
        iv_bits: CK_ULONG,
        export: bool,
        randoms: Randoms,
        hash: Option<CK_MECHANISM_TYPE>,
    },
    Kdf {
        prf: CK_MECHANISM_TYPE,
        label: Vec<u8>,
        randoms: Randoms,
        /// Empty is not absent: RFC 5705 section 4.
        context: Option<Vec<u8>>,
    },
    Mac {
        prf: CK_MECHANISM_TYPE,
        length: CK_ULONG,
        server_or_client: CK_ULONG,
    },
    Prf {
        seed: Vec<u8>,
        label: Vec<u8>,
        length: CK_ULONG,
    },
}

impl TlsParameter {
    /// Whether C_DeriveKey gives a handle; key material and CKM_TLS_PRF give all through here.
    pub(super) fn gives_handle(&self) -> bool {
        !matches!(
            self,
            TlsParameter::Material { .. } | TlsParameter::Prf { .. }
        )
    }
}

/// Length of pre-master and master secrets.
const SECRET: usize = 48;
/// Keys in bytes, where the length is fixed by the protocol.
const MASTERS: (CK_ULONG, CK_ULONG) = (48, 48);
/// Keys in bits.
const ANY: (CK_ULONG, CK_ULONG) = (8, 8 * 4096);

const fn derives(
    mechanism: CK_MECHANISM_TYPE,
    form: TlsForm,
    sizes: (CK_ULONG, CK_ULONG),
) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags: CKF_DERIVE,
        form: Form::Tls(form),
        keys: &[CKK_GENERIC_SECRET],
    }
}

const fn signs(mechanism: CK_MECHANISM_TYPE, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: ANY,
        flags: CKF_SIGN | CKF_VERIFY,
        form,
        keys: &[CKK_GENERIC_SECRET],
    }
}

const fn generates(mechanism: CK_MECHANISM_TYPE) -> Entry {
    Entry {
        mechanism,
        sizes: MASTERS,
        flags: CKF_GENERATE,
        form: Form::Version,
        keys: &[CKK_GENERIC_SECRET],
    }
}

#[rustfmt::skip]
static ENTRIES: [Entry; 21] = [
    generates(CKM_SSL3_PRE_MASTER_KEY_GEN),
    generates(CKM_TLS_PRE_MASTER_KEY_GEN),
    derives(CKM_SSL3_MASTER_KEY_DERIVE,              TlsForm::Master,         MASTERS),
    derives(CKM_SSL3_MASTER_KEY_DERIVE_DH,           TlsForm::Master,         MASTERS),
    derives(CKM_SSL3_KEY_AND_MAC_DERIVE,             TlsForm::Material,       ANY),
    signs(CKM_SSL3_MD5_MAC,                          Form::Ulong),
    signs(CKM_SSL3_SHA1_MAC,                         Form::Ulong),
    derives(CKM_TLS_MASTER_KEY_DERIVE,               TlsForm::Master,         MASTERS),
    derives(CKM_TLS_MASTER_KEY_DERIVE_DH,            TlsForm::Master,         MASTERS),
    derives(CKM_TLS_KEY_AND_MAC_DERIVE,              TlsForm::Material,       ANY),
    derives(CKM_TLS_PRF,                             TlsForm::Prf,            ANY),
    derives(CKM_TLS12_MASTER_KEY_DERIVE,             TlsForm::Master12,       MASTERS),
    derives(CKM_TLS12_MASTER_KEY_DERIVE_DH,          TlsForm::Master12,       MASTERS),
    derives(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,    TlsForm::ExtendedMaster, MASTERS),
    derives(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, TlsForm::ExtendedMaster, MASTERS),
    derives(CKM_TLS12_KEY_AND_MAC_DERIVE,            TlsForm::Material12,     ANY),
    derives(CKM_TLS12_KEY_SAFE_DERIVE,               TlsForm::SafeMaterial12, ANY),
    derives(CKM_TLS_KDF,                             TlsForm::Kdf,            ANY),
    derives(CKM_TLS12_KDF,                           TlsForm::Kdf,            ANY),
    signs(CKM_TLS_MAC,                               Form::Tls(TlsForm::Mac)),
    signs(CKM_TLS12_MAC,                             Form::Tls(TlsForm::Mac)),
];

impl Family for Tls {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_GENERIC_SECRET)
    }

    fn implied_length(&self, _: &Mechanism) -> Option<usize> {
        Some(SECRET)
    }

    /// Section 6.39.3: the client's version, and randomness after it.
    fn generate_key(&self, mechanism: &Mechanism, _: &Attributes) -> Result<Contribution> {
        let Parameter::Version(version) = mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let mut value = random(SECRET)?;
        value[..2].copy_from_slice(&version);
        Ok(vec![(CKA_VALUE, Value::Bytes(value))])
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        derivation::derive(asked)
    }

    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(mac::Mac::new(mechanism, key)?))
    }

    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(mac::Mac::new(mechanism, key)?))
    }
}
