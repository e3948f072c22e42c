//! The page of a report in a real browser: it works without a console message and without a request, its search
//! finds, its keys work, it fits narrow windows, and 100,000 cases are no burden. With `SCREENSHOTS=DIR`
//! pictures of it are kept, and with `PAGE=FILE` of another page, too.

mod common;

use std::path::{Path, PathBuf};

use common::bench::{bench, estimate};
use common::browser::{Browser, chromium};
use p11assay_reports::evidence::Verdict;
use p11assay_reports::render::render_site;
use p11assay_reports::site::{Moment, Site, SiteRun, Trend};
use p11assay_reports::stream::Evidence;

/// Writes a page of two modules, with benchmarks and a history.
fn page(folder: &Path) -> String {
    let one = common::run(common::every_kind(), &["functions/C_Seed/not-executed"]);
    let mut cases = common::every_kind();
    cases.truncate(3);
    let mut two = common::run(cases, &[]);
    if let Some(target) = &mut two.target {
        (target.name, target.sha256) = ("other".into(), None);
    }
    let run = |evidence| SiteRun {
        folder: "runs/1".into(),
        evidence,
    };
    let benches = [bench("softhsm2", 1.0), bench("other", 2.5)];
    let moments = (1..20).map(|day| Moment {
        started: format!("2026-01-{day:02}T00:00:00Z"),
        median: estimate(if day < 9 { 100.0 } else { 125.0 } + f64::from(day % 3)),
    });
    let trend = Trend {
        target: "softhsm2".into(),
        id: "bench/digest/CKM_SHA256/1KiB".into(),
        cpu: "a processor".into(),
        moments: moments.collect(),
        changes: Vec::new(),
    };
    let site = Site {
        runs: vec![run(&one), run(&two)],
        benches: benches.iter().collect(),
        trends: vec![trend],
        ..Site::default()
    };
    write(&site, &folder.join("page.html"))
}

fn write(site: &Site<'_>, path: &Path) -> String {
    render_site(site, path).expect("written");
    format!("file://{}", path.display())
}

fn text(browser: &mut Browser, id: &str) -> String {
    let value = browser.evaluate(&format!("document.getElementById('{id}').innerText"));
    value.as_str().unwrap_or_default().to_owned()
}

/// Types words into the search, and waits until the list is of them.
fn search(browser: &mut Browser, words: &str) -> String {
    let words = serde_json::to_string(words).expect("JSON");
    browser.evaluate(&format!(
        "(async () => {{ const q = document.getElementById('q'); q.focus(); q.value = {words}; \
         q.dispatchEvent(new Event('input', {{ bubbles: true }})); await new Promise((done) => setTimeout(done, 150)); }})()"
    ));
    text(browser, "status")
}

#[test]
fn the_page_works_without_trouble_and_without_the_network() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let address = page(folder.path());
    let mut browser = Browser::start(&chromium);
    browser.open(&address, 1280, 900, false);
    assert_eq!(
        text(&mut browser, "status"),
        "10 of 14 cases",
        "what asks for attention"
    );
    assert_eq!(search(&mut browser, "lying libsofthsm2"), "0 of 14 cases");
    assert_eq!(
        search(&mut browser, "LYING crash softhsm2"),
        "0 of 14 cases"
    );
    assert_eq!(
        search(&mut browser, "lying-length returned"),
        "0 of 14 cases"
    );
    assert_eq!(search(&mut browser, "lying-length return"), "1 of 14 cases");
    browser.evaluate("document.querySelector('#list details').open = true");
    let shown = text(&mut browser, "list");
    for part in [
        "functions/C_Digest/lying-length",
        "ended by SIGSEGV (SEGV_MAPERR) on read at 0x10",
        "5.13.1 (MUST)",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(
        search(&mut browser, "\"functions/C_SignInit\""),
        "4 of 14 cases"
    );
    browser.evaluate("document.getElementById('all').click()");
    assert_eq!(text(&mut browser, "status"), "8 of 14 cases");
    let kept = browser.evaluate("location.hash");
    browser.open(
        &format!("{address}{}", kept.as_str().unwrap_or_default()),
        1280,
        900,
        false,
    );
    assert_eq!(
        text(&mut browser, "status"),
        "8 of 14 cases",
        "the address keeps the filters"
    );
    browser.evaluate("document.querySelector('#matrix-groups tbody a[data-m=\"1\"]').click()");
    assert_eq!(
        text(&mut browser, "status"),
        "1 of 14 cases",
        "a cell leads to its cases"
    );
    assert_eq!(browser.trouble, Vec::<String>::new());
}

#[test]
fn everything_is_named_and_reached_by_keys() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let address = page(folder.path());
    let mut browser = Browser::start(&chromium);
    browser.open(&address, 1280, 900, false);
    let unnamed = browser.evaluate(
        "[...document.querySelectorAll('input, select, button')].filter((e) => !e.labels?.length && \
         !e.textContent.trim() && !e.ariaLabel).length",
    );
    assert_eq!(unnamed, 0);
    let drawings = "[...document.querySelectorAll('svg')].filter((e) => !e.closest('[aria-hidden=true]') && \
                    !(e.getAttribute('aria-labelledby') ?? '').split(' ').every((id) => document.getElementById(id)))";
    assert_eq!(browser.evaluate(&format!("{drawings}.length")), 0);
    let tables = "[...document.querySelectorAll('table')].filter((e) => !e.caption || !e.querySelector('th[scope]'))";
    assert_eq!(browser.evaluate(&format!("{tables}.length")), 0);
    let twice = "[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, at, all) => all.indexOf(id) !== at)";
    assert_eq!(browser.evaluate(twice), serde_json::json!([]));
    browser.evaluate(
        "document.dispatchEvent(new KeyboardEvent('keydown', { key: '/', bubbles: true }))",
    );
    assert_eq!(browser.evaluate("document.activeElement.id"), "q");
}

#[test]
fn nothing_is_wider_than_a_narrow_window() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let address = page(folder.path());
    let mut browser = Browser::start(&chromium);
    for (name, width, dark) in [
        ("light", 1280, false),
        ("dark", 1280, true),
        ("narrow", 380, false),
    ] {
        browser.open(&address, width, 900, dark);
        let wide = browser.evaluate("document.documentElement.scrollWidth - window.innerWidth");
        assert!(wide.as_i64() <= Some(0), "{name}: {wide} too wide");
        keep(&mut browser, name);
    }
    let light = browser.evaluate("getComputedStyle(document.body).backgroundColor");
    browser.open(&address, 1280, 900, true);
    let dark = browser.evaluate("getComputedStyle(document.body).backgroundColor");
    assert_ne!(light, dark);
    if let Some(other) = std::env::var_os("PAGE") {
        let address = format!("file://{}", Path::new(&other).display());
        for (name, width, dark) in [
            ("other-light", 1280, false),
            ("other-dark", 1280, true),
            ("other-narrow", 380, false),
        ] {
            browser.open(&address, width, 1000, dark);
            keep(&mut browser, name);
        }
    }
}

/// Pictures of the sections of the page, if they are wanted.
fn keep(browser: &mut Browser, name: &str) {
    let Some(folder) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else {
        return;
    };
    std::fs::create_dir_all(&folder).expect("a folder");
    for section in [
        "summary",
        "cases",
        "matrix",
        "groups",
        "coverage",
        "performance",
        "sizes",
        "threads",
        "history",
    ] {
        let show = format!(
            "(() => {{ const e = document.getElementById('{section}'); if (!e) return false; \
             const more = e.nextElementSibling; if (more?.tagName === 'DETAILS') more.open = true; \
             document.documentElement.style.scrollBehavior = 'auto'; e.scrollIntoView(); \
             document.querySelector('#list details')?.setAttribute('open', ''); return true; }})()"
        );
        if browser.evaluate(&show) == true {
            let picture = browser.screenshot();
            std::fs::write(folder.join(format!("{name}-{section}.png")), picture)
                .expect("a picture");
        }
    }
}

/// A run of so many cases, one of twenty with a finding and its calls.
fn large(count: usize) -> Evidence {
    let cases = (0..count).map(|number| {
        let id = format!("mechanisms/CKM_{}/case-{number}", number / 40);
        if number % 20 > 0 {
            let mut case = common::case(
                &id,
                if number % 3 > 0 {
                    Verdict::Pass
                } else {
                    Verdict::NotApplicable
                },
            );
            case.title = format!(
                "What mechanism {} does with input {}",
                number / 40,
                number % 40
            );
            return case;
        }
        let mut case = common::deviation();
        case.id = id;
        case
    });
    common::run(cases.collect(), &[])
}

#[test]
fn a_hundred_thousand_cases_are_searched_within_a_tenth_of_a_second() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let evidence = large(100_000);
    let site = Site {
        runs: vec![SiteRun {
            folder: "runs/1".into(),
            evidence: &evidence,
        }],
        ..Site::default()
    };
    let begin = std::time::Instant::now();
    let address = write(&site, &folder.path().join("large.html"));
    let rendered = begin.elapsed();
    let mut browser = Browser::start(&chromium);
    browser.open(&address, 1280, 900, false);
    browser.evaluate("document.getElementById('all').click()");
    assert_eq!(text(&mut browser, "status"), "100,000 cases");
    let ready =
        browser.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd");
    browser.count_time_of_processor();
    let words = [
        "case-77",
        "input 3",
        "CKR_OPERATION_ACTIVE",
        "\"mechanisms/CKM_12\"",
        "",
        "no such words",
        "deviation signinit",
    ];
    // The best of some, in time of the processor: the machine has other things to do.
    let times = words.map(|words| {
        let words = serde_json::to_string(words).expect("text");
        let search = format!(
            "document.getElementById('q').value = {words}; \
             document.getElementById('filters').dispatchEvent(new Event('change')); document.body.offsetHeight"
        );
        let times = (0..5).map(|_| {
            let before = browser.time_of_processor();
            browser.evaluate(&search);
            (browser.time_of_processor() - before) * 1000.0
        });
        times.fold(f64::INFINITY, f64::min)
    });
    eprintln!(
        "100,000 cases: written in {rendered:?}, ready after {ready} ms, searched in {times:.0?} ms"
    );
    assert!(times.iter().all(|time| *time < 100.0), "{times:?}");
    assert_eq!(browser.trouble, Vec::<String>::new());
}
