//! What a stream must survive: killed runs, resumed runs, newer and corrupt files.

mod common;

use common::{case, every_kind, finished, started, target};
use p11assay_reports::evidence::{Event, Interrupted, Note, Plan, RunStarted, Verdict};
use p11assay_reports::stream::{Evidence, StreamError, Writer, read};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn plan(ids: &[&str]) -> Event {
    Event::Plan(Plan {
        suites: vec!["a.yaml".into()],
        cases: ids.iter().map(|id| (*id).to_owned()).collect(),
        reading: "relaxed".into(),
        shard: None,
    })
}

fn done(id: &str, verdict: Verdict) -> Event {
    Event::Case(Box::new(case(id, verdict)))
}

fn interrupted(remaining: usize) -> Event {
    Event::Interrupted(Interrupted {
        by: "SIGINT".into(),
        remaining,
    })
}

fn resumed() -> Event {
    Event::RunStarted(RunStarted {
        resumed: true,
        ..started()
    })
}

/// A folder with a stream of these events.
fn stream(events: &[Event]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.jsonl");
    let mut writer = Writer::open_new(&path).unwrap();
    append_all(&mut writer, events);
    (folder, path)
}

fn append_all(writer: &mut Writer, events: &[Event]) {
    for event in events {
        writer.append(event).unwrap();
    }
}

fn add_raw(path: &Path, bytes: &[u8]) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn ids(evidence: &Evidence) -> Vec<&str> {
    evidence.cases.iter().map(|c| c.id.as_str()).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let note = Note {
        kind: "worker".into(),
        text: "restarted".into(),
    };
    let mut events = vec![
        Event::RunStarted(started()),
        Event::Target(Box::new(target())),
        plan(&["a/1"]),
        Event::Note(note.clone()),
    ];
    let cases = every_kind();
    events.extend(cases.iter().map(|c| Event::Case(Box::new(c.clone()))));
    events.push(Event::RunFinished(finished()));
    let (_folder, path) = stream(&events);
    let evidence = read(&path).unwrap();
    assert_eq!(evidence.started, started());
    assert_eq!(evidence.target, Some(target()));
    assert_eq!(evidence.cases, cases);
    assert_eq!(evidence.notes, [note]);
    assert_eq!(evidence.finished, Some(finished()));
    assert_eq!(evidence.remaining(), ["a/1"]);
    assert!(!evidence.torn && evidence.warnings.is_empty());
}

#[test]
fn each_event_is_in_the_file_when_append_returns() {
    let (_folder, path) = stream(&[]);
    let mut writer = Writer::open_append(&path).unwrap();
    for (n, event) in [Event::RunStarted(started()), plan(&[])].iter().enumerate() {
        writer.append(event).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), n + 1);
        assert!(text.ends_with('\n'));
    }
}

#[test]
fn evidence_is_never_overwritten() {
    let (_folder, path) = stream(&[Event::RunStarted(started())]);
    assert!(matches!(
        Writer::open_new(&path),
        Err(StreamError::Exists(_))
    ));
    assert!(read(&path).is_ok());
}

#[test]
fn a_stream_cut_at_any_byte_gives_its_whole_lines() {
    let events = [
        Event::RunStarted(started()),
        plan(&["a/1", "a/ü"]),
        done("a/1", Verdict::Pass),
        done("a/ü", Verdict::Deviation),
    ];
    let (folder, path) = stream(&events);
    let whole = std::fs::read(&path).unwrap();
    let first_line = whole.iter().position(|b| *b == b'\n').unwrap();
    for cut in 0..=whole.len() {
        let part = folder.path().join("cut.jsonl");
        std::fs::write(&part, &whole[..cut]).unwrap();
        if cut < first_line {
            assert!(matches!(read(&part), Err(StreamError::Empty(_))), "{cut}");
            continue;
        }
        let evidence = read(&part).unwrap();
        let lines = whole[..cut].iter().filter(|b| **b == b'\n').count();
        // A line that lacks nothing but its line feed counts as whole.
        let complete = lines + usize::from(whole.get(cut) == Some(&b'\n'));
        assert_eq!(evidence.cases.len(), complete.saturating_sub(2), "{cut}");
        let between = cut > 0 && whole[cut - 1] == b'\n';
        assert_eq!(
            evidence.torn,
            !between && whole.get(cut) != Some(&b'\n'),
            "{cut}"
        );

        let mut writer = Writer::open_append(&part).unwrap();
        writer.append(&done("a/later", Verdict::Pass)).unwrap();
        let resumed = read(&part).unwrap();
        assert_eq!(ids(&resumed).last(), Some(&"a/later"), "{cut}");
        assert_eq!(resumed.cases.len(), evidence.cases.len() + 1, "{cut}");
        assert!(!resumed.torn);
    }
}

#[test]
fn a_torn_line_longer_than_a_block_is_cut_off() {
    let (_folder, path) = stream(&[Event::RunStarted(started())]);
    let whole = std::fs::metadata(&path).unwrap().len();
    add_raw(&path, &vec![b'x'; 200_000]);
    let writer = Writer::open_append(&path).unwrap();
    assert_eq!(std::fs::metadata(writer.path()).unwrap().len(), whole);
}

#[test]
fn a_resumed_run_is_one_run_and_the_later_record_wins() {
    let events = [
        Event::RunStarted(started()),
        plan(&["a/1", "a/2", "a/3"]),
        done("a/1", Verdict::Pass),
        done("a/2", Verdict::Environment),
        interrupted(1),
        resumed(),
        plan(&["a/2", "a/3", "a/4"]),
        done("a/2", Verdict::Pass),
        done("a/3", Verdict::Deviation),
    ];
    let (_folder, path) = stream(&events);
    let evidence = read(&path).unwrap();
    assert_eq!(evidence.resumes, 1);
    assert_eq!(ids(&evidence), ["a/1", "a/2", "a/3"]);
    assert_eq!(evidence.cases[1].verdict, Verdict::Pass);
    assert_eq!(
        evidence.plan.as_ref().unwrap().cases,
        ["a/1", "a/2", "a/3", "a/4"]
    );
    assert_eq!(evidence.remaining(), ["a/4"]);
    assert_eq!(evidence.interrupted, None, "it was resumed");
    let counts = evidence.counts();
    assert_eq!((counts.of(Verdict::Pass), counts.not_executed), (2, 1));
    assert!(evidence.warnings.is_empty(), "{:?}", evidence.warnings);
}

#[test]
fn a_finding_that_vanishes_in_the_resumed_part_leaves_a_warning() {
    let events = [
        Event::RunStarted(started()),
        done("a/1", Verdict::Crash),
        resumed(),
        done("a/1", Verdict::HarnessFault),
    ];
    let (_folder, path) = stream(&events);
    let warnings = read(&path).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("a/1") && warnings[0].contains("crash"));
}

#[test]
fn a_finding_that_its_case_does_not_own_up_to_leaves_a_warning() {
    let mut hidden = common::deviation();
    hidden.verdict = Verdict::NotApplicable;
    let events = [
        Event::RunStarted(started()),
        Event::Case(Box::new(common::deviation())),
        Event::Case(Box::new(case("a/1", Verdict::Pass))),
    ];
    let (_folder, path) = stream(&events);
    assert!(read(&path).unwrap().warnings.is_empty());
    hidden.id = "a/2".into();
    add_raw(
        &path,
        format!(
            "{}\n",
            serde_json::to_string(&Event::Case(Box::new(hidden))).unwrap()
        )
        .as_bytes(),
    );
    let warnings = read(&path).unwrap().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("a/2"),
        "{warnings:?}"
    );
}

#[test]
fn a_module_exchanged_between_the_parts_leaves_a_warning() {
    let mut other = target();
    other.sha256 = Some("00".repeat(32));
    let events = [
        Event::RunStarted(started()),
        Event::Target(Box::new(target())),
        resumed(),
        Event::Target(Box::new(other.clone())),
    ];
    let (_folder, path) = stream(&events);
    let evidence = read(&path).unwrap();
    assert_eq!(evidence.target, Some(other));
    assert!(evidence.warnings[0].contains("module changed"));
}

#[test]
fn unknown_events_and_fields_are_passed_over() {
    let (_folder, path) = stream(&[Event::RunStarted(started())]);
    add_raw(
        &path,
        b"{\"event\":\"weather\",\"sky\":{\"event\":\"case\"}}\n",
    );
    let known = serde_json::to_string(&done("a/1", Verdict::Pass)).unwrap();
    let more = known.replacen('{', "{\"future\":[1,{}],", 1);
    add_raw(&path, format!("{more}\n").as_bytes());
    let evidence = read(&path).unwrap();
    assert_eq!(evidence.unknown_events, 1);
    assert_eq!(ids(&evidence), ["a/1"]);
    assert!(evidence.warnings[0].contains("1 events"));
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    let (folder, path) = stream(&[Event::RunStarted(started())]);
    let text = std::fs::read_to_string(&path).unwrap();
    let newer = folder.path().join("newer.jsonl");
    std::fs::write(&newer, text.replace("\"format\":1", "\"format\":2,\"x\":0")).unwrap();
    let error = read(&newer).unwrap_err();
    assert!(matches!(
        error,
        StreamError::Newer {
            found: 2,
            known: 1,
            ..
        }
    ));
    assert!(error.to_string().contains("newer"));
}

#[test]
fn a_corrupt_line_is_named_by_its_number() {
    let broken = [
        &b"{\"event\":\"case\",\n"[..],
        b"\0\0\0\n",
        b"{\"event\":\"case\",\"id\":\"a/1\"}\n",
        b"{\"event\":\"note\",\"kind\":\"\xff\",\"text\":\"\"}\n",
        b"\n",
    ];
    for bytes in broken {
        let (_folder, path) = stream(&[Event::RunStarted(started()), plan(&[])]);
        add_raw(&path, bytes);
        let end = serde_json::to_string(&done("a/2", Verdict::Pass)).unwrap();
        add_raw(&path, format!("{end}\n").as_bytes());
        let error = read(&path).unwrap_err();
        assert!(
            matches!(error, StreamError::Corrupt { line: 3, .. }),
            "{error}"
        );
    }
}

#[test]
fn other_files_are_no_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for text in ["hello\nworld\n", "{\"event\":\"note\"}\n", "[1]\n"] {
        std::fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err();
        assert!(matches!(error, StreamError::NotEvidence(_)), "{error}");
    }
    let missing = read(&folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, StreamError::Open { .. }));
}
