//! From target flags to a target with its PINs.

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
    let mut words = Vec::new();
    let mut push = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("{flag} {}", quoted(&value)));
        }
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
    if let Some(uri) = args
        .uri
        .as_deref()
        .and_then(|uri| uri.parse::<crate::target::uri::Uri>().ok())
    {
        words.push(format!("--uri {}", quoted(&uri.to_string())));
    }
    for profile in &args.claim {
        words.push(format!("--claim {profile}"));
    }
    for profile in &args.hold_to {
        words.push(format!("--hold-to {profile}"));
    }
    if args.disposable {
        words.push("--disposable".to_owned());
    }
    words.join(" ")
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
    let lacks = if !target.disposable {
        format!(
            "{command} destroys what is on a token: say with --disposable, or `disposable: true` in \
             the target file, that it may"
        )
    } else if credentials.pin.is_none() {
        format!("{command} needs the user's PIN: give --pin, or `pin` in the target file")
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("target `{}`: {lacks}", target.name)))
}
