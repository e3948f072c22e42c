//! Cancelling workers from another thread, as on Ctrl-C.

use super::process::Process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    workers: Mutex<Vec<Weak<Process>>>,
}

/// Cancels all workers that were started with it, and keeps further ones from starting. Clones
/// are the same canceller. Takes a lock: for threads, not for signal handlers.
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<Shared>);

impl Canceller {
    /// A canceller without workers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the owners of all its workers stop waiting and kill them: their current and all
    /// further requests give [`Outcome::Cancelled`](super::Outcome::Cancelled).
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        let workers = self.0.workers.lock();
        let workers = workers.unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter().filter_map(Weak::upgrade) {
            worker.ring();
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Makes this worker wake up when cancelled.
    pub(super) fn watch(&self, worker: &Arc<Process>) {
        let workers = self.0.workers.lock();
        let mut workers = workers.unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.strong_count() > 0);
        workers.push(Arc::downgrade(worker));
    }
}
