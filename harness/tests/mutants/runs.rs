//! Runs of the program with a mutant, and the survey of all of them.

use std::process::Command;
use std::sync::Mutex;

use p11assay_reports::evidence::Verdict;
use p11assay_reports::stream;

use crate::table::{Outcome, Row, area, manifest};

/// What came of a run.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    /// Cases in the order in which they ran.
    pub(crate) cases: Vec<(String, Verdict)>,
}

/// A run of these cases, or of all suites, on the built-in token with a mutant, or with none.
pub(crate) fn run(mutant: &str, cases: &[&str]) -> Run {
    program(mutant, &[&["run"], cases].concat())
}

/// A search of so many sequences at most, which ends with the first finding.
pub(crate) fn search(mutant: &str, sequences: &str) -> Run {
    search_on(target_of(mutant), mutant, sequences)
}

/// The same on this target.
pub(crate) fn search_on(target: &str, mutant: &str, sequences: &str) -> Run {
    let limits = ["--sequences", sequences, "--variants", "16"];
    let ends = ["--time", "1h", "--fail-fast"];
    let fixed = ["fuzz", "--seed", "1", "--classes", "A,B,C"];
    program_on(target, mutant, &[&fixed[..], &limits, &ends].concat())
}

/// A search by sequences with lanes, of so many at most.
pub(crate) fn search_in_lanes(mutant: &str, lanes: &[&str], sequences: &str) -> Run {
    let limits = ["--sequences", sequences, "--time", "1h", "--fail-fast"];
    let fixed = ["fuzz", "--seed", "1", "--timeout", "2s"];
    program(mutant, &[&fixed[..], &limits, lanes].concat())
}

/// Properties, asked with so many cases of each at most, until the first failure.
pub(crate) fn property(mutant: &str, properties: &[&str], cases: &str) -> Run {
    let limits = [
        "--cases",
        cases,
        "--time",
        "1h",
        "--fail-fast",
        "--seed",
        "1",
    ];
    program(mutant, &[&["property"], properties, &limits].concat())
}

/// The target that shows a mutant: only one that can be taken out of its slot knows of removal.
fn target_of(mutant: &str) -> &'static str {
    match area(mutant).as_deref() {
        Some("removal") => "builtin-removable",
        _ => "builtin",
    }
}

pub(crate) fn program(mutant: &str, arguments: &[&str]) -> Run {
    program_on(target_of(mutant), mutant, arguments)
}

fn program_on(target: &str, mutant: &str, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("run");
    let output = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(arguments)
        .args(["--target", target])
        .arg("--run-dir")
        .arg(&run_dir)
        .env("REFERENCE_TOKEN_MUTANT", mutant)
        .output()
        .expect("the program runs");
    // A run that could not begin has no evidence to read.
    let evidence = stream::read(&run_dir.join("evidence.jsonl"));
    let cases = evidence.map_or(Vec::new(), |evidence| {
        let cases = evidence.cases.into_iter();
        cases.map(|case| (case.id, case.verdict)).collect()
    });
    Run {
        code: output.status.code(),
        cases,
    }
}

/// Every suite but the vectors, those that only run by name among them.
const ALL: &[&str] = &["*", "undefined/*"];

fn is_finding(verdict: Verdict) -> bool {
    use Verdict::{Crash, Deviation, Hang, PermittedButWeak, SecurityViolation};
    [Deviation, SecurityViolation, PermittedButWeak, Crash, Hang].contains(&verdict)
}

/// What comes of a mutant in a run of all suites. A case that caught it before is named again;
/// otherwise the first, cases written by hand before generated ones.
fn outcome(mutant: &str, before: Option<&Row>, sound: &[(String, Verdict)]) -> Row {
    let run = run(mutant, ALL);
    let fine = |id: &str| {
        let mut verdicts = sound.iter().filter(|(known, _)| known == id);
        verdicts.any(|(_, verdict)| !is_finding(*verdict))
    };
    let mut found: Vec<_> = run
        .cases
        .into_iter()
        .filter(|(id, verdict)| is_finding(*verdict) && fine(id))
        .collect();
    let known = |id: &str| before.and_then(Row::case) == Some(id);
    let by_hand = |id: &str| {
        let folders = ["life/", "operations/", "threads/"];
        folders.iter().any(|folder| id.starts_with(folder))
    };
    found.sort_by_key(|(id, verdict)| {
        let weak = *verdict == Verdict::PermittedButWeak;
        (!known(id), weak, !by_hand(id))
    });
    let row = |outcome, by| Row {
        mutant: mutant.to_owned(),
        outcome,
        by,
    };
    match (found.into_iter().next(), before) {
        (Some((id, verdict)), _) => row(Outcome::Case(verdict), id),
        (None, _) if run.code == Some(3) => {
            let by = "the token cannot be made ready: exit code 3".to_owned();
            row(Outcome::Refused, by)
        }
        (None, Some(before)) if before.case().is_none() => before.clone(),
        (None, _) => row(Outcome::Nothing, String::new()),
    }
}

/// The table as runs of all suites have it. Reasons of those that no case catches are kept.
pub(crate) fn survey(before: &[Row]) -> Vec<Row> {
    let sound = run("", ALL).cases;
    let mutants = manifest();
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
    let next = Mutex::new(mutants.iter().enumerate());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().expect("no worker panics").next();
                    let Some((place, mutant)) = taken else { break };
                    let known = before.iter().find(|row| row.mutant == *mutant);
                    let row = outcome(mutant, known, &sound);
                    println!("{row:?}");
                    rows.lock().expect("no worker panics").push((place, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("no worker panics");
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}
