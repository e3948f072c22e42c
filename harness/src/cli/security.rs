//! `p11assay security`: the published attacks, the security properties that the standard promises, and a
//! search for ways to keys that must not be revealed, on one target.

use std::io::Write;

use p11assay_reports::evidence::{Class, Clause, Level, Verdict};
use p11assay_reports::stream::Evidence;
use p11assay_reports::terminal::{Style, Verbosity, case_line};

use super::Failure;
use super::args::{Part, Security};
use super::progress::color;
use super::report::{finish, fresh_folder};
use super::run::{fresh_seed, timeout, waivers};
use super::select::all;
use super::session::Session;
use super::target::{at_disposal, resolve};
use crate::plan::shipped::runs_last;
use crate::plan::{Capabilities, Case, Filter, Plan, Planned, Suite, Unmet};
use crate::probe::{self, ProbeError, Token};
use crate::run::{Interrupt, Station, stray};
use crate::security::search::{self, Answer, Found};
use crate::security::timing;
use crate::sequence::Value;
use crate::target::{Credentials, Target};

/// The folder of suites of attacks, and of what is found beside them.
const ATTACKS: &str = "security/";

/// Attacks a target, and reports.
pub(super) fn security(args: &Security) -> Result<i32, Failure> {
    args.shown.reports.ensure_writable()?;
    let filter = args.filter.as_deref().map(Filter::parse).transpose();
    let filter = filter.map_err(Failure::usage)?;
    let (mut target, credentials) = resolve(&args.target)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    at_disposal(&target, &credentials, "an attack")?;
    let waivers = waivers(&target, Vec::new())?;
    let folder = args.run_dir.clone().unwrap_or_else(fresh_folder);
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let suites = all()?;
    let mut plan = plan(&suites, &args.only, filter.as_ref());
    if args.only.contains(&Part::Search) || args.only.contains(&Part::Timing) {
        let found = found(args, filter.as_ref(), &target, &credentials, seed)?;
        put_in(&mut plan, found);
    }
    let session = Session {
        gate: args.shown.gate.gate(None),
        waivers,
        // The report tells all at the end.
        verbosity: Verbosity::Quiet,
        ..Session::new(target, credentials, folder, seed, &args.target)
    };
    let evidence = session.execute(plan)?;
    args.shown.reports.write(&evidence)?;
    show(&evidence, args.shown.output.verbosity());
    Ok(finish(&evidence, &args.shown.output))
}

/// The cases that are there already: attacks, and security properties among all the others.
fn plan(suites: &[Suite], only: &[Part], filter: Option<&Filter>) -> Plan {
    let wanted = |case: &Case| {
        let part = match case.attack {
            Some(_) => Part::Attacks,
            None => Part::Properties,
        };
        let secures = case.attack.is_some() || case.level == Level::Security;
        secures && only.contains(&part) && filter.is_none_or(|filter| filter.matches(case))
    };
    let chosen = |suite: &&Suite| suite.cases.iter().any(wanted);
    let chosen: Vec<&Suite> = suites.iter().filter(chosen).collect();
    let cases = chosen.iter().flat_map(|suite| &suite.cases);
    Plan {
        files: chosen.iter().map(|suite| suite.file.clone()).collect(),
        cases: cases
            .filter(|case| wanted(case))
            .map(|case| Planned {
                case: case.clone(),
                unmet: None,
            })
            .collect(),
        shard: None,
    }
}

/// Puts cases before the suites that come last, which leave a token without the PINs that these need.
fn put_in(plan: &mut Plan, found: Vec<Planned>) {
    let is_last = |planned: &Planned| {
        let suite = planned.case.id.rsplit_once('/');
        suite.is_some_and(|(suite, _)| runs_last(suite))
    };
    let all = plan.cases.len();
    let before = plan.cases.iter().position(is_last).unwrap_or(all);
    plan.cases.splice(before..before, found);
}

/// What the search found, and what time told.
fn found(
    args: &Security,
    filter: Option<&Filter>,
    target: &Target,
    credentials: &Credentials,
    seed: u64,
) -> Result<Vec<Planned>, Failure> {
    let interrupt = Interrupt::default();
    let _signal = super::session::watch_signals(&interrupt)?;
    let unusable = |error: &dyn std::fmt::Display| {
        let text = credentials.redactor().text(&error.to_string());
        Failure::target(format!("target `{}` cannot be tested: {text}", target.name))
    };
    let (_token, mut station, given, capabilities) =
        reach(target, credentials, &interrupt).map_err(|error| unusable(&error))?;
    let mut cases = Vec::new();
    if args.only.contains(&Part::Search) {
        let answers = search::search(&mut station, &given);
        let answers = answers.map_err(|error| unusable(&error))?;
        cases.push(looked_at(&answers));
        cases.extend(answers.into_iter().flat_map(of_search));
    }
    if args.only.contains(&Part::Timing) {
        let settings = timing::Settings {
            rounds: usize::from(args.rounds),
            seed,
        };
        let wanted = |id: &str| filter.is_none_or(|filter| filter.matches_id(id));
        let told = timing::measure(&mut station, &given, &settings, &capabilities, wanted);
        let told = told.map_err(|error| unusable(&error))?;
        cases.extend(told.into_iter().map(of_timing));
    }
    let redactor = credentials.redactor();
    let strays = station.take_strays();
    let strays = strays.iter();
    cases.extend(strays.map(|stray| stray::settled(stray, "", &redactor)));
    Ok(cases)
}

fn reach(
    target: &Target,
    credentials: &Credentials,
    interrupt: &Interrupt,
) -> Result<(Token, Station, Value, Capabilities), ProbeError> {
    let (token, mut station) = probe::reach(target, credentials, interrupt, false)?;
    let probe = probe::probe(&mut station, target, credentials)?;
    station.skip_audit();
    let given = probe.given(credentials);
    let capabilities = probe.capabilities(target);
    Ok((token, station, given, capabilities))
}

/// A case for the search itself: whether the target could be searched at all, and what was looked at.
fn looked_at(answers: &[Answer]) -> Planned {
    let of = |answer: &Answer| {
        let (Found::Ways {
            looked_at: text, ..
        }
        | Found::NoKey(text)) = &answer.found;
        format!("{}: {text}", answer.protection)
    };
    let reason = answers.iter().map(of).collect::<Vec<_>>().join("; ");
    let searched = |answer: &Answer| matches!(answer.found, Found::Ways { .. });
    let verdict = match answers.iter().any(searched) {
        true => Verdict::Pass,
        false => Verdict::NotApplicable,
    };
    let id = format!("{}/looked-at", search::FOLDER);
    let title = "The target can be searched for ways to keys that must not be revealed".to_owned();
    settled(&id, "4.11", title, verdict, reason)
}

/// The ways that were found, or a case that says that there was none, or why none could be looked for.
fn of_search(answer: Answer) -> Vec<Planned> {
    let (id, title) = (answer.id(), answer.title());
    let told = |verdict, reason| vec![settled(&id, "4.11", title, verdict, reason)];
    match answer.found {
        Found::NoKey(reason) => told(Verdict::NotApplicable, reason),
        Found::Ways { cases, looked_at } if cases.is_empty() => {
            told(Verdict::Pass, format!("no way was found: {looked_at}"))
        }
        Found::Ways { cases, .. } => {
            let cases = cases.into_iter();
            cases.map(|case| Planned { case, unmet: None }).collect()
        }
    }
}

fn of_timing(told: timing::Told) -> Planned {
    let verdict = match told.differs {
        Some(true) => Verdict::PermittedButWeak,
        Some(false) => Verdict::Pass,
        None => Verdict::NotApplicable,
    };
    settled(&told.id, told.clause, told.title, verdict, told.account)
}

/// A case whose verdict is there before the run.
fn settled(id: &str, section: &str, title: String, verdict: Verdict, reason: String) -> Planned {
    let clause = Clause {
        document: "PKCS11-Base".to_owned(),
        version: "3.2".to_owned(),
        section: section.to_owned(),
    };
    let case = Case {
        level: Level::Security,
        class: Class::B,
        ..Case::without_calls(id.to_owned(), title, clause)
    };
    let unmet = Some(Unmet {
        verdict,
        why: None,
        reason,
    });
    Planned { case, unmet }
}

/// Every attack with its verdict and why; of the properties only what does not hold.
fn show(evidence: &Evidence, verbosity: Verbosity) {
    if verbosity == Verbosity::Quiet {
        return;
    }
    let style = Style {
        color: color(),
        verbosity,
    };
    let lines = evidence.cases.iter().filter_map(|case| {
        let attack = case.id.starts_with(ATTACKS);
        let style = match attack {
            true => Style {
                verbosity: Verbosity::Verbose,
                ..style
            },
            false => style,
        };
        let mut case = case.clone();
        if verbosity != Verbosity::Verbose {
            case.trace.clear();
        }
        case_line(&case, style)
    });
    let text: Vec<String> = lines.collect();
    let _ = writeln!(std::io::stdout(), "{}", text.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::permission::Protection;

    fn no_key(protection: Protection) -> Answer {
        let found = Found::NoKey("the token generates no such key".to_owned());
        Answer { protection, found }
    }

    fn no_way(protection: Protection) -> Answer {
        let found = Found::Ways {
            cases: Vec::new(),
            looked_at: "3 of 215 permissions hold".to_owned(),
        };
        Answer { protection, found }
    }

    fn verdict(planned: &Planned) -> (Verdict, &str) {
        let unmet = planned.unmet.as_ref().expect("a verdict before the run");
        (unmet.verdict, &unmet.reason)
    }

    #[test]
    fn what_was_found_runs_before_suites_that_take_the_pins_away() {
        let suites = all().expect("the shipped suites");
        let mut plan = plan(&suites, &[Part::Attacks, Part::Properties], None);
        put_in(&mut plan, of_search(no_way(Protection::ALL[0])));
        let at = |id: &str| plan.cases.iter().position(|one| one.case.id.contains(id));
        let found = at(search::FOLDER).expect("it is in the plan");
        let lasts = ["life/wrong-pin/", "life/pin/", "life/init-token/"].map(at);
        assert!(
            lasts
                .iter()
                .all(|last| last.is_some_and(|last| found < last))
        );
    }

    #[test]
    fn a_key_that_there_is_not_is_not_applicable_and_one_that_stays_inside_passes() {
        let [kind, ..] = Protection::ALL;
        let told = of_search(no_key(kind));
        let expected = (Verdict::NotApplicable, "the token generates no such key");
        assert_eq!(told.iter().map(verdict).collect::<Vec<_>>(), [expected]);
        let told = of_search(no_way(kind));
        let expected = (Verdict::Pass, "no way was found: 3 of 215 permissions hold");
        assert_eq!(told.iter().map(verdict).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn a_search_that_had_no_key_to_look_for_looked_at_nothing() {
        let [one, other, ..] = Protection::ALL;
        let told = looked_at(&[no_key(one), no_key(other)]);
        let (nothing, reason) = verdict(&told);
        assert_eq!(nothing, Verdict::NotApplicable);
        assert!(reason.contains("no such key"), "{reason}");
        let told = looked_at(&[no_key(one), no_way(other)]);
        let (something, reason) = verdict(&told);
        assert_eq!(something, Verdict::Pass);
        assert!(reason.contains("no such key") && reason.contains("permissions hold"));
    }
}
