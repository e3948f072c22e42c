//! The page of a report: what is on it, and that nothing which a module wrote becomes markup or script.

mod common;

use common::bench::bench;
use p11assay_reports::bench::Run;
use p11assay_reports::evidence::Verdict;
use p11assay_reports::site::{Change, Moment, Site, SiteRun, Trend};
use p11assay_reports::stream::Evidence;

fn page(site: &Site<'_>) -> String {
    let mut page = Vec::new();
    site.write(&mut page).expect("written to memory");
    String::from_utf8(page).expect("UTF-8")
}

fn run(evidence: &Evidence) -> SiteRun<'_> {
    SiteRun {
        folder: "runs/1".into(),
        evidence,
    }
}

/// The page with a line for each element, without style and script.
fn shown(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(start) = rest.find("<style>").or_else(|| rest.find("<script>")) {
        out += &rest[..start];
        let end = rest[start..].find("</s").expect("an end");
        rest = &rest[start + end..];
    }
    out += rest;
    // The hashes of style and script change with every change of these.
    let policy = out.find("style-src").expect("a policy");
    let end = policy + out[policy..].find("\">").expect("its end");
    out.replace_range(policy..end, "...");
    out.replace("><", ">\n<")
}

fn trend() -> Trend {
    let moment = |day: u32| Moment {
        started: format!("2026-01-{day:02}T00:00:00Z"),
        median: common::bench::estimate(f64::from(day) * 100.0),
    };
    Trend {
        target: "softhsm2".into(),
        id: "bench/digest/CKM_SHA256/1KiB".into(),
        cpu: "a processor".into(),
        moments: (1..=3).map(moment).collect(),
        changes: vec![Change {
            since: "2026-01-02T00:00:00Z".into(),
            version: "2.7".into(),
            before: 100.0,
            after: 250.0,
        }],
    }
}

#[test]
fn the_whole_page_of_every_kind_is_as_shown() {
    let evidence = common::run(common::every_kind(), &["functions/C_Seed/not-executed"]);
    let site = Site {
        runs: vec![run(&evidence)],
        ..Site::default()
    };
    insta::assert_snapshot!("cases", shown(&page(&site)));
}

#[test]
fn the_whole_page_of_benchmarks_is_as_shown() {
    let (one, two) = (bench("builtin", 1.0), bench("softhsm2", 3.0));
    let site = Site {
        benches: vec![&one, &two],
        trends: vec![trend()],
        ..Site::default()
    };
    insta::assert_snapshot!("benchmarks", shown(&page(&site)));
}

#[test]
fn two_modules_are_two_columns_and_two_runs_of_one_are_one() {
    let one = common::run(vec![common::case("a/b/c", Verdict::Pass)], &[]);
    let again = common::run(vec![common::case("a/b/d", Verdict::Crash)], &[]);
    let mut other = common::run(vec![common::case("a/b/c", Verdict::Deviation)], &[]);
    if let Some(target) = &mut other.target {
        target.sha256 = Some("cd".repeat(32));
        target.info.insert("libraryVersion".into(), "2.7".into());
    }
    let site = Site {
        runs: vec![run(&one), run(&again), run(&other)],
        ..Site::default()
    };
    let page = page(&site);
    assert!(
        page.contains("Report on softhsm2 2.6, softhsm2 2.7"),
        "both have one name"
    );
    assert!(page.contains("1 crash</a> <span class=\"rest\">1 pass</span>"));
    assert!(page.contains("1 deviation</a>"));
}

/// Every string of a run that comes from a module, set to what would do harm.
fn hostile(evidence: &mut Evidence, harm: &str) {
    let target = evidence.target.as_mut().expect("a target");
    for value in target.info.values_mut().chain(target.token.values_mut()) {
        *value = harm.into();
    }
    for text in [&mut target.name, &mut target.module] {
        *text = harm.into();
    }
    target.sha256 = Some(harm.into());
    evidence.warnings.push(harm.into());
    for case in &mut evidence.cases {
        case.id = format!("a/{harm}/b");
        for text in [&mut case.title, &mut case.stdout, &mut case.stderr] {
            *text = harm.into();
        }
        for text in [
            &mut case.reason,
            &mut case.replay,
            &mut case.reproducer,
            &mut case.waived,
        ] {
            *text = text.as_ref().map(|_| harm.into());
        }
        for finding in &mut case.findings {
            finding.message = harm.into();
            finding.function = Some(harm.into());
            finding.permitted = vec![harm.into()];
        }
        for call in &mut case.trace {
            call.returned = Some(harm.into());
            call.arguments.insert(harm.into(), harm.into());
        }
    }
}

fn hostile_bench(harm: &str) -> Run {
    let mut run = bench(harm, 1.0);
    run.machine.cpu = harm.into();
    run.remarks.push(harm.into());
    for entry in &mut run.entries {
        entry.id = format!("bench/{harm}/{}", entry.id);
    }
    run
}

#[test]
fn nothing_that_a_module_wrote_becomes_markup_script_or_turned_text() {
    let harm = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script><!--\u{202e}\u{1b}[2J]]>";
    let mut evidence = common::run(common::every_kind(), &[]);
    hostile(&mut evidence, harm);
    let bench = hostile_bench(harm);
    let mut hostile_trend = trend();
    (hostile_trend.target, hostile_trend.id) = (harm.into(), harm.into());
    hostile_trend.changes[0].version = harm.into();
    let site = Site {
        runs: vec![run(&evidence)],
        benches: vec![&bench],
        trends: vec![hostile_trend],
        ..Site::default()
    };
    let page = page(&site);
    for mark in ["<img", "<script>alert", "<!--", "\u{202e}", "\u{1b}"] {
        assert!(!page.contains(mark), "{mark}");
    }
    let plain = self::page(&Site {
        runs: vec![run(&common::run(common::every_kind(), &[]))],
        benches: vec![&common::bench::bench("x", 1.0)],
        trends: vec![trend()],
        ..Site::default()
    });
    for element in ["</script", "<script", "<style", "<h1", "<article"] {
        let count = |page: &str| page.matches(element).count();
        assert_eq!(count(&page), count(&plain), "{element}");
    }
}
