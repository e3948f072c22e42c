//! The prepared form of a call: its words, its memory, what to patch in before it is made, and
//! where its outputs appear.

use crate::cryptoki::Function;
use crate::memory::GuardedBuffer;
use crate::sequence::reference::Selector;
use crate::sequence::{BufferSize, Content, Number};

use super::call::Words;

/// A step ready to run.
pub(super) enum PreparedStep {
    Call(Box<PreparedCall>),
    ForEach {
        list: Source,
        bind: usize,
        steps: Vec<PreparedStep>,
    },
}

/// A call ready to be made.
pub(super) struct PreparedCall {
    pub(super) function: Function,
    pub(super) number: u32,
    /// False if the module's function list lacks it.
    pub(super) present: bool,
    pub(super) words: Words,
    /// Memory that lives as long as the prepared sequence.
    pub(super) buffers: Vec<GuardedBuffer>,
    /// Memory whose size only an earlier call told; renewed each time.
    pub(super) dynamic: Vec<GuardedBuffer>,
    pub(super) blobs: Vec<Blob>,
    pub(super) patches: Vec<Patch>,
    pub(super) outputs: Vec<Output>,
    pub(super) gives: Vec<Give>,
    pub(super) returns: Vec<u64>,
    /// If not empty, every return value but these is right.
    pub(super) except: Vec<u64>,
    pub(super) not_applicable: Vec<u64>,
    pub(super) keep_going: bool,
}

impl PreparedCall {
    pub(super) fn is_right(&self, rv: u64) -> bool {
        if self.except.is_empty() {
            self.returns.contains(&rv)
        } else {
            !self.except.contains(&rv)
        }
    }

    #[inline]
    pub(super) fn set(&mut self, place: Place, value: u64) {
        match place {
            Place::Word(word) => self.words[word] = value as usize,
            Place::Memory {
                buffer,
                offset,
                width,
            } => {
                let bytes = value.to_ne_bytes();
                let memory = &mut self.buffers[buffer].as_mut_slice()[offset..offset + width];
                // Of a size known here, it is one store and no call.
                match <&mut [u8; 8]>::try_from(&mut *memory) {
                    Ok(word) => *word = bytes,
                    Err(_) => memory.copy_from_slice(&bytes[..width]),
                }
            }
        }
    }

    #[inline]
    pub(super) fn get(&self, buffer: usize, offset: usize) -> u64 {
        let bytes = self.buffers[buffer].as_slice().get(offset..offset + 8);
        bytes.map_or(0, |bytes| {
            u64::from_ne_bytes(bytes.try_into().unwrap_or_default())
        })
    }
}

/// Where a value is put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// An argument.
    Word(usize),
    /// Bytes of one of the call's buffers.
    Memory {
        buffer: usize,
        offset: usize,
        width: usize,
    },
}

impl Place {
    /// Eight bytes of a buffer: a `CK_ULONG` or a pointer.
    pub(super) fn ulong(buffer: usize, offset: usize) -> Self {
        Self::Memory {
            buffer,
            offset,
            width: 8,
        }
    }
}

/// A part of what an earlier call gave.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) register: usize,
    pub(super) path: Vec<Selector>,
}

/// A number to put in place before the call.
pub(super) struct Patch {
    pub(super) place: Place,
    pub(super) source: Source,
}

/// Bytes to put in place before the call.
pub(super) struct Blob {
    pub(super) content: Content,
    pub(super) pointer: BlobPlace,
    pub(super) length: Option<Place>,
}

/// Where the bytes of a blob go.
pub(super) enum BlobPlace {
    /// Into memory of their own, whose address is put here.
    Pointer(Place),
    /// Into a buffer, at most `room` of them.
    Inline {
        buffer: usize,
        offset: usize,
        room: usize,
    },
}

/// An output to keep.
pub(super) struct Give {
    pub(super) parameter: usize,
    pub(super) path: Vec<Selector>,
    pub(super) register: usize,
}

/// Where an output appears.
pub(super) struct Output {
    /// Index of the parameter: the tag of the journal's record.
    pub(super) parameter: usize,
    pub(super) shape: OutputShape,
}

/// What an output looks like in memory.
pub(super) enum OutputShape {
    /// One `CK_ULONG`.
    Ulong { buffer: usize },
    /// A structure.
    Record { buffer: usize },
    /// An array with a length that goes in and out, only in, or in and separately out.
    Array(Box<Array>),
    /// The attributes of a template.
    Template { array: usize, values: Vec<OutValue> },
    /// A pointer to a function list or an interface.
    Table { buffer: usize, interface: bool },
    /// Buffers that a message parameter points to, by field name.
    Message { fields: Vec<(String, usize)> },
}

/// An output array.
pub(super) struct Array {
    /// Bytes of an element.
    pub(super) element: usize,
    pub(super) size: BufferSize,
    pub(super) claim: Option<Number>,
    pub(super) pointer: Place,
    /// Where the number of elements that there is room for is passed by value.
    pub(super) room: Option<Place>,
    /// The buffer by which the number of elements comes back, and goes in if `room` is absent.
    pub(super) length: Option<usize>,
    pub(super) data: Option<GuardedBuffer>,
}

/// The value of an attribute that the module writes.
pub(super) struct OutValue {
    pub(super) attribute: u64,
    /// Offset of its `CK_ATTRIBUTE` in the array.
    pub(super) offset: usize,
    pub(super) size: BufferSize,
    pub(super) claim: Option<Number>,
    pub(super) data: Option<GuardedBuffer>,
}

/// True if the size is only known after asking the module.
pub(super) fn is_asked(size: &BufferSize) -> bool {
    matches!(size, BufferSize::Exact | BufferSize::Short)
}
