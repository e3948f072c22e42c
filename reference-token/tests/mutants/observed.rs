//! Every mutant shows: a child process plays the battery of its area, and its transcript or its end
//! is not that of the token as it is.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::{End, Mutant, manifest};
use crate::{crypto, general, keys, memory, objects, sessions, threads};

/// The environment variable that tells a child which battery to play.
const AREA: &str = "REFERENCE_TOKEN_BATTERY";
/// The environment variable that the token reads.
const MUTANT: &str = "REFERENCE_TOKEN_MUTANT";
/// The last line of a battery.
const DONE: &str = "@done";
/// A battery takes less than a second; one that takes so long hangs.
const DEADLINE: Duration = Duration::from_secs(60);
/// Children at a time.
const WORKERS: usize = 3;

/// The battery of each area.
const BATTERIES: [(&str, fn()); 15] = [
    ("general", general::general),
    ("slots", general::slots),
    ("removal", general::removal),
    ("sessions", sessions::sessions),
    ("login", sessions::login),
    ("objects", objects::objects),
    ("attributes", objects::attributes),
    ("search", objects::search),
    ("ciphers", crypto::ciphers),
    ("digests", crypto::digests),
    ("signatures", crypto::signatures),
    ("keys", keys::keys),
    ("messages", keys::messages),
    ("memory", memory::memory),
    ("threads", threads::threads),
];

#[test]
#[ignore = "a child: run by the test below"]
fn child_that_plays_a_battery() {
    let area = std::env::var(AREA).expect("the parent names an area");
    let (_, play) = BATTERIES
        .iter()
        .find(|(name, _)| *name == area)
        .expect("the parent knows the areas");
    // The test harness may have begun a line.
    println!();
    play();
    println!("{DONE}");
}

/// What a child left behind.
#[derive(Debug, PartialEq)]
struct Outcome {
    transcript: Vec<String>,
    /// None if it had to be killed.
    status: Option<ExitStatus>,
}

impl Outcome {
    fn is_done(&self) -> bool {
        self.transcript.last().is_some_and(|line| line == DONE)
    }

    fn end(&self) -> End {
        match self.status {
            None => End::Hang,
            Some(status) if status.code().is_none() => End::Crash,
            Some(_) if !self.is_done() => End::Exit,
            Some(_) if self.transcript.iter().any(|line| line == GROWN) => End::Leak,
            Some(_) => End::Answer,
        }
    }
}

/// What the battery of sessions says of a token that leaks.
const GROWN: &str = "@memory has grown: true";

/// Plays the battery of an area in a process of its own.
fn play(area: &str, mutant: &str, deadline: Duration) -> Outcome {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "observed::child_that_plays_a_battery"])
        .args(["--ignored", "--nocapture"])
        .env(AREA, area)
        .env(MUTANT, mutant)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.read_to_end(&mut bytes);
        read.map(|_| String::from_utf8_lossy(&bytes).into_owned())
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if start.elapsed() > deadline => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = reader.join().unwrap().unwrap();
    let lines = text.lines().filter(|line| line.starts_with('@'));
    Outcome {
        transcript: lines.map(str::to_owned).collect(),
        status,
    }
}

/// What is wrong with a mutant, if anything.
fn judge(mutant: &Mutant, clean: &[(&str, Outcome)]) -> Option<String> {
    let expected = mutant.end.unwrap_or(End::Answer);
    let deadline = match expected {
        End::Hang => DEADLINE / 15,
        _ => DEADLINE,
    };
    let (_, clean) = clean.iter().find(|(area, _)| *area == mutant.area)?;
    let outcome = play(&mutant.area, &mutant.name, deadline);
    let same = outcome.transcript == clean.transcript && outcome.status == clean.status;
    if expected == End::Late {
        return (!same).then(|| format!("{} answers otherwise than the token", mutant.name));
    }
    if same {
        return Some(format!("{} cannot be told from the token", mutant.name));
    }
    // A fault that only shows in answers may still upset the battery's own steps.
    let end = outcome.end();
    (end != expected && !(expected == End::Answer && end == End::Exit))
        .then(|| format!("{} ends with {end:?}, not {expected:?}", mutant.name))
}

#[test]
fn every_mutant_is_observable() {
    let clean: Vec<_> = BATTERIES
        .iter()
        .map(|(area, _)| (*area, play(area, "", DEADLINE)))
        .collect();
    for (area, outcome) in &clean {
        assert!(outcome.is_done(), "battery of {area}: {outcome:#?}");
        let again = play(area, "", DEADLINE);
        assert_eq!(*outcome, again, "battery of {area}, played again");
    }
    let queue = Mutex::new(manifest().mutant);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(mutant) = next else { break };
                    let problem = judge(&mutant, &clean);
                    problems.lock().unwrap().extend(problem);
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
}
