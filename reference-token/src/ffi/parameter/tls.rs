//! Parameters of SSL and TLS: [PKCS11-Base 3.2] sections 6.39.2 and 6.40.2.

use cryptoki_sys::*;

use super::{flag, structure};
use crate::ffi::memory::{bytes, elements};
use crate::mechanisms::{Parameter, Randoms, TlsForm, TlsParameter};
use crate::rv::{Result, refusal};

/// # Safety
/// As for `super::parameter`.
pub(super) unsafe fn read(form: TlsForm, mechanism: &CK_MECHANISM) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let parameter = unsafe {
        match form {
            TlsForm::Master => {
                let parameter: CK_SSL3_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                TlsParameter::Master {
                    randoms: randoms(&parameter.RandomInfo)?,
                    hash: None,
                    takes_version: !parameter.pVersion.is_null(),
                }
            }
            TlsForm::Master12 => {
                let parameter: CK_TLS12_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                TlsParameter::Master {
                    randoms: randoms(&parameter.RandomInfo)?,
                    hash: Some(parameter.prfHashMechanism),
                    takes_version: !parameter.pVersion.is_null(),
                }
            }
            TlsForm::ExtendedMaster => {
                let parameter: CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                let hash = bytes(parameter.pSessionHash, parameter.ulSessionHashLen)?;
                TlsParameter::ExtendedMaster {
                    hash: parameter.prfHashMechanism,
                    session_hash: hash.to_vec(),
                    takes_version: !parameter.pVersion.is_null(),
                }
            }
            TlsForm::Material => {
                let parameter: CK_SSL3_KEY_MAT_PARAMS = structure(mechanism)?;
                TlsParameter::Material {
                    mac_bits: parameter.ulMacSizeInBits,
                    key_bits: parameter.ulKeySizeInBits,
                    iv_bits: parameter.ulIVSizeInBits,
                    export: flag(parameter.bIsExport)?,
                    randoms: randoms(&parameter.RandomInfo)?,
                    hash: None,
                }
            }
            TlsForm::Material12 | TlsForm::SafeMaterial12 => {
                let parameter: CK_TLS12_KEY_MAT_PARAMS = structure(mechanism)?;
                TlsParameter::Material {
                    mac_bits: parameter.ulMacSizeInBits,
                    key_bits: parameter.ulKeySizeInBits,
                    iv_bits: parameter.ulIVSizeInBits,
                    export: flag(parameter.bIsExport)?,
                    randoms: randoms(&parameter.RandomInfo)?,
                    hash: Some(parameter.prfHashMechanism),
                }
            }
            TlsForm::Kdf => kdf(structure(mechanism)?)?,
            TlsForm::Mac => {
                let parameter: CK_TLS_MAC_PARAMS = structure(mechanism)?;
                TlsParameter::Mac {
                    prf: parameter.prfHashMechanism,
                    length: parameter.ulMacLength,
                    server_or_client: parameter.ulServerOrClient,
                }
            }
            TlsForm::Prf => prf(structure(mechanism)?)?,
        }
    };
    Ok(Parameter::Tls(Box::new(parameter)))
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn randoms(parameter: &CK_SSL3_RANDOM_DATA) -> Result<Randoms> {
    // SAFETY: as the caller promises.
    let (client, server) = unsafe {
        (
            bytes(parameter.pClientRandom, parameter.ulClientRandomLen)?,
            bytes(parameter.pServerRandom, parameter.ulServerRandomLen)?,
        )
    };
    Ok(Randoms {
        client: client.to_vec(),
        server: server.to_vec(),
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn kdf(parameter: CK_TLS_KDF_PARAMS) -> Result<TlsParameter> {
    // SAFETY: as the caller promises.
    unsafe {
        let context = bytes(parameter.pContextData, parameter.ulContextDataLength)?;
        Ok(TlsParameter::Kdf {
            prf: parameter.prfMechanism,
            label: bytes(parameter.pLabel, parameter.ulLabelLength)?.to_vec(),
            randoms: randoms(&parameter.RandomInfo)?,
            context: (!parameter.pContextData.is_null()).then(|| context.to_vec()),
        })
    }
}

/// # Safety
/// The pointers inside are valid for the lengths beside them, and `pulOutputLen` for reads.
unsafe fn prf(parameter: CK_TLS_PRF_PARAMS) -> Result<TlsParameter> {
    // SAFETY: as the caller promises.
    unsafe {
        let length = elements(parameter.pulOutputLen.cast_const(), 1)?;
        Ok(TlsParameter::Prf {
            seed: bytes(parameter.pSeed, parameter.ulSeedLen)?.to_vec(),
            label: bytes(parameter.pLabel, parameter.ulLabelLen)?.to_vec(),
            length: *length.first().ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?,
        })
    }
}
