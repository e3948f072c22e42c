//! The `p11assay` command.

fn main() {}
