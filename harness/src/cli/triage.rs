//! `p11assay triage`: the findings of a run by what they have in common, the gravest first; and whether they are
//! still there in another version of the module.

use std::io::Write;
use std::path::Path;

use p11assay_reports::check::{Check, State, unseen};
use p11assay_reports::cluster::{Cluster, Distinct, Signature, clusters};
use p11assay_reports::evidence::Case;
use p11assay_reports::exit;
use p11assay_reports::folder;
use p11assay_reports::stream::{self, Evidence};
use p11assay_reports::text::one_line;
use p11assay_reports::triage::{self, Beside};

use super::Failure;
use super::args::Triage;
use super::check;
use super::waivers::evidence_of;

/// Sorts findings, and checks them.
pub(super) fn triage(args: &Triage) -> Result<i32, Failure> {
    args.shown.reports.ensure_writable()?;
    let file = evidence_of(&args.run);
    let home = file.parent().unwrap_or(Path::new("."));
    if !file.exists()
        && let Some(failure) = unreported(home)
    {
        return Err(failure);
    }
    let mut evidence = stream::read(&file).map_err(Failure::usage)?;
    evidence.started.gate = args.shown.gate.gate(Some(&evidence.started.gate));
    let found = clusters(&evidence);
    let mut out = std::io::stdout();
    if !args.check {
        for cluster in &found {
            let _ = writeln!(out, "{}", described(cluster, &[]));
        }
        let _ = writeln!(out, "{}", total(&found));
        page(args, &evidence, home, None)?;
        args.shown.reports.write(&evidence)?;
        return Ok(exit::PASSED);
    }
    let again = check::check(args, &evidence, home)?;
    for line in check::compared(&evidence, &again) {
        let _ = writeln!(out, "{line}");
    }
    let check = Check::new(&evidence, &again);
    for cluster in &found {
        let states = cluster.cases.iter().map(|case| check.state(&case.id));
        let states: Vec<&State> = states.flatten().collect();
        let _ = writeln!(out, "{}", described(cluster, &states));
    }
    let _ = writeln!(out, "{}", total(&found));
    page(args, &evidence, home, Some(&check))?;
    args.shown.reports.write_check(&check)?;
    Ok(again.exit_code())
}

/// What to do with the findings of a search that was killed: it leaves reproducers and no evidence, which takes a run of
/// them. Nothing if there are none.
fn unreported(home: &Path) -> Option<Failure> {
    let reproducers = match folder::reproducers(home).len() {
        0 => return None,
        1 => "1 reproducer is".to_owned(),
        many => format!("{many} reproducers are"),
    };
    let found = home.join(folder::FINDINGS);
    let (home, found) = (home.display(), found.display());
    Some(Failure::usage(format!(
        "{home} has no evidence: the search ended before it reported what it found. {reproducers} in {found}; \
         `p11assay replay` shows each, given its folder and the target. To sort them, run them, and triage that run:\n  \
         p11assay run $(find '{found}' -name {}) --target NAME --run-dir DIR\n  \
         p11assay triage DIR",
        folder::REPRODUCER
    )))
}

/// Writes the page, if one is asked for.
fn page(
    args: &Triage,
    evidence: &Evidence,
    home: &Path,
    check: Option<&Check<'_>>,
) -> Result<(), Failure> {
    let Some(path) = &args.html else {
        return Ok(());
    };
    let beside = |case: &Case| Beside {
        reproducer: case
            .reproducer
            .as_ref()
            .and_then(|file| std::fs::read_to_string(home.join(file)).ok()),
        program: std::fs::read_to_string(home.join(folder::of(&case.id)).join(folder::PROGRAM))
            .ok(),
        now: check.and_then(|check| Some(check.state(&case.id)?.words())),
    };
    let mut text = Vec::new();
    let written = triage::write(evidence, check.map(Check::again), &beside, &mut text);
    let written = written.and_then(|()| std::fs::write(path, text));
    written.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// A cluster in a few lines, with what became of it.
fn described(cluster: &Cluster<'_>, states: &[&State]) -> String {
    let Signature {
        function,
        kind,
        place,
    } = &cluster.signature;
    let function = match function.as_str() {
        "" => "(no function)",
        name => name,
    };
    let place = match place.as_str() {
        "" => String::new(),
        place => format!("  {place}"),
    };
    let kind = one_line(kind);
    let count = match cluster.cases.len() {
        1 => String::new(),
        many => format!("  ({many} cases)"),
    };
    let gravity = cluster.gravity.name().to_uppercase();
    let mut text = format!("{gravity:>9} {function}  {kind}{place}{count}\n");
    text += &format!("          {}", cluster.reason);
    let waived = cluster.cases.iter().filter(|c| c.waived.is_some()).count();
    if waived > 0 {
        text += &format!("; {waived} accepted");
    }
    let first = cluster.cases[0];
    text += &format!("\n          {}", first.id);
    text += &ways(cluster);
    for name in ["fixed", "still", "changed", "open"] {
        let count = states.iter().filter(|state| state.name() == name).count();
        if count > 0 {
            text += &format!("\n          {name}: {count}");
        }
    }
    for (case, state) in cluster.cases.iter().zip(states) {
        match state {
            State::Changed(now) => {
                let now = format!("{} {} {}", now.function, now.kind, now.place);
                text += &format!("\n          changed  {}: {}", case.id, one_line(&now));
            }
            State::Open(why) => {
                text += &format!("\n          open     {}: {}", case.id, one_line(why));
            }
            State::Fixed(tries) => {
                text += &format!("\n          fixed    {}: {}", case.id, unseen(*tries));
            }
            State::Still => {}
        }
    }
    if states.is_empty()
        && let Some(replay) = &first.replay
    {
        text += &format!("\n          replay   {replay}");
    }
    text
}

/// What leads to a group: a line for each of its findings, if what is odd about the arguments is known.
fn ways(cluster: &Cluster<'_>) -> String {
    let all = cluster.distinct();
    if all.iter().all(|one| one.shape.is_empty()) {
        return String::new();
    }
    let line = |one: &Distinct<'_>| {
        let shape = match one.shape {
            [] => "nothing odd".to_owned(),
            shape => one_line(&shape.join(", ")).into_owned(),
        };
        let count = match one.cases.len() {
            1 => String::new(),
            many => format!("  ({many} cases)"),
        };
        format!("\n          with     {shape}{count}: {}", one.cases[0].id)
    };
    all.iter().map(line).collect()
}

fn total(found: &[Cluster<'_>]) -> String {
    let cases: usize = found.iter().map(|cluster| cluster.cases.len()).sum();
    let findings: usize = found.iter().map(|cluster| cluster.distinct().len()).sum();
    let plural = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    let shown = match cases == findings {
        true => String::new(),
        false => format!(", shown by {}", plural(cases, "case")),
    };
    format!(
        "{} in {}{shown}",
        plural(findings, "finding"),
        plural(found.len(), "group")
    )
}
