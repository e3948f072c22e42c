//! The frame of the list of cases, which the page's script fills from the data.

use maud::{Markup, html};

use super::kind::Kind;
use super::modules::Module;
use crate::html::Text;

pub(super) fn section(modules: &[Module<'_>]) -> Markup {
    let counted = |kind: Kind| -> usize {
        let of = |module: &Module<'_>| {
            module
                .kinds
                .present()
                .find(|(k, _)| *k == kind)
                .map_or(0, |(_, n)| n)
        };
        modules.iter().map(of).sum()
    };
    html! {
        section aria-labelledby="cases" {
            h2 id="cases" { "Cases" }
            noscript { p.remark { "The list of cases needs the page's script; everything else on this page does not." } }
            form.filters role="search" aria-label="Cases" id="filters" {
                label.wide { span { "Search" } " "
                    input id="q" type="search" autocomplete="off" spellcheck="false"
                        placeholder="words of id, title, finding, clause, module" aria-keyshortcuts="/"; }
                @if modules.len() > 1 {
                    label { span { "Module" } " " select id="m" {
                        option value="" { "all" }
                        @for (place, module) in modules.iter().enumerate() { option value=(place) { (Text(&module.label)) } }
                    } }
                }
                label { span { "Order" } " " select id="o" {
                    option value="kind" { "gravest first" }
                    option value="id" { "by id" }
                    option value="run" { "as run" }
                } }
                fieldset.kinds {
                    legend.hidden { "How it ended" }
                    @for (kind, words, class) in Kind::ALL {
                        @let count = counted(kind);
                        @if count > 0 {
                            label.chip.(class) {
                                input type="checkbox" name="k" value=(kind as usize);
                                " " (words) " " span.count { (count) }
                            }
                        }
                    }
                    button.plain type="button" id="all" { "all" }
                    button.plain type="button" id="none" { "none" }
                }
            }
            p.status id="status" role="status" {}
            ol.list id="list" aria-label="Cases" {}
            nav.pages id="pages" aria-label="Pages of cases" hidden {
                button type="button" id="prev" { "Previous" }
                span id="page" {}
                button type="button" id="next" { "Next" }
            }
        }
    }
}
