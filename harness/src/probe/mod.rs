//! The probe: bringing a target into being and asking what it is and can do, through the same
//! sequences and workers as cases.
//!
//! It stands above `run`, which executes what it asks and knows nothing of it.

mod ask;
mod canary;
mod import;
mod provisioning;
mod renewal;
mod slots;

use p11assay_reports::evidence;
use serde::Serialize;

use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Version};
use crate::module::Loaded;
use crate::plan::{Capabilities, ModuleVersions};
use crate::run::{Interrupt, Station, StationError};
use crate::sequence::Value;
use crate::target::claim::Profile;
use crate::target::{Credentials, ProvisionError, Provisioned, Target};

pub use ask::Mechanism;
pub use canary::troubles;
pub use import::ways_in;
use provisioning::ProvisioningSequences;
pub use renewal::Token;
pub use slots::Slot;

/// Why a target cannot be tested: trouble of the environment, never a finding.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No worker, no module.
    #[error(transparent)]
    Station(#[from] StationError),
    /// The token could not be brought into being.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// A call that everything else needs failed.
    #[error("{function} returned {returned}: {advice}")]
    Call {
        /// The function.
        function: Function,
        /// What it returned.
        returned: String,
        /// What to do.
        advice: String,
    },
    /// A call that everything else needs ended the worker.
    #[error("{0}: nothing can be tested with this module as it is set up")]
    Ended(String),
    /// No slot fits.
    #[error("no token fits {wanted}: {found}")]
    NoToken {
        /// The criteria.
        wanted: String,
        /// What there is.
        found: String,
    },
}

/// What is known of a target.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// How its function list was found.
    pub loaded: Loaded,
    /// `CK_INFO`.
    pub info: Vec<(String, String)>,
    /// Every slot.
    pub slots: Vec<Slot>,
    /// Index in `slots` of the one under test.
    pub chosen: usize,
    /// Mechanisms of that slot.
    pub mechanisms: Vec<Mechanism>,
    /// Profiles that its token claims by `CKO_PROFILE` objects.
    pub profiles: Vec<u64>,
    /// `CKF_` flags of its token.
    pub token_flags: u64,
    /// The version the target is judged by.
    pub version: (u8, u8),
}

/// Asks a loaded target everything that a run needs to know, and logs in once to see that the PIN
/// is right.
///
/// # Errors
/// [`ProbeError`] if the target cannot be tested.
pub fn probe(
    station: &mut Station,
    target: &Target,
    credentials: &Credentials,
) -> Result<Probe, ProbeError> {
    let general = ask::general(station)?;
    let slots = slots::read(&general)?;
    let info = ask::info(&general)?;
    let chosen = slots::choose(&slots, &target.selector, &info)?;
    station.set_slot(slots[chosen].id);
    let (mechanisms, profiles) = ask::slot(station, slots[chosen].id)?;
    if target.login && slots[chosen].token.is_some() {
        ask::log_in(station, target, credentials)?;
    }
    let reported = station.facts().version;
    let version = target.version.map_or(reported, |v| (v.major, v.minor));
    let token_flags = slots[chosen].token_flags;
    Ok(Probe {
        loaded: station.facts().clone(),
        info: ask::shown(&info),
        slots,
        chosen,
        mechanisms,
        profiles,
        token_flags,
        version,
    })
}

impl Probe {
    /// The slot under test.
    #[must_use]
    pub fn slot(&self) -> &Slot {
        &self.slots[self.chosen]
    }

    /// The versions that waivers can be about.
    #[must_use]
    pub fn versions(&self) -> ModuleVersions {
        let field = |fields: &[(String, String)], name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.and_then(|(_, version)| version.parse().ok())
        };
        let token = self.slot().token.as_deref().unwrap_or_default();
        ModuleVersions {
            library: field(&self.info, "libraryVersion"),
            firmware: field(token, "firmwareVersion"),
        }
    }

    /// What decides which cases apply.
    #[must_use]
    pub fn capabilities(&self, target: &Target) -> Capabilities {
        let version = Version {
            major: self.version.0,
            minor: self.version.1,
        };
        // A list below 2.40 is judged by the oldest text there is.
        let version = version.max(Version::V2_40);
        let present = |function: &&Function| self.loaded.has(**function);
        Capabilities {
            version,
            functions: Function::ALL.iter().filter(present).copied().collect(),
            mechanisms: self
                .mechanisms
                .iter()
                .map(|m| (m.mechanism, m.info()))
                .collect(),
            token_flags: self.token_flags,
            profiles: self
                .profiles
                .iter()
                .copied()
                .chain(target.claims.iter().map(|profile| profile.0))
                .collect(),
            pin: target.pin.is_some(),
            so_pin: target.so_pin.is_some(),
            disposable: target.disposable,
            removable: target.removal.is_some(),
            renewable: target.renewable,
            troubles: Vec::new(),
        }
    }

    /// Profiles that the target is held to and whose objects its token does not have.
    #[must_use]
    pub fn claimed_for(&self, target: &Target) -> Vec<Profile> {
        let own = |profile: &&Profile| self.profiles.contains(&profile.0);
        let all = target.claims.iter();
        all.filter(|profile| !own(profile)).copied().collect()
    }

    /// What sequences can refer to as `$target`.
    #[must_use]
    pub fn given(&self, credentials: &Credentials) -> Value {
        let text = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        let token = |name: &str| {
            let fields = self.slot().token.as_ref();
            let value = fields.and_then(|t| t.iter().find(|(field, _)| field == name));
            text(value.map_or("", |(_, value)| value.as_str()))
        };
        let mut fields = vec![
            ("slot".to_owned(), Value::Number(self.slot().id)),
            ("label".to_owned(), token("label")),
            ("serial".to_owned(), token("serialNumber")),
            (
                "version".to_owned(),
                Value::Version(self.version.0, self.version.1),
            ),
        ];
        for (name, secret) in [("pin", &credentials.pin), ("so-pin", &credentials.so_pin)] {
            if let Some(secret) = secret {
                fields.push((name.to_owned(), text(secret.expose())));
            }
        }
        Value::Record(fields)
    }

    /// The target as the evidence records it.
    #[must_use]
    pub fn evidence(&self, target: &Target, file: &FileIdentity) -> evidence::Target {
        let slot = self.slot();
        let mut slot_facts: std::collections::BTreeMap<_, _> = slot.info.iter().cloned().collect();
        slot_facts.insert("slotID".to_owned(), slot.id.to_string());
        evidence::Target {
            name: target.name.clone(),
            module: match &target.module {
                crate::target::Module::Builtin => "builtin".to_owned(),
                crate::target::Module::Path(path) => path.display().to_string(),
            },
            sha256: file.sha256.clone(),
            build_id: file.build_id.clone(),
            cryptoki_version: format!("{}.{}", self.version.0, self.version.1),
            info: self.info.iter().cloned().collect(),
            interfaces: self.loaded.interfaces.iter().map(interface).collect(),
            slot: slot_facts,
            token: slot.token.iter().flatten().cloned().collect(),
            mechanisms: self.mechanisms.len(),
            missing_functions: self.loaded.missing.clone(),
            disposable: target.disposable,
            arguments: Vec::new(),
        }
    }
}

fn interface(interface: &crate::module::Interface) -> evidence::Interface {
    evidence::Interface {
        name: interface.name.clone(),
        version: interface
            .version
            .map_or_else(String::new, |(major, minor)| format!("{major}.{minor}")),
        flags: interface.flags,
    }
}

/// What identifies the file of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileIdentity {
    /// SHA-256, hexadecimal.
    pub sha256: Option<String>,
    /// GNU build-id, hexadecimal.
    pub build_id: Option<String>,
}

impl FileIdentity {
    /// The identity of a target's module; empty for the built-in token.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        let crate::target::Module::Path(path) = &target.module else {
            return Self::default();
        };
        let Ok(bytes) = std::fs::read(path) else {
            return Self::default();
        };
        use sha2::Digest;
        let build_id = object::File::parse(&*bytes)
            .ok()
            .and_then(|file| object::Object::build_id(&file).ok().flatten().map(hex));
        Self {
            sha256: Some(hex(&sha2::Sha256::digest(&bytes))),
            build_id,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The name of a return value.
fn rv_name(rv: u64) -> String {
    names::display(Kind::RETURN, rv)
}

/// Provisions a target and starts a station on it, which provisions it again when a background program of the token
/// ends; the provisioning's sequences run through the API of the module.
///
/// # Errors
/// [`ProbeError`] if the target cannot be had.
pub fn reach(
    target: &Target,
    credentials: &Credentials,
    interrupt: &Interrupt,
    keep: bool,
) -> Result<(Token, Station), ProbeError> {
    let (provisioned, mut station) = provide(target, credentials, interrupt, keep)?;
    let token = Token::of(provisioned);
    station.renew_token_by(token.renewal(target, credentials, interrupt));
    Ok((token, station))
}

fn provide(
    target: &Target,
    credentials: &Credentials,
    interrupt: &Interrupt,
    keep: bool,
) -> Result<(Provisioned, Station), ProbeError> {
    let mut runner = ProvisioningSequences::new(target, interrupt);
    let provisioned = crate::target::provision(target, credentials, keep, &mut runner)?;
    let each = runner.into_preparation();
    let mut station = Station::start(target, provisioned.prepared(), interrupt)?;
    station.look_after(provisioned.sentinel());
    if let Some((slot, jobs)) = each {
        station.set_slot(slot);
        station.prepare_each_worker(jobs.clone());
        // The worker there is has done nothing yet: no other is needed for the preparation.
        station.execute(jobs)?;
    }
    Ok((provisioned, station))
}

/// The slot that provisioning is about: the one that fits the criteria, else the first whose token
/// is not initialised, else the first with a token.
///
/// # Errors
/// [`ProbeError`] if the module cannot list its slots, or none has a token.
fn slot_for_provisioning(
    station: &mut Station,
    selector: &crate::target::Selector,
) -> Result<u64, ProbeError> {
    let general = ask::general(station)?;
    let slots = slots::read(&general)?;
    let info = ask::info(&general)?;
    let chosen = slots::choose(&slots, selector, &info);
    let blank = |slot: &&Slot| {
        slot.token.is_some() && slot.token_flags & cryptoki_sys::CKF_TOKEN_INITIALIZED == 0
    };
    let fallback = slots
        .iter()
        .find(blank)
        .or(slots.iter().find(|slot| slot.token.is_some()));
    match (chosen, fallback) {
        (Ok(index), _) => Ok(slots[index].id),
        (Err(_), Some(slot)) => Ok(slot.id),
        (Err(error), None) => Err(error),
    }
}
