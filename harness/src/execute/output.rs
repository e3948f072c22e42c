//! Outputs: reading what the module left in memory, for the journal and for later calls.

use cryptoki_sys::CKR_OK;

use crate::memory::{GuardViolation, GuardedBuffer};
use crate::module::memory;
use crate::sequence::value::{DATA, NESTED, QUERY};
use crate::worker::{JournalWriter, Payload};

use super::aggregate::{ATTRIBUTE, VALUE_LEN};
use super::plan::{Array, Data, OutValue, Output, OutputShape, PreparedCall};
use super::shelf::Shelf;

impl Array {
    /// True if its elements are journaled as they are in memory.
    #[inline]
    fn is_plain(&self) -> bool {
        self.element != size_of::<cryptoki_sys::CK_INTERFACE>()
    }
}

impl PreparedCall {
    /// One output as [`crate::sequence::value::decode`] reads it: where the module wrote it, or put
    /// together in `scratch`. `None` if it cannot be read (a table at an address without memory), or
    /// if `rv` says that there is none: a buffer that was too small gives back its length alone
    /// ([PKCS11-Base 3.2] 5.2).
    pub(super) fn encoded<'s>(
        &self,
        shelf: &'s Shelf,
        shape: &'s OutputShape,
        rv: u64,
        scratch: &'s mut Vec<u8>,
    ) -> Option<&'s [u8]> {
        let too_small = rv == cryptoki_sys::CKR_BUFFER_TOO_SMALL;
        match shape {
            OutputShape::Array(array) if too_small => {
                scratch.clear();
                scratch.numbers([QUERY, self.get(shelf, array.length?, 0)]);
                Some(scratch.as_slice())
            }
            OutputShape::Template { .. } => self
                .encode(shelf, shape, scratch)
                .then_some(scratch.as_slice()),
            _ if too_small => None,
            OutputShape::Ulong { buffer } | OutputShape::Record { buffer } => {
                Some(self.memory(shelf, *buffer))
            }
            _ => self
                .encode(shelf, shape, scratch)
                .then_some(scratch.as_slice()),
        }
    }

    /// Journals one output, in the encoding of [`encoded`](Self::encoded): the usual ones are put
    /// together in the journal.
    #[inline(always)]
    pub(super) fn record(
        &self,
        shelf: &Shelf,
        output: &Output,
        rv: u64,
        scratch: &mut Vec<u8>,
        journal: &mut JournalWriter,
    ) {
        let tag = output.parameter as u16;
        match &output.shape {
            OutputShape::Ulong { buffer } | OutputShape::Record { buffer } if rv == CKR_OK => {
                journal.output(tag, self.memory(shelf, *buffer));
            }
            OutputShape::Array(array) if rv == CKR_OK && array.is_plain() => {
                if let Some(answer) = self.answer_of_array(shelf, array) {
                    journal.output_of(tag, |payload| answer.write(payload));
                }
            }
            OutputShape::Template { array, values } => {
                journal.output_of(tag, |payload| self.template(shelf, *array, values, payload));
            }
            shape => self.record_unusual(shelf, (tag, shape), rv, scratch, journal),
        }
    }

    #[cold]
    fn record_unusual(
        &self,
        shelf: &Shelf,
        (tag, shape): (u16, &OutputShape),
        rv: u64,
        scratch: &mut Vec<u8>,
        journal: &mut JournalWriter,
    ) {
        if let Some(bytes) = self.encoded(shelf, shape, rv, scratch) {
            journal.output(tag, bytes);
        }
    }

    fn encode(&self, shelf: &Shelf, shape: &OutputShape, bytes: &mut Vec<u8>) -> bool {
        bytes.clear();
        match shape {
            OutputShape::Ulong { .. } | OutputShape::Record { .. } => {}
            OutputShape::Array(array) => return self.encode_array(shelf, array, bytes),
            OutputShape::Template { array, values } => {
                self.template(shelf, *array, values, bytes);
            }
            OutputShape::Table { buffer, interface } => {
                return encode_table(self.get(shelf, *buffer, 0), *interface, bytes);
            }
            OutputShape::Message { fields } => {
                for (name, buffer) in fields {
                    sized(bytes, name.as_bytes());
                    sized(bytes, self.memory(shelf, *buffer));
                }
            }
        }
        true
    }

    fn encode_array(&self, shelf: &Shelf, array: &Array, bytes: &mut Vec<u8>) -> bool {
        let Some(answer) = self.answer_of_array(shelf, array) else {
            return false;
        };
        if array.is_plain() {
            answer.write(bytes);
        } else {
            bytes.numbers([answer.marker, answer.told]);
            let entries = answer.given.chunks_exact(array.element);
            entries.for_each(|entry| encode_interface(entry, bytes));
        }
        true
    }

    /// The bytes that a module gave for an array.
    pub(super) fn bytes<'v>(&self, shelf: &'v Shelf, shape: &'v OutputShape) -> Option<&'v [u8]> {
        match shape {
            OutputShape::Array(array) => Some(self.answer_of_array(shelf, array)?.given),
            _ => None,
        }
    }

    /// What a module answered for an array; `None` if it has neither memory nor length.
    #[inline]
    fn answer_of_array<'v>(&self, shelf: &'v Shelf, array: &'v Array) -> Option<Answer<'v>> {
        let data = self.offered(shelf, &array.data);
        let count = match (array.length, data) {
            (Some(length), _) => self.get(shelf, length, 0),
            (None, Some(data)) => (data.len() / array.element) as u64,
            (None, None) => return None,
        };
        Some(Answer::new(data, count, array.element))
    }

    /// Writes what a module answered for the values of a template.
    #[inline]
    fn template(&self, shelf: &Shelf, array: usize, values: &[OutValue], sink: &mut impl Sink) {
        for value in values {
            let length = self.get(shelf, array, value.offset + VALUE_LEN);
            if !value.nested.is_empty() {
                let given = self.nested(shelf, value, length);
                sink.numbers([value.attribute, NESTED, length, given.len() as u64]);
                sink.bytes(&given);
                continue;
            }
            let Answer {
                marker,
                told,
                given,
            } = Answer::new(self.offered(shelf, &value.data), length, 1);
            sink.numbers([value.attribute, marker, told, given.len() as u64]);
            sink.bytes(given);
            sink.pad();
        }
    }

    /// What a module answered for an array of attributes: as many as its length says, with the types that it
    /// wrote ([PKCS11-Base 3.2] 5.7.5).
    #[cold]
    fn nested(&self, shelf: &Shelf, value: &OutValue, length: u64) -> Vec<u8> {
        let mut given = Vec::new();
        let Data::Part(array) = value.data else {
            return given;
        };
        let count = length / ATTRIBUTE as u64;
        let told = value.nested.iter().take(count as usize);
        let typed = told.map(|inner| OutValue {
            attribute: self.get(shelf, array, inner.offset),
            data: match inner.data {
                Data::Part(part) => Data::Part(part),
                _ => Data::Null,
            },
            offset: inner.offset,
            offer: None,
            nested: Box::default(),
        });
        self.template(shelf, array, &typed.collect::<Vec<_>>(), &mut given);
        given
    }

    /// The memory that was offered for an output, as the module left it.
    fn offered<'d>(&self, shelf: &'d Shelf, data: &'d Data) -> Option<&'d [u8]> {
        match data {
            Data::Null => None,
            Data::Part(part) => Some(self.memory(shelf, *part)),
            Data::Own(buffer) => Some(buffer.as_slice()),
        }
    }

    /// The first violation of the memory around this call's buffers.
    #[inline]
    pub(super) fn guard_violation(&self, shelf: &Shelf) -> Option<GuardViolation> {
        let broken = |buffer: &GuardedBuffer| buffer.check().err();
        let parts = self
            .parts
            .iter()
            .map(|part| shelf.get(part.buffer as usize));
        let fixed = parts.into_iter().find_map(broken);
        if fixed.is_some() || !self.involved {
            return fixed;
        }
        self.involved_violation()
    }

    /// The first violation around the buffers that are not parts.
    #[cold]
    fn involved_violation(&self) -> Option<GuardViolation> {
        let broken = |buffer: &GuardedBuffer| buffer.check().err();
        let blobs = self.rare.dynamic.iter().find_map(broken);
        if blobs.is_some() || !self.offers {
            return blobs;
        }
        self.outputs.iter().find_map(|output| match &output.shape {
            OutputShape::Array(array) => array.data.own().and_then(broken),
            OutputShape::Template { values, .. } => values
                .iter()
                .find_map(|value| value.data.own().and_then(broken)),
            _ => None,
        })
    }
}

/// What a module answered where it was offered memory.
struct Answer<'v> {
    /// Whether there was memory.
    marker: u64,
    /// The number of elements told.
    told: u64,
    /// The bytes of them that there are.
    given: &'v [u8],
}

impl<'v> Answer<'v> {
    #[inline]
    fn new(data: Option<&'v [u8]>, told: u64, element: usize) -> Self {
        let wanted = usize::try_from(told)
            .unwrap_or(usize::MAX)
            .saturating_mul(element);
        Self {
            marker: if data.is_some() { DATA } else { QUERY },
            told,
            given: data.map_or(&[], |data| &data[..data.len().min(wanted)]),
        }
    }

    #[inline]
    fn write(&self, sink: &mut impl Sink) {
        sink.numbers([self.marker, self.told]);
        sink.bytes(self.given);
    }
}

/// Where an output is put together: the journal, or memory.
trait Sink {
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]);
    fn bytes(&mut self, bytes: &[u8]);
    /// Appends zeros up to a multiple of eight.
    fn pad(&mut self);
}

impl Sink for Payload<'_> {
    #[inline]
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        self.numbers(numbers);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }

    #[inline]
    fn pad(&mut self) {
        self.pad();
    }
}

impl Sink for Vec<u8> {
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        numbers
            .iter()
            .for_each(|number| self.extend_from_slice(&number.to_ne_bytes()));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.resize(self.len().next_multiple_of(8), 0);
    }
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u64).to_ne_bytes());
    out.extend_from_slice(bytes);
}

fn word(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..offset + 8).map_or(0, |bytes| {
        u64::from_ne_bytes(bytes.try_into().unwrap_or_default())
    })
}

/// Name, version and flags of a `CK_INTERFACE`, read without trusting its pointers.
fn encode_interface(entry: &[u8], out: &mut Vec<u8>) {
    let name = memory::read_text(word(entry, 0) as usize, 256).unwrap_or_default();
    let mut version = [0; 2];
    memory::read(word(entry, 8) as usize, &mut version);
    sized(out, name.as_bytes());
    out.extend(version);
    out.extend(&entry[16..24]);
}

/// A function list has only a version; an interface has a name and flags too.
fn encode_table(address: u64, interface: bool, out: &mut Vec<u8>) -> bool {
    if interface {
        let mut entry = [0; size_of::<cryptoki_sys::CK_INTERFACE>()];
        if memory::read(address as usize, &mut entry) < entry.len() {
            return false;
        }
        encode_interface(&entry, out);
        return true;
    }
    let mut version = [0; 2];
    if memory::read(address as usize, &mut version) < version.len() {
        return false;
    }
    sized(out, b"");
    out.extend(version);
    out.extend([0; 8]);
    true
}
