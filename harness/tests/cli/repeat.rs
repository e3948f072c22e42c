//! The same seed, plan and target give the same evidence, apart from times, places and random outputs.

use crate::kit::Folder;
use serde_json::Value;

/// Fields that tell when something was, how long it took, or what the token gave, which may be random.
const VARYING: &[&str] = &[
    "started",
    "finished",
    "duration_ns",
    "call_ns",
    "ns",
    "outputs",
];

/// Takes these fields out of a record. Folders do not show: both runs are made in one of their own,
/// into a folder of one name.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !VARYING.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

fn evidence(seed: &str) -> (Vec<Value>, String) {
    let folder = Folder::new();
    let arguments = [
        "run",
        "--target",
        "builtin",
        "--seed",
        seed,
        "--run-dir",
        "run",
    ];
    let output = folder.run(&arguments);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let text = folder.read("run/evidence.jsonl");
    let records = text.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).expect("a record");
        strip(&mut record);
        record
    });
    (records.collect(), text)
}

#[test]
fn two_runs_of_one_seed_give_the_same_evidence() {
    let ((one, text), (two, _)) = (evidence("7"), evidence("7"));
    assert!(one.len() > 100, "every case has a record: {}", one.len());
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one, two);
    }
    assert_eq!(one.len(), two.len());
    assert!(text.contains("\"seed\":7"), "the seed is in the evidence");
}
