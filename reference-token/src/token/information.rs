//! What the library, the slot and the token say about themselves: sections 5.4 and 5.5. Values are
//! those of the mandatory test cases of the profiles where these fix them.

use cryptoki_sys::*;

use super::feature::utc_time;
use super::library::with_slot;
use super::pin::Pin;
use super::{Login, Token, check_slot, padded, pin, require_initialized};
use crate::rv::Result;

/// No vendor: the neutral name that the test cases of the profiles use.
const MANUFACTURER: &[u8] = b"OASIS PKCS#11 TC";
const VERSION: CK_VERSION = CK_VERSION { major: 1, minor: 0 };

/// The information of C_GetInfo.
pub(crate) fn library_info() -> Result<CK_INFO> {
    if !mutant!("info-before-initialize") {
        require_initialized()?;
    }
    Ok(CK_INFO {
        cryptokiVersion: CK_VERSION { major: 3, minor: 2 },
        manufacturerID: padded(MANUFACTURER),
        flags: 0,
        libraryDescription: padded(b""),
        libraryVersion: VERSION,
    })
}

/// The information of C_GetSlotInfo.
pub(crate) fn slot_info(slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
    let flags = with_slot(|token| {
        check_slot(slot)?;
        Ok(token.slot_flags())
    })?;
    Ok(CK_SLOT_INFO {
        slotDescription: padded(b"OASIS PKCS#11 TC Slot Description"),
        manufacturerID: padded(MANUFACTURER),
        flags,
        hardwareVersion: VERSION,
        firmwareVersion: VERSION,
    })
}

impl Token {
    /// The information of C_GetTokenInfo.
    pub(crate) fn info(&self) -> CK_TOKEN_INFO {
        let sessions = self.sessions.len() as CK_ULONG;
        let writers = self
            .sessions
            .values()
            .filter(|session| session.is_rw())
            .count();
        CK_TOKEN_INFO {
            label: self.label,
            manufacturerID: padded(MANUFACTURER),
            model: padded(b"reference v3.2"),
            serialNumber: padded(b"0000000000000000"),
            flags: self.flags(),
            ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
            ulSessionCount: if mutant!("session-count-frozen") {
                0
            } else {
                sessions
            },
            ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: writers as CK_ULONG,
            ulMaxPinLen: *pin::LENGTHS.end(),
            ulMinPinLen: *pin::LENGTHS.start(),
            // The test cases of the profiles have no sizes here; there is no limit to tell.
            ulTotalPublicMemory: 0,
            ulFreePublicMemory: 0,
            ulTotalPrivateMemory: 0,
            ulFreePrivateMemory: 0,
            hardwareVersion: VERSION,
            firmwareVersion: VERSION,
            // Section 3.2: meaningful only with CKF_CLOCK_ON_TOKEN.
            utcTime: match self.configuration.clock {
                true => utc_time(),
                false => padded(b""),
            },
        }
    }

    fn flags(&self) -> CK_FLAGS {
        let mut flags = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_RESTORE_KEY_NOT_NEEDED;
        let mut set = |condition, flag| {
            if condition {
                flags |= flag;
            }
        };
        set(self.initialized, CKF_TOKEN_INITIALIZED);
        // The test cases of the profiles know no clock, so it is there only if asked for.
        set(self.configuration.clock, CKF_CLOCK_ON_TOKEN);
        set(
            self.configuration.dual_operations,
            CKF_DUAL_CRYPTO_OPERATIONS,
        );
        set(self.is_asynchronous(), CKF_ASYNC_SESSION_SUPPORTED);
        set(self.user_pin.is_some(), CKF_USER_PIN_INITIALIZED);
        let tries = self.configuration.pin_tries;
        let user = self
            .user_pin
            .as_ref()
            .map(|pin| pin.count(tries))
            .unwrap_or_default();
        set(
            user.low && !mutant!("count-low-not-shown"),
            CKF_USER_PIN_COUNT_LOW,
        );
        set(user.final_try, CKF_USER_PIN_FINAL_TRY);
        set(
            user.locked && !mutant!("locked-pin-not-shown"),
            CKF_USER_PIN_LOCKED,
        );
        let so = self
            .so_pin
            .as_ref()
            .map(|pin| pin.count(tries))
            .unwrap_or_default();
        set(so.low, CKF_SO_PIN_COUNT_LOW);
        set(so.final_try, CKF_SO_PIN_FINAL_TRY);
        set(so.locked, CKF_SO_PIN_LOCKED);
        let to_be_changed = |pin: &Option<Pin>| pin.as_ref().is_some_and(Pin::is_to_be_changed);
        set(to_be_changed(&self.user_pin), CKF_USER_PIN_TO_BE_CHANGED);
        set(to_be_changed(&self.so_pin), CKF_SO_PIN_TO_BE_CHANGED);
        flags
    }

    /// Whether the SO is logged in.
    pub(super) fn is_so(&self) -> bool {
        self.login == Login::So
    }
}
