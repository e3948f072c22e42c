//! Parameters of derivation and of key generation from passwords: [PKCS11-Base 3.2] sections 6.17,
//! 6.37, 6.42, 6.43, 6.54 and 6.64.

use std::ffi::c_void;
use std::os::unix::fs::FileExt;

use cryptoki_sys::*;

use super::{flag, structure};
use crate::attributes::Template;
use crate::ffi::memory::{bytes, elements};
use crate::ffi::template;
use crate::mechanisms::{
    IkeCall, IkeForm, IkeParameter, Integer, Iteration, KeyBased, KipParameter, KipUse, Named,
    Parameter, Password, Piece,
};
use crate::rv::{Result, ensure, refusal, refuse};

/// CK_KEY_DERIVATION_STRING_DATA.
///
/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn string_data(parameter: CK_KEY_DERIVATION_STRING_DATA) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let data = unsafe { bytes(parameter.pData, parameter.ulLen)? };
    Ok(Parameter::StringData(data.to_vec()))
}

/// CK_DES_CBC_ENCRYPT_DATA_PARAMS and CK_AES_CBC_ENCRYPT_DATA_PARAMS, which stands for those of
/// other ciphers with blocks of 16 bytes: they are the same but for their names.
///
/// # Safety
/// As for `super::parameter`.
pub(super) unsafe fn block_data(iv: usize, mechanism: &CK_MECHANISM) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let (iv, data, length) = unsafe {
        if iv == 8 {
            let parameter: CK_DES_CBC_ENCRYPT_DATA_PARAMS = structure(mechanism)?;
            (parameter.iv.to_vec(), parameter.pData, parameter.length)
        } else {
            let parameter: CK_AES_CBC_ENCRYPT_DATA_PARAMS = structure(mechanism)?;
            (parameter.iv.to_vec(), parameter.pData, parameter.length)
        }
    };
    // SAFETY: as the caller promises.
    let data = unsafe { bytes(data, length)? }.to_vec();
    Ok(Parameter::BlockData { iv, data })
}

/// Longest password taken: nobody types more, and no pointer is less.
const MOST_PASSWORD: CK_ULONG = 1 << 16;

/// The length of a password in CK_PKCS5_PBKD2_PARAMS2, or in the CK_PKCS5_PBKD2_PARAMS of the
/// versions before 2.40 errata 01, which NSS still uses: it is as long, and has a pointer to the
/// length in its place. Whether a number that is no length is a pointer cannot be known, so the
/// system is asked to read there: it refuses where a plain read would end the process.
fn password_length(number: CK_ULONG) -> Result<CK_ULONG> {
    if number <= MOST_PASSWORD {
        return Ok(number);
    }
    let mut length = [0; size_of::<CK_ULONG>()];
    std::fs::File::open("/proc/self/mem")
        .and_then(|memory| memory.read_exact_at(&mut length, number))
        .map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let length = CK_ULONG::from_ne_bytes(length);
    ensure(length <= MOST_PASSWORD, CKR_MECHANISM_PARAM_INVALID)?;
    Ok(length)
}

/// CK_PKCS5_PBKD2_PARAMS2 and CK_PKCS5_PBKD2_PARAMS.
///
/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn pbkdf2(parameter: CK_PKCS5_PBKD2_PARAMS2) -> Result<Parameter> {
    let length = password_length(parameter.ulPasswordLen)?;
    let specified = parameter.saltSource == CKZ_SALT_SPECIFIED;
    let no_data = parameter.pPrfData.is_null() && parameter.ulPrfDataLen == 0;
    ensure(specified && no_data, CKR_MECHANISM_PARAM_INVALID)?;
    // SAFETY: as the caller promises.
    let (password, salt) = unsafe {
        (
            bytes(parameter.pPassword, length)?,
            bytes(
                parameter.pSaltSourceData.cast(),
                parameter.ulSaltSourceDataLen,
            )?,
        )
    };
    Ok(Parameter::Password(Box::new(Password {
        password: password.to_vec(),
        salt: salt.to_vec(),
        iterations: parameter.iterations,
        prf: parameter.prf,
    })))
}

/// CK_PBE_PARAMS.
///
/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn pbe(parameter: CK_PBE_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (password, salt) = unsafe {
        (
            bytes(parameter.pPassword, parameter.ulPasswordLen)?,
            bytes(parameter.pSalt, parameter.ulSaltLen)?,
        )
    };
    Ok(Parameter::Password(Box::new(Password {
        password: password.to_vec(),
        salt: salt.to_vec(),
        iterations: parameter.ulIteration,
        prf: 0,
    })))
}

/// CK_SP800_108_KDF_PARAMS and CK_SP800_108_FEEDBACK_KDF_PARAMS.
///
/// # Safety
/// As for `super::parameter`.
pub(super) unsafe fn key_based(
    iteration: Iteration,
    mechanism: &CK_MECHANISM,
) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    unsafe {
        let (parameter, iv) = match iteration {
            Iteration::Feedback => {
                let parameter: CK_SP800_108_FEEDBACK_KDF_PARAMS = structure(mechanism)?;
                let iv = bytes(parameter.pIV, parameter.ulIVLen)?.to_vec();
                let common = CK_SP800_108_KDF_PARAMS {
                    prfType: parameter.prfType,
                    ulNumberOfDataParams: parameter.ulNumberOfDataParams,
                    pDataParams: parameter.pDataParams,
                    ulAdditionalDerivedKeys: parameter.ulAdditionalDerivedKeys,
                    pAdditionalDerivedKeys: parameter.pAdditionalDerivedKeys,
                };
                (common, iv)
            }
            _ => (structure(mechanism)?, Vec::new()),
        };
        let data = elements(
            parameter.pDataParams.cast_const(),
            parameter.ulNumberOfDataParams,
        )?;
        let pieces = data.iter().map(|data| piece(iteration, data));
        let keys = elements(
            parameter.pAdditionalDerivedKeys.cast_const(),
            parameter.ulAdditionalDerivedKeys,
        )?;
        let templates = keys
            .iter()
            .map(|key| Ok(template::read(key.pTemplate, key.ulAttributeCount)?.to_vec()));
        Ok(Parameter::KeyBased(Box::new(KeyBased {
            prf: parameter.prfType,
            iteration,
            pieces: pieces.collect::<Result<_>>()?,
            iv,
            additional: templates.collect::<Result<Vec<Template>>>()?,
        })))
    }
}

/// A CK_PRF_DATA_PARAM.
///
/// # Safety
/// Unless NULL, `pValue` is valid for reads of `ulValueLen` bytes.
unsafe fn piece(iteration: Iteration, data: &CK_PRF_DATA_PARAM) -> Result<Piece> {
    let (pointer, length) = (data.pValue, data.ulValueLen);
    // SAFETY: as the caller promises, here and below.
    unsafe {
        match data.type_ {
            // Section 6.42.2: only counter mode formats its iteration variable.
            CK_SP800_108_ITERATION_VARIABLE if iteration != Iteration::Counter => {
                let absent = pointer.is_null() && length == 0;
                ensure(absent, CKR_MECHANISM_PARAM_INVALID)?;
                Ok(Piece::Iteration(None))
            }
            CK_SP800_108_ITERATION_VARIABLE => {
                Ok(Piece::Iteration(Some(counter(pointer, length)?)))
            }
            CK_SP800_108_COUNTER => Ok(Piece::Counter(counter(pointer, length)?)),
            CK_SP800_108_DKM_LENGTH => {
                let format: CK_SP800_108_DKM_LENGTH_FORMAT = one(pointer, length)?;
                Ok(Piece::Length {
                    method: format.dkmLengthMethod,
                    format: Integer {
                        little_endian: flag(format.bLittleEndian)?,
                        bits: format.ulWidthInBits,
                    },
                })
            }
            CK_SP800_108_BYTE_ARRAY => Ok(Piece::Bytes(bytes(pointer.cast(), length)?.to_vec())),
            CK_SP800_108_KEY_HANDLE => Ok(Piece::Key(Named::Handle(one(pointer, length)?))),
            _ => refuse(CKR_MECHANISM_PARAM_INVALID),
        }
    }
}

/// # Safety
/// As for `piece`.
unsafe fn counter(pointer: *const c_void, length: CK_ULONG) -> Result<Integer> {
    // SAFETY: as the caller promises.
    let format: CK_SP800_108_COUNTER_FORMAT = unsafe { one(pointer, length)? };
    Ok(Integer {
        little_endian: flag(format.bLittleEndian)?,
        bits: format.ulWidthInBits,
    })
}

/// One structure of exactly this length.
///
/// # Safety
/// As for `piece`.
unsafe fn one<T: Copy>(pointer: *const c_void, length: CK_ULONG) -> Result<T> {
    ensure(
        length == size_of::<T>() as CK_ULONG,
        CKR_MECHANISM_PARAM_INVALID,
    )?;
    // SAFETY: as the caller promises.
    let one = unsafe { elements::<T>(pointer.cast(), 1)? };
    one.first()
        .copied()
        .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// CK_KIP_PARAMS. The underlying mechanism is named by its number alone.
///
/// # Safety
/// The pointers inside are NULL or valid, that of the seed for the length beside it, as far as the
/// use looks at them.
pub(super) unsafe fn kip(used: KipUse, parameter: CK_KIP_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let underlying = unsafe { elements(parameter.pMechanism.cast_const(), 1)? };
    let underlying = underlying.first();
    let underlying = underlying.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    ensure(underlying.ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID)?;
    let named = parameter.hKey != CK_INVALID_HANDLE;
    let seed = match used {
        KipUse::Mac => Vec::new(),
        // SAFETY: as above.
        KipUse::Derive => unsafe { bytes(parameter.pSeed, parameter.ulSeedLen)? }.to_vec(),
    };
    Ok(Parameter::Kip(KipParameter {
        mechanism: underlying.mechanism,
        key: named.then_some(Named::Handle(parameter.hKey)),
        seed,
    }))
}

/// The structures of section 6.64.2.
///
/// # Safety
/// As for `super::parameter`.
pub(super) unsafe fn ike(form: IkeForm, mechanism: &CK_MECHANISM) -> Result<Parameter> {
    let named = |there: CK_BBOOL, handle| Ok(flag(there)?.then_some(Named::Handle(handle)));
    // SAFETY: as the caller promises, here and below.
    let (prf, call) = unsafe {
        match form {
            IkeForm::Prf => {
                let parameter: CK_IKE_PRF_DERIVE_PARAMS = structure(mechanism)?;
                let initiator = bytes(parameter.pNi, parameter.ulNiLen)?;
                let responder = bytes(parameter.pNr, parameter.ulNrLen)?;
                let call = IkeCall::Initial {
                    data_as_key: flag(parameter.bDataAsKey)?,
                    nonces: [initiator, responder].concat(),
                    new_key: named(parameter.bRekey, parameter.hNewKey)?,
                };
                (parameter.prfMechanism, call)
            }
            IkeForm::PrfPlus => {
                let parameter: CK_IKE2_PRF_PLUS_DERIVE_PARAMS = structure(mechanism)?;
                let call = IkeCall::Plus {
                    seed_key: named(parameter.bHasSeedKey, parameter.hSeedKey)?,
                    seed: bytes(parameter.pSeedData, parameter.ulSeedDataLen)?.to_vec(),
                };
                (parameter.prfMechanism, call)
            }
            IkeForm::Prf1 => {
                let parameter: CK_IKE1_PRF_DERIVE_PARAMS = structure(mechanism)?;
                let initiator = bytes(parameter.pCKYi, parameter.ulCKYiLen)?;
                let responder = bytes(parameter.pCKYr, parameter.ulCKYrLen)?;
                let call = IkeCall::First {
                    exchanged: Named::Handle(parameter.hKeygxy),
                    previous: named(parameter.bHasPrevKey, parameter.hPrevKey)?,
                    cookies: [initiator, responder].concat(),
                    number: parameter.keyNumber,
                };
                (parameter.prfMechanism, call)
            }
            IkeForm::Extended1 => {
                let parameter: CK_IKE1_EXTENDED_DERIVE_PARAMS = structure(mechanism)?;
                let call = IkeCall::Extended {
                    exchanged: named(parameter.bHasKeygxy, parameter.hKeygxy)?,
                    extra: bytes(parameter.pExtraData, parameter.ulExtraDataLen)?.to_vec(),
                };
                (parameter.prfMechanism, call)
            }
        }
    };
    Ok(Parameter::Ike(Box::new(IkeParameter { prf, call })))
}
