//! The comment at the top of a program: what was found, what the exit code says, and what it needs.

use p11assay_reports::describe;
use p11assay_reports::evidence::{self, End};

use super::verdict::Guilty;
use super::{Module, SCRATCH};
use crate::plan::Case;
use crate::target::step::Step;

/// What is known of the finding.
pub(super) struct Known<'k> {
    /// The record of the case in the run that found it.
    pub(super) record: Option<&'k evidence::Case>,
    /// What is wrong in it.
    pub(super) guilty: Option<Guilty>,
    /// True if there is more to judge than return values.
    pub(super) unjudged: bool,
}

/// The comment.
pub(super) fn header(case: &Case, module: &Module, known: &Known<'_>) -> String {
    let clause = &case.clause;
    let (document, version) = (&clause.document, &clause.version);
    let mut lines = vec![
        case.title.clone(),
        String::new(),
        format!("{} ({document} {version}, {})", case.id, clause.section),
        String::new(),
    ];
    if let Some(record) = known.record {
        let findings = record.findings.iter();
        lines.extend(findings.map(|found| format!("Found: {}", describe::finding(record, found))));
        lines.push(String::new());
    }
    lines.push("    cc -g reproducer.c -ldl -o program && ./program [MODULE]".to_owned());
    lines.push("    gdb -ex 'set follow-fork-mode child' --args ./program".to_owned());
    lines.push(String::new());
    let harm = match (case.needs.own_token, case.needs.disposable) {
        (true, _) => Some(
            "It may lock the token, or leave it with other PINs: run it on one that is of no more use.",
        ),
        (false, true) => {
            Some("It may destroy what is on the token: run it on one that may lose everything.")
        }
        (false, false) => None,
    };
    lines.extend(
        harm.into_iter()
            .flat_map(|what| [what.to_owned(), String::new()]),
    );
    lines.extend(codes(known));
    lines.push(String::new());
    lines.extend(needs(module));
    lines.extend(made(module));
    comment(&lines)
}

/// What the exit code says.
fn codes(known: &Known<'_>) -> Vec<String> {
    let came = match known.record {
        Some(_) => "or a call before the finding did not return what it did when it was found",
        None => "or a call that the case takes for granted failed",
    };
    let mut rows = Vec::new();
    if !known.unjudged {
        rows.push((
            0,
            "not seen: every call returned, and the finding is not there".to_owned(),
        ));
    }
    match &known.guilty {
        Some(Guilty::Returns {
            function,
            seen,
            permitted,
        }) => {
            rows.push((
                1,
                format!("seen: {function} returned {seen}; expected is {permitted}"),
            ));
            rows.push((
                3,
                format!("changed: {function} returned a value that is neither"),
            ));
        }
        Some(Guilty::Ends { function }) => {
            let how = "a crash ends the program by its signal";
            rows.push((
                1,
                format!("seen: {function} called exit, or did not return in time; {how}"),
            ));
        }
        Some(Guilty::Size { function }) => {
            let what = format!("seen: {function} names a size that no output has");
            rows.push((1, what));
        }
        Some(Guilty::Else) => {}
        None => {
            let how = "a crash ends the program by its signal";
            rows.push((
                1,
                format!("seen: a call returned what the case does not expect; {how}"),
            ));
        }
    }
    rows.push((
        2,
        format!("nothing is known: module, token or PIN cannot be used, {came}"),
    ));
    if known.unjudged {
        let ends = known.record.iter().flat_map(|record| &record.findings);
        let program = ends.into_iter().find_map(|finding| match &finding.end {
            Some(End::Program { program, .. }) => Some(program),
            _ => None,
        });
        let more = match program {
            Some(program) => format!("look whether `{program}` still runs, or replay the case"),
            None => "there is more to look at than what they return; replay the case".to_owned(),
        };
        rows.push((4, format!("not judged: every call returned; {more}")));
    }
    rows.sort_by_key(|(code, _)| *code);
    let rows = rows
        .into_iter()
        .map(|(code, text)| format!("  {code}  {text}"));
    std::iter::once("The exit code says:".to_owned())
        .chain(rows)
        .collect()
}

/// What must be there, and how it is told.
fn needs(module: &Module) -> Vec<String> {
    let slot = match &module.label {
        Some(label) => {
            format!("whose token is labelled P11_LABEL, or `{label}`, or else the first")
        }
        None => "whose token is labelled P11_LABEL, or else the first".to_owned(),
    };
    let mut lines = vec![
        "What it needs is told by the environment:".to_owned(),
        "  P11_PIN, P11_SO_PIN  the PINs, where it logs in".to_owned(),
        format!(
            "  P11_SLOT             the slot, if it is not that {slot} with a token that is initialised"
        ),
    ];
    if module.needs_scratch() {
        lines.push(format!(
            "  P11_SCRATCH          a folder with a token, which {SCRATCH} stands for here"
        ));
    }
    if !module.environment.is_empty() {
        lines.push("These are set as follows unless you set them yourself:".to_owned());
        let variables = module.environment.iter();
        lines.extend(variables.map(|(name, value)| format!("  {name}={value}")));
    }
    lines
}

/// How the token came into being.
fn made(module: &Module) -> Vec<String> {
    if module.provision.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![
        String::new(),
        "The token that it was found on was gone with the run. It was made so, with these variables and the PINs".to_owned(),
        "in place of ${pin} and ${so-pin}, and any like it will do:".to_owned(),
    ];
    lines.extend(module.provision.iter().flat_map(step));
    lines
}

fn step(step: &Step) -> Vec<String> {
    match step {
        Step::Mkdir(path) => vec![format!("  mkdir -p {path}")],
        Step::Write(file) => {
            let text = file.text.to_string();
            let text = text.lines().map(|line| format!("      {line}"));
            let head = format!("  {}, a file with", file.path);
            std::iter::once(head).chain(text).collect()
        }
        Step::Run(run) => {
            let quoted = |word: String| match word.contains(char::is_whitespace) {
                true => format!("'{word}'"),
                false => word,
            };
            let words = run.command.iter().map(ToString::to_string);
            let words: Vec<String> = words.map(quoted).collect();
            let behind = if run.background { " &" } else { "" };
            vec![format!("  {}{behind}", words.join(" "))]
        }
        Step::Sequence(path) => vec![format!(
            "  (and objects by the calls of {path}, which p11assay makes)"
        )],
    }
}

fn comment(lines: &[String]) -> String {
    let mut text = String::from("/*");
    for line in lines {
        let line = line.replace("*/", "* /").replace("/*", "/ *");
        for line in line.lines().chain(line.is_empty().then_some("")) {
            text.push(' ');
            text.push_str(line);
            while text.ends_with(' ') {
                text.pop();
            }
            text.push_str("\n *");
        }
    }
    text.push_str("/\n");
    text
}
