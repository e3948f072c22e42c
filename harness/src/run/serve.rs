//! The worker's side: loading the module, bringing it to the state each case asks for, executing.

mod parts;
mod vary;

use crate::bench::wire::{Answer, Ask, Prepare};
use crate::bench::work::Bed;
use crate::cryptoki::Function;
use crate::execute::{Defaults, note};
use crate::memory::Arena;
use crate::module::{LoadError, Module, Source};
use crate::oracle::trace::HOUSEKEEPING;
use crate::sequence::{Argument, Call, Number, Sequence, Step, Value};
use crate::worker::reach::{self, Covered};
use crate::worker::{JournalWriter, LOAD, ProcessState, serve};

use super::ladder;
use super::wire::{Batch, BatchReply, Job, Load, LoadReply, Request, from_bytes, to_bytes};

/// Room that must be left in the journal for a case to be begun.
const ROOM: usize = 4 << 20;

/// Makes this process a worker; never returns.
pub fn worker() -> ! {
    let mut state = State {
        load: None,
        module: None,
        arena: Arena::new(),
        initialized: false,
        doubtful: false,
        logged_in: false,
        may_have_objects: true,
        bed: None,
    };
    serve(&mut |request, journal| state.answer(request, journal))
}

struct State {
    /// How the module was loaded.
    load: Option<Load>,
    module: Option<Module>,
    arena: Arena,
    initialized: bool,
    /// Whether a call said that the library is not initialised, which it should be.
    doubtful: bool,
    /// Whether a session of the worker's own keeps the user logged in.
    logged_in: bool,
    /// Whether there may be objects on the token.
    may_have_objects: bool,
    /// The benchmark that is ready, and its slot.
    bed: Option<(Bed, u64)>,
}

impl State {
    fn answer(&mut self, request: &[u8], journal: &mut JournalWriter) -> Vec<u8> {
        let request: Request<'_> = from_bytes(request).expect("the parent's own format");
        let response = match request {
            Request::Load(load) => to_bytes(&self.load(&load, journal)),
            Request::Run(batch) => to_bytes(&self.run(batch, journal)),
            Request::Vary(vary) => to_bytes(&self.vary(*vary, journal)),
            Request::Bench(ask) => to_bytes(&self.bench(ask, journal)),
            Request::Unload => {
                self.bed = None;
                self.finalize(journal, 0);
                // Unloading runs the module's own destructors: journal it like loading.
                journal.call_begin(0, LOAD);
                self.module = None;
                journal.call_end(0);
                self.followed(reach::unloaded);
                to_bytes(&())
            }
        };
        response.expect("every response has a form")
    }

    fn load(&mut self, load: &Load, journal: &mut JournalWriter) -> LoadReply {
        self.load = Some(load.clone());
        if load.removal.is_some() {
            // A worker before this one may have ended without it; what is wrong the first case on it will tell.
            let _ = self.move_token(true);
        }
        match load_module(load, journal) {
            Ok(module) => {
                let facts = Box::new(module.facts().clone());
                self.module = Some(module);
                match follow(load) {
                    Some(covered) => LoadReply::Covered(facts, covered),
                    None => LoadReply::Loaded(facts),
                }
            }
            Err(error) => LoadReply::Failed(error.to_string()),
        }
    }

    fn run(&mut self, batch: Batch<'_>, journal: &mut JournalWriter) -> BatchReply {
        self.let_go(journal);
        let response = self.batch(batch, journal);
        self.followed(|| reach::case(reach::OUTSIDE));
        response
    }

    /// Does something where functions are followed.
    fn followed(&self, act: impl FnOnce()) {
        if self.load.as_ref().is_some_and(|load| load.cover.is_some()) {
            act();
        }
    }

    fn batch(&mut self, batch: Batch<'_>, journal: &mut JournalWriter) -> BatchReply {
        let defaults = Defaults {
            slot: batch.slot,
            init_args: batch.init_args,
        };
        let mut before = batch.audit.then(ProcessState::capture);
        let count = batch.cases.len();
        for (done, job) in batch.cases.into_owned().into_iter().enumerate() {
            if done > 0 && journal.remaining() < ROOM {
                return BatchReply { done };
            }
            let number = job.number;
            let is_last = job.sequence.spends_its_process();
            self.followed(|| reach::case(number));
            journal.case_begin(number);
            let ready = self.case(job, &defaults, journal);
            if let Some(state) = &mut before {
                let after = ProcessState::capture();
                for change in state.diff(&after) {
                    journal.note(note::STATE, change.to_string().as_bytes());
                }
                *state = after;
            }
            journal.case_end(number);
            self.followed(reach::keep_watch);
            if !ready || is_last {
                // A fresh process may come to the state that this one does not.
                return BatchReply { done: done + 1 };
            }
        }
        BatchReply { done: count }
    }

    fn bench(&mut self, ask: Ask, journal: &mut JournalWriter) -> Answer {
        match ask {
            Ask::Prepare(prepare) => self.make_bed(*prepare, journal),
            Ask::Release => {
                self.let_go(journal);
                Answer::Done
            }
            ask => match &mut self.bed {
                Some((bed, _)) => bed.answer(&ask, journal),
                None => Answer::Failed("no benchmark is ready".to_owned()),
            },
        }
    }

    /// Lets go of the benchmark that is ready, with all sessions.
    fn let_go(&mut self, journal: &mut JournalWriter) {
        if let Some((_, slot)) = self.bed.take() {
            let defaults = Defaults {
                slot,
                init_args: None,
            };
            self.close_all(&defaults, journal);
        }
    }

    /// Makes a benchmark ready, in an initialised library without sessions.
    fn make_bed(&mut self, prepare: Prepare, journal: &mut JournalWriter) -> Answer {
        let defaults = Defaults {
            slot: prepare.slot,
            init_args: prepare.init_args.clone(),
        };
        self.bed = None;
        self.may_have_objects = true;
        let slot = prepare.slot;
        if !self.initialize(true, &defaults, journal) {
            return Answer::Failed("the library could not be initialised".to_owned());
        }
        self.close_all(&defaults, journal);
        let Some(module) = &self.module else {
            return Answer::Failed("no module is loaded".to_owned());
        };
        match Bed::prepare(prepare, module.table(), journal) {
            Ok(bed) => {
                self.bed = Some((bed, slot));
                Answer::Done
            }
            Err(answer) => answer,
        }
    }

    /// Executes a case; gives false if the library could not be brought to the state that it
    /// asks for. Its steps are then left alone: in another state their results mean nothing.
    fn case(&mut self, job: Job, defaults: &Defaults, journal: &mut JournalWriter) -> bool {
        if self.logged_in && !job.shares_login {
            self.close_all(defaults, journal);
        }
        if !self.initialize(job.initialized, defaults, journal) {
            return false;
        }
        if job.on_empty_token {
            self.empty(&job.given, defaults, journal);
        }
        self.may_have_objects = !job.on_empty_token || job.sequence.makes_token_objects();
        let ended_well = if job.shares_login {
            self.logged_in_case(job, defaults, journal)
        } else {
            self.execute(&job.sequence, &job.given, defaults, journal);
            false
        };
        // The cheapest rung of the reset ladder: no session of this case outlives it.
        if self.initialized && !ended_well {
            self.close_all(defaults, journal);
        }
        true
    }

    /// Has the library initialised, or not; gives false if it stays otherwise.
    fn initialize(
        &mut self,
        wanted: bool,
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) -> bool {
        if self.doubtful || self.initialized && !wanted {
            self.housekeeping(Function::C_Finalize, defaults, journal);
            self.logged_in = false;
            // It says so again, or was initialised after all: it is not any more.
            if std::mem::take(&mut self.doubtful) {
                self.initialized = false;
            }
        }
        if wanted && !self.initialized {
            self.housekeeping(Function::C_Initialize, defaults, journal);
        }
        self.initialized == wanted
    }

    /// Destroys the objects that there may be on the token.
    fn empty(
        &mut self,
        given: &[(String, Value)],
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) {
        if !self.may_have_objects {
            return;
        }
        let mut given = given.to_vec();
        given.push((ladder::LEFT.to_owned(), Value::List(Vec::new())));
        self.execute(&ladder::empty_token(), &given, defaults, journal);
        // A module may keep a session that was closed.
        if !self.logged_in {
            self.close_all(defaults, journal);
        }
    }

    /// Executes a case that shares its login with others, and closes its session; gives false if that
    /// was not reached.
    fn logged_in_case(
        &mut self,
        mut job: Job,
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) -> bool {
        if !self.logged_in {
            self.log_in(job.on_empty_token, &job.given, defaults, journal);
        }
        let closing = ladder::close(&job.sequence);
        job.sequence.steps.extend(closing);
        self.logged_in && self.execute(&job.sequence, &job.given, defaults, journal)
    }

    fn close_all(&mut self, defaults: &Defaults, journal: &mut JournalWriter) {
        self.logged_in = false;
        self.housekeeping(Function::C_CloseAllSessions, defaults, journal);
    }

    fn finalize(&mut self, journal: &mut JournalWriter, slot: u64) {
        if self.initialized {
            let defaults = Defaults {
                slot,
                init_args: None,
            };
            self.housekeeping(Function::C_Finalize, &defaults, journal);
            (self.initialized, self.doubtful) = (false, false);
            self.logged_in = false;
        }
    }

    /// A call of the harness itself, between cases; any return value will do.
    fn housekeeping(
        &mut self,
        function: Function,
        defaults: &Defaults,
        journal: &mut JournalWriter,
    ) {
        let mut call = Call::new(HOUSEKEEPING, function);
        call.keep_going = true;
        if function == Function::C_CloseAllSessions {
            call.arguments[0] = Argument::Number(Number::Literal(defaults.slot));
        }
        let sequence = Sequence {
            steps: vec![Step::Call(Box::new(call))],
        };
        self.execute(&sequence, &[], defaults, journal);
    }
}

/// Follows functions of the library just loaded, if that is asked for.
fn follow(load: &Load) -> Option<Result<Vec<Covered>, String>> {
    let (path, wish) = load.path.as_deref().zip(load.cover.as_ref())?;
    Some(reach::cover(path, wish).map_err(|error| error.to_string()))
}

fn load_module(load: &Load, journal: &mut JournalWriter) -> Result<Module, LoadError> {
    let source = load.path.clone().map_or(Source::Builtin, Source::Path);
    let wanted = load
        .version
        .map(|(major, minor)| crate::cryptoki::Version { major, minor });
    journal.call_begin(0, LOAD);
    let result = Module::load(&source, wanted);
    journal.call_end(0);
    result
}
