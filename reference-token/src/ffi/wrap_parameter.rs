//! The mechanism of C_WrapKey and C_UnwrapKey: [PKCS11-Base 3.2] sections 6.13.3 and 6.13.5 give
//! the authenticated modes of AES structures of their own there, with room for a nonce that the token
//! generates. All other mechanisms have the parameter that they have everywhere.

use cryptoki_sys::*;

use super::memory::bytes;
use super::message_parameter::{Placed, Tag, placed, rest, structure};
use super::parameter;
use crate::mechanisms::{Mechanism, MessageForm, Parameter, find, message_form};
use crate::rv::{Result, refusal};
use crate::token::{Envelope, TagPlace};

/// A mechanism to wrap or unwrap a key with.
pub(super) enum Wrapping<'a> {
    Plain(Mechanism),
    Sealed(Box<Envelope<'a>>, Placed),
}

/// Reads the mechanism of C_WrapKey or C_UnwrapKey.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads, its parameter for as many bytes as it says, and the
/// places in that for reads and writes of the lengths beside them.
pub(super) unsafe fn read<'a>(pointer: *const CK_MECHANISM) -> Result<Wrapping<'a>> {
    if pointer.is_null() {
        return Err(refusal(CKR_ARGUMENTS_BAD));
    }
    // SAFETY: not NULL, and readable as the caller promises; alignment is not assumed.
    let mechanism = unsafe { pointer.read_unaligned() };
    let kind = mechanism.mechanism;
    let form = find(kind).and_then(|_| message_form(kind));
    // SAFETY: as the caller promises, here and below.
    let sealed = unsafe {
        match form {
            Some(MessageForm::Gcm) => gcm(&mechanism),
            Some(MessageForm::Ccm) => ccm(&mechanism),
            _ => return Ok(Wrapping::Plain(parameter::required(pointer)?)),
        }
    };
    let (placed, aad) = sealed.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let envelope = Envelope {
        mechanism: Mechanism {
            kind,
            parameter: Parameter::None,
        },
        parameter: placed.parameter(),
        aad,
        tag_place: TagPlace::Behind,
    };
    Ok(Wrapping::Sealed(Box::new(envelope), placed))
}

/// No place for a tag: it follows the wrapped key.
const BEHIND: (*mut CK_BYTE, CK_ULONG) = (std::ptr::null_mut(), 0);

/// CK_GCM_WRAP_PARAMS, or the CK_GCM_PARAMS that versions before 3.2 had here, which is shorter.
///
/// # Safety
/// As for `read`.
unsafe fn gcm<'a>(mechanism: &CK_MECHANISM) -> Result<(Placed, &'a [u8])> {
    let (pointer, length) = (mechanism.pParameter, mechanism.ulParameterLen);
    // SAFETY: as the caller promises, here and below.
    unsafe {
        if length == size_of::<CK_GCM_PARAMS>() as CK_ULONG {
            let given: CK_GCM_PARAMS = structure(pointer, length)?;
            let rest = rest(CKG_NO_GENERATE, 0, given.ulTagBits, 0);
            let placed = placed((given.pIv, given.ulIvLen), BEHIND, Tag::Later, rest)?;
            return Ok((placed, bytes(given.pAAD, given.ulAADLen)?));
        }
        let given: CK_GCM_WRAP_PARAMS = structure(pointer, length)?;
        let rest = rest(given.ivGenerator, given.ulIvFixedBits, given.ulTagBits, 0);
        let placed = placed((given.pIv, given.ulIvLen), BEHIND, Tag::Later, rest)?;
        Ok((placed, bytes(given.pAAD, given.ulAADLen)?))
    }
}

/// CK_CCM_WRAP_PARAMS, or the CK_CCM_PARAMS of versions before 3.2. Section 6.13.5: whatever they
/// say of the length of the key is ignored.
///
/// # Safety
/// As for `read`.
unsafe fn ccm<'a>(mechanism: &CK_MECHANISM) -> Result<(Placed, &'a [u8])> {
    let (pointer, length) = (mechanism.pParameter, mechanism.ulParameterLen);
    let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
    let bits = |bytes: CK_ULONG| bytes.checked_mul(8).ok_or(invalid);
    // SAFETY: as the caller promises, here and below.
    unsafe {
        if length == size_of::<CK_CCM_PARAMS>() as CK_ULONG {
            let given: CK_CCM_PARAMS = structure(pointer, length)?;
            let rest = rest(CKG_NO_GENERATE, 0, bits(given.ulMACLen)?, 0);
            let placed = placed((given.pNonce, given.ulNonceLen), BEHIND, Tag::Later, rest)?;
            return Ok((placed, bytes(given.pAAD, given.ulAADLen)?));
        }
        let given: CK_CCM_WRAP_PARAMS = structure(pointer, length)?;
        let rest = rest(
            given.nonceGenerator,
            given.ulNonceFixedBits,
            bits(given.ulMACLen)?,
            0,
        );
        let placed = placed((given.pNonce, given.ulNonceLen), BEHIND, Tag::Later, rest)?;
        Ok((placed, bytes(given.pAAD, given.ulAADLen)?))
    }
}
