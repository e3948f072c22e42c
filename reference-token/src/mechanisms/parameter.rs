//! Mechanism parameters as owned values. The boundary reads them in the form that the mechanism's
//! entry names; families judge their contents.

use cryptoki_sys::*;

use super::Hash;
use crate::rv::{Result, refusal, refuse};

/// The form of the parameter of a mechanism, by which the boundary reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// No parameter: the pointer is NULL or the length 0.
    None,
    /// This many bytes.
    Bytes(usize),
    /// This many bytes, or nothing.
    BytesOrNone(usize),
    /// A CK_ULONG, such as CK_MAC_GENERAL_PARAMS.
    Ulong,
    /// CK_RSA_PKCS_PSS_PARAMS.
    Pss,
    /// CK_RSA_PKCS_OAEP_PARAMS.
    Oaep,
    /// CK_GCM_PARAMS.
    Gcm,
    /// CK_CCM_PARAMS.
    Ccm,
    /// CK_AES_CTR_PARAMS and CK_CAMELLIA_CTR_PARAMS, which look the same.
    Ctr,
    /// CK_CHACHA20_PARAMS.
    ChaCha20,
    /// CK_SALSA20_PARAMS.
    Salsa20,
    /// CK_SALSA20_CHACHA20_POLY1305_PARAMS.
    ChaCha20Poly1305,
    /// CK_HKDF_PARAMS.
    Hkdf,
    /// CK_ECDH1_DERIVE_PARAMS.
    Ecdh1,
    /// CK_EDDSA_PARAMS, or nothing.
    Eddsa,
}

/// A parameter that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameter {
    None,
    Bytes(Vec<u8>),
    Ulong(CK_ULONG),
    Pss {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_length: CK_ULONG,
    },
    Oaep {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        label: Vec<u8>,
    },
    Gcm {
        iv: Vec<u8>,
        aad: Vec<u8>,
        tag_bits: CK_ULONG,
    },
    Ccm {
        data_length: CK_ULONG,
        nonce: Vec<u8>,
        aad: Vec<u8>,
        mac_length: CK_ULONG,
    },
    /// Of a stream cipher: its block counter, as it stands in memory, and its nonce.
    Counted {
        counter: Vec<u8>,
        nonce: Vec<u8>,
    },
    /// Of ChaCha20-Poly1305.
    Sealed {
        nonce: Vec<u8>,
        aad: Vec<u8>,
    },
    Ctr {
        bits: CK_ULONG,
        block: [u8; 16],
    },
    Hkdf {
        extract: bool,
        expand: bool,
        prf: CK_MECHANISM_TYPE,
        salt: Salt,
        info: Vec<u8>,
    },
    Ecdh1 {
        kdf: CK_EC_KDF_TYPE,
        shared: Vec<u8>,
        public: Vec<u8>,
    },
    Eddsa {
        prehash: bool,
        context: Vec<u8>,
    },
}

/// Where the salt of HKDF comes from. `token` replaces a key's handle by its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Salt {
    None,
    Data(Vec<u8>),
    Key(CK_OBJECT_HANDLE),
}

/// A mechanism as an application names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mechanism {
    pub(crate) kind: CK_MECHANISM_TYPE,
    pub(crate) parameter: Parameter,
}

impl Mechanism {
    /// The parameter of a mechanism of form `Bytes`.
    pub(super) fn bytes(&self) -> Result<&[u8]> {
        match &self.parameter {
            Parameter::Bytes(bytes) => Ok(bytes),
            _ => refuse(CKR_MECHANISM_PARAM_INVALID),
        }
    }

    /// The parameter of a mechanism of form `Ulong`, as a length.
    pub(super) fn length(&self) -> Result<usize> {
        match self.parameter {
            Parameter::Ulong(value) => {
                usize::try_from(value).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
            }
            _ => refuse(CKR_MECHANISM_PARAM_INVALID),
        }
    }
}

/// The hash that a parameter names by its digest mechanism.
pub(super) fn hash_named(mechanism: CK_MECHANISM_TYPE) -> Result<Hash> {
    Hash::by_mechanism(mechanism).ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
}
