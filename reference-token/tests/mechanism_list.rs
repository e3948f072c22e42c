//! `MECHANISMS.md`: every CKM of the 3.2 header and where it stands in this token, made from what
//! the token answers and from the reasons in `gaps.csv`. With `UPDATE_MECHANISMS=1` the test writes
//! the file; otherwise it fails if the file is not what it would write, or a gap has no reason.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use cryptoki_sys::*;
use support::{SLOT, Token};

/// A CKM of the header.
struct Constant {
    name: String,
    value: CK_MECHANISM_TYPE,
}

fn file(relative: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn lines(relative: &str) -> Vec<String> {
    let path = file(relative);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().skip(1).map(str::to_owned).collect()
}

/// Every mechanism of the header but the beginning of the vendors' range, by value.
fn constants() -> Vec<Constant> {
    let mut all: Vec<Constant> = lines("../suites/spec/constants.csv")
        .iter()
        .filter(|line| line.starts_with("CKM_") && !line.starts_with("CKM_VENDOR_DEFINED"))
        .map(|line| {
            let mut fields = line.split(',');
            let name = fields.next().expect("a name").to_owned();
            let value = fields.next().expect("a value").trim_start_matches("0x");
            Constant {
                name,
                value: CK_MECHANISM_TYPE::from_str_radix(value, 16).expect("a number"),
            }
        })
        .collect();
    all.sort_by_key(|constant| constant.value);
    all
}

/// The section of chapter 6 that defines each mechanism.
fn sections() -> BTreeMap<String, String> {
    lines("../suites/spec/mechanisms.csv")
        .iter()
        .filter_map(|line| {
            let mut fields = line.split(',');
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        })
        .collect()
}

/// Patterns of names (`*` for anything at the end) and why what they match is not there.
fn gaps() -> Vec<(String, String)> {
    lines("gaps.csv")
        .iter()
        .map(|line| {
            let (pattern, reason) = line.split_once(',').expect("gaps.csv: pattern,reason");
            (pattern.to_owned(), reason.to_owned())
        })
        .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

const FUNCTIONS: [(CK_FLAGS, &str); 13] = [
    (CKF_ENCRYPT, "encrypt"),
    (CKF_DECRYPT, "decrypt"),
    (CKF_DIGEST, "digest"),
    (CKF_SIGN, "sign"),
    (CKF_SIGN_RECOVER, "sign-recover"),
    (CKF_VERIFY, "verify"),
    (CKF_VERIFY_RECOVER, "verify-recover"),
    (CKF_GENERATE | CKF_GENERATE_KEY_PAIR, "generate"),
    (CKF_WRAP, "wrap"),
    (CKF_UNWRAP, "unwrap"),
    (CKF_DERIVE, "derive"),
    (CKF_ENCAPSULATE, "encapsulate"),
    (CKF_DECAPSULATE, "decapsulate"),
];

const MESSAGES: CK_FLAGS =
    CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;

fn functions(flags: CK_FLAGS) -> String {
    let mut words: Vec<&str> = FUNCTIONS
        .iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, word)| *word)
        .collect();
    if flags & MESSAGES != 0 {
        words.push("messages");
    }
    words.join(", ")
}

fn sizes(info: &CK_MECHANISM_INFO) -> String {
    match (info.ulMinKeySize, info.ulMaxKeySize) {
        (0, 0) => String::new(),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}

const HEADING: &str = "\
# Mechanisms

Every mechanism of the Cryptoki 3.2 header, and where it stands in this token. Made by
`UPDATE_MECHANISMS=1 cargo test -p reference-token --test mechanism_list`; a test keeps it true.
Section numbers are those of [PKCS11-Base 3.2] chapter 6. Key sizes are as C_GetMechanismInfo gives
them, in the unit of the mechanism's section.
";

fn render(token: &Token) -> String {
    let (sections, gaps) = (sections(), gaps());
    let section = |name: &str| sections.get(name).map_or("", String::as_str);
    let (mut here, mut missing) = (String::new(), BTreeMap::<&str, Vec<String>>::new());
    let (mut built, mut absent) = (0, 0);
    let (mut used, mut unexplained) = (vec![false; gaps.len()], Vec::new());
    for Constant { name, value } in constants() {
        let mut info = CK_MECHANISM_INFO::default();
        if call!(token, C_GetMechanismInfo(SLOT, value, &mut info)) == CKR_OK {
            built += 1;
            let (functions, sizes) = (functions(info.flags), sizes(&info));
            writeln!(
                here,
                "| {name} | {} | {functions} | {sizes} |",
                section(&name)
            )
            .unwrap();
            continue;
        }
        absent += 1;
        let gap = gaps.iter().position(|(pattern, _)| matches(pattern, &name));
        match gap {
            Some(gap) => {
                used[gap] = true;
                missing.entry(&gaps[gap].1).or_default().push(name);
            }
            None => unexplained.push(name),
        }
    }
    assert!(
        unexplained.is_empty(),
        "gaps.csv has no reason why these are missing: {unexplained:?}"
    );
    for (gap, used) in gaps.iter().zip(used) {
        assert!(
            used,
            "gaps.csv: nothing that is missing is matched by {}",
            gap.0
        );
    }
    let mut text = format!(
        "{HEADING}\n## Here: {built}\n\n| mechanism | section | functions | key sizes |\n|---|---|---|---|\n{here}"
    );
    writeln!(text, "\n## Not here: {absent}\n").unwrap();
    writeln!(text, "| why | mechanisms |\n|---|---|").unwrap();
    for (reason, names) in missing {
        writeln!(text, "| {reason} | {} |", names.join(", ")).unwrap();
    }
    text
}

#[test]
fn the_list_of_mechanisms_is_what_the_token_has() {
    let token = Token::fresh();
    let rendered = render(&token);
    let path = file("MECHANISMS.md");
    if std::env::var_os("UPDATE_MECHANISMS").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let hint = "MECHANISMS.md is out of date: run this test with UPDATE_MECHANISMS=1";
    assert!(written == rendered, "{hint}");
}

#[test]
fn every_mechanism_that_the_token_has_is_in_the_header() {
    let token = Token::fresh();
    let known: Vec<CK_MECHANISM_TYPE> = constants().iter().map(|c| c.value).collect();
    let mut count = 0;
    assert_eq!(
        call!(
            token,
            C_GetMechanismList(SLOT, std::ptr::null_mut(), &mut count)
        ),
        CKR_OK
    );
    let mut list = vec![0; count as usize];
    assert_eq!(
        call!(
            token,
            C_GetMechanismList(SLOT, list.as_mut_ptr(), &mut count)
        ),
        CKR_OK
    );
    for mechanism in list {
        assert!(known.contains(&mechanism), "{mechanism:#x}");
    }
}
