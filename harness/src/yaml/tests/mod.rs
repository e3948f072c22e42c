//! Reading, writing and refusing YAML, with the types a suite could have.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::*;

mod mistakes;
mod properties;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Step {
    call: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    returns: Vec<Code>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input: Option<Input>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Input {
    Null,
    Text(String),
    Buffer { size: u16, guarded: bool },
    Pair(u8, u8),
}

/// A name checked by a visitor of its own, the way the constants of the standard are.
#[derive(Debug, PartialEq, Serialize)]
struct Code(String);

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KNOWN: &[&str] = &["CKR_OK", "CKR_ARGUMENTS_BAD", "CKR_HOST_MEMORY"];
        let name = String::deserialize(deserializer)?;
        if KNOWN.contains(&name.as_str()) {
            return Ok(Self(name));
        }
        Err(D::Error::custom(unknown_name(
            "return code",
            &name,
            KNOWN.iter().copied(),
        )))
    }
}

fn path() -> &'static Path {
    Path::new("suite.yaml")
}

fn refused(text: &str) -> Diagnostic {
    from_str::<Vec<Step>>(path(), text).expect_err(text)
}

#[test]
fn a_key_given_twice_shows_both_places() {
    let text = "a: 1\nb:\n  c: 1\n  d: 2\n  \"c\": 3\n";
    let found = Document::parse(path(), text).unwrap_err();
    assert_eq!(
        found.mark().map(|mark| (mark.line, mark.column)),
        Some((5, 3))
    );
    assert_eq!(
        found.second_mark().map(|mark| (mark.line, mark.column)),
        Some((3, 3))
    );
    let shown = "\
error: key `c` is given twice
 --> suite.yaml:5:3
  |
5 |   \"c\": 3
  |   ^^^
 --> suite.yaml:3:3
  |
3 |   c: 1
  |   ^ first given here
  = help: remove one of the two";
    assert_eq!(found.to_string(), shown);
}

#[test]
fn keys_that_differ_only_in_notation_are_still_given_twice() {
    // Two notations of one number: the second reader notices.
    assert!(Document::parse(path(), "1: a\n0x1: b\n").is_err());
    assert!(Document::parse(path(), "1: a\n\"1\": b\n").is_err());
}

#[test]
fn a_message_shows_the_line_and_what_to_do() {
    let text = "\n\n- call: x\n  retruns: [CKR_OK]\n";
    let shown = "\
error: unknown key `retruns`; did you mean `returns`?
 --> suite.yaml:4:3
  |
4 |   retruns: [CKR_OK]
  |   ^^^^^^^
  = help: keys here: `call`, `returns`, `length`, `input`, `environment`";
    assert_eq!(refused(text).to_string(), shown);
}

#[test]
fn snippets_are_safe_to_print() {
    let tabbed = Source::new(path(), "x\ty\u{1b}[31m\u{202e}\r\nsecond");
    let mark = Mark {
        line: 1,
        column: 3,
        width: 1,
    };
    let shown = tabbed.diagnostic(mark, "m\u{7}").to_string();
    let expected =
        "error: m<U+0007>\n --> suite.yaml:1:3\n  |\n1 | x    y<U+001B>[31m<U+202E>\n  |      ^";
    assert_eq!(shown, expected);

    let long = Source::new(
        path(),
        &format!("{}here{}", "a".repeat(500), "b".repeat(500)),
    );
    let shown = long
        .diagnostic(
            Mark {
                line: 1,
                column: 501,
                width: 4,
            },
            "m",
        )
        .to_string();
    let rows: Vec<&str> = shown.lines().collect();
    assert!(
        rows[3].starts_with("1 | ...aaa") && rows[3].ends_with("b..."),
        "{shown}"
    );
    let caret = rows[4].find('^').unwrap_or_default();
    assert_eq!(&rows[3][caret..caret + 4], "here", "{shown}");
    assert!(rows.iter().all(|row| row.chars().count() < 140), "{shown}");

    let beyond = Source::new(path(), "short");
    let shown = beyond
        .diagnostic(
            Mark {
                line: 9,
                column: 9,
                width: 0,
            },
            "m",
        )
        .to_string();
    assert!(shown.contains("suite.yaml:9:9"), "{shown}");
}

#[test]
fn scalars_have_the_types_serde_yaml_gives_them() {
    let text =
        "[null, ~, '', yes, true, 0x1F, 0o17, 012, -3, 1.5, .inf, \"1\", 18446744073709551615]";
    let document = Document::parse(path(), text).unwrap();
    let Kind::Sequence(items) = &document.root().kind else {
        panic!("a list was written")
    };
    let text = |text: &str| Kind::Text(text.to_owned());
    let expected = [
        Kind::Null,
        Kind::Null,
        text(""),
        text("yes"),
        Kind::Bool(true),
        Kind::Unsigned(31),
        Kind::Unsigned(15),
        text("012"),
        Kind::Signed(-3),
        Kind::Float(1.5),
        Kind::Float(f64::INFINITY),
        text("1"),
        Kind::Unsigned(u64::MAX),
    ];
    let found: Vec<Kind> = items.iter().map(|item| item.kind.clone()).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_empty_text_is_null() {
    for text in ["", "\n\n", "# only a comment\n", "---\n"] {
        assert_eq!(
            Document::parse(path(), text).unwrap().root().kind,
            Kind::Null,
            "{text:?}"
        );
    }
}

#[test]
fn aliases_bring_in_what_is_anchored() {
    let text = "- &one { call: a, returns: [CKR_OK] }\n- *one\n";
    let steps: Vec<Step> = from_str(path(), text).unwrap();
    assert_eq!(steps[0], steps[1]);
}

#[test]
fn alias_bombs_and_deep_nesting_are_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let found = Document::parse(path(), &bomb).unwrap_err();
    assert!(
        found.message().starts_with("more than 1000000 values"),
        "{found}"
    );

    for deep in ["[".repeat(150), "- ".repeat(5000), "{a: ".repeat(150)] {
        let found = Document::parse(path(), &deep).unwrap_err();
        assert!(
            found.message().contains("nested deeper than 100 levels"),
            "{found}"
        );
    }
}

#[test]
fn files_have_limits() {
    let folder = std::env::temp_dir().join(format!("p11assay-yaml-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cases: &[(&str, &str)] = &[
        ("absent.yaml", "cannot read this file"),
        ("huge.yaml", "too large: at least 104857600 bytes"),
        ("latin1.yaml", "not UTF-8"),
    ];
    // Sparse: a hundred megabytes that are never written, nor read.
    std::fs::File::create(folder.join("huge.yaml"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    std::fs::write(folder.join("latin1.yaml"), b"a: b\nc: caf\xe9\n").unwrap();
    for (name, message) in cases {
        let found = Document::read(&folder.join(name)).unwrap_err();
        assert!(found.message().contains(message), "{found}");
        assert!(found.to_string().contains(name), "{found}");
        if *name == "latin1.yaml" {
            assert_eq!(
                found.mark().map(|mark| (mark.line, mark.column)),
                Some((2, 7))
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn spanned_values_know_their_place_and_vanish_elsewhere() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder {
        name: Spanned<String>,
        inner: Option<Spanned<Vec<Spanned<u8>>>>,
    }
    let text = "name: x\ninner:\n  - 1\n  - 22\n";
    let holder: Holder = from_str(path(), text).unwrap();
    let inner = holder.inner.as_ref().unwrap();
    let place = |mark: Option<Mark>| mark.map(|mark| (mark.line, mark.column, mark.width));
    assert_eq!(place(holder.name.mark), Some((1, 7, 1)));
    assert_eq!(place(inner.mark), Some((3, 3, 1)));
    assert_eq!(place(inner[1].mark), Some((4, 5, 2)));
    assert_eq!(to_string(&holder).unwrap(), "name: x\ninner:\n- 1\n- 22\n");

    let foreign: Holder = serde_json::from_str(r#"{"name":"x","inner":[1,22]}"#).unwrap();
    assert_eq!(foreign, holder);
    assert_eq!(foreign.name.mark, None);

    let error = from_str::<Holder>(path(), "name: x\ninner: [1, 2000]\n").unwrap_err();
    assert_eq!(place(error.mark()), Some((2, 12, 4)));
}

#[test]
fn spanned_has_the_schema_of_its_value() {
    assert_eq!(
        schemars::schema_for!(Spanned<u8>),
        schemars::schema_for!(u8)
    );
}

/// Reads `{ C_Name: arguments }` with a seed that depends on the name.
struct Calls;

impl<'de> DeserializeSeed<'de> for Calls {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Calls {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call: a function's name and its arguments")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let name: String = map
            .next_key()?
            .ok_or_else(|| A::Error::custom("a call is missing"))?;
        map.next_value_seed(Arguments(name.clone()))?;
        Ok(name)
    }
}

/// Refuses whatever is not a number, without looking further.
struct Arguments(String);

impl<'de> DeserializeSeed<'de> for Arguments {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        u32::deserialize(deserializer)
            .ok()
            .map(drop)
            .ok_or_else(|| D::Error::custom(format!("{} takes a number", self.0)))
    }
}

#[test]
fn seeds_and_custom_errors_get_the_place_of_their_node() {
    let cases = [
        ("C_Sign: 3\n", Ok("C_Sign"), None),
        ("C_Sign: x\n", Err("C_Sign takes a number"), Some((1, 9))),
        ("{}\n", Err("a call is missing"), Some((1, 1))),
        (
            "- 1\n",
            Err("expected a call: a function's name and its arguments, found a list"),
            Some((1, 1)),
        ),
    ];
    for (text, expected, place) in cases {
        let document = Document::parse(path(), text).unwrap();
        let found = seeded(&document, Calls);
        match (found, expected) {
            (Ok(name), Ok(wanted)) => assert_eq!(name, wanted),
            (Err(error), Err(wanted)) => {
                assert_eq!(error.message(), wanted);
                assert_eq!(error.mark().map(|mark| (mark.line, mark.column)), place);
            }
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
}

#[test]
fn suggestions_are_close_or_absent() {
    let known = [
        "returns",
        "slot-index",
        "CKR_OK",
        "CKM_RSA_PKCS",
        "CKM_RSA_PKCS_PSS",
    ];
    let cases = [
        ("retruns", Some("returns")),
        ("Returns", Some("returns")),
        ("slot_index", Some("slot-index")),
        ("CKM_RSA_PKCS_PS", Some("CKM_RSA_PKCS_PSS")),
        ("ckr-ok", Some("CKR_OK")),
        ("label", None),
        ("", None),
    ];
    for (got, wanted) in cases {
        assert_eq!(closest(got, known), wanted, "{got}");
    }
    assert_eq!(unknown_name("key", "label", known), "unknown key `label`");
}

#[test]
fn what_cannot_be_written_is_an_error() {
    struct Raw;
    impl Serialize for Raw {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(&[0, 255])
        }
    }
    assert!(to_string(&Raw).is_err());
}
