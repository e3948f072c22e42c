//! The prepared form of a call: its words, its memory, what to patch in before it is made, and
//! where its outputs appear.
#![allow(
    unsafe_code,
    reason = "asks for cache lines, and writes to buffers by address"
)]

use std::time::Duration;

use crate::cryptoki::Function;
use crate::cryptoki::function::ParameterKind;
use crate::memory::{Arena, GuardedBuffer, OutOfMemory, UNTOUCHED};
use crate::sequence::reference::Selector;
use crate::sequence::{Buffer, BufferSize, Content, Number};

use super::call::{Caller, Words};
use super::shelf::Shelf;

/// A step ready to run.
pub(super) enum PreparedStep {
    Call(PreparedCall),
    ForEach {
        list: Source,
        bind: usize,
        steps: Vec<PreparedStep>,
    },
    /// A block of lanes, by its number.
    Together(usize),
    /// Steps of a child, a block of one lane.
    InChild(usize),
    Pause(Duration),
    BetweenParts,
}

/// A call ready to be made.
///
/// A module's call leaves little of the nearest caches, of data and of instructions: what every call
/// needs is kept close together, and what few need is kept away.
pub(super) struct PreparedCall {
    pub(super) function: Function,
    pub(super) caller: Caller,
    pub(super) number: u32,
    /// False if nothing but [`patches`](Self::patches) is to be done before the call is made.
    pub(super) involved: bool,
    pub(super) words: Words,
    /// Memory whose size is known when the sequence is laid out.
    pub(super) parts: Vec<Part>,
    /// What shared parts hold when the call begins, one after the other.
    pub(super) image: Vec<u8>,
    /// Where each word of the image goes; empty if some part is not of whole words.
    pub(super) homes: Vec<usize>,
    /// Arguments that earlier calls gave.
    pub(super) patches: Vec<Patch>,
    pub(super) outputs: Vec<Output>,
    /// False if memory for all outputs is offered by laying out the call.
    pub(super) offers: bool,
    pub(super) gives: Vec<Give>,
    /// True if `CKR_OK` is right whatever else is, so that there is nothing to look at.
    pub(super) plain: bool,
    pub(super) rare: Box<Rare>,
}

/// What few calls need.
pub(super) struct Rare {
    /// False if the module's function list lacks the function.
    pub(super) present: bool,
    /// True if some output's size must be asked of the module first.
    pub(super) asks: bool,
    pub(super) keep_going: bool,
    /// Other numbers that earlier calls gave.
    pub(super) patches: Vec<(Place, Source)>,
    /// Memory whose size only an earlier call told; renewed each time.
    pub(super) dynamic: Vec<GuardedBuffer>,
    pub(super) blobs: Vec<Blob>,
    pub(super) returns: Vec<u64>,
    /// If not empty, every return value but these is right.
    pub(super) except: Vec<u64>,
    pub(super) not_applicable: Vec<u64>,
}

impl PreparedCall {
    pub(super) fn is_right(&self, rv: u64) -> bool {
        if self.rare.except.is_empty() {
            self.rare.returns.contains(&rv)
        } else {
            !self.rare.except.contains(&rv)
        }
    }

    /// Takes one more part; gives its number.
    pub(super) fn take(
        &mut self,
        shelf: &mut Shelf,
        arena: &Arena,
        length: usize,
        align: usize,
    ) -> Result<usize, OutOfMemory> {
        let alike = |part: &&Part| part.length == length && part.align == align as u32;
        let others = self.parts.iter().filter(alike).count();
        let (buffer, shared) = shelf.take(arena, (length, align), others)?;
        let mut image = None;
        if shared {
            let whole = self.homes.len() * 8 == self.image.len() && length.is_multiple_of(8);
            image = Some(self.image.len() as u32);
            self.image.resize(self.image.len() + length, UNTOUCHED);
            let start = shelf.get(buffer).ptr();
            let words = (0..length).step_by(8);
            let words = words.map(|offset| start.wrapping_add(offset).expose_provenance());
            match whole {
                true => self.homes.extend(words),
                false => self.homes.clear(),
            }
        } else {
            shelf.get_mut(buffer).set_label(u64::from(self.number));
        }
        self.parts.push(Part {
            buffer: buffer as u32,
            align: align as u32,
            length,
            image,
        });
        Ok(self.parts.len() - 1)
    }

    /// What a part holds when the call begins.
    #[inline]
    pub(super) fn content<'c>(&'c mut self, shelf: &'c mut Shelf, part: usize) -> &'c mut [u8] {
        let part = &self.parts[part];
        match part.image {
            Some(image) => &mut self.image[image as usize..][..part.length],
            None => shelf.get_mut(part.buffer as usize).as_mut_slice(),
        }
    }

    /// Puts what shared parts are to hold in place.
    ///
    /// Word by word: contents are a few words, and this is done for every call.
    #[inline]
    pub(super) fn load(&self, shelf: &mut Shelf) {
        if self.homes.len() * 8 != self.image.len() {
            return self.load_ragged(shelf);
        }
        for (home, word) in self.homes.iter().zip(self.image.as_chunks::<8>().0) {
            let home = std::ptr::with_exposed_provenance_mut::<[u8; 8]>(*home);
            // SAFETY: a word of a buffer of the shelf, which has them as long as it lives and is
            // borrowed exclusively. Volatile keeps the loop from becoming larger than its work.
            unsafe { home.write_volatile(*word) };
        }
    }

    /// [`load`](Self::load) where some part is not of whole words.
    #[inline(never)]
    fn load_ragged(&self, shelf: &mut Shelf) {
        let mut image = self.image.as_slice();
        for part in self.parts.iter().filter(|part| part.image.is_some()) {
            let buffer = shelf.get_mut(part.buffer as usize).as_mut_slice();
            let content;
            (content, image) = image.split_at(buffer.len());
            buffer.copy_from_slice(content);
        }
    }

    /// Asks for the memory that this call's preparation will read: the call before has just
    /// returned, and what is left to do for it takes as long.
    #[inline]
    pub(super) fn fetch(&self) {
        fetch(std::ptr::from_ref(self).wrapping_byte_add(0));
        fetch(std::ptr::from_ref(self).wrapping_byte_add(64));
        fetch(std::ptr::from_ref(self).wrapping_byte_add(128));
        fetch(std::ptr::from_ref(self).wrapping_byte_add(192));
        fetch(self.parts.as_ptr());
        fetch(self.image.as_ptr());
        fetch(self.homes.as_ptr());
        fetch(self.patches.as_ptr());
        fetch(self.outputs.as_ptr());
    }

    /// A part's memory as the module left it.
    #[inline]
    pub(super) fn memory<'s>(&self, shelf: &'s Shelf, part: usize) -> &'s [u8] {
        shelf.get(self.parts[part].buffer as usize).as_slice()
    }

    /// Sets an argument, or what memory holds when the call begins.
    #[inline]
    pub(super) fn set(&mut self, shelf: &mut Shelf, place: Place, value: u64) {
        match place {
            Place::Word(word) => self.words[word as usize] = value as usize,
            Place::Memory {
                buffer,
                offset,
                width,
            } => {
                let bytes = value.to_ne_bytes();
                let (offset, width) = (offset as usize, width as usize);
                let memory = &mut self.content(shelf, buffer as usize)[offset..offset + width];
                // Of a size known here, it is one store and no call.
                match <&mut [u8; 8]>::try_from(&mut *memory) {
                    Ok(word) => *word = bytes,
                    Err(_) => memory.copy_from_slice(&bytes[..width]),
                }
            }
        }
    }

    /// Eight bytes as the module left them.
    #[inline]
    pub(super) fn get(&self, shelf: &Shelf, buffer: usize, offset: usize) -> u64 {
        let bytes = self.memory(shelf, buffer).get(offset..offset + 8);
        bytes.map_or(0, |bytes| {
            u64::from_ne_bytes(bytes.try_into().unwrap_or_default())
        })
    }
}

/// Asks for the line of an address.
#[inline]
fn fetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which does nothing at an address without memory.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Memory of a call.
#[derive(Debug)]
pub(super) struct Part {
    /// Which buffer of the shelf.
    pub(super) buffer: u32,
    align: u32,
    length: usize,
    /// Where in the call's image its content begins; absent if no other call has the buffer, which
    /// then keeps what is put there.
    image: Option<u32>,
}

/// Where a value is put.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// An argument.
    Word(u8),
    /// Bytes of one of the call's parts.
    Memory { buffer: u32, offset: u32, width: u8 },
}

impl Place {
    /// A word of the arguments.
    pub(super) fn word(word: usize) -> Self {
        Self::Word(word as u8)
    }

    /// At most eight bytes of a part.
    pub(super) fn memory(buffer: usize, offset: usize, width: usize) -> Self {
        Self::Memory {
            buffer: buffer as u32,
            offset: offset as u32,
            width: width as u8,
        }
    }

    /// Eight bytes of a buffer: a `CK_ULONG` or a pointer.
    pub(super) fn ulong(buffer: usize, offset: usize) -> Self {
        Self::memory(buffer, offset, 8)
    }
}

/// A part of what an earlier call gave.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) register: usize,
    pub(super) path: Vec<Selector>,
}

/// An argument to set before the call to the whole of what an earlier call gave.
pub(super) struct Patch {
    pub(super) word: u32,
    pub(super) register: u32,
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
    pub(super) register: usize,
    pub(super) from: From,
}

/// What is kept of an output.
pub(super) enum From {
    /// The number that a part holds.
    Number { part: usize },
    /// What a path selects of the output of this kind and place among the call's outputs.
    Output {
        kind: ParameterKind,
        output: usize,
        path: Vec<Selector>,
    },
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
    Array(Array),
    /// The attributes of a template.
    Template {
        array: usize,
        values: Box<[OutValue]>,
    },
    /// A pointer to a function list or an interface.
    Table { buffer: usize, interface: bool },
    /// Buffers that a message parameter points to, by field name.
    Message { fields: Vec<(String, usize)> },
}

/// An output array.
pub(super) struct Array {
    /// Bytes of an element.
    pub(super) element: usize,
    /// The part by which the number of elements comes back, and goes in if `room` is absent.
    pub(super) length: Option<usize>,
    pub(super) data: Data,
    pub(super) offer: Box<Offer>,
}

/// What is offered for an array if it is not a part.
pub(super) struct Offer {
    pub(super) size: BufferSize,
    pub(super) claim: Option<Number>,
    pub(super) pointer: Place,
    /// Where the number of elements that there is room for is passed by value.
    pub(super) room: Option<Place>,
}

/// The memory that is offered for an output.
#[derive(Debug)]
pub(super) enum Data {
    /// None.
    Null,
    /// A part of the call, made for good when the call is laid out.
    Part(usize),
    /// Of a size that is told later, or large.
    Own(GuardedBuffer),
}

/// The value of an attribute that the module writes.
pub(super) struct OutValue {
    pub(super) attribute: u64,
    /// Offset of its `CK_ATTRIBUTE` in the array.
    pub(super) offset: usize,
    pub(super) data: Data,
    /// What is offered if `data` is not a part.
    pub(super) offer: Option<Box<Buffer>>,
    /// Where `data` is an array of attributes: what the module writes for each of them.
    pub(super) nested: Box<[OutValue]>,
}

/// True if the size is only known after asking the module.
pub(super) fn is_asked(size: &BufferSize) -> bool {
    matches!(size, BufferSize::Exact | BufferSize::Short)
}
