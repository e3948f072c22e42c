//! A token that is put into its slot and taken out of it, for tests of what that does to applications: with the
//! configuration `removable` it is there as long as a file is. What happened is noticed by the next call.

use std::path::Path;

use super::{SLOT, Token, library};
use crate::rv::{Result, ensure};
use cryptoki_sys::*;

/// Whether the token is in its slot, and whether C_WaitForSlotEvent has something to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presence {
    here: bool,
    /// Section 5.5.4: the slot's flag for events that the application does not know of.
    event: bool,
}

impl Presence {
    /// As C_Initialize finds it: every event flag is cleared.
    pub(super) fn found(file: Option<&Path>) -> Presence {
        Presence {
            here: file.is_none_or(Path::exists),
            event: false,
        }
    }
}

impl Token {
    /// True unless the token was put in or taken out since it was last looked for.
    pub(super) fn is_where_it_was(&self) -> bool {
        let file = self.configuration.removable.as_deref();
        file.is_none_or(|file| file.exists() == self.presence.here)
    }

    /// Takes note of a token that was put in or taken out. Section 5.1.2: "removing a token closes all sessions
    /// with it".
    pub(super) fn look_for(&mut self) {
        if self.is_where_it_was() {
            return;
        }
        self.presence.here = !self.presence.here;
        self.presence.event = true;
        if !self.presence.here && !mutant!("sessions-outlive-removal") {
            self.close_all_sessions();
        }
    }

    /// CKR_TOKEN_NOT_PRESENT if there is none (5.1.3).
    pub(super) fn check_present(&self) -> Result<()> {
        ensure(self.presence.here, CKR_TOKEN_NOT_PRESENT)
    }

    /// The flags of the slot: section 3.2.
    pub(super) fn slot_flags(&self) -> CK_FLAGS {
        let flag = |set, flag| if set { flag } else { 0 };
        flag(self.presence.here, CKF_TOKEN_PRESENT)
            | flag(self.configuration.removable.is_some(), CKF_REMOVABLE_DEVICE)
    }
}

/// The slots of C_GetSlotList, all or those with a token.
pub(crate) fn slots(with_token: bool) -> Result<Vec<CK_SLOT_ID>> {
    library::with_slot(|token| {
        let listed = !with_token || token.presence.here;
        Ok(listed.then_some(SLOT).into_iter().collect())
    })
}

/// Whether the token is in its slot: CKR_TOKEN_NOT_PRESENT if not.
pub(crate) fn require_token() -> Result<()> {
    library::with_token(|_| Ok(()))
}

/// Clears the slot's event flag; true if it was set.
pub(crate) fn take_event() -> Result<bool> {
    library::change_slot(|token| Ok(std::mem::take(&mut token.presence.event)))
}
