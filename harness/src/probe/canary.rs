//! Canaries: whether the host lets algorithms work that the token lists. A module that leaves its
//! algorithms to a library of the host lists what it was built for, not what that library does today.

use p11assay_reports::evidence::Verdict;

use crate::oracle::Reading;
use crate::plan::{Capabilities, Plan, Planned, Trouble, shipped};
use crate::run::Station;
use crate::run::job::{job, verdict};
use crate::sequence::Value;

/// What keeps single DES and the like from a module: OSSL_PROVIDER-LEGACY(7) of OpenSSL 3.
const LEGACY: &str = "if the module uses OpenSSL 3, activate its legacy provider in the file that \
                      OPENSSL_CONF names";
/// What keeps MD5 from one.
const APPROVED: &str = "if the host is in FIPS mode, it does not work there";

/// What one canary stands for: its id, the beginnings of names of mechanisms, and what to mend.
type Canary = (&'static str, &'static [&'static str], &'static str);

const CANARIES: &[Canary] = &[
    ("des", &["CKM_DES_"], LEGACY),
    ("blowfish", &["CKM_BLOWFISH_"], LEGACY),
    ("cast128", &["CKM_CAST128_"], LEGACY),
    ("idea", &["CKM_IDEA_"], LEGACY),
    ("seed", &["CKM_SEED_"], LEGACY),
    ("rc4", &["CKM_RC4"], LEGACY),
    ("md2", &["CKM_MD2"], LEGACY),
    ("md5", &["CKM_MD5"], APPROVED),
    ("ripemd160", &["CKM_RIPEMD160"], LEGACY),
];

/// The algorithms that cases of the plan need, that the token lists, and that do not work at all. A
/// canary that ends in any other way says nothing: the cases themselves will.
#[must_use]
pub fn troubles(
    station: &mut Station,
    plan: &Plan,
    target: &Capabilities,
    given: &Value,
) -> Vec<Trouble> {
    let Ok(suite) = shipped::suite("canaries/host.yaml") else {
        return Vec::new();
    };
    let cases = suite.cases.iter().filter_map(|case| {
        let own = |(id, ..): &&Canary| case.id.ends_with(&format!("/{id}"));
        Some((case, CANARIES.iter().find(own)?))
    });
    let asked: Vec<_> = cases
        .filter(|(case, _)| case.needs.unmet(target).is_none())
        .filter(|(_, (_, prefixes, _))| concerns(plan, prefixes))
        .collect();
    let jobs: Vec<_> = asked
        .iter()
        .zip(0..)
        .map(|((case, _), n)| job(n, case, given))
        .collect();
    let Ok(ran) = station.execute(jobs.clone()) else {
        return Vec::new();
    };
    let ended = asked.into_iter().zip(&jobs).zip(&ran);
    ended
        .filter_map(|(((case, (_, prefixes, advice)), job), ran)| {
            let judgement = verdict(case, job, ran, Reading::Relaxed);
            let finding = judgement.findings.first()?;
            if judgement.verdict != Verdict::Deviation {
                return None;
            }
            let function = finding.function.as_deref().unwrap_or_default();
            let (title, message) = (&case.title, &finding.message);
            let reason = format!("the canary `{title}` failed: {function} {message}; {advice}");
            Some(Trouble { prefixes, reason })
        })
        .collect()
}

/// True if a case of the plan that is to be executed needs such a mechanism.
fn concerns(plan: &Plan, prefixes: &'static [&'static str]) -> bool {
    let trouble = Trouble {
        prefixes,
        reason: String::new(),
    };
    let target = Capabilities {
        troubles: vec![trouble],
        ..Capabilities::default()
    };
    let applies = |planned: &&Planned| planned.unmet.is_none();
    let mut needs = plan
        .cases
        .iter()
        .filter(applies)
        .flat_map(|planned| &planned.case.needs.mechanisms);
    needs.any(|need| target.trouble(need.mechanism).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canary_has_its_case_and_is_about_what_the_case_uses() {
        let suite = shipped::suite("canaries/host.yaml").expect("the canaries");
        assert_eq!(suite.cases.len(), CANARIES.len());
        for (case, (id, prefixes, _)) in suite.cases.iter().zip(CANARIES) {
            assert_eq!(case.id, format!("canaries/host/{id}"));
            let target = Capabilities {
                troubles: vec![Trouble {
                    prefixes,
                    reason: String::new(),
                }],
                ..Capabilities::default()
            };
            let need = &case.needs.mechanisms[0];
            assert!(target.trouble(need.mechanism).is_some(), "{id}");
        }
    }
}
