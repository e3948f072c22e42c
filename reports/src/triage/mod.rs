//! The findings of a run as one HTML page in the frame of all pages: the groups in a table, then each group with its
//! findings, and all that is needed to look into each (`case`).
//!
//! How grave a group is says `cluster`, from evidence alone. The classes of crashes of casr would serve, too,
//! but its library takes them from gdb's and sanitizers' reports, which a worker with the module as it is has
//! none of; the worker's own record has signal, access and address, which is what those classes come from.

mod case;

use std::collections::HashMap;
use std::io::{Result, Write};

use maud::{Markup, html};

use crate::cluster::{Cluster, Distinct, Gravity, clusters};
use crate::describe::{identity, number};
use crate::evidence::{Case, Target, Verdict};
use crate::html::{Page, Text};
use crate::stream::Evidence;

/// What is known of a finding beside the evidence.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Its reproducer.
    pub reproducer: Option<String>,
    /// The C program that shows it.
    pub program: Option<String>,
    /// What became of it in another version of the module: `fixed`, `still`, `changed: ...`, `open: ...`.
    pub now: Option<String>,
}

/// What is known of each case beside the evidence, by its id.
type Known<'k> = HashMap<&'k str, Beside>;

/// Writes the page, of a check if there is one; `beside` is asked for each case.
///
/// # Errors
/// Those of `out`.
pub fn write(
    evidence: &Evidence,
    again: Option<&Evidence>,
    beside: &dyn Fn(&Case) -> Beside,
    out: &mut dyn Write,
) -> Result<()> {
    let groups = clusters(evidence);
    let cases = groups.iter().flat_map(|group| &group.cases);
    let known: Known<'_> = cases.map(|case| (case.id.as_str(), beside(case))).collect();
    let name = evidence.target.as_ref().map_or("", |target| &target.name);
    let title = format!("Findings in {name}");
    let page = Page {
        title: &title,
        sections: &[
            ("module", "Module"),
            ("groups", "Groups"),
            ("findings", "Findings"),
        ],
        ..Page::default()
    };
    let main = html! {
        (module(evidence, again, &groups))
        (table(&groups, &known))
        section aria-labelledby="findings" {
            h2 id="findings" { "Findings" }
            @for (place, group) in groups.iter().enumerate() { (one_group(place, group, &known)) }
        }
    };
    page.write(&main, out)
}

/// What was tested, and by which run.
fn module(evidence: &Evidence, again: Option<&Evidence>, groups: &[Cluster<'_>]) -> Markup {
    let unknown = Target::default();
    let target = evidence.target.as_ref().unwrap_or(&unknown);
    let info = |name: &str| target.info.get(name).map_or("", |text| text.trim());
    let library = format!("{} {}", info("libraryDescription"), info("libraryVersion"));
    let started = &evidence.started;
    let findings: usize = groups.iter().map(|group| group.distinct().len()).sum();
    let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
    let found = format!(
        "{} in {}, shown by {}",
        number(findings, "finding", "findings"),
        number(groups.len(), "group", "groups"),
        number(cases, "case", "cases")
    );
    let run = format!(
        "p11assay {}, {}, seed {}: {}",
        started.version,
        started.started,
        started.seed,
        started.command.join(" ")
    );
    let checked = again.and_then(|again| again.target.as_ref());
    let checked = checked.map_or_else(String::new, identity);
    let rows = [
        ("found", found.as_str()),
        ("library", library.trim()),
        ("module", &target.module),
        ("SHA-256", target.sha256.as_deref().unwrap_or_default()),
        ("build id", target.build_id.as_deref().unwrap_or_default()),
        ("Cryptoki", &target.cryptoki_version),
        ("run", &run),
        ("checked on", &checked),
    ];
    html! {
        section aria-labelledby="module" {
            h2.hidden id="module" { "Module" }
            dl {
                @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                    dt { (name) } dd { (Text(value)) }
                }
            }
        }
    }
}

/// A row for each group.
fn table(groups: &[Cluster<'_>], known: &Known<'_>) -> Markup {
    let checked = groups.iter().any(|group| !states(group, known).is_empty());
    html! {
        section aria-labelledby="groups" {
            h2 id="groups" { "Groups" }
            p.soft {
                "Findings of one function, one kind and one place in the module are taken for one fault. In a group they are \
                 told apart by what is odd about the arguments, and by the way through the module."
            }
            @if groups.is_empty() { p { "Nothing was found." } }
            @else {
                div.scroll tabindex="0" role="region" aria-label="Groups of findings" {
                    table.groups {
                        caption.hidden { "Groups of findings" }
                        thead { tr {
                            @for head in ["gravity", "function", "kind", "place"] { th scope="col" { (head) } }
                            @for head in ["findings", "cases"] { th.n scope="col" { (head) } }
                            @if checked { th scope="col" { "now" } }
                        } }
                        tbody { @for (place, group) in groups.iter().enumerate() { (row(place, group, known, checked)) } }
                    }
                }
            }
        }
    }
}

fn row(place: usize, group: &Cluster<'_>, known: &Known<'_>, checked: bool) -> Markup {
    let signature = &group.signature;
    let waived = group
        .cases
        .iter()
        .filter(|case| case.waived.is_some())
        .count();
    html! {
        tr {
            td { (badge(group.gravity)) }
            td.code { a href={ "#" (anchor(place)) } { (Text(function(&signature.function))) } }
            td { (Text(&signature.kind)) span.soft { (group.reason) } }
            td.code { (Text(&signature.place)) }
            td.n { (group.distinct().len()) }
            td.n { (group.cases.len()) @if waived > 0 { span.soft { (waived) " waived" } } }
            @if checked {
                td { @for (state, count) in states(group, known) { span.badge.(class(&state)) { (count) " " (state) } " " } }
            }
        }
    }
}

/// What became of the cases of a group in another version of the module: how many are fixed, and so on.
fn states(group: &Cluster<'_>, known: &Known<'_>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let states = group
        .cases
        .iter()
        .filter_map(|case| known.get(case.id.as_str())?.now.as_deref());
    for state in states {
        let word = state.split(':').next().unwrap_or_default();
        match counts.iter_mut().find(|(counted, _)| counted == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word.to_owned(), 1)),
        }
    }
    counts
}

fn one_group(place: usize, group: &Cluster<'_>, known: &Known<'_>) -> Markup {
    let signature = &group.signature;
    let findings = group.distinct();
    html! {
        section aria-labelledby=(anchor(place)) {
            h3 id=(anchor(place)) {
                (badge(group.gravity)) " " (Text(function(&signature.function))) " " (Text(&signature.kind))
                @if !signature.place.is_empty() { " " code { (Text(&signature.place)) } }
            }
            p.soft { (group.reason) "." }
            @for finding in &findings { (one_finding(finding, findings.len() > 1, known)) }
        }
    }
}

/// A finding of a group: what leads there, and the cases that show it.
fn one_finding(finding: &Distinct<'_>, among_others: bool, known: &Known<'_>) -> Markup {
    let shape = match finding.shape {
        [] => "nothing odd".to_owned(),
        shape => shape.join(", "),
    };
    html! {
        @if among_others || !finding.shape.is_empty() {
            p {
                "With " b { (Text(&shape)) } " among the arguments"
                @if let [_, further @ ..] = finding.frames.as_slice() && !further.is_empty() {
                    ", from " code { (Text(&further.join(", "))) }
                }
            }
        }
        ul.list { @for case in &finding.cases { (case::item(case, known.get(case.id.as_str()))) } }
    }
}

fn anchor(place: usize) -> String {
    format!("group-{}", place + 1)
}

fn function(name: &str) -> &str {
    match name {
        "" => "(no function)",
        name => name,
    }
}

fn badge(gravity: Gravity) -> Markup {
    let class = match gravity {
        Gravity::Severe | Gravity::Serious => "grave",
        Gravity::Moderate => "bad",
        Gravity::Minor => "warn",
    };
    html! { span.badge.(class) { (gravity.name()) } }
}

/// The class that colours what became of a finding.
fn class(state: &str) -> &'static str {
    match state.split(':').next() {
        Some("fixed") => "good",
        Some("still") => "bad",
        Some("changed") => "warn",
        _ => "odd",
    }
}

/// The class that colours a verdict.
fn tone(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Crash | Verdict::Hang | Verdict::SecurityViolation => "grave",
        _ => "bad",
    }
}
