//! The evidence and the benchmarks of one or several runs as one page for people: it needs no other file, no network
//! and no build. Everything of fixed size is markup made here; the list of cases is data that the page's script
//! shows by fifties (`data`). What is measured, judged or covered is decided elsewhere.

mod data;
mod groups;
mod kind;
mod list;
mod matrix;
mod modules;
mod order;
mod performance;
mod summary;

use std::io::{Result, Write};

use maud::{Markup, html};

use crate::bench;
use crate::chart;
use crate::coverage::{self, Coverage};
use crate::html::{Page, Text};
use crate::stream::Evidence;
pub(crate) use modules::labels;
use modules::modules;
pub use performance::{Change, Moment, Trend};
pub(crate) use summary::outcome;

const SCRIPT: &str = include_str!("site.js");
/// The style of the page: its own, that of charts and that of coverage.
const STYLE: [&str; 3] = [
    include_str!("site.css"),
    chart::STYLE,
    coverage::html::STYLE,
];

/// A run and where it is.
#[derive(Debug, Clone)]
pub struct SiteRun<'e> {
    /// Its folder, as it is to be shown.
    pub folder: String,
    /// What is known of it.
    pub evidence: &'e Evidence,
}

/// What the page is about.
#[derive(Debug, Clone, Default)]
pub struct Site<'e> {
    /// Runs of cases.
    pub runs: Vec<SiteRun<'e>>,
    /// Runs of benchmarks.
    pub benches: Vec<&'e bench::Run>,
    /// Times of benchmarks over runs.
    pub trends: Vec<Trend>,
    /// What of the standard was reached, by module.
    pub coverage: Vec<Coverage>,
}

impl Site<'_> {
    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        let modules = modules(&self.runs);
        let title = self.title(&modules);
        let page = Page {
            title: &title,
            style: &STYLE,
            script: Some(SCRIPT),
            sections: &self.sections(),
        };
        let body = html! {
            @if !modules.is_empty() {
                (summary::section(&modules))
                (list::section(&modules))
                (matrix::section(&modules))
                (groups::section(&modules))
            }
            @if !self.coverage.is_empty() { (self.covered()) }
            @if !self.benches.is_empty() || !self.trends.is_empty() { (performance::section(&self.benches, &self.trends)) }
        };
        out.write_all(page.begin(&body).into_string().as_bytes())?;
        if !modules.is_empty() {
            data::write(&modules, out)?;
        }
        out.write_all(page.end().into_string().as_bytes())
    }

    fn title(&self, modules: &[modules::Module<'_>]) -> String {
        let mut names: Vec<&str> = modules.iter().map(|module| module.label.as_str()).collect();
        for bench in &self.benches {
            if !names.contains(&bench.target.name.as_str()) {
                names.push(&bench.target.name);
            }
        }
        match names.is_empty() {
            true => "Report".to_owned(),
            false => format!("Report on {}", names.join(", ")),
        }
    }

    fn sections(&self) -> Vec<(&'static str, &'static str)> {
        let cases = [
            ("summary", "Summary"),
            ("cases", "Cases"),
            ("matrix", "Conformance"),
            ("groups", "Groups"),
        ];
        let mut sections = Vec::new();
        if !self.runs.is_empty() {
            sections.extend(cases);
        }
        if !self.coverage.is_empty() {
            sections.push(("coverage", "Coverage"));
        }
        if !self.benches.is_empty() || !self.trends.is_empty() {
            sections.push(("performance", "Performance"));
        }
        sections
    }

    fn covered(&self) -> Markup {
        html! {
            section aria-labelledby="coverage" {
                h2 id="coverage" { "Coverage" }
                p.soft { "What the cases of each run cover of the standard, and what it reached." }
                @for (place, coverage) in self.coverage.iter().enumerate() {
                    h3 { (Text(coverage.target.as_deref().unwrap_or("all cases"))) }
                    (coverage::html::tables(coverage, &format!("c{place}-"), 3))
                }
            }
        }
    }
}
