//! `p11assay probe`: a target's interfaces, slots, token and mechanisms, as text or JSON.

use std::fmt::Write as _;
use std::io::Write as _;

use p11assay_reports::exit;

use super::Failure;
use super::args;
use super::target::resolve;
use crate::cryptoki::names::{self, Kind};
use crate::probe::{self, Probe};
use crate::run::Interrupt;

/// Probes a target and prints what was found.
pub(super) fn probe(args: &args::Probe) -> Result<i32, Failure> {
    let (target, credentials) = resolve(&args.target)?;
    let interrupt = Interrupt::default();
    let keep = args.target.keep_scratch;
    let (_provisioned, mut station) =
        probe::reach(&target, &credentials, &interrupt, keep).map_err(Failure::target)?;
    let found = probe::probe(&mut station, &target, &credentials).map_err(Failure::target)?;
    let text = if args.json {
        serde_json::to_string_pretty(&found).map_err(Failure::harness)?
    } else {
        table(&found)
    };
    let _ = writeln!(
        std::io::stdout(),
        "{}",
        credentials.redactor().text(&text).trim_end()
    );
    Ok(exit::PASSED)
}

fn table(probe: &Probe) -> String {
    let mut out = String::new();
    let loaded = &probe.loaded;
    let _ = writeln!(out, "Library");
    fields(&mut out, &probe.info);
    let _ = writeln!(out, "\nInterfaces");
    for interface in &loaded.interfaces {
        let version = interface.version.map_or_else(
            || "unknown layout".to_owned(),
            |(major, minor)| format!("{major}.{minor}"),
        );
        let remark = interface
            .remark
            .as_ref()
            .map_or(String::new(), |text| format!("  ({text})"));
        let name = p11assay_reports::text::one_line(&interface.name);
        let _ = writeln!(
            out,
            "  {name:<24} {version:<8} flags {:#x}{remark}",
            interface.flags
        );
    }
    let (major, minor) = loaded.version;
    let _ = writeln!(out, "  in use: {major}.{minor} from {}", loaded.from);
    for remark in &loaded.remarks {
        let _ = writeln!(out, "  remark: {remark}");
    }
    match loaded.missing.as_slice() {
        [] => {
            let _ = writeln!(out, "  every function of the list is present");
        }
        missing => {
            let _ = writeln!(out, "  NULL in the list: {}", missing.join(", "));
        }
    }
    for (index, slot) in probe.slots.iter().enumerate() {
        let chosen = if index == probe.chosen {
            "  (under test)"
        } else {
            ""
        };
        let _ = writeln!(out, "\nSlot {}{chosen}", slot.id);
        fields(&mut out, &slot.info);
        match &slot.token {
            Some(token) => {
                let _ = writeln!(out, "  Token");
                fields(&mut out, token);
                let flags = names::display_flags(Kind::TOKEN_FLAGS, slot.token_flags);
                let _ = writeln!(out, "    {flags}");
            }
            None => {
                let _ = writeln!(out, "  no token");
            }
        }
    }
    let profiles: Vec<String> = probe
        .profiles
        .iter()
        .map(|id| names::display(Kind::PROFILE, *id))
        .collect();
    let claimed = if profiles.is_empty() {
        "none".to_owned()
    } else {
        profiles.join(", ")
    };
    let _ = writeln!(out, "\nProfiles claimed: {claimed}");
    let _ = writeln!(out, "\nMechanisms ({})", probe.mechanisms.len());
    for mechanism in &probe.mechanisms {
        let flags = names::display_flags(Kind::MECHANISM_FLAGS, mechanism.flags);
        let sizes = format!("{}..{}", mechanism.min_key_size, mechanism.max_key_size);
        let _ = writeln!(out, "  {:<40} {sizes:>14}  {flags}", mechanism.name);
    }
    out
}

fn fields(out: &mut String, fields: &[(String, String)]) {
    for (name, value) in fields {
        let _ = writeln!(
            out,
            "    {name:<22} {}",
            p11assay_reports::text::one_line(value)
        );
    }
}
