//! What code that was built with SanitizerCoverage calls, for the modules that are loaded: part of the program, which
//! has these names to give, and not of the library, whose other users (libFuzzer) have them from elsewhere.
//! `p11assay::worker::reach::edges` says what becomes of it. What tells of comparisons is let go by.
#![allow(
    unsafe_code,
    reason = "functions that instrumented code calls by their names in C"
)]

use p11assay::worker::reach::edges;

#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_cov_trace_pc_guard_init(start: *mut u32, stop: *mut u32) {
    // SAFETY: called by instrumented code, with the ends of its array.
    unsafe { edges::guards_appear(start, stop) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_cov_trace_pc_guard(guard: *mut u32) {
    // SAFETY: called by instrumented code, with one of its guards.
    unsafe { edges::guard(guard) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
    // SAFETY: called by instrumented code, with the ends of its array.
    unsafe { edges::counters_appear(start, stop) }
}

/// A block was entered, the one that this address is in.
extern "C" fn entered(address: usize) {
    edges::address(address);
}

// The address is where the call returns to.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".globl __sanitizer_cov_trace_pc",
    ".type __sanitizer_cov_trace_pc, @function",
    "__sanitizer_cov_trace_pc:",
    "mov rdi, [rsp]",
    "jmp {entered}",
    entered = sym entered,
);
#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(
    ".globl __sanitizer_cov_trace_pc",
    ".type __sanitizer_cov_trace_pc, %function",
    "__sanitizer_cov_trace_pc:",
    "mov x0, x30",
    "b {entered}",
    entered = sym entered,
);

/// Functions whose arguments nobody looks at.
macro_rules! let_go_by {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name() {}
    )*};
}

let_go_by! {
    __sanitizer_cov_pcs_init __sanitizer_cov_bool_flag_init
    __sanitizer_cov_trace_pc_indir __sanitizer_cov_trace_switch __sanitizer_cov_trace_gep
    __sanitizer_cov_trace_div4 __sanitizer_cov_trace_div8
    __sanitizer_cov_trace_cmp1 __sanitizer_cov_trace_cmp2 __sanitizer_cov_trace_cmp4 __sanitizer_cov_trace_cmp8
    __sanitizer_cov_trace_cmpf __sanitizer_cov_trace_cmpd
    __sanitizer_cov_trace_const_cmp1 __sanitizer_cov_trace_const_cmp2
    __sanitizer_cov_trace_const_cmp4 __sanitizer_cov_trace_const_cmp8
}
