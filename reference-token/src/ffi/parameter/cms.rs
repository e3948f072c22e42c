//! CK_CMS_SIG_PARAMS: [PKCS11-Base 3.2] section 6.44.3.

use cryptoki_sys::*;

use super::optional;
use crate::ffi::memory::{bytes, elements};
use crate::mechanisms::{CmsParameter, Named, Parameter, signs_cms};
use crate::rv::{Result, ensure, refusal, refuse};

/// Longest MIME type taken, with its parameters.
const MOST_TEXT: usize = 1024;

/// # Safety
/// The pointers inside are NULL or valid: mechanisms as for `super::optional`, attributes for the
/// lengths beside them, and the content type up to a NUL.
pub(super) unsafe fn read(parameter: CK_CMS_SIG_PARAMS) -> Result<Parameter> {
    // SAFETY: as the caller promises, here and below.
    unsafe {
        let signing = kind(parameter.pSigningMechanism)?;
        // What is no signature mechanism is not read: it might hold itself.
        let signs = signing.is_some_and(|signing| signs_cms(signing.mechanism));
        ensure(signs, CKR_MECHANISM_PARAM_INVALID)?;
        let signing = optional(parameter.pSigningMechanism)?;
        let digest = kind(parameter.pDigestMechanism)?;
        let plain = digest.is_none_or(|digest| digest.ulParameterLen == 0);
        ensure(plain, CKR_MECHANISM_PARAM_INVALID)?;
        let certificate = parameter.certificateHandle;
        Ok(Parameter::Cms(Box::new(CmsParameter {
            certificate: (certificate != CK_INVALID_HANDLE).then_some(Named::Handle(certificate)),
            signing: signing.ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?,
            digest: digest.map(|digest| digest.mechanism),
            content_type: text(parameter.pContentType)?,
            requested: list(
                parameter.pRequestedAttributes,
                parameter.ulRequestedAttributesLen,
            )?,
            required: list(
                parameter.pRequiredAttributes,
                parameter.ulRequiredAttributesLen,
            )?,
        })))
    }
}

/// A mechanism without its parameter; NULL is None.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads.
unsafe fn kind(pointer: *const CK_MECHANISM) -> Result<Option<CK_MECHANISM>> {
    match pointer.is_null() {
        true => Ok(None),
        // SAFETY: as the caller promises.
        false => Ok(unsafe { elements(pointer, 1)? }.first().copied()),
    }
}

/// # Safety
/// Unless NULL, `pointer` is valid for reads of `length` bytes.
unsafe fn list(pointer: *const CK_BYTE, length: CK_ULONG) -> Result<Option<Vec<u8>>> {
    // SAFETY: as the caller promises.
    let list = unsafe { bytes(pointer, length)? };
    Ok((!pointer.is_null()).then(|| list.to_vec()))
}

/// The bytes before a NUL; NULL is None.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads up to a NUL.
unsafe fn text(pointer: *const CK_UTF8CHAR) -> Result<Option<Vec<u8>>> {
    if pointer.is_null() {
        return Ok(None);
    }
    let mut text = Vec::new();
    while text.len() < MOST_TEXT {
        // SAFETY: there was no NUL yet, so this byte is readable.
        match unsafe { pointer.add(text.len()).read() } {
            0 => return Ok(Some(text)),
            byte => text.push(byte),
        }
    }
    refuse(CKR_MECHANISM_PARAM_INVALID)
}
