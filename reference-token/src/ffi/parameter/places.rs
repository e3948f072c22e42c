//! Places in parameter structures that receive output. They are taken down when the parameter is
//! read and written when the call is over, in the order in which `mechanisms` gives answers.

use cryptoki_sys::*;

use super::{structure, wtls};
use crate::ffi::memory::elements;
use crate::mechanisms::{Form, Iteration, TlsForm};
use crate::rv::{Result, ensure, refusal};
use crate::token::Answer;

/// A place for one answer.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Handle(*mut CK_OBJECT_HANDLE),
    /// So many bytes.
    Bytes(*mut CK_BYTE, usize),
}

/// The places of one parameter.
#[derive(Default)]
pub(in crate::ffi) struct Places(Vec<Place>);

impl Places {
    /// The places in the parameter of a mechanism.
    ///
    /// # Safety
    /// Unless NULL, `pParameter` is valid for reads of `ulParameterLen` bytes, and the places in it
    /// for writes until `fill`.
    pub(super) unsafe fn of(form: Form, mechanism: &CK_MECHANISM) -> Result<Places> {
        // SAFETY: as the caller promises, here and below.
        let places = unsafe {
            match form {
                Form::KeyBased(Iteration::Feedback) => {
                    let parameter: CK_SP800_108_FEEDBACK_KDF_PARAMS = structure(mechanism)?;
                    handles(
                        parameter.pAdditionalDerivedKeys,
                        parameter.ulAdditionalDerivedKeys,
                    )?
                }
                Form::KeyBased(_) => {
                    let parameter: CK_SP800_108_KDF_PARAMS = structure(mechanism)?;
                    handles(
                        parameter.pAdditionalDerivedKeys,
                        parameter.ulAdditionalDerivedKeys,
                    )?
                }
                Form::Pbe { iv: true } => {
                    let parameter: CK_PBE_PARAMS = structure(mechanism)?;
                    vec![Place::bytes(parameter.pInitVector, 8)?]
                }
                Form::DsaSeed { returned: true } => seed(mechanism)?,
                Form::Tls(form) => tls(form, mechanism)?,
                Form::Wtls(form) => wtls::places(form, mechanism)?,
                _ => Vec::new(),
            }
        };
        Ok(Places(places))
    }

    pub(in crate::ffi) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the answers.
    ///
    /// # Safety
    /// The places are still valid for writes.
    pub(in crate::ffi) unsafe fn fill(&self, answers: &[Answer]) {
        for (place, answer) in self.0.iter().zip(answers) {
            match (place, answer) {
                // SAFETY: not NULL, and writable as the caller promises; alignment is not assumed.
                (Place::Handle(place), Answer::Handle(handle)) => unsafe {
                    place.write_unaligned(*handle);
                },
                (Place::Bytes(place, room), Answer::Bytes(bytes)) => {
                    let count = bytes.len().min(*room);
                    if count > 0 {
                        // SAFETY: not NULL unless there is no room, and writable for it.
                        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), count) }
                    }
                }
                _ => {}
            }
        }
    }
}

impl Place {
    pub(super) fn bytes(pointer: *mut CK_BYTE, room: usize) -> Result<Place> {
        let there = !pointer.is_null() || room == 0;
        ensure(there, CKR_MECHANISM_PARAM_INVALID)?;
        Ok(Place::Bytes(pointer, room))
    }
}

/// The handles of an array of CK_DERIVED_KEY.
///
/// # Safety
/// Unless NULL, `keys` is valid for reads of `count` elements.
unsafe fn handles(keys: *mut CK_DERIVED_KEY, count: CK_ULONG) -> Result<Vec<Place>> {
    // SAFETY: as the caller promises.
    let keys = unsafe { elements(keys.cast_const(), count)? };
    let places = keys.iter().map(|key| {
        ensure(!key.phKey.is_null(), CKR_MECHANISM_PARAM_INVALID)?;
        Ok(Place::Handle(key.phKey))
    });
    places.collect()
}

/// # Safety
/// As for `Places::of`.
unsafe fn tls(form: TlsForm, mechanism: &CK_MECHANISM) -> Result<Vec<Place>> {
    // SAFETY: as the caller promises, here and below.
    unsafe {
        match form {
            TlsForm::Master => {
                let parameter: CK_SSL3_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                Ok(version(parameter.pVersion))
            }
            TlsForm::Master12 => {
                let parameter: CK_TLS12_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                Ok(version(parameter.pVersion))
            }
            TlsForm::ExtendedMaster => {
                let parameter: CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS = structure(mechanism)?;
                Ok(version(parameter.pVersion))
            }
            TlsForm::Material => {
                let parameter: CK_SSL3_KEY_MAT_PARAMS = structure(mechanism)?;
                material(parameter.pReturnedKeyMaterial, parameter.ulIVSizeInBits)
            }
            TlsForm::Material12 => {
                let parameter: CK_TLS12_KEY_MAT_PARAMS = structure(mechanism)?;
                material(parameter.pReturnedKeyMaterial, parameter.ulIVSizeInBits)
            }
            TlsForm::SafeMaterial12 => {
                let parameter: CK_TLS12_KEY_MAT_PARAMS = structure(mechanism)?;
                material(parameter.pReturnedKeyMaterial, 0)
            }
            TlsForm::Prf => {
                let parameter: CK_TLS_PRF_PARAMS = structure(mechanism)?;
                let length = elements(parameter.pulOutputLen.cast_const(), 1)?;
                let room = usize::try_from(length.first().copied().unwrap_or(0));
                let room = room.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
                Ok(vec![Place::bytes(parameter.pOutput, room)?])
            }
            TlsForm::Kdf | TlsForm::Mac => Ok(Vec::new()),
        }
    }
}

/// The places of a seed and of its length, which is that of its room before.
///
/// # Safety
/// As for `Places::of`.
unsafe fn seed(mechanism: &CK_MECHANISM) -> Result<Vec<Place>> {
    // SAFETY: as the caller promises.
    let parameter: CK_DSA_PARAMETER_GEN_PARAM = unsafe { structure(mechanism)? };
    let room = usize::try_from(parameter.ulSeedLen);
    let room = room.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let whole = mechanism.pParameter.cast::<CK_DSA_PARAMETER_GEN_PARAM>();
    // SAFETY: not NULL, or `structure` had refused it; the field is not read.
    let length = unsafe { &raw mut (*whole).ulSeedLen };
    Ok(vec![
        Place::bytes(parameter.pSeed, room)?,
        Place::Bytes(length.cast(), size_of::<CK_ULONG>()),
    ])
}

/// A CK_VERSION; its absence is for the mechanism to judge.
fn version(pointer: *mut CK_VERSION) -> Vec<Place> {
    match pointer.is_null() {
        true => Vec::new(),
        false => vec![Place::Bytes(pointer.cast(), size_of::<CK_VERSION>())],
    }
}

/// The places in CK_SSL3_KEY_MAT_OUT.
///
/// # Safety
/// Unless NULL, `out` is valid for reads and writes.
unsafe fn material(out: *mut CK_SSL3_KEY_MAT_OUT, iv_bits: CK_ULONG) -> Result<Vec<Place>> {
    ensure(!out.is_null(), CKR_MECHANISM_PARAM_INVALID)?;
    let room = usize::try_from(iv_bits / 8).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    // SAFETY: not NULL, and readable as the caller promises; the fields are not dereferenced.
    let (handles, ivs) = unsafe {
        let places = out.read_unaligned();
        let handles = [
            &raw mut (*out).hClientMacSecret,
            &raw mut (*out).hServerMacSecret,
            &raw mut (*out).hClientKey,
            &raw mut (*out).hServerKey,
        ];
        (handles, [places.pIVClient, places.pIVServer])
    };
    let mut places: Vec<Place> = handles.into_iter().map(Place::Handle).collect();
    for iv in ivs {
        places.push(Place::bytes(iv, room)?);
    }
    Ok(places)
}
