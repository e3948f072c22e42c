//! What isolation costs: nanoseconds a journaled call, a guarded buffer, an audit; milliseconds
//! a worker. Prints numbers and judges none of them. Run with `--release`.

use p11assay::memory::Arena;
use p11assay::worker::{JournalWriter, Outcome, ProcessState, Timing, Worker, WorkerOptions};
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        p11assay::worker::serve(&mut |request, journal| match request {
            b"calls" => calls(journal).to_string().into_bytes(),
            _ => request.to_vec(),
        });
    }
    for timing in [Timing::Off, Timing::On] {
        let mut journal = JournalWriter::in_memory(64 << 20, timing);
        let cost = calls(&mut journal);
        println!("journal in memory, timing {timing:?}: {cost:.1} ns a call");
    }
    let arena = Arena::new();
    for length in [16, 256, 4096] {
        let cost = average(200_000, || {
            let buffer = arena.take(length).expect("memory");
            black_box(buffer.ptr());
            assert!(buffer.check().is_ok());
        });
        println!("guarded buffer of {length} bytes, taken and checked: {cost:.1} ns");
    }
    let state = ProcessState::capture();
    let cost = average(2_000, || {
        black_box(state.diff(&ProcessState::capture()));
    });
    println!("audit of the process's state: {:.1} us", cost / 1e3);
    workers();
}

/// Journals calls until the journal is full; gives the cost of one, nanoseconds. The best of a
/// few attempts: the first pays for the memory.
fn calls(journal: &mut JournalWriter) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..10 {
        let count = (journal.remaining() / 48).min(100_000);
        let begin = Instant::now();
        for step in 0..count {
            journal.call_begin(step as u32, 7);
            black_box(step);
            journal.call_end(0);
        }
        best = best.min(nanoseconds(begin.elapsed(), count));
    }
    best
}

fn workers() {
    let program = std::env::current_exe().expect("path of this program");
    for timing in [Timing::Off, Timing::On] {
        let mut options = WorkerOptions::new(&program, vec!["worker".into()]);
        options.timing = timing;
        let mut worker = Worker::spawn(&options).expect("a worker");
        let Outcome::Response(cost) = worker.request(b"calls").outcome else {
            panic!("no response");
        };
        let cost: f64 = String::from_utf8_lossy(&cost).parse().expect("a number");
        println!("journal in a worker, timing {timing:?}: {cost:.1} ns a call");
    }
    let options = WorkerOptions::new(program, vec!["worker".into()]);
    let cost = average(100, || drop(Worker::spawn(&options).expect("a worker")));
    println!("worker started and killed: {:.2} ms", cost / 1e6);
    let mut worker = Worker::spawn(&options).expect("a worker");
    let cost = average(5_000, || {
        black_box(worker.request(b"nothing"));
    });
    println!("empty request: {:.1} us", cost / 1e3);
}

fn average(count: usize, mut act: impl FnMut()) -> f64 {
    act();
    let begin = Instant::now();
    for _ in 0..count {
        act();
    }
    nanoseconds(begin.elapsed(), count)
}

fn nanoseconds(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count.max(1) as f64
}
