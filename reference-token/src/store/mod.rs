//! Where token objects outlive the process: one file, a `redb` database. A token without one lives
//! in memory, in `token`, and has no store. The token writes here before it changes its own state,
//! so that a failed write fails the call. `record` is the form of what is written, `seal` keeps
//! private objects from those without a PIN.

mod file;
mod record;
mod seal;

use crate::attributes::Attributes;

pub(crate) use file::File;
pub(crate) use record::{PinRecord, TokenRecord};
pub(crate) use seal::MasterKey;

/// The place of an object among all others, which is the order of their creation.
pub(crate) type Serial = u64;

/// What a store held when it was opened, without the private objects.
pub(crate) struct Loaded {
    pub(crate) token: TokenRecord,
    pub(crate) objects: Vec<(Serial, Attributes)>,
    /// No object has a higher number than this.
    pub(crate) last: Serial,
}

/// One step of a change; several that are committed together happen all or not at all.
pub(crate) enum Change<'a> {
    Token(&'a TokenRecord),
    /// A new or changed object; a private one is sealed with the key.
    Put(Serial, &'a Attributes, Option<&'a MasterKey>),
    Delete(Serial),
    /// Deletes all objects.
    Clear,
}
