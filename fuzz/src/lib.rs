//! Entry points only; see `fuzz_targets/`.
