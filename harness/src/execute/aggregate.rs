//! Laying out what consists of parts: templates, mechanisms, structures, init arguments.

use super::callbacks;
use super::plan::{Blob, BlobPlace, Data, OutValue, OutputShape, Place, PreparedCall};
use super::prepare::{Preparer, Slot};
use crate::cryptoki::structure::{self, Field, FieldType, Layout};
use crate::memory::OutOfMemory;
use crate::sequence::content;
use crate::sequence::{
    Attribute, AttributeValue, Bytes, Content, FieldValue, InitArgs, MechanismArgument, Mutexes,
    Number, ParameterValue, Reserved, Structure, Template,
};

/// Size of a `CK_ATTRIBUTE`: type, pointer, length.
pub(super) const ATTRIBUTE: usize = size_of::<cryptoki_sys::CK_ATTRIBUTE>();
/// Offset of `pValue`.
pub(super) const VALUE: usize = 8;
/// Offset of `ulValueLen`.
pub(super) const VALUE_LEN: usize = 16;

/// A structure in memory: its buffer, its size, and the buffers of its byte pointers by field name.
type Placed = (usize, usize, Vec<(String, usize)>);

impl Preparer<'_> {
    /// A template argument: pointer and count; values the module writes become one output.
    pub(super) fn template(
        &mut self,
        slot: &mut Slot<'_>,
        template: &Template,
    ) -> Result<(), OutOfMemory> {
        let count = Place::word(slot.word + 1);
        slot.prepared
            .set(self.shelf, count, template.attributes.len() as u64);
        if let Some(claim) = &template.claim {
            self.number(slot.prepared, claim, count);
        }
        // Without attributes the pointer is NULL, whatever the claim.
        if template.attributes.is_empty() {
            return Ok(());
        }
        let (array, values) = self.attributes(slot.prepared, &template.attributes)?;
        self.point(slot.prepared, Place::word(slot.word), array);
        if !values.is_empty() {
            slot.output(OutputShape::Template {
                array,
                values: values.into(),
            });
        }
        Ok(())
    }

    /// An array of `CK_ATTRIBUTE`: its buffer, and the values that the module writes.
    fn attributes(
        &mut self,
        call: &mut PreparedCall,
        attributes: &[Attribute],
    ) -> Result<(usize, Vec<OutValue>), OutOfMemory> {
        let array = self.take(call, attributes.len() * ATTRIBUTE, 8)?;
        let mut outputs = Vec::new();
        for (index, attribute) in attributes.iter().enumerate() {
            let offset = index * ATTRIBUTE;
            call.set(self.shelf, Place::ulong(array, offset), attribute.attribute);
            let pointer = Place::ulong(array, offset + VALUE);
            let length = Place::ulong(array, offset + VALUE_LEN);
            match &attribute.value {
                AttributeValue::Buffer(buffer) => outputs.push(OutValue {
                    attribute: attribute.attribute,
                    offset,
                    data: self.data(call, buffer, 1, pointer, Some(length))?,
                    offer: Some(Box::new(buffer.clone())),
                    nested: Box::default(),
                }),
                AttributeValue::Template(inner) => {
                    let (part, mut nested) = self.attributes(call, inner)?;
                    self.point(call, pointer, part);
                    call.set(self.shelf, length, (inner.len() * ATTRIBUTE) as u64);
                    if nested.is_empty() {
                        continue;
                    }
                    self.settle(call, part, &mut nested);
                    outputs.push(OutValue {
                        attribute: attribute.attribute,
                        offset,
                        data: Data::Part(part),
                        offer: None,
                        nested: nested.into(),
                    });
                }
                value => self.attribute_value(call, value, pointer, length)?,
            }
        }
        Ok((array, outputs))
    }

    /// Values within an array of attributes get their memory for good: whatever is not a part by now is NULL.
    fn settle(&mut self, call: &mut PreparedCall, array: usize, values: &mut [OutValue]) {
        for value in values {
            value.offer = None;
            if matches!(value.data, Data::Null) {
                call.set(self.shelf, Place::ulong(array, value.offset + VALUE), 0);
                call.set(self.shelf, Place::ulong(array, value.offset + VALUE_LEN), 0);
            }
        }
    }

    fn attribute_value(
        &mut self,
        call: &mut PreparedCall,
        value: &AttributeValue,
        pointer: Place,
        length: Place,
    ) -> Result<(), OutOfMemory> {
        match value {
            AttributeValue::Bool(byte) => {
                let content = Content::Literal(vec![*byte]);
                return self.bytes(call, &Bytes::of(content), pointer, Some(length));
            }
            AttributeValue::Bytes(bytes) => return self.bytes(call, bytes, pointer, Some(length)),
            AttributeValue::Ulong(number) => {
                self.ulongs(call, std::slice::from_ref(number), pointer)?;
                call.set(self.shelf, length, 8);
            }
            AttributeValue::Ulongs(numbers) => {
                self.ulongs(call, numbers, pointer)?;
                call.set(self.shelf, length, 8 * numbers.len() as u64);
            }
            // What the module writes is laid out where it is to be read.
            AttributeValue::Template(_) | AttributeValue::Buffer(_) => {}
        }
        Ok(())
    }

    fn ulongs(
        &mut self,
        call: &mut PreparedCall,
        numbers: &[Number],
        pointer: Place,
    ) -> Result<(), OutOfMemory> {
        let buffer = self.take(call, 8 * numbers.len(), 8)?;
        for (index, number) in numbers.iter().enumerate() {
            self.number(call, number, Place::ulong(buffer, 8 * index));
        }
        self.point(call, pointer, buffer);
        Ok(())
    }

    /// A `CK_MECHANISM` in a buffer of its own.
    pub(super) fn mechanism(
        &mut self,
        call: &mut PreparedCall,
        mechanism: &MechanismArgument,
    ) -> Result<usize, OutOfMemory> {
        let buffer = self.take(call, size_of::<cryptoki_sys::CK_MECHANISM>(), 8)?;
        self.number(call, &mechanism.mechanism, Place::ulong(buffer, 0));
        let pointer = Place::ulong(buffer, 8);
        let length = Place::ulong(buffer, 16);
        call.set(self.shelf, pointer, 0);
        call.set(self.shelf, length, 0);
        match &mechanism.parameter {
            ParameterValue::None => {}
            ParameterValue::Bytes(bytes) => self.bytes(call, bytes, pointer, Some(length))?,
            ParameterValue::Ulong(number) => {
                self.ulongs(call, std::slice::from_ref(number), pointer)?;
                call.set(self.shelf, length, 8);
            }
            ParameterValue::Structure(value) => {
                let (inner, size, _) = self.structure(call, value)?;
                self.point(call, pointer, inner);
                call.set(self.shelf, length, size as u64);
            }
        }
        if let Some(claim) = &mechanism.claim {
            self.number(call, claim, length);
        }
        Ok(buffer)
    }

    /// The parameter of a message function: what its pointers lead to may be written.
    pub(super) fn message_parameter(
        &mut self,
        slot: &mut Slot<'_>,
        value: &Structure,
    ) -> Result<(), OutOfMemory> {
        let (buffer, size, fields) = self.structure(slot.prepared, value)?;
        self.point(slot.prepared, Place::word(slot.word), buffer);
        slot.prepared
            .set(self.shelf, Place::word(slot.word + 1), size as u64);
        slot.output(OutputShape::Message { fields });
        Ok(())
    }

    /// A structure in a buffer of its own: the buffer, its size, and the buffers of its byte
    /// pointers by field name.
    fn structure(
        &mut self,
        call: &mut PreparedCall,
        value: &Structure,
    ) -> Result<Placed, OutOfMemory> {
        let Some(layout) = structure::layout(&value.name) else {
            return Ok((self.take(call, 0, 8)?, 0, Vec::new()));
        };
        let buffer = self.take(call, layout.size, 8)?;
        call.content(self.shelf, buffer).fill(0);
        let mut pointed = Vec::new();
        self.fields(call, layout, value, buffer, 0, &mut pointed)?;
        Ok((buffer, layout.size, pointed))
    }

    fn fields(
        &mut self,
        call: &mut PreparedCall,
        layout: &Layout,
        value: &Structure,
        buffer: usize,
        base: usize,
        pointed: &mut Vec<(String, usize)>,
    ) -> Result<(), OutOfMemory> {
        for (name, field_value) in &value.fields {
            let Some(field) = layout.field(name) else {
                continue;
            };
            let length = layout
                .length_of(name)
                .filter(|length| value.fields.iter().all(|(given, _)| given != length.name))
                .map(|length| Place::ulong(buffer, base + length.offset));
            let before = call.parts.len();
            self.field(
                call,
                field,
                field_value,
                (buffer, base + field.offset),
                length,
            )?;
            if matches!(field_value, FieldValue::Bytes(_)) && call.parts.len() > before {
                pointed.push((name.clone(), before));
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        call: &mut PreparedCall,
        field: &Field,
        value: &FieldValue,
        (buffer, offset): (usize, usize),
        length: Option<Place>,
    ) -> Result<(), OutOfMemory> {
        let width = match field.field_type {
            FieldType::Bool | FieldType::Byte => 1,
            _ => 8,
        };
        let place = Place::memory(buffer, offset, width);
        match (value, field.field_type) {
            (FieldValue::Number(number), _) => self.number(call, number, place),
            (FieldValue::Bytes(bytes), FieldType::Bytes(room)) => {
                self.inline(call, bytes, buffer, offset, room);
            }
            (FieldValue::Bytes(bytes), FieldType::Nested(_)) => {
                self.inline(call, bytes, buffer, offset, 2);
            }
            (FieldValue::Bytes(bytes), _) => self.bytes(call, bytes, place, length)?,
            (FieldValue::Ulongs(numbers), _) => self.ulongs(call, numbers, place)?,
            (FieldValue::Structures(list), FieldType::Nested(name)) => {
                if let (Some(inner), Some(layout)) = (list.first(), structure::layout(name)) {
                    self.fields(call, layout, inner, buffer, offset, &mut Vec::new())?;
                }
            }
            (FieldValue::Structures(list), FieldType::PointerTo(name)) => {
                self.structures(call, name, list, place)?;
            }
            (FieldValue::Structures(_), _) => {}
            (FieldValue::Mechanism(inner), _) => {
                let inner = self.mechanism(call, inner)?;
                self.point(call, place, inner);
            }
            (FieldValue::Template(attributes), _) => {
                let (array, _) = self.attributes(call, attributes)?;
                self.point(call, place, array);
            }
        }
        Ok(())
    }

    fn structures(
        &mut self,
        call: &mut PreparedCall,
        name: &str,
        list: &[Structure],
        place: Place,
    ) -> Result<(), OutOfMemory> {
        let Some(layout) = structure::layout(name) else {
            return Ok(());
        };
        let array = self.take(call, layout.size * list.len(), 8)?;
        call.content(self.shelf, array).fill(0);
        for (index, inner) in list.iter().enumerate() {
            self.fields(
                call,
                layout,
                inner,
                array,
                index * layout.size,
                &mut Vec::new(),
            )?;
        }
        self.point(call, place, array);
        Ok(())
    }

    fn inline(
        &mut self,
        call: &mut PreparedCall,
        bytes: &Bytes,
        buffer: usize,
        offset: usize,
        room: usize,
    ) {
        let Some(of) = &bytes.content else { return };
        if content::is_static(of) {
            let known = content::bytes(of, &|_| None).unwrap_or_default();
            let count = known.len().min(room);
            let memory = call.content(self.shelf, buffer);
            memory[offset..offset + count].copy_from_slice(&known[..count]);
        } else {
            self.names_in(of);
            let pointer = BlobPlace::Inline {
                buffer,
                offset,
                room,
            };
            call.rare.blobs.push(Blob {
                content: of.clone(),
                pointer,
                length: None,
            });
        }
    }

    /// `CK_C_INITIALIZE_ARGS`, or the same with `LibraryParameters` between flags and `pReserved`.
    pub(super) fn init_args(
        &mut self,
        call: &mut PreparedCall,
        args: &InitArgs,
    ) -> Result<usize, OutOfMemory> {
        const WORD: usize = 8;
        let words = if args.nss.is_some() { 7 } else { 6 };
        let buffer = self.take(call, words * WORD, 8)?;
        call.content(self.shelf, buffer).fill(0);
        let mutexes = [
            callbacks::create_mutex as *const (),
            callbacks::destroy_mutex as *const (),
            callbacks::lock_mutex as *const (),
            callbacks::unlock_mutex as *const (),
        ];
        let given = match args.mutexes {
            Mutexes::None => 0,
            Mutexes::Incomplete => 1,
            Mutexes::Callbacks => mutexes.len(),
        };
        for (index, callback) in mutexes.iter().take(given).enumerate() {
            call.set(
                self.shelf,
                Place::ulong(buffer, index * WORD),
                *callback as u64,
            );
        }
        call.set(self.shelf, Place::ulong(buffer, 4 * WORD), args.flags);
        if let Some(text) = &args.nss {
            self.c_text(call, text, Place::ulong(buffer, 5 * WORD))?;
        }
        let reserved = Place::ulong(buffer, (words - 1) * WORD);
        match &args.reserved {
            Reserved::Null => {}
            Reserved::Text(text) => self.c_text(call, text, reserved)?,
            Reserved::Pointer(value) => call.set(self.shelf, reserved, *value),
        }
        Ok(buffer)
    }

    fn c_text(
        &mut self,
        call: &mut PreparedCall,
        text: &str,
        place: Place,
    ) -> Result<(), OutOfMemory> {
        let mut terminated = text.as_bytes().to_vec();
        terminated.push(0);
        self.bytes(call, &Bytes::of(Content::Literal(terminated)), place, None)
    }
}
