//! Breakpoints in the code of a loaded library: planted, and taken out by the handler of SIGTRAP.
//!
//! Code is written through `/proc/self/mem`, which leaves the protection of its pages as it is: a module's stray
//! write to code stays a crash, and systems that forbid pages to be written and executed have nothing to forbid.
//! Where that file is closed to us, the protection is lifted instead, in the handler for good: two threads that
//! take breakpoints out of one page must not lock each other out.
#![allow(
    unsafe_code,
    reason = "writes the code of a library, and works inside a signal handler"
)]

use super::Reach;
use crate::worker::arch;
use crate::worker::mapping::page_size;
use std::ffi::{c_int, c_void};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, Ordering::Acquire, Ordering::Release};

/// An instruction, or the part of one that a breakpoint replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(arch::Instruction);

/// The instruction that traps.
pub(super) const BREAKPOINT: Code = Code(arch::BREAKPOINT);

impl Code {
    /// What the address of an instruction is a multiple of.
    pub(super) const ALIGNMENT: u64 = size_of::<arch::Instruction>() as u64;

    /// The first in `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk()?;
        Some(Self(arch::Instruction::from_le_bytes(*bytes)))
    }

    /// What is in memory now.
    ///
    /// # Safety
    /// The address must be readable and aligned.
    unsafe fn at(address: u64) -> Self {
        // SAFETY: passed on to the caller; volatile, since other threads may write it.
        Self(unsafe { (address as *const arch::Instruction).read_volatile() })
    }

    /// Puts it at an address of code.
    fn write(self, address: u64, memory: Memory) -> io::Result<()> {
        let bytes = self.0.to_le_bytes();
        let Memory(fd) = memory;
        // SAFETY: the source is a local array; the kernel checks the place and gives an error for a bad one.
        let written =
            unsafe { libc::pwrite64(fd, bytes.as_ptr().cast(), bytes.len(), address as i64) };
        match usize::try_from(written) {
            Ok(written) if written == bytes.len() => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Puts it at an address of code after giving the page all rights.
    ///
    /// # Safety
    /// The address must be one of mapped code.
    unsafe fn write_unprotected(self, address: u64) -> io::Result<()> {
        protect(
            address,
            libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC,
        )?;
        // SAFETY: mapped, aligned and, as of now, writable; a store of one instruction is never seen by halves.
        unsafe {
            (address as *mut arch::Instruction).write_volatile(self.0);
            arch::code_changed(address);
        }
        Ok(())
    }
}

fn protect(address: u64, rights: c_int) -> io::Result<()> {
    let page = page_size();
    let start = address & !(page - 1);
    // SAFETY: changes rights of a page of code only; that it is one was seen in the memory map.
    let done = unsafe { libc::mprotect(start as *mut c_void, page as usize, rights) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The memory of this process as a file. Opened anew each time: a descriptor that is kept would be of the parent's memory
/// in a forked child, and a module may close it and get its number for a file of its own.
#[derive(Clone, Copy)]
struct Memory(c_int);

impl Memory {
    fn open() -> io::Result<Self> {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        // SAFETY: a constant path.
        let fd = unsafe { libc::open(c"/proc/self/mem".as_ptr(), flags) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(fd))
    }

    fn close(self) {
        // SAFETY: ours, and used by nobody any more.
        unsafe { libc::close(self.0) };
    }
}

/// A place for a breakpoint.
#[derive(Debug)]
pub(super) struct Site {
    address: u64,
    /// What stands there otherwise.
    code: Code,
    function: u32,
}

impl Site {
    pub(super) fn new(address: u64, code: Code, function: u32) -> Self {
        Self {
            address,
            code,
            function,
        }
    }
}

/// The breakpoints of this process, sorted by address.
struct Planted {
    /// The libraries in which they are.
    files: Vec<PathBuf>,
    sites: Vec<Site>,
    area: &'static Reach,
}

/// Never freed: another thread may be in the handler.
static PLANTED: AtomicPtr<Planted> = AtomicPtr::new(std::ptr::null_mut());

fn planted() -> Option<&'static Planted> {
    // SAFETY: NULL, or leaked by `plant` and not changed since.
    unsafe { PLANTED.load(Acquire).as_ref() }
}

/// Plants breakpoints. Where something else stands than in the file none is planted; where one stands already,
/// since the library was not unloaded, it is kept.
///
/// The sites must lie in mapped code.
pub(super) fn plant(
    area: &'static Reach,
    files: Vec<PathBuf>,
    mut sites: Vec<Site>,
) -> io::Result<()> {
    sites.sort_by_key(|site| site.address);
    // SAFETY: the caller saw each address in the memory map; aligned by the choice of starts.
    let now = |site: &Site| unsafe { Code::at(site.address) };
    sites.retain(|site| [site.code, BREAKPOINT].contains(&now(site)));
    let planted: &'static Planted = Box::leak(Box::new(Planted { files, sites, area }));
    PLANTED.store(std::ptr::from_ref(planted).cast_mut(), Release);
    area.set_planted(true);
    let open = planted.sites.iter().filter(|site| now(site) == site.code);
    let memory = Memory::open();
    for site in open {
        let written = match memory {
            Ok(memory) => BREAKPOINT.write(site.address, memory),
            Err(_) => Err(io::ErrorKind::PermissionDenied.into()),
        };
        if written.is_err() {
            // SAFETY: as above.
            unsafe { BREAKPOINT.write_unprotected(site.address) }?;
            protect(site.address, libc::PROT_READ | libc::PROT_EXEC)?;
        }
    }
    if let Ok(memory) = memory {
        memory.close();
    }
    Ok(())
}

/// Forgets all breakpoints unless their libraries are still there.
pub(super) fn forget_unless(is_there: impl Fn(&Path) -> bool) {
    let gone = |planted: &&Planted| !planted.files.iter().all(|file| is_there(file));
    if let Some(planted) = planted().filter(gone) {
        PLANTED.store(std::ptr::null_mut(), Release);
        planted.area.set_planted(false);
    }
}

/// If the signal came from a breakpoint: takes it out, notes its function and lets the thread go on. False if it
/// is none of ours. Safe in a signal handler, on any thread and in forked children.
pub(in crate::worker) fn caught(info: &libc::siginfo_t, context: &mut libc::ucontext_t) -> bool {
    let Some(planted) = planted() else {
        return false;
    };
    let address = arch::trapped_at(context);
    let place = planted
        .sites
        .binary_search_by_key(&address, |site| site.address);
    let Ok(place) = place else {
        return false;
    };
    // One that somebody sent may find the thread anywhere.
    if info.si_code <= 0 {
        return false;
    }
    let site = &planted.sites[place];
    // SAFETY: gives the place of this thread's own `errno`, which the interrupted code may yet look at.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above, for reading.
    let before = unsafe { *errno };
    let gone = take_out(site).is_ok();
    // SAFETY: as above, for writing.
    unsafe { *errno = before };
    if gone {
        planted.area.note(site.function);
        arch::go_on_at(context, address);
    }
    gone
}

/// Writing what was there twice does no harm: threads that hit one breakpoint at once all do.
fn take_out(site: &Site) -> io::Result<()> {
    let written = Memory::open().and_then(|memory| {
        let written = site.code.write(site.address, memory);
        memory.close();
        written
    });
    // SAFETY: a thread was executing there just now, or the site was seen in the memory map.
    written.or_else(|_| unsafe { site.code.write_unprotected(site.address) })
}

/// Notes in a crash whether traps went to somebody else by then, who may have made anything of them. Safe in a
/// signal handler.
pub(in crate::worker) fn crashing() {
    if let Some(planted) = planted().filter(|_| !crate::worker::handler::handles(libc::SIGTRAP)) {
        planted.area.give_up();
    }
}

/// Takes all breakpoints out if SIGTRAP does not come to our handler any more: the module has one of its own.
pub(super) fn give_up_unless_ours() {
    let Some(planted) = planted().filter(|planted| !planted.area.was_given_up()) else {
        return;
    };
    if crate::worker::handler::handles(libc::SIGTRAP) {
        return;
    }
    planted.area.give_up();
    for site in &planted.sites {
        // SAFETY: the library is loaded: its sites lie in mapped code.
        if unsafe { Code::at(site.address) } == BREAKPOINT {
            let _ = take_out(site);
        }
    }
}
