//! Parameters of WTLS, [PKCS11-Base 3.2] section 6.41.2, and the places in them.

use cryptoki_sys::*;

use super::places::Place;
use super::{flag, structure};
use crate::ffi::memory::{bytes, elements};
use crate::mechanisms::{Parameter, Randoms, WtlsForm, WtlsParameter};
use crate::rv::{Result, ensure, refusal};

/// # Safety
/// As for `super::parameter`.
pub(super) unsafe fn read(form: WtlsForm, mechanism: &CK_MECHANISM) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let parameter = unsafe {
        match form {
            WtlsForm::Master => {
                let parameter: CK_WTLS_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                WtlsParameter::Master {
                    digest: parameter.DigestMechanism,
                    randoms: randoms(&parameter.RandomInfo)?,
                    takes_version: !parameter.pVersion.is_null(),
                }
            }
            WtlsForm::Material => {
                let parameter: CK_WTLS_KEY_MAT_PARAMS = structure(mechanism)?;
                WtlsParameter::Material {
                    digest: parameter.DigestMechanism,
                    mac_bits: parameter.ulMacSizeInBits,
                    key_bits: parameter.ulKeySizeInBits,
                    iv_bits: parameter.ulIVSizeInBits,
                    sequence: parameter.ulSequenceNumber,
                    export: flag(parameter.bIsExport)?,
                    randoms: randoms(&parameter.RandomInfo)?,
                }
            }
            WtlsForm::Prf => {
                let parameter: CK_WTLS_PRF_PARAMS = structure(mechanism)?;
                WtlsParameter::Prf {
                    digest: parameter.DigestMechanism,
                    seed: bytes(parameter.pSeed, parameter.ulSeedLen)?.to_vec(),
                    label: bytes(parameter.pLabel, parameter.ulLabelLen)?.to_vec(),
                    length: output_length(&parameter)?,
                }
            }
        }
    };
    Ok(Parameter::Wtls(Box::new(parameter)))
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn randoms(parameter: &CK_WTLS_RANDOM_DATA) -> Result<Randoms> {
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
/// Unless NULL, `pulOutputLen` is valid for reads.
unsafe fn output_length(parameter: &CK_WTLS_PRF_PARAMS) -> Result<CK_ULONG> {
    // SAFETY: as the caller promises.
    let length = unsafe { elements(parameter.pulOutputLen.cast_const(), 1)? };
    let length = length.first().copied();
    length.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// # Safety
/// As for `Places::of`.
pub(super) unsafe fn places(form: WtlsForm, mechanism: &CK_MECHANISM) -> Result<Vec<Place>> {
    let room = |length| usize::try_from(length).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID));
    // SAFETY: as the caller promises, here and below.
    unsafe {
        match form {
            WtlsForm::Master => {
                let parameter: CK_WTLS_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                // Its absence is for the mechanism to judge.
                match parameter.pVersion.is_null() {
                    true => Ok(Vec::new()),
                    false => Ok(vec![Place::bytes(parameter.pVersion, 1)?]),
                }
            }
            WtlsForm::Material => {
                let parameter: CK_WTLS_KEY_MAT_PARAMS = structure(mechanism)?;
                let out = parameter.pReturnedKeyMaterial;
                ensure(!out.is_null(), CKR_MECHANISM_PARAM_INVALID)?;
                let iv = out.read_unaligned().pIV;
                Ok(vec![
                    Place::Handle(&raw mut (*out).hMacSecret),
                    Place::Handle(&raw mut (*out).hKey),
                    Place::bytes(iv, room(parameter.ulIVSizeInBits / 8)?)?,
                ])
            }
            WtlsForm::Prf => {
                let parameter: CK_WTLS_PRF_PARAMS = structure(mechanism)?;
                let length = output_length(&parameter)?;
                Ok(vec![Place::bytes(parameter.pOutput, room(length)?)?])
            }
        }
    }
}
