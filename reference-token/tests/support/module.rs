//! The token as a file that programs load.

use std::path::PathBuf;

/// The shared library that Cargo built next to the test.
pub(crate) fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let deps = test.parent().expect("tests are built into a directory");
    let name = format!(
        "{}reference_token{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    let beside = deps.join(&name);
    if beside.exists() {
        beside
    } else {
        deps.with_file_name(name)
    }
}
