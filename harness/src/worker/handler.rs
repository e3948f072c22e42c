//! The crash handler of a worker: writes what happened into shared memory, then lets the signal
//! take its normal course.
//!
//! It runs in a process that may be damaged in any way: no allocation, no locks, only system
//! calls and stores. A second fault finds all signals blocked, which makes the kernel end the
//! process at once with what was written so far.
#![allow(unsafe_code, reason = "installs signal handlers and works inside them")]

use super::arch;
use super::layout::{MAPS_BYTES, STACK_BYTES, stage};
use super::mapping::Mapping;
use super::reach;
use super::snapshot::read_stack;
use crate::memory;
use std::ffi::{c_int, c_void};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Signals that mean a crash.
pub(super) const CRASHES: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Size of the stack the handler runs on, so that it works when the normal one has overflowed.
const STACK: usize = 128 * 1024;
const GAP: usize = 64 * 1024;

static MAPPING: OnceLock<Mapping> = OnceLock::new();
static WORKER: AtomicI32 = AtomicI32::new(0);

/// Makes crashes of this process be recorded in `mapping`, which stays mapped for good.
pub(super) fn install(mapping: Mapping) -> io::Result<&'static Mapping> {
    // SAFETY: no precondition.
    WORKER.store(unsafe { libc::getpid() }, Relaxed);
    let mapping = MAPPING.get_or_init(|| mapping);
    // For the main thread, for good.
    std::mem::forget(CrashStack::install()?);
    for signal in CRASHES {
        install_for(signal)?;
    }
    Ok(mapping)
}

/// The shared memory, once crashes are recorded in it.
pub(super) fn mapping() -> Option<&'static Mapping> {
    MAPPING.get()
}

/// The same, for what may run in a child that the module forked: that has our memory, but not our shared mapping.
pub(super) fn mapping_of_worker() -> Option<&'static Mapping> {
    // SAFETY: no precondition. Asked of the kernel, which knows a child from its parent.
    let pid = unsafe { libc::getpid() };
    MAPPING.get().filter(|_| pid == WORKER.load(Relaxed))
}

/// The stack on which a thread's crash is handled, until it is dropped.
#[derive(Debug)]
pub(crate) struct CrashStack {
    base: *mut c_void,
    before: libc::stack_t,
}

impl CrashStack {
    /// Gives the calling thread one.
    pub(crate) fn install() -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: fresh memory; nothing existing is touched.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                GAP + STACK,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = libc::stack_t {
            // SAFETY: inside the mapping just made.
            ss_sp: unsafe { base.cast::<u8>().add(GAP) }.cast(),
            ss_flags: 0,
            ss_size: STACK,
        };
        let mut before = libc::stack_t {
            ss_sp: std::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        // SAFETY: the first call makes the low end of our own mapping inaccessible; the second names
        // memory that is unmapped only after the thread has its stack of before again.
        let done = unsafe {
            libc::mprotect(base, GAP, libc::PROT_NONE) == 0
                && libc::sigaltstack(&stack, &mut before) == 0
        };
        if !done {
            let error = io::Error::last_os_error();
            // SAFETY: gives back the mapping, which nobody uses.
            unsafe { libc::munmap(base, GAP + STACK) };
            return Err(error);
        }
        Ok(Self { base, before })
    }
}

impl Drop for CrashStack {
    fn drop(&mut self) {
        // SAFETY: the stack that the kernel told of, then our own mapping; pointers keep the value from
        // being dropped by another thread.
        unsafe {
            if libc::sigaltstack(&self.before, std::ptr::null_mut()) == 0 {
                libc::munmap(self.base, GAP + STACK);
            }
        }
    }
}

fn install_for(signal: c_int) -> io::Result<()> {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_crash;
    // SAFETY: an all-zero action is valid; the mask is initialised by sigfillset. The handler
    // has the signature SA_SIGINFO asks for and is safe to run at any time.
    let result = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigfillset(&mut action.sa_mask);
        libc::sigaction(signal, &action, std::ptr::null_mut())
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Whether a signal still comes to the handler installed here.
pub(super) fn handles(signal: c_int) -> bool {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_crash;
    // SAFETY: an all-zero action is valid, and a place for the answer.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0
            && action.sa_sigaction == handler as usize
    }
}

extern "C" fn on_crash(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives valid structures to a SA_SIGINFO handler, which nobody else has.
    let breakpoint = signal == libc::SIGTRAP
        && unsafe { reach::caught(&*info, &mut *context.cast::<libc::ucontext_t>()) };
    if breakpoint {
        return;
    }
    // SAFETY: no precondition.
    let pid = unsafe { libc::getpid() };
    if let Some(mapping) = mapping_of_worker() {
        reach::crashing();
        record(mapping, pid, signal, info, context);
    }
    // SAFETY: sets the default action and sends ourselves the signal again, which is delivered
    // when this handler returns and its mask is lifted.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::syscall(libc::SYS_tgkill, pid, thread(), signal);
    }
}

/// The kernel's number of the calling thread.
pub(crate) fn thread() -> libc::pid_t {
    // SAFETY: no precondition.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
}

fn record(
    mapping: &Mapping,
    pid: libc::pid_t,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) {
    let crash = mapping.crash();
    let first = crash
        .stage
        .compare_exchange(0, stage::ENTERED, Acquire, Relaxed);
    if first.is_err() {
        // Another thread is recording its crash and about to end the process.
        loop {
            // SAFETY: sleeps; all signals are blocked.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: the kernel gives valid structures to a SA_SIGINFO handler.
    let (info, context) = unsafe { (&*info, &*context.cast::<libc::ucontext_t>()) };
    let (registers, access) = arch::from_context(context);
    crash.signal.store(signal.unsigned_abs(), Relaxed);
    crash.code.store(info.si_code.cast_unsigned(), Relaxed);
    // SAFETY: reading the address field is valid for every signal; whether it means anything is
    // for the reader of the record, who has signal and code.
    let address = unsafe { info.si_addr() } as u64;
    crash.address.store(address, Relaxed);
    crash.access.store(access, Relaxed);
    crash.thread.store(thread().unsigned_abs(), Relaxed);
    for (place, value) in crash.registers.iter().zip(registers) {
        place.store(value, Relaxed);
    }
    record_guard(crash, address);
    crash.stage.store(stage::REGISTERS, Release);
    record_maps(mapping);
    crash.stage.store(stage::MAPS, Release);
    // SAFETY: the stack area is mapped, STACK_BYTES long, and nobody else reads or writes it
    // while this process lives.
    let area = unsafe {
        std::slice::from_raw_parts_mut(mapping.at(mapping.layout().stack_offset()), STACK_BYTES)
    };
    let (start, length) = read_stack(pid, &registers, area);
    crash.stack_start.store(start, Relaxed);
    crash.stack_length.store(length as u64, Relaxed);
    crash.stage.store(stage::STACK, Release);
}

fn record_guard(crash: &super::layout::Crash, address: u64) {
    if let Some(hit) = memory::locate(address) {
        crash.guard_label.store(hit.label, Relaxed);
        crash.guard_start.store(hit.start, Relaxed);
        crash.guard_length.store(hit.length, Relaxed);
        crash.guard_released.store(u32::from(hit.released), Relaxed);
        crash.guard.store(1, Relaxed);
    }
}

fn record_maps(mapping: &Mapping) {
    let begin = mapping.layout().maps_offset();
    let mut length = 0;
    // SAFETY: a constant path; if the module left no descriptor free, ours for standard input is
    // given up, as the process is about to end.
    let fd = unsafe {
        let open = || {
            libc::open(
                c"/proc/self/maps".as_ptr(),
                libc::O_RDONLY | libc::O_CLOEXEC,
            )
        };
        match open() {
            -1 => {
                libc::close(0);
                open()
            }
            fd => fd,
        }
    };
    while fd >= 0 && length < MAPS_BYTES {
        let room = MAPS_BYTES - length;
        // SAFETY: the area has `room` bytes from here on.
        let count = unsafe { libc::read(fd, mapping.at(begin + length).cast(), room) };
        match usize::try_from(count) {
            Ok(count) if count > 0 => length += count,
            _ => break,
        }
    }
    mapping.crash().maps_length.store(length as u64, Relaxed);
}
