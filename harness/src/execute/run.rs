//! Running a prepared sequence: patch, journal, call, journal, keep.
#![allow(unsafe_code, reason = "hands prepared words to the module's functions")]

mod fill;
mod keep;

use std::sync::Arc;

use cryptoki_sys::{CK_FUNCTION_LIST_3_2, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK};

use super::lanes::Block;
use super::layout::Layout;
use super::offer::OfferError;
use super::order::Place;
use super::plan::{PreparedCall, PreparedStep, Source};
use super::prepare::{Defaults, Registers};
use super::shelf::Shelf;
use super::stop::{Stop, leave, note};
use crate::cryptoki::Function;
use crate::memory::{Arena, GuardViolation, OutOfMemory};
use crate::sequence::content;
use crate::sequence::{MAX_ITERATIONS, Number, Sequence, Value};
use crate::worker::JournalWriter;

use fill::{UNRESOLVED, find};

/// How sequences are run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Leaves out the check of the memory next to buffers (for measuring).
    pub unguarded: bool,
    /// Gives every call buffers of its own, which keep what is put there.
    pub apart: bool,
}

/// A sequence laid out for one module's function list.
pub struct Prepared<'t> {
    pub(super) steps: Vec<PreparedStep>,
    pub(super) blocks: Vec<Block>,
    pub(super) registers: Arc<Registers>,
    pub(super) values: Vec<Option<Value>>,
    pub(super) arena: Arena,
    pub(super) shelf: Shelf,
    pub(super) table: &'t CK_FUNCTION_LIST_3_2,
    pub(super) scratch: Vec<u8>,
    pub(super) options: Options,
    pub(super) lifecycle: Option<bool>,
    /// True if a call after that said that the library is not initialised.
    pub(super) missed: bool,
    /// What the last call returned.
    pub(super) returned: u64,
    /// True once a call wrote outside its memory, or named an absurd size.
    pub(super) alarmed: bool,
    /// Where its calls stand among those of other lanes, if that is told.
    pub(super) place: Option<Place>,
}

impl<'t> Prepared<'t> {
    /// Lays out a sequence. `given` are values that references may name without any call giving
    /// them (`target`).
    ///
    /// # Errors
    /// If there is no memory for the arguments.
    pub fn new(
        sequence: &Sequence,
        table: &'t CK_FUNCTION_LIST_3_2,
        arena: &Arena,
        defaults: &Defaults,
        given: &[(String, Value)],
        options: Options,
    ) -> Result<Self, OutOfMemory> {
        let mut layout = Layout::new(arena, sequence, options);
        let steps = layout.steps(&sequence.steps, table, defaults)?;
        Ok(layout.finish(steps, table, given))
    }

    /// Runs the sequence once; gives the reason if it was left early.
    ///
    /// # Safety
    /// The sequence may be wrong on purpose, and the module may be wrong anyway: to be called in a
    /// worker, or on a module that is trusted with this sequence.
    pub unsafe fn run(&mut self, journal: &mut JournalWriter) -> Option<Stop> {
        let mut steps = std::mem::take(&mut self.steps);
        // SAFETY: passed on to the caller.
        let stop = unsafe { self.steps(&mut steps, journal) };
        self.steps = steps;
        stop
    }

    /// What was captured so far, by name.
    pub fn captured(&self) -> impl Iterator<Item = (String, Value)> {
        self.registers.names().filter_map(|(name, register)| {
            let value = self.values.get(register)?.clone()?;
            Some((name.to_owned(), value))
        })
    }

    /// Whether the library was initialised (true) or finalized (false) by the last of such calls;
    /// `None` if there was none.
    #[must_use]
    pub fn lifecycle(&self) -> Option<bool> {
        self.lifecycle
    }

    /// True if a call said that the library is not initialised, since the last that initialised or finalized it. Where it was
    /// initialised, either that is not true or it was lost: one library loses itself in a C_Initialize that it refuses.
    #[must_use]
    pub fn missed_library(&self) -> bool {
        self.missed
    }

    fn began_or_ended(&mut self, initialized: bool) {
        (self.lifecycle, self.missed) = (Some(initialized), false);
    }

    pub(super) unsafe fn steps(
        &mut self,
        steps: &mut [PreparedStep],
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        let mut rest = steps.iter_mut();
        while let Some(step) = rest.next() {
            let stop = match step {
                PreparedStep::Call(call) => {
                    if let Some(place) = &mut self.place {
                        place.wait();
                    }
                    let next = rest.as_slice().first();
                    // SAFETY: passed on to the caller.
                    unsafe { self.call(call, next, journal) }
                }
                PreparedStep::ForEach { list, bind, steps } => {
                    // SAFETY: passed on to the caller.
                    unsafe { self.for_each(list, *bind, steps, journal) }
                }
                // SAFETY: passed on to the caller.
                PreparedStep::Together(block) => unsafe { self.together(*block, journal) },
                // SAFETY: passed on to the caller.
                PreparedStep::InChild(block) => unsafe { self.in_child(*block, journal) },
                PreparedStep::BetweenParts => leave(
                    journal,
                    Stop::Unresolved,
                    "the library and the token stay where they are here",
                ),
                PreparedStep::Pause(time) => {
                    std::thread::sleep(*time);
                    None
                }
            };
            if stop.is_some() {
                return stop;
            }
        }
        None
    }

    unsafe fn for_each(
        &mut self,
        list: &Source,
        bind: usize,
        steps: &mut [PreparedStep],
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        let Some(Value::List(items)) = self.value(list) else {
            return leave(journal, Stop::Unresolved, "a loop's list has no value");
        };
        if items.len() > MAX_ITERATIONS {
            journal.note(note::CUT, format!("{} elements", items.len()).as_bytes());
        }
        for item in items.into_iter().take(MAX_ITERATIONS) {
            self.values[bind] = Some(item);
            // SAFETY: passed on to the caller.
            if let Some(stop) = unsafe { self.steps(steps, journal) } {
                return Some(stop);
            }
        }
        None
    }

    /// Makes one call.
    #[inline]
    pub(super) unsafe fn call(
        &mut self,
        prepared: &mut PreparedCall,
        next: Option<&PreparedStep>,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        for patch in &prepared.patches {
            let value = self.values[patch.register as usize].as_ref();
            let Some(number) = value.and_then(Value::as_number) else {
                return unresolved(journal, prepared);
            };
            prepared.words[patch.word as usize] = number as usize;
        }
        if prepared.involved {
            // SAFETY: passed on to the caller.
            return unsafe { self.involved(prepared, next, journal) };
        }
        // SAFETY: passed on to the caller.
        let rv = unsafe { self.make(prepared, next, journal) };
        self.conclude(prepared, rv, journal)
    }

    /// Makes a call for which more than arguments is put in place, with the question before it if sizes
    /// must be asked for.
    #[inline(never)]
    unsafe fn involved(
        &mut self,
        prepared: &mut PreparedCall,
        next: Option<&PreparedStep>,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        if !prepared.rare.present {
            return leave(journal, Stop::MissingFunction, prepared.function.name());
        }
        if let Err(reason) = self.fill(prepared) {
            return leave(journal, Stop::Unresolved, &reason);
        }
        let asks = prepared.rare.asks;
        if prepared.offers
            && let Some(stop) = self.offer(prepared, journal, asks)
        {
            return Some(stop);
        }
        if asks {
            journal.note(note::QUESTION, &[]);
        }
        // SAFETY: passed on to the caller.
        let mut rv = unsafe { self.make_involved(prepared, next, journal) };
        // A template is asked for with parts missing, too: those codes still tell sizes.
        if asks && (rv == CKR_OK || is_partial(rv)) {
            if let Some(stop) = self.offer(prepared, journal, false) {
                return Some(stop);
            }
            // SAFETY: passed on to the caller.
            rv = unsafe { self.make_involved(prepared, next, journal) };
        }
        self.conclude(prepared, rv, journal)
    }

    /// [`make`](Self::make) away from the usual calls.
    #[inline(never)]
    unsafe fn make_involved(
        &mut self,
        prepared: &PreparedCall,
        next: Option<&PreparedStep>,
        journal: &mut JournalWriter,
    ) -> u64 {
        // SAFETY: passed on to the caller.
        unsafe { self.make(prepared, next, journal) }
    }

    fn offer(
        &mut self,
        prepared: &mut PreparedCall,
        journal: &mut JournalWriter,
        question: bool,
    ) -> Option<Stop> {
        let known = (self.values.as_slice(), &*self.registers);
        let resolve = |number: &Number| content::number(number, &|name| find(known, name)).ok();
        match prepared.offer((&self.arena, &mut self.shelf), &resolve, question) {
            Ok(()) => None,
            Err(OfferError::OutOfMemory(error)) => {
                leave(journal, Stop::OutOfMemory, &error.to_string())
            }
            Err(OfferError::Unresolved) => leave(
                journal,
                Stop::Unresolved,
                "the size of a buffer has no value",
            ),
            Err(OfferError::Absurd(size)) => {
                self.alarmed = true;
                journal.note(note::ABSURD, size.to_string().as_bytes());
                leave(journal, Stop::Absurd, &size.to_string())
            }
        }
    }

    /// The call itself, and what is to be done around every call.
    ///
    /// Inlined with all it needs: after a module's call the nearest cache has little left of the
    /// executor's instructions, and the fewer lines they are and the closer together, the less a call
    /// costs.
    #[inline(always)]
    unsafe fn make(
        &mut self,
        prepared: &PreparedCall,
        next: Option<&PreparedStep>,
        journal: &mut JournalWriter,
    ) -> u64 {
        prepared.load(&mut self.shelf);
        journal.call_begin(prepared.number, prepared.function as u16);
        // SAFETY: passed on to the caller of `run`.
        let rv = unsafe { (prepared.caller)(self.table, &prepared.words) };
        journal.call_end(rv);
        self.returned = rv;
        if let Some(PreparedStep::Call(next)) = next {
            next.fetch();
        }
        match (prepared.function, rv) {
            (Function::C_Initialize, CKR_OK) => self.began_or_ended(true),
            (Function::C_Finalize, CKR_OK) => self.began_or_ended(false),
            (_, CKR_CRYPTOKI_NOT_INITIALIZED) => self.missed = true,
            _ => {}
        }
        if !self.options.unguarded
            && let Some(violation) = prepared.guard_violation(&self.shelf)
        {
            self.alarmed = true;
            tell(journal, violation);
        }
        if rv == CKR_OK || is_partial(rv) {
            for output in &prepared.outputs {
                prepared.record(&self.shelf, output, rv, &mut self.scratch, journal);
            }
        }
        rv
    }

    #[inline(always)]
    fn conclude(
        &mut self,
        prepared: &PreparedCall,
        rv: u64,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        if prepared.plain && rv == CKR_OK {
            self.keep(prepared, rv);
            return None;
        }
        self.judge(prepared, rv, journal)
    }

    #[cold]
    fn judge(
        &mut self,
        prepared: &PreparedCall,
        rv: u64,
        journal: &mut JournalWriter,
    ) -> Option<Stop> {
        if prepared.rare.not_applicable.contains(&rv) {
            return leave(journal, Stop::NotApplicable, "");
        }
        if rv == CKR_OK || is_partial(rv) {
            self.keep(prepared, rv);
        }
        if prepared.is_right(rv) || prepared.rare.keep_going {
            return None;
        }
        leave(journal, Stop::WrongReturn, "")
    }
}

#[cold]
fn unresolved(journal: &mut JournalWriter, prepared: &PreparedCall) -> Option<Stop> {
    if prepared.rare.present {
        leave(journal, Stop::Unresolved, UNRESOLVED)
    } else {
        leave(journal, Stop::MissingFunction, prepared.function.name())
    }
}

#[cold]
fn tell(journal: &mut JournalWriter, violation: GuardViolation) {
    journal.note(note::GUARD, violation.to_string().as_bytes());
}

/// Codes that come with outputs although they are not `CKR_OK` ([PKCS11-Base 3.2] 5.2, 5.7.5).
fn is_partial(rv: u64) -> bool {
    use cryptoki_sys as ck;
    matches!(
        rv,
        ck::CKR_BUFFER_TOO_SMALL | ck::CKR_ATTRIBUTE_SENSITIVE | ck::CKR_ATTRIBUTE_TYPE_INVALID
    )
}
