//! Walking along the records of a journal, or of a lane in it, as far as they verify.

use super::{
    CHILD, CallRecord, CaseMark, HEAD, Head, Kind, RETURNED, Record, Returned, lane_salt,
    salt_behind,
};
use std::ops::Range;

/// Where the chain of genuine records ends, and where its last record begins. `read` gives the
/// two words at an offset, which is always at least [`HEAD`] bytes before `capacity`.
pub(in crate::worker) fn extent(
    capacity: usize,
    salt: u64,
    mut read: impl FnMut(usize) -> [u64; 2],
) -> Range<usize> {
    let (mut last, mut end, mut salt) = (0, 0, salt);
    while end + HEAD <= capacity {
        let Some(head) = Head::read(read(end), end, salt, capacity) else {
            break;
        };
        (last, end) = (end, end + head.length);
        salt = salt_behind(head, salt);
    }
    last..end
}

/// The records of a journal or of a lane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region<'j> {
    bytes: &'j [u8],
    salt: u64,
}

impl<'j> Region<'j> {
    pub(super) fn new(bytes: &'j [u8], salt: u64) -> Self {
        Self { bytes, salt }
    }

    /// Where the last sound record ends.
    pub(super) fn end(self) -> usize {
        self.walk().last().map_or(0, |(range, _)| range.end)
    }

    /// True if it was full, or a lane in it.
    pub(super) fn is_truncated(self) -> bool {
        self.heads().any(|(begin, head)| match head.kind {
            Kind::Full => true,
            Kind::Lanes => self.lanes(begin, head).any(Region::is_truncated),
            _ => false,
        })
    }

    /// The first block with a lane that is not as long as its end says.
    pub(super) fn unsound_block(self) -> Option<usize> {
        let heads: Vec<_> = self.heads().collect();
        let ended = heads.windows(2).filter_map(|pair| match pair {
            [(begin, block), (end, joined)] => {
                let kinds = (block.kind, joined.kind) == (Kind::Lanes, Kind::Joined);
                kinds.then_some((*begin, *block, *end))
            }
            _ => None,
        });
        let mut ended = ended;
        let unsound = ended.find(|(begin, block, end)| {
            let mut lanes = self.lanes(*begin, *block).enumerate();
            lanes.any(|(lane, region)| self.word(end + HEAD + 8 * lane) != region.end() as u64)
        });
        unsound.map(|(begin, ..)| begin)
    }

    /// Every sound record, those of lanes among them.
    pub(super) fn records(self) -> impl Iterator<Item = Record<'j>> {
        self.walk().flat_map(move |(range, what)| match what {
            What::Record(record) => vec![record],
            What::Lanes(head) => {
                let mut records = Vec::new();
                for (lane, region) in self.lanes(range.start, head).enumerate() {
                    let lane = if head.tag == CHILD {
                        CHILD
                    } else {
                        lane as u16
                    };
                    records.push(Record::Lane(Some(lane)));
                    // A lane has no lanes.
                    records.extend(region.walk().filter_map(|(_, what)| match what {
                        What::Record(record) => Some(record),
                        What::Lanes(_) | What::Nothing => None,
                    }));
                }
                records.push(Record::Lane(None));
                records
            }
            What::Nothing => Vec::new(),
        })
    }

    /// The lanes of the block whose record begins here.
    fn lanes(self, begin: usize, head: Head) -> impl Iterator<Item = Region<'j>> {
        let count = match head.tag {
            0 | CHILD => 1,
            count => usize::from(count),
        };
        let (begin, size) = (begin + HEAD, head.auxiliary as usize / count);
        (0..count).map(move |lane| {
            let range = begin + lane * size..begin + (lane + 1) * size;
            Region {
                bytes: self.bytes.get(range).unwrap_or_default(),
                salt: lane_salt(self.salt, begin, lane),
            }
        })
    }

    fn word(self, offset: usize) -> u64 {
        let bytes = self.bytes.get(offset..offset + 8);
        bytes.map_or(0, |bytes| {
            u64::from_le_bytes(bytes.try_into().unwrap_or_default())
        })
    }

    fn heads(self) -> impl Iterator<Item = (usize, Head)> {
        let (mut offset, mut salt) = (0, self.salt);
        std::iter::from_fn(move || {
            let words = [self.word(offset), self.word(offset + 8)];
            let head = Head::read(words, offset, salt, self.bytes.len())?;
            salt = salt_behind(head, salt);
            let begin = offset;
            offset += head.length;
            Some((begin, head))
        })
    }

    /// Every sound record with its place.
    fn walk(self) -> impl Iterator<Item = (Range<usize>, What<'j>)> {
        self.heads().map_while(move |(begin, head)| {
            let range = begin..begin + head.length;
            let payload = begin + HEAD;
            let record = match head.kind {
                Kind::CaseBegin => Record::CaseBegin(self.mark(head, payload)),
                Kind::Turn => Record::Turn(head.auxiliary),
                Kind::CaseEnd => Record::CaseEnd(self.mark(head, payload)),
                Kind::Call => Record::Call(self.call(head, payload)?),
                Kind::Output => Record::Output {
                    tag: head.tag,
                    bytes: self.payload(head, payload),
                },
                Kind::Note => Record::Note {
                    tag: head.tag,
                    bytes: self.payload(head, payload),
                },
                Kind::Lanes => return Some((range, What::Lanes(head))),
                Kind::Full | Kind::Joined => return Some((range, What::Nothing)),
            };
            Some((range, What::Record(record)))
        })
    }

    fn payload(self, head: Head, offset: usize) -> &'j [u8] {
        let end = offset + head.auxiliary as usize;
        self.bytes.get(offset..end).unwrap_or_default()
    }

    fn mark(self, head: Head, offset: usize) -> CaseMark {
        CaseMark {
            case: head.auxiliary,
            stdout: self.word(offset),
            stderr: self.word(offset + 8),
        }
    }

    fn call(self, head: Head, offset: usize) -> Option<CallRecord> {
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

/// What stands at a place of a journal.
enum What<'j> {
    Record(Record<'j>),
    /// A block of lanes.
    Lanes(Head),
    /// Something that is only for the walk.
    Nothing,
}
