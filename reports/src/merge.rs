//! Joins the evidence of runs that shared out one plan (`--partition`) into that of one run. Runs that
//! do not belong together are refused; a part that is missing, or was not finished, is told.

use crate::evidence::{
    Case, Event, Interrupted, Note, Plan, RunFinished, RunStarted, Shard, Tally, Target,
};
use crate::gate::Gate;
use crate::stream::{Evidence, Fold};
use std::collections::{BTreeMap, HashMap};

/// The evidence of one part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What messages name it by: the folder of its run.
    pub name: String,
    /// Its evidence.
    pub evidence: Evidence,
}

/// Why runs cannot be joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to join.
    #[error("no run is given: name the folders of the runs that were made with --partition")]
    Nothing,
    /// A run that is no part.
    #[error(
        "{0} is no part of a shared plan: it was not run with --partition, or ended before its plan"
    )]
    NoPart(String),
    /// Two runs of one part.
    #[error("{one} and {other} are both part {index}: leave one out")]
    Twice {
        /// Which part.
        index: u32,
        /// The first.
        one: String,
        /// The second.
        other: String,
    },
    /// Runs that differ in what must be the same.
    #[error(transparent)]
    Differs(Box<Difference>),
}

/// In what two runs differ that must have it in common.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{one} and {other} do not belong together: {what} differs, {first} and {second}{advice}")]
pub struct Difference {
    /// The first.
    pub one: String,
    /// The second.
    pub other: String,
    /// In what they differ.
    pub what: &'static str,
    /// What the first has.
    pub first: String,
    /// What the second has.
    pub second: String,
    /// What to do, as the end of the sentence.
    pub advice: &'static str,
}

/// The runs as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// Its events, from the first to the last line.
    pub events: Vec<Event>,
    /// The parts that were not given.
    pub missing: Vec<u32>,
}

/// A run that is a part.
struct Known<'p> {
    name: &'p str,
    evidence: &'p Evidence,
    plan: &'p Plan,
    shard: &'p Shard,
}

/// Joins the runs. `command` is what makes the joined one; it is held to `gate`, or to the gate that
/// all parts have.
///
/// # Errors
/// [`MergeError`] if they do not belong together.
pub fn merge(
    parts: &[Part],
    command: Vec<String>,
    gate: Option<Gate>,
) -> Result<Merged, MergeError> {
    let known = parts.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    let first = known.first().ok_or(MergeError::Nothing)?;
    check(&known, gate.is_some())?;
    let missing = missing(first.shard, &known);
    let mut events = vec![Event::RunStarted(head(&known, command, gate))];
    let target = first.evidence.target.iter().cloned();
    events.extend(target.map(Box::new).map(Event::Target));
    events.push(Event::Plan(whole(&known)));
    events.extend(notes(&known).into_iter().map(Event::Note));
    events.extend(cases(&known).into_iter().map(Box::new).map(Event::Case));
    let mut tally = Tally::default();
    known
        .iter()
        .for_each(|part| tally.add(part.evidence.tally.clone()));
    events.push(Event::Tally(tally));
    events.extend(end(&events, &known, &missing));
    Ok(Merged { events, missing })
}

fn known(part: &Part) -> Result<Known<'_>, MergeError> {
    let plan = part.evidence.plan.as_ref();
    match plan.and_then(|plan| Some((plan, plan.shard.as_ref()?))) {
        Some((plan, shard)) => Ok(Known {
            name: &part.name,
            evidence: &part.evidence,
            plan,
            shard,
        }),
        None => Err(MergeError::NoPart(part.name.clone())),
    }
}

/// A fact that all parts must have in common: what it is, how to read it, and what to do if it differs.
type Fact = (&'static str, fn(&Known<'_>) -> String, &'static str);

const FACTS: &[Fact] = &[
    (
        "the version of p11assay",
        |part| part.evidence.started.version.clone(),
        "; run all parts with one",
    ),
    (
        "the seed",
        |part| part.evidence.started.seed.to_string(),
        "; give all parts the same --seed, or none",
    ),
    (
        "the reading",
        |part| part.plan.reading.clone(),
        "; give all parts the same --reading",
    ),
    (
        "the number of parts",
        |part| part.shard.count.to_string(),
        "; give all parts the same --partition N/COUNT",
    ),
    ("the target", |part| target(part, |t| t.name.clone()), ""),
    ("the module", |part| target(part, module), ""),
    (
        "CK_INFO of the module",
        |part| target(part, |t| format!("{:?}", t.info)),
        "",
    ),
    (
        "the Cryptoki version judged by",
        |part| target(part, |t| t.cryptoki_version.clone()),
        "",
    ),
    (
        "the number of mechanisms",
        |part| target(part, |t| t.mechanisms.to_string()),
        "",
    ),
];

fn target(part: &Known<'_>, fact: impl Fn(&Target) -> String) -> String {
    part.evidence
        .target
        .as_ref()
        .map_or("none".to_owned(), fact)
}

/// The same file may lie in another place on another machine.
fn module(target: &Target) -> String {
    let hash = target.sha256.as_ref();
    hash.map_or_else(|| target.module.clone(), |hash| format!("SHA-256 {hash}"))
}

fn check(known: &[Known<'_>], gate_is_given: bool) -> Result<(), MergeError> {
    let Some((first, others)) = known.split_first() else {
        return Ok(());
    };
    let scope = |part: &Known<'_>| format!("{:?}", part.evidence.started.gate);
    let gate: Fact = ("the gate", scope, "; give --gate to the joined run");
    let facts = FACTS.iter().chain((!gate_is_given).then_some(&gate));
    // The seed may follow from the plan.
    for other in others {
        if let Some((one, two)) = difference(&first.shard.whole, &other.shard.whole) {
            let advice = "; give all parts the same suites and filters";
            return Err(differs(first, other, ("the plan", advice), (one, two)));
        }
    }
    for (what, fact, advice) in facts {
        for other in others {
            let (one, two) = (fact(first), fact(other));
            if one != two {
                return Err(differs(first, other, (what, advice), (one, two)));
            }
        }
    }
    let mut seen: BTreeMap<u32, &str> = BTreeMap::new();
    for part in known {
        let index = part.shard.index;
        if let Some(one) = seen.insert(index, part.name) {
            let (one, other) = (one.to_owned(), part.name.to_owned());
            return Err(MergeError::Twice { index, one, other });
        }
    }
    Ok(())
}

fn differs(
    one: &Known<'_>,
    other: &Known<'_>,
    (what, advice): (&'static str, &'static str),
    (first, second): (String, String),
) -> MergeError {
    MergeError::Differs(Box::new(Difference {
        one: one.name.to_owned(),
        other: other.name.to_owned(),
        what,
        first,
        second,
        advice,
    }))
}

/// Where two lists differ first.
fn difference(one: &[String], two: &[String]) -> Option<(String, String)> {
    let longest = one.len().max(two.len());
    let at = (0..longest).find(|at| one.get(*at) != two.get(*at))?;
    let shown = |list: &[String]| {
        let case = list.get(at).map_or("no case", String::as_str);
        format!("{case} as case {} of {}", at + 1, list.len())
    };
    Some((shown(one), shown(two)))
}

fn missing(shard: &Shard, known: &[Known<'_>]) -> Vec<u32> {
    let given = |index: &u32| known.iter().any(|part| part.shard.index == *index);
    (1..=shard.count).filter(|index| !given(index)).collect()
}

fn head(known: &[Known<'_>], command: Vec<String>, gate: Option<Gate>) -> RunStarted {
    let first = &known[0].evidence.started;
    let starts = known.iter().map(|part| &part.evidence.started);
    let mut host = first.host.clone();
    host.retain(|name, value| {
        starts
            .clone()
            .all(|start| start.host.get(name) == Some(value))
    });
    RunStarted {
        // All are in UTC and of one form, so that they sort by time.
        started: starts
            .map(|start| start.started.clone())
            .min()
            .unwrap_or_default(),
        host,
        command,
        resumed: false,
        gate: gate.unwrap_or_else(|| first.gate.clone()),
        ..first.clone()
    }
}

fn whole(known: &[Known<'_>]) -> Plan {
    let mut suites: Vec<String> = Vec::new();
    for suite in known.iter().flat_map(|part| &part.plan.suites) {
        if !suites.contains(suite) {
            suites.push(suite.clone());
        }
    }
    Plan {
        suites,
        cases: known[0].shard.whole.clone(),
        reading: known[0].plan.reading.clone(),
        shard: None,
    }
}

/// The remarks of all parts, each once, and whence the cases are.
fn notes(known: &[Known<'_>]) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    let note = |kind: &str, text: String| Note {
        kind: kind.to_owned(),
        text,
    };
    for part in known {
        let Shard { index, count, .. } = part.shard;
        let cases = part.evidence.cases.len();
        let text = format!("part {index} of {count}: {cases} cases from {}", part.name);
        notes.push(note("merge", text));
        for warning in &part.evidence.warnings {
            notes.push(note(
                "warning",
                format!("part {index} of {count}: {warning}"),
            ));
        }
        for remark in &part.evidence.notes {
            if !notes.contains(remark) {
                notes.push(remark.clone());
            }
        }
    }
    notes
}

/// The cases in the order of the plan, then what belongs to no plan.
fn cases(known: &[Known<'_>]) -> Vec<Case> {
    let whole = known[0].shard.whole.iter();
    let order: HashMap<&str, usize> = whole.map(String::as_str).zip(0..).collect();
    let all = known.iter().flat_map(|part| &part.evidence.cases);
    let mut cases: Vec<Case> = all.cloned().collect();
    cases.sort_by_key(|case| order.get(case.id.as_str()).copied().unwrap_or(usize::MAX));
    cases
}

/// The last event: that something is missing, or the end of the last part.
fn end(events: &[Event], known: &[Known<'_>], missing: &[u32]) -> Option<Event> {
    let mut fold = Fold::default();
    events.iter().cloned().for_each(|event| fold.push(event));
    let joined = fold.finish(false, 0)?;
    let count = known[0].shard.count;
    let absent = missing
        .iter()
        .map(|index| format!("part {index} of {count} is missing"));
    let stopped = known.iter().filter(|part| part.evidence.finished.is_none());
    let stopped = stopped.map(|part| {
        let by = part.evidence.interrupted.as_ref();
        let by = by.map_or("it never came to its end", |i| i.by.as_str());
        format!("part {} of {count} was stopped: {by}", part.shard.index)
    });
    let troubles: Vec<String> = absent.chain(stopped).collect();
    if !troubles.is_empty() {
        return Some(Event::Interrupted(Interrupted {
            by: troubles.join("; "),
            remaining: joined.remaining().len(),
        }));
    }
    let ends = || {
        known
            .iter()
            .filter_map(|part| part.evidence.finished.as_ref())
    };
    let longest = known.iter().map(|part| part.evidence.duration_ns()).max();
    Some(Event::RunFinished(RunFinished {
        finished: ends().map(|end| end.finished.clone()).max()?,
        // The parts run side by side.
        duration_ns: longest?,
        counts: joined.counts().verdicts,
        exit_code: joined.exit_code(),
    }))
}
