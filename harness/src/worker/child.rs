//! The child's end of a worker: finding the shared memory, answering requests until told to stop.
//!
//! What a request means is the handler's; crashes are recorded by `handler`.
#![allow(
    unsafe_code,
    reason = "takes over the descriptor it was started with and sets up C's streams"
)]

use super::handler;
use super::journal::{JournalWriter, Timing};
use super::layout::{Layout, MAGIC, VERSION, checksum, order, state};
use super::mapping::{Mapping, ring, wait};
use super::process::MEMORY_ARGUMENT;
use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, FromRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Answers a request: gets its bytes and the journal to record calls in, gives the response.
pub type Handler<'a> = dyn FnMut(&[u8], &mut JournalWriter) -> Vec<u8> + 'a;

/// Exit status of a process that was asked to be a worker but was not started as one.
const NOT_A_WORKER: i32 = 70;

#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(
        "a worker is started by p11assay itself and its last argument must be \
         `{MEMORY_ARGUMENT}N`; run one of the other commands instead"
    )]
    Argument,
    #[error("the worker's shared memory cannot be used: {0}; run the command again")]
    Memory(#[from] io::Error),
    #[error(
        "the worker's shared memory was made by another version of p11assay; do not replace the \
         binary while it runs"
    )]
    Version,
}

/// Makes this process a worker: answers the parent's requests with `handler` until the parent
/// says stop. To be called first thing by a process that [`Worker::spawn`](super::Worker::spawn)
/// started, on its main thread.
///
/// A panic of the handler becomes [`Outcome::Fault`](super::Outcome::Fault).
pub fn serve(handler: &mut Handler<'_>) -> ! {
    let (mapping, mut writer) = match set_up() {
        Ok(ready) => ready,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(NOT_A_WORKER);
        }
    };
    let control = mapping.control();
    control.state.store(state::READY, Release);
    let mut seen = 0;
    ring(&control.doorbell);
    loop {
        let command = control.command.load(Acquire);
        if command == seen {
            wait(&control.command, command, None);
            continue;
        }
        seen = command;
        match control.order.load(Acquire) {
            order::REQUEST => answer(mapping, &mut writer, command, handler),
            order::STOP => stop(mapping),
            _ => {}
        }
    }
}

fn set_up() -> Result<(&'static Mapping, JournalWriter), ServeError> {
    let file = memory_file()?;
    let layout = read_layout(&file)?;
    let mapping = Mapping::new(file.as_fd(), layout)?;
    drop(file);
    mapping.keep_from_forks()?;
    let mapping = handler::install(mapping)?;
    unbuffer_streams();
    let control = mapping.control();
    let timing = match control.timing.load(Relaxed) {
        0 => Timing::Off,
        _ => Timing::On,
    };
    let base = mapping.at(layout.journal_offset());
    // SAFETY: the journal area is mapped for the life of the process, page-aligned, and only
    // reached through this writer.
    let writer = unsafe { JournalWriter::shared(base, layout.journal, &control.progress, timing) };
    Ok((mapping, writer))
}

fn memory_file() -> Result<File, ServeError> {
    let argument = std::env::args_os().next_back().unwrap_or_default();
    let number = argument
        .to_str()
        .and_then(|text| text.strip_prefix(MEMORY_ARGUMENT));
    let fd: RawFd = number
        .and_then(|number| number.parse().ok())
        .filter(|fd| *fd > 2)
        .ok_or(ServeError::Argument)?;
    // SAFETY: the parent opened this descriptor for us and nothing else in this process knows it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

/// Reads the sizes of the areas from the first words of the control page, and checks that the
/// memory is as large as they say.
fn read_layout(file: &File) -> Result<Layout, ServeError> {
    let mut bytes = [0; 40];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |index: usize| {
        let bytes = bytes[8 * index..].first_chunk().copied();
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let size = |index| usize::try_from(word(index)).map_err(|_| ServeError::Version);
    let layout = Layout::new(size(2)?, size(3)?, size(4)?);
    let length = file.metadata()?.len();
    if word(0) != MAGIC || word(1) != VERSION || length != layout.total() as u64 {
        return Err(ServeError::Version);
    }
    Ok(layout)
}

/// C's streams buffer what goes to a file, which would lose a module's last words before a crash
/// and attribute the others to a later case.
fn unbuffer_streams() {
    unsafe extern "C" {
        static stdout: *mut libc::FILE;
        static stderr: *mut libc::FILE;
    }
    // SAFETY: the C library's own streams, before any module could have touched them.
    unsafe {
        for stream in [stdout, stderr] {
            libc::setvbuf(stream, std::ptr::null_mut(), libc::_IONBF, 0);
        }
    }
}

fn answer(mapping: &Mapping, writer: &mut JournalWriter, number: u32, handler: &mut Handler<'_>) {
    let (control, layout) = (mapping.control(), mapping.layout());
    let length = usize::try_from(control.request_length.load(Relaxed)).unwrap_or(usize::MAX);
    let request = mapping.copy_out(layout.request_offset(), length.min(layout.request));
    writer.start(number);
    let result = catch_unwind(AssertUnwindSafe(|| handler(&request, writer)));
    let (response, state) = match result {
        Ok(response) if response.len() <= layout.response => (response, state::READY),
        Ok(response) => {
            let text = format!(
                "a response of {} bytes does not fit the worker's {}: send fewer cases at once",
                response.len(),
                layout.response
            );
            (text.into_bytes(), state::FAULT)
        }
        Err(panic) => (panic_text(&*panic).into_bytes(), state::FAULT),
    };
    mapping.copy_in(layout.response_offset(), &response);
    control
        .response_length
        .store(response.len() as u64, Relaxed);
    control.response_check.store(checksum(&response), Relaxed);
    control.answered.store(number, Relaxed);
    control.state.store(state, Release);
    ring(&control.doorbell);
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    format!("the worker's own code panicked: {text}; please report this")
}

/// Ends the process the normal way, so that what hooks into that (coverage counters, leak
/// checkers) gets its turn.
fn stop(mapping: &Mapping) -> ! {
    mapping.control().state.store(state::STOPPED, Release);
    std::process::exit(0)
}
