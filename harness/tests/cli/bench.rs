//! `p11assay bench`: figures of the built-in token, of whatever a module does to its process, and what is
//! said of runs that there are.

use crate::kit::Folder;
use p11assay_reports::bench::{self, Change, Measured, Outcome, Run};

/// Benchmarks of one case each, on a session.
fn catalogue(benchmarks: &str) -> String {
    format!(
        "suite: mine/x\ncites: {{ document: PKCS11-Base, version: \"3.2\" }}\nclause: \"5.12\"\n\
         state: session\nbenchmarks:\n{benchmarks}"
    )
}

fn record(folder: &Folder) -> Run {
    bench::read(&folder.path("run")).expect("a record")
}

fn measured(run: &Run, id: &str) -> Measured {
    match &run.entry(id).expect(id).outcome {
        Outcome::Measured(measured) => (**measured).clone(),
        other => panic!("{id}: {other:?}"),
    }
}

#[test]
fn the_built_in_token_is_measured_in_every_way() {
    let folder = Folder::new();
    let output = folder.run(&[
        "bench",
        "sessions",
        "digest/CKM_SHA256/16B",
        "kem/encapsulate/CKM_ML_KEM/CKP_ML_KEM_512",
        "sign/sign/CKM_ECDSA/P-256",
        "--quick",
        "--threads",
        "1,2",
        "--rate",
        "500",
        "--run-dir",
        "run",
        "--json",
        "out.json",
        "--history",
        "history.jsonl",
    ]);
    output.says(
        0,
        &[
            "digest/CKM_SHA256/16B",
            "6 measured, 0 not applicable, 0 failed",
            "MiB/s",
        ],
    );
    let run = record(&folder);
    assert!(
        run.complete && run.machine.cores > 0 && run.noise.is_some(),
        "{run:?}"
    );
    let digest = measured(&run, "bench/digest/CKM_SHA256/16B");
    let latency = digest.latency.as_ref().expect("a latency");
    assert_eq!(latency.rounds.len(), 2);
    assert!(latency.median.low <= latency.median.value, "{latency:?}");
    assert!(latency.median.value <= latency.median.high, "{latency:?}");
    // The loop costs something, and less than what it makes.
    assert!(
        digest.overhead_ns > 0.0 && digest.overhead_ns < latency.median.value,
        "{digest:?}"
    );
    for (threads, load) in [1, 2].into_iter().zip(&digest.closed) {
        assert_eq!((load.threads, load.errors), (threads, 0));
        assert!(
            load.operations > 0 && load.latency.p50 <= load.latency.p999,
            "{load:?}"
        );
    }
    assert!(digest.closed[1].scaling.is_some());
    let open = digest.open.expect("arrivals");
    assert!(open.operations > 0 && open.errors == 0, "{open:?}");
    // Criterion's own files are where the record says.
    let artefacts = folder.path("run").join(&latency.rounds[0].artefacts);
    let sample = std::fs::read_to_string(artefacts.join("new/benchmark.json")).expect("a file");
    assert!(sample.contains("bench/digest/CKM_SHA256/16B"), "{sample}");
    assert_eq!(
        bench::read(&folder.path("out.json")).expect("a record"),
        run
    );
    let history = folder.run(&["bench", "history", "history.jsonl"]);
    history.says(0, &["1 runs, 0 changes"]);
    // Compared with itself nothing differs; the noise of a busy machine may be beyond any gate.
    let compared = folder.run(&[
        "bench",
        "compare",
        "run",
        "out.json",
        "--json",
        "compared.json",
    ]);
    compared.says(0, &["6 compared: 0 slower, 0 faster", "Mann and Whitney"]);
    let gated = folder.run(&["bench", "compare", "run", "run", "--gate", "1000%"]);
    gated.says(0, &["0 regressed beyond it"]);
    let refused = folder.run(&["bench", "compare", "run", "run", "--gate", "0.1%"]);
    refused.says(3, &["below what is measured against itself", "--paired"]);
}

#[test]
fn a_slower_run_is_stopped_by_the_gate() {
    let folder = Folder::new();
    folder
        .run(&["bench", "sessions/info", "--quick", "--run-dir", "run"])
        .says(0, &[]);
    let mut run = record(&folder);
    // What is compared is made by hand: this machine's own noise is not to decide.
    let mut set = |name: &str, factors: [f64; 2]| {
        let Outcome::Measured(measured) = &mut run.entries[0].outcome else {
            panic!("not measured")
        };
        let latency = measured.latency.as_mut().expect("a latency");
        for (round, factor) in latency.rounds.iter_mut().zip(factors.into_iter().cycle()) {
            round.samples = (0..20)
                .map(|n| factor * (100.0 + f64::from(n) / 10.0))
                .collect();
        }
        latency.median.value = factors[0] * 101.0;
        latency.spread = 0.002;
        bench::write(&folder.path(name), &run).expect("a record");
    };
    set("before.json", [1.0; 2]);
    set("after.json", [1.15; 2]);
    set("doubtful.json", [1.16, 1.08]);
    let arguments = [
        "bench",
        "compare",
        "before.json",
        "after.json",
        "--gate",
        "10%",
    ];
    folder
        .run(&arguments)
        .says(1, &["REGRESSED", "1.150", "gate 10%: 1 regressed"]);
    let loose = [
        "bench",
        "compare",
        "before.json",
        "after.json",
        "--gate",
        "20%",
        "--json",
        "c.json",
    ];
    folder.run(&loose).says(0, &["slower"]);
    let comparison: bench::Comparison =
        serde_json::from_str(&folder.read("c.json")).expect("a comparison");
    assert_eq!(comparison.entries[0].change, Change::Slower);
    // Beyond the gate, but not in every round: it may be chance, and is not let pass.
    let doubtful = [
        "bench",
        "compare",
        "before.json",
        "doubtful.json",
        "--gate",
        "10%",
    ];
    folder
        .run(&doubtful)
        .says(3, &["too noisy", "1 measured beyond it", "measure longer"]);
}

#[test]
fn what_a_module_does_to_its_process_costs_one_benchmark() {
    for (behaviour, verdict) in [
        ("C_GetSessionInfo:segv-read", "crash"),
        ("C_GetSessionInfo:hang", "hang"),
        ("C_GetSessionInfo:exit", "crash"),
    ] {
        let folder = Folder::new();
        let target = folder.armed(behaviour, "300ms");
        let benchmarks = "  - id: bad\n    steps:\n      - C_GetSessionInfo: { session: $session }\n  \
                          - id: good\n    state: initialized\n    steps:\n      - C_GetInfo\n";
        folder.write("mine.yaml", catalogue(benchmarks));
        let output = folder.run(&[
            "bench",
            "mine.yaml",
            "--quick",
            "--target",
            &target,
            "--run-dir",
            "run",
        ]);
        output.says(1, &["mine/x/bad", "1 measured, 0 not applicable, 1 failed"]);
        let run = record(&folder);
        let Outcome::Failed {
            verdict: found,
            message,
        } = &run.entries[0].outcome
        else {
            panic!("{behaviour}: {:?}", run.entries[0])
        };
        assert_eq!(found, verdict, "{message}");
        measured(&run, "mine/x/good");
    }
}

#[test]
fn what_does_not_apply_says_why_and_what_is_wrong_where() {
    let folder = Folder::new();
    let target = folder.hostile("", "1s");
    let lacking = "  - id: digest\n    needs: { mechanism: CKM_MD2 }\n    steps:\n      \
                   - C_DigestInit: { session: $session, mechanism: CKM_MD2 }\n";
    folder.write("mine.yaml", catalogue(lacking));
    let run = [
        "bench",
        "mine.yaml",
        "--quick",
        "--target",
        &target,
        "--run-dir",
        "run",
    ];
    folder.run(&run).says(0, &["0 measured, 1 not applicable"]);
    let Outcome::NotApplicable { reason } = &record(&folder).entries[0].outcome else {
        panic!("measured")
    };
    assert!(reason.contains("CKM_MD2"), "{reason}");
    folder.write(
        "wrong.yaml",
        catalogue("  - id: x\n    steps:\n      - pause: 1\n"),
    );
    folder
        .run(&["bench", "wrong.yaml"])
        .says(2, &["wrong.yaml:8:9", "only calls are measured"]);
    folder
        .run(&["bench", "no/such"])
        .says(2, &["no benchmark matches"]);
    folder
        .run(&["bench", "--list", "digest"])
        .says(0, &["bench/digest/CKM_SHA256/16B"]);
}
