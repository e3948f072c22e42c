//! Every suite file that comes with the program reads, and together they are sound: ids are unique,
//! each case has a title and a clause.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use p11assay::plan::Suite;

/// The suite files below `suites/`, provisioning included.
fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites");
    let names = [
        "life",
        "operations",
        "security",
        "threads",
        "undefined",
        "profiles",
        "canaries",
        "vectors",
    ];
    let mut folders = names.map(|name| root.join(name)).to_vec();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder of suites") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn suites() -> Vec<Suite> {
    let read = |path: &PathBuf| Suite::read(path).unwrap_or_else(|error| panic!("{error}"));
    files().iter().map(read).collect()
}

#[test]
fn every_shipped_suite_reads_and_is_named_after_its_file() {
    for suite in suites() {
        let expected = format!("suites/{}.yaml", suite.name);
        assert!(
            suite.file.ends_with(&expected),
            "{} in {}",
            suite.name,
            suite.file
        );
        assert!(!suite.cases.is_empty(), "{} has no cases", suite.file);
    }
}

#[test]
fn ids_are_unique_among_all_suites() {
    let mut seen = HashMap::new();
    for suite in suites() {
        for case in suite.cases {
            let first = seen.insert(case.id.clone(), suite.file.clone());
            assert_eq!(first, None, "{} also in {}", case.id, suite.file);
        }
    }
}

#[test]
fn every_case_has_a_title_and_a_clause() {
    for suite in suites() {
        for case in suite.cases {
            assert!(!case.title.is_empty(), "{} has no title", case.id);
            assert!(
                !case.title.contains('\n'),
                "{}: a title is one line",
                case.id
            );
            assert!(!case.clause.section.is_empty(), "{} has no clause", case.id);
        }
    }
}

#[test]
fn every_suite_file_is_inside_the_program() {
    let shipped: Vec<&str> = p11assay::plan::shipped::paths().collect();
    for suite in suites() {
        let path = format!("{}.yaml", suite.name);
        assert!(
            shipped.contains(&path.as_str()),
            "{path} is not in plan::shipped"
        );
    }
    assert_eq!(shipped.len(), files().len());
}

#[test]
fn the_example_of_the_reference_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/README.md");
    let text = std::fs::read_to_string(&path).expect("the reference");
    let example = text
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let suite = Suite::parse(&path, example.expect("an example")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(suite.cases.len(), 2);
}
