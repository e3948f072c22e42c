//! Putting in place what earlier calls gave: parts of values, and bytes.

use super::super::plan::{BlobPlace, Place, PreparedCall};
use super::super::prepare::Registers;
use super::Prepared;
use crate::memory::GuardedBuffer;
use crate::sequence::{Value, content};

/// What a reference without a value is journaled as.
pub(super) const UNRESOLVED: &str = "an argument refers to what no call gave";

impl Prepared<'_> {
    /// Fills in what earlier calls gave, but for whole arguments.
    pub(super) fn fill(&mut self, prepared: &mut PreparedCall) -> Result<(), String> {
        for index in 0..prepared.rare.patches.len() {
            let (place, source) = &prepared.rare.patches[index];
            let value = self.values[source.register].as_ref();
            let number = value.and_then(|value| value.number_at(&source.path));
            let (place, number) = (*place, number.ok_or(UNRESOLVED)?);
            prepared.set(&mut self.shelf, place, number);
        }
        if !prepared.rare.blobs.is_empty() {
            self.fill_blobs(prepared)?;
        }
        Ok(())
    }

    fn fill_blobs(&mut self, prepared: &mut PreparedCall) -> Result<(), String> {
        prepared.rare.dynamic.clear();
        let blobs = std::mem::take(&mut prepared.rare.blobs);
        let result = blobs.iter().try_for_each(|blob| {
            let bytes = content::bytes(&blob.content, &|name| {
                find((&self.values, &*self.registers), name)
            })
            .map_err(|error| error.to_string())?;
            match blob.pointer {
                BlobPlace::Pointer(place) => {
                    let buffer = self
                        .arena
                        .take(bytes.len())
                        .map_err(|error| error.to_string())?;
                    self.own(prepared, buffer, &bytes, place);
                }
                BlobPlace::Inline {
                    buffer,
                    offset,
                    room,
                } => {
                    let count = bytes.len().min(room);
                    let memory = prepared.content(&mut self.shelf, buffer);
                    memory[offset..offset + count].copy_from_slice(&bytes[..count]);
                }
            }
            if let Some(length) = blob.length {
                prepared.set(&mut self.shelf, length, bytes.len() as u64);
            }
            Ok(())
        });
        prepared.rare.blobs = blobs;
        result
    }

    fn own(
        &mut self,
        prepared: &mut PreparedCall,
        mut buffer: GuardedBuffer,
        bytes: &[u8],
        place: Place,
    ) {
        buffer.as_mut_slice().copy_from_slice(bytes);
        buffer.set_label(u64::from(prepared.number));
        prepared.set(
            &mut self.shelf,
            place,
            buffer.ptr().expose_provenance() as u64,
        );
        prepared.rare.dynamic.push(buffer);
    }
}

/// The value of a name.
pub(super) fn find(
    (values, registers): (&[Option<Value>], &Registers),
    name: &str,
) -> Option<Value> {
    values.get(registers.get(name)?)?.clone()
}
