//! The parameters of message-based functions: structures in, nonces and tags out. Which structure
//! it is follows from the mechanism of the running process.

use cryptoki_sys::*;

use super::memory::{bytes, elements};
use crate::mechanisms::{Mechanism, MessageForm, MessageParameter, Parameter, find, message_form};
use crate::rv::{Result, ensure, refusal, refuse};
use crate::token::Direction;

/// Longest nonce and tag that any mechanism could mean, in bytes.
const MOST_NONCE: CK_ULONG = 1 << 16;
const MOST_TAG: CK_ULONG = 16;

/// A parameter, and the places that it points to.
pub(super) struct Placed {
    nonce: (*mut CK_BYTE, CK_ULONG),
    tag: (*mut CK_BYTE, CK_ULONG),
    parameter: MessageParameter,
}

impl Placed {
    pub(super) fn parameter(&self) -> MessageParameter {
        self.parameter.clone()
    }

    /// Gives out what a call made for the application.
    pub(super) fn deliver(&self, nonce: Option<&[u8]>, tag: Option<&[u8]>) {
        for ((place, room), bytes) in [(self.nonce, nonce), (self.tag, tag)] {
            let Some(bytes) = bytes else { continue };
            let length = bytes.len().min(room as usize);
            if !place.is_null() {
                // SAFETY: the place has `room` bytes, as was promised to `read`.
                unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), length) }
            }
        }
    }
}

/// When a tag is read from its place: it is output when encrypting, and need not be there before
/// the end of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Later,
    Here,
}

impl Tag {
    /// For a call that ends the message, or does not.
    pub(super) fn at(direction: Direction, last: bool) -> Tag {
        match direction == Direction::Decrypt && last {
            true => Tag::Here,
            false => Tag::Later,
        }
    }
}

/// The mechanism of C_MessageEncryptInit and C_MessageDecryptInit; NULL is None. Its parameter is
/// missing or the structure that each message has, and says nothing yet.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads.
pub(super) unsafe fn sealing_mechanism(pointer: *const CK_MECHANISM) -> Result<Option<Mechanism>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, and readable as the caller promises; alignment is not assumed.
    let mechanism = unsafe { pointer.read_unaligned() };
    let kind = mechanism.mechanism;
    let known = find(kind).and_then(|_| message_form(kind));
    let size = match known.ok_or(refusal(CKR_MECHANISM_INVALID))? {
        MessageForm::Gcm => size_of::<CK_GCM_MESSAGE_PARAMS>(),
        MessageForm::Ccm => size_of::<CK_CCM_MESSAGE_PARAMS>(),
        MessageForm::Poly1305 => size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>(),
    };
    let length = mechanism.ulParameterLen;
    let sound = length == 0 || (length == size as CK_ULONG && !mechanism.pParameter.is_null());
    ensure(sound, CKR_MECHANISM_PARAM_INVALID)?;
    Ok(Some(Mechanism {
        kind,
        parameter: Parameter::None,
    }))
}

/// The mechanism of C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated with its parameter, which
/// is that of a message.
///
/// # Safety
/// As for `sealing_mechanism` and `read`.
pub(super) unsafe fn required(
    pointer: *const CK_MECHANISM,
    tag: Tag,
) -> Result<(Mechanism, Placed)> {
    // SAFETY: as the caller promises, here and below.
    let mechanism = unsafe { sealing_mechanism(pointer)? }.ok_or(refusal(CKR_ARGUMENTS_BAD))?;
    let form = message_form(mechanism.kind).ok_or(refusal(CKR_MECHANISM_INVALID))?;
    // SAFETY: not NULL, or there were no mechanism.
    let raw = unsafe { pointer.read_unaligned() };
    // SAFETY: as the caller promises.
    let placed = unsafe { read(form, raw.pParameter, raw.ulParameterLen, tag)? };
    Ok((mechanism, placed))
}

/// The parameter of a message of a mechanism. Whatever is wrong with it, to the application it is
/// the parameter.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `length` bytes, and the places in it for reads and
/// writes of the lengths beside them.
pub(super) unsafe fn read(
    form: MessageForm,
    pointer: *const std::ffi::c_void,
    length: CK_ULONG,
    tag: Tag,
) -> Result<Placed> {
    // SAFETY: as the caller promises, here and below.
    let placed = unsafe {
        match form {
            MessageForm::Gcm => structure(pointer, length).and_then(|given| gcm(given, tag)),
            MessageForm::Ccm => structure(pointer, length).and_then(|given| ccm(given, tag)),
            MessageForm::Poly1305 => {
                structure(pointer, length).and_then(|given| poly1305(given, tag))
            }
        }
    };
    placed.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// # Safety
/// As for `read`.
pub(super) unsafe fn structure<T: Copy>(
    pointer: *const std::ffi::c_void,
    length: CK_ULONG,
) -> Result<T> {
    let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
    ensure(
        length == size_of::<T>() as CK_ULONG,
        CKR_MECHANISM_PARAM_INVALID,
    )?;
    // SAFETY: as the caller promises.
    let one = unsafe { elements::<T>(pointer.cast(), 1)? };
    one.first().copied().ok_or(invalid)
}

/// Reads what places hold: the nonce, and the tag if it is asked for.
///
/// # Safety
/// The places are valid for reads of the lengths beside them.
pub(super) unsafe fn placed(
    nonce: (*mut CK_BYTE, CK_ULONG),
    tag: (*mut CK_BYTE, CK_ULONG),
    when: Tag,
    rest: MessageParameter,
) -> Result<Placed> {
    ensure(
        nonce.1 <= MOST_NONCE && tag.1 <= MOST_TAG && (tag.1 == 0 || !tag.0.is_null()),
        CKR_MECHANISM_PARAM_INVALID,
    )?;
    // SAFETY: as the caller promises.
    let (nonce_bytes, tag_bytes) = unsafe {
        let tag = match when {
            Tag::Here => bytes(tag.0, tag.1)?,
            Tag::Later => &[],
        };
        (bytes(nonce.0, nonce.1)?, tag)
    };
    Ok(Placed {
        nonce,
        tag,
        parameter: MessageParameter {
            nonce: nonce_bytes.to_vec(),
            tag: tag_bytes.to_vec(),
            ..rest
        },
    })
}

pub(super) fn rest(
    generator: CK_GENERATOR_FUNCTION,
    fixed_bits: CK_ULONG,
    tag_bits: CK_ULONG,
    data_length: CK_ULONG,
) -> MessageParameter {
    MessageParameter {
        nonce: Vec::new(),
        generator,
        fixed_bits,
        tag_bits,
        tag: Vec::new(),
        data_length,
    }
}

/// # Safety
/// As for `placed`.
unsafe fn gcm(given: CK_GCM_MESSAGE_PARAMS, tag: Tag) -> Result<Placed> {
    let rest = rest(given.ivGenerator, given.ulIvFixedBits, given.ulTagBits, 0);
    let tag_length = given.ulTagBits.div_ceil(8);
    // SAFETY: as the caller promises.
    unsafe {
        placed(
            (given.pIv, given.ulIvLen),
            (given.pTag, tag_length),
            tag,
            rest,
        )
    }
}

/// # Safety
/// As for `placed`.
unsafe fn ccm(given: CK_CCM_MESSAGE_PARAMS, tag: Tag) -> Result<Placed> {
    let bits = given
        .ulMACLen
        .checked_mul(8)
        .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let rest = rest(
        given.nonceGenerator,
        given.ulNonceFixedBits,
        bits,
        given.ulDataLen,
    );
    // SAFETY: as the caller promises.
    unsafe {
        placed(
            (given.pNonce, given.ulNonceLen),
            (given.pMAC, given.ulMACLen),
            tag,
            rest,
        )
    }
}

/// Section 6.61: the nonce counts in bits, and the tag has 16 bytes.
///
/// # Safety
/// As for `placed`.
unsafe fn poly1305(given: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, tag: Tag) -> Result<Placed> {
    if !given.ulNonceLen.is_multiple_of(8) {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    }
    let rest = rest(CKG_NO_GENERATE, 0, 128, 0);
    // SAFETY: as the caller promises.
    unsafe {
        placed(
            (given.pNonce, given.ulNonceLen / 8),
            (given.pTag, 16),
            tag,
            rest,
        )
    }
}
