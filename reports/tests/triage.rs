//! The page of findings: it is in the frame of the page of a report, a group has its findings by what is odd about
//! their arguments, and nothing that a module wrote becomes markup.

mod common;

use common::browser::{Browser, chromium};
use p11assay_reports::evidence::{Case, Verdict};
use p11assay_reports::site::{Site, SiteRun};
use p11assay_reports::stream::Evidence;
use p11assay_reports::triage::{self, Beside};

/// A run that shows one deviation three times, in two shapes, and a crash.
fn run() -> Evidence {
    let mut cases = common::every_kind();
    for (id, shape) in [("again", "key <destroyed>"), ("twice", "key dangling")] {
        let mut case = common::deviation();
        case.id = format!("functions/C_SignInit/{id}");
        case.findings[0].shape = vec![shape.to_owned()];
        cases.push(case);
    }
    common::run(cases, &[])
}

fn page(beside: &dyn Fn(&Case) -> Beside) -> String {
    let mut page = Vec::new();
    triage::write(&run(), None, beside, &mut page).expect("written to memory");
    String::from_utf8(page).expect("UTF-8")
}

#[test]
fn the_frame_is_that_of_a_report() {
    let findings = page(&|_| Beside::default());
    let mut report = Vec::new();
    let evidence = run();
    let site = Site {
        runs: vec![SiteRun {
            folder: "runs/1".into(),
            evidence: &evidence,
        }],
        ..Site::default()
    };
    site.write(&mut report).expect("written to memory");
    let report = String::from_utf8(report).expect("UTF-8");
    let between = |page: &str, begin: &str, end: &str| {
        let from = page.find(begin).unwrap_or_else(|| panic!("no {begin}"));
        let to = page[from..].find(end).unwrap_or_else(|| panic!("no {end}"));
        page[from..from + to].to_owned()
    };
    for (begin, end) in [
        ("<style>", ".badge {"),
        ("<a class=\"skip\"", "<nav"),
        ("<footer>", "</footer>"),
        ("<script>//", "</script>"),
    ] {
        assert_eq!(between(&findings, begin, end), between(&report, begin, end));
    }
    assert!(findings.contains("Content-Security-Policy"));
}

#[test]
fn a_group_has_its_findings_by_shape() {
    let page = page(&|_| Beside::default());
    // What is accepted shows what an open one shows, and is there.
    assert!(
        page.contains("6 findings in 4 groups, shown by 7 cases"),
        "{page}"
    );
    for words in [
        "With <b>key &lt;destroyed&gt;</b> among the arguments",
        "With <b>key dangling</b> among the arguments",
        "With <b>nothing odd</b> among the arguments",
        "\\u{1b}[31mALERT",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(!page.contains("<destroyed>"));
}

#[test]
fn what_became_of_findings_is_counted_by_group() {
    let page = page(&|case| Beside {
        now: Some(match case.verdict {
            Verdict::Crash => "changed: C_Digest CKR_OK".to_owned(),
            Verdict::Hang => "fixed".to_owned(),
            _ => "still".to_owned(),
        }),
        reproducer: Some("suite: <it>".to_owned()),
        ..Beside::default()
    });
    for words in [
        "<span class=\"badge warn\">1 changed</span>",
        "<span class=\"badge good\">1 fixed</span>",
        "<span class=\"badge bad\">4 still</span>",
        "<span class=\"badge warn\">changed: C_Digest CKR_OK</span>",
        "<pre>suite: &lt;it&gt;</pre>",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
}

#[test]
fn it_works_in_a_browser_without_trouble() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("findings.html");
    std::fs::write(&file, page(&|_| Beside::default())).expect("written");
    let address = format!("file://{}", file.display());
    let mut browser = Browser::start(&chromium);
    for width in [1280, 380] {
        browser.open(&address, width, 900, false);
        let wide = browser.evaluate("document.documentElement.scrollWidth - window.innerWidth");
        assert!(wide.as_i64() <= Some(0), "{wide} too wide at {width}");
    }
    let leads = browser.evaluate(
        "[...document.querySelectorAll('.groups a')].every((a) => document.getElementById(a.hash.slice(1)))",
    );
    assert_eq!(leads, true, "each row leads to its group");
    let copied = browser.evaluate(
        "(() => { const copy = document.querySelector('.copy > button'); copy.closest('details').open = true; \
         copy.click(); return copy.parentElement.firstElementChild.textContent.length > 0; })()",
    );
    assert_eq!(copied, true);
    assert_eq!(browser.trouble, Vec::<String>::new());
}
