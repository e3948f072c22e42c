//! Mechanism parameters as owned values. The boundary reads them in the form that the mechanism's
//! entry names; families judge their contents.

use cryptoki_sys::*;

use super::cms::CmsParameter;
use super::ike::IkeParameter;
use super::key_based::KeyBased;
use super::kip::KipParameter;
use super::pqg::SeedParameter;
use super::tls::{TlsParameter, WtlsParameter};
use super::{Hash, Named};
use crate::attributes::Template;
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
    /// A public value of any length, or nothing.
    PublicValue,
    /// CK_X9_42_DH1_DERIVE_PARAMS, which is CK_ECDH1_DERIVE_PARAMS by another name.
    X942Dh1,
    /// CK_X9_42_DH2_DERIVE_PARAMS.
    X942Dh2,
    /// CK_DSA_PARAMETER_GEN_PARAM, with a place for a seed or with a seed.
    DsaSeed { returned: bool },
    /// CK_EDDSA_PARAMS, or nothing.
    Eddsa,
    /// CK_SIGN_ADDITIONAL_CONTEXT, or nothing.
    SignContext,
    /// CK_HASH_SIGN_ADDITIONAL_CONTEXT.
    HashSignContext,
    /// CK_RSA_AES_KEY_WRAP_PARAMS.
    RsaAes,
    /// CK_ECDH_AES_KEY_WRAP_PARAMS.
    EcdhAes,
    /// CK_OBJECT_HANDLE of a key.
    Key,
    /// CK_KEY_DERIVATION_STRING_DATA.
    StringData,
    /// CK_DES_CBC_ENCRYPT_DATA_PARAMS and its like: an IV of so many bytes, and data.
    BlockData(usize),
    /// CK_SP800_108_KDF_PARAMS, with a counter for the iteration variable or without.
    KeyBased(Iteration),
    /// CK_PKCS5_PBKD2_PARAMS2.
    Pbkdf2,
    /// CK_PBE_PARAMS, with a place for an IV that has to be there or that is ignored.
    Pbe { iv: bool },
    /// CK_VERSION.
    Version,
    /// A structure of SSL or TLS.
    Tls(TlsForm),
    /// A structure of WTLS.
    Wtls(WtlsForm),
    /// A structure of IKE.
    Ike(IkeForm),
    /// CK_OTP_PARAMS, or nothing.
    Otp,
    /// CK_KIP_PARAMS.
    Kip(KipUse),
    /// CK_CMS_SIG_PARAMS.
    Cms,
    /// CK_RC2_CBC_PARAMS.
    Rc2Cbc,
    /// CK_RC2_MAC_GENERAL_PARAMS.
    Rc2Mac,
}

/// What the iteration variable of SP 800-108 is, which decides the form of the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Iteration {
    Counter,
    /// CK_SP800_108_FEEDBACK_KDF_PARAMS.
    Feedback,
    DoublePipeline,
}

/// The structures of SSL and TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsForm {
    /// CK_SSL3_MASTER_KEY_DERIVE_PARAMS.
    Master,
    /// CK_TLS12_MASTER_KEY_DERIVE_PARAMS.
    Master12,
    /// CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS.
    ExtendedMaster,
    /// CK_SSL3_KEY_MAT_PARAMS.
    Material,
    /// CK_TLS12_KEY_MAT_PARAMS.
    Material12,
    /// CK_TLS12_KEY_MAT_PARAMS whose IVs are not looked at.
    SafeMaterial12,
    /// CK_TLS_KDF_PARAMS.
    Kdf,
    /// CK_TLS_MAC_PARAMS.
    Mac,
    /// CK_TLS_PRF_PARAMS.
    Prf,
}

/// The structures of WTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WtlsForm {
    /// CK_WTLS_MASTER_KEY_DERIVE_PARAMS.
    Master,
    /// CK_WTLS_KEY_MAT_PARAMS.
    Material,
    /// CK_WTLS_PRF_PARAMS.
    Prf,
}

/// The structures of IKE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IkeForm {
    /// CK_IKE_PRF_DERIVE_PARAMS.
    Prf,
    /// CK_IKE2_PRF_PLUS_DERIVE_PARAMS.
    PrfPlus,
    /// CK_IKE1_PRF_DERIVE_PARAMS.
    Prf1,
    /// CK_IKE1_EXTENDED_DERIVE_PARAMS.
    Extended1,
}

/// What CK_KIP_PARAMS is for, which decides which fields matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KipUse {
    Derive,
    /// Without the seed.
    Mac,
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
    X942Dh2(Box<TwoPairs>),
    DsaSeed(SeedParameter),
    Eddsa {
        prehash: bool,
        context: Vec<u8>,
    },
    SignContext {
        hedge: CK_HEDGE_TYPE,
        context: Vec<u8>,
        /// The hash of data that come hashed.
        hash: Option<CK_MECHANISM_TYPE>,
    },
    RsaAes {
        aes_bits: CK_ULONG,
        /// Of form `Oaep`.
        oaep: Box<Parameter>,
    },
    EcdhAes {
        aes_bits: CK_ULONG,
        /// Of form `Ecdh1`, without a public value.
        agreement: Box<Parameter>,
    },
    Key(Named),
    StringData(Vec<u8>),
    BlockData {
        iv: Vec<u8>,
        data: Vec<u8>,
    },
    KeyBased(Box<KeyBased>),
    Password(Box<Password>),
    /// Major and minor.
    Version([u8; 2]),
    Tls(Box<TlsParameter>),
    Wtls(Box<WtlsParameter>),
    Ike(Box<IkeParameter>),
    /// Types and values of CK_OTP_PARAM.
    Otp(Vec<(CK_OTP_PARAM_TYPE, Vec<u8>)>),
    Kip(KipParameter),
    Cms(Box<CmsParameter>),
    Rc2Cbc {
        bits: CK_ULONG,
        iv: Vec<u8>,
    },
    Rc2Mac {
        bits: CK_ULONG,
        length: CK_ULONG,
    },
}

/// An agreement with two key pairs on each side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TwoPairs {
    pub(crate) kdf: CK_EC_KDF_TYPE,
    pub(crate) shared: Vec<u8>,
    /// The other side's first and second public value.
    pub(crate) publics: [Vec<u8>; 2],
    /// The second private key.
    pub(crate) second: Named,
}

/// What a key is made from a password with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Password {
    pub(crate) password: Vec<u8>,
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: CK_ULONG,
    /// CKP_PKCS5_PBKD2_HMAC_; 0 where the mechanism leaves no choice.
    pub(crate) prf: CK_ULONG,
}

impl Parameter {
    /// The keys named here that a new key is made from besides the base key.
    pub(crate) fn named_keys(&mut self) -> Vec<&mut Named> {
        match self {
            Parameter::Key(key) => vec![key],
            Parameter::X942Dh2(pairs) => vec![&mut pairs.second],
            Parameter::KeyBased(parameter) => parameter.named_keys(),
            Parameter::Ike(parameter) => parameter.named_keys(),
            Parameter::Kip(parameter) => parameter.key.iter_mut().collect(),
            _ => Vec::new(),
        }
    }

    /// The class of the keys that `named_keys` has.
    pub(crate) fn named_class(&self) -> CK_OBJECT_CLASS {
        match self {
            Parameter::X942Dh2(_) => CKO_PRIVATE_KEY,
            _ => CKO_SECRET_KEY,
        }
    }

    /// Whether a key named here for derivation may be the public one of somebody else.
    pub(crate) fn takes_public_key(&self) -> bool {
        matches!(self, Parameter::Kip(_))
    }

    /// The object named here that a signature needs besides its key, its class, and what it is
    /// called if there is none such.
    pub(crate) fn signing_object(&mut self) -> Option<(&mut Named, CK_OBJECT_CLASS, CK_RV)> {
        match self {
            Parameter::Kip(parameter) => {
                let key = parameter.key.as_mut()?;
                Some((key, CKO_SECRET_KEY, CKR_KEY_HANDLE_INVALID))
            }
            Parameter::Cms(parameter) => {
                let certificate = parameter.certificate.as_mut()?;
                Some((certificate, CKO_CERTIFICATE, CKR_MECHANISM_PARAM_INVALID))
            }
            _ => None,
        }
    }

    /// The key named here as a salt, which is no secret.
    pub(crate) fn salt_key(&mut self) -> Option<&mut Named> {
        match self {
            Parameter::Hkdf {
                salt: Salt::Key(key),
                ..
            } => Some(key),
            _ => None,
        }
    }

    /// The templates of further keys.
    pub(crate) fn templates(&self) -> &[Template] {
        match self {
            Parameter::KeyBased(parameter) => &parameter.additional,
            _ => &[],
        }
    }

    /// Whether C_DeriveKey has a handle of its own to give. Sections 6.39.6 and 6.41.6: otherwise
    /// everything goes back through the parameter.
    pub(crate) fn gives_handle(&self) -> bool {
        match self {
            Parameter::Tls(parameter) => parameter.gives_handle(),
            Parameter::Wtls(parameter) => parameter.gives_handle(),
            _ => true,
        }
    }
}

/// Where the salt of HKDF comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Salt {
    None,
    Data(Vec<u8>),
    Key(Named),
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
