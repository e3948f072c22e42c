//! Words for the parts of a case, shared by the renderings for people: one sanitised line each.
//! How lines are laid out, coloured or limited is left to those renderings.

use crate::evidence::{Call, Case, Clause, Confirmation, End, Finding, Frame, Target};
use crate::text::one_line;
use std::fmt::Write as _;

/// `PKCS11-Base 3.2 section 5.13.1`.
pub(crate) fn clause(clause: &Clause) -> String {
    line(format!(
        "{} {} section {}",
        clause.document, clause.version, clause.section
    ))
}

/// `step 2  C_SignInit  returned CKR_OK, permitted: CKR_OPERATION_ACTIVE`.
#[must_use]
pub fn finding(case: &Case, finding: &Finding) -> String {
    let mut out = String::new();
    if let Some(step) = finding.step {
        let _ = write!(out, "{}  ", place(step, finding.lane));
    }
    if let Some(function) = &finding.function {
        let _ = write!(out, "{function}  ");
    }
    out.push_str(&finding.message);
    if !finding.permitted.is_empty() {
        let _ = write!(out, ", permitted: {}", finding.permitted.join(", "));
    }
    if let Some(other) = finding.clause.as_ref().filter(|c| **c != case.clause) {
        let _ = write!(out, " ({})", clause(other));
    }
    line(out)
}

/// `step 2`, `step 3 in lane 1`, `step 4 in the child`.
fn place(step: u32, lane: Option<u32>) -> String {
    match lane {
        Some(0) => format!("step {step} in the child"),
        Some(lane) => format!("step {step} in lane {lane}"),
        None => format!("step {step}"),
    }
}

/// What the case is about to be blamed for, on one line: its gravest finding, else the reason,
/// else its title.
pub(crate) fn headline(case: &Case) -> String {
    let gravest = case.findings.iter().find(|f| f.verdict == case.verdict);
    match gravest.or(case.findings.first()) {
        Some(found) => finding(case, found),
        None => line(case.reason.clone().unwrap_or_else(|| case.title.clone())),
    }
}

/// Why the case does not apply: `refused by policy: CKM_RSA_PKCS takes keys of ...`.
pub(crate) fn inapplicable(case: &Case) -> String {
    let reason = headline(case);
    match case.why {
        Some(why) => format!("{}: {reason}", why.words()),
        None => reason,
    }
}

/// How a worker ended, then its stack, innermost frame first.
pub(crate) fn end(end: &End) -> Vec<String> {
    let (head, frames): (String, &[Frame]) = match end {
        End::Signal {
            signal,
            code,
            address,
            access,
            frames,
            ..
        } => {
            let mut head = format!("ended by {signal}");
            if let Some(code) = code {
                let _ = write!(head, " ({code})");
            }
            if let Some(address) = address {
                let access = access.as_deref().unwrap_or("access");
                let _ = write!(head, " on {access} at {address:#x}");
            }
            (head, frames)
        }
        End::Exited { status } => (format!("called exit with status {status}"), &[]),
        End::Hang {
            deadline_ms,
            frames,
        } => (format!("did not return within {deadline_ms} ms"), frames),
        End::MemoryLimit { limit, resident } => (
            format!("used {resident} bytes of memory, limit: {limit} bytes"),
            &[],
        ),
        End::FileLimit { limit } => (
            format!("wrote a file of more than {limit} bytes, which is the limit"),
            &[],
        ),
        End::Program { program, end: how } => {
            let how = self::end(how).into_iter().next().unwrap_or_default();
            (format!("`{program}`, which the token needs: {how}"), &[])
        }
    };
    std::iter::once(line(head))
        .chain(frames.iter().enumerate().map(|(n, f)| frame(n, f)))
        .collect()
}

fn frame(number: usize, frame: &Frame) -> String {
    let symbol = frame.symbol.as_deref().unwrap_or("?");
    line(format!(
        "  #{number}  {}+{:#x}  {symbol}",
        frame.module, frame.offset
    ))
}

/// `step 2  C_SignInit(hSession: 1) = CKR_OK  12.3 us`.
pub(crate) fn call(call: &Call) -> String {
    let mut out = format!("{}  {}(", place(call.step, call.lane), call.function);
    push_pairs(&mut out, &call.arguments);
    out.push(')');
    match &call.returned {
        Some(returned) => {
            let _ = write!(out, " = {returned}");
        }
        None => out.push_str(" did not return"),
    }
    if !call.outputs.is_empty() {
        out.push_str(" -> ");
        push_pairs(&mut out, &call.outputs);
    }
    let _ = write!(out, "  {}", duration(call.ns));
    if let Some(at) = call.at_ns {
        let _ = write!(out, " from +{} on", duration(at));
    }
    line(out)
}

fn push_pairs(out: &mut String, pairs: &std::collections::BTreeMap<String, String>) {
    for (n, (name, value)) in pairs.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(out, "{comma}{name}: {value}");
    }
}

/// A duration in nanoseconds with three figures behind the point and a fitting unit.
pub(crate) fn duration(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1e3, "us"),
        1_000_000..1_000_000_000 => (1e6, "ms"),
        _ => (1e9, "s"),
    };
    format!("{:.3} {name}", ns as f64 / unit)
}

/// `seen again in 3 of 3 fresh workers`; nothing if it was not tried.
pub(crate) fn confirmed(case: &Case) -> Option<String> {
    let Confirmation { tries, same } = case.confirmed?;
    let workers = if tries == 1 { "worker" } else { "workers" };
    Some(format!("{same} of {tries} fresh {workers}"))
}

/// Which module it is: `softhsm2: SoftHSM, Implementation of PKCS11, 2.6, SHA-256 ...`.
#[must_use]
pub fn identity(target: &Target) -> String {
    let info = |name: &str| target.info.get(name).map_or("", |text| text.trim());
    let hash = target.sha256.as_ref();
    let facts = [
        info("manufacturerID").to_owned(),
        info("libraryDescription").to_owned(),
        info("libraryVersion").to_owned(),
        hash.map_or_else(String::new, |hash| format!("SHA-256 {hash}")),
    ];
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    line(format!("{}: {}", target.name, facts.join(", ")))
}

/// `n thing` or `n things`.
pub(crate) fn number(n: usize, singular: &str, plural: &str) -> String {
    format!("{n} {}", if n == 1 { singular } else { plural })
}

/// Sanitises a composed line; no copy where nothing is to be done.
fn line(text: String) -> String {
    match one_line(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(escaped) => escaped,
    }
}
