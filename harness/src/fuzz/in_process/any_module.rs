//! A module of the user's choice in this process, for engines whose feedback is the module's own
//! instrumentation: a target, as it is named in the environment, with its token provisioned.
#![allow(unsafe_code, reason = "sets the environment that the module reads")]

use cryptoki_sys::{CK_TRUE, CKF_ASYNC_SESSION_SUPPORTED};

use super::{Home, InProcess};
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::MechanismInfo;
use crate::execute::{Defaults, Options, Prepared};
use crate::module::{Module, Source};
use crate::run::ladder;
use crate::sequence::decode::{Prelude, Setting};
use crate::sequence::{
    Argument, Buffer, BufferSize, Call, Capture, Number, Reference, Sequence, Step, Value,
};
use crate::target::secret::PinSource;
use crate::target::step::Step as ProvisionStep;
use crate::target::{self, NoSequences, Overrides, Provisioned, Selector, Target};

/// Names the module: a library's path, or a target by name or file.
const MODULE: &str = "P11ASSAY_MODULE";
/// The user's PIN, as `--pin` takes it, if no target file has it.
const PIN: &str = "P11ASSAY_PIN";
/// Says that the token of a library named by its path may be destroyed, if it is `1`.
const DISPOSABLE: &str = "P11ASSAY_DISPOSABLE";

/// A provisioned token.
pub(super) struct Token {
    /// `$target`.
    pub(super) given: Vec<(String, Value)>,
    mechanisms: Vec<(u64, MechanismInfo)>,
    /// `CKF_` flags of the token.
    flags: u64,
    /// Its folder and its daemons, which go when this does.
    _provisioned: Provisioned,
}

impl InProcess {
    /// Loads the module that the environment names (`P11ASSAY_MODULE`, `P11ASSAY_PIN`, `P11ASSAY_DISPOSABLE`), as
    /// [`on`](Self::on) does.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn from_environment() -> Result<Self, String> {
        Self::on(named(&|name| std::env::var(name).ok())?)
    }

    /// Loads the module of a target, with a token that the target provisions, and initialises it. To be called before
    /// the process has threads: what the module reads of the environment is set.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn on(mut target: Target) -> Result<Self, String> {
        // They need a worker, and what they put on the token would be destroyed.
        target
            .provision
            .retain(|step| !matches!(step, ProvisionStep::Sequence(_)));
        let credentials = target.credentials().map_err(|error| error.to_string())?;
        let pin = credentials.pin.as_ref();
        let pin = pin.ok_or_else(|| format!("the token needs its user's PIN: set {PIN}"))?;
        let provisioned = target::provision(&target, &credentials, false, &mut NoSequences)
            .map_err(|error| error.to_string())?;
        let prepared = provisioned.prepared();
        for (name, value) in &prepared.environment {
            // SAFETY: no other thread reads the environment, by this function's contract.
            unsafe { std::env::set_var(name, value) };
        }
        let source = match &target.module {
            target::Module::Builtin => Source::Builtin,
            target::Module::Path(path) => Source::Path(path.clone()),
        };
        let module = Module::load(&source, target.version).map_err(|error| error.to_string())?;
        let fields = vec![(
            "pin".to_owned(),
            Value::Bytes(pin.expose().as_bytes().to_vec()),
        )];
        let defaults = Defaults {
            slot: 0,
            init_args: prepared.init_args.clone(),
        };
        let token = Token {
            given: vec![("target".to_owned(), Value::Record(fields))],
            mechanisms: Vec::new(),
            flags: 0,
            _provisioned: provisioned,
        };
        let mut process = Self::new(module, defaults, Home::Token(Box::new(token)));
        process.look_around(&target.selector)?;
        Ok(process)
    }

    /// The setting of the module's sequences: what its token tells of its mechanisms, and the functions that the module
    /// has. It is that of a search in workers in the classes A and B, to which the same bytes are the same sequence.
    #[must_use]
    pub fn setting(&self) -> Setting<'static> {
        let mut setting = match &self.home {
            Home::Token(token) => {
                Setting::of_token(Prelude::Session, token.mechanisms.iter().copied())
            }
            Home::Initializes => Setting::new(Prelude::Session, |_| true),
        };
        setting.asynchronous = match &self.home {
            Home::Token(token) => token.flags & CKF_ASYNC_SESSION_SUPPORTED != 0,
            Home::Initializes => false,
        };
        let functions = Function::ALL.iter().copied();
        let missing = functions.filter(|function| !self.module.facts().has(*function));
        setting.missing = missing.collect();
        setting
    }

    /// Initialises the library and finds the slot, the first one with a token if none is named, and its
    /// mechanisms.
    fn look_around(&mut self, wanted: &Selector) -> Result<(), String> {
        self.execute(&initialize(), &[]);
        let mut list = asking(Function::C_GetSlotList, "slot_list");
        list.arguments[0] = Argument::Number(Number::Literal(u64::from(CK_TRUE)));
        let slots = numbers(&self.ask(list)?);
        let fits = |slot: &u64| {
            wanted.slot.is_none_or(|wanted| wanted == *slot) && self.has_label(*slot, wanted)
        };
        let slot = slots.iter().copied().find(fits);
        self.defaults.slot = slot.ok_or("no slot has the token that the target names")?;
        let mechanisms = self.ask(asking(Function::C_GetMechanismList, "mechanism_list"))?;
        let mechanisms = numbers(&mechanisms).into_iter();
        let told = mechanisms.map(|mechanism| (mechanism, self.mechanism_info(mechanism)));
        let told = told.collect();
        let mut call = asking(Function::C_GetTokenInfo, "info");
        call.arguments[0] = Argument::Number(Number::Literal(self.defaults.slot));
        let path = Reference::to("").field("flags").path;
        let flags = self.ask(call)?.number_at(&path).unwrap_or_default();
        if let Home::Token(token) = &mut self.home {
            token.mechanisms = told;
            token.flags = flags;
        }
        Ok(())
    }

    /// What the token tells of a mechanism; zeros if it tells nothing.
    fn mechanism_info(&mut self, mechanism: u64) -> MechanismInfo {
        let mut call = asking(Function::C_GetMechanismInfo, "info");
        call.arguments[1] = Argument::Number(Number::Literal(mechanism));
        let told = self.ask(call).ok();
        let field = |name: &str| {
            let path = Reference::to("").field(name).path;
            told.as_ref().and_then(|told| told.number_at(&path))
        };
        MechanismInfo {
            min_key_size: field("ulMinKeySize").unwrap_or_default(),
            max_key_size: field("ulMaxKeySize").unwrap_or_default(),
            flags: field("flags").unwrap_or_default(),
        }
    }

    fn has_label(&mut self, slot: u64, wanted: &Selector) -> bool {
        let Some(label) = &wanted.label else {
            return true;
        };
        let mut call = asking(Function::C_GetTokenInfo, "info");
        call.arguments[0] = Argument::Number(Number::Literal(slot));
        match self.ask(call) {
            Ok(Value::Record(fields)) => fields.iter().any(|(name, value)| match value {
                Value::Bytes(bytes) if name == "label" => {
                    String::from_utf8_lossy(bytes).trim_end() == label
                }
                _ => false,
            }),
            _ => false,
        }
    }

    /// What a call gives.
    fn ask(&mut self, call: Call) -> Result<Value, String> {
        let function = call.function;
        let sequence = Sequence {
            steps: vec![Step::Call(Box::new(call))],
        };
        let mut prepared = Prepared::new(
            &sequence,
            self.module.table(),
            &self.arena,
            &self.defaults,
            &[],
            Options::default(),
        )
        .map_err(|error| error.to_string())?;
        // SAFETY: a legal call.
        unsafe { prepared.run(&mut self.journal) };
        let found = prepared.captured().find(|(name, _)| name == FOUND);
        let found = found.map(|(_, value)| value);
        found.ok_or_else(|| format!("{function} fails: is the token set up?"))
    }

    /// Brings library and token back to where the next sequence is to find them.
    pub(super) fn tidy(&mut self, sequence: &Sequence, lost: bool) {
        let mut close = Call::new(1, Function::C_CloseAllSessions);
        close.keep_going = true;
        let close = of(close);
        if self.execute(&close, &[]) || lost {
            self.execute(&initialize(), &[]);
            self.execute(&close, &[]);
        }
        if let Home::Token(token) = &self.home
            && sequence.makes_token_objects()
        {
            let mut given = token.given.clone();
            given.push((ladder::LEFT.to_owned(), Value::List(Vec::new())));
            self.execute(&ladder::empty_token(), &given);
        }
    }
}

/// The target that variables name.
fn named(variable: &dyn Fn(&str) -> Option<String>) -> Result<Target, String> {
    let name = variable(MODULE).ok_or_else(|| {
        format!("{MODULE} names no module: give the path of a library, or a target by name or file")
    })?;
    let pin = variable(PIN).map(|text| text.parse::<PinSource>());
    let library = name.ends_with(".so") || name.contains(".so.");
    let flags = Overrides {
        module: library.then(|| name.clone()),
        pin: pin.transpose().map_err(|error| format!("{PIN}: {error}"))?,
        disposable: variable(DISPOSABLE).as_deref() == Some("1"),
        ..Overrides::default()
    };
    let target = Target::load((!library).then_some(name.as_str()), &flags);
    let target = target.map_err(|error| error.to_string())?;
    match target.disposable {
        true => Ok(target),
        false => Err(format!(
            "fuzzing destroys what is on a token: set {DISPOSABLE}=1 if it may"
        )),
    }
}

fn numbers(list: &Value) -> Vec<u64> {
    match list {
        Value::List(values) => values.iter().filter_map(Value::as_number).collect(),
        _ => Vec::new(),
    }
}

/// What a call asks for is kept by this name.
const FOUND: &str = "found";

fn of(call: Call) -> Sequence {
    Sequence {
        steps: vec![Step::Call(Box::new(call))],
    }
}

fn initialize() -> Sequence {
    let mut call = Call::new(1, Function::C_Initialize);
    call.keep_going = true;
    of(call)
}

/// A call whose output is kept.
fn asking(function: Function, list: &str) -> Call {
    let mut call = Call::new(1, function);
    let list_at = |name: &str| name.ends_with("_list") && name == list;
    let parameters = function.parameters();
    if let Some(place) = parameters.iter().position(|one| list_at(one.name)) {
        call.arguments[place] = Argument::Buffer(Buffer::of(BufferSize::Exact));
    }
    call.gives = vec![Capture {
        output: Reference::to(list),
        name: FOUND.to_owned(),
    }];
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_in_the_environment_is_said() {
        let name = |wanted: &str, value: Option<&str>| {
            let (wanted, value) = (wanted.to_owned(), value.map(str::to_owned));
            move |asked: &str| value.clone().filter(|_| asked == wanted)
        };
        let refused = |variable: &dyn Fn(&str) -> Option<String>| {
            named(variable).map(|target| target.name).unwrap_err()
        };
        assert!(refused(&|_| None).contains(MODULE));
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("library.so");
        std::fs::write(&library, "").expect("is written");
        let text = library.to_string_lossy().into_owned();
        assert!(refused(&name(MODULE, Some(&text))).contains(DISPOSABLE));
        let target = named(&name(MODULE, Some("softhsm2"))).expect("a disposable target");
        assert_eq!(target.name, "softhsm2");
    }
}
