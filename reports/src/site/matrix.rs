//! The conformance matrix: groups of cases, or clauses, in rows and modules in columns. A cell tells in words how its
//! cases ended, and leads to them.

use std::borrow::Cow;
use std::collections::HashMap;

use maud::{Markup, html};

use super::data::split;
use super::kind::{Kind, Kinds};
use super::modules::Module;
use super::order;
use crate::describe;
use crate::evidence::Case;
use crate::html::Text;

/// Rows from which only those that tell something are shown at first.
const MANY: usize = 40;

pub(super) fn section<'e>(modules: &'e [Module<'e>]) -> Markup {
    html! {
        section aria-labelledby="matrix" {
            h2 id="matrix" { "Conformance" }
            (matrix("groups", "Groups of cases", modules, |case| Cow::Borrowed(split(&case.id).0)))
            (matrix("clauses", "Clauses", modules, |case| Cow::Owned(describe::clause(&case.clause))))
        }
    }
}

fn matrix<'e>(
    id: &str,
    title: &str,
    modules: &'e [Module<'e>],
    key: impl Fn(&'e Case) -> Cow<'e, str>,
) -> Markup {
    let rows = rows(modules, key);
    let telling = rows.iter().filter(|(_, row)| tells(row)).count();
    html! {
        details.matrix open[id == "groups"] id={ "matrix-" (id) } {
            summary { (title) span.soft { " " (rows.len()) " rows, " (telling) " with findings or differences" } }
            form.filters role="search" aria-label={ "Rows: " (title) } {
                label { span { "Rows" } " " select.which {
                    option value="all" { "all" }
                    option value="telling" selected[rows.len() > MANY && telling > 0] { "with findings or differences" }
                } }
                label { span { "Name has" } " " input.name type="search" autocomplete="off" spellcheck="false"; }
            }
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table {
                    caption.hidden { (title) " by module: how their cases ended" }
                    thead { tr {
                        th scope="col" { (title) }
                        @for module in modules { th scope="col" { (Text(&module.label)) } }
                    } }
                    tbody {
                        @for (name, row) in &rows {
                            tr data-tells[tells(row)] {
                                th.code scope="row" { (Text(name)) }
                                @for (place, kinds) in row.iter().enumerate() { td { (cell(name, place, kinds)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Rows with a cell for each module, in the order of their names.
fn rows<'e>(
    modules: &'e [Module<'e>],
    key: impl Fn(&'e Case) -> Cow<'e, str>,
) -> Vec<(Cow<'e, str>, Vec<Kinds>)> {
    let mut rows: HashMap<Cow<'e, str>, Vec<Kinds>> = HashMap::new();
    for (place, module) in modules.iter().enumerate() {
        for (_, case) in &module.cases {
            let row = rows
                .entry(key(case))
                .or_insert_with(|| vec![Kinds::default(); modules.len()]);
            row[place].add(Kind::of(case));
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by(|(one, _), (two, _)| order::compare(one, two));
    rows
}

/// A row with something wrong, or with modules that differ.
fn tells(row: &[Kinds]) -> bool {
    let first = |kinds: &Kinds| kinds.present().next().map(|(kind, _)| kind);
    let quiet = |kind: Option<Kind>| matches!(kind, None | Some(Kind::Pass | Kind::NotApplicable));
    row.iter().any(|kinds| !quiet(first(kinds)))
        || row
            .windows(2)
            .any(|pair| first(&pair[0]) != first(&pair[1]))
}

fn cell(name: &str, module: usize, kinds: &Kinds) -> Markup {
    let Some((worst, count)) = kinds.present().next() else {
        return html! { span.soft { "no case" } };
    };
    let rest: Vec<String> = kinds
        .present()
        .skip(1)
        .map(|(kind, count)| format!("{count} {}", kind.words()))
        .collect();
    html! {
        a.badge.(worst.class()) href="#cases" data-q={ "\"" (Text(name)) "\"" } data-m=(module) data-k=(worst as usize) {
            (count) " " (worst.words())
        }
        @if !rest.is_empty() { " " span.rest { (rest.join(", ")) } }
    }
}
