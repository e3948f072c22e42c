//! What shows that something goes on while it goes: a bar on a terminal, a line now and then in a log.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use p11assay_reports::evidence::Case;
use p11assay_reports::terminal::{Style, Verbosity, case_line};

use crate::run::engine::Observer;

/// How often a log gets a line.
const EVERY: Duration = Duration::from_secs(60);

/// Whether standard output takes colours: a terminal, and `NO_COLOR` not set.
pub(super) fn color() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !unwanted
}

/// How far something has come, on standard error: on a terminal a line that changes, elsewhere a line a minute, so
/// that the log of a job that takes an hour tells what it is doing. Quiet runs show neither.
pub(super) struct Bar {
    bar: ProgressBar,
    /// When the log had its last line, if there is one.
    logged: Option<Instant>,
}

impl Bar {
    /// For as many steps.
    pub(super) fn of(steps: usize, verbosity: Verbosity) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}");
        let bar = Self::new(ProgressBar::new(steps as u64), verbosity);
        bar.bar
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }

    /// For what takes as long as it takes.
    pub(super) fn endless(verbosity: Verbosity) -> Self {
        Self::new(ProgressBar::new_spinner(), verbosity)
    }

    fn new(bar: ProgressBar, verbosity: Verbosity) -> Self {
        let quiet = verbosity == Verbosity::Quiet;
        let terminal = std::io::stderr().is_terminal();
        if terminal && !quiet {
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self {
            bar,
            logged: (!terminal && !quiet).then(Instant::now),
        }
    }

    /// Says what is going on.
    pub(super) fn say(&mut self, text: String) {
        if let Some(logged) = self.logged.as_mut().filter(|at| at.elapsed() >= EVERY) {
            *logged = Instant::now();
            let steps = match self.bar.length() {
                Some(all) => format!(" {}/{all}", self.bar.position()),
                None => String::new(),
            };
            let elapsed = Duration::from_secs(self.bar.elapsed().as_secs());
            let elapsed = humantime::format_duration(elapsed);
            let _ = writeln!(std::io::stderr(), "[{elapsed}]{steps} {text}");
        }
        self.bar.set_message(text);
    }

    /// Counts a step, and says which.
    pub(super) fn step(&mut self, text: String) {
        self.bar.inc(1);
        self.say(text);
    }

    /// Prints something that stays.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Since when it goes.
    pub(super) fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// What a run shows while it goes: how far it is, and a line for whatever did not pass.
pub(super) struct Terminal {
    style: Style,
    bar: Bar,
}

impl Terminal {
    /// For a run of `cases` cases.
    pub(super) fn new(verbosity: Verbosity, cases: usize) -> Self {
        Self {
            style: Style {
                color: color(),
                verbosity,
            },
            bar: Bar::of(cases, verbosity),
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish();
    }
}

impl Observer for Terminal {
    fn case(&mut self, case: &Case) {
        self.bar.step(case.id.clone());
        if let Some(text) = case_line(case, self.style) {
            self.bar.aside(|| {
                // A closed pipe is no reason to lose the evidence.
                let _ = writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'));
            });
        }
    }
}
