//! The `p11assay` command: a thin front of the library.

mod callbacks;

use std::process::ExitCode;

fn main() -> ExitCode {
    p11assay::cli::main()
}
