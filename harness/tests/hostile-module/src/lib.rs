//! Where the hostile module is: a Cryptoki module, written in C, that answers the basic calls
//! properly and misbehaves where the environment variable `HOSTILE` says so, as in
//! `HOSTILE=C_GetInfo:segv-read,C_Finalize:hang`. `src/misbehave.c` lists the behaviours;
//! `constructor` and `destructor` stand for loading and unloading. With `HOSTILE_WHEN` it behaves
//! until the file of that name exists, which the behaviour `arm` makes. The behaviour `end-program` ends the
//! program whose number is in the file that `HOSTILE_PROGRAM` names.

use std::path::{Path, PathBuf};

fn folder() -> &'static Path {
    Path::new(env!("HOSTILE_MODULE_FOLDER"))
}

/// The module with the function list of Cryptoki 2.40 only.
#[must_use]
pub fn path() -> PathBuf {
    folder().join("libhostile.so")
}

/// The module that also has `C_GetInterfaceList` and `C_GetInterface`, with Cryptoki 3.0.
#[must_use]
pub fn path_with_interfaces() -> PathBuf {
    folder().join("libhostile-interfaces.so")
}

/// The module with code that tells the addresses of its blocks, as gcc makes it.
#[must_use]
pub fn path_with_blocks() -> PathBuf {
    folder().join("libhostile-blocks.so")
}

/// The module with guards for its edges, as clang makes them.
#[must_use]
pub fn path_with_guards() -> PathBuf {
    folder().join("libhostile-guards.so")
}

/// The module with counters for its edges, as clang makes them.
#[must_use]
pub fn path_with_counters() -> PathBuf {
    folder().join("libhostile-counters.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_variants_were_built() {
        for path in [
            path(),
            path_with_interfaces(),
            path_with_blocks(),
            path_with_guards(),
            path_with_counters(),
        ] {
            assert!(path.is_file(), "{}", path.display());
        }
    }
}
