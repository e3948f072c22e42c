//! What a frame needs to know of the file it lies in: build-id, symbols, unwind tables.
//!
//! Owns reading ELF files, each once a process. A file that cannot be read gives no image: the
//! frame then has an offset only.

use framehop::{ExplicitModuleSectionInfo, Module};
use object::read::elf::ProgramHeader;
use object::{Object, ObjectSection, ObjectSymbol, ReadCache, SymbolKind};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

/// The contents of one ELF file that matter to frames. Addresses are as in the file.
#[derive(Debug)]
pub(super) struct Image {
    /// GNU build-id, hexadecimal.
    pub(super) build_id: Option<String>,
    /// Address the file gives to the byte that is mapped at its load base.
    base: u64,
    /// Functions by address: address, size, name.
    symbols: Vec<(u64, u64, String)>,
    text: Option<Range<u64>>,
    eh_frame: Option<(Range<u64>, Arc<[u8]>)>,
    eh_frame_hdr: Option<(Range<u64>, Arc<[u8]>)>,
}

/// A file is known by its path as long as its time of modification stays.
type Key = (PathBuf, SystemTime);

static IMAGES: LazyLock<Mutex<HashMap<Key, Option<Arc<Image>>>>> = LazyLock::new(Mutex::default);

impl Image {
    /// The image of the file at `path`, if it is an ELF file that can be read.
    pub(super) fn open(path: &Path) -> Option<Arc<Self>> {
        // Opening a device that happens to be mapped may do anything.
        let metadata = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
        let modified = metadata.modified().ok()?;
        let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
        let image = images.entry((path.to_owned(), modified));
        image
            .or_insert_with(|| Self::read(File::open(path).ok()?).map(Arc::new))
            .clone()
    }

    fn read(file: File) -> Option<Self> {
        let cache = ReadCache::new(file);
        let elf = object::read::elf::ElfFile64::<object::Endianness, _>::parse(&cache).ok()?;
        let endian = elf.endian();
        let base = elf
            .elf_program_headers()
            .iter()
            .filter(|header| header.p_type(endian) == object::elf::PT_LOAD)
            .find(|header| header.p_offset(endian) == 0)
            .map_or(0, |header| header.p_vaddr(endian));
        let range = |name: &str| {
            let section = elf.section_by_name(name)?;
            Some(section.address()..section.address() + section.size())
        };
        let section = |name: &str| {
            let section = elf.section_by_name(name)?;
            let data = section.data().ok()?;
            Some((
                section.address()..section.address() + section.size(),
                Arc::from(data),
            ))
        };
        let build_id = elf.build_id().ok().flatten();
        let build_id = build_id.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect());
        Some(Self {
            build_id,
            base,
            symbols: functions(elf.symbols().chain(elf.dynamic_symbols())),
            text: range(".text"),
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
        })
    }

    /// The function at `offset` from the load base, with the distance from its start.
    pub(super) fn symbol(&self, offset: u64) -> Option<String> {
        let address = offset.checked_add(self.base)?;
        let next = self
            .symbols
            .partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.symbols.get(next.checked_sub(1)?)?;
        let distance = address - start;
        // A symbol without a size reaches up to the next one.
        let inside = *size == 0 || distance < *size;
        inside.then(|| format!("{name}+{distance:#x}"))
    }

    /// The image as the unwinder wants it, mapped at `range`.
    pub(super) fn unwind_module(&self, name: &str, range: Range<u64>) -> Module<Arc<[u8]>> {
        let part = |section: &Option<(Range<u64>, Arc<[u8]>)>| match section {
            Some((range, data)) => (Some(range.clone()), Some(Arc::clone(data))),
            None => (None, None),
        };
        let (eh_frame_svma, eh_frame) = part(&self.eh_frame);
        let (eh_frame_hdr_svma, eh_frame_hdr) = part(&self.eh_frame_hdr);
        let start = range.start;
        let sections = ExplicitModuleSectionInfo {
            base_svma: self.base,
            text_svma: self.text.clone(),
            eh_frame_svma,
            eh_frame,
            eh_frame_hdr_svma,
            eh_frame_hdr,
            ..ExplicitModuleSectionInfo::default()
        };
        Module::new(name.to_owned(), range, start, sections)
    }
}

fn functions<'a>(symbols: impl Iterator<Item = impl ObjectSymbol<'a>>) -> Vec<(u64, u64, String)> {
    let mut functions: Vec<_> = symbols
        .filter(|symbol| symbol.is_definition() && symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| {
            Some((
                symbol.address(),
                symbol.size(),
                symbol.name().ok()?.to_owned(),
            ))
        })
        .collect();
    functions.sort();
    // Of several names for an address the largest extent is last; keep one.
    functions.reverse();
    functions.dedup_by_key(|(address, ..)| *address);
    functions.reverse();
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_has_functions_and_unwind_tables() {
        let path = std::env::current_exe().expect("path of the test");
        let image = Image::open(&path).expect("an image");
        assert!(image.eh_frame.is_some() && image.eh_frame_hdr.is_some());
        let (address, _, name) = image.symbols.first().expect("a function");
        let found = image.symbol(address - image.base).expect("its name");
        assert_eq!(found, format!("{name}+0x0"));
        let again = Image::open(&path).expect("an image");
        assert!(Arc::ptr_eq(&image, &again));
    }

    #[test]
    fn what_is_no_elf_file_has_no_image() {
        assert!(Image::open(Path::new("/proc/self/maps")).is_none());
        assert!(Image::open(Path::new("/no/such/file")).is_none());
        assert!(Image::open(Path::new("/dev/zero")).is_none());
    }
}
