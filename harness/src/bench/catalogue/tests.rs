//! Catalogues are read as they are meant, and mistakes are told with their place.

use super::*;

fn read(benchmarks: &str) -> Result<Catalogue, String> {
    let head = "suite: mine/x\ncites: { document: PKCS11-Base, version: \"3.2\" }\nclause: \"5.12\"\n\
                state: session\nbenchmarks:\n";
    let text = format!("{head}{benchmarks}");
    Catalogue::parse(Path::new("c.yaml"), &text).map_err(|error| error.to_string())
}

const DIGEST: &str = r#"
  - id: "{mechanism}/{bytes}"
    title: "{bytes} are digested"
    each: { mechanism: [CKM_SHA256, CKM_SHA_1], bytes: [16, 1024, 1048576] }
    bytes: $with.bytes
    needs: { mechanism: { type: $with.mechanism, for: digest } }
    steps:
      - C_DigestInit: { session: $session, mechanism: $with.mechanism }
      - C_Digest: { session: $session, data: { repeat: "61", count: $with.bytes } }
"#;

#[test]
fn an_entry_is_repeated_for_every_combination() {
    let found = read(DIGEST).expect("a catalogue");
    let ids: Vec<&str> = found
        .benchmarks
        .iter()
        .map(|one| one.case.id.as_str())
        .collect();
    assert_eq!(ids.len(), 6);
    assert_eq!(
        ids[..3],
        [
            "mine/x/CKM_SHA256/16B",
            "mine/x/CKM_SHA256/1KiB",
            "mine/x/CKM_SHA256/1MiB"
        ]
    );
    let last = &found.benchmarks[5];
    assert_eq!(last.bytes, Some(1 << 20));
    assert_eq!(last.case.title, "1MiB are digested");
    assert_eq!(
        last.case.needs.mechanisms[0].mechanism,
        cryptoki_sys::CKM_SHA_1
    );
    assert_eq!(last.measured, 2);
    assert_eq!(
        last.functions().collect::<Vec<_>>(),
        ["C_DigestInit", "C_Digest"]
    );
    assert_eq!(last.parameters[1], ("bytes".to_owned(), "1MiB".to_owned()));
}

#[test]
fn every_shipped_catalogue_is_read_and_ids_are_unique() {
    let mut ids = Vec::new();
    for catalogue in shipped().expect("catalogues") {
        assert!(!catalogue.benchmarks.is_empty(), "{}", catalogue.name);
        for benchmark in catalogue.benchmarks {
            assert!(
                benchmark.case.id.starts_with("bench/"),
                "{}",
                benchmark.case.id
            );
            assert!(!benchmark.case.title.is_empty(), "{}", benchmark.case.id);
            ids.push(benchmark.case.id);
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    let changed = |from: &str, to: &str| {
        let text = DIGEST.replace(from, to);
        assert_ne!(text, DIGEST, "{from}");
        read(&text).expect_err(to)
    };
    for (from, to, told) in [
        (
            "data: { repeat: \"61\", count: $with.bytes }",
            "data: { repeat: \"61\", count: $with.byte }",
            &["c.yaml:14:", "`byte`", "bytes"][..],
        ),
        (
            "CKM_SHA256, CKM_SHA_1",
            "CKM_SHA257",
            &["c.yaml:9:25", "CKM_SHA257"],
        ),
        (
            "    bytes: $with.bytes",
            "    byte: 16",
            &["c.yaml:10:5", "`byte`"],
        ),
        (
            "\"{mechanism}/{bytes}\"",
            "\"{mechanism}\"",
            &["c.yaml:7:9", "a second benchmark"],
        ),
        (
            "C_DigestInit",
            "C_DigestInt",
            &["c.yaml:13:9", "C_DigestInit"],
        ),
        (
            "bytes: [16, 1024, 1048576]",
            "bytes: []",
            &["c.yaml:9:", "without values"],
        ),
        ("{bytes} are", "{bytes are", &["c.yaml:8:12", "`}`"]),
    ] {
        let error = changed(from, to);
        for part in told {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}

#[test]
fn what_a_loop_cannot_make_is_refused() {
    let pause = "  - id: x\n    steps:\n      - pause: 3\n";
    let error = read(pause).expect_err("a pause");
    assert!(
        error.contains("c.yaml:8:9") && error.contains("only calls"),
        "{error}"
    );
    let inner = "  - id: x\n    state: rw-session\n    steps:\n      \
                 - C_CreateObject: { session: $session, template: { CKA_CLASS: CKO_DATA } }\n        \
                   gives: { object: $o }\n      \
                 - C_DigestInit: { session: $session, mechanism: { type: CKM_CONCATENATE_BASE_AND_KEY, parameter: { ulong: $o } } }\n";
    let error = read(inner).expect_err("a handle inside a parameter");
    assert!(
        error.contains("c.yaml:11:") && error.contains("`$o`"),
        "{error}"
    );
}

#[test]
fn the_example_of_the_reference_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/README.md");
    let text = std::fs::read_to_string(&path).expect("the reference");
    let mut examples = text.split("```yaml\n").skip(1);
    let example = examples.find(|example| example.contains("benchmarks:"));
    let example = example
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let found = Catalogue::parse(&path, example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found.benchmarks.len(), 6);
}
