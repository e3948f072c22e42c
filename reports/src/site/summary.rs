//! The summary: a card for each module with what it is, how its cases ended, and what its runs were.

use maud::{Markup, html};

use super::SiteRun;
use super::kind::{Kind, Kinds};
use super::modules::Module;
use crate::describe::{duration, number};
use crate::evidence::Target;
use crate::exit;
use crate::html::Text;

pub(super) fn section(modules: &[Module<'_>]) -> Markup {
    html! {
        section aria-labelledby="summary" {
            h2.hidden id="summary" { "Summary" }
            div.cards { @for (place, module) in modules.iter().enumerate() { (card(place, module)) } }
        }
    }
}

fn card(place: usize, module: &Module<'_>) -> Markup {
    let open = module.kinds.open();
    html! {
        article.card aria-labelledby={ "module-" (place) } {
            header {
                h3 id={ "module-" (place) } { (Text(&module.label)) }
                @if let Some(version) = module.target.map(super::modules::version).filter(|v| !v.is_empty()) {
                    span.soft { " version " (Text(version)) }
                }
            }
            p.big {
                @match open {
                    0 => { span.badge.good { "no open finding" } }
                    _ => { span.badge.bad { (number(open, "open finding", "open findings")) } }
                }
                span.soft { " in " (number(module.kinds.total(), "case", "cases")) }
            }
            (bar(&module.kinds))
            ul.counts {
                @for (kind, count) in module.kinds.present() {
                    li {
                        a href="#cases" data-m=(place) data-k=(kind as usize) data-q="" {
                            span.dot.(kind.class()) {} b { (count) } " " (kind.words())
                        }
                    }
                }
            }
            @for run in &module.runs { (one_run(run)) }
            @if let Some(target) = module.target { (identity(target)) }
        }
    }
}

/// The kinds by their share. Its figures are in the list below.
fn bar(kinds: &Kinds) -> Markup {
    let total = kinds.total().max(1) as f64;
    let mut left = 0.0;
    let parts: Vec<(Kind, f64, f64)> = kinds
        .present()
        .map(|(kind, count)| {
            let width = count as f64 / total * 100.0;
            left += width;
            (kind, left - width, width)
        })
        .collect();
    html! {
        svg.share viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            @for (kind, left, width) in parts {
                rect.(kind.class()) x=(format!("{left:.2}")) y="0" width=(format!("{width:.2}")) height="4" {
                    title { (kind.words()) }
                }
            }
        }
    }
}

fn one_run(run: &SiteRun<'_>) -> Markup {
    let evidence = run.evidence;
    let command = evidence
        .started
        .command
        .get(1)
        .map_or("run", String::as_str);
    let (words, class) = outcome(evidence.exit_code());
    html! {
        div.run {
            p {
                span.badge.(class) { (words) }
                " " b { (Text(command)) } " of " time { (Text(&date(&evidence.started.started))) }
                span.soft {
                    ", " (duration_words(evidence.duration_ns())) ", gate " (evidence.started.gate.scope.name())
                    ", seed " (evidence.started.seed) ", p11assay " (Text(&evidence.started.version))
                }
            }
            p.soft.code { (Text(&run.folder)) }
            @for told in remarks(run) { p.remark { (Text(&told)) } }
        }
    }
}

/// What a reader must know before believing the figures.
fn remarks(run: &SiteRun<'_>) -> Vec<String> {
    let evidence = run.evidence;
    let mut told = Vec::new();
    if let Some(interrupted) = &evidence.interrupted {
        told.push(format!("stopped by {}", interrupted.by));
    }
    let remaining = evidence.remaining().len();
    if remaining > 0 {
        told.push(format!(
            "{} not executed",
            number(remaining, "case was", "cases were")
        ));
    }
    if evidence.torn {
        told.push("killed while it was written".to_owned());
    }
    told.extend(evidence.expired_waivers().into_iter().map(str::to_owned));
    told.extend(evidence.warnings.iter().cloned());
    told
}

/// What an exit code means, and its class.
pub(crate) fn outcome(code: i32) -> (&'static str, &'static str) {
    match code {
        exit::PASSED => ("gate passed", "good"),
        exit::FINDINGS => ("stopped by the gate", "bad"),
        exit::TARGET_UNUSABLE => ("not judged", "odd"),
        exit::HARNESS_FAULT => ("fault of p11assay", "odd"),
        exit::NOTHING_SELECTED => ("nothing to run", "calm"),
        _ => ("not complete", "warn"),
    }
}

fn identity(target: &Target) -> Markup {
    let info = |name: &str| target.info.get(name).cloned().unwrap_or_default();
    let token = |name: &str| target.token.get(name).cloned().unwrap_or_default();
    let rows = [
        (
            "library",
            format!(
                "{} {}",
                info("libraryDescription").trim(),
                info("libraryVersion")
            )
            .trim()
            .to_owned(),
        ),
        ("manufacturer", info("manufacturerID").trim().to_owned()),
        ("module", target.module.clone()),
        ("SHA-256", target.sha256.clone().unwrap_or_default()),
        ("build id", target.build_id.clone().unwrap_or_default()),
        ("Cryptoki", target.cryptoki_version.clone()),
        (
            "token",
            [token("label"), token("model")]
                .map(|s| s.trim().to_owned())
                .join(" ")
                .trim()
                .to_owned(),
        ),
        ("mechanisms", target.mechanisms.to_string()),
    ];
    html! {
        details.identity {
            summary { "Identity" }
            dl {
                @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                    dt { (name) } dd { (Text(value)) }
                }
            }
        }
    }
}

/// `2026-11-23 10:15:02 UTC` of `2026-11-23T10:15:02Z`; what is written otherwise stays as it is.
pub(super) fn date(text: &str) -> String {
    let seconds = text
        .strip_suffix('Z')
        .map(|text| text.split('.').next().unwrap_or(text));
    match seconds.and_then(|text| text.split_once('T')) {
        Some((day, time)) => format!("{day} {time} UTC"),
        None => text.to_owned(),
    }
}

fn duration_words(ns: u64) -> String {
    match ns {
        60_000_000_000.. => format!("{} min {} s", ns / 60_000_000_000, ns / 1_000_000_000 % 60),
        1_000_000_000.. => format!("{:.1} s", ns as f64 / 1e9),
        _ => duration(ns),
    }
}
