//! A token in a file: what survives, who can read it, what a damaged file does, and what a process
//! that is killed leaves behind. A program of its own, because the configuration belongs to the
//! process.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use cryptoki_sys::*;
use support::{Attributes, RW, SLOT, SO_PIN, Token, USER_PIN};

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.token"));
    drop(std::fs::remove_file(&path)); // it need not be there
    path
}

/// C_Initialize with a configuration string in `pReserved`.
fn initialize(token: &Token, file: &Path) -> CK_RV {
    let text = CString::new(format!("file={}", file.display())).unwrap();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_ptr().cast_mut().cast(),
        ..Default::default()
    };
    call!(token, C_Initialize((&raw mut arguments).cast()))
}

fn note() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bool(CKA_TOKEN, true)
        .bytes(CKA_VALUE, *b"remember")
}

fn secret() -> Attributes {
    note()
        .bytes(CKA_APPLICATION, *b"for my eyes only")
        .bool(CKA_PRIVATE, true)
}

fn restart(token: &Token, file: &Path) {
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    assert_eq!(initialize(token, file), CKR_OK);
}

fn labels(token: &Token, session: CK_SESSION_HANDLE, template: &Attributes) -> Vec<String> {
    let label = |object: &CK_OBJECT_HANDLE| {
        let bytes = token.attribute(session, *object, CKA_LABEL).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    token
        .find_all(session, template)
        .iter()
        .map(label)
        .collect()
}

fn set_label(token: &Token, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, label: &str) {
    let template = Attributes::new().bytes(CKA_LABEL, label);
    let mut list = template.list();
    let count = list.count();
    let rv = call!(
        token,
        C_SetAttributeValue(session, object, list.pointer(), count)
    );
    assert_eq!(rv, CKR_OK);
}

#[test]
fn objects_their_order_and_pin_counters_survive_and_destroyed_objects_do_not() {
    let file = scratch("survive");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.open(RW);
    let label = |text: &str| note().bytes(CKA_LABEL, text);
    for text in ["one", "two", "three"] {
        token.create(session, &label(text)).unwrap();
    }
    let two = token.find(session, &label("two"))[0];
    assert_eq!(call!(token, C_DestroyObject(session, two)), CKR_OK);
    let one = token.find(session, &label("one"))[0];
    set_label(&token, session, one, "still first");
    assert_eq!(token.login(session, CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(labels(&token, session, &note()), ["still first", "three"]);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_ne!(info.flags & CKF_USER_PIN_COUNT_LOW, 0);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "the file is for its owner alone");
    }
}

#[test]
fn private_objects_come_with_the_login_in_their_order_and_go_with_the_logout() {
    let file = scratch("private");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    for (i, template) in [note(), secret(), note(), secret()].into_iter().enumerate() {
        let template = template.bytes(CKA_LABEL, format!("{i}"));
        token.create(session, &template).unwrap();
    }
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(labels(&token, session, &note()), ["0", "2"]);
    // What is made before the login still comes after what was made before the restart.
    token
        .create(session, &note().bytes(CKA_LABEL, *b"4"))
        .unwrap();
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(labels(&token, session, &note()), ["0", "1", "2", "3", "4"]);
    let before = token.find(session, &secret());
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert!(token.find(session, &secret()).is_empty());
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    let after = token.find(session, &secret());
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|handle| !before.contains(handle)));
}

#[test]
fn private_objects_cannot_be_read_in_the_file() {
    let file = scratch("sealed");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &note()).unwrap();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    let bytes = std::fs::read(&file).unwrap();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(holds(b"remember"), "a public object is there as it is");
    assert!(!holds(b"for my eyes only"));
    assert!(!holds(USER_PIN.repeat(2).as_slice()));
}

#[test]
fn new_pins_open_the_same_private_objects_whoever_sets_them() {
    let file = scratch("pins");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    let pin = |text: &'static [u8]| (text.as_ptr().cast_mut(), text.len() as CK_ULONG);
    let ((old, old_length), (new, length)) = (pin(USER_PIN), pin(b"my own"));
    let rv = call!(token, C_SetPIN(session, old, old_length, new, length));
    assert_eq!(rv, CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    assert_eq!(token.login(session, CKU_USER, b"my own"), CKR_OK);
    assert_eq!(token.find(session, &secret()).len(), 1);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    assert!(token.find(session, &secret()).is_empty());
    let (new, length) = pin(b"given");
    assert_eq!(call!(token, C_InitPIN(session, new, length)), CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(token.login(session, CKU_USER, b"given"), CKR_OK);
    assert_eq!(token.find(session, &secret()).len(), 1);
}

#[test]
fn initialising_the_token_leaves_no_object_and_the_sos_pin() {
    let file = scratch("anew");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.user_session();
    token.create(session, &note()).unwrap();
    token.create(session, &secret()).unwrap();
    assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
    let mut label = *b"another                         ";
    let (pin, length) = (SO_PIN.as_ptr().cast_mut(), SO_PIN.len() as CK_ULONG);
    let rv = call!(token, C_InitToken(SLOT, pin, length, label.as_mut_ptr()));
    assert_eq!(rv, CKR_OK);
    restart(&token, &file);
    let session = token.open(RW);
    assert_eq!(
        token.login(session, CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
    let pin = USER_PIN.as_ptr().cast_mut();
    assert_eq!(call!(token, C_InitPIN(session, pin, 4)), CKR_OK);
    assert_eq!(call!(token, C_Logout(session)), CKR_OK);
    assert_eq!(token.login(session, CKU_USER, USER_PIN), CKR_OK);
    assert!(token.find(session, &note()).is_empty());
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(call!(token, C_GetTokenInfo(SLOT, &mut info)), CKR_OK);
    assert_eq!(info.label, label);
}

#[test]
fn the_counter_goes_on_after_a_restart() {
    let file = scratch("counter");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let read = || {
        let session = token.open(RW);
        let template = Attributes::new()
            .ulong(CKA_CLASS, CKO_HW_FEATURE)
            .ulong(CKA_HW_FEATURE_TYPE, CKH_MONOTONIC_COUNTER);
        let counter = token.find(session, &template)[0];
        let value = token.attribute(session, counter, CKA_VALUE).unwrap();
        u64::from_be_bytes(value.try_into().unwrap())
    };
    let mut last = 0;
    for _ in 0..3 {
        for _ in 0..3 {
            let next = read();
            assert!(next > last);
            last = next;
        }
        restart(&token, &file);
    }
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let file = scratch("damage");
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.open(RW);
    for i in 0..20 {
        let label = format!("{i}");
        token
            .create(session, &note().bytes(CKA_LABEL, label))
            .unwrap();
    }
    assert_eq!(call!(token, C_Finalize(null_mut())), CKR_OK);
    let good = std::fs::read(&file).unwrap();
    let place = good.windows(8).position(|part| part == b"remember");
    let mut flipped = good.clone();
    flipped[place.unwrap()] ^= 1;
    let mut other_format = b"a text file\n".repeat(1000);
    other_format.extend(&good);
    for damage in [&flipped, &other_format, &good[..5000].to_vec()] {
        std::fs::write(&file, damage).unwrap();
        assert_eq!(initialize(&token, &file), CKR_FUNCTION_FAILED);
        let mut info = CK_INFO::default();
        assert_eq!(
            call!(token, C_GetInfo(&mut info)),
            CKR_CRYPTOKI_NOT_INITIALIZED
        );
        assert!(std::fs::read(&file).unwrap() == *damage, "nothing is lost");
    }
    std::fs::write(&file, &good).unwrap();
    assert_eq!(initialize(&token, &file), CKR_OK);
    let session = token.open(RW);
    assert_eq!(token.find(session, &note()).len(), 20);
}

/// The environment variable that tells a child of this program which file to work on.
const FILE_OF_CHILD: &str = "REFERENCE_TOKEN_TEST_FILE";

/// This program again, running one of the tests below that are made for it.
fn child(test: &str, file: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FILE_OF_CHILD, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// A line for the parent, which reads it even if this process dies right afterwards.
fn tell(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "@{line}")
        .and_then(|()| output.flush())
        .unwrap();
}

fn told(line: std::io::Result<String>) -> Option<String> {
    Some(line.ok()?.strip_prefix('@')?.to_owned())
}

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
    let file = PathBuf::from(std::env::var_os(FILE_OF_CHILD).expect("the parent names a file"));
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
    let (mut mechanism, mut keys) = (support::plain(CKM_EC_KEY_PAIR_GEN), [0, 0]);
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
        let (mut child, output) = child("child_that_writes_until_it_is_killed", &file);
        let mut lines = output.lines().filter_map(told);
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

#[test]
#[ignore = "a child that holds the file: run by the test below"]
fn child_that_holds_the_file() {
    let file = PathBuf::from(std::env::var_os(FILE_OF_CHILD).expect("the parent names a file"));
    let token = Token::attach();
    assert_eq!(initialize(&token, &file), CKR_OK);
    tell("ready");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn one_process_at_a_time_has_the_file() {
    let file = scratch("shared");
    let token = Token::attach();
    let (mut child, output) = child("child_that_holds_the_file", &file);
    let mut lines = output.lines().filter_map(told);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    assert_eq!(initialize(&token, &file), CKR_FUNCTION_FAILED);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(initialize(&token, &file), CKR_OK);
}
