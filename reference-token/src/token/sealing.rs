//! Message-based encryption and decryption: sections 5.9 and 5.11. A process keeps its key and its
//! nonces; each message has its tag apart.

use cryptoki_sys::*;

use super::ciphering::Direction;
use super::kind::Kind;
use super::operation::{Work, with_operation};
use super::output::{Output, Room};
use super::signing::start_keyed;
use crate::mechanisms::{
    self, Aead, Mechanism, MessageForm, MessageParameter, Nonces, Start, aead, message_form,
};
use crate::rv::{Result, ensure, refusal, refuse};

/// A process of encrypting or decrypting messages.
pub(super) struct Sealing {
    direction: Direction,
    key: Box<dyn Aead>,
    message_form: MessageForm,
    nonces: Nonces,
    current: Option<Message>,
}

/// A message that comes in parts.
struct Message {
    work: Box<dyn mechanisms::Message>,
    tag_bits: CK_ULONG,
    /// Some when decrypting: all parts so far.
    collected: Option<Vec<u8>>,
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

impl Message {
    /// Encrypts a part, or keeps one of a ciphertext: nothing is given out of it before its tag is
    /// checked.
    fn update(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        if let Some(collected) = &mut self.collected {
            collected.extend_from_slice(data);
            return Ok(Vec::new());
        }
        let mut output = data.to_vec();
        self.work.apply(&mut output)?;
        Ok(output)
    }

    /// Length of what the next part gives.
    fn length(&self, data: &[u8], last: bool) -> usize {
        match &self.collected {
            Some(_) if !last => 0,
            Some(collected) => collected.len() + data.len(),
            None => data.len(),
        }
    }

    /// The last part, and the tag of an encrypted message.
    fn finish(mut self, data: &[u8], expected: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let mut output = self.update(data)?;
        let Some(mut collected) = self.collected else {
            return Ok((output, Some(self.work.tag()?)));
        };
        self.work.apply(&mut collected)?;
        let authentic = self.work.tag()? == expected || mutant!("message-tag-not-checked");
        ensure(authentic, CKR_AEAD_DECRYPT_FAILED)?;
        output.append(&mut collected);
        Ok((output, None))
    }
}

impl Sealing {
    /// Starts a message: its nonce is used from here on, and given back if it was generated.
    fn open(
        &mut self,
        parameter: &MessageParameter,
        aad: &[u8],
    ) -> Result<(Message, Option<Vec<u8>>)> {
        let encrypting = self.direction == Direction::Encrypt;
        // A message that cannot be started takes no nonce.
        let mut nonces = self.nonces.clone();
        let generated = match encrypting && parameter.generator != CKG_NO_GENERATE {
            true => Some(nonces.next(parameter)?),
            false => None,
        };
        let whole_bytes = parameter.tag_bits.is_multiple_of(8);
        ensure(whole_bytes, CKR_MECHANISM_PARAM_INVALID)?;
        let work = self.key.start(&Start {
            encrypting,
            nonce: generated.as_ref().unwrap_or(&parameter.nonce),
            aad,
            tag_length: parameter.tag_length(),
            data_length: parameter.data_length,
        })?;
        if !mutant!("message-nonce-repeats") {
            self.nonces = nonces;
        }
        let message = Message {
            work,
            tag_bits: parameter.tag_bits,
            collected: (!encrypting).then(Vec::new),
        };
        Ok((message, generated))
    }

    fn whole(&mut self, (parameter, aad, data, room): Whole<'_>) -> Result<Delivery> {
        // A message is as long encrypted as not. What does not fit takes no nonce.
        if let Some(answer) = room.answer(data.len()) {
            return Ok(Delivery::only(answer));
        }
        let (message, nonce) = self.open(&parameter, aad)?;
        let (output, tag) = message.finish(data, &parameter.tag)?;
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
        if let Some(answer) = room.answer(message.length(data, last)) {
            self.current = Some(message);
            return Ok(Delivery::only(answer));
        }
        if !last {
            let output = message.update(data)?;
            if mutant!("message-part-uses-up-block") {
                let rest = data.len().next_multiple_of(16) - data.len();
                message.work.apply(&mut vec![0; rest])?;
            }
            self.current = Some(message);
            return Ok(Delivery::only(Output::Bytes(output)));
        }
        let (output, tag) = message.finish(data, &parameter.tag)?;
        Ok(Delivery {
            output: Output::Bytes(output),
            nonce: None,
            tag,
        })
    }

    /// CKR_OPERATION_ACTIVE in the middle of a message.
    pub(super) fn check_between(&self) -> Result<()> {
        let between = self.current.is_none() || mutant!("message-final-within-message");
        ensure(between, CKR_OPERATION_ACTIVE)
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
    start_keyed(session, mechanism, key, kind(direction), |_, _, key| {
        let mechanism = mechanism.kind;
        let message_form = message_form(mechanism).ok_or(refusal(CKR_MECHANISM_INVALID))?;
        Ok(Work::Seal(Box::new(Sealing {
            direction,
            key: aead(mechanism, key.bytes(CKA_VALUE))?,
            message_form,
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
        let goes_on = !mutant!("message-ends-process");
        (goes_on.then_some(running), result)
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
        let (message, nonce) = process.open(&parameter, aad)?;
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
