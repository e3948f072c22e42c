//! The guarded buffers of a sequence, shared by its calls.
//!
//! Every buffer ends at the end of a page, so buffers compete for the same few lines of the nearest
//! cache: had every call its own, a sequence of some length would find none of them there. Small
//! buffers of one size are therefore lent to one call after the other. What a call's buffers hold
//! when it begins is kept in ordinary memory (`plan`) and put in place before it.

use std::collections::HashMap;

use crate::memory::{Arena, GuardedBuffer, OutOfMemory};
use crate::sequence::{Step, calls, may_be_asynchronous};

/// Largest buffer that calls share, bytes: what is larger is not copied for every call.
pub(super) const SHARED: usize = 1024;

/// Length, alignment, and which of those that one call has.
type Key = (usize, usize, usize);

/// The buffers of a sequence.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    buffers: Vec<GuardedBuffer>,
    shared: HashMap<Key, usize>,
    /// Every call has buffers of its own.
    apart: bool,
}

impl Shelf {
    /// An empty shelf for a sequence of these steps, whose calls may each want buffers of their own.
    pub(super) fn for_steps(steps: &[Step], apart: bool) -> Self {
        Self {
            apart: apart || calls(steps).any(may_be_asynchronous),
            ..Self::default()
        }
    }

    /// An empty shelf for other steps of the same sequence.
    pub(super) fn beside(&self) -> Self {
        Self {
            apart: self.apart,
            ..Self::default()
        }
    }

    /// A buffer for a call that has `others` of this length and alignment already, and whether it
    /// is shared.
    pub(super) fn take(
        &mut self,
        arena: &Arena,
        (length, align): (usize, usize),
        others: usize,
    ) -> Result<(usize, bool), OutOfMemory> {
        let shared = length <= SHARED && !self.apart;
        let key = (length, align, others);
        if let Some(buffer) = self.shared.get(&key).filter(|_| shared) {
            return Ok((*buffer, true));
        }
        let buffer = self.buffers.len();
        self.buffers.push(arena.take_aligned(length, align)?);
        if shared {
            self.shared.insert(key, buffer);
        }
        Ok((buffer, shared))
    }

    #[inline]
    pub(super) fn get(&self, buffer: usize) -> &GuardedBuffer {
        &self.buffers[buffer]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, buffer: usize) -> &mut GuardedBuffer {
        &mut self.buffers[buffer]
    }
}
