//! Each kind of mistake with the place, the words and the suggestion it must be shown with.

use super::refused;

/// Text; line, column and width of the place; message; part of the help.
type Row = (&'static str, (u32, u32, u32), &'static str, &'static str);

#[rustfmt::skip]
const MISTAKES: &[Row] = &[
    ("- call: x\n  retruns: [CKR_OK]\n", (2, 3, 7), "unknown key `retruns`; did you mean `returns`?", "`environment`"),
    ("- call: x\n  zzzzzzz: 1\n", (2, 3, 7), "unknown key `zzzzzzz`", "keys here: `call`"),
    ("- returns: [CKR_OK]\n", (1, 3, 1), "key `call` is missing", "add `call:`"),
    ("- call: x\n  returns:\n    - CKR_OK\n    - CKR_OKK\n", (4, 7, 7), "unknown return code `CKR_OKK`; did you mean `CKR_OK`?", ""),
    ("- call: x\n  returns: [CKR_VENDOR]\n", (2, 13, 10), "unknown return code `CKR_VENDOR`", ""),
    ("- call: 17\n", (1, 9, 2), "expected text, found the number 17", "quotes"),
    ("- call: true\n", (1, 9, 4), "expected text, found `true`", "quotes"),
    ("- call: [x]\n", (1, 9, 1), "expected text, found a list", ""),
    ("- call: x\n  length: 256\n", (2, 11, 3), "expected u8, found the number 256", ""),
    ("- call: x\n  length: -1\n", (2, 11, 2), "expected u8, found the number -1", ""),
    ("- call: x\n  length: ten\n", (2, 11, 3), "expected u8, found the text \"ten\"", ""),
    ("- call: x\n  input: nul\n", (2, 10, 3), "unknown name `nul`; did you mean `null`?", "possible here: `null`, `text`"),
    ("- call: x\n  input: { txt: a }\n", (2, 12, 3), "unknown name `txt`; did you mean `text`?", ""),
    ("- call: x\n  input: text\n", (2, 10, 4), "`text` needs content: write `text: ...`", ""),
    ("- call: x\n  input: { \"null\": 3 }\n", (2, 20, 1), "this name takes no content", ""),
    ("- call: x\n  input: { text: a, pair: [1, 2] }\n", (2, 10, 1),
     "expected one of `null`, `text`, `buffer`, `pair` or a mapping with one of them as its only key, found a mapping", ""),
    ("- call: x\n  input: { pair: [1, 2, 3] }\n", (2, 25, 1), "a list of 2 was expected, this entry is one too many", ""),
    ("- call: x\n  input: { pair: [1] }\n", (2, 18, 1), "expected a list (Input::Pair with 2 elements), found 1 entries", ""),
    ("- call: x\n  input: { buffer: { size: 1 } }\n", (2, 20, 1), "key `guarded` is missing", ""),
    ("- call: x\n  environment: { A: 1 }\n", (2, 21, 1), "expected text, found the number 1", "quotes"),
    ("- 5: x\n", (1, 3, 1), "expected text, found the number 5", "quotes"),
    ("call: x\n", (1, 1, 1), "expected a list, found a mapping", ""),
    ("- ~\n", (1, 3, 1), "expected a mapping (Step), found nothing", ""),
    ("- call: !secret x\n", (1, 9, 9), "tags (`!name`) are not used here", "quotes"),
    ("- call: x\n---\n- call: y\n", (3, 1, 1), "a second document begins here", "own file"),
    ("- ? [a]\n  : b\n", (1, 5, 1), "a list or mapping cannot be a key", "quotes"),
    ("- call: x\n  <<: {}\n", (2, 3, 2), "merge keys (`<<`) are not used here", "alias"),
    ("- &a [*a]\n", (1, 7, 2), "this alias stands inside what it refers to", ""),
];

#[test]
fn every_mistake_is_shown_where_it_is() {
    for (text, place, message, help) in MISTAKES {
        let found = refused(text);
        let mark = found.mark().unwrap_or_default();
        assert_eq!(
            (found.message(), (mark.line, mark.column, mark.width)),
            (*message, *place),
            "{text}\n{found}"
        );
        let shown = found.help_text().unwrap_or_default();
        assert!(shown.contains(help), "{text}\n{found}");
    }
}

#[test]
fn syntax_errors_have_a_place() {
    let cases = [
        ("- [a\n- b\n", 3),
        ("a: b: c\n", 1),
        ("- a\n- \"open\n", 2),
        ("- *nowhere\n", 1),
    ];
    for (text, line) in cases {
        let found = refused(text);
        assert!(found.message().starts_with("this is not YAML: "), "{found}");
        assert_eq!(found.mark().map(|mark| mark.line), Some(line), "{found}");
    }
}
