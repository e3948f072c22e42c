//! A process that is killed while it writes: what it was told is there stays, and nothing is half.

use std::collections::BTreeMap;
use std::path::Path;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::children::{child, file_of_child, tell};
use super::support::{Attributes, Token, plain};
use super::{initialize, labels, scratch};

/// The value that belongs to a label: long enough for several pages.
fn value_of(label: &str) -> Vec<u8> {
    label.bytes().cycle().take(10_000).collect()
}

fn numbered(round: &str, i: u32) -> (String, Attributes) {
    let label = format!("{round}-{i}");
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_TOKEN, true)
        .bool(CKA_PRIVATE, i.is_multiple_of(2))
        .bytes(CKA_LABEL, label.as_str())
        .bytes(CKA_VALUE, value_of(&label));
    (label, template)
}

#[test]
#[ignore = "a child that is killed: run by the test below"]
fn child_that_writes_until_it_is_killed() {
    let file = file_of_child();
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    let round = std::process::id().to_string();
    tell("ready");
    for i in 0.. {
        let (label, template) = numbered(&round, i);
        tell(&format!("creating {label}"));
        let object = token.create(session, &template).unwrap();
        tell(&format!("created {label}"));
        if i % 3 == 0 {
            tell(&format!("destroying {label}"));
            assert_eq!(call!(token, C_DestroyObject(session, object)), CKR_OK);
            tell(&format!("destroyed {label}"));
            generate_pair(&token, session, &label);
        }
    }
}

fn generate_pair(token: &Token, session: CK_SESSION_HANDLE, label: &str) {
    // P-256 of RFC 5480.
    let curve = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let private = Attributes::new()
        .bool(CKA_TOKEN, true)
        .bytes(CKA_LABEL, label);
    let public = private.clone().bytes(CKA_EC_PARAMS, curve);
    let (mut public, mut private) = (public.list(), private.list());
    let (mut mechanism, mut keys) = (plain(CKM_EC_KEY_PAIR_GEN), [0, 0]);
    let [public_key, private_key] = &mut keys;
    let counts = (public.count(), private.count());
    let rv = call!(
        token,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public.pointer(),
            counts.0,
            private.pointer(),
            counts.1,
            public_key,
            private_key,
        )
    );
    assert_eq!(rv, CKR_OK);
}

/// What the last word about an object says of its place in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Present,
    Unknown,
    Absent,
}

#[test]
fn a_killed_process_loses_nothing_committed_and_leaves_nothing_half() {
    let file = scratch("killed");
    let token = Token::attach();
    let mut fates: BTreeMap<String, Fate> = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(5);
    let mut kills = 0;
    while Instant::now() < end || kills < 4 {
        let (mut child, mut lines) = child("kills::child_that_writes_until_it_is_killed", &file);
        assert!(
            lines.next().is_some_and(|line| line == "ready"),
            "the child opens the file that the last one left"
        );
        // Some work is done; somewhere in what comes then the child dies.
        let mut heard = Vec::new();
        let created = |line: &String| line.starts_with("created");
        while heard.iter().filter(|line| created(line)).count() < 2 + kills % 5 {
            heard.push(lines.next().expect("the child goes on"));
        }
        std::thread::sleep(Duration::from_millis(kills as u64 * 7 % 20));
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        kills += 1;
        for line in heard.into_iter().chain(lines) {
            let (word, label) = line.split_once(' ').unwrap();
            let fate = match word {
                "created" => Fate::Present,
                "destroyed" => Fate::Absent,
                _ => Fate::Unknown,
            };
            fates.insert(label.to_owned(), fate);
        }
        check(&token, &file, &mut fates);
    }
    let kept = fates.values().filter(|fate| **fate == Fate::Present);
    assert!(kept.count() >= kills, "the children did get to write");
}

fn check(token: &Token, file: &Path, fates: &mut BTreeMap<String, Fate>) {
    assert_eq!(initialize(token, file), CKR_OK);
    let session = token.user_session();
    let template = Attributes::new().ulong(CKA_CLASS, CKO_DATA);
    let mut found = BTreeMap::new();
    for object in token.find_all(session, &template) {
        let label = token.attribute(session, object, CKA_LABEL).unwrap();
        let label = String::from_utf8(label).unwrap();
        let value = token.attribute(session, object, CKA_VALUE).unwrap();
        assert!(value == value_of(&label), "{label} is whole");
        assert_eq!(
            found.insert(label, object),
            None,
            "no object is there twice"
        );
    }
    for (label, fate) in fates.iter_mut() {
        let present = found.remove(label).is_some();
        match fate {
            Fate::Unknown => *fate = if present { Fate::Present } else { Fate::Absent },
            known => assert_eq!(present, *known == Fate::Present, "{label}"),
        }
    }
    assert_eq!(found, BTreeMap::new(), "nothing is there that was not made");
    let halves = [CKO_PUBLIC_KEY, CKO_PRIVATE_KEY].map(|class| {
        let template = Attributes::new().ulong(CKA_CLASS, class);
        let mut labels = labels(token, session, &template);
        labels.sort();
        labels
    });
    assert_eq!(halves[0], halves[1], "no half of a pair is alone");
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
}
