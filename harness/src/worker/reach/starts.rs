//! Where the functions of a library start: the sorted table of `.eh_frame_hdr`, which stripped libraries have,
//! too, since exceptions and backtraces stand on it.
//!
//! Left out is what may be no start of an instruction that is only executed: what lies outside executable
//! sections or in linkage stubs, and what lies within another entry.

use super::trap::{BREAKPOINT, Code};
use gimli::{
    BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, Pointer, UnwindSection,
};
use object::elf::{PF_X, PT_GNU_EH_FRAME, PT_LOAD, ProgramFlags, ProgramType, SHF_EXECINSTR};
use object::read::elf::{ElfFile64, ProgramHeader, SectionHeader};
use object::{Object, ObjectSection};
use std::ops::Range;
use std::path::Path;

/// The start of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Start {
    /// Distance from the library's load base.
    pub(super) offset: u64,
    /// What stands there.
    pub(super) code: Code,
}

type Elf<'d> = ElfFile64<'d, object::Endianness, &'d [u8]>;
type Bytes<'d> = EndianSlice<'d, NativeEndian>;

/// The functions of the file at `path` in order of address; none if it has no table or is no ELF file.
pub(super) fn of(path: &Path) -> Vec<Start> {
    let data = std::fs::read(path).unwrap_or_default();
    let elf: Option<Elf<'_>> = ElfFile64::parse(&*data).ok();
    let starts = elf.and_then(|elf| {
        let ranges = entries(&elf)?;
        Some(sound(&elf, ranges))
    });
    starts.unwrap_or_default()
}

/// Extents of the functions in the table, sorted by their starts.
fn entries(elf: &Elf<'_>) -> Option<Vec<Range<u64>>> {
    let (address, table) = segment(elf, |kind, _| kind == PT_GNU_EH_FRAME)?;
    let bases = BaseAddresses::default().set_eh_frame_hdr(address);
    let header = EhFrameHdr::new(table, NativeEndian).parse(&bases, 8).ok()?;
    let Pointer::Direct(frames_at) = header.eh_frame_ptr() else {
        return None;
    };
    let holds = |kind, range: &Range<u64>| kind == PT_LOAD && range.contains(&frames_at);
    let (begin, bytes) = segment(elf, holds)?;
    let frames = EhFrame::new(
        bytes.get(usize::try_from(frames_at - begin).ok()?..)?,
        NativeEndian,
    );
    let bases = bases.set_eh_frame(frames_at);
    let table = header.table()?;
    let mut entries = table.iter(&bases);
    let mut ranges = Vec::new();
    while let Ok(Some((_, at))) = entries.next() {
        let entry = table.pointer_to_offset(at).and_then(|offset| {
            frames.fde_from_offset(&bases, offset, EhFrame::<Bytes<'_>>::cie_from_offset)
        });
        if let Ok(entry) = entry {
            let start = entry.initial_address();
            ranges.push(start..start.saturating_add(entry.len()));
        }
    }
    ranges.sort_by_key(|range| range.start);
    Some(ranges)
}

/// Address and content of the first segment that is meant.
fn segment<'d>(
    elf: &Elf<'d>,
    is_meant: impl Fn(ProgramType, &Range<u64>) -> bool,
) -> Option<(u64, &'d [u8])> {
    let endian = elf.endian();
    let mut headers = elf.elf_program_headers().iter();
    headers.find_map(|header| {
        let begin = header.p_vaddr(endian);
        let range = begin..begin.saturating_add(header.p_filesz(endian));
        let data = is_meant(header.p_type(endian), &range).then(|| header.data(endian, elf.data()));
        Some((begin, data?.ok()?))
    })
}

/// Those at which a breakpoint can stand.
fn sound(elf: &Elf<'_>, ranges: Vec<Range<u64>>) -> Vec<Start> {
    let endian = elf.endian();
    let code: Vec<(Range<u64>, &[u8])> = elf
        .elf_program_headers()
        .iter()
        .filter(|header| header.p_type(endian) == PT_LOAD)
        .filter(|header| header.p_flags(endian) & PF_X != ProgramFlags(0))
        .filter_map(|header| {
            let begin = header.p_vaddr(endian);
            let data = header.data(endian, elf.data()).ok()?;
            Some((begin..begin + data.len() as u64, data))
        })
        .collect();
    let base = elf
        .elf_program_headers()
        .iter()
        .find(|header| header.p_type(endian) == PT_LOAD && header.p_offset(endian) == 0)
        .map_or(0, |header| header.p_vaddr(endian));
    let stubs_aside = sections(elf);
    let mut end = 0;
    let mut starts = Vec::new();
    for range in ranges {
        let overlaps = range.start < end;
        end = end.max(range.end);
        let fits = |place: &Range<u64>| place.start <= range.start && range.end <= place.end;
        let in_section = stubs_aside.is_empty() || stubs_aside.iter().any(fits);
        let aligned = range.start.is_multiple_of(Code::ALIGNMENT);
        if overlaps || !in_section || range.is_empty() || !aligned {
            continue;
        }
        let segment = code.iter().find(|(place, _)| fits(place));
        let code = segment.and_then(|(place, data)| {
            let at = usize::try_from(range.start - place.start).ok()?;
            Code::read(data.get(at..)?)
        });
        // A function that begins with a trap has it for itself.
        if let Some(code) = code.filter(|code| *code != BREAKPOINT)
            && let Some(offset) = range.start.checked_sub(base)
        {
            starts.push(Start { offset, code });
        }
    }
    starts
}

/// Executable sections but linkage stubs; none if the file has no sections.
fn sections(elf: &Elf<'_>) -> Vec<Range<u64>> {
    let executable = elf.sections().filter(|section| {
        let flags = section.elf_section_header().sh_flags(elf.endian());
        let stub = section.name().is_ok_and(|name| name.starts_with(".plt"));
        flags & SHF_EXECINSTR == SHF_EXECINSTR && !stub
    });
    executable
        .map(|section| section.address()..section.address() + section.size())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::{ObjectSymbol, SymbolKind};

    #[test]
    fn functions_of_a_library_start_where_its_symbols_say() {
        let path = std::env::current_exe().expect("path of the test");
        let starts = of(&path);
        assert!(starts.len() > 1000, "{}", starts.len());
        assert!(starts.is_sorted_by_key(|start| start.offset));
        let data = std::fs::read(&path).expect("this program");
        let elf: Elf<'_> = ElfFile64::parse(&*data).expect("an ELF file");
        let named: std::collections::BTreeSet<u64> = elf
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text)
            .map(|symbol| symbol.address())
            .collect();
        let known = starts.iter().filter(|start| named.contains(&start.offset));
        let share = known.count() * 100 / starts.len();
        assert!(share > 95, "{share} % of the starts have a name");
    }

    #[test]
    fn what_is_no_library_has_no_functions() {
        assert_eq!(of(Path::new("/proc/self/maps")), []);
        assert_eq!(of(Path::new("/no/such/file")), []);
    }
}
