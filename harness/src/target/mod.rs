//! Targets: which module is tested, how it is reached, and how its token comes into being.
//!
//! Nothing here calls a module. A worker loads what a [`Target`] names, with the environment that
//! [`provision()`] prepared; call sequences among the steps go through [`RunSequence`].

pub mod claim;
pub mod description;
pub mod humane;
pub mod init_args;
mod module_file;
pub mod p11kit;
mod process;
mod provision;
mod redact;
mod removal;
mod resolve;
pub mod secret;
mod security_profile;
mod sentinel;
pub mod shipped;
pub mod step;
pub mod template;
#[cfg(test)]
mod tests;
mod token;
pub mod uri;

pub use description::Description;
pub use module_file::Module;
pub use provision::{
    NoSequences, Prepared, ProvisionError, Provisioned, RunSequence, STEP_TIMEOUT, provision,
};
pub use redact::Redactor;
pub use removal::{Removal, RemovalForm};
pub use resolve::{Credentials, Origin, Overrides, SuiteFile, Target, TargetError};
pub use security_profile::SecurityProfile;
pub use sentinel::{Gone, Sentinel};
pub use token::{Selector, SelectorError, TokenChoice};
