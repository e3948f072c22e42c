//! Parameters of the asymmetric mechanisms: structures in, owned values out.

use cryptoki_sys::*;

use super::super::memory::bytes;
use super::flag;
use crate::mechanisms::{Named, Parameter, SeedParameter, TwoPairs};
use crate::rv::Result;

/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn ecdh1(parameter: CK_ECDH1_DERIVE_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (shared, public) = unsafe {
        (
            bytes(parameter.pSharedData, parameter.ulSharedDataLen)?,
            bytes(parameter.pPublicData, parameter.ulPublicDataLen)?,
        )
    };
    Ok(Parameter::Ecdh1 {
        kdf: parameter.kdf,
        shared: shared.to_vec(),
        public: public.to_vec(),
    })
}

/// # Safety
/// The pointer inside is valid for the length beside it.
pub(super) unsafe fn ecdh_aes(parameter: CK_ECDH_AES_KEY_WRAP_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let shared = unsafe { bytes(parameter.pSharedData, parameter.ulSharedDataLen)? };
    Ok(Parameter::EcdhAes {
        aes_bits: parameter.ulAESKeyBits,
        agreement: Box::new(Parameter::Ecdh1 {
            kdf: parameter.kdf,
            shared: shared.to_vec(),
            public: Vec::new(),
        }),
    })
}

/// # Safety
/// The pointer inside is valid for the length beside it; for writes if the seed is returned.
pub(super) unsafe fn dsa_seed(
    returned: bool,
    parameter: CK_DSA_PARAMETER_GEN_PARAM,
) -> Result<Parameter> {
    let seed = match returned {
        true => Vec::new(),
        // SAFETY: as the caller promises.
        false => unsafe { bytes(parameter.pSeed, parameter.ulSeedLen)? }.to_vec(),
    };
    Ok(Parameter::DsaSeed(SeedParameter {
        hash: parameter.hash,
        seed,
        room: parameter.ulSeedLen,
        index: parameter.ulIndex,
    }))
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn eddsa(parameter: CK_EDDSA_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let context = unsafe { bytes(parameter.pContextData, parameter.ulContextDataLen)? };
    Ok(Parameter::Eddsa {
        prehash: flag(parameter.phFlag)?,
        context: context.to_vec(),
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn sign_context(parameter: CK_SIGN_ADDITIONAL_CONTEXT) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let context = unsafe { bytes(parameter.pContext, parameter.ulContextLen)? };
    Ok(Parameter::SignContext {
        hedge: parameter.hedgeVariant,
        context: context.to_vec(),
        hash: None,
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn hash_sign_context(
    parameter: CK_HASH_SIGN_ADDITIONAL_CONTEXT,
) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let context = unsafe { bytes(parameter.pContext, parameter.ulContextLen)? };
    Ok(Parameter::SignContext {
        hedge: parameter.hedgeVariant,
        context: context.to_vec(),
        hash: Some(parameter.hash),
    })
}

/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn x9_42_dh1(parameter: CK_X9_42_DH1_DERIVE_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (shared, public) = unsafe {
        (
            bytes(parameter.pOtherInfo, parameter.ulOtherInfoLen)?,
            bytes(parameter.pPublicData, parameter.ulPublicDataLen)?,
        )
    };
    Ok(Parameter::Ecdh1 {
        kdf: parameter.kdf,
        shared: shared.to_vec(),
        public: public.to_vec(),
    })
}

/// The length of the second private key, which its handle tells already, is not looked at.
///
/// # Safety
/// The pointers inside are valid for the lengths beside them.
pub(super) unsafe fn x9_42_dh2(parameter: CK_X9_42_DH2_DERIVE_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises.
    let (shared, first, second) = unsafe {
        (
            bytes(parameter.pOtherInfo, parameter.ulOtherInfoLen)?,
            bytes(parameter.pPublicData, parameter.ulPublicDataLen)?,
            bytes(parameter.pPublicData2, parameter.ulPublicDataLen2)?,
        )
    };
    Ok(Parameter::X942Dh2(Box::new(TwoPairs {
        kdf: parameter.kdf,
        shared: shared.to_vec(),
        publics: [first.to_vec(), second.to_vec()],
        second: Named::Handle(parameter.hPrivateData),
    })))
}
