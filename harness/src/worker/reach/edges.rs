//! Edges of libraries that were built with SanitizerCoverage (clang and Rust: guards or counters of eight bits; gcc:
//! the address of every block). Their code calls functions that whoever loads them has to have: the program has them
//! (`callbacks`), and they lead here. Nothing is planted, and a search is guided by branches and not by functions.
//!
//! A guard is put out once its edge was noted, so that it costs one call each time after. Counters are looked at
//! between cases and in a crash. An address has no number of its own: it gets the one that its hash says, and now
//! and then two share one.
#![allow(
    unsafe_code,
    reason = "reads and writes the guards and counters of an instrumented library"
)]

use std::ffi::{CStr, OsStr, c_void};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};

use object::read::elf::ElfFile64;
use object::{Object, ObjectSymbol};

use super::area::{MOST, Reach};
use super::{Covered, Points};
use crate::worker::frames::Region;

/// What the code of a library has for each of its edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A number, which is its own; zero once it was noted.
    Guards,
    /// How often it was passed, modulo 256.
    Counters,
}

/// The guards or counters of a part of a library: as many as it has edges, or as there are numbers for.
#[derive(Debug, Clone)]
struct Part {
    kind: Kind,
    library: Library,
    address: usize,
    first: u32,
    count: u32,
}

impl Part {
    fn end(&self) -> u32 {
        self.first + self.count
    }
}

/// A library, by what the linker says of an address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Library {
    file: PathBuf,
    base: usize,
}

impl Library {
    fn at(address: usize) -> Option<Self> {
        let mut info = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: the linker looks the address up, and fills in the structure if it says that it found it.
        let found = unsafe { libc::dladdr(address as *const c_void, info.as_mut_ptr()) } != 0;
        // SAFETY: as above; its name is a string of the linker's.
        let (name, base) = found.then(|| unsafe {
            let info = info.assume_init();
            (CStr::from_ptr(info.dli_fname), info.dli_fbase as usize)
        })?;
        let file = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
        Some(Self { file, base })
    }

    fn name(&self) -> String {
        let name = self.file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// The parts of all libraries that are loaded, in the order in which they were.
static PARTS: Mutex<Vec<Part>> = Mutex::new(Vec::new());

fn parts() -> MutexGuard<'static, Vec<Part>> {
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is followed.
struct Followed {
    area: &'static Reach,
    counters: Vec<Part>,
    /// Where libraries are whose blocks are known by their addresses alone.
    addressed: Vec<Range<usize>>,
}

/// Never freed: another thread may be in a callback.
static FOLLOWED: AtomicPtr<Followed> = AtomicPtr::new(std::ptr::null_mut());

fn followed() -> Option<&'static Followed> {
    // SAFETY: NULL, or leaked by `follow` and not changed since.
    unsafe { FOLLOWED.load(Acquire).as_ref() }
}

/// Gives numbers to the edges of a part of a library.
fn appear(kind: Kind, address: usize, count: usize) -> Range<u32> {
    let Some(library) = Library::at(address) else {
        return 0..0;
    };
    let mut parts = parts();
    let first = parts.last().map_or(0, Part::end);
    let part = Part {
        kind,
        library,
        address,
        first,
        count: count.min(MOST - first as usize) as u32,
    };
    let numbers = first..part.end();
    parts.push(part);
    numbers
}

/// A library has guards. Each part of one says so, and may say it again.
///
/// # Safety
/// `start` and `stop` must be what instrumented code gives: the ends of an array that lives as long as its library.
pub unsafe fn guards_appear(start: *mut u32, stop: *mut u32) {
    // SAFETY: as the caller promises.
    let count = unsafe { stop.offset_from(start) };
    let Some(count) = usize::try_from(count).ok().filter(|count| *count > 0) else {
        return;
    };
    // SAFETY: within the array; code of the library may run in another thread.
    let guard = |place: usize| unsafe { AtomicU32::from_ptr(start.add(place)) };
    if guard(0).load(Relaxed) != 0 {
        return;
    }
    let numbers = appear(Kind::Guards, start as usize, count);
    for (place, number) in numbers.enumerate() {
        guard(place).store(number + 1, Relaxed);
    }
}

/// An edge with this guard is passed.
///
/// # Safety
/// `guard` must be one of an array of which [`guards_appear`] was told.
pub unsafe fn guard(guard: *mut u32) {
    // SAFETY: as the caller promises; other threads may pass the same edge.
    let guard = unsafe { AtomicU32::from_ptr(guard) };
    let number = guard.load(Relaxed);
    // Until something is followed the guards stay as they are.
    if let (Some(edge), Some(followed)) = (number.checked_sub(1), followed()) {
        followed.area.note(edge);
        guard.store(0, Relaxed);
    }
}

/// A library has counters.
///
/// # Safety
/// As [`guards_appear`].
pub unsafe fn counters_appear(start: *mut u8, stop: *mut u8) {
    // SAFETY: as the caller promises.
    let count = unsafe { stop.offset_from(start) };
    let known = |parts: &[Part]| parts.iter().any(|part| part.address == start as usize);
    match usize::try_from(count) {
        Ok(count) if count > 0 && !known(&parts()) => {
            appear(Kind::Counters, start as usize, count);
        }
        _ => {}
    }
}

/// The block that this address is in is entered.
pub fn address(address: usize) {
    let Some(followed) = followed() else {
        return;
    };
    let mut ranges = followed.addressed.iter();
    if let Some(range) = ranges.find(|range| range.contains(&address)) {
        followed.area.note(number_of(address - range.start));
    }
}

/// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, section 6.4), down to as many bits as there
/// are numbers.
fn number_of(offset: usize) -> u32 {
    const BITS: u32 = MOST.ilog2();
    let mixed = (offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - BITS)) as u32
}

/// Follows the edges of all libraries that are loaded and have some, and of the module at `path`, which has the range
/// of addresses. Nothing if no library was built for that.
pub(super) fn follow(
    area: &'static Reach,
    regions: &[Region],
    module: &Path,
    known: &[u32],
) -> Vec<Covered> {
    let parts = parts().clone();
    let mut covered: Vec<Covered> = Vec::new();
    for part in &parts {
        let name = part.library.name();
        match covered.last_mut().filter(|last| last.name == name) {
            Some(last) => last.functions += part.count,
            None => covered.push(Covered {
                name,
                first: part.first,
                functions: part.count,
                points: Points::Edges,
            }),
        }
    }
    let mut addressed = Vec::new();
    if parts.is_empty() && tells_addresses(module) {
        let of_it = |region: &&Region| region.path.as_deref() == Some(module);
        let mut own = regions.iter().filter(of_it).map(|region| &region.range);
        let start = own.clone().map(|range| range.start).min();
        let end = own.by_ref().map(|range| range.end).max();
        addressed.extend(
            start
                .zip(end)
                .map(|(start, end)| start as usize..end as usize),
        );
        let name = module.file_name().unwrap_or_default();
        covered.push(Covered {
            name: name.to_string_lossy().into_owned(),
            first: 0,
            functions: MOST as u32,
            points: Points::Addresses,
        });
    }
    let guards = parts.iter().filter(|part| part.kind == Kind::Guards);
    for part in guards {
        let known = known
            .iter()
            .filter(|edge| (part.first..part.end()).contains(edge));
        for edge in known {
            let place = (edge - part.first) as usize;
            let guard = (part.address as *mut u32).wrapping_add(place);
            // SAFETY: within an array of a library that is loaded: `unloaded` forgets the others.
            unsafe { AtomicU32::from_ptr(guard) }.store(0, Relaxed);
        }
    }
    if covered.is_empty() {
        return covered;
    }
    let mut counters = parts;
    counters.retain(|part| part.kind == Kind::Counters);
    let followed = Box::leak(Box::new(Followed {
        area,
        counters,
        addressed,
    }));
    FOLLOWED.store(followed, Release);
    covered
}

/// True if the code of the file says which block it enters.
fn tells_addresses(path: &Path) -> bool {
    let data = std::fs::read(path).unwrap_or_default();
    let elf: Option<ElfFile64<'_, object::Endianness>> = ElfFile64::parse(&*data).ok();
    elf.is_some_and(|elf| {
        let mut symbols = elf.dynamic_symbols();
        symbols.any(|symbol| symbol.name() == Ok("__sanitizer_cov_trace_pc"))
    })
}

/// Notes what the counters say, and puts them back. Safe in a signal handler.
pub(in crate::worker) fn look() {
    let Some(followed) = followed() else {
        return;
    };
    for part in &followed.counters {
        let (mut address, end) = (part.address, part.address + part.count as usize);
        while address < end {
            // Most of them are zero, and eight of them are looked at as fast as one.
            let word = (address % 8 == 0 && address + 8 <= end).then_some(address as *mut u64);
            // SAFETY: within an array of a library that is loaded: `unloaded` forgets the others.
            if word.is_some_and(|word| unsafe { AtomicU64::from_ptr(word) }.load(Relaxed) == 0) {
                address += 8;
                continue;
            }
            // SAFETY: as above.
            let counter = unsafe { AtomicU8::from_ptr(address as *mut u8) };
            if counter.load(Relaxed) != 0 {
                counter.store(0, Relaxed);
                let place = (address - part.address) as u32;
                followed.area.note(part.first + place);
            }
            address += 1;
        }
    }
}

/// Forgets parts of libraries that are gone: their addresses may be another's next.
pub(super) fn unloaded() {
    let mut parts = parts();
    let before = parts.len();
    parts.retain(|part| Library::at(part.address).as_ref() == Some(&part.library));
    let addressed = followed().is_some_and(|followed| !followed.addressed.is_empty());
    if parts.len() < before || addressed {
        FOLLOWED.store(std::ptr::null_mut(), Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many counters as the reference token has, and more, when it is built as a library with SanitizerCoverage.
    #[test]
    fn all_edges_of_a_library_of_rust_have_numbers() {
        static COUNTERS: [AtomicU8; 200_000] = [const { AtomicU8::new(0) }; 200_000];
        let start = COUNTERS.as_ptr().cast_mut().cast::<u8>();
        // SAFETY: the ends of an array that lives as long as the process.
        unsafe { counters_appear(start, start.add(COUNTERS.len())) };
        let counts: Vec<u32> = parts().drain(..).map(|part| part.count).collect();
        assert_eq!(counts, [200_000]);
    }

    #[test]
    fn addresses_that_are_close_have_numbers_of_their_own() {
        let numbers: std::collections::BTreeSet<u32> =
            (0..4096).map(|at| number_of(at * 4)).collect();
        assert_eq!(numbers.len(), 4096);
        assert!(numbers.iter().all(|number| (*number as usize) < MOST));
    }
}
