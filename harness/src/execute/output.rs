//! Outputs: offering memory for them before a call, and reading what the module left there.

use cryptoki_sys::CKR_OK;

use crate::memory::{Arena, GuardViolation, GuardedBuffer, OutOfMemory};
use crate::module::memory;
use crate::sequence::value::{DATA, QUERY};
use crate::sequence::{BufferSize, Number};
use crate::worker::{JournalWriter, Payload};

use super::aggregate::{VALUE, VALUE_LEN};
use super::plan::{Array, Data, OutValue, Output, OutputShape, Place, PreparedCall, is_asked};
use super::shelf::Shelf;

/// Largest buffer that a module can make the executor offer by naming a size, bytes.
pub(super) const MAX_ASKED: u64 = 64 << 20;

/// Numbers of a call that only earlier calls gave.
pub(super) type Resolve<'r> = dyn Fn(&Number) -> Option<u64> + 'r;

/// Why no memory could be offered.
#[derive(Debug)]
pub(super) enum OfferError {
    OutOfMemory(OutOfMemory),
    Unresolved,
    /// The module named this size when asked.
    Absurd(u64),
}

impl From<OutOfMemory> for OfferError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl Output {
    /// True if its size must be asked of the module first.
    pub(super) fn asks(&self) -> bool {
        match &self.shape {
            OutputShape::Array(array) => array.offer.room.is_none() && is_asked(&array.offer.size),
            OutputShape::Template { values, .. } => values.iter().any(OutValue::asks),
            _ => false,
        }
    }

    /// True if memory for it must be offered before every call.
    pub(super) fn is_offered(&self) -> bool {
        let is_open = |data: &Data| !matches!(data, Data::Part(_));
        match &self.shape {
            OutputShape::Array(array) => is_open(&array.data),
            OutputShape::Template { values, .. } => values.iter().any(|v| is_open(&v.data)),
            _ => false,
        }
    }
}

impl Array {
    /// True if its elements are journaled as they are in memory.
    #[inline]
    fn is_plain(&self) -> bool {
        self.element != size_of::<cryptoki_sys::CK_INTERFACE>()
    }
}

impl OutValue {
    fn asks(&self) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|offer| is_asked(&offer.size))
    }
}

impl PreparedCall {
    /// Offers memory for every output. In a question, outputs whose size is asked for are NULL.
    pub(super) fn offer(
        &mut self,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let result = outputs
            .iter_mut()
            .try_for_each(|output| match &mut output.shape {
                OutputShape::Array(array) => {
                    self.offer_array(array, (arena, &mut *shelf), resolve, question)
                }
                OutputShape::Template { array, values } => {
                    values.iter_mut().try_for_each(|value| {
                        self.offer_value(*array, value, (arena, &mut *shelf), resolve, question)
                    })
                }
                _ => Ok(()),
            });
        self.outputs = outputs;
        result
    }

    fn offer_array(
        &mut self,
        array: &mut Array,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        if matches!(array.data, Data::Part(_)) {
            return Ok(());
        }
        let count = match (&array.offer.size, array.length) {
            (BufferSize::Null, _) => None,
            (size, _) if is_asked(size) && question => None,
            (BufferSize::Elements(number), _) => {
                Some(resolve(number).ok_or(OfferError::Unresolved)?)
            }
            (size, Some(length)) => Some(asked(size, self.get(shelf, length, 0))),
            (_, None) => None,
        };
        let claim = match &array.offer.claim {
            Some(number) if !question => Some(resolve(number).ok_or(OfferError::Unresolved)?),
            _ => None,
        };
        renew(
            &mut array.data,
            count,
            array.element,
            arena,
            u64::from(self.number),
        )?;
        let address = array.data.address();
        self.set(shelf, array.offer.pointer, address as u64);
        let told = claim.or(count).unwrap_or(0);
        match (array.offer.room, array.length) {
            (Some(room), length) => {
                self.set(shelf, room, told);
                if let Some(length) = length {
                    self.set(shelf, Place::ulong(length, 0), 0);
                }
            }
            (None, Some(length)) => self.set(shelf, Place::ulong(length, 0), told),
            (None, None) => {}
        }
        Ok(())
    }

    fn offer_value(
        &mut self,
        array: usize,
        value: &mut OutValue,
        (arena, shelf): (&Arena, &mut Shelf),
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        if matches!(value.data, Data::Part(_)) {
            return Ok(());
        }
        let Some(offer) = &value.offer else {
            return Ok(());
        };
        let length = Place::ulong(array, value.offset + VALUE_LEN);
        let count = match &offer.size {
            BufferSize::Null => None,
            size if is_asked(size) && question => None,
            BufferSize::Elements(number) => Some(resolve(number).ok_or(OfferError::Unresolved)?),
            size => match self.get(shelf, array, value.offset + VALUE_LEN) {
                cryptoki_sys::CK_UNAVAILABLE_INFORMATION => None,
                told => Some(asked(size, told)),
            },
        };
        renew(&mut value.data, count, 1, arena, u64::from(self.number))?;
        let address = value.data.address();
        let claim = offer
            .claim
            .as_ref()
            .map(|claim| resolve(claim).ok_or(OfferError::Unresolved));
        self.set(shelf, Place::ulong(array, value.offset), value.attribute);
        self.set(
            shelf,
            Place::ulong(array, value.offset + VALUE),
            address as u64,
        );
        self.set(shelf, length, claim.transpose()?.or(count).unwrap_or(0));
        Ok(())
    }

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
    #[inline]
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

impl Data {
    fn own(&self) -> Option<&GuardedBuffer> {
        match self {
            Data::Own(buffer) => Some(buffer),
            _ => None,
        }
    }

    fn address(&self) -> usize {
        self.own().map_or(0, |data| data.ptr().expose_provenance())
    }
}

/// The number of elements to offer after the module named `told`.
fn asked(size: &BufferSize, told: u64) -> u64 {
    match size {
        BufferSize::Short => told.saturating_sub(1),
        _ => told,
    }
}

/// Makes `data` a fresh buffer of `count` elements, reusing the memory if the size is the same.
fn renew(
    data: &mut Data,
    count: Option<u64>,
    element: usize,
    arena: &Arena,
    label: u64,
) -> Result<(), OfferError> {
    let Some(count) = count else {
        *data = Data::Null;
        return Ok(());
    };
    let length = count.saturating_mul(element as u64);
    if length > MAX_ASKED {
        return Err(OfferError::Absurd(count));
    }
    let length = length as usize;
    match data {
        Data::Own(buffer) if buffer.len() == length => buffer.fill(crate::memory::UNTOUCHED),
        _ => {
            let mut buffer = arena.take_aligned(length, element.min(8).next_power_of_two())?;
            buffer.set_label(label);
            *data = Data::Own(buffer);
        }
    }
    Ok(())
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
