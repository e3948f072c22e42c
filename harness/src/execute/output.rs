//! Outputs: offering memory for them before a call, and reading what the module left there.

use crate::memory::{Arena, GuardedBuffer, OutOfMemory};
use crate::module::memory;
use crate::sequence::value::{DATA, QUERY};
use crate::sequence::{BufferSize, Number};

use super::aggregate::{ATTRIBUTE, VALUE, VALUE_LEN};
use super::plan::{Array, OutValue, OutputShape, Place, PreparedCall, is_asked};

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

impl PreparedCall {
    /// True if some output's size must be asked of the module first.
    pub(super) fn asks_first(&self) -> bool {
        self.outputs.iter().any(|output| match &output.shape {
            OutputShape::Array(array) => array.room.is_none() && is_asked(&array.size),
            OutputShape::Template { values, .. } => {
                values.iter().any(|value| is_asked(&value.size))
            }
            _ => false,
        })
    }

    /// Offers memory for every output. In a question, outputs whose size is asked for are NULL.
    pub(super) fn offer(
        &mut self,
        arena: &Arena,
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let result = outputs
            .iter_mut()
            .try_for_each(|output| match &mut output.shape {
                OutputShape::Array(array) => self.offer_array(array, arena, resolve, question),
                OutputShape::Template { array, values } => {
                    values.iter_mut().try_for_each(|value| {
                        self.offer_value(*array, value, arena, resolve, question)
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
        arena: &Arena,
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        let count = match (&array.size, array.length) {
            (BufferSize::Null, _) => None,
            (size, _) if is_asked(size) && question => None,
            (BufferSize::Elements(number), _) => {
                Some(resolve(number).ok_or(OfferError::Unresolved)?)
            }
            (size, Some(length)) => Some(asked(size, self.get(length, 0))),
            (_, None) => None,
        };
        let claim = match &array.claim {
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
        let address = array
            .data
            .as_ref()
            .map_or(0, |data| data.ptr().expose_provenance());
        self.set(array.pointer, address as u64);
        let told = claim.or(count).unwrap_or(0);
        match (array.room, array.length) {
            (Some(room), length) => {
                self.set(room, told);
                if let Some(length) = length {
                    self.set(Place::ulong(length, 0), 0);
                }
            }
            (None, Some(length)) => self.set(Place::ulong(length, 0), told),
            (None, None) => {}
        }
        Ok(())
    }

    fn offer_value(
        &mut self,
        array: usize,
        value: &mut OutValue,
        arena: &Arena,
        resolve: &Resolve<'_>,
        question: bool,
    ) -> Result<(), OfferError> {
        let length = Place::ulong(array, value.offset + VALUE_LEN);
        let count = match &value.size {
            BufferSize::Null => None,
            size if is_asked(size) && question => None,
            BufferSize::Elements(number) => Some(resolve(number).ok_or(OfferError::Unresolved)?),
            size => match self.get(array, value.offset + VALUE_LEN) {
                cryptoki_sys::CK_UNAVAILABLE_INFORMATION => None,
                told => Some(asked(size, told)),
            },
        };
        renew(&mut value.data, count, 1, arena, u64::from(self.number))?;
        let address = value
            .data
            .as_ref()
            .map_or(0, |data| data.ptr().expose_provenance());
        let claim = value
            .claim
            .as_ref()
            .map(|claim| resolve(claim).ok_or(OfferError::Unresolved));
        self.set(Place::ulong(array, value.offset), value.attribute);
        self.set(Place::ulong(array, value.offset + VALUE), address as u64);
        self.set(length, claim.transpose()?.or(count).unwrap_or(0));
        Ok(())
    }

    /// One output as [`crate::sequence::value::decode`] reads it: where the module wrote it, or put
    /// together in `scratch`. `None` if it cannot be read (a table at an address without memory), or
    /// if `rv` says that there is none: a buffer that was too small gives back its length alone
    /// ([PKCS11-Base 3.2] 5.2).
    pub(super) fn encoded<'s>(
        &'s self,
        shape: &OutputShape,
        rv: u64,
        scratch: &'s mut Vec<u8>,
    ) -> Option<&'s [u8]> {
        let too_small = rv == cryptoki_sys::CKR_BUFFER_TOO_SMALL;
        match shape {
            OutputShape::Array(array) if too_small => {
                scratch.clear();
                scratch.push(QUERY);
                scratch.extend_from_slice(&self.get(array.length?, 0).to_ne_bytes());
                Some(scratch.as_slice())
            }
            OutputShape::Template { .. } => {
                self.encode(shape, scratch).then_some(scratch.as_slice())
            }
            _ if too_small => None,
            OutputShape::Ulong { buffer } | OutputShape::Record { buffer } => {
                Some(self.buffers[*buffer].as_slice())
            }
            _ => self.encode(shape, scratch).then_some(scratch.as_slice()),
        }
    }

    fn encode(&self, shape: &OutputShape, bytes: &mut Vec<u8>) -> bool {
        bytes.clear();
        match shape {
            OutputShape::Ulong { .. } | OutputShape::Record { .. } => {}
            OutputShape::Array(array) => return self.encode_array(array, bytes),
            OutputShape::Template { array, values } => {
                for value in values {
                    self.encode_value(*array, value, bytes);
                }
            }
            OutputShape::Table { buffer, interface } => {
                return encode_table(self.get(*buffer, 0), *interface, bytes);
            }
            OutputShape::Message { fields } => {
                for (name, buffer) in fields {
                    sized(bytes, name.as_bytes());
                    sized(bytes, self.buffers[*buffer].as_slice());
                }
            }
        }
        true
    }

    fn encode_array(&self, array: &Array, bytes: &mut Vec<u8>) -> bool {
        let data = array.data.as_ref().map(GuardedBuffer::as_slice);
        let count = match (array.length, data) {
            (Some(length), _) => self.get(length, 0),
            (None, Some(data)) => (data.len() / array.element) as u64,
            (None, None) => return false,
        };
        let mut head = [if data.is_some() { DATA } else { QUERY }; 9];
        head[1..].copy_from_slice(&count.to_ne_bytes());
        bytes.extend_from_slice(&head);
        let wanted = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .saturating_mul(array.element);
        let given = data.map_or(&[][..], |data| &data[..data.len().min(wanted)]);
        if array.element == size_of::<cryptoki_sys::CK_INTERFACE>() {
            given
                .chunks_exact(array.element)
                .for_each(|entry| encode_interface(entry, bytes));
        } else {
            bytes.extend_from_slice(given);
        }
        true
    }

    fn encode_value(&self, array: usize, value: &OutValue, bytes: &mut Vec<u8>) {
        let attributes = self.buffers[array].as_slice();
        let entry = &attributes[value.offset..value.offset + ATTRIBUTE];
        let length = word(entry, VALUE_LEN);
        let data = value.data.as_ref().map_or(&[][..], GuardedBuffer::as_slice);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let given = &data[..data.len().min(wanted)];
        // Type, marker, length, and the length of what is here: of fixed size, so copied at once.
        let mut head = [0; 25];
        head[..8].copy_from_slice(&value.attribute.to_ne_bytes());
        head[8] = if value.data.is_some() { DATA } else { QUERY };
        head[9..17].copy_from_slice(&length.to_ne_bytes());
        head[17..].copy_from_slice(&(given.len() as u64).to_ne_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(given);
    }

    /// The first violation of the memory around this call's buffers, as text.
    pub(super) fn guard_violation(&self) -> Option<String> {
        let broken = |buffer: &GuardedBuffer| buffer.check().err().map(|found| found.to_string());
        let fixed = self.buffers.iter().chain(&self.dynamic).find_map(broken);
        fixed.or_else(|| {
            self.outputs.iter().find_map(|output| match &output.shape {
                OutputShape::Array(array) => array.data.as_ref().and_then(broken),
                OutputShape::Template { values, .. } => values
                    .iter()
                    .find_map(|value| value.data.as_ref().and_then(broken)),
                _ => None,
            })
        })
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
    data: &mut Option<GuardedBuffer>,
    count: Option<u64>,
    element: usize,
    arena: &Arena,
    label: u64,
) -> Result<(), OfferError> {
    let Some(count) = count else {
        *data = None;
        return Ok(());
    };
    let length = count.saturating_mul(element as u64);
    if length > MAX_ASKED {
        return Err(OfferError::Absurd(count));
    }
    let length = length as usize;
    match data {
        Some(buffer) if buffer.len() == length => buffer.fill(crate::memory::UNTOUCHED),
        _ => {
            let mut buffer = arena.take_aligned(length, element.min(8).next_power_of_two())?;
            buffer.set_label(label);
            *data = Some(buffer);
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
