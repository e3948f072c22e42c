//! From target flags to a target with its PINs.

use std::path::Path;

use clap::Parser;

use super::Failure;
use super::args::TargetArgs;
use crate::target::secret::PinSource;
use crate::target::{Credentials, Overrides, Target, TargetError};

/// The target that flags and file name, and its PINs.
pub(super) fn resolve(args: &TargetArgs) -> Result<(Target, Credentials), Failure> {
    let pin = args
        .pin
        .as_deref()
        .map(|text| pin_source(text, "--pin"))
        .transpose()?;
    let so_pin = args
        .so_pin
        .as_deref()
        .map(|text| pin_source(text, "--so-pin"))
        .transpose()?;
    let overrides = Overrides {
        module: args.module.clone(),
        slot: args.slot,
        slot_index: args.slot_index,
        token_label: args.token_label.clone(),
        serial: args.serial.clone(),
        uri: args
            .uri
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(Failure::usage)?,
        login: match (args.login, args.no_login) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        pin,
        so_pin,
        init_args: args.init_args.clone(),
        claims: args.claim.clone(),
        security_profiles: args.hold_to.clone(),
        disposable: args.disposable,
    };
    let target = Target::load(args.target.as_deref(), &overrides).map_err(|error| match error {
        // The description may be as right as can be: the module is not on this machine.
        TargetError::NoModule { .. } => Failure::target(error),
        _ => Failure::usage(error),
    })?;
    let credentials = target.credentials().map_err(Failure::target)?;
    Ok((target, credentials))
}

fn pin_source(text: &str, flag: &str) -> Result<PinSource, Failure> {
    let source: PinSource = text
        .parse()
        .map_err(|error| Failure::usage(format!("{flag}: {error}")))?;
    if source.literal_on_command_line() {
        eprintln!(
            "warning: every user of this machine sees a PIN given with {flag} in the process list; \
             use env:VAR, file:PATH or prompt"
        );
    }
    Ok(source)
}

/// The flags that name the same target again, without secrets, for replay commands.
pub(super) fn arguments(args: &TargetArgs) -> String {
    let words = words(args);
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// The flags that name the same target again, without secrets, from whatever folder.
pub(super) fn lasting(args: &TargetArgs) -> Vec<String> {
    let absolute = |text: &String| match is_path(text) {
        true => std::path::absolute(text)
            .map_or_else(|_| text.clone(), |path| path.display().to_string()),
        false => text.clone(),
    };
    let of_file = |source: &String| match source.strip_prefix("file:") {
        Some(path) => std::path::absolute(path).map_or_else(
            |_| source.clone(),
            |path| format!("file:{}", path.display()),
        ),
        None => source.clone(),
    };
    let by_default = !names_module(args);
    words(&TargetArgs {
        target: match by_default {
            true => Some("builtin".to_owned()),
            false => args.target.as_ref().map(absolute),
        },
        module: args.module.as_ref().map(absolute),
        pin: args.pin.as_ref().map(of_file),
        so_pin: args.so_pin.as_ref().map(of_file),
        ..args.clone()
    })
}

/// True if the flags say which module is meant; otherwise it is the built-in token.
pub(super) fn names_module(args: &TargetArgs) -> bool {
    let by_uri =
        |uri: crate::target::uri::Uri| uri.module_path.is_some() || uri.module_name.is_some();
    let uri = args.uri.as_deref().and_then(|uri| uri.parse().ok());
    args.target.is_some() || args.module.is_some() || uri.is_some_and(by_uri)
}

fn is_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(".yaml") || text.ends_with(".yml")
}

/// What is read back of the flags that a run was given.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Recorded {
    #[command(flatten)]
    target: TargetArgs,
}

/// The flags of a run, as its evidence has them, where the target that they name is still there. What is given beside
/// them wins.
pub(super) fn of_run(recorded: &[String], given: &TargetArgs) -> Result<TargetArgs, Failure> {
    let advice = "say with --target or --module what is to be checked";
    if recorded.is_empty() {
        return Err(Failure::usage(format!(
            "the evidence does not say how the run was given its target: {advice}"
        )));
    }
    let Recorded { target: run } = Recorded::try_parse_from(recorded).map_err(|error| {
        Failure::usage(format!(
            "the target of the run cannot be named again: {error}; {advice}"
        ))
    })?;
    for file in run.target.iter().chain(&run.module) {
        if is_path(file) && !Path::new(file).exists() {
            return Err(Failure::usage(format!(
                "the run was on {file}, which is not there: {advice}"
            )));
        }
    }
    let either = |given: &Option<String>, run: Option<String>| given.clone().or(run);
    let chosen = given.slot.is_some()
        || given.slot_index.is_some()
        || given.token_label.is_some()
        || given.serial.is_some();
    let unless_chosen = |run: Option<String>| run.filter(|_| !chosen);
    Ok(TargetArgs {
        target: run.target,
        module: run.module,
        init_args: either(&given.init_args, run.init_args),
        slot: given.slot.or(run.slot.filter(|_| !chosen)),
        slot_index: given.slot_index.or(run.slot_index.filter(|_| !chosen)),
        token_label: either(&given.token_label, unless_chosen(run.token_label)),
        serial: either(&given.serial, unless_chosen(run.serial)),
        uri: either(&given.uri, run.uri),
        login: given.login || (run.login && !given.no_login),
        no_login: given.no_login || (run.no_login && !given.login),
        pin: either(&given.pin, run.pin),
        so_pin: either(&given.so_pin, run.so_pin),
        claim: [run.claim, given.claim.clone()].concat(),
        hold_to: [run.hold_to, given.hold_to.clone()].concat(),
        disposable: given.disposable || run.disposable,
        keep_scratch: given.keep_scratch,
    })
}

fn words(args: &TargetArgs) -> Vec<String> {
    let mut words = Vec::new();
    let mut push = |flag: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    };
    push("--target", args.target.clone());
    push("--module", args.module.clone());
    push("--init-args", args.init_args.clone());
    push("--slot", args.slot.map(|slot| slot.to_string()));
    push(
        "--slot-index",
        args.slot_index.map(|index| index.to_string()),
    );
    push("--token-label", args.token_label.clone());
    push("--serial", args.serial.clone());
    push("--pin", args.pin.as_ref().map(|pin| source_only(pin)));
    push("--so-pin", args.so_pin.as_ref().map(|pin| source_only(pin)));
    let uri = args.uri.as_deref().and_then(|uri| uri.parse().ok());
    push(
        "--uri",
        uri.map(|uri: crate::target::uri::Uri| uri.to_string()),
    );
    for profile in &args.claim {
        push("--claim", Some(profile.to_string()));
    }
    for profile in &args.hold_to {
        push("--hold-to", Some(profile.to_string()));
    }
    let switches = [
        ("--login", args.login),
        ("--no-login", args.no_login),
        ("--disposable", args.disposable),
    ];
    let given = switches.into_iter().filter(|(_, given)| *given);
    words.extend(given.map(|(flag, _)| flag.to_owned()));
    words
}

/// Where a PIN comes from; the PIN itself becomes a prompt.
fn source_only(text: &str) -> String {
    match text.split_once(':') {
        Some(("env" | "file", _)) => text.to_owned(),
        _ => "prompt".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Refuses a target that a command would do harm to, or whose user it could not log in. `command` is what the
/// command does, as a noun.
pub(super) fn at_disposal(
    target: &Target,
    credentials: &Credentials,
    command: &str,
) -> Result<(), Failure> {
    disposable(target, command)?;
    match credentials.pin {
        Some(_) => Ok(()),
        None => Err(Failure::usage(format!(
            "target `{}`: {command} needs the user's PIN: give --pin, or `pin` in the target file",
            target.name
        ))),
    }
}

/// Refuses a target that a command would do harm to. `command` is what the command does, as a noun.
pub(super) fn disposable(target: &Target, command: &str) -> Result<(), Failure> {
    match target.disposable {
        true => Ok(()),
        false => Err(Failure::usage(format!(
            "target `{}`: {command} destroys what is on a token: say with --disposable, or \
             `disposable: true` in the target file, that it may",
            target.name
        ))),
    }
}
