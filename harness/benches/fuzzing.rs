//! What fuzzing costs beyond the calls: ten cheap calls in a loop in C, by the executor, and on the whole path of
//! `p11assay fuzz`, which take turns in one run.
//!
//! A search keeps two cores busy, so that the loop in C has a second measure: with one more of it on the other core. Both are
//! also told in processor time, that of a search being its own and that of both workers: with two cores to itself it makes
//! two in their time.
//!
//! The search is given the tape of the ten calls over and over, and runs it with its usual number of variants: journal,
//! guards, model and novelty as in any search. Between its batches the others have their slices. Run with
//! `cargo bench --bench fuzzing`; a C compiler is needed. This program is also the worker that it starts.
#![allow(
    unsafe_code,
    reason = "loads the loop in C, and makes legal calls on modules in this process"
)]

#[path = "executor/bed.rs"]
#[allow(dead_code, reason = "the other benchmark uses all of it")]
mod bed;
#[path = "fuzzing/beside.rs"]
mod beside;
#[path = "fuzzing/spent.rs"]
mod spent;
#[path = "fuzzing/tape.rs"]
mod tape;

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use cryptoki_sys::CK_FUNCTION_LIST_3_2;
use p11assay::execute::{Defaults, Options, Prepared, Turns};
use p11assay::fuzz::pair::{Pair, Side};
use p11assay::fuzz::search::{Limits, Progress, Search, Watcher};
use p11assay::fuzz::{Corpus, CorpusError, Functions};
use p11assay::memory::Arena;
use p11assay::plan::Case;
use p11assay::probe::{self, Token};
use p11assay::run::{Interrupt, ladder};
use p11assay::sequence::decode::{Prelude, Setting, Variants, decode};
use p11assay::sequence::{Step, Value};
use p11assay::target::{Overrides, Target};
use p11assay::worker::{JournalWriter, Timing};

use bed::Bed;
use beside::Beside;
use tape::Sizes;

/// How often every way has a slice.
const ROUNDS: usize = 31;
/// How long the slices of those are that do not say it themselves.
const SLICE: Duration = Duration::from_millis(40);
/// Inputs in a batch of a search, and variants of each: as in any search.
const BATCH: usize = 32;
const VARIANTS: u32 = 1024;
const JOURNAL: usize = 1 << 20;

type TenCalls =
    unsafe extern "C" fn(*const CK_FUNCTION_LIST_3_2, u64, u64, u64, u64, u64, u64) -> u64;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        p11assay::run::worker();
    }
    if std::env::args().nth(1).as_deref() == Some(beside::ARGUMENT) {
        return beside::serve();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("ten_calls.so");
    let path = library.clone();
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-shared", "-fPIC", "-w", "-o"])
        .arg(&library)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/fuzzing/ten_calls.c"
        ))
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "a C compiler is needed"
    );
    let ten_calls = load(&library);
    println!("us a sequence, the ways taking turns, median of {ROUNDS} slices");
    let columns = [
        "C", "C twice", "executor", "variants", "fuzzer", "calls", "C/fuzzer", "twice", "C cpu",
        "fuzz cpu", "ratio",
    ];
    println!(
        "{:<10}{}",
        "",
        columns.map(|column| format!("{column:>9}")).concat()
    );
    for name in beside::BEDS {
        let measured = beside::bed(name).and_then(|bed| {
            let beside = Beside::start(name, &path)?;
            measure(name, &bed, ten_calls, beside)
        });
        match measured {
            Ok(()) => {}
            Err(reason) => eprintln!("SKIPPED: {name}: {reason}"),
        }
    }
}

/// The loop in C.
fn load(path: &Path) -> TenCalls {
    // SAFETY: the library that was made for this, which does nothing when it is loaded.
    let library = unsafe { libloading::Library::new(path) }.expect("it loads");
    // It stays loaded as long as the process.
    let library = Box::leak(Box::new(library));
    // SAFETY: the type is that of the function.
    *unsafe { library.get(b"ten_calls") }.expect("it has it")
}

fn measure(name: &str, bed: &Bed, ten_calls: TenCalls, beside: Beside) -> Result<(), String> {
    let mut setting = Setting::new(Prelude::Session, |of| of == cryptoki_sys::CKM_SHA256);
    setting.wrong = 0;
    let (tape, sizes) = tape::tape(&setting);
    let interrupt = Interrupt::default();
    let (target, _token) = side(name, &interrupt)?;
    let (model, _model) = side("builtin", &interrupt)?;
    let variants = Variants::of(&tape, &setting, 7).ok_or("no variants")?;
    let mut here = Here::new(bed, ten_calls, sizes, &tape, &setting, &variants);
    here.beside = Some((beside, sizes));
    let batches = ROUNDS + 1;
    let search = Search {
        pairs: vec![Pair { target, model }],
        setting: setting.clone(),
        seed: 1,
        limits: Limits {
            time: Duration::from_secs(3600),
            inputs: (BATCH * batches) as u64,
            findings: usize::MAX,
        },
        variants: Some(VARIANTS),
        corpus: Corpus::in_memory(),
        functions: Functions::default(),
        interrupt,
    };
    let (ask, asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let mut watcher = Turn {
        others: (ask, answers),
        last: (Instant::now(), spent::with_workers(), Progress::default()),
        slices: Default::default(),
        calls: 0.0,
    };
    // What is laid out in this process stays on this thread.
    let (found, slices, calls) = std::thread::scope(|scope| {
        let search = scope.spawn(move || {
            let found = search.run(vec![tape; BATCH * batches], &mut watcher);
            // Whoever waits for more of its questions goes on when it is gone.
            let Turn { slices, calls, .. } = watcher;
            (found, slices, calls)
        });
        for () in asked {
            let _ = answer.send(here.slices());
        }
        search.join().expect("no panic")
    });
    let found = found.map_err(|error| error.to_string())?;
    if let Some(case) = found.cases.first() {
        println!("{name}: {}", case.title);
    }
    let [c, cpu, twice, executor, variants, fuzzer, both] = &slices;
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let of = |slices: &Vec<f64>| median(slices.clone());
    // Slices that follow each other are held against each other: a machine may have become another one by the next.
    let ratio = |some: &[f64], others: &[f64]| {
        median(
            some.iter()
                .zip(others)
                .map(|(one, other)| one / other)
                .collect(),
        )
    };
    let columns = [
        of(c),
        of(twice),
        of(executor),
        of(variants),
        of(fuzzer),
        calls,
        ratio(c, fuzzer),
        ratio(twice, fuzzer),
        of(cpu),
        of(both),
        // A search has two processors.
        2.0 * ratio(cpu, both),
    ];
    println!(
        "{name:<10}{}",
        columns.map(|column| format!("{column:>9.2}")).concat()
    );
    Ok(())
}

fn run_in_c(ten_calls: TenCalls, bed: &Bed, sizes: Sizes, times: u32) {
    let Sizes {
        data,
        digest,
        objects,
        random,
    } = sizes;
    let (table, slot) = (bed.table(), bed.slot);
    // The functions of a list of version 2.40 are where those of any other are.
    // SAFETY: the calls are legal, and the sizes no larger than the memory that the loop has.
    let rv = unsafe { ten_calls(table, slot, times.into(), data, digest, objects, random) };
    assert_eq!(rv, 0);
}

/// A target ready to be fuzzed, and its token, which goes when this does.
fn side(name: &str, interrupt: &Interrupt) -> Result<(Side, Token), String> {
    let target = Target::load(Some(name), &Overrides::default());
    let target = target.map_err(|error| error.to_string())?;
    let credentials = target.credentials().map_err(|error| error.to_string())?;
    let reached = probe::reach(&target, &credentials, interrupt, false);
    let (token, mut station) = reached.map_err(|error| error.to_string())?;
    let probe = probe::probe(&mut station, &target, &credentials);
    let given = probe
        .map_err(|error| error.to_string())?
        .given(&credentials);
    station.skip_audit();
    Ok((Side { station, given }, token))
}

/// The ways that run in this process.
struct Here<'b> {
    bed: &'b Bed,
    ten_calls: TenCalls,
    sizes: Sizes,
    prepared: Prepared<'b>,
    turns: Turns<'b>,
    variants: &'b Variants,
    journal: JournalWriter,
    /// The same loop in C in another process.
    beside: Option<(Beside, Sizes)>,
}

impl<'b> Here<'b> {
    fn new(
        bed: &'b Bed,
        ten_calls: TenCalls,
        sizes: Sizes,
        tape: &[u8],
        setting: &Setting<'_>,
        variants: &'b Variants,
    ) -> Self {
        let arena = Arena::new();
        let defaults = Defaults {
            slot: bed.slot,
            init_args: None,
        };
        let decoded = decode(tape, setting);
        let end = ladder::close(&decoded.sequence);
        let mut whole = decoded.sequence.clone();
        whole.steps.extend(end.clone());
        assert_eq!(whole.calls().count(), 10);
        let table = bed.table();
        let prepared = Prepared::new(
            &whole,
            table,
            &arena,
            &defaults,
            &decoded.given,
            Options::default(),
        );
        let places = variants.places().iter();
        let places = places.map(|phrases| {
            phrases
                .iter()
                .map(|p| p.steps.as_slice())
                .collect::<Vec<&[Step]>>()
        });
        let none: [(String, Value); 0] = [];
        let turns = Turns::new(
            (variants.prelude(), &end),
            places,
            (table, &arena, &defaults),
            &none,
            variants.given(),
        );
        let mut journal = JournalWriter::in_memory(JOURNAL, Timing::On);
        // As between the requests of a worker, the journal's clock learns the counter's rate.
        std::thread::sleep(Duration::from_millis(2));
        journal.clear();
        Self {
            bed,
            ten_calls,
            sizes,
            prepared: prepared.expect("memory for a few buffers"),
            turns: turns.expect("memory for a few buffers"),
            variants,
            journal,
            beside: None,
        }
    }

    fn in_c(&mut self, times: u32) {
        run_in_c(self.ten_calls, self.bed, self.sizes, times);
    }

    fn executor(&mut self, times: u32) {
        for turn in 0..times {
            self.journal.turn(turn);
            // SAFETY: the sequence is legal.
            assert_eq!(unsafe { self.prepared.run(&mut self.journal) }, None);
        }
    }

    fn variants(&mut self, times: u32) {
        for turn in 0..times {
            self.journal.turn(turn);
            // SAFETY: the sequences are of class A.
            unsafe {
                self.turns
                    .turn(self.variants.choice(turn % VARIANTS), &mut self.journal)
            };
        }
    }

    /// Microseconds a sequence of each way; of the first also by processor time.
    fn slices(&mut self) -> [f64; 5] {
        let before = spent::thread();
        let (c, times) = self.slice(Self::in_c);
        let cpu = (spent::thread() - before).as_secs_f64() * 1e6 / f64::from(times);
        if let Some((beside, sizes)) = &mut self.beside {
            beside.begin(*sizes);
        }
        let (twice, _) = self.slice(Self::in_c);
        if let Some((beside, _)) = &mut self.beside {
            beside.end();
        }
        let ways: [fn(&mut Self, u32); 2] = [Self::executor, Self::variants];
        let [executor, variants] = ways.map(|way| self.slice(way).0);
        [c, cpu, twice, executor, variants]
    }

    /// Microseconds a sequence, and how many were made.
    fn slice(&mut self, way: fn(&mut Self, u32)) -> (f64, u32) {
        let (begun, mut times) = (Instant::now(), 0);
        while begun.elapsed() < SLICE {
            way(self, 512);
            times += 512;
        }
        (
            begun.elapsed().as_secs_f64() * 1e6 / f64::from(times),
            times,
        )
    }
}

/// Lets the others have their turn between the batches of a search.
struct Turn {
    others: (mpsc::Sender<()>, mpsc::Receiver<[f64; 5]>),
    last: (Instant, Duration, Progress),
    slices: [Vec<f64>; 7],
    calls: f64,
}

impl Watcher for Turn {
    fn progress(&mut self, progress: &Progress) {
        let (begun, cpu, before) = self.last;
        let run = (progress.sequences + progress.variants) - (before.sequences + before.variants);
        let spent = begun.elapsed().as_secs_f64() * 1e6 / run as f64;
        let both = (spent::with_workers() - cpu).as_secs_f64() * 1e6 / run as f64;
        // The first batch has cold caches.
        if before.sequences > 0 {
            // C_CloseSession is none of the sequence's own.
            self.calls = 1.0 + (progress.calls - before.calls) as f64 / run as f64;
            self.others.0.send(()).expect("the main thread waits");
            let here = self.others.1.recv().expect("it answers");
            for (slices, us) in self
                .slices
                .iter_mut()
                .zip(here.into_iter().chain([spent, both]))
            {
                slices.push(us);
            }
        }
        self.last = (Instant::now(), spent::with_workers(), *progress);
    }

    fn found(&mut self, _: &Case) -> Result<(), CorpusError> {
        Ok(())
    }
}
