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
            steps,
            blocks: self.blocks,
            registers: Arc::new(self.registers),
            values,
            arena: self.arena,
            shelf: self.shelf,
            table,
            scratch: Vec::with_capacity(512),
            options: self.options,
            lifecycle: None,
            returned: 0,
            alarmed: false,
            place: None,
        }
    }
}
