//! Whether the findings of a run are still there: their reproducers once more, on the module of the run or on another
//! version of it. What became of each is judged by `p11assay_reports::check`; how it is shown is left to `triage`.

use std::path::Path;

use p11assay_reports::cluster::signature;
use p11assay_reports::describe::identity;
use p11assay_reports::evidence::Target;
use p11assay_reports::stream::Evidence;

use super::Failure;
use super::args::Triage;
use super::report::fresh_folder;
use super::run::{fresh_seed, timeout};
use super::session::Session;
use super::target::{names_module, of_run, resolve};
use crate::plan::{Plan, Suite, Waivers};
use crate::run::Patience;

/// Runs the reproducers of a run once more.
pub(super) fn check(args: &Triage, evidence: &Evidence, home: &Path) -> Result<Evidence, Failure> {
    let cases = evidence.cases.iter().filter(|c| signature(c).is_some());
    let files = cases.clone().filter_map(|case| case.reproducer.as_ref());
    let suites: Result<Vec<Suite>, _> = files.map(|file| Suite::read(&home.join(file))).collect();
    let suites = suites.map_err(Failure::usage)?;
    if suites.is_empty() {
        return Err(Failure::usage(
            "the run has no finding with a reproducer: there is nothing to check",
        ));
    }
    let plan = Plan::select(&suites, &[], None).map_err(Failure::usage)?;
    let before = evidence.target.as_ref();
    // Whoever names no module means that of the run: another one would not have its findings, mended or not.
    let given = match names_module(&args.target) {
        true => args.target.clone(),
        false => of_run(before.map_or(&[], |target| &target.arguments), &args.target)?,
    };
    let (mut target, credentials) = resolve(&given)?;
    if let Some(text) = &args.timeout {
        target.call_deadline = timeout("--timeout", text)?;
    }
    let session = Session {
        gate: args.shown.gate.gate(Some(&evidence.started.gate)),
        patience: Patience::of_check(cases.map(|case| (case.id.as_str(), case.confirmed))),
        // What is accepted is still there.
        waivers: Waivers::default(),
        ..Session::new(
            target,
            credentials,
            args.run_dir.clone().unwrap_or_else(fresh_folder),
            fresh_seed(),
            &given,
        )
    };
    let again = session.execute(plan)?;
    if let Some(warning) = another(before, again.target.as_ref()) {
        eprintln!("warning: {warning}");
    }
    Ok(again)
}

/// What there is to say if what was checked is not the module of the run, nor a version of it.
fn another(before: Option<&Target>, now: Option<&Target>) -> Option<String> {
    let (before, now) = (before?, now?);
    let maker = |target: &Target| {
        let info = |name: &str| {
            target
                .info
                .get(name)
                .map_or("", |text| text.trim())
                .to_owned()
        };
        (info("manufacturerID"), info("libraryDescription"))
    };
    let what = if maker(before) != maker(now) {
        "another module does not have its findings, and `fixed` says nothing of those"
    } else if before.name != now.name {
        "both say that they are the same library"
    } else {
        return None;
    };
    let (before, now) = (identity(before), identity(now));
    Some(format!("the run was on {before}; this is {now}: {what}"))
}

/// Which module was checked, and against which.
pub(super) fn compared(evidence: &Evidence, again: &Evidence) -> Vec<String> {
    let (Some(before), Some(now)) = (&evidence.target, &again.target) else {
        return Vec::new();
    };
    let same = match before.sha256 == now.sha256 && before.name == now.name {
        true => "  (the same file)",
        false => "",
    };
    let same = if before.sha256.is_some() { same } else { "" };
    vec![
        format!("the run was on  {}", identity(before)),
        format!("checked on      {}{same}", identity(now)),
    ]
}
