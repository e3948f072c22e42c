//! Which functions of a library were reached, without its source and without rebuilding it: a breakpoint at the
//! start of every function, which is gone once it was hit. A function costs one signal in the life of a worker. Or,
//! of a library that was built to tell it, which of its edges.
//!
//! This module says which files are meant and what was found out; where functions start is read by `starts`,
//! breakpoints are planted and taken out by `trap`, what instrumented code tells is received by `edges`, and `area`
//! is where hits are noted for the parent.
//!
//! A module that hashes its own code in memory, handles SIGTRAP itself or runs with it blocked does not bear
//! this: what goes wrong with breakpoints must be seen again in a worker without them before it is believed.

mod area;
pub mod edges;
mod starts;
mod trap;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use area::{BYTES, Reach};
pub(super) use trap::caught;

use super::frames::Region;
use super::handler;
use starts::Start;

/// How it is seen what is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Means {
    /// Breakpoints at the starts of functions.
    #[default]
    Breakpoints,
    /// SanitizerCoverage, with which the module was built.
    Sanitizer,
}

/// The functions of which libraries are to be followed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// How.
    pub means: Means,
    /// File names of loaded libraries besides the module, as `libcrypto.so.3`.
    pub dependencies: Vec<String>,
    /// Functions that are known to be reached: they get no breakpoint.
    pub known: Vec<u32>,
}

/// What the numbers of a library stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Points {
    /// The starts of its functions.
    #[default]
    Functions,
    /// Its edges.
    Edges,
    /// Hashes of addresses: how many there can be is not known.
    Addresses,
}

/// A library whose functions are followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    /// Its file's name.
    pub name: String,
    /// Number of its first function; the others follow.
    pub first: u32,
    /// How many there are.
    pub functions: u32,
    /// What they are.
    pub points: Points,
}

/// A function that was reached for the first time in its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Number of the case in which it was; [`OUTSIDE`] between cases.
    pub case: u32,
    /// Its number.
    pub function: u32,
}

/// Number of no case.
pub const OUTSIDE: u32 = u32::MAX;

/// Why functions cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum CoverError {
    /// No such library is loaded.
    #[error("no library {0} is loaded; name a file that the module depends on")]
    NotLoaded(String),
    /// Every call of the harness itself would be in it.
    #[error("{0} is the program's own library, too; name another")]
    Shared(String),
    /// It has no table of functions.
    #[error("{0} has no functions in its .eh_frame_hdr; run without --coverage")]
    NoFunctions(String),
    /// It has nothing to tell.
    #[error(
        "{0} was not built with -fsanitize-coverage; build it with that, or use --coverage breakpoints"
    )]
    NotInstrumented(String),
    /// Code cannot be written.
    #[error("this system lets nobody write to code ({0}); run without --coverage")]
    Protected(std::io::Error),
    /// Not in a worker, or its memory map cannot be read.
    #[error("no worker's memory: {0}; please report this")]
    NoWorker(std::io::Error),
}

/// Follows the functions of the module at `path`, which is loaded, and of the dependencies. In a worker only,
/// and anew whenever the library was loaded.
///
/// # Errors
/// If a library is not there or its code cannot be written.
pub fn cover(path: &Path, wish: &Cover) -> Result<Vec<Covered>, CoverError> {
    let nowhere = || CoverError::NoWorker(std::io::Error::other("it is not set up"));
    let mapping = handler::mapping().ok_or_else(nowhere)?;
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(CoverError::NoWorker)?;
    let regions: Vec<Region> = maps.lines().filter_map(Region::parse).collect();
    let mut libraries = vec![find(&regions, path)?];
    if wish.means == Means::Sanitizer {
        let (_, file) = &libraries[0];
        let covered = edges::follow(mapping.reach(), &regions, file, &wish.known);
        return match covered.is_empty() {
            true => Err(CoverError::NotInstrumented(path.display().to_string())),
            false => Ok(covered),
        };
    }
    for name in &wish.dependencies {
        if ["libc.", "libc-", "ld-"]
            .iter()
            .any(|own| name.starts_with(own))
        {
            return Err(CoverError::Shared(name.clone()));
        }
        libraries.push(find(&regions, Path::new(name))?);
    }
    let (mut covered, mut files, mut sites) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for (base, file) in libraries {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut starts = starts::of(&file);
        starts.truncate(area::MOST - first as usize);
        if starts.is_empty() {
            return Err(CoverError::NoFunctions(name.into_owned()));
        }
        covered.push(Covered {
            name: name.into_owned(),
            first,
            functions: starts.len() as u32,
            points: Points::Functions,
        });
        let numbered = (first..).zip(&starts);
        let is_code = |start: &Start| mapped_code(&regions, &file, base + start.offset);
        sites.extend(
            numbered
                .filter(|(number, start)| !wish.known.contains(number) && is_code(start))
                .map(|(number, start)| trap::Site::new(base + start.offset, start.code, number)),
        );
        first += starts.len() as u32;
        files.push(file);
    }
    trap::plant(mapping.reach(), files, sites).map_err(CoverError::Protected)?;
    Ok(covered)
}

/// Where the functions of a library start, by their numbers within it: distances from its load base.
#[must_use]
pub fn offsets(path: &Path) -> Vec<u64> {
    starts::of(path).iter().map(|start| start.offset).collect()
}

/// Says which case the functions reached from now on belong to.
pub fn case(number: u32) {
    if let Some(mapping) = handler::mapping() {
        edges::look();
        mapping.reach().set_case(number);
    }
}

/// Notes in a crash what was not noted yet. Safe in a signal handler.
pub(super) fn crashing() {
    edges::look();
    trap::crashing();
}

/// Forgets breakpoints and edges if their library is gone: its addresses may be another's next.
pub fn unloaded() {
    edges::unloaded();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let regions: Vec<Region> = maps.lines().filter_map(Region::parse).collect();
    trap::forget_unless(|file| {
        let mapped = |region: &Region| region.path.as_deref() == Some(file);
        regions.iter().any(mapped)
    });
}

/// Notes what was not noted yet, and takes out what is left of the breakpoints if somebody else handles them now; to
/// be called between cases.
pub fn keep_watch() {
    edges::look();
    trap::give_up_unless_ours();
}

/// Load base and file of the library that `path` means: a file, or a bare name as the linker knows it.
fn find(regions: &[Region], path: &Path) -> Result<(u64, PathBuf), CoverError> {
    let bare = path.components().count() == 1;
    let meant = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let is_meant = |mapped: &Path| match bare {
        true => is_called(mapped, path),
        false => mapped == meant,
    };
    let found = regions.iter().find_map(|region| {
        let mapped = region.path.as_deref().filter(|mapped| is_meant(mapped))?;
        (region.offset == 0).then(|| (region.range.start, mapped.to_owned()))
    });
    found.ok_or_else(|| CoverError::NotLoaded(path.display().to_string()))
}

/// True if a mapped file has this name, or the name is a link to it in the same folder.
fn is_called(mapped: &Path, name: &Path) -> bool {
    let beside = mapped.with_file_name(name);
    mapped == beside || std::fs::canonicalize(beside).is_ok_and(|file| file == mapped)
}

fn mapped_code(regions: &[Region], file: &Path, address: u64) -> bool {
    let mut here = regions.iter().filter(|region| region.executable);
    here.any(|region| {
        let inside = region.range.contains(&address) && region.range.end - address >= 4;
        inside && region.path.as_deref() == Some(file)
    })
}
