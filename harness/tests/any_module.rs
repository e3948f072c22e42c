//! The engine that runs a module in its own process, without what drives it: what a search in workers keeps are its
//! inputs, and to both they are the same sequences.

use std::path::{Path, PathBuf};
use std::process::Command;

use p11assay::fuzz::InProcess;
use p11assay::sequence::decode::{OWN_TOKEN, decode};
use p11assay::target::{Overrides, Target};
use p11assay_reports::stream;

/// Inputs of a search.
const SOME: usize = 40;

/// What targets set in the environment is the process's: they are taken one after the other.
#[test]
fn what_either_engine_keeps_is_the_same_sequence_to_the_other() {
    takes_up_what_a_search_kept("builtin");
    match Path::new("/usr/lib/softhsm/libsofthsm2.so").is_file() {
        // It has no functions of version 3.0.
        true => takes_up_what_a_search_kept("softhsm2"),
        false => eprintln!("SKIPPED: softhsm2 is not installed"),
    }
}

fn takes_up_what_a_search_kept(target: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let corpus = folder.path().join("corpus");
    // What libFuzzer may leave in a corpus: nothing at all, one byte, and more than any sequence reads.
    let others = [
        Vec::new(),
        vec![b'\n'],
        (0..=255).cycle().take(1 << 16).collect(),
    ];
    std::fs::create_dir(&corpus).expect("a folder");
    for (number, bytes) in others.iter().enumerate() {
        std::fs::write(corpus.join(number.to_string()), bytes).expect("is written");
    }
    search(folder.path(), target, SOME);
    // Where a sequence cannot have a token of its own, what asks for one is another sequence.
    let inputs = read(&corpus).into_iter();
    let inputs = inputs.filter(|(path, bytes)| match bytes.first() {
        Some(&OWN_TOKEN) => std::fs::remove_file(path).is_err(),
        _ => true,
    });
    let inputs: Vec<Vec<u8>> = inputs.map(|(_, bytes)| bytes).collect();
    assert!(inputs.len() > SOME / 4, "{target}: {}", inputs.len());

    // Of each of them once, and nothing else.
    let made_there = search(folder.path(), target, inputs.len());
    let target = Target::load(Some(target), &Overrides::default()).expect("a shipped target");
    let mut module = InProcess::on(target).expect("a token");
    let setting = module.setting();
    let (mut made_here, mut succeeded) = (0, 0);
    for input in inputs {
        let summary = module.run(&input, &setting).unwrap_or_else(|finding| {
            panic!("{finding}: {input:?}");
        });
        // A worker logs in for many sequences at once.
        let login = usize::from(decode(&input, &setting).shares_login);
        made_here += summary.calls - login;
        succeeded += summary.succeeded - login;
    }
    assert_eq!(made_here, made_there);
    assert!(succeeded * 3 > made_here, "{succeeded} of {made_here}");
}

/// Runs the inputs of the corpus and then others, without variants; gives the number of calls that they made.
fn search(folder: &Path, target: &str, sequences: usize) -> usize {
    let run_dir = tempfile::tempdir_in(folder).expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(["fuzz", "--target", target, "--corpus", "corpus"])
        .args(["--seed", "1", "--time", "1h", "--variants", "1"])
        .args(["--sequences", &sequences.to_string(), "--run-dir"])
        .arg(run_dir.path().join("run"))
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let evidence =
        stream::read(&run_dir.path().join("run/evidence.jsonl")).unwrap_or_else(|error| {
            panic!("{error}\n{}", String::from_utf8_lossy(&output.stderr));
        });
    let title = &evidence.cases.last().expect("the search").title;
    let made = title.strip_prefix(&format!(
        "{sequences} sequences and 0 variants, up to 1 of each, with "
    ));
    let calls = made.and_then(|made| made.split(' ').next()?.parse().ok());
    calls.unwrap_or_else(|| panic!("{title}"))
}

fn read(corpus: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(corpus).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .map(|path| {
            let bytes = std::fs::read(&path).expect("an input");
            (path, bytes)
        })
        .collect()
}
