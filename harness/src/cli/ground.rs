//! What made-up sequences run on: targets that may be destroyed, each with the reference token beside it.

use std::collections::BTreeMap;

use cryptoki_sys::{
    CKF_ASYNC_SESSION_SUPPORTED, CKF_OS_LOCKING_OK, CKF_PROTECTED_AUTHENTICATION_PATH,
    CKF_TOKEN_INITIALIZED, CKR_OK,
};

use super::Failure;
use super::args::{ClassArg, CoverageArg, CoverageArgs, InputArgs};
use super::session::jobs_possible;
use crate::cryptoki::Function;
use crate::fuzz::Functions;
use crate::fuzz::pair::{Pair, Side};
use crate::fuzz::search::SearchError;
use crate::plan::{Capabilities, Ladder, MechanismInfo};
use crate::probe::{self, ProbeError, Slot, Token};
use crate::run::wire::Job;
use crate::run::{Interrupt, Station, StationError, ladder};
use crate::sequence::decode::{Lanes, Prelude, Setting, are_apart};
use crate::sequence::{Mutexes, Sequence, Value};
use crate::target::secret::Secret;
use crate::target::template::Template;
use crate::target::{Credentials, Overrides, Target};
use crate::triage::program::Module;
use crate::worker::reach::Means;

/// Targets and models that are ready.
pub(super) struct Ground {
    /// A target and a model for each job.
    pub(super) pairs: Vec<Pair>,
    /// What a C program needs to know of the first target.
    pub(super) module: Module,
    /// What its token lists, and tells of each.
    mechanisms: BTreeMap<u64, MechanismInfo>,
    /// Whether it has asynchronous sessions.
    asynchronous: bool,
    /// Functions that it does not have.
    missing: Vec<Function>,
    /// Why no sequence has a token of its own, if none has.
    pub(super) shares_token: Option<&'static str>,
    /// The tokens, which go when this does.
    _tokens: Vec<Token>,
}

impl Ground {
    /// Provisions a target and a model for each of so many jobs, or for one where all would share a token.
    pub(super) fn new(
        target: &Target,
        credentials: &Credentials,
        jobs: usize,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let unusable = |target: &Target, error: &ProbeError| {
            let text = credentials.redactor().text(&error.to_string());
            Failure::target(format!("target `{}` cannot be tested: {text}", target.name))
        };
        let model = model()?;
        let pins = model.credentials().map_err(Failure::harness)?;
        let reach_all = |target: &Target, pins: &Credentials, jobs: usize| {
            let each = (0..jobs).map(|_| reach(target, pins, interrupt));
            let all: Result<Vec<_>, _> = each.collect();
            all.map_err(|error| unusable(target, &error))
        };
        let reached = reach_all(target, credentials, jobs_possible(target, jobs))?;
        let models = reach_all(&model, &pins, reached.len())?;
        let first = &reached[0];
        let module = super::program::module(target, &first.token, credentials, &first.slot);
        let (mechanisms, missing) = (first.mechanisms.clone(), first.missing.clone());
        let (shares_token, asynchronous) = (first.shares_token, first.asynchronous);
        let (mut tokens, targets) = unzip(reached);
        let (others, models) = unzip(models);
        tokens.extend(others);
        let pairs = targets.into_iter().zip(models);
        Ok(Self {
            pairs: pairs
                .map(|(target, model)| Pair { target, model })
                .collect(),
            module,
            mechanisms,
            asynchronous,
            shares_token,
            missing,
            _tokens: tokens,
        })
    }

    /// Refuses threads where the library was not told of them ([PKCS11-Base 3.2] 5.4.1). One that cannot lock has
    /// refused to be initialised.
    fn allows_threads(&self) -> Result<(), Failure> {
        let locks = |pair: &Pair| {
            let init_args = pair.target.station.init_args();
            init_args.is_some_and(|given| {
                given.flags & CKF_OS_LOCKING_OK != 0 || given.mutexes == Mutexes::Callbacks
            })
        };
        match self.pairs.iter().all(locks) {
            true => Ok(()),
            false => Err(Failure::usage(
                "--threads: the target's `init-args` have C_Initialize told of one thread; add \
                 `flags: [CKF_OS_LOCKING_OK]` to them",
            )),
        }
    }

    /// Follows which functions of the targets are reached, if that is asked for.
    pub(super) fn follow(&mut self, args: &CoverageArgs) -> Result<Functions, Failure> {
        let means = match args.coverage {
            None => return Ok(Functions::default()),
            Some(CoverageArg::Breakpoints) => Means::Breakpoints,
            Some(CoverageArg::Sancov) if args.coverage_of.is_empty() => Means::Sanitizer,
            Some(CoverageArg::Sancov) => {
                return Err(Failure::usage(
                    "--coverage sancov counts every library that was built with it: leave --coverage-of out",
                ));
            }
        };
        let mut libraries = Vec::new();
        for pair in &mut self.pairs {
            let followed = pair.target.station.follow(means, args.coverage_of.clone());
            libraries = followed.map_err(|error| Failure::target(error.to_string()))?;
        }
        if libraries.is_empty() {
            return Err(Failure::usage(
                "--coverage: the built-in token is part of the program; name a module",
            ));
        }
        Ok(Functions::of(libraries))
    }

    /// The setting of sequences made so, which threads have to be allowed for.
    pub(super) fn setting(&self, input: &InputArgs) -> Result<Setting<'static>, Failure> {
        let has = |class| input.classes.contains(&class);
        let told = self.mechanisms.iter().map(|(of, info)| (*of, *info));
        let mut setting = Setting::of_token(Prelude::Session, told);
        setting.wrong = if has(ClassArg::B) { input.wrong } else { 0 };
        setting.lies = has(ClassArg::C);
        setting.missing.clone_from(&self.missing);
        setting.asynchronous = self.asynchronous;
        setting.own_tokens = self.shares_token.is_none();
        if input.threads > 1 {
            self.allows_threads()?;
            setting.lanes = Some(Lanes {
                count: usize::from(input.threads),
                share_sessions: input.share_sessions,
            });
        }
        Ok(setting)
    }
}

/// Why no sequence can have a token of its own, to do anything to. The model's answers say something of a target's only if
/// its PINs are what they are said to be, and alike where the model's are.
fn shares_token(
    target: &Target,
    credentials: &Credentials,
    capabilities: &Capabilities,
) -> Option<&'static str> {
    let pins = [&credentials.pin, &credentials.so_pin];
    let pins: Vec<&str> = pins.into_iter().flatten().map(Secret::expose).collect();
    let &[user, officer] = &pins[..] else {
        return Some("that takes both PINs");
    };
    let has = |flag| capabilities.token_flags & flag != 0;
    match () {
        () if !target.renewable => Some("the target is not said to be `renewable`"),
        () if !capabilities.functions.contains(&Function::C_InitToken) => {
            Some("the module has no C_InitToken")
        }
        // Of a token that is not initialised any PIN is the security officer's ([PKCS11-Base 3.2] 5.5.7).
        () if !has(CKF_TOKEN_INITIALIZED) => Some("the token is not initialised"),
        () if has(CKF_PROTECTED_AUTHENTICATION_PATH) => Some("its PINs are given elsewhere"),
        () if !are_apart(user, officer) => Some("its PINs are too much alike"),
        () => None,
    }
}

/// True if the security officer can log in.
fn officer_logs_in(station: &mut Station, given: &Value) -> Result<bool, StationError> {
    let job = Job {
        number: 0,
        initialized: true,
        given: vec![("target".to_owned(), given.clone())],
        sequence: Sequence {
            steps: ladder::steps(Ladder::So),
        },
        shares_login: false,
        on_empty_token: false,
        own_token: false,
    };
    let ran = station.execute(vec![job])?;
    let mut calls = ran.iter().flat_map(|ran| &ran.trace.calls);
    Ok(calls.all(|call| call.returned.is_some_and(|back| back.rv == CKR_OK)))
}

/// What a search could not do, in words without PINs.
pub(super) fn failure(error: SearchError, credentials: &Credentials) -> Failure {
    match error {
        SearchError::Station(error) => {
            Failure::target(credentials.redactor().text(&error.to_string()))
        }
        SearchError::Corpus(error) => Failure::usage(error),
    }
}

/// The reference token as shipped, whatever the environment makes of a built-in target.
pub(super) fn model() -> Result<Target, Failure> {
    let mut model =
        Target::load(Some("builtin"), &Overrides::default()).map_err(Failure::harness)?;
    let sound = ("REFERENCE_TOKEN_MUTANT".to_owned(), Template::literal(""));
    model.environment.extend([sound]);
    Ok(model)
}

fn unzip(reached: Vec<Reached>) -> (Vec<Token>, Vec<Side>) {
    let both = reached.into_iter().map(|one| (one.token, one.side));
    both.unzip()
}

/// A target that can be fuzzed, or the model.
struct Reached {
    /// Its token, which goes when this does.
    token: Token,
    side: Side,
    slot: Slot,
    /// What the token lists, and tells of each.
    mechanisms: BTreeMap<u64, MechanismInfo>,
    /// Whether it has asynchronous sessions.
    asynchronous: bool,
    /// Functions that it does not have.
    missing: Vec<Function>,
    /// Why no sequence has a token of its own, if none has.
    shares_token: Option<&'static str>,
}

fn reach(
    target: &Target,
    credentials: &Credentials,
    interrupt: &Interrupt,
) -> Result<Reached, ProbeError> {
    let (token, mut station) = probe::reach(target, credentials, interrupt, false)?;
    let probe = probe::probe(&mut station, target, credentials)?;
    // What sequences do to the process is not looked at: it would cost more than they do.
    station.skip_audit();
    let given = probe.given(credentials);
    let capabilities = probe.capabilities(target);
    let mut shares_token = shares_token(target, credentials, &capabilities);
    if shares_token.is_none() && !officer_logs_in(&mut station, &given)? {
        shares_token = Some("the security officer's PIN does not log in");
    }
    let missing = Function::ALL.iter();
    let missing = missing.filter(|function| !capabilities.functions.contains(function));
    Ok(Reached {
        token,
        side: Side { station, given },
        slot: probe.slot().clone(),
        missing: missing.copied().collect(),
        shares_token,
        asynchronous: capabilities.token_flags & CKF_ASYNC_SESSION_SUPPORTED != 0,
        mechanisms: capabilities.mechanisms,
    })
}
