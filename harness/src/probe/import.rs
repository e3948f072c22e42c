//! How keys get into the token: created as they are, or only wrapped, as many that guard their keys will have
//! it. Only tokens that take no key as it is are asked for a way of wrapping one.

use p11assay_reports::evidence::Verdict;

use crate::cryptoki::names::{self, Kind};
use crate::oracle::Reading;
use crate::plan::{ByUnwrap, Capabilities, Case, Plan, shipped};
use crate::run::Station;
use crate::run::job::{job, verdict};
use crate::sequence::Value;

const SUITE: &str = "canaries/import.yaml";

/// Has the keys of the plan's test vectors unwrapped if the token takes none in the clear, and some wrapped;
/// gives what there is to say of it.
pub fn ways_in(
    station: &mut Station,
    plan: &mut Plan,
    target: &Capabilities,
    given: &Value,
) -> Option<String> {
    let vectors = plan
        .cases
        .iter()
        .any(|planned| planned.unmet.is_none() && planned.case.id.starts_with("vectors/"));
    let suite = shipped::suite(SUITE).ok().filter(|_| vectors)?;
    let case = |name: &str| {
        let own = |case: &&Case| case.id.ends_with(&format!("/{name}"));
        let found = suite.cases.iter().find(own)?;
        found.needs.unmet(target).is_none().then_some(found)
    };
    let mut works = |case: &Case| {
        let job = job(0, case, given);
        let ran = station.execute(vec![job.clone()]).ok()?;
        Some(verdict(case, &job, ran.first()?, Reading::Relaxed).verdict == Verdict::Pass)
    };
    if works(case("created")?)? {
        return None;
    }
    let way = ByUnwrap::ALL.into_iter().find(|way| {
        let name = names::display(Kind::MECHANISM, way.0);
        case(&name).and_then(&mut works) == Some(true)
    })?;
    let count = plan.import(way);
    let name = names::display(Kind::MECHANISM, way.0);
    Some(format!(
        "the token creates no keys of given values: those of {count} test vectors are unwrapped with {name}"
    ))
}
