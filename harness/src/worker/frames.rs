//! Unwinding a snapshot into frames relative to the files they lie in.
//!
//! This module owns the memory map's reading and the walk; what is in the files (build-id,
//! symbols, unwind tables) is read by `image`.

use super::arch::{FP, LR, PC, SP};
use super::image::Image;
use super::snapshot::Snapshot;
use framehop::{FrameAddress, Unwinder};
use p11assay_reports::evidence::Frame;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Frames kept, innermost first. A stack overflow has thousands.
const MOST: usize = 64;

#[cfg(target_arch = "x86_64")]
use framehop::x86_64::{
    CacheX86_64 as Cache, UnwindRegsX86_64 as Regs, UnwinderX86_64 as ArchUnwinder,
};

#[cfg(target_arch = "aarch64")]
use framehop::aarch64::{
    CacheAarch64 as Cache, PtrAuthMask, UnwindRegsAarch64 as Regs, UnwinderAarch64 as ArchUnwinder,
};

/// One line of a memory map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) range: Range<u64>,
    pub(super) executable: bool,
    pub(super) offset: u64,
    pub(super) path: Option<PathBuf>,
}

impl Region {
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut rest = line;
        let mut field = || {
            let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after.trim_start_matches(' ');
            field
        };
        let (start, end) = field().split_once('-')?;
        let hex = |text| u64::from_str_radix(text, 16).ok();
        let range = hex(start)?..hex(end)?;
        let executable = field().as_bytes().get(2) == Some(&b'x');
        let offset = hex(field())?;
        let (_device, _inode) = (field(), field());
        let path = rest.starts_with('/').then(|| PathBuf::from(rest));
        Some(Self {
            range,
            executable,
            offset,
            path,
        })
    }
}

/// A file as it is mapped.
struct Loaded {
    base: u64,
    end: u64,
    name: String,
    image: Option<Arc<Image>>,
    /// Whether the unwinder has been told of it.
    known: bool,
}

/// The memory map of a process, with the files looked at so far.
struct Map {
    regions: Vec<Region>,
    loaded: BTreeMap<u64, Loaded>,
}

impl Map {
    fn new(text: &str) -> Self {
        Self {
            regions: text.lines().filter_map(Region::parse).collect(),
            loaded: BTreeMap::new(),
        }
    }

    fn region(&self, address: u64) -> Option<&Region> {
        self.regions
            .iter()
            .find(|region| region.range.contains(&address))
    }

    fn is_code(&self, address: u64) -> bool {
        self.region(address).is_some_and(|region| region.executable)
    }

    /// Load address and end of the file at `address`: its mapping of offset 0 next below.
    fn extent(&self, address: u64) -> Option<(u64, u64, &Path)> {
        let region = self.region(address)?;
        let path = region.path.as_deref()?;
        let same = |other: &&Region| other.path.as_deref() == Some(path);
        let head = self
            .regions
            .iter()
            .rfind(|other| other.range.start <= address && other.offset == 0 && same(other));
        let base = match head {
            Some(head) => head.range.start,
            None => region.range.start.checked_sub(region.offset)?,
        };
        let next = self
            .regions
            .iter()
            .filter(same)
            .find(|other| other.range.start > address && other.offset == 0)
            .map_or(u64::MAX, |other| other.range.start);
        let within = |other: &&Region| other.range.start >= base && other.range.start < next;
        let last = self.regions.iter().filter(same).rfind(within);
        Some((
            base,
            last.map_or(region.range.end, |last| last.range.end),
            path,
        ))
    }

    /// The file at `address`.
    fn file(&mut self, address: u64) -> Option<&mut Loaded> {
        let (base, end, path) = self.extent(address)?;
        let path = path.to_owned();
        let loaded = self.loaded.entry(base).or_insert_with(|| {
            let name = path.file_name().unwrap_or(path.as_os_str());
            Loaded {
                base,
                end,
                name: name.to_string_lossy().into_owned(),
                image: Image::open(&path),
                known: false,
            }
        });
        Some(loaded)
    }
}

/// The stack of a snapshot, innermost frame first.
///
/// A snapshot comes from a process that may have been damaged on purpose, and the files in it are
/// not ours either: a reader of unwind tables that panics on them costs the frames, nothing more.
pub(super) fn unwind(snapshot: &Snapshot) -> Vec<Frame> {
    std::panic::catch_unwind(|| walk(snapshot)).unwrap_or_default()
}

fn walk(snapshot: &Snapshot) -> Vec<Frame> {
    let mut map = Map::new(&snapshot.maps);
    let mut unwinder = ArchUnwinder::<Arc<[u8]>>::new();
    let mut cache = Cache::<_>::new();
    let mut read = |address| snapshot.stack_word(address).ok_or(());
    let mut address = FrameAddress::from_instruction_pointer(snapshot.registers[PC]);
    let mut registers = unwind_registers(snapshot, snapshot.registers[SP]);
    let mut frames = Vec::new();
    if !map.is_code(address.address()) {
        // A call through a bad pointer: the frame is where nothing is, its caller at the top of
        // the stack (or in the link register).
        frames.push(frame(&mut map, address));
        let Some((caller, sp)) = caller_of_nowhere(snapshot) else {
            return frames;
        };
        let Some(return_address) = FrameAddress::from_return_address(caller) else {
            return frames;
        };
        address = return_address;
        registers = unwind_registers(snapshot, sp);
    }
    while frames.len() < MOST {
        frames.push(frame(&mut map, address));
        if let Some(loaded) = map.file(address.address_for_lookup())
            && !std::mem::replace(&mut loaded.known, true)
            && let Some(image) = &loaded.image
        {
            let range = loaded.base..loaded.end;
            unwinder.add_module(image.unwind_module(&loaded.name, range));
        }
        let caller = unwinder.unwind_frame(address, &mut registers, &mut cache, &mut read);
        let Ok(Some(caller)) = caller else { break };
        let next = FrameAddress::from_return_address(caller);
        let Some(next) = next.filter(|next| map.is_code(next.address_for_lookup())) else {
            break;
        };
        address = next;
    }
    frames
}

fn frame(map: &mut Map, address: FrameAddress) -> Frame {
    let place = address.address_for_lookup();
    match map.file(place) {
        Some(loaded) => {
            let image = loaded.image.as_deref();
            Frame {
                module: loaded.name.clone(),
                offset: address.address() - loaded.base,
                build_id: image.and_then(|image| image.build_id.clone()),
                symbol: image.and_then(|image| image.symbol(place - loaded.base)),
            }
        }
        None => Frame {
            module: "?".to_owned(),
            offset: address.address(),
            build_id: None,
            symbol: None,
        },
    }
}

/// Return address and stack pointer of the caller of a function that does not exist.
fn caller_of_nowhere(snapshot: &Snapshot) -> Option<(u64, u64)> {
    let sp = snapshot.registers[SP];
    match LR {
        Some(link) => Some((snapshot.registers[link], sp)),
        None => Some((snapshot.stack_word(sp)?, sp.checked_add(8)?)),
    }
}

#[cfg(target_arch = "x86_64")]
fn unwind_registers(snapshot: &Snapshot, sp: u64) -> Regs {
    Regs::new(snapshot.registers[PC], sp, snapshot.registers[FP])
}

#[cfg(target_arch = "aarch64")]
fn unwind_registers(snapshot: &Snapshot, sp: u64) -> Regs {
    let registers = &snapshot.registers;
    let link = LR.map_or(0, |link| registers[link]);
    // User space has 48 bits of address at most on common kernels.
    let mask = PtrAuthMask::from_max_known_address((1 << 48) - 1);
    Regs::new_with_ptr_auth_mask(mask, link, sp, registers[FP])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d000000000-55d000001000 r--p 00000000 fd:00 11 /usr/bin/program
55d000001000-55d000002000 r-xp 00001000 fd:00 11 /usr/bin/program
7f0000000000-7f0000001000 r--p 00000000 fd:00 12 /usr/lib/with space.so
7f0000001000-7f0000003000 r-xp 00001000 fd:00 12 /usr/lib/with space.so
7f0000003000-7f0000004000 rw-p 00003000 fd:00 12 /usr/lib/with space.so
7f0000004000-7f0000005000 rw-p 00000000 00:00 0
not a line of a map
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
";

    #[test]
    fn a_map_is_read_line_by_line_and_nonsense_is_left_out() {
        let map = Map::new(MAPS);
        assert_eq!(map.regions.len(), 7);
        assert!(map.is_code(0x7f00_0000_1234));
        assert!(!map.is_code(0x7f00_0000_3234));
        assert!(!map.is_code(0));
        assert_eq!(
            map.region(0x7ffc_0000_0000).and_then(|it| it.path.clone()),
            None
        );
    }

    #[test]
    fn offsets_count_from_the_load_base_of_the_file() {
        let mut map = Map::new(MAPS);
        let (base, end, path) = map.extent(0x7f00_0000_1234).expect("a file");
        assert_eq!((base, end), (0x7f00_0000_0000, 0x7f00_0000_4000));
        assert_eq!(path, Path::new("/usr/lib/with space.so"));
        let frame = frame(
            &mut map,
            FrameAddress::from_instruction_pointer(0x7f00_0000_1234),
        );
        assert_eq!(
            (frame.module.as_str(), frame.offset),
            ("with space.so", 0x1234)
        );
    }

    #[test]
    fn a_snapshot_of_nothing_gives_one_unknown_frame() {
        let snapshot = Snapshot {
            registers: [0; super::super::arch::NAMES.len()],
            stack_start: 0,
            stack: Vec::new(),
            maps: String::new(),
        };
        let frames = unwind(&snapshot);
        assert_eq!(frames.len(), 1);
        assert_eq!(frames[0].module, "?");
    }

    /// Registers, stack and map of every kind of nonsense give frames or none, but an answer.
    #[test]
    fn a_snapshot_of_noise_is_survived() {
        let program = std::env::current_exe().expect("path of the test");
        let mut state = 1_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.rotate_left(23)
        };
        for round in 0..200 {
            let base = 0x5000_0000 + (noise() & 0xf000);
            let near = |value: u64| base + value % 0x40_0000;
            let stack: Vec<u8> = (0..512).flat_map(|_| near(noise()).to_le_bytes()).collect();
            let mut registers = [0; super::super::arch::NAMES.len()];
            registers.fill_with(|| near(noise()));
            let stack_start = noise() % 0x1000 * 8;
            registers[SP] = stack_start + noise() % 0x800 * 8;
            let (end, offset) = (base + 0x40_0000, if round % 2 == 0 { 0 } else { noise() });
            let maps = format!(
                "{base:x}-{end:x} r-xp {offset:x} 0:0 1 {}",
                program.display()
            );
            let snapshot = Snapshot {
                registers,
                stack_start,
                stack,
                maps,
            };
            assert!((1..=MOST).contains(&walk(&snapshot).len()));
        }
    }
}
