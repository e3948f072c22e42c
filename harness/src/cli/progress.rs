//! The terminal of a run: a bar on long runs, a line for whatever did not pass.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use p11assay_reports::evidence::Case;
use p11assay_reports::terminal::{Style, Verbosity, case_line};

use crate::run::engine::Observer;

/// Whether standard output takes colours: a terminal, and `NO_COLOR` not set.
pub(super) fn color() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !unwanted
}

/// What a run shows while it goes.
pub(super) struct Terminal {
    style: Style,
    bar: ProgressBar,
}

impl Terminal {
    /// For a run of `cases` cases.
    pub(super) fn new(verbosity: Verbosity, cases: usize) -> Self {
        let bar = if std::io::stderr().is_terminal() && verbosity != Verbosity::Quiet {
            ProgressBar::with_draw_target(
                Some(cases as u64),
                ProgressDrawTarget::stderr_with_hz(10),
            )
        } else {
            ProgressBar::hidden()
        };
        let template = "{bar:30} {pos}/{len} {elapsed} {msg}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            style: Style {
                color: color(),
                verbosity,
            },
            bar,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Terminal {
    fn case(&mut self, case: &Case) {
        self.bar.set_message(case.id.clone());
        self.bar.inc(1);
        if let Some(text) = case_line(case, self.style) {
            self.bar.suspend(|| {
                // A closed pipe is no reason to lose the evidence.
                let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
            });
        }
    }
}
