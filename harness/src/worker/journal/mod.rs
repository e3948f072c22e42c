//! The journal of a worker: an append-only list of records in shared memory, written before each
//! call and completed after it, so that whatever ends the worker, the history is there.
//!
//! This module owns the record format and the parent's reading of it, which believes nothing: a
//! record that does not verify ends the reading. Writing is in `writer`, walking along records in
//! `region`; what functions, steps, tags and notes mean is the executor's.

mod clock;
mod region;
mod writer;

use region::Region;
pub(super) use region::extent;
pub use writer::{JournalWriter, Payload, Timing};
pub(super) use writer::{Progress, Watched};

use std::ops::Range;

/// Most lanes of a block.
pub const LANES: usize = 8;

/// The number of a lane that is a child of the worker.
pub const CHILD: u16 = u16::MAX;

/// How the lanes of a block are told apart in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journaled {
    /// By their number.
    Lanes,
    /// The only one is a child of the worker.
    Child,
}

/// Function number by which a worker journals the loading of the module itself.
pub const LOAD: u16 = u16::MAX;

/// Bytes of a record's head: length (u32), kind (u16), tag (u16), auxiliary (u32), check (u32).
const HEAD: usize = 16;
/// Bytes of a call record: head, start (u64), duration (u64), return value (u64), state (u64).
const CALL_BYTES: usize = HEAD + 32;
/// Bytes of a case record: head, position of standard output (u64), of standard error (u64).
const CASE_BYTES: usize = HEAD + 16;
/// State of a call record whose call has returned; 0 before that.
const RETURNED: u64 = u64::from_le_bytes(*b"returned");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum Kind {
    CaseBegin = 1,
    CaseEnd = 2,
    Call = 3,
    Output = 4,
    Note = 5,
    Full = 6,
    /// A block of lanes: the tag is their number, [`CHILD`] for a child, and each has an equal part of
    /// the payload.
    Lanes = 7,
    /// The end of the block before: the length of every lane's records.
    Joined = 8,
    /// A turn of a case, whose number is the auxiliary one: what was recorded of the turn before is given
    /// up, and the records that follow verify in this turn alone.
    Turn = 9,
}

impl Kind {
    fn from_number(number: u16) -> Option<Self> {
        use Kind::{Call, CaseBegin, CaseEnd, Full, Joined, Lanes, Note, Output, Turn};
        let all = [
            CaseBegin, CaseEnd, Call, Output, Note, Full, Lanes, Joined, Turn,
        ];
        all.into_iter().find(|kind| *kind as u16 == number)
    }

    /// Length of the payload a record of this kind must have, given its auxiliary number.
    fn payload(self, auxiliary: u32) -> usize {
        match self {
            Self::CaseBegin | Self::CaseEnd => CASE_BYTES - HEAD,
            Self::Call => CALL_BYTES - HEAD,
            Self::Output | Self::Note | Self::Lanes | Self::Joined => {
                (auxiliary as usize).next_multiple_of(8)
            }
            Self::Full | Self::Turn => 0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    kind: Kind,
    tag: u16,
    auxiliary: u32,
}

impl Head {
    #[inline]
    fn new(kind: Kind, tag: u16, auxiliary: u32) -> Self {
        let length = HEAD + kind.payload(auxiliary);
        Self {
            length,
            kind,
            tag,
            auxiliary,
        }
    }

    fn first_word(self) -> u64 {
        self.length as u64 | (self.kind as u64) << 32 | u64::from(self.tag) << 48
    }

    /// Binds a head to its content, its place and its request: neither a stray write nor a
    /// record left over from an earlier request passes.
    #[inline]
    fn check(self, offset: usize, salt: u64) -> u32 {
        const ONE: u64 = 0x9e37_79b9_7f4a_7c15;
        const TWO: u64 = 0xd6e8_feb8_6659_fd93;
        let place = u64::from(self.auxiliary) | (offset as u64) << 32;
        let mixed = (self.first_word() ^ salt).wrapping_mul(ONE) ^ place;
        (mixed.rotate_left(31).wrapping_mul(TWO) >> 32) as u32
    }

    #[inline]
    fn words(self, offset: usize, salt: u64) -> [u64; 2] {
        let check = u64::from(self.check(offset, salt));
        [self.first_word(), u64::from(self.auxiliary) | check << 32]
    }

    /// The head these words make, if they are one that was written at `offset` and whose record
    /// ends within `capacity`.
    fn read(words: [u64; 2], offset: usize, salt: u64, capacity: usize) -> Option<Self> {
        let kind = Kind::from_number((words[0] >> 32) as u16)?;
        let head = Self::new(kind, (words[0] >> 48) as u16, words[1] as u32);
        let genuine = head.words(offset, salt) == words;
        let fits = head.length <= capacity.checked_sub(offset)?;
        (genuine && fits).then_some(head)
    }
}

/// The salt of the journal of request number `request`.
pub(super) fn salt(request: u32) -> u64 {
    u64::from(request).wrapping_mul(0xa076_1d64_78bd_642f)
}

/// The salt of the records behind one with this head.
fn salt_behind(head: Head, salt: u64) -> u64 {
    match head.kind {
        Kind::Turn => {
            (salt ^ (u64::from(head.auxiliary) | 1 << 32)).wrapping_mul(0xd1b5_4a32_d192_ed03)
        }
        _ => salt,
    }
}

/// The salt of a lane of the block at `offset`, so that no lane's records pass for another's.
fn lane_salt(salt: u64, offset: usize, lane: usize) -> u64 {
    let place = ((offset as u64) << 8) | (lane as u64 + 1);
    (salt ^ place).wrapping_mul(0x8ebc_6af0_9c88_c6e3)
}

/// One record of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A case began.
    CaseBegin(CaseMark),
    /// A turn of a case began, of this number; those before it left no records.
    Turn(u32),
    /// A case came to its end.
    CaseEnd(CaseMark),
    /// A call was made.
    Call(CallRecord),
    /// An output of the call before it.
    Output {
        /// Which output, in the executor's numbering.
        tag: u16,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// A remark of the executor.
    Note {
        /// What kind, in the executor's numbering.
        tag: u16,
        /// Its bytes.
        bytes: &'a [u8],
    },
    /// The records from here on are those of this lane, counted from 0, or [`CHILD`]; `None` after the
    /// last.
    Lane(Option<u16>),
}

/// The beginning or end of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseMark {
    /// Number of the case in its batch.
    pub case: u32,
    /// Bytes written to standard output since the request began.
    pub stdout: u64,
    /// Bytes written to standard error since the request began.
    pub stderr: u64,
}

/// A call made to the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    /// Number of the step.
    pub step: u32,
    /// Number of the function, in the executor's numbering; [`LOAD`] for loading the module.
    pub function: u16,
    /// Start on the monotonic clock, nanoseconds; 0 without timing.
    pub start_ns: u64,
    /// What came back; absent if the call did not return.
    pub returned: Option<Returned>,
}

/// The return of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// The return value.
    pub rv: u64,
    /// Duration, nanoseconds; 0 without timing.
    pub duration_ns: u64,
}

/// The call a worker was in when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlight {
    /// Number of the case in its batch; absent for a call made outside any case.
    pub case: Option<u32>,
    /// The lane that made it, counted from 0; absent for a call made outside any lane.
    pub lane: Option<u16>,
    /// Number of the step.
    pub step: u32,
    /// Number of the function.
    pub function: u16,
    /// Start on the monotonic clock, nanoseconds; 0 without timing.
    pub start_ns: u64,
}

/// Where in a request's output a case's own output lies, bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseOutput {
    /// Its part of standard output.
    pub stdout: Range<usize>,
    /// Its part of standard error.
    pub stderr: Range<usize>,
}

/// The journal of one request, as the parent found it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    salt: u64,
    corrupted: Option<usize>,
}

impl Journal {
    /// A journal of these bytes, of which the child claims to have written `written`.
    pub(super) fn new(bytes: Vec<u8>, salt: u64, last: usize, written: u64) -> Self {
        let mut journal = Self {
            bytes,
            salt,
            corrupted: None,
        };
        // The child publishes a record after writing it: one more than published is what a kill
        // in between leaves, anything else is damage.
        let end = journal.bytes.len();
        if written != end as u64 && written != last as u64 {
            journal.corrupted = Some(end);
        }
        let (region, sound) = (journal.region(), journal.region().end());
        let unsound = if sound == end {
            region.unsound_block()
        } else {
            Some(sound)
        };
        if unsound.is_some() {
            journal.corrupted = unsound;
        }
        journal
    }

    /// Offset from which on the journal could not be believed because something wrote over it;
    /// `None` for a sound journal. The records before it are kept.
    #[must_use]
    pub fn corrupted(&self) -> Option<usize> {
        self.corrupted
    }

    /// True if the journal was full and records are missing at its end, or at that of a lane.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.region().is_truncated()
    }

    /// Size of all records, bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The records in the order they were written; those of a block lane by lane.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.region().records()
    }

    /// The calls that had not returned when the journal ended: one at most, or one a lane.
    #[must_use]
    pub fn in_flight(&self) -> Vec<InFlight> {
        let (mut case, mut lane) = (None, None);
        let mut open = Vec::new();
        for record in self.records() {
            match record {
                Record::CaseBegin(mark) => case = Some(mark.case),
                // The child of a case that ended may have died in a call.
                Record::CaseEnd(_) => {
                    case = None;
                    open.clear();
                }
                Record::Lane(of) => lane = of,
                Record::Call(call) if call.returned.is_none() => open.push(InFlight {
                    case,
                    lane,
                    step: call.step,
                    function: call.function,
                    start_ns: call.start_ns,
                }),
                Record::Turn(_) | Record::Call(_) | Record::Output { .. } | Record::Note { .. } => {
                }
            }
        }
        open
    }

    /// Which part of the request's output was written during `case`; `None` if the case did not
    /// begin. The ranges are cut to outputs of these lengths.
    #[must_use]
    pub fn output_of(&self, case: u32, stdout: usize, stderr: usize) -> Option<CaseOutput> {
        let mut begin = None;
        let mut end = None;
        for record in self.records() {
            match record {
                Record::CaseBegin(mark) if mark.case == case => (begin, end) = (Some(mark), None),
                Record::CaseBegin(mark) | Record::CaseEnd(mark) if begin.is_some() => {
                    end = end.or(Some(mark));
                }
                _ => {}
            }
        }
        let begin = begin?;
        let cut = |from: u64, to: Option<u64>, length: usize| {
            let to = to.map_or(length, |to| {
                usize::try_from(to).unwrap_or(length).min(length)
            });
            usize::try_from(from).unwrap_or(to).min(to)..to
        };
        Some(CaseOutput {
            stdout: cut(begin.stdout, end.map(|mark| mark.stdout), stdout),
            stderr: cut(begin.stderr, end.map(|mark| mark.stderr), stderr),
        })
    }

    fn region(&self) -> Region<'_> {
        Region::new(&self.bytes, self.salt)
    }
}

#[cfg(test)]
mod tests;
