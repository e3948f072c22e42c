//! Canaries: what is written next to a buffer, and compared after calls.
#![allow(unsafe_code, reason = "compares by vectors")]

/// Bytes before a buffer that are watched for stray writes.
pub(super) const WINDOW: usize = 256;

/// Bytes after which canaries repeat: one line of the cache, so that looking at them takes few.
const PERIOD: usize = 64;

/// What canaries hold: bytes without a short period, so that no repeated write equals them.
static CANARY: Canary = Canary({
    let mut bytes = [0; PERIOD];
    let mut state: u32 = 0x9e37_79b9;
    let mut index = 0;
    while index < PERIOD {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes[index] = (state >> 24) as u8;
        index += 1;
    }
    bytes
});

#[repr(align(64))]
struct Canary([u8; PERIOD]);

/// The canary bytes of `count` watched bytes before a buffer, or between it and the page.
pub(super) fn canary(
    count: usize,
    side: Side,
) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator {
    let from = match side {
        Side::Before => WINDOW - count,
        Side::After => 0,
    };
    (from..from + count).map(|index| CANARY.0[index % PERIOD])
}

/// Which side of a buffer was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before its first byte.
    Before,
    /// Behind its last byte, in the slack that alignment leaves.
    After,
}

/// Something wrote outside a buffer without faulting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.place())]
pub struct GuardViolation {
    /// On which side.
    pub side: Side,
    /// Place of the written byte nearest to the buffer, counted from the buffer's first byte.
    pub offset: isize,
    /// Length of the buffer, bytes.
    pub length: usize,
}

impl GuardViolation {
    fn place(&self) -> String {
        let (count, side) = match self.side {
            Side::Before => (self.offset.unsigned_abs(), "before"),
            Side::After => (
                self.offset.unsigned_abs() - self.length + 1,
                "past the end of",
            ),
        };
        let plural = if count == 1 { "" } else { "s" };
        format!(
            "wrote {count} byte{plural} {side} a buffer of {} bytes",
            self.length
        )
    }
}

/// Sets bytes.
pub(super) fn put(place: &mut [u8], bytes: impl Iterator<Item = u8>) {
    place
        .iter_mut()
        .zip(bytes)
        .for_each(|(place, byte)| *place = byte);
}

/// Compares a whole window without a branch until the end: one is compared for every buffer of
/// every call, and a comparison of slices takes several times as long.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn is_canary(window: &[u8; WINDOW]) -> bool {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128,
        _mm_setzero_si128, _mm_xor_si128,
    };
    let (periods, _) = window.as_chunks::<PERIOD>();
    // SAFETY: every x86-64 processor has SSE2, and each load is of 16 bytes of an array.
    unsafe {
        let load = |bytes: &[u8; 16]| _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>());
        let mut difference = _mm_setzero_si128();
        for period in periods {
            for (found, canary) in period.as_chunks().0.iter().zip(CANARY.0.as_chunks().0) {
                difference = _mm_or_si128(difference, _mm_xor_si128(load(found), load(canary)));
            }
        }
        _mm_movemask_epi8(_mm_cmpeq_epi8(difference, _mm_setzero_si128())) == 0xffff
    }
}

/// Compares a whole window.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn is_canary(window: &[u8; WINDOW]) -> bool {
    canary(WINDOW, Side::Before).eq(window.iter().copied())
}
