//! Saving and restoring operations: C_GetOperationState and C_SetOperationState of section 5.6. A
//! state is a list of `saved` records, sealed under a key that the token draws when it is opened:
//! nobody else can read one, make one or change one, and no other token accepts it.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::kind::Kind;
use super::library::with_session;
use super::operation::{Authentication, Running, Work};
use super::output::{Output, Room};
use super::saved::{self, Saved};
use super::transcript::Transcript;
use crate::attributes::{Attributes, Value};
use crate::mechanisms::{Family, Start, aead, find_for, random};
use crate::rv::{Result, ensure, refusal, refuse};

/// Bytes of nonce and tag around a sealed state.
const NONCE: usize = 12;
const TAG: usize = 16;
/// The key of states.
pub(super) const KEY: usize = 32;

fn start<'a>(encrypting: bool, nonce: &'a [u8], length: usize) -> Start<'a> {
    Start {
        encrypting,
        nonce,
        aad: b"operation state 1",
        tag_length: TAG,
        data_length: length as u64,
    }
}

/// Seals a state: nonce, ciphertext, tag.
fn seal(key: &[u8], mut state: Vec<u8>) -> Result<Vec<u8>> {
    let nonce = random(NONCE)?;
    let key = aead(CKM_AES_GCM, key)?;
    let mut message = key.start(&start(true, &nonce, state.len()))?;
    message.apply(&mut state)?;
    Ok([nonce, state, message.tag()?].concat())
}

/// Opens a sealed state; CKR_SAVED_STATE_INVALID if it is not one of this key.
fn open(key: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let invalid = refusal(CKR_SAVED_STATE_INVALID);
    let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(invalid)?;
    let length = rest.len().checked_sub(TAG).ok_or(invalid)?;
    let (ciphertext, tag) = rest.split_at(length);
    let mut state = ciphertext.to_vec();
    let key = aead(CKM_AES_GCM, key)?;
    let mut message = key.start(&start(false, nonce, length))?;
    message.apply(&mut state)?;
    ensure(message.tag()? == tag, CKR_SAVED_STATE_INVALID)?;
    Ok(state)
}

/// The kinds that section 5.6 calls savable: neither searches, nor operations with recovery.
fn is_savable(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Encrypt | Kind::Decrypt | Kind::Digest | Kind::Sign | Kind::Verify
    )
}

fn save((kind, running): (Kind, &Running)) -> Result<Saved> {
    // The state would say that the PIN was given, to whoever restores it.
    let open = running.authentication == Authentication::NotNeeded;
    ensure(open, CKR_STATE_UNSAVEABLE)?;
    let record = running.transcript.record();
    let record = record.ok_or(refusal(CKR_STATE_UNSAVEABLE))?;
    Ok(Saved {
        kind,
        mechanism: record.mechanism.clone(),
        key: record.key.clone(),
        in_parts: running.in_parts,
        data: record.data.clone(),
    })
}

/// C_GetOperationState.
pub(crate) fn get_state(
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<Room>,
) -> Result<Output> {
    let (key, plain) = with_session(session, |token| {
        let operations = token.session(session)?.operations();
        let running = operations.cryptographic()?;
        let savable = running.iter().any(|(kind, _)| is_savable(*kind));
        ensure(savable, CKR_OPERATION_NOT_INITIALIZED)?;
        let saved: Vec<_> = running.into_iter().map(save).collect::<Result<_>>()?;
        let state = token.session_info(session)?.state;
        Ok((token.state_key.clone(), saved::encode(state, &saved)?))
    })?;
    match arguments()?.answer(NONCE + plain.len() + TAG) {
        Some(answer) => Ok(answer),
        None => Ok(Output::Bytes(seal(&key, plain)?)),
    }
}

/// An operation to be restored: what it was, and what it is made from.
pub(super) struct Restoration {
    saved: Saved,
    family: &'static dyn Family,
    key: Option<(CK_OBJECT_HANDLE, Arc<Attributes>)>,
}

impl Restoration {
    /// Makes the operation again and gives it the same data.
    pub(super) fn run(self) -> Result<(Kind, Running)> {
        let Saved {
            kind,
            mechanism,
            in_parts,
            data,
            ..
        } = self.saved;
        let nothing = Attributes::default();
        let key = self.key.as_ref().map(|(_, key)| &**key);
        let with = key.unwrap_or(&nothing);
        let work = match kind {
            Kind::Digest => Work::Digest(self.family.digest(&mechanism)?),
            Kind::Encrypt => Work::Cipher(self.family.encrypt(&mechanism, with)?),
            Kind::Decrypt => Work::Cipher(self.family.decrypt(&mechanism, with)?),
            Kind::Sign => Work::Sign(self.family.sign(&mechanism, with)?),
            Kind::Verify => Work::Verify(self.family.verify(&mechanism, with)?),
            _ => return refuse(CKR_SAVED_STATE_INVALID),
        };
        let mut running = Running::new(work, Transcript::of(&mechanism, key));
        if in_parts {
            match kind {
                Kind::Encrypt | Kind::Decrypt => drop(running.transform(&data)?),
                _ => running.absorb(&data)?,
            }
        }
        Ok((kind, running))
    }
}

impl Token {
    /// A state goes back only into a session that is in the same one as the session it is from.
    fn check_state(&self, session: CK_SESSION_HANDLE, state: CK_STATE) -> Result<()> {
        let same = self.session_info(session)?.state == state;
        ensure(same, CKR_SAVED_STATE_INVALID)
    }

    fn restoration(
        &self,
        saved: Saved,
        given: impl Fn(Kind) -> CK_OBJECT_HANDLE,
    ) -> Result<Restoration> {
        let key = self.key_of(&saved, given(saved.kind))?;
        let (family, _) = find_for(saved.mechanism.kind, saved.kind.flag())
            .map_err(|_| refusal(CKR_SAVED_STATE_INVALID))?;
        Ok(Restoration { saved, family, key })
    }

    /// The key of a saved operation: CKR_KEY_CHANGED if `given` is another one or may not be used,
    /// CKR_KEY_NEEDED if none is given and the token has it no more.
    fn key_of(
        &self,
        saved: &Saved,
        given: CK_OBJECT_HANDLE,
    ) -> Result<Option<(CK_OBJECT_HANDLE, Arc<Attributes>)>> {
        let Some(id) = &saved.key else {
            return Ok(None);
        };
        let is_it = |key: &Attributes| key.bytes(CKA_UNIQUE_ID) == &id[..];
        let named = vec![(CKA_UNIQUE_ID, Value::Bytes(id.clone()))];
        let key = match given {
            CK_INVALID_HANDLE => {
                let mut found = self.objects.matching(&named);
                let found = found.find(|object| self.sees(object));
                found.ok_or(refusal(CKR_KEY_NEEDED))?
            }
            handle => {
                let key = self.visible(handle, CKR_KEY_CHANGED)?;
                ensure(is_it(&key.attributes), CKR_KEY_CHANGED)?;
                key
            }
        };
        let wanted = saved.kind.wanted();
        let wanted = wanted.ok_or(refusal(CKR_SAVED_STATE_INVALID))?;
        let (_, entry) = find_for(saved.mechanism.kind, wanted.flag)
            .map_err(|_| refusal(CKR_SAVED_STATE_INVALID))?;
        let usable = self.usable(key.handle, entry, &wanted);
        let usable = usable.map_err(|_| refusal(CKR_KEY_CHANGED))?;
        Ok(Some((key.handle, usable.key)))
    }
}

/// C_SetOperationState. Keys need not be supplied: a state names its own, and the token finds them
/// (CKF_RESTORE_KEY_NOT_NEEDED) unless they are gone.
pub(crate) fn set_state(
    session: CK_SESSION_HANDLE,
    sealed: &[u8],
    encryption_key: CK_OBJECT_HANDLE,
    authentication_key: CK_OBJECT_HANDLE,
) -> Result<()> {
    let keys = (encryption_key, authentication_key);
    let (state, restorations) = open_state(session, sealed, keys)?;
    restore(session, state, restorations, Restoration::run)
}

/// What a sealed state holds: the state of its session, and the operations with their keys.
pub(super) fn open_state(
    session: CK_SESSION_HANDLE,
    sealed: &[u8],
    (encryption_key, authentication_key): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
) -> Result<(CK_STATE, Vec<Restoration>)> {
    let state_key = with_session(session, |token| Ok(token.state_key.clone()))?;
    let decoded = saved::decode(&open(&state_key, sealed)?);
    let (state, operations) = decoded.ok_or(refusal(CKR_SAVED_STATE_INVALID))?;
    let ciphers = |kind| matches!(kind, Kind::Encrypt | Kind::Decrypt);
    let signs = |kind| matches!(kind, Kind::Sign | Kind::Verify);
    for (key, belongs) in [
        (encryption_key, &ciphers as &dyn Fn(Kind) -> bool),
        (authentication_key, &signs),
    ] {
        let needed = operations.iter().any(|saved| belongs(saved.kind));
        ensure(key == CK_INVALID_HANDLE || needed, CKR_KEY_NOT_NEEDED)?;
    }
    let given = |kind| match ciphers(kind) {
        true => encryption_key,
        false => authentication_key,
    };
    let restorations: Result<_> = with_session(session, |token| {
        token.check_state(session, state)?;
        let restoration = |saved: Saved| token.restoration(saved, given);
        operations.into_iter().map(restoration).collect()
    });
    Ok((state, restorations?))
}

/// Puts restored operations into a session. Hashing may take long, so it is done outside the lock;
/// the session's state and the keys must still be there afterwards.
pub(super) fn restore(
    session: CK_SESSION_HANDLE,
    state: CK_STATE,
    restorations: Vec<Restoration>,
    run: impl FnMut(Restoration) -> Result<(Kind, Running)>,
) -> Result<()> {
    let keys = restorations.iter().filter_map(|each| each.key.as_ref());
    let keys: Vec<_> = keys.map(|(handle, _)| *handle).collect();
    let running: Result<Vec<_>> = restorations.into_iter().map(run).collect();
    let running = running.map_err(|_| refusal(CKR_SAVED_STATE_INVALID))?;
    with_session(session, |token| {
        token.check_state(session, state)?;
        for key in keys {
            token.visible(key, CKR_KEY_CHANGED)?;
        }
        let mut operations = token.session(session)?.operations();
        operations.replace(running)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_here_opens() {
        let key = [7; KEY];
        let sealed = seal(&key, b"state".to_vec()).unwrap();
        assert_eq!(open(&key, &sealed).unwrap(), b"state");
        assert!(open(&[8; KEY], &sealed).is_err());
        for place in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[place] ^= 1;
            let refusal = open(&key, &forged).unwrap_err();
            assert_eq!(refusal.code(), CKR_SAVED_STATE_INVALID);
            assert!(open(&key, &sealed[..place]).is_err());
        }
    }
}
