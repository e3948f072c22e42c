//! Where token objects live: nowhere beyond the process, or in a directory. The token calls its
//! store before it changes its own state, so that a failed write fails the call.

mod directory;
mod record;

use std::path::Path;

use crate::attributes::Attributes;
use crate::rv::Result;

pub(crate) use record::{PinRecord, TokenRecord};

/// What a store held when it was opened.
pub(crate) struct Loaded {
    pub(crate) token: TokenRecord,
    /// In the order of their creation.
    pub(crate) objects: Vec<Attributes>,
}

/// A place for token objects, each known by its CKA_UNIQUE_ID.
pub(crate) trait Store: Send {
    fn save_token(&mut self, token: &TokenRecord) -> Result<()>;
    fn save_object(&mut self, object: &Attributes) -> Result<()>;
    fn delete_object(&mut self, object: &Attributes) -> Result<()>;
    /// Deletes all objects.
    fn clear(&mut self) -> Result<()>;
}

/// Opens the store of a configuration, and reads what is in it; None if it is new.
pub(crate) fn open(directory: Option<&Path>) -> Result<(Box<dyn Store>, Option<Loaded>)> {
    match directory {
        None => Ok((Box::new(Memory), None)),
        Some(path) => directory::open(path),
    }
}

/// The store of a token that lives and dies with its process: `Token` itself keeps everything.
struct Memory;

impl Store for Memory {
    fn save_token(&mut self, _: &TokenRecord) -> Result<()> {
        Ok(())
    }
    fn save_object(&mut self, _: &Attributes) -> Result<()> {
        Ok(())
    }
    fn delete_object(&mut self, _: &Attributes) -> Result<()> {
        Ok(())
    }
    fn clear(&mut self) -> Result<()> {
        Ok(())
    }
}
