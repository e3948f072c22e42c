//! Any bytes as a suite file: reading never panics, and what is read can be written and read again.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use p11assay::plan::Suite;
use p11assay::sequence::Sequence;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(suite) = Suite::parse(Path::new("fuzz.yaml"), &text) {
        suite.cases.iter().for_each(|case| check(&case.sequence));
    }
});

fn check(sequence: &Sequence) {
    let (written, again) = p11assay::sequence::write::read_back(sequence)
        .unwrap_or_else(|error| panic!("the written form is not read: {error}"));
    assert_eq!(&again, sequence, "{written}");
}
