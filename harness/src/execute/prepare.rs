//! Laying out a sequence: every argument gets its words and its guarded memory before anything is
//! called.

use std::collections::HashMap;

use cryptoki_sys::CK_FUNCTION_LIST_3_2;

use super::plan::{
    Array, Blob, BlobPlace, Give, Output, OutputShape, Patch, Place, PreparedCall, PreparedStep,
    Source,
};
use super::{callbacks, is_present};
use crate::cryptoki::function::{Domain, Parameter, ParameterKind};
use crate::cryptoki::structure;
use crate::memory::{Arena, OutOfMemory};
use crate::sequence::content::{self, DANGLING};
use crate::sequence::{
    Argument, Buffer, BufferSize, Bytes, Call, Content, InitArgs, Number, Reference, Step,
};

/// What every sequence of a run can refer to and what default arguments need.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The slot under test.
    pub slot: u64,
    /// The target's arguments of `C_Initialize`; `None` is NULL.
    pub init_args: Option<InitArgs>,
}

/// Names of captures and their registers.
#[derive(Debug, Default)]
pub(super) struct Registers(HashMap<String, usize>);

impl Registers {
    pub(super) fn of(&mut self, name: &str) -> usize {
        if let Some(register) = self.0.get(name) {
            return *register;
        }
        let register = self.0.len();
        self.0.insert(name.to_owned(), register);
        register
    }

    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn source(&mut self, reference: &Reference) -> Source {
        Source {
            register: self.of(&reference.name),
            path: reference.path.clone(),
        }
    }
}

/// Everything that laying out needs.
pub(super) struct Preparer<'p> {
    pub(super) arena: &'p Arena,
    pub(super) registers: &'p mut Registers,
    pub(super) defaults: &'p Defaults,
    pub(super) table: &'p CK_FUNCTION_LIST_3_2,
}

impl Preparer<'_> {
    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<Vec<PreparedStep>, OutOfMemory> {
        steps
            .iter()
            .map(|step| {
                Ok(match step {
                    Step::Call(call) => PreparedStep::Call(Box::new(self.call(call)?)),
                    Step::ForEach(each) => PreparedStep::ForEach {
                        list: self.registers.source(&each.list),
                        bind: self.registers.of(&each.bind),
                        steps: self.steps(&each.steps)?,
                    },
                })
            })
            .collect()
    }

    fn call(&mut self, call: &Call) -> Result<PreparedCall, OutOfMemory> {
        let mut prepared = PreparedCall {
            function: call.function,
            number: call.number,
            present: is_present(self.table, call.function),
            words: [0; _],
            buffers: Vec::new(),
            dynamic: Vec::new(),
            blobs: Vec::new(),
            patches: Vec::new(),
            outputs: Vec::new(),
            gives: Vec::new(),
            returns: call.returns.clone(),
            except: call.except.clone(),
            not_applicable: call.not_applicable.clone(),
            keep_going: call.keep_going,
        };
        if prepared.returns.is_empty() {
            prepared.returns.push(cryptoki_sys::CKR_OK);
        }
        let mut word = 0;
        let parameters = call.function.parameters();
        for (index, (parameter, given)) in parameters.iter().zip(&call.arguments).enumerate() {
            let mut slot = Slot {
                prepared: &mut prepared,
                index,
                word,
            };
            self.argument(&mut slot, parameter, given)?;
            word += parameter.kind.words();
        }
        for capture in &call.gives {
            let parameter = parameters
                .iter()
                .position(|p| p.name == capture.output.name);
            prepared.gives.push(Give {
                parameter: parameter.unwrap_or(usize::MAX),
                path: capture.output.path.clone(),
                register: self.registers.of(&capture.name),
            });
        }
        Ok(prepared)
    }

    fn argument(
        &mut self,
        slot: &mut Slot<'_>,
        parameter: &Parameter,
        given: &Argument,
    ) -> Result<(), OutOfMemory> {
        let here = Place::Word(slot.word);
        let next = Place::Word(slot.word + 1);
        match given {
            Argument::Null => {}
            Argument::Pointer(value) => slot.prepared.set(here, *value),
            Argument::Callback => slot
                .prepared
                .set(here, callbacks::notify as *const () as u64),
            Argument::Default => self.default(slot, parameter)?,
            Argument::Number(value) => self.number(slot.prepared, value, here),
            Argument::Version { major, minor } => {
                let buffer = self.take(slot.prepared, 2, 1)?;
                slot.prepared.buffers[buffer]
                    .as_mut_slice()
                    .copy_from_slice(&[*major, *minor]);
                self.point(slot.prepared, here, buffer);
            }
            Argument::Bytes(bytes) => match parameter.kind {
                ParameterKind::Padded(size) => self.padded(slot.prepared, bytes, size, here)?,
                ParameterKind::Name => self.name(slot.prepared, bytes, here)?,
                _ => self.bytes(slot.prepared, bytes, here, Some(next))?,
            },
            Argument::Mechanism(mechanism) => {
                let buffer = self.mechanism(slot.prepared, mechanism)?;
                self.point(slot.prepared, here, buffer);
            }
            Argument::Structure(value) => self.message_parameter(slot, value)?,
            Argument::Template(template) => self.template(slot, template)?,
            Argument::InitArgs(args) => {
                let buffer = self.init_args(slot.prepared, args)?;
                self.point(slot.prepared, here, buffer);
            }
            Argument::Buffer(buffer) => self.array(slot, parameter.kind, buffer)?,
        }
        Ok(())
    }

    fn default(&mut self, slot: &mut Slot<'_>, parameter: &Parameter) -> Result<(), OutOfMemory> {
        let here = Place::Word(slot.word);
        match parameter.kind {
            ParameterKind::Ulong(Domain::Slot) => {
                slot.prepared.set(here, self.defaults.slot);
            }
            ParameterKind::InitArgs => {
                if let Some(args) = &self.defaults.init_args {
                    let buffer = self.init_args(slot.prepared, args)?;
                    self.point(slot.prepared, here, buffer);
                }
            }
            ParameterKind::OutUlong(_) => {
                let buffer = self.take(slot.prepared, 8, 8)?;
                self.point(slot.prepared, here, buffer);
                slot.output(OutputShape::Ulong { buffer });
            }
            ParameterKind::Out(record) => {
                let layout = structure::layout(record.structure());
                let size = layout.map_or(0, |layout| layout.size);
                let buffer = self.take(slot.prepared, size, 8)?;
                self.point(slot.prepared, here, buffer);
                slot.output(OutputShape::Record { buffer });
            }
            ParameterKind::OutTable => {
                let buffer = self.take(slot.prepared, 8, 8)?;
                self.point(slot.prepared, here, buffer);
                let interface = slot.prepared.function.name() == "C_GetInterface";
                slot.output(OutputShape::Table { buffer, interface });
            }
            ParameterKind::OutTemplate | ParameterKind::MessageParameter => {}
            kind if kind.is_output() && kind.words() > 1 => {
                self.array(slot, kind, &Buffer::of(BufferSize::Exact))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Lays out an output array by the convention of its kind.
    fn array(
        &mut self,
        slot: &mut Slot<'_>,
        kind: ParameterKind,
        buffer: &Buffer,
    ) -> Result<(), OutOfMemory> {
        let pointer = Place::Word(slot.word);
        let second = slot.word + 1;
        let element = match kind {
            ParameterKind::OutUlongs(_) | ParameterKind::OutHandles => 8,
            ParameterKind::OutInterfaces => size_of::<cryptoki_sys::CK_INTERFACE>(),
            _ => 1,
        };
        let (room, length_word) = match kind {
            ParameterKind::OutFixed => (Some(Place::Word(second)), None),
            ParameterKind::OutHandles => (Some(Place::Word(second)), Some(second + 1)),
            _ => (None, Some(second)),
        };
        let length = match length_word {
            Some(word) if !buffer.null_length => {
                let length = self.take(slot.prepared, 8, 8)?;
                self.point(slot.prepared, Place::Word(word), length);
                Some(length)
            }
            _ => None,
        };
        // These have no size query: ask for a usual number instead.
        let size = match (kind, &buffer.size) {
            (ParameterKind::OutFixed | ParameterKind::OutHandles, BufferSize::Exact) => {
                BufferSize::Elements(Number::Literal(64))
            }
            (_, size) => size.clone(),
        };
        let claim = buffer.claim.clone();
        slot.output(OutputShape::Array(Box::new(Array {
            element,
            size,
            claim,
            pointer,
            room,
            length,
            data: None,
        })));
        Ok(())
    }

    // ---- words shared with the other rooms of preparation ----

    pub(super) fn take(
        &self,
        call: &mut PreparedCall,
        length: usize,
        align: usize,
    ) -> Result<usize, OutOfMemory> {
        let mut buffer = self.arena.take_aligned(length, align)?;
        buffer.set_label(u64::from(call.number));
        call.buffers.push(buffer);
        Ok(call.buffers.len() - 1)
    }

    /// Puts the address of a buffer in place.
    pub(super) fn point(&self, call: &mut PreparedCall, place: Place, buffer: usize) {
        let address = call.buffers[buffer].ptr().expose_provenance();
        call.set(place, address as u64);
    }

    pub(super) fn number(&mut self, call: &mut PreparedCall, number: &Number, place: Place) {
        match number {
            Number::Literal(value) => call.set(place, *value),
            Number::Dangling => call.set(place, DANGLING),
            Number::Reference(reference) => {
                let source = self.registers.source(reference);
                call.patches.push(Patch { place, source });
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
                call.set(pointer, 0);
                if let Some(length) = length {
                    call.set(length, 0);
                }
            }
            Some(content) if content::is_static(content) => {
                let known = content::bytes(content, &|_| None).unwrap_or_default();
                let buffer = self.take(call, known.len(), 1)?;
                call.buffers[buffer].as_mut_slice().copy_from_slice(&known);
                self.point(call, pointer, buffer);
                if let Some(length) = length {
                    call.set(length, known.len() as u64);
                }
            }
            Some(content) => {
                self.names_in(content);
                call.blobs.push(Blob {
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
            Content::Flip { of, .. } | Content::Take { of, .. } => self.names_in(of),
            _ => {}
        }
    }

    /// Text in a field of fixed size, padded with blanks ([PKCS11-Base 3.2] 5.5.7).
    fn padded(
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
        call.buffers[buffer].fill(b' ');
        if content::is_static(content) {
            let known = content::bytes(content, &|_| None).unwrap_or_default();
            let count = known.len().min(size);
            call.buffers[buffer].as_mut_slice()[..count].copy_from_slice(&known[..count]);
        } else {
            self.names_in(content);
            let pointer = BlobPlace::Inline {
                buffer,
                offset: 0,
                room: size,
            };
            call.blobs.push(Blob {
                content: content.clone(),
                pointer,
                length: None,
            });
        }
        self.point(call, place, buffer);
        Ok(())
    }

    /// NUL-terminated text.
    fn name(
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

/// The place of an argument in its call.
pub(super) struct Slot<'s> {
    pub(super) prepared: &'s mut PreparedCall,
    /// Index of the parameter.
    pub(super) index: usize,
    /// Its first word.
    pub(super) word: usize,
}

impl Slot<'_> {
    pub(super) fn output(&mut self, shape: OutputShape) {
        self.prepared.outputs.push(Output {
            parameter: self.index,
            shape,
        });
    }
}
