//! `--gate`: which deviations end in exit code 1, and that nothing worse ever passes.

use crate::kit::Folder;

const LEVELS: [&str; 4] = ["must", "should", "profile", "security"];

/// A folder with a case of each level that every module fails, and one on the module `hostile`.
fn folder() -> Folder {
    let folder = Folder::new();
    for level in LEVELS {
        let text = format!(
            "suite: s/{level}\ncites: {{ document: PKCS11-Base, version: '3.2' }}\nlevel: {level}\n\
             cases:\n  - {{ id: wrong, title: Wrong, clause: '5.4.3', steps: \
             [{{ C_GetInfo: {{}}, returns: CKR_DEVICE_ERROR }}] }}\n"
        );
        folder.write(&format!("{level}.yaml"), text);
    }
    folder
}

#[test]
fn each_gate_stops_the_deviations_of_its_levels() {
    let folder = folder();
    for (gate, stopped) in [
        ("must", vec!["must", "security"]),
        ("should", LEVELS.to_vec()),
        ("profile", vec!["profile", "security"]),
        ("security", vec!["security"]),
    ] {
        for level in LEVELS {
            let suite = format!("{level}.yaml");
            let run = [
                "run",
                &suite,
                "--no-login",
                "--gate",
                gate,
                "--junit",
                "j.xml",
            ];
            let (code, words) = if stopped.contains(&level) {
                (1, vec!["FAILED", "next  replay"])
            } else {
                (0, vec!["PASSED", "lets 1 finding pass", "1 deviation"])
            };
            folder.run(&run).says(code, &words);
            let red = folder.read("j.xml").contains("<failure");
            assert_eq!(red, code == 1, "JUnit of {level} with --gate {gate}");
        }
    }
}

#[test]
fn no_gate_lets_a_crash_pass() {
    let random = "{ C_GenerateRandom: { session: $session, random_data: { buffer: 8 } } }";
    let folder = Folder::with_suite(&[("random", "session", random)]);
    let target = folder.armed("C_GenerateRandom:segv-read", "5s");
    for gate in LEVELS {
        let run = ["run", "suite.yaml", "--target", &target, "--gate", gate];
        folder.run(&run).says(1, &["CRASH s/random"]);
    }
}

#[test]
fn a_resumed_run_keeps_its_gate() {
    let folder = folder();
    let first = [
        "run",
        "must.yaml",
        "should.yaml",
        "--no-login",
        "--gate",
        "security",
    ];
    folder
        .run(&[&first[..], &["--run-dir", "run"]].concat())
        .says(0, &["lets 2 findings pass"]);
    let again = folder.run(&["run", "--no-login", "--resume", "run"]);
    again.says(0, &["lets 2 findings pass"]);
    let other = folder.run(&["run", "--no-login", "--resume", "run", "--gate", "must"]);
    other.says(1, &["lets 1 finding pass"]);
}
