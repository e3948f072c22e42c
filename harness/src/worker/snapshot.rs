//! A snapshot of a thread: registers, the innermost part of its stack, the memory map. Enough to
//! unwind the stack elsewhere, so that nothing has to be unwound in a damaged process.
//!
//! Owns taking it: from the crash area, or by tracing a worker that hangs. Unwinding is `frames`.
#![allow(
    unsafe_code,
    reason = "traces another process and reads stacks without faulting"
)]

use super::arch::{self, Registers};
use super::layout::{MAPS_BYTES, STACK_BYTES};
use super::mapping::Mapping;
use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Size of the steps in which memory is tried; a page may be larger.
const STEP: usize = 4096;
/// Steps tried above a stack pointer that points to nothing, as it does after an overflow.
const STEPS_TO_STACK: usize = 1024;
/// How long a thread may take to stop for its tracer, or to be gone, milliseconds.
const STOP_ATTEMPTS: u32 = 200;

/// A thread at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    pub(super) registers: Registers,
    /// Address of the first byte of `stack`.
    pub(super) stack_start: u64,
    pub(super) stack: Vec<u8>,
    /// Text of `/proc/PID/maps`.
    pub(super) maps: String,
}

impl Snapshot {
    /// The snapshot the crash handler took.
    pub(super) fn of_crash(mapping: &Mapping) -> Self {
        let (layout, crash) = (mapping.layout(), mapping.crash());
        let bounded = |length: u64, most: usize| usize::try_from(length).unwrap_or(most).min(most);
        let maps = bounded(crash.maps_length.load(Relaxed), MAPS_BYTES);
        let stack = bounded(crash.stack_length.load(Relaxed), STACK_BYTES);
        let maps = mapping.copy_out(layout.maps_offset(), maps);
        Self {
            registers: std::array::from_fn(|index| crash.registers[index].load(Relaxed)),
            stack_start: crash.stack_start.load(Relaxed),
            stack: mapping.copy_out(layout.stack_offset(), stack),
            maps: String::from_utf8_lossy(&maps).into_owned(),
        }
    }

    /// A snapshot of a thread of our child or of a child of its; `None` if tracing is not permitted. The thread
    /// stays stopped and the child has to be killed afterwards.
    pub(super) fn of_thread(thread: libc::pid_t) -> Option<Self> {
        let registers = arch::from_trace(&stopped_registers(thread)?);
        let mut stack = vec![0; STACK_BYTES];
        let (stack_start, length) = read_stack(thread, &registers, &mut stack);
        stack.truncate(length);
        Some(Self {
            registers,
            stack_start,
            stack,
            maps: std::fs::read_to_string(format!("/proc/{thread}/maps")).unwrap_or_default(),
        })
    }

    /// Whether the thread, which is still stopped, stays at a breakpoint. If it is in a handler it is let go on, and stops when
    /// the next signal comes, which its tracer is told of first.
    pub(super) fn stays_at_breakpoint(&self, thread: libc::pid_t) -> bool {
        let go_on = || {
            trace(libc::PTRACE_CONT, thread, 0, std::ptr::null_mut())?;
            wait_for(thread, libc::WSTOPPED)?;
            registers_of(thread)
        };
        let later = || go_on().is_some_and(|now| is_breakpoint(thread, &arch::from_trace(&now)));
        arch::STAYS && (is_breakpoint(thread, &self.registers) || later())
    }

    /// Waits until a thread that [`of_thread`](Self::of_thread) was asked of, and that was killed since, is gone. A process
    /// whose first thread it is not stays until then, as what its tracer has yet to be told of. Does nothing if the thread is
    /// not traced.
    pub(super) fn let_go(thread: libc::pid_t) {
        wait_for(thread, libc::WEXITED);
    }

    /// The word of the stack at `address`.
    pub(super) fn stack_word(&self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.stack_start)?).ok()?;
        let bytes = self.stack.get(offset..offset.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    }
}

/// Copies the innermost part of a stack; gives where it begins and how long it is. As safe as
/// [`read_memory`].
pub(super) fn read_stack(
    pid: libc::pid_t,
    registers: &Registers,
    buffer: &mut [u8],
) -> (u64, usize) {
    let mut start = registers[arch::SP] & !7;
    for _ in 0..STEPS_TO_STACK {
        let length = read_memory(pid, start, buffer);
        if length > 0 {
            return (start, length);
        }
        start = (start | (STEP as u64 - 1)).wrapping_add(1);
    }
    (start, 0)
}

/// Copies memory of process `pid` (which may be this one) from `address` on, until the buffer is
/// full or a page cannot be read. Never faults; makes one system call and nothing else, so that
/// a signal handler may use it.
fn read_memory(pid: libc::pid_t, address: u64, buffer: &mut [u8]) -> usize {
    const PIECES: usize = STACK_BYTES / STEP + 1;
    let none = libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 0,
    };
    let mut pieces = [none; PIECES];
    let (mut offset, mut count) = (0, 0);
    // A transfer ends at the first unreadable piece, so one piece a step.
    while offset < buffer.len() && count < PIECES {
        let from = (address as usize).wrapping_add(offset);
        let length = (STEP - from % STEP).min(buffer.len() - offset);
        pieces[count].iov_base = from as *mut c_void;
        pieces[count].iov_len = length;
        (offset, count) = (offset + length, count + 1);
    }
    let target = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: offset,
    };
    // SAFETY: the target is the caller's buffer; addresses on the other side are checked by the
    // kernel, which gives an error instead of faulting.
    let copied = unsafe {
        libc::process_vm_readv(pid, &target, 1, pieces.as_ptr(), count as libc::c_ulong, 0)
    };
    usize::try_from(copied).unwrap_or(0)
}

/// Whether a breakpoint is what a stopped thread is to execute next.
fn is_breakpoint(thread: libc::pid_t, registers: &Registers) -> bool {
    let mut code = [0; size_of::<arch::Instruction>()];
    let read = read_memory(thread, registers[arch::PC], &mut code);
    read == code.len() && arch::Instruction::from_le_bytes(code) == arch::BREAKPOINT
}

/// Stops a thread for good and reads its registers.
fn stopped_registers(pid: libc::pid_t) -> Option<libc::user_regs_struct> {
    trace(libc::PTRACE_SEIZE, pid, 0, std::ptr::null_mut())?;
    trace(libc::PTRACE_INTERRUPT, pid, 0, std::ptr::null_mut())?;
    wait_for(pid, libc::WSTOPPED)?;
    registers_of(pid)
}

/// The registers of a stopped thread.
fn registers_of(pid: libc::pid_t) -> Option<libc::user_regs_struct> {
    // SAFETY: a structure of numbers, for which zero is a value.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    let mut target = libc::iovec {
        iov_base: (&raw mut registers).cast(),
        iov_len: size_of::<libc::user_regs_struct>(),
    };
    /// The general registers, in the numbering of core files.
    const NT_PRSTATUS: usize = 1;
    trace(
        libc::PTRACE_GETREGSET,
        pid,
        NT_PRSTATUS,
        (&raw mut target).cast(),
    )?;
    Some(registers)
}

#[cfg(target_env = "gnu")]
type TraceRequest = libc::c_uint;
#[cfg(not(target_env = "gnu"))]
type TraceRequest = c_int;

fn trace(request: TraceRequest, pid: libc::pid_t, address: usize, data: *mut c_void) -> Option<()> {
    // SAFETY: `data` is NULL or a valid vector for the requests made here; anything else concerns
    // the traced process only.
    let result = unsafe { libc::ptrace(request, pid, address as *mut c_void, data) };
    (result >= 0).then_some(())
}

/// Waits for one of the events that a tracer is told of; `None` if it does not come. A process is reaped only with
/// `WEXITED` among them.
fn wait_for(pid: libc::pid_t, events: c_int) -> Option<()> {
    for _ in 0..STOP_ATTEMPTS {
        // SAFETY: a structure of numbers, for which zero is a value.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let options = events | libc::WNOHANG | libc::__WALL;
        // SAFETY: `info` is a valid place for the answer.
        let result = unsafe { libc::waitid(libc::P_PID, pid.unsigned_abs(), &mut info, options) };
        if result < 0 {
            return None;
        }
        // SAFETY: filled by a successful waitid, or all zero.
        if unsafe { info.si_pid() } == pid {
            return Some(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_up_to_the_first_unreadable_page() {
        let source: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let mut copy = vec![0; source.len()];
        let own = std::process::id() as libc::pid_t;
        assert_eq!(read_memory(own, source.as_ptr() as u64, &mut copy), 20_000);
        assert_eq!(copy, source);
        assert_eq!(read_memory(own, 8, &mut copy), 0);
    }
}
