//! Looking after the background programs of a token: a module may have its token in one of them, and what it answers
//! when that is gone says nothing of the module any more.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use p11assay_reports::evidence::End;

use super::process::Daemon;

/// A background program that ended before its token was done with.
#[derive(Debug, Clone, PartialEq)]
pub struct Gone {
    /// The program, as it was named.
    pub program: String,
    /// How it ended.
    pub end: End,
    /// The end of what it complained about.
    pub stderr: String,
}

/// Tells whether the background programs of a token are still running.
#[derive(Debug, Clone, Default)]
pub struct Sentinel(Weak<Mutex<Vec<Daemon>>>);

impl Sentinel {
    pub(super) fn of(daemons: &Arc<Mutex<Vec<Daemon>>>) -> Self {
        Self(Arc::downgrade(daemons))
    }

    /// True if there are none to look after.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let idle = |daemons: Arc<Mutex<Vec<Daemon>>>| {
            let daemons = daemons.lock().unwrap_or_else(PoisonError::into_inner);
            daemons.is_empty()
        };
        self.0.upgrade().is_none_or(idle)
    }

    /// The first that ended, if one did since the token was made. A token that is done with has none.
    #[must_use]
    pub fn gone(&self) -> Option<Gone> {
        let daemons = self.0.upgrade()?;
        let mut daemons = daemons.lock().unwrap_or_else(PoisonError::into_inner);
        daemons.iter_mut().find_map(Daemon::gone)
    }
}
