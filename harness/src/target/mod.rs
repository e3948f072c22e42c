//! Targets: which module is tested, how it is reached, and how its token comes into being.
//!
//! Nothing here calls a module. A worker loads what a [`Target`] names, with the environment that
//! [`provision`] prepared.

pub mod humane;
pub mod init_args;
pub mod p11kit;
mod redact;
pub mod secret;
pub mod template;
pub mod uri;

pub use redact::Redactor;
