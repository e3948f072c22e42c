//! What differs between processors: the registers of an interrupted thread and the kind of
//! access that faulted; what a breakpoint is.
//!
//! This module only copies; what the values mean is left to `end` and `frames`.
#![allow(
    unsafe_code,
    reason = "reads the context the kernel gives to a signal handler"
)]

/// Registers of a thread, in the order of [`NAMES`].
pub(super) type Registers = [u64; NAMES.len()];

/// Kind of access of a fault, as it is kept in shared memory.
pub(super) mod access {
    /// The processor does not say.
    pub(crate) const UNKNOWN: u32 = 0;
    /// Reading.
    pub(crate) const READ: u32 = 1;
    /// Writing.
    pub(crate) const WRITE: u32 = 2;
    /// Fetching an instruction.
    pub(crate) const EXECUTE: u32 = 3;
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{
    BREAKPOINT, FP, Instruction, LR, NAMES, PC, SP, STAYS, code_changed, from_context, from_trace,
    go_on_at, trapped_at,
};

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{
    BREAKPOINT, FP, Instruction, LR, NAMES, PC, SP, STAYS, code_changed, from_context, from_trace,
    go_on_at, trapped_at,
};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("workers know the registers of x86-64 and aarch64 only");

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::{Registers, access};
    use libc::{
        REG_EFL, REG_ERR, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
        REG_RAX, REG_RBP, REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP,
        REG_TRAPNO,
    };
    use std::ffi::c_int;

    pub(in crate::worker) const NAMES: [&str; 18] = [
        "rip", "rsp", "rbp", "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
        "r12", "r13", "r14", "r15", "rflags",
    ];
    pub(in crate::worker) const PC: usize = 0;
    pub(in crate::worker) const SP: usize = 1;
    pub(in crate::worker) const FP: usize = 2;
    /// There is no link register: a call pushes its return address.
    pub(in crate::worker) const LR: Option<usize> = None;

    const PLACES: [c_int; NAMES.len()] = [
        REG_RIP, REG_RSP, REG_RBP, REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8,
        REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_EFL,
    ];
    /// Number of the page-fault exception.
    const PAGE_FAULT: i64 = 14;

    pub(in crate::worker) fn from_context(context: &libc::ucontext_t) -> (Registers, u32) {
        let values = &context.uc_mcontext.gregs;
        let registers = PLACES.map(|place| values[place as usize] as u64);
        // Page-fault error code: bit 1 is a write, bit 4 an instruction fetch.
        let error = values[REG_ERR as usize];
        let access = match values[REG_TRAPNO as usize] {
            PAGE_FAULT if error & 16 != 0 => access::EXECUTE,
            PAGE_FAULT if error & 2 != 0 => access::WRITE,
            PAGE_FAULT => access::READ,
            _ => access::UNKNOWN,
        };
        (registers, access)
    }

    /// What is written at once: instructions have any length and begin anywhere.
    pub(in crate::worker) type Instruction = u8;
    /// `int3`.
    pub(in crate::worker) const BREAKPOINT: Instruction = 0xcc;
    /// Whether a thread stays at a breakpoint whose signal was handled by somebody who knows nothing of it.
    pub(in crate::worker) const STAYS: bool = false;

    /// Where the breakpoint stands that a thread ran into: it was executed.
    pub(in crate::worker) fn trapped_at(context: &libc::ucontext_t) -> u64 {
        (context.uc_mcontext.gregs[REG_RIP as usize] as u64).wrapping_sub(1)
    }

    /// Has the thread go on at this address.
    pub(in crate::worker) fn go_on_at(context: &mut libc::ucontext_t, address: u64) {
        context.uc_mcontext.gregs[REG_RIP as usize] = address as i64;
    }

    /// Makes written code be seen: the processor does by itself.
    ///
    /// # Safety
    /// None here; as on other processors.
    pub(in crate::worker) unsafe fn code_changed(_address: u64) {}

    pub(in crate::worker) fn from_trace(of: &libc::user_regs_struct) -> Registers {
        [
            of.rip, of.rsp, of.rbp, of.rax, of.rbx, of.rcx, of.rdx, of.rsi, of.rdi, of.r8, of.r9,
            of.r10, of.r11, of.r12, of.r13, of.r14, of.r15, of.eflags,
        ]
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::{Registers, access};

    pub(in crate::worker) const NAMES: [&str; 34] = [
        "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
        "x27", "x28", "x29", "x30", "sp", "pc", "pstate",
    ];
    pub(in crate::worker) const FP: usize = 29;
    pub(in crate::worker) const LR: Option<usize> = Some(30);
    pub(in crate::worker) const SP: usize = 31;
    pub(in crate::worker) const PC: usize = 32;
    const PSTATE: usize = 33;

    /// Mark of the record in a signal frame that carries the exception syndrome.
    const ESR_MAGIC: u32 = 0x4553_5201;

    pub(in crate::worker) fn from_context(context: &libc::ucontext_t) -> (Registers, u32) {
        let machine = &context.uc_mcontext;
        let mut registers = [0; NAMES.len()];
        registers[..31].copy_from_slice(&machine.regs);
        registers[SP] = machine.sp;
        registers[PC] = machine.pc;
        registers[PSTATE] = machine.pstate;
        let access = syndrome(machine).map_or(access::UNKNOWN, |esr| {
            // Exception class in bits 26 to 31: instruction aborts are 0x20 and 0x21, data aborts
            // 0x24 and 0x25, where bit 6 tells a write.
            match (esr >> 26 & 0x3f, esr & 1 << 6) {
                (0x20 | 0x21, _) => access::EXECUTE,
                (0x24 | 0x25, 0) => access::READ,
                (0x24 | 0x25, _) => access::WRITE,
                _ => access::UNKNOWN,
            }
        });
        (registers, access)
    }

    /// The exception syndrome, from the list of tagged records after the registers.
    fn syndrome(machine: &libc::mcontext_t) -> Option<u64> {
        // The records begin at the first 16-byte boundary behind `pstate`, 4096 bytes in all.
        let after = std::ptr::from_ref(&machine.pstate).wrapping_add(1) as usize;
        let begin = after.next_multiple_of(16);
        let mut offset = 0;
        while offset + 16 <= 4096 {
            let record = (begin + offset) as *const u32;
            // SAFETY: the kernel's signal frame has 4096 bytes of records there, ended by a zero
            // record; the offset stays inside them and aligned to 16.
            let [magic, size] = unsafe { record.cast::<[u32; 2]>().read() };
            if magic == ESR_MAGIC {
                // SAFETY: as above; the value follows the record's head.
                return Some(unsafe { record.add(2).cast::<u64>().read() });
            }
            if magic == 0 || size < 16 || size % 16 != 0 {
                return None;
            }
            offset += size as usize;
        }
        None
    }

    /// All instructions are words.
    pub(in crate::worker) type Instruction = u32;
    /// `brk #0`. It may be the target of an indirect branch where branch targets are checked, as the landing
    /// pad may be that it stands for.
    pub(in crate::worker) const BREAKPOINT: Instruction = 0xd420_0000;
    /// Whether a thread stays at a breakpoint whose signal was handled by somebody who knows nothing of it.
    pub(in crate::worker) const STAYS: bool = true;

    /// Where the breakpoint stands that a thread ran into: it was not executed.
    pub(in crate::worker) fn trapped_at(context: &libc::ucontext_t) -> u64 {
        context.uc_mcontext.pc
    }

    /// Has the thread go on at this address.
    pub(in crate::worker) fn go_on_at(context: &mut libc::ucontext_t, address: u64) {
        context.uc_mcontext.pc = address;
    }

    /// Makes written code be seen: instructions are cached apart from data. What the kernel writes it cleans
    /// itself.
    ///
    /// # Safety
    /// The address must be mapped.
    pub(in crate::worker) unsafe fn code_changed(address: u64) {
        // SAFETY: cleans and drops the cache lines of a mapped address; no register or memory is changed.
        unsafe {
            std::arch::asm!(
                "dc cvau, {0}", "dsb ish", "ic ivau, {0}", "dsb ish", "isb",
                in(reg) address, options(nostack, preserves_flags)
            );
        }
    }

    pub(in crate::worker) fn from_trace(of: &libc::user_regs_struct) -> Registers {
        let mut registers = [0; NAMES.len()];
        registers[..31].copy_from_slice(&of.regs);
        registers[SP] = of.sp;
        registers[PC] = of.pc;
        registers[PSTATE] = of.pstate;
        registers
    }
}
