//! Wrapping by authenticated encryption: sections 5.18.6 and 5.18.7, and what sections 6.13.3 and
//! 6.13.5 say of C_WrapKey and C_UnwrapKey. Nonces may be generated; the tag goes through the
//! parameter or follows the wrapped key.

use cryptoki_sys::*;

use super::library::{change_in_session, with_session};
use super::output::{Output, Room};
use super::wrapping::{AS_UNWRAPPING, AS_WRAPPING, plaintext, translated};
use crate::attributes::{Attributes, Template};
use crate::mechanisms::{Mechanism, Message, MessageParameter, Start, aead};
use crate::rv::{Result, ensure, refusal};

/// Where the tag of a wrapped key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagPlace {
    /// In the parameter: C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated.
    Parameter,
    /// Behind the wrapped key: C_WrapKey and C_UnwrapKey.
    Behind,
}

/// What authenticated wrapping takes besides keys.
pub(crate) struct Envelope<'a> {
    pub(crate) mechanism: Mechanism,
    pub(crate) parameter: MessageParameter,
    pub(crate) aad: &'a [u8],
    pub(crate) tag_place: TagPlace,
}

/// What authenticated wrapping gives.
pub(crate) struct Wrapped {
    pub(crate) output: Output,
    /// A nonce that was generated, of a key that was given out.
    pub(crate) nonce: Option<Vec<u8>>,
    /// A tag for the parameter.
    pub(crate) tag: Option<Vec<u8>>,
}

impl Envelope<'_> {
    /// A message that is to hold a key of `length` bytes.
    fn start(
        &self,
        key: &Attributes,
        encrypting: bool,
        nonce: &[u8],
        length: usize,
    ) -> Result<Box<dyn Message>> {
        let whole_bytes = self.parameter.tag_bits.is_multiple_of(8);
        ensure(whole_bytes, CKR_MECHANISM_PARAM_INVALID)?;
        aead(self.mechanism.kind, key.bytes(CKA_VALUE))?.start(&Start {
            encrypting,
            nonce,
            aad: self.aad,
            tag_length: self.parameter.tag_length(),
            // Section 6.13.5: the token knows the length of the key itself.
            data_length: length as u64,
        })
    }

    /// The bytes with the cipher applied, and their tag.
    fn apply(
        &self,
        key: &Attributes,
        encrypting: bool,
        nonce: &[u8],
        mut bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut message = self.start(key, encrypting, nonce, bytes.len())?;
        message.apply(&mut bytes)?;
        Ok((bytes, message.tag()?))
    }

    /// A wrapped key and its tag.
    fn split<'w>(&'w self, wrapped: &'w [u8]) -> Result<(&'w [u8], &'w [u8])> {
        if self.tag_place == TagPlace::Parameter {
            return Ok((wrapped, &self.parameter.tag));
        }
        let key = wrapped.len().checked_sub(self.parameter.tag_length());
        let key = key.ok_or(refusal(CKR_WRAPPED_KEY_LEN_RANGE))?;
        Ok(wrapped.split_at(key))
    }
}

/// C_WrapKeyAuthenticated, and C_WrapKey with a mechanism of authenticated encryption.
pub(crate) fn wrap_authenticated(
    session: CK_SESSION_HANDLE,
    envelope: &Envelope,
    (wrapping, key): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    room: Room,
) -> Result<Wrapped> {
    let (mechanism, parameter) = (&envelope.mechanism, &envelope.parameter);
    let (_, wrapper, key) =
        with_session(session, |token| token.wrapping(mechanism, wrapping, key))?;
    let plaintext = plaintext(&key)?;
    // Lengths decide whether a parameter is sound, and they are there before a nonce is taken.
    let probe = envelope.start(&wrapper, true, &parameter.nonce, plaintext.len());
    probe.map_err(translated(&AS_WRAPPING))?;
    let behind = match envelope.tag_place {
        TagPlace::Behind => parameter.tag_length(),
        TagPlace::Parameter => 0,
    };
    // What does not fit takes no nonce, and gives none out.
    if let Some(output) = room.answer(plaintext.len() + behind) {
        return Ok(Wrapped {
            output,
            nonce: None,
            tag: None,
        });
    }
    let nonce = change_in_session(session, |token| {
        let session = token.session_mut(session)?;
        session
            .nonces(wrapping, mechanism.kind)
            .next(&envelope.parameter)
    })?;
    let (mut wrapped, tag) = envelope
        .apply(&wrapper, true, &nonce, plaintext)
        .map_err(translated(&AS_WRAPPING))?;
    let tag = match envelope.tag_place {
        TagPlace::Behind => {
            wrapped.extend(tag);
            None
        }
        TagPlace::Parameter => Some(tag),
    };
    let generates = parameter.generator != CKG_NO_GENERATE;
    Ok(Wrapped {
        output: Output::Bytes(wrapped),
        nonce: generates.then_some(nonce),
        tag,
    })
}

/// C_UnwrapKeyAuthenticated, and C_UnwrapKey with a mechanism of authenticated encryption.
pub(crate) fn unwrap_authenticated(
    session: CK_SESSION_HANDLE,
    envelope: &Envelope,
    unwrapping: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let key = with_session(session, |token| {
        token.unwrapping(session, &envelope.mechanism, unwrapping, template)
    })?;
    let (wrapped, expected) = envelope.split(wrapped)?;
    let nonce = &envelope.parameter.nonce;
    let (bytes, tag) = envelope
        .apply(&key.unwrapper, false, nonce, wrapped.to_vec())
        .map_err(translated(&AS_UNWRAPPING))?;
    let authentic = tag == expected || mutant!("unwrap-tag-not-checked");
    ensure(authentic, CKR_WRAPPED_KEY_INVALID)?;
    key.finish(session, &envelope.mechanism, bytes)
}
