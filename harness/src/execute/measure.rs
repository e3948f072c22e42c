//! The loop of a benchmark: the last steps of a sequence made over and over, with as little around each
//! call as can be. Their words were laid out and their memory offered when the sequence was run once, the
//! usual way; here they are only called. Nothing is journaled: whoever runs a loop announces it before.
#![allow(unsafe_code, reason = "hands prepared words to the module's functions")]

use std::hint::black_box;

use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CK_RV, CKR_OK};

use super::aggregate::VALUE_LEN;
use super::call::{Caller, Words};
use super::plan::{Data, From, OutValue, OutputShape, PreparedCall, PreparedStep};
use super::run::Prepared;
use super::shelf::Shelf;
use crate::cryptoki::Function;

/// Steps ready to be made over and over.
pub struct Loop<'t> {
    calls: Vec<HotCall>,
    /// What calls of the loop give to later ones.
    registers: Vec<u64>,
    table: &'t CK_FUNCTION_LIST_3_2,
    /// Owns the memory that all pointers here lead to.
    _memory: Prepared<'t>,
}

/// A call of the loop.
struct HotCall {
    caller: Caller,
    words: Words,
    /// The return value that is right.
    right: u64,
    /// Arguments that calls of the loop give: word and register.
    patches: Box<[(usize, usize)]>,
    /// Lengths that the module writes over, and what they are before the call.
    resets: Box<[(*mut u64, u64)]>,
    /// Outputs that calls of the loop take: register and place.
    gives: Box<[(usize, *const u64)]>,
    step: u32,
    function: Function,
}

/// A call of a loop that returned what it should not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongReturn {
    /// Number of the step.
    pub step: u32,
    /// Its function.
    pub function: Function,
    /// What came back.
    pub rv: u64,
}

// SAFETY: as for a lane: what is counted by reference without atomics is the sequence's own arena, which
// its buffers refer to and nothing else does: they are all in here and change threads together. The
// pointers lead into those buffers. The function list is shared and only read.
unsafe impl Send for Loop<'_> {}

impl<'t> Loop<'t> {
    /// Makes a loop of the last `count` steps of a sequence that has been run once, with memory of its own
    /// for every call ([`Options::apart`](super::Options::apart)) and an arena that nothing else uses.
    ///
    /// # Errors
    /// If a step is no call, or asks for more than numbers of another call of the loop.
    pub fn new(mut prepared: Prepared<'t>, count: usize) -> Result<Self, String> {
        let first = prepared.steps.len().saturating_sub(count);
        let steps = prepared.steps.split_off(first);
        let calls = steps.iter().map(|step| match step {
            PreparedStep::Call(call) => Ok(call),
            _ => Err("only calls can be measured".to_owned()),
        });
        let calls: Vec<&PreparedCall> = calls.collect::<Result<_, _>>()?;
        let own: Vec<usize> = calls
            .iter()
            .flat_map(|call| call.gives.iter().map(|give| give.register))
            .collect();
        let hot = calls
            .iter()
            .map(|call| HotCall::new(call, &own, &prepared.shelf))
            .collect::<Result<Vec<_>, _>>()?;
        let registers = prepared.values.iter().map(|value| {
            let number = value.as_ref().and_then(crate::sequence::Value::as_number);
            number.unwrap_or_default()
        });
        let registers = registers.collect();
        // The buffers that calls own are theirs.
        prepared.steps.extend(steps);
        Ok(Self {
            calls: hot,
            registers,
            table: prepared.table,
            _memory: prepared,
        })
    }

    /// The first call: what a loop is announced as.
    #[must_use]
    pub fn first(&self) -> (u32, Function) {
        let first = self.calls.first();
        first.map_or((0, Function::C_GetInfo), |call| (call.step, call.function))
    }

    /// Calls of one iteration.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Makes the steps so often, or until a call returns what it should not.
    ///
    /// # Safety
    /// As [`Prepared::run`].
    ///
    /// # Errors
    /// The first call that returned what it should not.
    #[inline(never)]
    pub unsafe fn run(&mut self, iterations: u64) -> Result<(), WrongReturn> {
        for _ in 0..iterations {
            for call in &mut self.calls {
                for (word, register) in &call.patches {
                    call.words[*word] = self.registers[*register] as usize;
                }
                for (place, value) in &call.resets {
                    // SAFETY: eight aligned bytes of a buffer that `_memory` owns.
                    unsafe { place.write_volatile(*value) };
                }
                // SAFETY: passed on to the caller.
                let rv = unsafe { (call.caller)(self.table, &call.words) };
                if rv != call.right {
                    return Err(WrongReturn {
                        step: call.step,
                        function: call.function,
                        rv,
                    });
                }
                for (register, place) in &call.gives {
                    // SAFETY: as above.
                    self.registers[*register] = unsafe { place.read_volatile() };
                }
            }
        }
        Ok(())
    }

    /// Goes through the loop so often without the module: what the loop itself costs.
    pub fn idle(&mut self, iterations: u64) {
        let mut callers: Vec<Caller> = vec![nothing; self.calls.len()];
        let right: Vec<u64> = self.calls.iter().map(|call| call.right).collect();
        self.swap(&mut callers);
        self.calls.iter_mut().for_each(|call| call.right = CKR_OK);
        // SAFETY: `nothing` asks nothing of its words.
        let done = unsafe { self.run(iterations) };
        debug_assert!(done.is_ok());
        self.swap(&mut callers);
        let calls = self.calls.iter_mut().zip(right);
        calls.for_each(|(call, right)| call.right = right);
    }

    fn swap(&mut self, callers: &mut [Caller]) {
        for (call, caller) in self.calls.iter_mut().zip(callers) {
            std::mem::swap(&mut call.caller, caller);
        }
    }
}

/// Stands for a function of the module where none is called.
#[inline(never)]
unsafe fn nothing(table: &CK_FUNCTION_LIST_3_2, words: &Words) -> CK_RV {
    black_box((table, words));
    CKR_OK
}

impl HotCall {
    fn new(call: &PreparedCall, own: &[usize], shelf: &Shelf) -> Result<Self, String> {
        let inside = |register: usize| own.contains(&register);
        if call
            .rare
            .patches
            .iter()
            .any(|(_, source)| inside(source.register))
        {
            return Err(format!(
                "{}: what is measured may pass on whole numbers, none inside a structure",
                call.function
            ));
        }
        let patches = call.patches.iter();
        let patches = patches.map(|patch| (patch.word as usize, patch.register as usize));
        let gives = call.gives.iter().map(|give| match give.from {
            From::Number { part } => Ok((give.register, place_of(shelf, call, part).cast_const())),
            From::Output { .. } => Err(format!(
                "{}: what is measured may only keep single numbers",
                call.function
            )),
        });
        Ok(Self {
            caller: call.caller,
            words: call.words,
            right: call.rare.returns.first().copied().unwrap_or(CKR_OK),
            patches: patches.filter(|(_, register)| inside(*register)).collect(),
            resets: resets(call, shelf).into(),
            gives: gives.collect::<Result<_, _>>()?,
            step: call.number,
            function: call.function,
        })
    }
}

/// The lengths by which a module tells how much it wrote, with the room that there is.
fn resets(call: &PreparedCall, shelf: &Shelf) -> Vec<(*mut u64, u64)> {
    let room = |data: &Data| match data {
        Data::Null => 0,
        Data::Part(part) => call.memory(shelf, *part).len(),
        Data::Own(buffer) => buffer.len(),
    };
    let mut found = Vec::new();
    for output in &call.outputs {
        match &output.shape {
            OutputShape::Array(array) => {
                if let (Some(length), None) = (array.length, array.offer.room) {
                    let count = room(&array.data) / array.element;
                    found.push((place_of(shelf, call, length), count as u64));
                }
            }
            OutputShape::Template { array, values } => {
                let mut of = |array: usize, values: &[OutValue]| {
                    let base = place_of(shelf, call, array);
                    found.extend(values.iter().map(|value| {
                        let place = base.wrapping_byte_add(value.offset + VALUE_LEN);
                        (place, room(&value.data) as u64)
                    }));
                };
                of(*array, values);
                values.iter().for_each(|value| {
                    if let Data::Part(array) = value.data {
                        of(array, &value.nested);
                    }
                });
            }
            _ => {}
        }
    }
    found
}

fn place_of(shelf: &Shelf, call: &PreparedCall, part: usize) -> *mut u64 {
    shelf.get(call.parts[part].buffer as usize).ptr().cast()
}
