//! Who is asked, and how a batch of questions is answered: those to the target alone at once, relays leg by leg.

use p11assay_reports::evidence::{Finding, Verdict, Why};

use super::question::Question;
use super::relay::{Given, Leg, Side, given, written_out};
use super::table::Property;
use crate::oracle::{Judgement, Reading};
use crate::plan::Case;
use crate::run::job::{job, shared_job, verdict};
use crate::run::wire::Job;
use crate::run::{Ran, Station, StationError};
use crate::sequence::{Sequence, Value};

/// A station, and what its cases know of the target.
pub struct Party {
    /// Where cases are executed.
    pub station: Station,
    /// `$target`.
    pub given: Value,
}

impl Party {
    fn ask(
        &mut self,
        property: &Property,
        questions: &[Question],
    ) -> Result<Vec<(Judgement, Ran)>, StationError> {
        let asked: Vec<(Case, Job)> = questions
            .iter()
            .zip(0..)
            .map(|(question, number)| {
                let case = question.case(property, "case");
                let make = match question.keeps_to_its_session() {
                    true => shared_job,
                    false => job,
                };
                let job = make(number, &case, &self.given);
                (case, job)
            })
            .collect();
        let jobs = asked.iter().map(|(_, job)| job.clone()).collect();
        let ran = self.station.execute(jobs)?.into_iter();
        let judged = asked.iter().zip(ran);
        Ok(judged
            .map(|((case, job), ran)| (verdict(case, job, &ran, Reading::Relaxed), ran))
            .collect())
    }
}

/// What came of a question.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) judgement: Judgement,
    /// The question that the judgement is about: of a relay the leg in which something was wrong, for the target alone.
    pub(super) question: Question,
}

/// Asks questions of a target, and of the reference token what relays want of it.
pub(super) fn judge(
    target: &mut Party,
    mut reference: Option<&mut Party>,
    property: &Property,
    questions: &[Question],
) -> Result<Vec<Judged>, StationError> {
    let mut courses: Vec<Course<'_>> = questions.iter().map(Course::new).collect();
    loop {
        let mut asked = 0;
        for side in [Side::Target, Side::Reference] {
            let party = match side {
                Side::Target => Some(&mut *target),
                Side::Reference => reference.as_deref_mut(),
            };
            let due = courses.iter_mut().filter_map(|course| {
                let question = course.due(side)?;
                Some((course, question))
            });
            let (due, questions): (Vec<_>, Vec<_>) = due.unzip();
            let Some(party) = party.filter(|_| !due.is_empty()) else {
                continue;
            };
            asked += due.len();
            let answers = party.ask(property, &questions)?;
            for ((course, question), answer) in due.into_iter().zip(questions).zip(answers) {
                course.heed(side, question, answer);
            }
        }
        if asked == 0 {
            break;
        }
    }
    Ok(courses.into_iter().map(Course::end).collect())
}

/// A question on its way.
struct Course<'q> {
    question: &'q Question,
    /// The legs that are left, the one that is due first.
    legs: &'q [Leg],
    /// What the legs so far gave.
    given: Given,
    /// The fault that the reference token finds, while the target is asked of it.
    accused: Option<Finding>,
    outcome: Option<Judged>,
}

impl<'q> Course<'q> {
    fn new(question: &'q Question) -> Self {
        Self {
            question,
            legs: &question.legs,
            given: Given::new(),
            accused: None,
            outcome: None,
        }
    }

    /// What this side is to be asked now.
    fn due(&mut self, side: Side) -> Option<Question> {
        if self.outcome.is_some() {
            return None;
        }
        let sequence = match (self.question.is_relay(), self.legs.first()) {
            (false, _) => return (side == Side::Target).then(|| self.question.clone()),
            (true, None) => return None,
            (true, Some(leg)) if self.accused.is_some() => {
                leg.accusation.as_ref().filter(|_| side == Side::Target)?
            }
            (true, Some(leg)) => Some(&leg.sequence).filter(|_| side == leg.side)?,
        };
        match written_out(sequence, &self.given) {
            Ok(sequence) => Some(self.alone(sequence)),
            Err(name) => {
                let reason = format!("no leg gave `{name}`");
                self.conclude(ended(Verdict::HarnessFault, None, reason), None);
                None
            }
        }
    }

    fn alone(&self, sequence: Sequence) -> Question {
        Question {
            sequence,
            legs: Vec::new(),
            ..self.question.clone()
        }
    }

    fn heed(&mut self, side: Side, question: Question, (judgement, ran): (Judgement, Ran)) {
        if !self.question.is_relay() {
            return self.conclude(judgement, Some(question));
        }
        if let Some(fault) = self.accused.take() {
            let judgement = match judgement.verdict {
                // It is another fault each time, or was one by chance.
                Verdict::Pass => found(fault),
                _ => judgement,
            };
            return self.conclude(judgement, Some(question));
        }
        self.given.extend(given(&question.sequence, &ran.trace));
        let leg = &self.legs[0];
        match (judgement.verdict, side) {
            (Verdict::Pass, _) => {
                self.legs = &self.legs[1..];
                if self.legs.is_empty() {
                    self.conclude(judgement, Some(question));
                }
            }
            (_, Side::Target) => self.conclude(judgement, Some(question)),
            (Verdict::Deviation | Verdict::SecurityViolation, _) if leg.accusation.is_some() => {
                self.accused = judgement.findings.into_iter().next();
            }
            _ => self.conclude(not_compared(judgement), Some(question)),
        }
    }

    fn conclude(&mut self, judgement: Judgement, question: Option<Question>) {
        self.outcome = Some(Judged {
            judgement,
            question: question.unwrap_or_else(|| self.question.clone()),
        });
    }

    fn end(self) -> Judged {
        let nobody = || Judged {
            judgement: ended(
                Verdict::HarnessFault,
                None,
                "nobody was there to answer".to_owned(),
            ),
            question: self.question.clone(),
        };
        self.outcome.unwrap_or_else(nobody)
    }
}

fn ended(verdict: Verdict, why: Option<Why>, reason: String) -> Judgement {
    Judgement {
        verdict,
        why,
        reason: Some(reason),
        findings: Vec::new(),
    }
}

/// What the reference token does not do, nobody is measured by; what ends it is the harness's own fault.
fn not_compared(judgement: Judgement) -> Judgement {
    let finding = judgement.findings.first();
    let finding = finding.map(|finding| {
        let function = finding.function.as_deref().unwrap_or("its worker");
        format!("{function} {}", finding.message)
    });
    let reason = judgement.reason.or(finding).unwrap_or_default();
    let reason = format!("the reference token: {reason}");
    match judgement.verdict {
        Verdict::NotApplicable => ended(Verdict::NotApplicable, judgement.why, reason),
        Verdict::Environment => ended(Verdict::Environment, None, reason),
        _ => ended(Verdict::HarnessFault, None, reason),
    }
}

/// What only the reference token finds, and the target does not show when it is asked of it.
fn found(fault: Finding) -> Judgement {
    let message = format!("the reference token finds that {}", fault.message);
    Judgement {
        verdict: fault.verdict,
        why: None,
        reason: None,
        findings: vec![Finding {
            oracle: "cross-use".to_owned(),
            message,
            ..fault
        }],
    }
}
