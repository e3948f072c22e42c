//! `suites/spec/provoked.csv` says what the built-in token answers where the shipped cases judge it. With
//! `UPDATE_PROVOKED=1` the table is written anew.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use p11assay_reports::stream;

#[test]
fn the_table_of_provoked_values_is_what_a_run_provokes() {
    let folder = tempfile::tempdir().expect("a folder");
    let run_dir = folder.path().join("run");
    let status = Command::new(env!("CARGO_BIN_EXE_p11assay"))
        .args(["run", "--quiet", "--run-dir"])
        .arg(&run_dir)
        .status()
        .expect("the binary runs");
    assert!(status.success(), "the built-in token passes");
    let evidence = stream::read(&run_dir.join("evidence.jsonl")).expect("evidence");
    let mut table = "function,values\n".to_owned();
    for (function, answers) in &evidence.tally.answers {
        let values: Vec<&str> = answers.keys().map(String::as_str).collect();
        writeln!(table, "{function},{}", values.join(" ")).expect("text");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/spec/provoked.csv");
    if std::env::var_os("UPDATE_PROVOKED").is_some() {
        std::fs::write(&path, &table).expect("the table can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("the table");
    assert!(
        kept == table,
        "suites/spec/provoked.csv is not what a run provokes: UPDATE_PROVOKED=1 writes it anew"
    );
}
