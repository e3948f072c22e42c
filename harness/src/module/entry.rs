//! The entry points of a module, and the choice of the function list that calls go through.
#![allow(unsafe_code, reason = "dlopen, and calls of the three entry points")]

use std::ffi::OsStr;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};

use cryptoki_sys::{
    CK_FUNCTION_LIST, CK_FUNCTION_LIST_3_0, CK_FUNCTION_LIST_3_2, CK_INTERFACE, CK_RV, CKR_OK,
};

use super::memory;
use super::{Interface, Loaded};
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Version};

/// Most interfaces that are looked at.
const MAX_INTERFACES: usize = 64;

/// Where a module comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The reference token, linked in.
    Builtin,
    /// A shared library.
    Path(PathBuf),
}

/// Why a module cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LoadError {
    /// No such file.
    #[error("there is no file {0}; check the path of the module")]
    NoFile(String),
    /// The dynamic linker refused it.
    #[error("{path} cannot be loaded: {reason}; is it a shared library for this architecture?")]
    NoLibrary {
        /// The module.
        path: String,
        /// What the linker said.
        reason: String,
    },
    /// It is a library without Cryptoki.
    #[error("{0} has neither C_GetFunctionList nor C_GetInterface; it is no PKCS #11 module")]
    NoEntryPoint(String),
    /// `C_GetFunctionList` failed or gave nothing usable, and there is no interface either.
    #[error("no usable function list: {0}")]
    NoList(String),
}

type GetFunctionList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
type GetInterfaceList = unsafe extern "C" fn(*mut CK_INTERFACE, *mut u64) -> CK_RV;
type GetInterface = unsafe extern "C" fn(
    *mut u8,
    *mut cryptoki_sys::CK_VERSION,
    *mut *mut CK_INTERFACE,
    u64,
) -> CK_RV;

/// The exported functions by which everything else is found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry {
    /// `C_GetFunctionList`.
    pub get_function_list: Option<GetFunctionList>,
    /// `C_GetInterfaceList`.
    pub get_interface_list: Option<GetInterfaceList>,
    /// `C_GetInterface`.
    pub get_interface: Option<GetInterface>,
}

/// A loaded module.
///
/// The library stays loaded as long as this lives; nothing of it may be called afterwards.
#[derive(Debug)]
pub struct Module {
    table: CK_FUNCTION_LIST_3_2,
    facts: Loaded,
    _library: Option<libloading::Library>,
}

/// A function list that could be copied.
struct List {
    table: CK_FUNCTION_LIST_3_2,
    version: Version,
    from: &'static str,
}

impl Module {
    /// Loads a module. To be called in a worker: a library's initialisers may do anything.
    ///
    /// `wanted` asks for one version of the `PKCS 11` interface instead of the highest up to 3.2.
    ///
    /// # Errors
    /// A [`LoadError`] that says what to do.
    pub fn load(source: &Source, wanted: Option<Version>) -> Result<Self, LoadError> {
        match source {
            Source::Builtin => Self::from_entry(builtin(), None, "the built-in token", wanted),
            Source::Path(path) => {
                let library = open(path)?;
                let entry = entry_points(&library);
                Self::from_entry(entry, Some(library), &path.display().to_string(), wanted)
            }
        }
    }

    fn from_entry(
        entry: Entry,
        library: Option<libloading::Library>,
        name: &str,
        wanted: Option<Version>,
    ) -> Result<Self, LoadError> {
        if entry.get_function_list.is_none() && entry.get_interface.is_none() {
            return Err(LoadError::NoEntryPoint(name.to_owned()));
        }
        let mut remarks = Vec::new();
        let (interfaces, mut lists) = interface_lists(&entry, &mut remarks);
        lists.extend(function_list(&entry, &mut remarks));
        let list = choose(lists, wanted).ok_or_else(|| {
            LoadError::NoList(if remarks.is_empty() {
                "no interface has the version asked for; run `p11assay probe` to see them"
                    .to_owned()
            } else {
                remarks.join("; ")
            })
        })?;
        let mut table = list.table;
        complete_from_exports(&mut table, &entry);
        let missing = missing(&table, list.version);
        let facts = Loaded {
            version: (list.version.major, list.version.minor),
            from: list.from.to_owned(),
            interfaces,
            missing,
            remarks,
        };
        Ok(Self {
            table,
            facts,
            _library: library,
        })
    }

    /// The function list; entries that the module lacks are `None`.
    #[must_use]
    pub fn table(&self) -> &CK_FUNCTION_LIST_3_2 {
        &self.table
    }

    /// What loading found out.
    #[must_use]
    pub fn facts(&self) -> &Loaded {
        &self.facts
    }
}

fn builtin() -> Entry {
    Entry {
        get_function_list: Some(reference_token::C_GetFunctionList),
        get_interface_list: Some(reference_token::C_GetInterfaceList),
        get_interface: Some(reference_token::C_GetInterface),
    }
}

fn open(path: &Path) -> Result<libloading::Library, LoadError> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // A bare name is looked up by the linker; anything with a directory must exist.
    if path.components().count() > 1 && !path.exists() {
        return Err(LoadError::NoFile(path.display().to_string()));
    }
    let name: &OsStr = path.as_os_str();
    // SAFETY: loading runs the library's initialisers, which is what a worker is for.
    unsafe { Library::open(Some(name), RTLD_NOW | RTLD_LOCAL) }
        .map(Into::into)
        .map_err(|error| {
            let reason =
                std::error::Error::source(&error).map_or(error.to_string(), ToString::to_string);
            LoadError::NoLibrary {
                path: path.display().to_string(),
                reason,
            }
        })
}

fn entry_points(library: &libloading::Library) -> Entry {
    // SAFETY: the symbols have these types in every Cryptoki library ([PKCS11-Base 3.2] 5.4); the
    // library outlives the entry, being kept in the same `Module`.
    unsafe {
        Entry {
            get_function_list: library
                .get(b"C_GetFunctionList\0")
                .ok()
                .map(|symbol| *symbol),
            get_interface_list: library
                .get(b"C_GetInterfaceList\0")
                .ok()
                .map(|symbol| *symbol),
            get_interface: library.get(b"C_GetInterface\0").ok().map(|symbol| *symbol),
        }
    }
}

/// The list that `C_GetFunctionList` gives.
fn function_list(entry: &Entry, remarks: &mut Vec<String>) -> Option<List> {
    let get = entry.get_function_list?;
    let mut pointer: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
    // SAFETY: the argument is a valid place for one pointer.
    let rv = unsafe { get(&mut pointer) };
    if rv != CKR_OK {
        let name = names::display(Kind::RETURN, rv);
        remarks.push(format!(
            "C_GetFunctionList returned {name}, it should give the list"
        ));
        return None;
    }
    copy_list(pointer as usize, "C_GetFunctionList", remarks)
}

/// All interfaces, and the lists of those named `PKCS 11`.
fn interface_lists(entry: &Entry, remarks: &mut Vec<String>) -> (Vec<Interface>, Vec<List>) {
    let (mut interfaces, mut lists) = (Vec::new(), Vec::new());
    let Some(get) = entry.get_interface_list else {
        return (interfaces, lists);
    };
    let mut count: u64 = 0;
    // SAFETY: a size query: NULL and a valid place for the count.
    let rv = unsafe { get(std::ptr::null_mut(), &mut count) };
    if rv != CKR_OK || count == 0 {
        let name = names::display(Kind::RETURN, rv);
        remarks.push(format!(
            "C_GetInterfaceList returned {name} and {count} interfaces"
        ));
        return (interfaces, lists);
    }
    let room = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .min(MAX_INTERFACES);
    let empty = CK_INTERFACE {
        pInterfaceName: std::ptr::null_mut(),
        pFunctionList: std::ptr::null_mut(),
        flags: 0,
    };
    let mut found = vec![empty; room];
    count = room as u64;
    // SAFETY: `found` has room for `count` interfaces.
    let rv = unsafe { get(found.as_mut_ptr(), &mut count) };
    if rv != CKR_OK {
        let name = names::display(Kind::RETURN, rv);
        remarks.push(format!(
            "C_GetInterfaceList returned {name} with room for all interfaces"
        ));
        return (interfaces, lists);
    }
    found.truncate(usize::try_from(count).unwrap_or(room));
    for raw in found {
        let (interface, list) = read_interface(&raw, remarks);
        interfaces.push(interface);
        lists.extend(list);
    }
    (interfaces, lists)
}

fn read_interface(raw: &CK_INTERFACE, remarks: &mut Vec<String>) -> (Interface, Option<List>) {
    let name = memory::read_text(raw.pInterfaceName as usize, 256);
    let standard = name.as_deref() == Some("PKCS 11");
    let list = if standard {
        copy_list(raw.pFunctionList as usize, "C_GetInterfaceList", remarks)
    } else {
        None
    };
    let remark = match (&name, standard, &list) {
        (None, ..) => Some("its name cannot be read".to_owned()),
        (_, true, None) => Some("its function list cannot be read".to_owned()),
        _ => None,
    };
    let interface = Interface {
        name: name.unwrap_or_default(),
        version: list
            .as_ref()
            .map(|list| (list.version.major, list.version.minor)),
        flags: raw.flags,
        remark,
    };
    (interface, list)
}

/// Copies the list at `address`: as many entries as its version has and as can be read.
fn copy_list(address: usize, from: &'static str, remarks: &mut Vec<String>) -> Option<List> {
    const FIRST: usize = offset_of!(CK_FUNCTION_LIST_3_2, C_Initialize);
    let mut bytes = [0u8; size_of::<CK_FUNCTION_LIST_3_2>()];
    if memory::read(address, &mut bytes[..FIRST]) < 2 {
        remarks.push(format!(
            "{from} gave a list at {address:#x}, which cannot be read"
        ));
        return None;
    }
    let version = Version {
        major: bytes[0],
        minor: bytes[1],
    };
    let size = match version {
        Version { major: 0..=2, .. } => size_of::<CK_FUNCTION_LIST>(),
        Version {
            major: 3,
            minor: 0..=1,
        } => size_of::<CK_FUNCTION_LIST_3_0>(),
        _ => size_of::<CK_FUNCTION_LIST_3_2>(),
    };
    let copied = memory::read(address, &mut bytes[..size]);
    if copied < size {
        let entries = copied.saturating_sub(FIRST) / size_of::<usize>();
        remarks.push(format!(
            "the {version} list of {from} ends after {entries} entries"
        ));
        bytes[FIRST + entries * size_of::<usize>()..].fill(0);
    }
    // SAFETY: the structure is a version and `Option`s of function pointers, for which every bit
    // pattern is valid and zero is `None`; whether they point to functions is the module's word.
    let table = unsafe { std::ptr::read_unaligned(bytes.as_ptr().cast()) };
    Some(List {
        table,
        version,
        from,
    })
}

/// The list of the version asked for, else the highest that 3.2 still describes, else any.
fn choose(lists: Vec<List>, wanted: Option<Version>) -> Option<List> {
    let known = |list: &List| list.version.major < 3 || list.version <= Version::V3_2;
    match wanted {
        Some(version) => lists.into_iter().find(|list| list.version == version),
        // Of equal versions the first counts: the interface list was read first.
        None => lists
            .into_iter()
            .rev()
            .max_by_key(|list| (known(list), list.version)),
    }
}

/// Entry points that a 2.40 list has no place for can still be called by name.
fn complete_from_exports(table: &mut CK_FUNCTION_LIST_3_2, entry: &Entry) {
    if table.C_GetInterfaceList.is_none() {
        table.C_GetInterfaceList = entry.get_interface_list;
    }
    if table.C_GetInterface.is_none() {
        table.C_GetInterface = entry.get_interface;
    }
}

fn missing(table: &CK_FUNCTION_LIST_3_2, version: Version) -> Vec<String> {
    Function::ALL
        .iter()
        .filter(|function| function.since() <= version.max(Version::V2_40))
        .filter(|function| !crate::execute::is_present(table, **function))
        .map(|function| function.name().to_owned())
        .collect()
}
