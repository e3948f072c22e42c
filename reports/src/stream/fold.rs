//! Folds the events of a stream, resumed or not, into one picture of the run. It keeps every
//! contradiction it meets as a warning, since a finding must not vanish between two parts of a
//! run.

use crate::counts::Counts;
use crate::evidence::{
    Case, Event, Interrupted, Note, Plan, RunFinished, RunStarted, Tally, Target,
};
use crate::exit::{NOTHING_SELECTED, PASSED, exit_code};
use std::collections::{BTreeSet, HashMap, HashSet};

/// All that is known of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The head of the run's first part, with the gate of the last.
    pub started: RunStarted,
    /// How many times the run was resumed.
    pub resumes: usize,
    /// The target, as its last description says; absent if the run ended before the probe.
    pub target: Option<Target>,
    /// The plan: the cases of all parts in the order of their first mention.
    pub plan: Option<Plan>,
    /// Cases in the order of their first record; each id once, the last record of it.
    pub cases: Vec<Case>,
    /// What was called, in all parts; nothing of a part that was killed.
    pub tally: Tally,
    /// Remarks that belong to no case.
    pub notes: Vec<Note>,
    /// Set if the run was stopped from outside and not resumed since.
    pub interrupted: Option<Interrupted>,
    /// Set if the run (or its last part) came to its end.
    pub finished: Option<RunFinished>,
    /// True if the stream ends within a line: the run was killed while writing it.
    pub torn: bool,
    /// Events of kinds not known here (a newer p11assay of the same format wrote them).
    pub unknown_events: usize,
    /// What a reader of the evidence should know of the stream itself, one sentence each.
    pub warnings: Vec<String>,
}

impl Evidence {
    /// Cases by how they ended, and how many were not executed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts: Counts = self.cases.iter().collect();
        counts.not_executed = self.remaining().len();
        counts.expired_waivers = self.expired_waivers().len();
        counts
    }

    /// The exit code of the run.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        let code = exit_code(&self.counts(), &self.started.gate);
        let shard = self.plan.as_ref().and_then(|plan| plan.shard.as_ref());
        // A part of a plan may be empty without anybody having chosen nothing.
        match shard {
            Some(shard) if code == NOTHING_SELECTED && !shard.whole.is_empty() => PASSED,
            _ => code,
        }
    }

    /// What the run remarked on waivers that have expired; a resumed run remarks on each once more.
    #[must_use]
    pub fn expired_waivers(&self) -> BTreeSet<&str> {
        let notes = self.notes.iter();
        let expired = notes.filter(|note| note.kind == Note::EXPIRED_WAIVER);
        expired.map(|note| note.text.as_str()).collect()
    }

    /// Ids that were planned but not executed, in the order of the plan.
    #[must_use]
    pub fn remaining(&self) -> Vec<&str> {
        let Some(plan) = &self.plan else {
            return Vec::new();
        };
        // As good as always: whole, and in the order of the plan.
        let same = |(case, id): (&Case, &String)| case.id == *id;
        if self.cases.len() == plan.cases.len() && self.cases.iter().zip(&plan.cases).all(same) {
            return Vec::new();
        }
        let done: HashSet<&str> = self.cases.iter().map(|case| case.id.as_str()).collect();
        let ids = plan.cases.iter().map(String::as_str);
        ids.filter(|id| !done.contains(id)).collect()
    }

    /// Wall-clock time of the run where it is known, else the sum over its cases; nanoseconds.
    /// The time of a resumed run is that of its cases, since its parts lie apart.
    #[must_use]
    pub fn duration_ns(&self) -> u64 {
        match &self.finished {
            Some(finished) if self.resumes == 0 => finished.duration_ns,
            _ => self
                .cases
                .iter()
                .fold(0, |sum, case| sum.saturating_add(case.duration_ns)),
        }
    }
}

/// Takes events one by one; [`Fold::finish`] gives the [`Evidence`].
#[derive(Debug, Default)]
pub struct Fold {
    evidence: Option<Evidence>,
    case_index: HashMap<String, usize>,
    planned: HashSet<String>,
}

impl Fold {
    /// Takes the next event. Events before the first [`Event::RunStarted`] are dropped: a stream
    /// has none (the reader refuses it).
    pub fn push(&mut self, event: Event) {
        let Some(evidence) = &mut self.evidence else {
            if let Event::RunStarted(started) = event {
                self.evidence = Some(begin(started));
            }
            return;
        };
        match event {
            Event::RunStarted(started) => resume(evidence, &started),
            Event::Target(target) => take_target(evidence, *target),
            Event::Plan(plan) => take_plan(evidence, &mut self.planned, plan),
            Event::Case(case) => take_case(evidence, &mut self.case_index, *case),
            Event::Tally(tally) => evidence.tally.add(tally),
            Event::Note(note) => evidence.notes.push(note),
            Event::Interrupted(interrupted) => evidence.interrupted = Some(interrupted),
            Event::RunFinished(finished) => evidence.finished = Some(finished),
        }
    }

    /// The picture of the run; `None` if it never began. `torn` and `unknown_events` are what
    /// the reader saw (false and 0 for events that come from no file).
    #[must_use]
    pub fn finish(self, torn: bool, unknown_events: usize) -> Option<Evidence> {
        let mut evidence = self.evidence?;
        evidence.torn = torn;
        evidence.unknown_events = unknown_events;
        if torn {
            let warning = "the last line of the stream is torn: the run was killed writing it";
            evidence.warnings.push(warning.to_owned());
        }
        if unknown_events > 0 {
            evidence.warnings.push(format!(
                "{unknown_events} events are of kinds this p11assay does not know"
            ));
        }
        Some(evidence)
    }
}

fn begin(started: RunStarted) -> Evidence {
    Evidence {
        started,
        resumes: 0,
        target: None,
        plan: None,
        cases: Vec::new(),
        tally: Tally::default(),
        notes: Vec::new(),
        interrupted: None,
        finished: None,
        torn: false,
        unknown_events: 0,
        warnings: Vec::new(),
    }
}

fn resume(evidence: &mut Evidence, again: &RunStarted) {
    evidence.resumes += 1;
    evidence.interrupted = None;
    evidence.finished = None;
    evidence.started.gate.clone_from(&again.gate);
    let first = &evidence.started;
    if first.version != again.version {
        evidence.warnings.push(format!(
            "the run was begun by p11assay {} and resumed by {}",
            first.version, again.version
        ));
    }
    if first.seed != again.seed {
        evidence.warnings.push(format!(
            "the run was begun with seed {} and resumed with {}: its cases are not of one sequence",
            first.seed, again.seed
        ));
    }
}

fn take_target(evidence: &mut Evidence, target: Target) {
    let before = evidence.target.as_ref();
    if before.is_some_and(|before| before.sha256 != target.sha256 || before.name != target.name) {
        let warning = "the target's module changed between the parts of the run: \
                       its cases are not about one module";
        evidence.warnings.push(warning.to_owned());
    }
    evidence.target = Some(target);
}

fn take_plan(evidence: &mut Evidence, planned: &mut HashSet<String>, plan: Plan) {
    let all = evidence.plan.get_or_insert_with(|| Plan {
        suites: Vec::new(),
        cases: Vec::new(),
        reading: plan.reading.clone(),
        shard: plan.shard.clone(),
    });
    if all.shard != plan.shard {
        let warning =
            "the run was resumed with another part of a shared plan than it was begun with";
        evidence.warnings.push(warning.to_owned());
    }
    if all.reading != plan.reading {
        evidence.warnings.push(format!(
            "the run was begun with the {} reading and resumed with the {} one",
            all.reading, plan.reading
        ));
    }
    for suite in plan.suites {
        if !all.suites.contains(&suite) {
            all.suites.push(suite);
        }
    }
    for case in plan.cases {
        if planned.insert(case.clone()) {
            all.cases.push(case);
        }
    }
}

fn take_case(evidence: &mut Evidence, index: &mut HashMap<String, usize>, case: Case) {
    let gravest = case.findings.iter().map(|finding| finding.verdict).max();
    if let Some(gravest) = gravest.filter(|v| v.is_finding() && *v > case.verdict) {
        evidence.warnings.push(format!(
            "case {} was recorded as {}, but has a finding of a {}",
            case.id,
            case.verdict.name(),
            gravest.name()
        ));
    }
    let Some(at) = index.get(&case.id) else {
        index.insert(case.id.clone(), evidence.cases.len());
        evidence.cases.push(case);
        return;
    };
    let before = std::mem::replace(&mut evidence.cases[*at], case);
    let after = &evidence.cases[*at];
    if before.verdict.is_finding() && !after.verdict.is_finding() {
        evidence.warnings.push(format!(
            "case {} was recorded as {} first and as {} later: it may depend on chance",
            before.id,
            before.verdict.name(),
            after.verdict.name()
        ));
    }
}
