//! Message-based signing and verification: sections 5.14 and 5.16. A process keeps mechanism and
//! key; each message is an ordinary signature.

use std::sync::Arc;

use cryptoki_sys::*;

use super::kind::Kind;
use super::operation::{Authentication, Running, Work, with_operation};
use super::output::{Output, Room};
use super::signing::start_keyed;
use crate::attributes::Attributes;
use crate::mechanisms::{Family, Mechanism, Signing, Verifying};
use crate::rv::{Result, ensure, refusal, refuse};

/// A process of signing or verifying messages; `W` is the work of one.
pub(super) struct Messages<W> {
    family: &'static dyn Family,
    mechanism: Mechanism,
    key: Arc<Attributes>,
    begin: fn(&'static dyn Family, &Mechanism, &Attributes) -> Result<W>,
    /// Made from the key already, and not begun.
    ready: Option<W>,
    /// A message that comes in parts.
    current: Option<W>,
}

impl<W> Messages<W> {
    fn new(
        family: &'static dyn Family,
        mechanism: &Mechanism,
        key: &Arc<Attributes>,
        begin: fn(&'static dyn Family, &Mechanism, &Attributes) -> Result<W>,
    ) -> Result<Messages<W>> {
        Ok(Messages {
            family,
            mechanism: mechanism.clone(),
            key: Arc::clone(key),
            begin,
            // What is wrong with mechanism or key shows here, and not with the first message.
            ready: Some(begin(family, mechanism, key)?),
            current: None,
        })
    }

    fn fresh(&mut self) -> Result<W> {
        match self.ready.take() {
            Some(work) => Ok(work),
            None => (self.begin)(self.family, &self.mechanism, &self.key),
        }
    }

    /// CKR_OPERATION_ACTIVE in the middle of a message.
    pub(super) fn check_between(&self) -> Result<()> {
        ensure(self.current.is_none(), CKR_OPERATION_ACTIVE)
    }

    fn open(&mut self, is_multipart: impl FnOnce(&W) -> bool) -> Result<()> {
        self.check_between()?;
        let work = self.fresh()?;
        if !is_multipart(&work) {
            self.ready = Some(work);
            return refuse(CKR_OPERATION_NOT_INITIALIZED);
        }
        self.current = Some(work);
        Ok(())
    }

    fn take(&mut self) -> Result<W> {
        let missing = refusal(CKR_OPERATION_NOT_INITIALIZED);
        self.current.take().ok_or(missing)
    }
}

/// Section 4.10: a key with CKA_ALWAYS_AUTHENTICATE asks for the PIN for each signature, that has
/// come to be or has failed. A call that came in the middle of another message began none.
fn use_up(running: &mut Running, result: &Result<Option<Output>>) {
    let over = match result {
        Ok(output) => matches!(output, Some(Output::Bytes(_))),
        Err(refused) => {
            ![CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED].contains(&refused.code())
        }
    };
    if !over {
        return;
    }
    if running.authentication == Authentication::Given {
        running.authentication = Authentication::Awaited;
    }
}

/// C_MessageSignInit.
pub(crate) fn message_sign_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::MessageSign,
        |family, mechanism, key| {
            let begin = |family: &'static dyn Family, mechanism: &Mechanism, key: &Attributes| {
                family.sign(mechanism, key)
            };
            let process = Messages::new(family, mechanism, key, begin)?;
            Ok(Work::SignMessages(Box::new(process)))
        },
    )
}

/// Runs a call on the signing process, which goes on whatever becomes of the message.
fn with_signer(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&mut Messages<Box<dyn Signing>>) -> Result<Option<Output>>,
) -> Result<Option<Output>> {
    with_operation(session, Kind::MessageSign, |mut running| {
        let result = match &mut running.work {
            Work::SignMessages(process) => call(process),
            _ => refuse(CKR_GENERAL_ERROR),
        };
        use_up(&mut running, &result);
        (Some(running), result)
    })
}

/// C_SignMessage.
pub(crate) fn sign_message<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    let output = with_signer(session, |process| {
        process.check_between()?;
        let (data, room) = arguments()?;
        let mut work = process.fresh()?;
        room.shape(work.as_mut());
        if let Some(answer) = room.answer(work.length_after(data.len())) {
            process.ready = Some(work);
            return Ok(Some(answer));
        }
        work.update(data)?;
        Ok(Some(Output::Bytes(work.finish()?)))
    })?;
    output.ok_or(refusal(CKR_GENERAL_ERROR))
}

/// C_SignMessageBegin.
pub(crate) fn sign_message_begin(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let begun = with_signer(session, |process| {
        arguments()?;
        process.open(|work| work.is_multipart())?;
        Ok(None)
    });
    begun.map(drop)
}

/// C_SignMessageNext: without room there is more to come. An error ends the message, and so does
/// its signature.
pub(crate) fn sign_message_next<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Option<Room>)>,
) -> Result<Option<Output>> {
    with_signer(session, |process| {
        let mut work = process.take()?;
        let (data, room) = arguments()?;
        if let Some(room) = room {
            room.shape(work.as_mut());
        }
        let length = work.length_after(data.len());
        if let Some(answer) = room.and_then(|room| room.answer(length)) {
            process.current = Some(work);
            return Ok(Some(answer));
        }
        if room.is_some() && mutant!("message-signs-last-part") {
            work = process.fresh()?;
        }
        work.update(data)?;
        match room {
            Some(_) => Ok(Some(Output::Bytes(work.finish()?))),
            None => {
                process.current = Some(work);
                Ok(None)
            }
        }
    })
}

/// C_MessageVerifyInit.
pub(crate) fn message_verify_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::MessageVerify,
        |family, mechanism, key| {
            let begin = |family: &'static dyn Family, mechanism: &Mechanism, key: &Attributes| {
                family.verify(mechanism, key)
            };
            let process = Messages::new(family, mechanism, key, begin)?;
            Ok(Work::VerifyMessages(Box::new(process)))
        },
    )
}

fn with_verifier(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&mut Messages<Box<dyn Verifying>>) -> Result<()>,
) -> Result<()> {
    with_operation(session, Kind::MessageVerify, |mut running| {
        let result = match &mut running.work {
            Work::VerifyMessages(process) => call(process),
            _ => refuse(CKR_GENERAL_ERROR),
        };
        (Some(running), result)
    })
}

/// C_VerifyMessage: data and signature.
pub(crate) fn verify_message<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], &'a [u8])>,
) -> Result<()> {
    with_verifier(session, |process| {
        process.check_between()?;
        let (data, signature) = arguments()?;
        let mut work = process.fresh()?;
        work.update(data)?;
        let verified = work.finish(signature);
        match verified.is_err() && mutant!("message-verify-accepts-anything") {
            true => Ok(()),
            false => verified,
        }
    })
}

/// C_VerifyMessageBegin.
pub(crate) fn verify_message_begin(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<()>,
) -> Result<()> {
    with_verifier(session, |process| {
        arguments()?;
        process.open(|work| work.is_multipart())
    })
}

/// C_VerifyMessageNext: without a signature there is more to come. An error ends the message.
pub(crate) fn verify_message_next<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Option<&'a [u8]>)>,
) -> Result<()> {
    with_verifier(session, |process| {
        let mut work = process.take()?;
        let (data, signature) = arguments()?;
        work.update(data)?;
        match signature {
            Some(signature) => work.finish(signature),
            None => {
                process.current = Some(work);
                Ok(())
            }
        }
    })
}
