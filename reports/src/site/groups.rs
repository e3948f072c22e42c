//! Findings that belong together, by the signature of `cluster`: one row for what is probably one fault.

use maud::{Markup, html};

use super::modules::Module;
use crate::cluster::{Cluster, Gravity, clusters};
use crate::evidence::Verdict;
use crate::html::Text;

/// Most rows of a table: the list of cases has all.
const MOST: usize = 300;

pub(super) fn section(modules: &[Module<'_>]) -> Markup {
    let all: Vec<(usize, Cluster<'_>)> = modules
        .iter()
        .enumerate()
        .flat_map(|(place, module)| module.runs.iter().map(move |run| (place, run)))
        .flat_map(|(place, run)| {
            clusters(run.evidence)
                .into_iter()
                .map(move |cluster| (place, cluster))
        })
        .collect();
    let (minor, mut grave): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(_, c)| c.gravity == Gravity::Minor);
    grave.sort_by_key(|(_, cluster)| cluster.gravity);
    html! {
        section aria-labelledby="groups" {
            h2 id="groups" { "Groups of findings" }
            p.soft { "Findings of one function, one kind and one place in the module are taken for one fault." }
            @if grave.is_empty() {
                p { "No crash, no hang, no write outside of what was given, and no security violation." }
            } @else {
                (table("Crashes, hangs and security violations", modules, &grave))
            }
            @if !minor.is_empty() {
                details {
                    summary { "Deviations" span.soft { " " (minor.len()) " groups" } }
                    (table("Deviations", modules, &minor))
                }
            }
        }
    }
}

fn table(title: &str, modules: &[Module<'_>], all: &[(usize, Cluster<'_>)]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(title) {
            table.groups {
                caption.hidden { (title) }
                thead { tr {
                    @for head in ["gravity", "module", "function", "kind", "place"] { th scope="col" { (head) } }
                    th.n scope="col" { "cases" }
                    th scope="col" { "first case" }
                } }
                tbody { @for (place, cluster) in all.iter().take(MOST) { (row(*place, &modules[*place].label, cluster)) } }
            }
        }
        @if all.len() > MOST { p.soft { (all.len() - MOST) " more groups are in the list of cases." } }
    }
}

fn row(place: usize, module: &str, cluster: &Cluster<'_>) -> Markup {
    let signature = &cluster.signature;
    let waived = cluster
        .cases
        .iter()
        .filter(|case| case.waived.is_some())
        .count();
    html! {
        tr {
            td { span.badge.(class(cluster)) { (cluster.gravity.name()) } }
            td { (Text(module)) }
            td.code { (Text(&signature.function)) }
            td { (Text(&signature.kind)) span.soft { (cluster.reason) } }
            td.code { (Text(&signature.place)) }
            td.n { (cluster.cases.len()) @if waived > 0 { span.soft { (waived) " waived" } } }
            td.code {
                @if let Some(first) = cluster.cases.first() {
                    a href="#cases" data-q={ "\"" (Text(&first.id)) "\"" } data-m=(place) { (Text(&first.id)) }
                }
            }
        }
    }
}

fn class(cluster: &Cluster<'_>) -> &'static str {
    let worst = cluster.cases.iter().map(|case| case.verdict).max();
    match (cluster.gravity, worst) {
        (Gravity::Minor, Some(Verdict::Deviation)) => "warn",
        (Gravity::Severe | Gravity::Serious, _) => "grave",
        _ => "bad",
    }
}
