//! What is kept of a finding in a folder of its own, `findings/<id of its case>` in that of the run: `finding.json`,
//! all that is known of it and of the module, and for one that ended the worker `backtrace.txt`. The reproducers beside
//! them are the harness's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::describe;
use crate::evidence::{Case, End, FORMAT, Frame, Target};

/// The case as a suite of its own.
pub const REPRODUCER: &str = "reproducer.yaml";
/// The case as a C program, where C has words for it.
pub const PROGRAM: &str = "reproducer.c";
/// The record of the finding.
pub const RECORD: &str = "finding.json";
/// How and where the worker ended.
pub const BACKTRACE: &str = "backtrace.txt";

/// The folder of findings, in that of a run.
pub const FINDINGS: &str = "findings";

/// So many registers stand beside each other.
const ACROSS: usize = 3;

/// The folder of a case's finding, relative to that of the run.
#[must_use]
pub fn of(id: &str) -> PathBuf {
    Path::new(FINDINGS).join(id)
}

/// The reproducers in the folder of a run, of findings that there is evidence of and of others.
#[must_use]
pub fn reproducers(run: &Path) -> Vec<PathBuf> {
    let mut folders = vec![run.join(FINDINGS)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if entry.file_name() == REPRODUCER => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Writes what evidence knows of a finding to its folder.
///
/// # Errors
/// If it cannot be written.
pub fn write(folder: &Path, target: &Target, case: &Case) -> std::io::Result<()> {
    let record = json!({ "format": FORMAT, "target": target, "case": case });
    let mut text = serde_json::to_vec_pretty(&record)?;
    text.push(b'\n');
    std::fs::write(folder.join(RECORD), text)?;
    match backtrace(target, case) {
        Some(text) => std::fs::write(folder.join(BACKTRACE), text),
        None => Ok(()),
    }
}

/// The case of a finding that was written.
///
/// # Errors
/// If there is none, or it is another thing.
pub fn read(folder: &Path) -> std::io::Result<Case> {
    #[derive(serde::Deserialize)]
    struct Record {
        case: Case,
    }
    let text = std::fs::read(folder.join(RECORD))?;
    let record: Record = serde_json::from_slice(&text)?;
    Ok(record.case)
}

/// Signal, address, stack and registers of what ended the worker, if anything did.
fn backtrace(target: &Target, case: &Case) -> Option<String> {
    let ends = case.findings.iter().filter_map(|found| found.end.as_ref());
    let ends: Vec<String> = ends.map(one_end).collect();
    if ends.is_empty() {
        return None;
    }
    let mut text = format!("{}\n{}\n", case.id, describe::identity(target));
    for finding in &case.findings {
        let _ = writeln!(text, "{}", describe::finding(case, finding));
    }
    for end in ends {
        let _ = write!(text, "\n{end}");
    }
    Some(text)
}

fn one_end(end: &End) -> String {
    let head = describe::end(end).into_iter().next().unwrap_or_default();
    let lines = frames(end).into_iter().chain(registers(end));
    let lines: Vec<String> = std::iter::once(head).chain(lines).collect();
    lines.join("\n") + "\n"
}

/// The frames of a stack, innermost first, a line each.
pub(crate) fn frames(end: &End) -> Vec<String> {
    let frames = match end {
        End::Signal { frames, .. } | End::Hang { frames, .. } => frames.as_slice(),
        End::Exited { .. }
        | End::MemoryLimit { .. }
        | End::FileLimit { .. }
        | End::Program { .. } => &[],
    };
    frames.iter().enumerate().map(frame).collect()
}

/// The registers, several a line.
pub(crate) fn registers(end: &End) -> Vec<String> {
    let End::Signal { registers, .. } = end else {
        return Vec::new();
    };
    let one = |(name, value): (&String, &u64)| format!("{name:>8} {value:#018x}");
    let registers: Vec<String> = registers.iter().map(one).collect();
    registers.chunks(ACROSS).map(|row| row.join("  ")).collect()
}

fn frame((number, frame): (usize, &Frame)) -> String {
    let symbol = frame.symbol.as_deref().unwrap_or("?");
    let build = frame.build_id.as_deref().unwrap_or("no build-id");
    crate::text::one_line(&format!(
        "#{number:<3} {}+{:#x}  {symbol}  ({build})",
        frame.module, frame.offset
    ))
    .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kit;
    use crate::evidence::Verdict;

    #[test]
    fn a_frame_says_where_it_is_in_the_file() {
        let shown = frame((
            3,
            &Frame {
                module: "libmine.so".to_owned(),
                offset: 0x1f2,
                build_id: Some("abcd".to_owned()),
                symbol: Some("work+0x2".to_owned()),
            },
        ));
        assert_eq!(shown, "#3   libmine.so+0x1f2  work+0x2  (abcd)");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target {
            name: "mine".to_owned(),
            sha256: Some("ab".repeat(32)),
            ..Target::default()
        };
        let crash = kit::case(Verdict::Crash, "end", Some(kit::signal(Some("read"), None)));
        write(folder.path(), &target, &crash).expect("written");
        assert_eq!(read(folder.path()).expect("a case"), crash);
        let text = |name| std::fs::read_to_string(folder.path().join(name)).expect("text");
        assert!(text(RECORD).contains(&"ab".repeat(32)));
        let backtrace = text(BACKTRACE);
        assert!(backtrace.contains("libmine.so+0x1f2"), "{backtrace}");
    }

    #[test]
    fn reproducers_are_found_however_deep_their_ids_are() {
        let run = tempfile::tempdir().expect("a folder");
        assert_eq!(reproducers(run.path()), Vec::<PathBuf>::new());
        let homes = ["a/b/c", "a/one"].map(|id| run.path().join(of(id)));
        for home in &homes {
            std::fs::create_dir_all(home).expect("a folder");
            for name in [REPRODUCER, PROGRAM] {
                std::fs::write(home.join(name), "").expect("written");
            }
        }
        let wanted = homes.map(|home| home.join(REPRODUCER));
        assert_eq!(reproducers(run.path()), wanted);
    }

    #[test]
    fn what_ended_nothing_has_no_backtrace() {
        let deviation = kit::case(Verdict::Deviation, "return-code", None);
        assert_eq!(backtrace(&Target::default(), &deviation), None);
    }
}
