//! SARIF of a run with every kind of verdict: what is wrong or weak is in it, and nothing else.

mod common;

use common::{every_kind, run};
use p11assay_reports::sarif;

#[test]
fn the_whole_log_is_as_shown() {
    let mut out = Vec::new();
    sarif::write(&run(every_kind(), &[]), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}
