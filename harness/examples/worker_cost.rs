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
        let mut journal = JournalWriter::in_memory(1 << 20, timing);
        let cost = (0..10).map(|_| {
            journal.take_journal();
            calls(&mut journal)
        });
        let cost = cost.fold(f64::MAX, f64::min);
        println!("journal in memory, timing {timing:?}: {cost:.1} ns a call");
    }
    let arena = Arena::new();
    for length in [16, 256, 4096] {
        let cost = average(50_000, || {
            let buffers = [(); 8].map(|()| arena.take(length).expect("memory"));
            black_box(buffers[0].ptr());
            assert!(buffers.iter().all(|buffer| buffer.check().is_ok()));
        });
        let cost = cost / 8.0;
        println!("guarded buffer of {length} bytes, taken and checked: {cost:.1} ns");
    }
    let state = ProcessState::capture();
    let cost = average(2_000, || {
        black_box(state.diff(&ProcessState::capture()));
    });
    println!("audit of the process's state: {:.1} us", cost / 1e3);
    workers();
}

/// Journals calls until the journal is nearly full; gives the cost of one, nanoseconds.
fn calls(journal: &mut JournalWriter) -> f64 {
    let count = (journal.remaining() / 48).min(20_000);
    let begin = Instant::now();
    for step in 0..count {
        journal.call_begin(step as u32, 7);
        black_box(step);
        journal.call_end(0);
    }
    nanoseconds(begin.elapsed(), count)
}

fn workers() {
    let program = std::env::current_exe().expect("path of this program");
    for timing in [Timing::Off, Timing::On] {
        let mut options = WorkerOptions::new(&program, vec!["worker".into()]);
        options.timing = timing;
        let mut worker = Worker::spawn(&options).expect("a worker");
        // The first request pays for the journal's memory, the others use it again.
        let costs = (0..10).map(|_| match worker.request(b"calls").outcome {
            Outcome::Response(cost) => String::from_utf8_lossy(&cost).parse().expect("a number"),
            other => panic!("no response but {other:?}"),
        });
        let cost = costs.fold(f64::MAX, f64::min);
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
