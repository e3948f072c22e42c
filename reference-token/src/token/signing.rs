//! Signature and MAC operations: sections 5.13 and 5.15.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::library::with_session;
use super::operation::{Authentication, Kind, Running, Work, with_operation};
use super::output::{Output, Room};
use crate::attributes::Attributes;
use crate::mechanisms::{Entry, Family, Mechanism, Signing, Verifying, find_for};
use crate::rv::{Result, ensure, refusal, refuse};

/// A key that may be used, and whether its PIN must be given first.
pub(super) struct Usable {
    pub(super) key: Arc<Attributes>,
    pub(super) authentication: Authentication,
}

/// What a key is wanted for.
pub(super) struct Wanted {
    /// The flag of the function in CK_MECHANISM_INFO.
    pub(super) flag: CK_FLAGS,
    /// The attribute that permits it.
    pub(super) usage: CK_ATTRIBUTE_TYPE,
    /// The class of asymmetric key that it takes; secret keys always serve.
    pub(super) class: CK_OBJECT_CLASS,
}

impl Token {
    /// Finds a key and checks it against a mechanism, in the order of section 5.1.6: a type that
    /// cannot work comes before a usage that is not permitted.
    pub(super) fn usable(
        &self,
        handle: CK_OBJECT_HANDLE,
        entry: &Entry,
        wanted: &Wanted,
    ) -> Result<Usable> {
        let key = &self.visible(handle, CKR_KEY_HANDLE_INVALID)?.attributes;
        check_key(key, entry, wanted.class)?;
        ensure(key.bool(wanted.usage), CKR_KEY_FUNCTION_NOT_PERMITTED)?;
        let authentication = match key.bool(CKA_ALWAYS_AUTHENTICATE) {
            true => Authentication::Awaited,
            false => Authentication::NotNeeded,
        };
        Ok(Usable {
            key: Arc::clone(key),
            authentication,
        })
    }
}

/// Whether an object is a key on which the mechanism works.
pub(super) fn check_key(key: &Attributes, entry: &Entry, class: CK_OBJECT_CLASS) -> Result<()> {
    let is = key
        .ulong(CKA_CLASS)
        .ok_or(refusal(CKR_KEY_HANDLE_INVALID))?;
    let is_key = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY].contains(&is);
    ensure(is_key, CKR_KEY_HANDLE_INVALID)?;
    // A mechanism without key types works on the values of keys, whatever they are for.
    let fits = key
        .ulong(CKA_KEY_TYPE)
        .is_some_and(|kind| entry.keys.is_empty() || entry.keys.contains(&kind))
        && (is == class || is == CKO_SECRET_KEY);
    ensure(fits, CKR_KEY_TYPE_INCONSISTENT)?;
    // Section 4.8: a key may be restricted to some mechanisms.
    let size = size_of::<CK_MECHANISM_TYPE>();
    let allowed = key.get(CKA_ALLOWED_MECHANISMS).is_none_or(|list| {
        let wanted = entry.mechanism.to_ne_bytes();
        list.bytes()
            .chunks_exact(size)
            .any(|mechanism| mechanism == wanted)
    });
    ensure(allowed, CKR_MECHANISM_INVALID)
}

/// Starts an operation of `kind` with what `begin` makes of mechanism and key. Parsing a key can
/// take long, so it happens outside the lock; whether the operation may start is asked twice.
pub(super) fn start_keyed(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    (kind, wanted): (Kind, Wanted),
    begin: impl FnOnce(&dyn Family, &Attributes) -> Result<Work>,
) -> Result<()> {
    let (family, usable) = with_session(session, |token| {
        token.session(session)?.operations.check_start()?;
        let (family, entry) = find_for(mechanism.kind, wanted.flag)?;
        Ok((family, token.usable(key, entry, &wanted)?))
    })?;
    let mut running = Running::new(begin(family, &usable.key)?);
    running.authentication = usable.authentication;
    with_session(session, |token| {
        token.session_mut(session)?.operations.start(kind, running)
    })
}

/// C_SignInit.
pub(crate) fn sign_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let wanted = Wanted {
        flag: CKF_SIGN,
        usage: CKA_SIGN,
        class: CKO_PRIVATE_KEY,
    };
    start_keyed(
        session,
        mechanism,
        key,
        (Kind::Sign, wanted),
        |family, key| Ok(Work::Sign(family.sign(mechanism, key)?)),
    )
}

/// C_VerifyInit.
pub(crate) fn verify_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let wanted = Wanted {
        flag: CKF_VERIFY,
        usage: CKA_VERIFY,
        class: CKO_PUBLIC_KEY,
    };
    start_keyed(
        session,
        mechanism,
        key,
        (Kind::Verify, wanted),
        |family, key| Ok(Work::Verify(family.verify(mechanism, key)?)),
    )
}

/// Gives the signature out if it fits; otherwise the operation goes on as it was.
fn deliver(running: Running, data: &[u8], room: Room) -> (Option<Running>, Result<Output>) {
    let Running {
        work: Work::Sign(work),
        in_parts,
        authentication,
    } = running
    else {
        return (None, refuse(CKR_GENERAL_ERROR));
    };
    if let Some(answer) = room.answer(work.length()) {
        let running = Running {
            work: Work::Sign(work),
            in_parts,
            authentication,
        };
        return (Some(running), Ok(answer));
    }
    (None, finish(work, data).map(Output::Bytes))
}

fn finish(mut work: Box<dyn Signing>, data: &[u8]) -> Result<Vec<u8>> {
    work.update(data)?;
    work.finish()
}

/// C_Sign. `arguments` fail with what is wrong with the pointers, which ends the operation.
pub(crate) fn sign<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, Kind::Sign, |running| match arguments() {
        Err(refusal) => (None, Err(refusal)),
        Ok(_) if running.in_parts => (None, refuse(CKR_OPERATION_ACTIVE)),
        Ok((data, room)) => deliver(running, data, room),
    })
}

/// C_SignUpdate: an error ends the operation.
pub(crate) fn sign_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::Sign, |running| {
        match (arguments(), running) {
            (Err(refusal), _) => (None, Err(refusal)),
            (
                Ok(data),
                Running {
                    work: Work::Sign(mut work),
                    authentication,
                    ..
                },
            ) => {
                // There is no multiple-part operation of a single-part mechanism to update.
                let result = ensure(work.is_multipart(), CKR_OPERATION_NOT_INITIALIZED)
                    .and_then(|()| work.update(data));
                let running = Running {
                    work: Work::Sign(work),
                    in_parts: true,
                    authentication,
                };
                (result.is_ok().then_some(running), result)
            }
            _ => (None, refuse(CKR_GENERAL_ERROR)),
        }
    })
}

/// C_SignFinal.
pub(crate) fn sign_final(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, Kind::Sign, |running| {
        let multipart = matches!(&running.work, Work::Sign(work) if work.is_multipart());
        match arguments() {
            Err(refusal) => (None, Err(refusal)),
            Ok(_) if !multipart => (None, refuse(CKR_OPERATION_NOT_INITIALIZED)),
            Ok(room) => deliver(running, &[], room),
        }
    })
}

/// C_Verify: always ends the operation.
pub(crate) fn verify<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], &'a [u8])>,
) -> Result<()> {
    with_operation(session, Kind::Verify, |running| {
        let result = arguments().and_then(|(data, signature)| match running {
            Running { in_parts: true, .. } => refuse(CKR_OPERATION_ACTIVE),
            Running {
                work: Work::Verify(work),
                ..
            } => check(work, data, signature),
            _ => refuse(CKR_GENERAL_ERROR),
        });
        (None, result)
    })
}

fn check(mut work: Box<dyn Verifying>, data: &[u8], signature: &[u8]) -> Result<()> {
    work.update(data)?;
    work.finish(signature)
}

/// C_VerifyUpdate: an error ends the operation.
pub(crate) fn verify_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::Verify, |running| {
        match (arguments(), running) {
            (Err(refusal), _) => (None, Err(refusal)),
            (
                Ok(data),
                Running {
                    work: Work::Verify(mut work),
                    authentication,
                    ..
                },
            ) => {
                let result = ensure(work.is_multipart(), CKR_OPERATION_NOT_INITIALIZED)
                    .and_then(|()| work.update(data));
                let running = Running {
                    work: Work::Verify(work),
                    in_parts: true,
                    authentication,
                };
                (result.is_ok().then_some(running), result)
            }
            _ => (None, refuse(CKR_GENERAL_ERROR)),
        }
    })
}

/// C_VerifyFinal: always ends the operation.
pub(crate) fn verify_final<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    with_operation(session, Kind::Verify, |running| {
        let result = arguments().and_then(|signature| match running.work {
            Work::Verify(work) if work.is_multipart() => work.finish(signature),
            Work::Verify(_) => refuse(CKR_OPERATION_NOT_INITIALIZED),
            _ => refuse(CKR_GENERAL_ERROR),
        });
        (None, result)
    })
}
