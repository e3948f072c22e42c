//! Steps laid out in memory that they share, for a sequence or for many that have most of their steps in common.

use std::sync::Arc;

use cryptoki_sys::CK_FUNCTION_LIST_3_2;

use super::lanes::Block;
use super::plan::PreparedStep;
use super::prepare::{Defaults, Preparer, Registers};
use super::run::{Options, Prepared};
use super::shelf::Shelf;
use crate::memory::{Arena, OutOfMemory};
use crate::sequence::{Sequence, Step, Value};

/// Steps being laid out one list after the other, with what they share.
pub(super) struct Layout {
    arena: Arena,
    shelf: Shelf,
    registers: Registers,
    blocks: Vec<Block>,
    options: Options,
}

impl Layout {
    /// For a sequence and others like it.
    pub(super) fn new(arena: &Arena, sequence: &Sequence, options: Options) -> Self {
        Self {
            arena: arena.clone(),
            shelf: Shelf::for_steps(&sequence.steps, options.apart),
            registers: Registers::default(),
            blocks: Vec::new(),
            options,
        }
    }

    /// Lays out some more.
    pub(super) fn steps(
        &mut self,
        steps: &[Step],
        table: &CK_FUNCTION_LIST_3_2,
        defaults: &Defaults,
    ) -> Result<Vec<PreparedStep>, OutOfMemory> {
        let mut preparer = Preparer {
            arena: &self.arena,
            shelf: &mut self.shelf,
            registers: &mut self.registers,
            defaults,
            table,
            blocks: &mut self.blocks,
        };
        preparer.steps(steps)
    }

    /// Ready to run.
    pub(super) fn finish<'t>(
        self,
        steps: Vec<PreparedStep>,
        table: &'t CK_FUNCTION_LIST_3_2,
        given: &[(String, Value)],
    ) -> Prepared<'t> {
        let mut values = vec![None; self.registers.len()];
        for (name, value) in given {
            if let Some(register) = self.registers.get(name) {
                values[register] = Some(value.clone());
            }
        }
        Prepared {
            blocks: self.blocks,
            ..Prepared::at_rest(
                steps,
                (Arc::new(self.registers), values),
                (self.arena, self.shelf),
                (table, self.options),
            )
        }
    }
}

impl<'t> Prepared<'t> {
    /// Steps without blocks, of which none was made yet.
    pub(super) fn at_rest(
        steps: Vec<PreparedStep>,
        (registers, values): (Arc<Registers>, Vec<Option<Value>>),
        (arena, shelf): (Arena, Shelf),
        (table, options): (&'t CK_FUNCTION_LIST_3_2, Options),
    ) -> Self {
        Self {
            steps,
            blocks: Vec::new(),
            registers,
            values,
            arena,
            shelf,
            table,
            scratch: Vec::with_capacity(512),
            options,
            lifecycle: None,
            missed: false,
            returned: 0,
            alarmed: false,
            place: None,
        }
    }
}
