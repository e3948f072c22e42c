//! Laying out what arguments are made of: numbers, bytes and the memory they lie in.

use super::plan::{Blob, BlobPlace, Data, Patch, Place, PreparedCall};
use super::prepare::Preparer;
use super::shelf::SHARED;
use crate::memory::OutOfMemory;
use crate::sequence::content::{self, DANGLING};
use crate::sequence::{Buffer, BufferSize, Bytes, Content, Number};

impl Preparer<'_> {
    /// Memory for an output whose size is known and small, with its place and its size told.
    /// What else is offered (or not) is settled when the call is made.
    pub(super) fn data(
        &mut self,
        call: &mut PreparedCall,
        buffer: &Buffer,
        element: usize,
        pointer: Place,
        told: Option<Place>,
    ) -> Result<Data, OutOfMemory> {
        let (BufferSize::Elements(Number::Literal(count)), None) = (&buffer.size, &buffer.claim)
        else {
            return Ok(Data::Null);
        };
        let length = count.saturating_mul(element as u64);
        if length > SHARED as u64 {
            return Ok(Data::Null);
        }
        let part = self.take(call, length as usize, element.min(8).next_power_of_two())?;
        self.point(call, pointer, part);
        if let Some(told) = told {
            call.set(self.shelf, told, *count);
        }
        Ok(Data::Part(part))
    }

    pub(super) fn take(
        &mut self,
        call: &mut PreparedCall,
        length: usize,
        align: usize,
    ) -> Result<usize, OutOfMemory> {
        call.take(self.shelf, self.arena, length, align)
    }

    /// Puts the address of a buffer in place.
    pub(super) fn point(&mut self, call: &mut PreparedCall, place: Place, part: usize) {
        let buffer = self.shelf.get(call.parts[part].buffer as usize);
        let address = buffer.ptr().expose_provenance();
        call.set(self.shelf, place, address as u64);
    }

    pub(super) fn number(&mut self, call: &mut PreparedCall, number: &Number, place: Place) {
        match number {
            Number::Literal(value) => call.set(self.shelf, place, *value),
            Number::Dangling => call.set(self.shelf, place, DANGLING),
            Number::Reference(reference) => {
                let source = self.registers.source(reference);
                match place {
                    Place::Word(word) if source.path.is_empty() => call.patches.push(Patch {
                        word: word.into(),
                        register: source.register as u32,
                    }),
                    _ => call.rare.patches.push((place, source)),
                }
            }
        }
    }

    /// Bytes: into memory now if they are known, before the call if an earlier one gives them.
    pub(super) fn bytes(
        &mut self,
        call: &mut PreparedCall,
        bytes: &Bytes,
        pointer: Place,
        length: Option<Place>,
    ) -> Result<(), OutOfMemory> {
        match &bytes.content {
            None => {
                call.set(self.shelf, pointer, 0);
                if let Some(length) = length {
                    call.set(self.shelf, length, 0);
                }
            }
            Some(content) if content::is_static(content) => {
                let known = content::bytes(content, &|_| None).unwrap_or_default();
                let buffer = self.take(call, known.len(), 1)?;
                call.content(self.shelf, buffer).copy_from_slice(&known);
                self.point(call, pointer, buffer);
                if let Some(length) = length {
                    call.set(self.shelf, length, known.len() as u64);
                }
            }
            Some(content) => {
                self.names_in(content);
                call.rare.blobs.push(Blob {
                    content: content.clone(),
                    pointer: BlobPlace::Pointer(pointer),
                    length: length.filter(|_| bytes.claim.is_none()),
                });
            }
        }
        if let (Some(claim), Some(length)) = (&bytes.claim, length) {
            self.number(call, claim, length);
        }
        Ok(())
    }

    /// Gives every name in a content a register.
    pub(super) fn names_in(&mut self, content: &Content) {
        match content {
            Content::Reference(reference) => {
                self.registers.of(&reference.name);
            }
            Content::Concat(parts) => parts.iter().for_each(|part| self.names_in(part)),
            Content::Flip { of, .. } | Content::Take { of, .. } | Content::Skip { of, .. } => {
                self.names_in(of);
            }
            _ => {}
        }
    }

    /// Text in a field of fixed size, padded with blanks ([PKCS11-Base 3.2] 5.5.7).
    pub(super) fn padded(
        &mut self,
        call: &mut PreparedCall,
        bytes: &Bytes,
        size: usize,
        place: Place,
    ) -> Result<(), OutOfMemory> {
        let Some(content) = &bytes.content else {
            return Ok(());
        };
        let buffer = self.take(call, size, 1)?;
        call.content(self.shelf, buffer).fill(b' ');
        if content::is_static(content) {
            let known = content::bytes(content, &|_| None).unwrap_or_default();
            let count = known.len().min(size);
            call.content(self.shelf, buffer)[..count].copy_from_slice(&known[..count]);
        } else {
            self.names_in(content);
            let pointer = BlobPlace::Inline {
                buffer,
                offset: 0,
                room: size,
            };
            call.rare.blobs.push(Blob {
                content: content.clone(),
                pointer,
                length: None,
            });
        }
        self.point(call, place, buffer);
        Ok(())
    }

    /// NUL-terminated text.
    pub(super) fn name(
        &mut self,
        call: &mut PreparedCall,
        bytes: &Bytes,
        place: Place,
    ) -> Result<(), OutOfMemory> {
        let Some(content) = &bytes.content else {
            return Ok(());
        };
        let terminated = Content::Concat(vec![content.clone(), Content::Literal(vec![0])]);
        self.bytes(call, &Bytes::of(terminated), place, None)
    }
}
