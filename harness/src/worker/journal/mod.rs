//! The journal of a worker: an append-only list of records in shared memory, written before each
//! call and completed after it, so that whatever ends the worker, the history is there.
//!
//! This module owns the record format and the parent's reading of it, which believes nothing: a
//! record that does not verify ends the reading. Writing is in `writer`; what functions, steps,
//! tags and notes mean is the executor's.

mod clock;
mod writer;

pub(super) use writer::Progress;
pub use writer::{JournalWriter, Payload, Timing};

use std::ops::Range;

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
}

impl Kind {
    fn from_number(number: u16) -> Option<Self> {
        use Kind::{Call, CaseBegin, CaseEnd, Full, Note, Output};
        [CaseBegin, CaseEnd, Call, Output, Note, Full]
            .into_iter()
            .find(|kind| *kind as u16 == number)
    }

    /// Length of the payload a record of this kind must have, given its auxiliary number.
    fn payload(self, auxiliary: u32) -> usize {
        match self {
            Self::CaseBegin | Self::CaseEnd => CASE_BYTES - HEAD,
            Self::Call => CALL_BYTES - HEAD,
            Self::Output | Self::Note => (auxiliary as usize).next_multiple_of(8),
            Self::Full => 0,
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

/// Where the chain of genuine records ends, and where its last record begins. `read` gives the
/// two words at an offset, which is always at least [`HEAD`] bytes before `capacity`.
pub(super) fn extent(
    capacity: usize,
    salt: u64,
    mut read: impl FnMut(usize) -> [u64; 2],
) -> Range<usize> {
    let (mut last, mut end) = (0, 0);
    while end + HEAD <= capacity {
        let Some(head) = Head::read(read(end), end, salt, capacity) else {
            break;
        };
        (last, end) = (end, end + head.length);
    }
    last..end
}

/// One record of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// A case began.
    CaseBegin(CaseMark),
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
        let sound = journal.walk().map(|(range, _)| range.end).last();
        if sound.unwrap_or(0) != end {
            journal.corrupted = Some(sound.unwrap_or(0));
        }
        journal
    }

    /// Offset from which on the journal could not be believed because something wrote over it;
    /// `None` for a sound journal. The records before it are kept.
    #[must_use]
    pub fn corrupted(&self) -> Option<usize> {
        self.corrupted
    }

    /// True if the journal was full and records are missing at its end.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.heads().any(|(_, head)| head.kind == Kind::Full)
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

    /// The records in the order they were written.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.walk().filter_map(|(_, record)| record)
    }

    /// The call that had not returned when the journal ended, if any.
    #[must_use]
    pub fn in_flight(&self) -> Option<InFlight> {
        let mut case = None;
        let mut last = None;
        for record in self.records() {
            match record {
                Record::CaseBegin(mark) => case = Some(mark.case),
                Record::CaseEnd(_) => case = None,
                Record::Call(call) => last = Some((case, call)),
                Record::Output { .. } | Record::Note { .. } => {}
            }
        }
        let (case, call) = last.filter(|(_, call)| call.returned.is_none())?;
        Some(InFlight {
            case,
            step: call.step,
            function: call.function,
            start_ns: call.start_ns,
        })
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

    fn word(&self, offset: usize) -> u64 {
        let bytes = self.bytes.get(offset..offset + 8);
        bytes.map_or(0, |bytes| {
            u64::from_le_bytes(bytes.try_into().unwrap_or_default())
        })
    }

    fn heads(&self) -> impl Iterator<Item = (usize, Head)> {
        let mut offset = 0;
        std::iter::from_fn(move || {
            let words = [self.word(offset), self.word(offset + 8)];
            let head = Head::read(words, offset, self.salt, self.bytes.len())?;
            let begin = offset;
            offset += head.length;
            Some((begin, head))
        })
    }

    /// Every sound record with its place; [`Kind::Full`] has a place but no record.
    fn walk(&self) -> impl Iterator<Item = (Range<usize>, Option<Record<'_>>)> {
        self.heads().map_while(|(begin, head)| {
            let range = begin..begin + head.length;
            let payload = begin + HEAD;
            let record = match head.kind {
                Kind::CaseBegin => Some(Record::CaseBegin(self.mark(head, payload))),
                Kind::CaseEnd => Some(Record::CaseEnd(self.mark(head, payload))),
                Kind::Call => Some(Record::Call(self.call(head, payload)?)),
                Kind::Output => Some(Record::Output {
                    tag: head.tag,
                    bytes: self.payload(head, payload),
                }),
                Kind::Note => Some(Record::Note {
                    tag: head.tag,
                    bytes: self.payload(head, payload),
                }),
                Kind::Full => None,
            };
            Some((range, record))
        })
    }

    fn payload(&self, head: Head, offset: usize) -> &[u8] {
        let end = offset + head.auxiliary as usize;
        self.bytes.get(offset..end).unwrap_or_default()
    }

    fn mark(&self, head: Head, offset: usize) -> CaseMark {
        CaseMark {
            case: head.auxiliary,
            stdout: self.word(offset),
            stderr: self.word(offset + 8),
        }
    }

    fn call(&self, head: Head, offset: usize) -> Option<CallRecord> {
        let returned = match self.word(offset + 24) {
            0 => None,
            RETURNED => Some(Returned {
                duration_ns: self.word(offset + 8),
                rv: self.word(offset + 16),
            }),
            _ => return None,
        };
        Some(CallRecord {
            step: head.auxiliary,
            function: head.tag,
            start_ns: self.word(offset),
            returned,
        })
    }
}

#[cfg(test)]
mod tests;
