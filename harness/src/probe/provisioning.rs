//! Provisioning through the API: sequences of a target's description, executed before anything
//! else.

use p11assay_reports::evidence::Verdict;

use super::slot_for_provisioning;
use crate::oracle::Reading;
use crate::plan::{Suite, shipped};
use crate::run::job::{job, verdict};
use crate::run::wire::Job;
use crate::run::{Interrupt, Station};
use crate::sequence::Value;
use crate::target::{Credentials, Module, Prepared, RunSequence, SuiteFile, Target};

/// Runs the sequences that a target's provisioning asks for.
///
/// The built-in token without a store lives in its worker's memory: its sequences are kept, and
/// executed in every new worker.
pub(super) struct ProvisioningSequences<'t> {
    target: &'t Target,
    interrupt: &'t Interrupt,
    preparation: Option<(u64, Vec<Job>)>,
}

impl<'t> ProvisioningSequences<'t> {
    /// A runner for a target.
    #[must_use]
    pub(super) fn new(target: &'t Target, interrupt: &'t Interrupt) -> Self {
        Self {
            target,
            interrupt,
            preparation: None,
        }
    }

    /// What every new worker must execute first, and on which slot.
    #[must_use]
    pub(super) fn into_preparation(self) -> Option<(u64, Vec<Job>)> {
        self.preparation
    }

    fn is_volatile(&self) -> bool {
        self.target.module == Module::Builtin && self.target.environment.is_empty()
    }

    fn execute(
        &mut self,
        suite: &Suite,
        prepared: &Prepared,
        credentials: &Credentials,
    ) -> Result<(), String> {
        let mut station = Station::start(self.target, prepared, self.interrupt)
            .map_err(|error| error.to_string())?;
        let earlier = self.preparation.take();
        if let Some((slot, jobs)) = &earlier {
            station.set_slot(*slot);
            station
                .execute(jobs.clone())
                .map_err(|error| error.to_string())?;
        }
        let slot = slot_for_provisioning(&mut station, &self.target.selector)
            .map_err(|error| error.to_string())?;
        station.set_slot(slot);
        let given = given(self.target, credentials, slot, &station);
        let (mut jobs, mut failure) = (Vec::new(), None);
        for (number, case) in suite.cases.iter().enumerate() {
            let job = job(number as u32, case, &given);
            let ran = station
                .execute(vec![job.clone()])
                .map_err(|error| error.to_string())?;
            let judgements = ran
                .iter()
                .map(|ran| verdict(case, &job, ran, Reading::Relaxed));
            failure = judgements
                .filter(|j| j.verdict != Verdict::Pass)
                .find_map(|judgement| {
                    let finding = judgement.findings.first().map(|finding| {
                        let function = finding.function.as_deref().unwrap_or("a call");
                        format!("{function} {}", finding.message)
                    });
                    Some(format!("{}: {}", case.id, judgement.reason.or(finding)?))
                });
            jobs.push(job);
            if failure.is_some() {
                break;
            }
        }
        if let Some(text) = failure {
            return Err(text);
        }
        if self.is_volatile() {
            let mut all = earlier.map_or(Vec::new(), |(_, jobs)| jobs);
            all.extend(jobs);
            all.iter_mut()
                .enumerate()
                .for_each(|(number, job)| job.number = number as u32);
            self.preparation = Some((slot, all));
        }
        if let Some(stray) = station.close().first() {
            let end = crate::oracle::describe_end(&stray.end);
            return Err(format!("the module {end} after provisioning"));
        }
        Ok(())
    }
}

impl RunSequence for ProvisioningSequences<'_> {
    fn run_sequence(
        &mut self,
        file: &SuiteFile,
        prepared: &Prepared,
        credentials: &Credentials,
    ) -> Result<(), String> {
        let suite = match file {
            SuiteFile::File(path) => Suite::read(path).map_err(|error| error.to_string())?,
            SuiteFile::Shipped(path) => shipped::suite(path).map_err(|error| error.to_string())?,
        };
        self.execute(&suite, prepared, credentials)
    }
}

/// What provisioning can refer to: the label is the one the token is to get.
fn given(target: &Target, credentials: &Credentials, slot: u64, station: &Station) -> Value {
    let bytes = |text: &str| Value::Bytes(text.as_bytes().to_vec());
    let label = target.selector.label.as_deref().unwrap_or("p11assay");
    let reported = station.facts().version;
    let (major, minor) = target.version.map_or(reported, |v| (v.major, v.minor));
    let mut fields = vec![
        ("slot".to_owned(), Value::Number(slot)),
        ("label".to_owned(), bytes(label)),
        (
            "serial".to_owned(),
            bytes(target.selector.serial.as_deref().unwrap_or_default()),
        ),
        ("version".to_owned(), Value::Version(major, minor)),
    ];
    for (name, secret) in [("pin", &credentials.pin), ("so-pin", &credentials.so_pin)] {
        if let Some(secret) = secret {
            fields.push((name.to_owned(), bytes(secret.expose())));
        }
    }
    Value::Record(fields)
}
