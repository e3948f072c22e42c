//! Signature and MAC operations, section 5.13, and what every operation with a key begins with.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::kind::Kind;
pub(super) use super::kind::Wanted;
use super::library::with_session;
use super::object::spend;
use super::operation::{Authentication, Running, Step, Work, continuing, with_operation};
use super::output::{Output, Room};
use super::transcript::Transcript;
use crate::attributes::Attributes;
use crate::mechanisms::{Entry, Family, Mechanism, Named, Signing, find_for};
use crate::rv::{Result, ensure, refusal, refuse};

/// A key that may be used, and whether its PIN must be given first.
pub(super) struct Usable {
    pub(super) key: Arc<Attributes>,
    pub(super) authentication: Authentication,
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
        let permitted = key.bool(wanted.usage) || mutant!("usage-not-checked");
        ensure(permitted, CKR_KEY_FUNCTION_NOT_PERMITTED)?;
        let asks = key.bool(CKA_ALWAYS_AUTHENTICATE) && !mutant!("always-authenticate-ignored");
        let authentication = match asks {
            true => Authentication::Awaited,
            false => Authentication::NotNeeded,
        };
        Ok(Usable {
            key: Arc::clone(key),
            authentication,
        })
    }
}

impl Token {
    /// Puts what a parameter names besides the key of the operation in the place of its handle.
    fn find_signed(&self, mechanism: &mut Mechanism) -> Result<()> {
        let Some((named, class, code)) = mechanism.parameter.signing_object() else {
            return Ok(());
        };
        if let Named::Handle(handle) = *named {
            let object = &self.visible(handle, code)?.attributes;
            ensure(object.ulong(CKA_CLASS) == Some(class), code)?;
            *named = Named::Key(Arc::clone(object));
        }
        Ok(())
    }
}

/// Whether an object is a key on which the mechanism works.
pub(super) fn check_key(key: &Attributes, entry: &Entry, class: CK_OBJECT_CLASS) -> Result<()> {
    let is = key
        .ulong(CKA_CLASS)
        .ok_or(refusal(CKR_KEY_HANDLE_INVALID))?;
    let secret = [CKO_SECRET_KEY, CKO_OTP_KEY].contains(&is);
    let is_key = secret || [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].contains(&is);
    ensure(is_key, CKR_KEY_HANDLE_INVALID)?;
    // A mechanism without key types works on the values of keys, whatever they are for.
    let fits = key
        .ulong(CKA_KEY_TYPE)
        .is_some_and(|kind| entry.keys.is_empty() || entry.keys.contains(&kind))
        && (is == class || secret);
    let fits = fits || mutant!("key-type-not-checked");
    ensure(fits, CKR_KEY_TYPE_INCONSISTENT)?;
    // Section 4.8: a key may be restricted to some mechanisms.
    let size = size_of::<CK_MECHANISM_TYPE>();
    let allowed = key.get(CKA_ALLOWED_MECHANISMS).is_none_or(|list| {
        let wanted = entry.mechanism.to_ne_bytes();
        list.bytes()
            .chunks_exact(size)
            .any(|mechanism| mechanism == wanted)
    });
    let allowed = allowed || mutant!("allowed-mechanisms-ignored");
    ensure(allowed, CKR_MECHANISM_INVALID)
}

/// What an operation with a key begins with.
struct Prepared {
    family: &'static dyn Family,
    /// With the objects that its parameter names.
    mechanism: Mechanism,
    usable: Usable,
}

impl Token {
    /// Whether an operation may start here and now, with this key.
    fn prepare_keyed(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        key: CK_OBJECT_HANDLE,
        kind: Kind,
    ) -> Result<Prepared> {
        let wanted = kind.wanted().ok_or(refusal(CKR_GENERAL_ERROR))?;
        self.session(session)?.operations().check_start(kind)?;
        let (family, entry) = find_for(mechanism.kind, wanted.flag)?;
        let usable = self.usable(key, entry, &wanted)?;
        let mut mechanism = mechanism.clone();
        self.find_signed(&mut mechanism)?;
        Ok(Prepared {
            family,
            mechanism,
            usable,
        })
    }
}

/// Starts an operation of `kind` with what `begin` makes of mechanism and key. Parsing a key can
/// take long, so it happens outside the lock; whether the operation may start is asked twice. What
/// C_Logout, C_CloseSession or C_DestroyObject took from the application meanwhile starts nothing.
pub(super) fn start_keyed(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    kind: Kind,
    begin: impl FnOnce(&'static dyn Family, &Mechanism, &Arc<Attributes>) -> Result<Work>,
) -> Result<()> {
    let prepare = |token: &Token| token.prepare_keyed(session, mechanism, key, kind);
    let prepared = with_session(session, prepare)?;
    let transcript = Transcript::of(mechanism, Some(&prepared.usable.key));
    let work = begin(prepared.family, &prepared.mechanism, &prepared.usable.key)?;
    let mut running = Running::new(work, transcript);
    running.authentication = prepared.usable.authentication;
    running.key = Some(key);
    with_session(session, |token| {
        prepare(token)?;
        let mut operations = token.session(session)?.operations();
        operations.start(kind, running)
    })
}

/// C_SignInit.
pub(crate) fn sign_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::Sign,
        |family, mechanism, key| Ok(Work::Sign(family.sign(mechanism, key)?)),
    )
}

/// Gives the signature out if it fits; otherwise the operation goes on as it was.
fn deliver(
    session: CK_SESSION_HANDLE,
    mut running: Running,
    data: &[u8],
    room: Room,
) -> Step<Output> {
    let length = match &mut running.work {
        Work::Sign(work) => {
            room.shape(work.as_mut());
            work.length_after(data.len())
        }
        _ => return (None, refuse(CKR_GENERAL_ERROR)),
    };
    match (room.answer(length), running) {
        (Some(Output::TooSmall(length)), _) if mutant!("sign-ends-when-too-small") => {
            (None, Ok(Output::TooSmall(length)))
        }
        (Some(answer), running) => (Some(running), Ok(answer)),
        (
            None,
            Running {
                work: Work::Sign(work),
                key,
                ..
            },
        ) => (None, finish(session, key, work, data)),
        _ => (None, refuse(CKR_GENERAL_ERROR)),
    }
}

fn finish(
    session: CK_SESSION_HANDLE,
    key: Option<CK_OBJECT_HANDLE>,
    mut work: Box<dyn Signing>,
    data: &[u8],
) -> Result<Output> {
    work.update(data)?;
    if work.spends() {
        let key = key.ok_or(refusal(CKR_GENERAL_ERROR))?;
        spend(session, key, work.as_mut())?;
    }
    let pointers = work.pointers();
    let signature = work.finish()?;
    Ok(match pointers.is_empty() {
        true => Output::Bytes(signature),
        false => Output::Linked(signature, pointers),
    })
}

/// C_SignRecoverInit.
pub(crate) fn sign_recover_init(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
) -> Result<()> {
    start_keyed(
        session,
        mechanism,
        key,
        Kind::SignRecover,
        |family, mechanism, key| Ok(Work::Sign(family.sign_recover(mechanism, key)?)),
    )
}

/// C_Sign. `arguments` fail with what is wrong with the pointers, which ends the operation.
pub(crate) fn sign<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    sign_whole(session, Kind::Sign, arguments)
}

/// C_SignRecover.
pub(crate) fn sign_recover<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    sign_whole(session, Kind::SignRecover, arguments)
}

fn sign_whole<'a>(
    session: CK_SESSION_HANDLE,
    kind: Kind,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    with_operation(session, kind, |running| {
        match arguments().and_then(|given| running.check_whole().map(|()| given)) {
            Err(refusal) => (None, Err(refusal)),
            Ok((data, room)) => deliver(session, running, data, room),
        }
    })
}

/// C_SignUpdate: an error ends the operation.
pub(crate) fn sign_update<'a>(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<&'a [u8]>,
) -> Result<()> {
    continuing(session, Kind::Sign, |running| running.absorb(arguments()?))
}

/// C_SignFinal.
pub(crate) fn sign_final(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    with_operation(session, Kind::Sign, |running| {
        match arguments().and_then(|room| running.check_multipart().map(|()| room)) {
            Err(refusal) => (None, Err(refusal)),
            Ok(room) => deliver(session, running, &[], room),
        }
    })
}
