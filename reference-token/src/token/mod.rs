//! The token: chapter 5 of the standard in safe Rust. This file owns the state of the one slot and
//! its token; each concern has a file of its own. Pointers are none of its business, algorithms
//! belong to `mechanisms`, attribute rules to `attributes`.

mod asynchronous;
mod ciphering;
mod collection;
mod configuration;
mod derivation;
mod digesting;
mod dual;
mod encapsulation;
mod envelope;
mod feature;
mod generation;
mod information;
mod inheritance;
#[cfg(test)]
mod interleaved;
mod kind;
mod library;
mod login;
mod message_signing;
mod object;
mod operation;
mod output;
mod parts;
mod pin;
mod presence;
mod profile;
mod saved;
mod sealing;
mod search;
mod session;
mod signing;
mod state;
mod transcript;
mod verifying;
mod wrapping;

use std::collections::BTreeMap;

use cryptoki_sys::*;

use crate::rv::{Result, ensure, refusal};
use crate::store::{self, Change, File, MasterKey};
use collection::Objects;
use feature::Counter;
use pin::Pin;
use presence::Presence;
use session::Session;

pub(crate) use asynchronous::{Pending, asynchronously, complete, identify};
pub(crate) use ciphering::{Direction, cipher, cipher_final, cipher_init, cipher_update};
pub(crate) use configuration::Configuration;
pub(crate) use derivation::derive;
pub(crate) use digesting::{digest, digest_final, digest_init, digest_key, digest_update};
pub(crate) use dual::{Dual, dual_update};
pub(crate) use encapsulation::{decapsulate, encapsulate};
pub(crate) use envelope::{Envelope, TagPlace, unwrap_authenticated, wrap_authenticated};
pub(crate) use generation::{generate_key, generate_pair};
pub(crate) use information::{library_info, slot_info};
pub(crate) use kind::Kind;
#[cfg(test)]
pub(crate) use library::Alone;
pub(crate) use library::{
    change_in_session, change_slot, change_token, finalize, initialize, require_initialized,
    wait_for_event, with_session, with_slot, with_token,
};
pub(crate) use login::{initialize_pin, initialize_token, login, set_pin};
pub(crate) use message_signing::{
    message_sign_init, message_verify_init, sign_message, sign_message_begin, sign_message_next,
    verify_message, verify_message_begin, verify_message_next,
};
pub(crate) use object::{attributes, copy_object, create_object, destroy_object, set_attributes};
pub(crate) use operation::{cancel, cancel_kind, message_final};
pub(crate) use output::{Answer, Output, Room};
pub(crate) use presence::{require_token, slots, take_event};
pub(crate) use sealing::{Delivery, seal_begin, seal_message, seal_next, sealing_init};
pub(crate) use signing::{
    sign, sign_final, sign_init, sign_recover, sign_recover_init, sign_update,
};
pub(crate) use state::{get_state, set_state};
pub(crate) use verifying::{
    verify, verify_final, verify_init, verify_recover, verify_recover_init, verify_signature,
    verify_signature_final, verify_signature_init, verify_signature_update, verify_update,
};
pub(crate) use wrapping::{unwrap_key, wrap_key};

/// The identifier of the only slot. Not 0, so that a caller that forgets to ask is found out.
pub(crate) const SLOT: CK_SLOT_ID = 1;

/// Who is logged in to the token, in all sessions of the application at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Login {
    Nobody,
    User,
    So,
}

/// The token in the slot.
pub(crate) struct Token {
    configuration: Configuration,
    /// False for a token as it leaves the factory, until C_InitToken.
    initialized: bool,
    label: [u8; 32],
    so_pin: Option<Pin>,
    user_pin: Option<Pin>,
    login: Login,
    /// The key that seals private objects, while somebody is logged in.
    master: Option<MasterKey>,
    sessions: BTreeMap<CK_SESSION_HANDLE, Session>,
    next_session: CK_SESSION_HANDLE,
    objects: Objects,
    counter: Counter,
    presence: Presence,
    /// The key that saved operations are sealed under.
    state_key: Vec<u8>,
    /// Where token objects are kept; without it they live as long as the process.
    store: Option<File>,
}

impl Token {
    /// The token that a configuration describes: read from its file, or new.
    pub(crate) fn open(configuration: Configuration) -> Result<Token> {
        let opened = configuration.file.as_deref().map(File::open).transpose()?;
        let (store, loaded) = opened.map_or((None, None), |(store, loaded)| (Some(store), loaded));
        let mut token = Token {
            initialized: configuration.initialized,
            label: padded(configuration.label.as_bytes()),
            so_pin: None,
            user_pin: None,
            login: Login::Nobody,
            master: None,
            sessions: BTreeMap::new(),
            next_session: 1,
            objects: Objects::default(),
            counter: Counter::default(),
            presence: Presence::found(configuration.removable.as_deref()),
            state_key: crate::mechanisms::random(state::KEY)?,
            store,
            configuration,
        };
        match loaded {
            Some(loaded) => token.restore(loaded)?,
            None => token.commission()?,
        }
        profile::install(&mut token.objects);
        feature::install(&mut token.objects, token.configuration.clock);
        Ok(token)
    }

    /// Makes a new token what its configuration says.
    fn commission(&mut self) -> Result<()> {
        if self.initialized {
            let master = MasterKey::generate()?;
            let rounds = self.pin_rounds();
            let must = self.configuration.change_initial_pins;
            let pin = |pin: &str| -> Result<_> {
                let pin = Pin::new(pin.as_bytes(), &master, rounds)?;
                Ok(Some(pin.demanding_change(must)))
            };
            self.so_pin = pin(&self.configuration.so_pin)?;
            self.user_pin = pin(&self.configuration.user_pin)?;
        }
        self.save()
    }

    fn restore(&mut self, loaded: store::Loaded) -> Result<()> {
        let store::Loaded {
            token,
            objects,
            last,
        } = loaded;
        self.initialized = token.initialized;
        self.label = padded(token.label.as_bytes());
        self.so_pin = token.so_pin.map(Pin::from_record).transpose()?;
        self.user_pin = token.user_pin.map(Pin::from_record).transpose()?;
        (self.counter.last, self.counter.reserved) = (token.counter, token.counter);
        self.objects.leave_serials(last);
        for (serial, attributes) in objects {
            self.objects.insert(serial, attributes, None);
        }
        Ok(())
    }

    /// What the token is, apart from its objects.
    fn record(&self) -> store::TokenRecord {
        store::TokenRecord {
            initialized: self.initialized,
            label: String::from_utf8_lossy(&self.label).trim_end().to_owned(),
            counter: self.counter.reserved,
            so_pin: self.so_pin.as_ref().map(Pin::to_record),
            user_pin: self.user_pin.as_ref().map(Pin::to_record),
        }
    }

    /// Writes what the token is, apart from its objects, to its store.
    fn save(&self) -> Result<()> {
        self.commit(&[Change::Token(&self.record())])
    }

    /// Writes changes to the store, if there is one.
    fn commit(&self, changes: &[Change]) -> Result<()> {
        match &self.store {
            Some(store) if !changes.is_empty() => store.commit(changes),
            _ => Ok(()),
        }
    }

    /// How expensive guessing PINs is made: only where what is kept of them reaches a disk.
    fn pin_rounds(&self) -> u32 {
        match self.configuration.file {
            Some(_) => self.configuration.pin_rounds,
            None => 1,
        }
    }

    fn session(&self, handle: CK_SESSION_HANDLE) -> Result<&Session> {
        self.sessions
            .get(&handle)
            .ok_or(refusal(CKR_SESSION_HANDLE_INVALID))
    }

    fn session_mut(&mut self, handle: CK_SESSION_HANDLE) -> Result<&mut Session> {
        self.sessions
            .get_mut(&handle)
            .ok_or(refusal(CKR_SESSION_HANDLE_INVALID))
    }
}

/// Whether a slot identifier names the slot.
pub(crate) fn check_slot(slot: CK_SLOT_ID) -> Result<()> {
    let known = slot == SLOT || mutant!("any-slot-is-the-slot");
    ensure(known, CKR_SLOT_ID_INVALID)
}

/// Text in the fixed-width, blank-padded form of the information structures (section 3.1).
pub(crate) fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    let filler = if mutant!("info-padded-with-nul") {
        0
    } else {
        b' '
    };
    let mut field = [filler; N];
    let length = text.len().min(N);
    field[..length].copy_from_slice(&text[..length]);
    field
}
