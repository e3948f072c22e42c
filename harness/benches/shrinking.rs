//! How long it takes to make a failure of 200 calls short: a wrong answer, the end of the process, and a hang, each a
//! seeded fault of the built-in token that takes a few of the calls.
//!
//! Beside shrinking stands that it shows in a fresh worker, before and after: of a hang, each as long as a call may take.
//!
//! `cargo bench -p p11assay --features mutants --bench shrinking`. This program is also the worker that it starts.

use std::path::Path;
use std::time::Instant;

use p11assay::fuzz::look::look;
use p11assay::fuzz::pair::{Pair, Side};
use p11assay::probe::{self, Token};
use p11assay::run::Interrupt;
use p11assay::sequence::decode::Decoded;
use p11assay::sequence::{ANY, Value, calls_mut, read};
use p11assay::target::template::Template;
use p11assay::target::{Overrides, Target};
use p11assay::yaml::Document;

/// Calls of each sequence.
const CALLS: usize = 200;

/// What the planted calls stand among, each for itself sound.
const NOISE: [&str; 6] = [
    "- C_GetSessionInfo: { session: $s0 }",
    "- C_DigestInit: { session: $s0, mechanism: CKM_SHA256 }\n\
     - C_Digest: { session: $s0, data: { repeat: \"61\", count: 40 }, digest: { buffer: 64 } }",
    "- C_GenerateRandom: { session: $s0, random_data: { buffer: 32 } }",
    "- C_CreateObject: { session: $s0, template: { CKA_CLASS: CKO_DATA, CKA_TOKEN: false, CKA_PRIVATE: false, \
     CKA_LABEL: noise, CKA_VALUE: \"00\" } }\n  gives: { object: $o# }",
    "- C_GetAttributeValue: { session: $s0, object: $o@, template: { CKA_LABEL: { buffer: 64 } } }",
    "- C_FindObjectsInit: { session: $s0, template: { CKA_CLASS: CKO_DATA } }\n\
     - C_FindObjects: { session: $s0, object: { buffer: 4 } }\n\
     - C_FindObjectsFinal: { session: $s0 }",
];

/// A fault, what shows it, and how many calls that takes, the session among them.
struct Planted {
    mutant: &'static str,
    what: &'static str,
    calls: &'static [&'static str],
}

const PLANTED: [Planted; 3] = [
    Planted {
        mutant: "size-query-ends-operation",
        what: "wrong answer",
        calls: &[
            "- C_OpenSession: { flags: CKF_SERIAL_SESSION }\n  gives: { session: $other }",
            "- C_CreateObject: { session: $other, template: { CKA_CLASS: CKO_SECRET_KEY, CKA_KEY_TYPE: CKK_AES, \
             CKA_TOKEN: false, CKA_ENCRYPT: true, CKA_VALUE: \"00112233445566778899aabbccddeeff\" } }\n  \
             gives: { object: $key }",
            "- C_EncryptInit: { session: $other, mechanism: CKM_AES_ECB, key: $key }",
            "- C_Encrypt: { session: $other, data: { repeat: \"61\", count: 32 }, encrypted_data: { buffer: null } }",
            "- C_Encrypt: { session: $other, data: { repeat: \"61\", count: 32 }, encrypted_data: { buffer: 64 } }",
        ],
    },
    Planted {
        mutant: "exit-on-unknown-mechanism",
        what: "end",
        calls: &["- C_DigestInit: { session: $s0, mechanism: { type: 0x7fffff01 } }"],
    },
    Planted {
        mutant: "logout-deadlocks-in-use",
        what: "hang",
        calls: &[
            "- C_OpenSession: { flags: CKF_SERIAL_SESSION }\n  gives: { session: $other }",
            "- C_FindObjectsInit: { session: $other, template: {} }",
            "- C_Logout: { session: $s0 }",
        ],
    },
];

fn main() {
    if std::env::args().nth(1).as_deref() == Some("worker") {
        p11assay::run::worker();
    }
    println!("{CALLS} calls made short");
    for planted in &PLANTED {
        match measure(planted) {
            Ok(line) => println!("{line}"),
            Err(reason) => println!("{}: {reason}", planted.mutant),
        }
    }
}

fn measure(planted: &Planted) -> Result<String, String> {
    let interrupt = Interrupt::default();
    let (target, _token) = side(planted.mutant, &interrupt)?;
    let (model, _model) = side("", &interrupt)?;
    let mut pair = Pair { target, model };
    let decoded = sequence(planted)?;
    let outcome = pair.run(std::slice::from_ref(&decoded));
    let outcome = outcome.map_err(|error| error.to_string())?.pop();
    let suspect = outcome.and_then(|outcome| outcome.suspect);
    let suspect = suspect.ok_or("nothing is wrong")?;
    let begun = Instant::now();
    let shown = look(&mut pair, &decoded, &suspect).map_err(|error| error.to_string())?;
    let took = begun.elapsed();
    let shown = shown.ok_or("it does not show alone")?;
    Ok(format!(
        "{:<28}{:<14}{:>6.2} s, of it {:>5.2} s shrinking,{:>5} tries,{:>4} calls left: {}",
        planted.mutant,
        planted.what,
        took.as_secs_f64(),
        shown.shrinking.as_secs_f64(),
        shown.tries,
        shown.decoded.sequence.calls().count(),
        suspect.title(),
    ))
}

/// The planted calls, evenly among the others.
fn sequence(planted: &Planted) -> Result<Decoded, String> {
    let mut text = String::from(
        "- C_OpenSession: { flags: CKF_SERIAL_SESSION|CKF_RW_SESSION }\n  gives: { session: $s0 }\n",
    );
    let (mut count, mut objects, mut next) = (1, 0, 0);
    let mut given = vec!["s0".to_owned(), "other".to_owned(), "key".to_owned()];
    for turn in 0.. {
        if next < planted.calls.len() && count >= (next + 1) * CALLS / (planted.calls.len() + 1) {
            text += &format!("{}\n", planted.calls[next]);
            (next, count) = (next + 1, count + 1);
        }
        let noise = NOISE[turn % NOISE.len()];
        let own = noise.matches("- C_").count();
        if count + own > CALLS {
            break;
        }
        if noise.contains('#') {
            objects += 1;
            given.push(format!("o{objects}"));
        }
        let noise = noise.replace('#', &objects.to_string());
        text += &format!("{}\n", noise.replace('@', &objects.to_string()));
        count += own;
    }
    let document = Document::parse(Path::new("planted.yaml"), &text);
    let document = document.map_err(|error| error.to_string())?;
    let read = read::sequence(document.root());
    let mut sequence = read.map_err(|error| error.to_string())?;
    for (call, number) in calls_mut(&mut sequence.steps).into_iter().zip(1..) {
        (call.except, call.fixture) = (vec![ANY], number == 1);
        // The second number is that of the login.
        call.number = if number == 1 { 1 } else { number + 1 };
    }
    Ok(Decoded {
        sequence,
        given: given
            .into_iter()
            .map(|name| (name, Value::Number(0)))
            .collect(),
        shares_login: true,
        own_token: false,
    })
}

/// The built-in token with a fault, and its station.
fn side(mutant: &str, interrupt: &Interrupt) -> Result<(Side, Token), String> {
    let target = Target::load(Some("builtin"), &Overrides::default());
    let mut target = target.map_err(|error| error.to_string())?;
    let chosen = (
        "REFERENCE_TOKEN_MUTANT".to_owned(),
        Template::literal(mutant),
    );
    target.environment.extend([chosen]);
    let credentials = target.credentials().map_err(|error| error.to_string())?;
    let reached = probe::reach(&target, &credentials, interrupt, false);
    let (token, mut station) = reached.map_err(|error| error.to_string())?;
    let probe = probe::probe(&mut station, &target, &credentials);
    let probe = probe.map_err(|error| error.to_string())?;
    let given = probe.given(&credentials);
    station.skip_audit();
    Ok((Side { station, given }, token))
}
