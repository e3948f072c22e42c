//! A Cryptoki 3.2 software token in safe Rust: the oracle of p11assay and its default target.
//!
//! The crate is a module like any other: its face is `C_GetFunctionList`, `C_GetInterfaceList` and
//! `C_GetInterface`, exported from the shared library and callable here for a program that links
//! the token in. Everything behind them is safe Rust; only the rooms under `ffi` touch pointers.
//!
//! * `ffi`: pointers and lengths in, pointers and lengths out, nothing else.
//! * `token`: slot, sessions, login, objects and running operations: the rules of chapter 5.
//! * `attributes`: one table of object attributes and the rules of chapter 4 read from it.
//! * `mechanisms`: one file a family: the algorithms of chapter 6.
//! * `store`: where token objects live when they must outlive the process.
//!
//! The README names the choices made where the standard leaves freedom.

#[macro_use]
mod mutants;

mod attributes;
mod ffi;
mod mechanisms;
mod rv;
mod store;
mod token;

pub use ffi::{C_GetFunctionList, C_GetInterface, C_GetInterfaceList};
