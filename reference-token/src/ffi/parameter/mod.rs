//! CK_MECHANISM in, with its parameter read in the form that the mechanism's entry names. Those
//! of symmetric ciphers are here, the others in the files of this folder; `places`
//! gives out what goes back through a parameter.

mod asymmetric;
mod cms;
mod derivation;
mod places;
mod tls;
mod wtls;

use cryptoki_sys::*;

use super::memory::{bytes, elements};
use crate::mechanisms::{Form, Mechanism, Named, Parameter, Salt, find};
use crate::rv::{Result, ensure, refusal, refuse};

pub(super) use places::Places;

/// Reads a mechanism that must be there.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads, and its parameter for as many bytes as it says.
pub(super) unsafe fn required(pointer: *const CK_MECHANISM) -> Result<Mechanism> {
    // SAFETY: as the caller promises.
    unsafe { optional(pointer)? }.ok_or(refusal(CKR_ARGUMENTS_BAD))
}

/// Reads a mechanism and the places for what goes back through its parameter.
///
/// # Safety
/// As for `required`; and the places in the parameter are valid for writes until they are filled.
pub(super) unsafe fn returning(pointer: *const CK_MECHANISM) -> Result<(Mechanism, Places)> {
    // SAFETY: as the caller promises.
    let mechanism = unsafe { required(pointer)? };
    let (_, entry) = find(mechanism.kind).ok_or(refusal(CKR_MECHANISM_INVALID))?;
    // SAFETY: not NULL, or `required` had refused it.
    let places = unsafe { Places::of(entry.form, &pointer.read_unaligned()) };
    let places = places.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Ok((mechanism, places))
}

/// Reads a mechanism; NULL is None, which asks an Init function to cancel.
///
/// # Safety
/// As for `required`.
pub(super) unsafe fn optional(pointer: *const CK_MECHANISM) -> Result<Option<Mechanism>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and readable as the caller promises; alignment is not assumed.
    let mechanism = unsafe { pointer.read_unaligned() };
    if find(mechanism.mechanism).is_none() && mutant!("exit-on-unknown-mechanism") {
        std::process::exit(0);
    }
    let (_, entry) = find(mechanism.mechanism).ok_or(refusal(CKR_MECHANISM_INVALID))?;
    // SAFETY: as the caller promises.
    let parameter = unsafe { parameter(entry.form, &mechanism) };
    // Whatever is wrong inside, to the application it is the parameter.
    let parameter = parameter.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Ok(Some(Mechanism {
        kind: mechanism.mechanism,
        parameter,
    }))
}

/// # Safety
/// Unless NULL, `pParameter` is valid for reads of `ulParameterLen` bytes, and pointers in it for
/// the lengths beside them.
unsafe fn parameter(form: Form, mechanism: &CK_MECHANISM) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    unsafe {
        match form {
            Form::None => {
                let none = mechanism.ulParameterLen == 0;
                ensure(none, CKR_MECHANISM_PARAM_INVALID)?;
                Ok(Parameter::None)
            }
            Form::Bytes(length) => {
                let exact = mechanism.ulParameterLen == length as CK_ULONG;
                ensure(exact, CKR_MECHANISM_PARAM_INVALID)?;
                let bytes = bytes(mechanism.pParameter.cast(), mechanism.ulParameterLen)?;
                Ok(Parameter::Bytes(bytes.to_vec()))
            }
            Form::BytesOrNone(_) if mechanism.ulParameterLen == 0 => Ok(Parameter::None),
            Form::BytesOrNone(length) => parameter(Form::Bytes(length), mechanism),
            Form::Ulong => Ok(Parameter::Ulong(structure::<CK_ULONG>(mechanism)?)),
            Form::Pss => pss(structure(mechanism)?),
            Form::Oaep => oaep(structure(mechanism)?),
            Form::Gcm => gcm(structure(mechanism)?),
            Form::Ccm => ccm(structure(mechanism)?),
            Form::ChaCha20 => chacha20(structure(mechanism)?),
            Form::Salsa20 => salsa20(structure(mechanism)?),
            Form::ChaCha20Poly1305 => chacha20_poly1305(structure(mechanism)?),
            Form::Ctr => ctr(structure(mechanism)?),
            Form::Hkdf => hkdf(structure(mechanism)?),
            Form::Ecdh1 => asymmetric::ecdh1(structure(mechanism)?),
            Form::PublicValue => {
                let value = bytes(mechanism.pParameter.cast(), mechanism.ulParameterLen)?;
                Ok(Parameter::Bytes(value.to_vec()))
            }
            Form::X942Dh2 => asymmetric::x9_42_dh2(structure(mechanism)?),
            Form::DsaSeed { returned } => asymmetric::dsa_seed(returned, structure(mechanism)?),
            Form::X942Dh1 => asymmetric::x9_42_dh1(structure(mechanism)?),
            Form::Eddsa if mechanism.ulParameterLen == 0 => Ok(Parameter::None),
            Form::Eddsa => asymmetric::eddsa(structure(mechanism)?),
            Form::RsaAes => rsa_aes(structure(mechanism)?),
            Form::EcdhAes => asymmetric::ecdh_aes(structure(mechanism)?),
            Form::Key => Ok(Parameter::Key(Named::Handle(structure(mechanism)?))),
            Form::StringData => derivation::string_data(structure(mechanism)?),
            Form::BlockData(iv) => derivation::block_data(iv, mechanism),
            Form::KeyBased(iteration) => derivation::key_based(iteration, mechanism),
            Form::Pbkdf2 => derivation::pbkdf2(structure(mechanism)?),
            Form::Pbe { .. } => derivation::pbe(structure(mechanism)?),
            Form::Version => {
                let version: CK_VERSION = structure(mechanism)?;
                Ok(Parameter::Version([version.major, version.minor]))
            }
            Form::Tls(form) => tls::read(form, mechanism),
            Form::Wtls(form) => wtls::read(form, mechanism),
            Form::Ike(form) => derivation::ike(form, mechanism),
            Form::Otp if mechanism.ulParameterLen == 0 => Ok(Parameter::Otp(Vec::new())),
            Form::Otp => otp(structure(mechanism)?),
            Form::Kip(used) => derivation::kip(used, structure(mechanism)?),
            Form::Cms => cms::read(structure(mechanism)?),
            Form::Rc2Cbc => {
                let parameter: CK_RC2_CBC_PARAMS = structure(mechanism)?;
                Ok(Parameter::Rc2Cbc {
                    bits: parameter.ulEffectiveBits,
                    iv: parameter.iv.to_vec(),
                })
            }
            Form::Rc2Mac => {
                let parameter: CK_RC2_MAC_GENERAL_PARAMS = structure(mechanism)?;
                Ok(Parameter::Rc2Mac {
                    bits: parameter.ulEffectiveBits,
                    length: parameter.ulMacLength,
                })
            }
            Form::SignContext if mechanism.ulParameterLen == 0 => Ok(Parameter::None),
            Form::SignContext => asymmetric::sign_context(structure(mechanism)?),
            Form::HashSignContext => asymmetric::hash_sign_context(structure(mechanism)?),
        }
    }
}

/// # Safety
/// As for `parameter`.
unsafe fn structure<T: Copy>(mechanism: &CK_MECHANISM) -> Result<T> {
    // Wrong on purpose with the mutant: more is read than the caller promised.
    let sized = mechanism.ulParameterLen == size_of::<T>() as CK_ULONG
        || mutant!("parameter-read-past-its-length");
    ensure(sized, CKR_MECHANISM_PARAM_INVALID)?;
    // SAFETY: as the caller promises.
    let one = unsafe { elements::<T>(mechanism.pParameter.cast(), 1)? };
    one.first()
        .copied()
        .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// A CK_BBOOL in a parameter.
fn flag(value: CK_BBOOL) -> Result<bool> {
    match value {
        CK_FALSE => Ok(false),
        CK_TRUE => Ok(true),
        _ => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

fn pss(parameter: CK_RSA_PKCS_PSS_PARAMS) -> Result<Parameter> {
    let CK_RSA_PKCS_PSS_PARAMS { hashAlg, mgf, sLen } = parameter;
    Ok(Parameter::Pss {
        hash: hashAlg,
        mgf,
        salt_length: sLen,
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn oaep(parameter: CK_RSA_PKCS_OAEP_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let label = unsafe { bytes(parameter.pSourceData.cast(), parameter.ulSourceDataLen)? };
    // Section 6.1.7: without a source there is no label; CKZ_DATA_SPECIFIED is the only source.
    let sourced = match parameter.source {
        0 => label.is_empty(),
        source => source == CKZ_DATA_SPECIFIED,
    };
    ensure(sourced, CKR_MECHANISM_PARAM_INVALID)?;
    Ok(Parameter::Oaep {
        hash: parameter.hashAlg,
        mgf: parameter.mgf,
        label: label.to_vec(),
    })
}

/// # Safety
/// Unless NULL, `pOAEPParams` is valid for reads, and the pointers in it for the lengths beside them.
unsafe fn rsa_aes(parameter: CK_RSA_AES_KEY_WRAP_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let inner = unsafe { elements(parameter.pOAEPParams.cast_const(), 1)? };
    let inner = inner.first().ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    Ok(Parameter::RsaAes {
        aes_bits: parameter.ulAESKeyBits,
        // SAFETY: as above.
        oaep: Box::new(unsafe { oaep(*inner)? }),
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn gcm(parameter: CK_GCM_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (iv, aad) = unsafe {
        (
            bytes(parameter.pIv, parameter.ulIvLen)?,
            bytes(parameter.pAAD, parameter.ulAADLen)?,
        )
    };
    Ok(Parameter::Gcm {
        iv: iv.to_vec(),
        aad: aad.to_vec(),
        tag_bits: parameter.ulTagBits,
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn ccm(parameter: CK_CCM_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (nonce, aad) = unsafe {
        (
            bytes(parameter.pNonce, parameter.ulNonceLen)?,
            bytes(parameter.pAAD, parameter.ulAADLen)?,
        )
    };
    Ok(Parameter::Ccm {
        data_length: parameter.ulDataLen,
        nonce: nonce.to_vec(),
        aad: aad.to_vec(),
        mac_length: parameter.ulMACLen,
    })
}

/// Bytes that are counted in bits, of which there are whole bytes only.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `bits` bits.
unsafe fn of_bits(pointer: *const CK_BYTE, bits: CK_ULONG) -> Result<Vec<u8>> {
    ensure(bits.is_multiple_of(8), CKR_MECHANISM_PARAM_INVALID)?;
    // SAFETY: as the caller promises.
    Ok(unsafe { bytes(pointer, bits / 8)? }.to_vec())
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn chacha20(parameter: CK_CHACHA20_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    unsafe {
        Ok(Parameter::Counted {
            counter: of_bits(parameter.pBlockCounter, parameter.blockCounterBits)?,
            nonce: of_bits(parameter.pNonce, parameter.ulNonceBits)?,
        })
    }
}

/// # Safety
/// The pointers inside are valid for the lengths beside them, the counter for 64 bits.
unsafe fn salsa20(parameter: CK_SALSA20_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    unsafe {
        Ok(Parameter::Counted {
            counter: of_bits(parameter.pBlockCounter, 64)?,
            nonce: of_bits(parameter.pNonce, parameter.ulNonceBits)?,
        })
    }
}

/// Section 6.61.4.1 counts the nonce in bits, whatever its field is called.
///
/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn chacha20_poly1305(parameter: CK_SALSA20_CHACHA20_POLY1305_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    unsafe {
        Ok(Parameter::Sealed {
            nonce: of_bits(parameter.pNonce, parameter.ulNonceLen)?,
            aad: bytes(parameter.pAAD, parameter.ulAADLen)?.to_vec(),
        })
    }
}

fn ctr(parameter: CK_AES_CTR_PARAMS) -> Result<Parameter> {
    Ok(Parameter::Ctr {
        bits: parameter.ulCounterBits,
        block: parameter.cb,
    })
}

/// # Safety
/// Unless NULL, `pParams` is valid for reads of so many elements, and the pointers in them for the
/// lengths beside them.
unsafe fn otp(parameter: CK_OTP_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    let list = unsafe { elements(parameter.pParams.cast_const(), parameter.ulCount)? };
    let read = |one: &CK_OTP_PARAM| {
        // SAFETY: as above.
        let value = unsafe { bytes(one.pValue.cast(), one.ulValueLen)? };
        Ok((one.type_, value.to_vec()))
    };
    Ok(Parameter::Otp(
        list.iter().map(read).collect::<Result<_>>()?,
    ))
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
unsafe fn hkdf(parameter: CK_HKDF_PARAMS) -> Result<Parameter> {
    let (extract, expand) = (flag(parameter.bExtract)?, flag(parameter.bExpand)?);
    // Section 6.62.2: the salt is for extraction, the information for expansion.
    let salt = match parameter.ulSaltType {
        _ if !extract => Salt::None,
        CKF_HKDF_SALT_NULL => Salt::None,
        CKF_HKDF_SALT_DATA => {
            // SAFETY: as the caller promises.
            Salt::Data(unsafe { bytes(parameter.pSalt, parameter.ulSaltLen)? }.to_vec())
        }
        CKF_HKDF_SALT_KEY => Salt::Key(Named::Handle(parameter.hSaltKey)),
        _ => return refuse(CKR_MECHANISM_PARAM_INVALID),
    };
    let info = match expand {
        // SAFETY: as the caller promises.
        true => unsafe { bytes(parameter.pInfo, parameter.ulInfoLen)? }.to_vec(),
        false => Vec::new(),
    };
    Ok(Parameter::Hkdf {
        extract,
        expand,
        prf: parameter.prfHashMechanism,
        salt,
        info,
    })
}
