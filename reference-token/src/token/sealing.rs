//! Message-based encryption and decryption: sections 5.9 and 5.11. A process keeps its key and its
//! nonces; each message is an ordinary encryption or decryption, with the tag apart.

use std::sync::Arc;

use cryptoki_sys::*;

use super::ciphering::Direction;
use super::kind::Kind;
use super::operation::{Work, with_operation};
use super::output::{Output, Room};
use super::signing::start_keyed;
use crate::attributes::Attributes;
use crate::mechanisms::{
    Ciphering, Family, Form, Mechanism, MessageForm, MessageParameter, Nonces, find, message_form,
    ordinary_parameter,
};
use crate::rv::{Refusal, Result, ensure, refusal, refuse};

/// A process of encrypting or decrypting messages.
pub(super) struct Sealing {
    direction: Direction,
    family: &'static dyn Family,
    mechanism: CK_MECHANISM_TYPE,
    form: Form,
    message_form: MessageForm,
    key: Arc<Attributes>,
    nonces: Nonces,
    current: Option<Message>,
}

/// A message that comes in parts.
struct Message {
    work: Box<dyn Ciphering>,
    tag_bits: CK_ULONG,
    /// Bytes taken in and not given out yet.
    pending: usize,
}

/// What a call gives to the application.
pub(crate) struct Delivery {
    pub(crate) output: Output,
    /// A nonce that was generated.
    pub(crate) nonce: Option<Vec<u8>>,
    /// The tag of an encrypted message.
    pub(crate) tag: Option<Vec<u8>>,
}

impl Delivery {
    fn only(output: Output) -> Delivery {
        Delivery {
            output,
            nonce: None,
            tag: None,
        }
    }
}

/// A whole message: its parameter, associated data, data and room for the output.
pub(crate) type Whole<'a> = (MessageParameter, &'a [u8], &'a [u8], Room);
/// A part of a message: parameter, data, room for the output, and whether it is the last.
pub(crate) type Part<'a> = (MessageParameter, &'a [u8], Room, bool);

/// Authentic or not is another question in these functions than whether data can be decrypted.
fn aead(refused: Refusal) -> Refusal {
    match refused.code() {
        CKR_ENCRYPTED_DATA_INVALID => refusal(CKR_AEAD_DECRYPT_FAILED),
        _ => refused,
    }
}

impl Message {
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        let output = self.work.update(data)?;
        self.pending = (self.pending + data.len()).saturating_sub(output.len());
        Ok(output)
    }

    /// The last part, and the tag of an encrypted message. AEAD mechanisms put the tag at the end
    /// of the ciphertext; these functions have it apart.
    fn finish(
        mut self,
        direction: Direction,
        data: &[u8],
        parameter: &MessageParameter,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let mut output = self.work.update(data)?;
        if direction == Direction::Decrypt {
            output.extend(self.work.update(&parameter.tag)?);
            output.extend(self.work.finish().map_err(aead)?);
            return Ok((output, None));
        }
        output.extend(self.work.finish()?);
        let length = output.len().checked_sub(parameter.tag_length());
        let tag = output.split_off(length.ok_or(refusal(CKR_GENERAL_ERROR))?);
        Ok((output, Some(tag)))
    }
}

impl Sealing {
    /// Starts a message: its nonce is used from here on, and given back if it was generated.
    fn open(
        &mut self,
        mut parameter: MessageParameter,
        aad: &[u8],
    ) -> Result<(Message, Option<Vec<u8>>)> {
        let generates =
            self.direction == Direction::Encrypt && parameter.generator != CKG_NO_GENERATE;
        // A message that cannot be started takes no nonce.
        let mut nonces = self.nonces.clone();
        if generates {
            parameter.nonce = nonces.next(&parameter)?;
        }
        let mechanism = Mechanism {
            kind: self.mechanism,
            parameter: ordinary_parameter(self.form, &parameter, aad)?,
        };
        let work = match self.direction {
            Direction::Encrypt => self.family.encrypt(&mechanism, &self.key)?,
            Direction::Decrypt => self.family.decrypt(&mechanism, &self.key)?,
        };
        self.nonces = nonces;
        let message = Message {
            work,
            tag_bits: parameter.tag_bits,
            pending: 0,
        };
        Ok((message, generates.then_some(parameter.nonce)))
    }

    fn whole(&mut self, (parameter, aad, data, room): Whole<'_>) -> Result<Delivery> {
        // A message is as long encrypted as not. What does not fit takes no nonce.
        if let Some(answer) = room.answer(data.len()) {
            return Ok(Delivery::only(answer));
        }
        let (message, nonce) = self.open(parameter.clone(), aad)?;
        let (output, tag) = message.finish(self.direction, data, &parameter)?;
        Ok(Delivery {
            output: Output::Bytes(output),
            nonce,
            tag,
        })
    }

    /// An error ends the message, and so does its last part, unless the output does not fit.
    fn part(&mut self, arguments: Result<Part<'_>>) -> Result<Delivery> {
        let missing = refusal(CKR_OPERATION_NOT_INITIALIZED);
        let mut message = self.current.take().ok_or(missing)?;
        let (parameter, data, room, last) = arguments?;
        let same = parameter.tag_bits == message.tag_bits;
        ensure(same, CKR_MECHANISM_PARAM_INVALID)?;
        let length = match last {
            true => message.pending + data.len(),
            false => message.work.update_length(data.len()),
        };
        if let Some(answer) = room.answer(length) {
            self.current = Some(message);
            return Ok(Delivery::only(answer));
        }
        if !last {
            let output = message.update(data)?;
            self.current = Some(message);
            return Ok(Delivery::only(Output::Bytes(output)));
        }
        let (output, tag) = message.finish(self.direction, data, &parameter)?;
        Ok(Delivery {
            output: Output::Bytes(output),
            nonce: None,
            tag,
        })
    }

    /// CKR_OPERATION_ACTIVE in the middle of a message.
    pub(super) fn check_between(&self) -> Result<()> {
        ensure(self.current.is_none(), CKR_OPERATION_ACTIVE)
    }
}

fn kind(direction: Direction) -> Kind {
    match direction {
        Direction::Encrypt => Kind::MessageEncrypt,
        Direction::Decrypt => Kind::MessageDecrypt,
    }
}

/// C_MessageEncryptInit and C_MessageDecryptInit. What the parameter holds is a matter of each
/// message.
pub(crate) fn sealing_init(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(session, mechanism, key, kind(direction), |family, key| {
        let mechanism = mechanism.kind;
        let invalid = refusal(CKR_MECHANISM_INVALID);
        let form = find(mechanism).ok_or(invalid)?.1.form;
        let message_form = message_form(mechanism).ok_or(invalid)?;
        Ok(Work::Seal(Box::new(Sealing {
            direction,
            family,
            mechanism,
            form,
            message_form,
            key: Arc::clone(key),
            nonces: Nonces::default(),
            current: None,
        })))
    })
}

/// Runs a call on a process, which goes on whatever becomes of the message.
fn with_process<T>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&mut Sealing) -> Result<T>,
) -> Result<T> {
    with_operation(session, kind(direction), |mut running| {
        let result = match &mut running.work {
            Work::Seal(process) => call(process),
            _ => refuse(CKR_GENERAL_ERROR),
        };
        (Some(running), result)
    })
}

/// C_EncryptMessage and C_DecryptMessage.
pub(crate) fn seal_message<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce(MessageForm) -> Result<Whole<'a>>,
) -> Result<Delivery> {
    with_process(direction, session, |process| {
        process.check_between()?;
        process.whole(arguments(process.message_form)?)
    })
}

/// C_EncryptMessageBegin and C_DecryptMessageBegin: a nonce that was generated.
pub(crate) fn seal_begin<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce(MessageForm) -> Result<(MessageParameter, &'a [u8])>,
) -> Result<Option<Vec<u8>>> {
    with_process(direction, session, |process| {
        process.check_between()?;
        let (parameter, aad) = arguments(process.message_form)?;
        let (message, nonce) = process.open(parameter, aad)?;
        process.current = Some(message);
        Ok(nonce)
    })
}

/// C_EncryptMessageNext and C_DecryptMessageNext.
pub(crate) fn seal_next<'a>(
    direction: Direction,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce(MessageForm) -> Result<Part<'a>>,
) -> Result<Delivery> {
    with_process(direction, session, |process| {
        process.part(arguments(process.message_form))
    })
}
