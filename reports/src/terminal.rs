//! Text for people at a terminal: a line or block for each case, and a summary that ends with
//! what to do next. It returns strings and does no I/O: when to print, progress and the width of
//! the terminal are the harness's. What a module wrote is shown escaped, so that no module acts
//! on the terminal.

use crate::counts::Counts;
use crate::describe::{self, number};
use crate::evidence::{Case, Verdict, Why};
use crate::gate::{Allowance, Gate};
use crate::stream::Evidence;
use crate::text::one_line;
use anstyle::{AnsiColor, Color, Style as Ansi};
use std::fmt::Write as _;

/// Columns of a label, right-aligned; what belongs to it is indented by one more.
const LABEL: usize = 10;
/// The word for cases that do not apply.
const NOT_APPLICABLE: &str = "not applicable";
/// Most cases the summary lists again.
const LISTED: usize = 40;
/// Most calls of a trace shown, from its end: the whole trace is in the evidence.
const TRACE: usize = 20;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// One line for each finding or case that could not be judged.
    Quiet,
    /// A block for whatever did not pass; nothing for passes and cases that do not apply.
    #[default]
    Normal,
    /// Every case; not applicable ones with their reason, the others with their last calls.
    Verbose,
}

/// How text is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// True if escape sequences for colours are written.
    pub color: bool,
    /// How much is said.
    pub verbosity: Verbosity,
}

/// A label and what it looks like.
#[derive(Clone, Copy)]
struct Label {
    word: &'static str,
    color: AnsiColor,
}

/// What stands before a case with this verdict. Words fit [`LABEL`] columns.
const fn label(verdict: Verdict) -> Label {
    let (word, color) = match verdict {
        Verdict::Pass => ("PASS", AnsiColor::Green),
        Verdict::NotApplicable => ("N/A", AnsiColor::BrightBlack),
        Verdict::PermittedButWeak => ("WEAK", AnsiColor::Yellow),
        Verdict::Environment => ("NOT JUDGED", AnsiColor::Yellow),
        Verdict::Deviation => ("DEVIATION", AnsiColor::Red),
        Verdict::SecurityViolation => ("SECURITY", AnsiColor::Red),
        Verdict::Hang => ("HANG", AnsiColor::Red),
        Verdict::Crash => ("CRASH", AnsiColor::Red),
        Verdict::HarnessFault => ("FAULT", AnsiColor::Magenta),
    };
    Label { word, color }
}

const WAIVED: Label = Label {
    word: "WAIVED",
    color: AnsiColor::Cyan,
};
const UNEXPECTED: Label = Label {
    word: "UNEXPECTED",
    color: AnsiColor::Yellow,
};

fn label_of(case: &Case) -> Label {
    if case.is_waived() {
        WAIVED
    } else if case.unexpected_pass {
        UNEXPECTED
    } else {
        label(case.verdict)
    }
}

/// A case on one line or in a block of lines, without a line feed at its end; `None` if the
/// verbosity does not ask for it.
///
/// ```text
///  DEVIATION functions/C_SignInit/second-init   PKCS11-Base 3.2 section 5.13.1 (MUST)
///            step 2  C_SignInit  returned CKR_OK, permitted: CKR_OPERATION_ACTIVE
///            replay  p11assay replay runs/1/second-init.yaml --target softhsm2
/// ```
#[must_use]
pub fn case_line(case: &Case, style: Style) -> Option<String> {
    if style.verbosity < needed(case) {
        return None;
    }
    let mut out = Text::new(style);
    out.head(label_of(case), &case.id);
    let brief = matches!(case.verdict, Verdict::Pass | Verdict::NotApplicable);
    if style.verbosity == Verbosity::Quiet || brief {
        brief_end(&mut out, case);
    } else {
        block(&mut out, case);
    }
    Some(out.text)
}

/// The least verbosity that shows the case.
fn needed(case: &Case) -> Verbosity {
    match case.verdict {
        Verdict::Pass if case.unexpected_pass => Verbosity::Normal,
        Verdict::Pass | Verdict::NotApplicable => Verbosity::Verbose,
        Verdict::PermittedButWeak => Verbosity::Normal,
        _ if case.is_waived() => Verbosity::Normal,
        _ => Verbosity::Quiet,
    }
}

/// What follows the id where a case has one line only.
fn brief_end(out: &mut Text, case: &Case) {
    let words = match case.verdict {
        Verdict::Pass if case.unexpected_pass => "passed although a waiver covers it".to_owned(),
        Verdict::Pass => {
            let duration = || describe::duration(case.duration_ns);
            case.reason.clone().unwrap_or_else(duration)
        }
        Verdict::NotApplicable => describe::inapplicable(case),
        _ => describe::headline(case),
    };
    out.dim(&format!("   {words}"));
}

fn block(out: &mut Text, case: &Case) {
    let clause = describe::clause(&case.clause);
    out.dim(&format!("   {clause} ({})", case.level.name()));
    if let Some(reason) = &case.reason {
        out.line("reason", reason);
    }
    for finding in &case.findings {
        out.line("", &describe::finding(case, finding));
        for line in finding.end.iter().flat_map(describe::end) {
            out.line("", &line);
        }
    }
    if case.is_waived() {
        let why = case.waived.as_deref().unwrap_or_default();
        out.line("waived", &format!("{} ({why})", case.verdict.name()));
        return;
    }
    if let Some(reading) = &case.reading {
        out.line("reading", reading);
    }
    // Once is what every finding is confirmed; that it was not is in its words.
    let often = case.confirmed.is_some_and(|seen| seen.tries > 1);
    if let Some(confirmed) = describe::confirmed(case).filter(|_| often) {
        out.line("seen again", &format!("in {confirmed}"));
    }
    if let Some(replay) = &case.replay {
        out.line("replay", replay);
    }
    if out.style.verbosity == Verbosity::Verbose {
        trace(out, case);
    }
}

/// The calls of a case, a line each, as a replay shows them whatever the verdict.
#[must_use]
pub fn calls(case: &Case, style: Style) -> String {
    let mut out = Text::new(style);
    trace(&mut out, case);
    out.text
}

fn trace(out: &mut Text, case: &Case) {
    let left_out = case.trace.len().saturating_sub(TRACE);
    if left_out > 0 {
        let calls = number(left_out, "earlier call", "earlier calls");
        out.line("trace", &format!("{calls}: see the evidence"));
    }
    for call in &case.trace[left_out..] {
        out.line("trace", &describe::call(call));
    }
}

/// The end of a run: how many cases ended how, the findings once more, and what to do next.
/// Several lines, without a line feed at the end.
#[must_use]
pub fn summary(evidence: &Evidence, style: Style) -> String {
    let counts = evidence.counts();
    let mut out = Text::new(style);
    let took = describe::duration(evidence.duration_ns());
    out.head(
        verdict_of_run(evidence.exit_code()),
        &format!("[{took}] {}", tally(&counts)),
    );
    list_again(&mut out, evidence);
    if counts.not_executed > 0 {
        let cases = number(counts.not_executed, "case", "cases");
        let by = evidence.interrupted.as_ref().map(|i| i.by.as_str());
        let by = by.unwrap_or("it never came to its end");
        out.line(
            "",
            &format!("{cases} not executed: the run was interrupted ({by})"),
        );
    }
    for text in evidence.expired_waivers() {
        out.line("expired", text);
    }
    let gate = &evidence.started.gate;
    let let_pass = counts.findings() - counts.stopped(gate);
    if let_pass > 0 {
        let findings = number(let_pass, "finding", "findings");
        let words = format!("--gate {} lets {findings} pass", gate.scope.name());
        out.line("gate", &words);
    }
    for warning in &evidence.warnings {
        out.line("warning", warning);
    }
    for step in next_steps(evidence, &counts) {
        out.line("next", &step);
    }
    out.text
}

fn verdict_of_run(exit_code: i32) -> Label {
    let (word, color) = match exit_code {
        crate::exit::PASSED => ("PASSED", AnsiColor::Green),
        crate::exit::FINDINGS => ("FAILED", AnsiColor::Red),
        crate::exit::HARNESS_FAULT => ("FAULT", AnsiColor::Magenta),
        crate::exit::INTERRUPTED => ("STOPPED", AnsiColor::Yellow),
        crate::exit::NOTHING_SELECTED => ("NOTHING", AnsiColor::Yellow),
        _ => ("NOT JUDGED", AnsiColor::Yellow),
    };
    Label { word, color }
}

/// `1234 of 1300 cases: 1200 passed, 2 deviations, ...`; numbers of zero are left out.
fn tally(counts: &Counts) -> String {
    let recorded = counts.recorded();
    let mut out = match counts.not_executed {
        0 => number(recorded, "case", "cases"),
        missing => format!("{recorded} of {} cases", recorded + missing),
    };
    let words = [
        (counts.of(Verdict::Pass), "passed", "passed"),
        (counts.open(Verdict::Crash), "crash", "crashes"),
        (counts.open(Verdict::Hang), "hang", "hangs"),
        (
            counts.open(Verdict::SecurityViolation),
            "security violation",
            "security violations",
        ),
        (counts.open(Verdict::Deviation), "deviation", "deviations"),
        (counts.waived_cases(), "waived", "waived"),
        (
            counts.unexpected_passes,
            "unexpected pass",
            "unexpected passes",
        ),
        (
            counts.of(Verdict::PermittedButWeak),
            "permitted but weak",
            "permitted but weak",
        ),
        (
            counts.of(Verdict::NotApplicable),
            NOT_APPLICABLE,
            NOT_APPLICABLE,
        ),
        (
            counts.not_judged(),
            "not judged (environment)",
            "not judged (environment)",
        ),
        (
            counts.of(Verdict::HarnessFault),
            "harness fault",
            "harness faults",
        ),
    ];
    let shown = words.into_iter().filter(|(n, ..)| *n > 0);
    for (i, (n, one, many)) in shown.enumerate() {
        let separator = if i == 0 { ": " } else { ", " };
        let _ = write!(out, "{separator}{}", number(n, one, many));
        if one == NOT_APPLICABLE {
            out.push_str(&reasons(counts));
        }
    }
    out
}

/// ` (20 absent, 3 refused by policy)`.
fn reasons(counts: &Counts) -> String {
    let known = Why::ALL.into_iter().filter_map(|(why, _, words)| {
        let count = counts.not_applicable.get(&why)?;
        Some(format!("{count} {words}"))
    });
    let known: Vec<String> = known.collect();
    match known.is_empty() {
        true => String::new(),
        false => format!(" ({})", known.join(", ")),
    }
}

/// The cases that decide the exit code: findings, gravest first, then what was not judged, and what
/// passed although it is waived.
fn list_again(out: &mut Text, evidence: &Evidence) {
    let gate = &evidence.started.gate;
    let cases = evidence.cases.iter();
    let mut listed: Vec<&Case> = cases.filter(|case| is_trouble(case, gate)).collect();
    listed.sort_by_key(|case| std::cmp::Reverse((case.is_open_finding(), case.verdict)));
    for case in listed.iter().take(LISTED) {
        out.text.push('\n');
        out.head(label_of(case), &case.id);
    }
    if let Some(more) = listed.len().checked_sub(LISTED).filter(|n| *n > 0) {
        out.line("", &format!("and {more} more: see the reports"));
    }
}

fn is_trouble(case: &Case, gate: &Gate) -> bool {
    case.is_open_finding()
        || case.verdict == Verdict::HarnessFault
        || (case.verdict == Verdict::Environment && !case.is_waived())
        || (case.unexpected_pass && !gate.allows(Allowance::UnexpectedPass))
}

fn next_steps(evidence: &Evidence, counts: &Counts) -> Vec<String> {
    let mut steps = Vec::new();
    let mut open: Vec<&Case> = evidence
        .cases
        .iter()
        .filter(|c| c.is_open_finding())
        .collect();
    open.sort_by_key(|case| std::cmp::Reverse(case.verdict));
    if let Some(replay) = open.iter().find_map(|case| case.replay.as_deref()) {
        steps.push(format!("replay the gravest finding: {replay}"));
    } else if !open.is_empty() {
        steps.push("look at the findings above; their traces are in the evidence".to_owned());
    }
    let rules = [
        (
            counts.not_judged() > 0,
            "mend what the reasons of the cases not judged name, then run them again",
        ),
        (
            counts.of(Verdict::HarnessFault) > 0,
            "report the faults of p11assay with the evidence; they say nothing of the target",
        ),
        (
            counts.not_executed > 0,
            "resume the run to execute the rest of its plan",
        ),
        (
            counts.unexpected_passes > 0,
            "take the waivers of unexpected passes out",
        ),
        (
            counts.expired_waivers > 0,
            "mend the module or renew the expired waivers",
        ),
        (
            evidence.exit_code() == crate::exit::NOTHING_SELECTED,
            "select at least one case: no suite or filter matched any",
        ),
        (
            counts.recorded() > 0 && counts.recorded() == counts.of(Verdict::NotApplicable),
            "no case applied to this target: look at the reasons with more verbosity",
        ),
    ];
    let rules = rules.into_iter().filter(|(holds, _)| *holds);
    steps.extend(rules.map(|(_, step)| step.to_owned()));
    if steps.is_empty() {
        steps.push("nothing: every applicable case passed or is accepted".to_owned());
    }
    steps
}

/// Text under construction; all that goes in is sanitised here.
struct Text {
    text: String,
    style: Style,
}

impl Text {
    fn new(style: Style) -> Text {
        Text {
            text: String::with_capacity(256),
            style,
        }
    }

    /// A right-aligned label, then `words`.
    fn head(&mut self, label: Label, words: &str) {
        let pad = LABEL.saturating_sub(label.word.len());
        let _ = write!(self.text, "{:pad$}", "");
        let style = Ansi::new().bold().fg_color(Some(Color::Ansi(label.color)));
        self.styled(style, label.word);
        self.text.push(' ');
        self.text.push_str(&one_line(words));
    }

    /// A new line under a label: a key, if any, then `words`.
    fn line(&mut self, key: &str, words: &str) {
        let _ = write!(self.text, "\n{:LABEL$} ", "");
        if !key.is_empty() {
            self.styled(Ansi::new().bold(), key);
            self.text.push_str("  ");
        }
        self.text.push_str(&one_line(words));
    }

    /// Words of lesser importance.
    fn dim(&mut self, words: &str) {
        self.styled(Ansi::new().dimmed(), &one_line(words));
    }

    fn styled(&mut self, style: Ansi, words: &str) {
        if self.style.color {
            let _ = write!(self.text, "{style}{words}{style:#}");
        } else {
            self.text.push_str(words);
        }
    }
}
