//! The token of a station, provisioned once more whenever it cannot be used any longer.

use std::sync::{Arc, Mutex, PoisonError};

use super::{ProbeError, probe, provide};
use crate::run::{Interrupt, Renewal, Station};
use crate::sequence::Value;
use crate::target::{Credentials, Prepared, Provisioned, Target};

/// The token of a station, which goes when this and the station do. The station may have another one in its place by
/// then.
#[derive(Debug)]
pub struct Token {
    prepared: Prepared,
    held: Arc<Mutex<Option<Provisioned>>>,
}

impl Token {
    pub(super) fn of(provisioned: Provisioned) -> Self {
        Self {
            prepared: provisioned.prepared().clone(),
            held: Arc::new(Mutex::new(Some(provisioned))),
        }
    }

    /// What a worker needed to reach it, as it was first.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// What makes another one in its place, whose folder is not kept.
    pub(super) fn renewal(
        &self,
        target: &Target,
        credentials: &Credentials,
        interrupt: &Interrupt,
    ) -> Box<dyn Renewal> {
        Box::new(Another {
            target: target.clone(),
            credentials: credentials.clone(),
            interrupt: interrupt.clone(),
            held: Arc::clone(&self.held),
        })
    }
}

/// All that a token is provisioned from.
struct Another {
    target: Target,
    credentials: Credentials,
    interrupt: Interrupt,
    held: Arc<Mutex<Option<Provisioned>>>,
}

impl Another {
    fn provide(&self) -> Result<(Station, Value), ProbeError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Two may not be there at once: some modules have one place for all of their tokens.
        drop(held.take());
        let (target, credentials) = (&self.target, &self.credentials);
        let (provisioned, mut station) = provide(target, credentials, &self.interrupt, false)?;
        *held = Some(provisioned);
        let found = probe(&mut station, target, credentials)?;
        Ok((station, found.given(credentials)))
    }
}

impl Renewal for Another {
    fn renew(&mut self) -> Result<(Station, Value), String> {
        self.provide().map_err(|error| error.to_string())
    }
}
