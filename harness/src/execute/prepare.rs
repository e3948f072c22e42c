//! Laying out a sequence: every argument gets its words and its guarded memory before anything is
//! called.

use std::collections::HashMap;
use std::time::Duration;

use cryptoki_sys::CK_FUNCTION_LIST_3_2;

use super::lanes::{Block, Lane};
use super::plan::{
    Array, From, Give, Offer, Output, OutputShape, Place, PreparedCall, PreparedStep, Rare, Source,
};
use super::shelf::Shelf;
use super::{call, callbacks, is_present};
use crate::cryptoki::function::{Domain, Parameter, ParameterKind, Record};
use crate::cryptoki::structure;
use crate::memory::{Arena, OutOfMemory};
use crate::sequence::{
    self, ANY, Argument, Buffer, BufferSize, Call, InitArgs, Number, Reference, Step,
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

    /// All names with their registers.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0
            .iter()
            .map(|(name, register)| (name.as_str(), *register))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn source(&mut self, reference: &Reference) -> Source {
        Source {
            register: self.of(&reference.name),
            path: reference.path.clone(),
        }
    }
}

/// Everything that laying out needs.
pub(super) struct Preparer<'p> {
    pub(super) arena: &'p Arena,
    pub(super) shelf: &'p mut Shelf,
    pub(super) registers: &'p mut Registers,
    pub(super) defaults: &'p Defaults,
    pub(super) table: &'p CK_FUNCTION_LIST_3_2,
    pub(super) blocks: &'p mut Vec<Block>,
}

impl Preparer<'_> {
    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<Vec<PreparedStep>, OutOfMemory> {
        steps
            .iter()
            .map(|step| {
                Ok(match step {
                    Step::Call(call) => PreparedStep::Call(self.call(call)?),
                    Step::ForEach(each) => PreparedStep::ForEach {
                        list: self.registers.source(&each.list),
                        bind: self.registers.of(&each.bind),
                        steps: self.steps(&each.steps)?,
                    },
                    Step::Together(block) => PreparedStep::Together(self.block(
                        block.repeat,
                        &block.order,
                        &block.lanes,
                    )?),
                    Step::InChild(steps) => {
                        PreparedStep::InChild(self.block(1, &[], std::slice::from_ref(steps))?)
                    }
                    Step::Reload | Step::Token { .. } => PreparedStep::BetweenParts,
                    Step::Pause(milliseconds) => {
                        PreparedStep::Pause(Duration::from_millis((*milliseconds).into()))
                    }
                })
            })
            .collect()
    }

    /// Lays out lanes; gives the number of their block.
    fn block(
        &mut self,
        repeat: u32,
        order: &[u16],
        lanes: &[Vec<Step>],
    ) -> Result<usize, OutOfMemory> {
        let lanes = lanes.iter().map(|steps| self.lane(steps));
        let lanes = lanes.collect::<Result<_, _>>()?;
        let order = order.into();
        self.blocks.push(Block {
            repeat,
            order,
            lanes,
        });
        Ok(self.blocks.len() - 1)
    }

    /// A lane shares no memory with any other.
    fn lane(&mut self, steps: &[Step]) -> Result<Lane, OutOfMemory> {
        let arena = Arena::new();
        let mut shelf = self.shelf.beside();
        let mut preparer = Preparer {
            arena: &arena,
            shelf: &mut shelf,
            registers: self.registers,
            defaults: self.defaults,
            table: self.table,
            blocks: &mut Vec::new(),
        };
        let prepared = preparer.steps(steps)?;
        let given = sequence::calls(steps).flat_map(|call| &call.gives);
        let gives = given.map(|capture| self.registers.of(&capture.name));
        Ok(Lane {
            gives: gives.collect(),
            steps: prepared,
            arena,
            shelf,
        })
    }

    fn call(&mut self, call: &Call) -> Result<PreparedCall, OutOfMemory> {
        let mut prepared = PreparedCall {
            function: call.function,
            caller: call::caller(call.function),
            number: call.number,
            involved: false,
            words: [0; _],
            parts: Vec::new(),
            image: Vec::new(),
            homes: Vec::new(),
            patches: Vec::new(),
            outputs: Vec::new(),
            offers: false,
            gives: Vec::new(),
            plain: false,
            rare: Box::new(Rare {
                present: is_present(self.table, call.function),
                asks: false,
                keep_going: call.keep_going,
                patches: Vec::new(),
                dynamic: Vec::new(),
                blobs: Vec::new(),
                returns: call.returns.clone(),
                except: call.except.clone(),
                not_applicable: call.not_applicable.clone(),
            }),
        };
        let rare = &mut prepared.rare;
        if rare.returns.is_empty() {
            rare.returns.push(cryptoki_sys::CKR_OK);
        }
        rare.returns.extend(&call.tolerates);
        let takes_ok = rare.except == [ANY]
            || rare.except.is_empty() && rare.returns == [cryptoki_sys::CKR_OK];
        prepared.plain = takes_ok && rare.not_applicable.is_empty();
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
        prepared.offers = prepared.outputs.iter().any(Output::is_offered);
        prepared.rare.asks = prepared.outputs.iter().any(Output::asks);
        let rare = &prepared.rare;
        prepared.involved = !rare.present
            || !rare.patches.is_empty()
            || !rare.blobs.is_empty()
            || rare.asks
            || prepared.offers;
        for capture in &call.gives {
            let register = self.registers.of(&capture.name);
            let named = |p: &Parameter| p.name == capture.output.name;
            let index = parameters.iter().position(named);
            let is_it = |output: &Output| Some(output.parameter) == index;
            let output = prepared.outputs.iter().position(is_it);
            let (Some(index), Some(output)) = (index, output) else {
                continue;
            };
            let path = &capture.output.path;
            let from = match (&prepared.outputs[output].shape, parameters[index].kind) {
                (OutputShape::Ulong { buffer }, _) if path.is_empty() => {
                    From::Number { part: *buffer }
                }
                (_, kind) => From::Output {
                    kind,
                    output,
                    path: path.clone(),
                },
            };
            prepared.gives.push(Give { register, from });
        }
        Ok(prepared)
    }

    fn argument(
        &mut self,
        slot: &mut Slot<'_>,
        parameter: &Parameter,
        given: &Argument,
    ) -> Result<(), OutOfMemory> {
        let here = Place::word(slot.word);
        let next = Place::word(slot.word + 1);
        match given {
            Argument::Null => {}
            Argument::Pointer(value) => slot.prepared.set(self.shelf, here, *value),
            Argument::Callback => {
                slot.prepared
                    .set(self.shelf, here, callbacks::notify as *const () as u64)
            }
            Argument::CancellingCallback => {
                slot.prepared
                    .set(self.shelf, here, callbacks::cancel as *const () as u64)
            }
            Argument::Default => self.default(slot, parameter)?,
            Argument::Number(value) => self.number(slot.prepared, value, here),
            Argument::Version { major, minor } => {
                let buffer = self.take(slot.prepared, 2, 1)?;
                slot.prepared
                    .content(self.shelf, buffer)
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
                let args = args.completed(self.defaults.init_args.as_ref());
                let buffer = self.init_args(slot.prepared, &args)?;
                self.point(slot.prepared, here, buffer);
            }
            Argument::Buffer(buffer) => self.array(slot, parameter.kind, buffer)?,
        }
        Ok(())
    }

    fn default(&mut self, slot: &mut Slot<'_>, parameter: &Parameter) -> Result<(), OutOfMemory> {
        let here = Place::word(slot.word);
        match parameter.kind {
            ParameterKind::Ulong(Domain::Slot) => {
                slot.prepared.set(self.shelf, here, self.defaults.slot);
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
                // [PKCS11-Base 3.2] 3.6: the caller says its version, which is 0.
                if record == Record::AsyncData {
                    slot.prepared.content(self.shelf, buffer).fill(0);
                }
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
        let pointer = Place::word(slot.word);
        let second = slot.word + 1;
        let element = match kind {
            ParameterKind::OutUlongs(_) | ParameterKind::OutHandles => 8,
            ParameterKind::OutInterfaces => size_of::<cryptoki_sys::CK_INTERFACE>(),
            _ => 1,
        };
        let (room, length_word) = match kind {
            ParameterKind::OutFixed => (Some(Place::word(second)), None),
            ParameterKind::OutHandles => (Some(Place::word(second)), Some(second + 1)),
            _ => (None, Some(second)),
        };
        let length = match length_word {
            Some(word) if !buffer.null_length => {
                let length = self.take(slot.prepared, 8, 8)?;
                self.point(slot.prepared, Place::word(word), length);
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
        let (claim, told) = (
            buffer.claim.clone(),
            length.map(|length| Place::ulong(length, 0)),
        );
        let offered = Buffer {
            size,
            ..buffer.clone()
        };
        let data = self.data(slot.prepared, &offered, element, pointer, room.or(told))?;
        if let (Some(_), Some(told)) = (room, told) {
            slot.prepared.set(self.shelf, told, 0);
        }
        slot.output(OutputShape::Array(Array {
            element,
            length,
            data,
            offer: Box::new(Offer {
                size: offered.size,
                claim,
                pointer,
                room,
            }),
        }));
        Ok(())
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
