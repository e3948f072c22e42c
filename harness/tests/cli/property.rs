//! `p11assay property`: what fails it makes small, shows again and keeps; of the built-in token every law
//! holds.

use crate::kit::{Folder, Output};
use p11assay_reports::evidence::Verdict;

/// A target file for the hostile module with a PIN, misbehaving from the beginning.
fn hostile(folder: &Folder, behaviour: &str) -> String {
    let name = folder.armed(behaviour, "2s");
    let text = folder.read("hostile.yaml") + "token: { pin: \"1234\" }\n";
    folder.write("hostile.yaml", text);
    name
}

fn property(folder: &Folder, arguments: &[&str]) -> Output {
    let fixed = ["property", "--run-dir", "run", "--seed", "1"];
    folder.run(&[&fixed, arguments].concat())
}

#[test]
fn what_holds_is_told_by_how_often_it_was_asked() {
    let folder = Folder::new();
    let output = property(&folder, &["digest-parts", "search", "--cases", "20"]);
    output.says(0, &["20 cases, 20 judged", "2 passed"]);
    let evidence = folder.evidence();
    let ids: Vec<&str> = evidence.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["property/digest-parts", "property/search"]);
    assert!(evidence.cases[0].title.contains("20 judged"));
}

#[test]
fn a_failure_is_made_small_shown_again_and_kept() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_GenerateRandom:segv-read");
    let arguments = ["random", "--target", &target, "--save", "kept"];
    let id = "property/random/C_GenerateRandom-SIGSEGV";
    property(&folder, &arguments).says(1, &[id, "segv_read+", "failed: "]);
    let evidence = folder.evidence();
    let found = evidence.cases.iter().find(|case| case.id == id);
    let found = found.expect("a failure");
    assert_eq!(found.verdict, Verdict::Crash);
    assert_eq!(found.confirmed.map(|c| c.same), Some(1));
    // The state's session and login, and the call that crashes.
    assert!(found.calls <= 3, "{found:#?}");
    let reproducer = found.reproducer.as_ref().expect("a reproducer");
    let replayed = folder.run(&["replay", &format!("run/{reproducer}"), "--target", &target]);
    replayed.says(1, &["SIGSEGV", "C_GenerateRandom"]);
    // A target of which nothing can be judged does not pass.
    let arguments = ["search", "--target", &target, "--run-dir", "nothing"];
    let fixed = ["property", "--cases", "5"];
    folder
        .run(&[&fixed[..], &arguments].concat())
        .says(3, &["0 judged", "C_Login returned"]);
    // What was kept is a suite, which passes when the module is mended.
    let rerun = ["run", "kept/random.yaml", "--target", &target, "--run-dir"];
    folder
        .run(&[&rerun[..], &["again"]].concat())
        .says(1, &[id]);
    let used = folder
        .read("hostile.yaml")
        .replace("disposable: true", "disposable: false");
    folder.write("used.yaml", used);
    let kept = ["run", "kept/random.yaml", "--target", "./used.yaml"];
    folder
        .run(&[&kept[..], &["--run-dir", "left-out"]].concat())
        .says(0, &["1 not applicable"]);
    std::fs::remove_file(folder.path("armed")).expect("the module misbehaves no more");
    folder
        .run(&[&rerun[..], &["mended"]].concat())
        .says(0, &["1 passed"]);
}

/// A run of another seed finds a rare failure again at once by the seed that was kept.
#[test]
fn seeds_that_were_kept_are_tried_first() {
    let folder = Folder::new();
    let target = hostile(&folder, "C_DigestUpdate:segv-read");
    let kept =
        "property,seed\nrandom,0000000000000000000000000000000000000000000000000000000000000001\n";
    std::fs::create_dir(folder.path("kept")).expect("a folder");
    folder.write("kept/seeds.csv", kept);
    let arguments = [
        "random", "--target", &target, "--save", "kept", "--cases", "1",
    ];
    property(&folder, &arguments).says(0, &["1 cases"]);
    assert_eq!(folder.read("kept/seeds.csv"), kept, "nothing failed");
    folder.write("kept/seeds.csv", "property,seed\nrandom,1\n");
    property(&folder, &arguments).says(2, &["seeds.csv: line 2"]);
}

#[test]
fn the_same_seed_asks_the_same() {
    let account = |seed: &str| {
        let folder = Folder::new();
        let fixed = [
            "property",
            "--run-dir",
            "run",
            "--cases",
            "30",
            "--seed",
            seed,
        ];
        folder.run(&[&fixed[..], &["attributes-set", "sessions-apart"]].concat());
        let cases = folder.evidence().cases.into_iter();
        // All but how long it took.
        let title = |title: String| title.rsplit_once("; ").map(|(asked, _)| asked.to_owned());
        cases.map(|case| title(case.title)).collect::<Vec<_>>()
    };
    let first = account("7");
    assert!(!first.is_empty());
    assert_eq!(first, account("7"));
    assert_ne!(first, account("8"));
}

/// Keys that come in again, calls that fail, and calls in any order: most cases apply to a token that has everything.
#[test]
fn keys_failures_and_states_are_judged() {
    let folder = Folder::new();
    let names = ["import-as-generated", "failure-changes-nothing", "states"];
    property(&folder, &[&names[..], &["--cases", "60"]].concat()).says(0, &["3 passed"]);
    for case in folder.evidence().cases {
        assert!(judged(&case.title) > 45, "{}", case.title);
    }
}

/// How many cases could be judged, as a title tells.
fn judged(title: &str) -> u32 {
    let count = title
        .split_once(" judged")
        .and_then(|(front, _)| front.rsplit_once(' '));
    let count = count.and_then(|(_, count)| count.parse().ok());
    count.unwrap_or_else(|| panic!("{title}"))
}

/// The reference token is asked, too, whatever is tested; a token that lists little has little in common with it.
#[test]
fn what_one_makes_the_other_takes() {
    let folder = Folder::new();
    property(&folder, &["cross-use", "--cases", "120"]).says(0, &["120 cases", "1 passed"]);
    let title = folder.evidence().cases.remove(0).title;
    let judged = judged(&title);
    assert!(judged > 100, "{title}");
}

#[test]
fn mistakes_are_told() {
    let folder = Folder::new();
    property(&folder, &["serach"]).says(2, &["did you mean `search`?", "--list"]);
    let listed = folder.run(&["property", "--list"]);
    listed.says(0, &["encrypt-decrypt", "5.10.2"]);
    let name = folder.hostile("", "1s");
    let text = folder
        .read("hostile.yaml")
        .replace("disposable: true", "disposable: false");
    folder.write("hostile.yaml", &text);
    property(&folder, &["--target", &name]).says(2, &["disposable"]);
    let text = text.replace("disposable: false", "disposable: true");
    folder.write("hostile.yaml", text);
    property(&folder, &["--target", &name]).says(2, &["PIN", "--pin"]);
}
