//! What is written into a record: numbers and bytes, as far as there is room for them.
#![allow(
    unsafe_code,
    reason = "writes into the journal's memory, which is shared with the parent"
)]

use super::JournalWriter;
use std::marker::PhantomData;

/// The content of a record while it is written.
pub struct Payload<'w> {
    place: *mut u64,
    /// Bytes that there is room for from `place` on.
    room: usize,
    /// Zeros after the last bytes, which are content only if something follows.
    padding: usize,
    fits: bool,
    _writer: PhantomData<&'w mut JournalWriter>,
}

impl Payload<'_> {
    /// The content of a record that begins at `place`, where there is room for so many bytes.
    ///
    /// # Safety
    /// The bytes must be the writer's that is borrowed as long as this is, and `place` aligned to 8.
    #[inline(always)]
    pub(super) unsafe fn new(place: *mut u64, room: usize) -> Self {
        Self {
            place,
            room,
            padding: 0,
            fits: true,
            _writer: PhantomData,
        }
    }

    /// How many bytes were written, if all found room.
    #[inline(always)]
    pub(super) fn length(&self, room: usize) -> Option<usize> {
        self.fits.then(|| room - self.room - self.padding)
    }

    /// Appends numbers, at a multiple of eight.
    #[inline]
    pub fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        self.padding = 0;
        if self.takes(8 * N) {
            numbers.into_iter().for_each(|number| self.word(number));
        }
    }

    /// Appends bytes, at a multiple of eight.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        self.padding = bytes.len().wrapping_neg() % 8;
        if !self.takes(bytes.len() + self.padding) {
            return;
        }
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(word));
        }
    }

    /// Makes zeros up to a multiple of eight content.
    #[inline]
    pub fn pad(&mut self) {
        self.padding = 0;
    }

    /// Uses room for `count` bytes, a multiple of eight, if there is.
    #[inline]
    fn takes(&mut self, count: usize) -> bool {
        let room = self.room.checked_sub(count);
        self.room = room.unwrap_or(self.room);
        self.fits &= room.is_some();
        room.is_some()
    }

    #[inline]
    fn word(&mut self, word: u64) {
        // SAFETY: every caller found room for it, in the memory of the writer, which is borrowed.
        unsafe {
            self.place.write_volatile(word.to_le());
            self.place = self.place.add(1);
        }
    }
}
