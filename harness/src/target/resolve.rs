//! From a name and flags to the one target a run is about.
//!
//! One rule decides: a flag beats a URI given by a flag, which beats the target file, in which a key
//! beats the file's URI. A flag that chooses the token replaces the file's choice as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::claim::Profile;
use super::description::{CALL_DEADLINE, Description};
use super::init_args::InitArgsForm;
use super::module_file::{self, Module};
use super::redact::Redactor;
use super::removal::RemovalForm;
use super::secret::{PinSource, Secret, SecretError};
use super::security_profile::SecurityProfile;
use super::shipped;
use super::step::Step;
use super::template::Template;
use super::token::{Selector, SelectorError};
use super::uri::Uri;
use crate::cryptoki::Version;
use crate::plan;
use crate::yaml::{Diagnostic, unknown_name};

/// What flags say about the target, named as in pkcs11-tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--module`: a path, `builtin` or `p11-kit:NAME`.
    pub module: Option<String>,
    /// `--slot`: a CK_SLOT_ID.
    pub slot: Option<u64>,
    /// `--slot-index`: a place in the list of slots, from 0.
    pub slot_index: Option<usize>,
    /// `--token-label`.
    pub token_label: Option<String>,
    /// `--serial`: the token's serial number.
    pub serial: Option<String>,
    /// `--uri`: a PKCS #11 URI, which may also name module and PIN.
    pub uri: Option<Uri>,
    /// `--login` or `--no-login`.
    pub login: Option<bool>,
    /// `--pin`.
    pub pin: Option<PinSource>,
    /// `--so-pin`.
    pub so_pin: Option<PinSource>,
    /// `--init-args`: see [`InitArgsForm::from_flag`].
    pub init_args: Option<String>,
    /// `--claim`: profiles to hold the module to, beside those that the file names.
    pub claims: Vec<Profile>,
    /// `--hold-to`: security profiles, beside those that the file names.
    pub security_profiles: Vec<SecurityProfile>,
    /// `--disposable`: everything on the token may be destroyed. Only ever adds to what the file
    /// says, and says it for a target that has no file.
    pub disposable: bool,
}

/// A file that a target refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuiteFile {
    /// On disk.
    File(PathBuf),
    /// Inside the program, by its path below `suites/`.
    Shipped(String),
}

/// Where a target comes from; what it refers to is relative to that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file in this folder.
    File(PathBuf),
    /// Inside the program, in `suites/targets`.
    Shipped,
    /// Flags alone.
    Flags,
}

/// The target of a run, with nothing left to decide but what only provisioning knows.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name in reports.
    pub name: String,
    /// The module to load.
    pub module: Module,
    /// Package to install if something is missing.
    pub package: Option<String>,
    /// What C_Initialize is called with.
    pub init_args: InitArgsForm,
    /// Environment of the worker.
    pub environment: BTreeMap<String, Template>,
    /// Whether the token may be initialised, locked and emptied.
    pub disposable: bool,
    /// Whether provisioning makes another token each time.
    pub renewable: bool,
    /// How the token comes into being.
    pub provision: Vec<Step>,
    /// How the token is taken out of its slot and put back.
    pub removal: Option<RemovalForm>,
    /// Which slot.
    pub selector: Selector,
    /// Where the user's PIN is to be had.
    pub pin: Option<PinSource>,
    /// Where the security officer's PIN is to be had.
    pub so_pin: Option<PinSource>,
    /// Whether to log in as the user.
    pub login: bool,
    /// Profiles to hold the module to even if its token does not claim them.
    pub claims: BTreeSet<Profile>,
    /// Security profiles to hold the module to.
    pub security_profiles: BTreeSet<SecurityProfile>,
    /// Cryptoki version to hold the module to, if declared.
    pub version: Option<Version>,
    /// Longest that one call may take.
    pub call_deadline: Duration,
    /// Most bytes of memory a worker may have.
    pub memory: Option<u64>,
    /// Known deviations.
    pub waivers: Option<SuiteFile>,
    /// Where the target comes from.
    pub origin: Origin,
}

/// The PINs of a target, fetched.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// The user's.
    pub pin: Option<Secret>,
    /// The security officer's.
    pub so_pin: Option<Secret>,
}

impl Credentials {
    /// A redactor that knows these PINs.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.pin.iter().chain(&self.so_pin))
    }
}

/// A target that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The file is wrong.
    #[error(transparent)]
    Description(#[from] Diagnostic),
    /// No shipped target has that name.
    #[error(
        "{message}; shipped are: {shipped}; a file is named by its path, such as ./{name}.yaml"
    )]
    Unknown {
        /// What is unknown, and what was probably meant.
        message: String,
        /// The name.
        name: String,
        /// The names there are.
        shipped: String,
    },
    /// No candidate for the module exists.
    #[error("no module for target `{name}`: {tried}{hint}")]
    NoModule {
        /// The target.
        name: String,
        /// What was tried, with the reasons.
        tried: String,
        /// What to install.
        hint: String,
    },
    /// Flags that exclude each other.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// A path that leads out of the shipped suites.
    #[error(
        "`{0}` leads out of the shipped suites: copy the target to a file of your own and name the path from there"
    )]
    Outside(String),
}

impl Target {
    /// True if its token is made by the program, so that there can be several, or another in its place.
    #[must_use]
    pub fn is_made_here(&self) -> bool {
        self.module == Module::Builtin || !self.provision.is_empty()
    }

    /// The target of this name (shipped) or path (a file), changed by flags. Without a name it is
    /// what the flags say, or the built-in token if they name no module.
    ///
    /// # Errors
    /// [`TargetError`] if there is no such target, its file is wrong, or its module is missing.
    pub fn load(name: Option<&str>, flags: &Overrides) -> Result<Self, TargetError> {
        let named_module = |uri: &Uri| uri.module_path.is_some() || uri.module_name.is_some();
        let by_flags = flags.module.is_some() || flags.uri.as_ref().is_some_and(named_module);
        match name {
            Some(name) => {
                let (description, origin) = open(name)?;
                Self::resolve(description, origin, flags)
            }
            None if by_flags => Self::resolve(from_flags(flags), Origin::Flags, flags),
            None => {
                let (description, origin) = open("builtin")?;
                Self::resolve(description, origin, flags)
            }
        }
    }

    /// Settles what a description leaves open.
    ///
    /// # Errors
    /// [`TargetError`] if flags exclude each other or the module is missing.
    pub fn resolve(
        description: Description,
        origin: Origin,
        flags: &Overrides,
    ) -> Result<Self, TargetError> {
        let module = module_file::find(&description, &origin, flags)?;
        let selector = Selector {
            slot: flags.slot,
            slot_index: flags.slot_index,
            label: flags.token_label.clone(),
            serial: flags.serial.clone(),
            uri: flags.uri.clone().filter(Uri::names_slot),
        }
        .checked()?;
        let chosen = selector != Selector::default();
        let flag_pin = flags.pin.clone();
        let uri_pin = || flags.uri.as_ref().and_then(|uri| uri.pin.clone());
        let pin = flag_pin.or_else(uri_pin).or(description.token.pin);
        let init_args = match &flags.init_args {
            Some(text) => InitArgsForm::from_flag(text, &description.init_args),
            None => description.init_args,
        };
        Ok(Self {
            name: description.target.0,
            module,
            package: description.package,
            init_args,
            environment: description.environment,
            disposable: description.disposable || flags.disposable,
            // Of one that is named otherwise nothing is known.
            renewable: description.renewable && !chosen,
            provision: description
                .provision
                .into_iter()
                .map(|step| step.value)
                .collect(),
            removal: description.removal,
            selector: if chosen {
                selector
            } else {
                description.token.selector
            },
            login: flags.login.or(description.login).unwrap_or(pin.is_some()),
            pin,
            so_pin: flags.so_pin.clone().or(description.token.so_pin),
            version: description.capabilities.version,
            claims: description
                .claims
                .iter()
                .chain(&flags.claims)
                .copied()
                .collect(),
            security_profiles: description
                .security_profiles
                .iter()
                .chain(&flags.security_profiles)
                .copied()
                .collect(),
            call_deadline: description
                .limits
                .call_deadline
                .map_or(CALL_DEADLINE, |period| period.0),
            memory: description.limits.memory.map(|size| size.0),
            waivers: description
                .waivers
                .map(|path| origin.locate(&path))
                .transpose()?,
            origin,
        })
    }

    /// Fetches the PINs, asking for those that are to be asked for.
    ///
    /// # Errors
    /// [`SecretError`] if one cannot be had.
    pub fn credentials(&self) -> Result<Credentials, SecretError> {
        let fetch = |source: &Option<PinSource>, what| {
            source.as_ref().map(|source| source.fetch(what)).transpose()
        };
        Ok(Credentials {
            pin: fetch(&self.pin, "user PIN")?,
            so_pin: fetch(&self.so_pin, "SO PIN")?,
        })
    }
}

impl Origin {
    /// The folder the target file lies in, if it is a file.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::File(folder) => Some(folder),
            Self::Shipped | Self::Flags => None,
        }
    }

    /// The file that a path in the target file means: one beside it, or else the one of that path from the folder of
    /// shipped targets.
    ///
    /// # Errors
    /// [`TargetError::Outside`] if a shipped target names something that is not shipped.
    pub fn locate(&self, path: &str) -> Result<SuiteFile, TargetError> {
        match self {
            Self::File(folder) => {
                let file = folder.join(path);
                // A copy of a shipped target goes on naming what comes with the program.
                match Self::Shipped.locate(path) {
                    Ok(SuiteFile::Shipped(known))
                        if !file.exists() && plan::shipped::has(&known) =>
                    {
                        Ok(SuiteFile::Shipped(known))
                    }
                    _ => Ok(SuiteFile::File(file)),
                }
            }
            Self::Flags => Ok(SuiteFile::File(PathBuf::from(path))),
            Self::Shipped => {
                let mut below = vec!["targets".to_owned()];
                for component in Path::new(path).components() {
                    let inside = match component {
                        Component::Normal(name) => {
                            below.push(name.to_string_lossy().into_owned());
                            true
                        }
                        Component::ParentDir => below.pop().is_some(),
                        Component::CurDir => true,
                        Component::RootDir | Component::Prefix(_) => false,
                    };
                    if !inside {
                        return Err(TargetError::Outside(path.to_owned()));
                    }
                }
                Ok(SuiteFile::Shipped(below.join("/")))
            }
        }
    }
}

/// Reads a target by its shipped name, or by its path if it looks like one.
fn open(name: &str) -> Result<(Description, Origin), TargetError> {
    if name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml") {
        let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        return Ok((Description::read(Path::new(name))?, Origin::File(folder)));
    }
    let text = shipped::text(name).ok_or_else(|| TargetError::Unknown {
        message: unknown_name("target", name, shipped::names()),
        name: name.to_owned(),
        shipped: shipped::names().collect::<Vec<_>>().join(", "),
    })?;
    let path = PathBuf::from(format!("<shipped>/targets/{name}.yaml"));
    Ok((Description::parse(&path, text)?, Origin::Shipped))
}

/// A target of which nothing is known but its module, and which nothing may be done to.
fn from_flags(flags: &Overrides) -> Description {
    let module = flags.module.clone().or_else(|| {
        let uri = flags.uri.as_ref()?;
        uri.module_path.clone().or_else(|| uri.module_name.clone())
    });
    let module = module.unwrap_or_default();
    let stem = Path::new(&module)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    Description {
        target: super::description::Name(if name.is_empty() { "module" } else { name }.to_owned()),
        module: super::description::ModuleChoice(vec![Template::literal(&module)]),
        package: None,
        init_args: InitArgsForm::default(),
        environment: BTreeMap::new(),
        disposable: false,
        renewable: false,
        provision: Vec::new(),
        removal: None,
        token: Default::default(),
        login: None,
        claims: Vec::new(),
        security_profiles: Vec::new(),
        capabilities: Default::default(),
        limits: Default::default(),
        waivers: None,
    }
}
