//! Runs of benchmarks for the tests of the renderings.

use std::collections::BTreeMap;

use p11assay_reports::bench::{
    Entry, Estimate, FORMAT, Latency, Machine, Measured, Noise, Outcome, Percentiles, Run,
    Settings, Throughput,
};
use p11assay_reports::evidence::Target;

pub(crate) fn estimate(value: f64) -> Estimate {
    Estimate {
        value,
        low: value * 0.98,
        high: value * 1.03,
    }
}

fn closed(threads: u32, per_second: f64) -> Throughput {
    Throughput {
        threads,
        operations: 1000,
        wall_ns: 1_000_000,
        per_second,
        scaling: (threads > 1).then_some(1.75),
        latency: Percentiles {
            count: 1000,
            min: 800,
            p50: 1000,
            p90: 1100,
            p99: 2100,
            p999: 9000,
            max: 41_000,
            mean: 1020.0,
            curve: Vec::new(),
        },
        ..Throughput::default()
    }
}

fn measured(ns: f64) -> Outcome {
    Outcome::Measured(Box::new(Measured {
        latency: Some(Latency {
            median: estimate(ns),
            mean: estimate(ns * 1.01),
            std_dev: ns / 50.0,
            spread: 0.021,
            rounds: Vec::new(),
        }),
        overhead_ns: 3.4,
        closed: vec![closed(1, 1e9 / ns), closed(2, 1.75e9 / ns)],
        open: None,
        findings: Vec::new(),
    }))
}

fn entry(id: &str, bytes: Option<u64>, outcome: Outcome) -> Entry {
    Entry {
        id: id.into(),
        title: "A benchmark".into(),
        parameters: BTreeMap::new(),
        functions: vec!["C_Digest".into()],
        bytes,
        outcome,
    }
}

/// A digest of three sizes, a signature, one that does not apply and one that failed; all times by a factor.
pub(crate) fn bench(target: &str, factor: f64) -> Run {
    let digest = |size: &str, bytes, ns: f64| {
        entry(
            &format!("bench/digest/CKM_SHA256/{size}"),
            Some(bytes),
            measured(ns * factor),
        )
    };
    let absent = Outcome::NotApplicable {
        reason: "the slot lacks CKM_ML_DSA".into(),
    };
    let failed = Outcome::Failed {
        verdict: "crash".into(),
        message: "ended by SIGSEGV".into(),
    };
    Run {
        format: FORMAT,
        version: "0.1.0".into(),
        started: "2026-11-23T10:15:02Z".into(),
        target: Target {
            name: target.into(),
            info: super::map(&[("libraryVersion", "2.6")]),
            ..Target::default()
        },
        machine: Machine {
            cpu: "a processor".into(),
            cores: 2,
            load_before: 0.25,
            load_after: Some(1.5),
            ..Machine::default()
        },
        settings: Settings {
            rounds: 2,
            samples: 30,
            measurement_ns: 1,
            warm_up_ns: 1,
            threads: vec![1, 2],
            rate: None,
        },
        entries: vec![
            digest("16B", 16, 300.0),
            digest("1KiB", 1024, 900.0),
            digest("64KiB", 65_536, 40_000.0),
            entry(
                "bench/sign/sign/CKM_ECDSA/P-256",
                None,
                measured(44_000.0 * factor),
            ),
            entry("bench/sign/sign/CKM_ML_DSA/CKP_ML_DSA_65", None, absent),
            entry("bench/wrap/wrap/CKM_AES_KEY_WRAP", None, failed),
        ],
        noise: Some(Noise {
            median: 0.01,
            p90: 0.04,
            max: 0.1,
        }),
        remarks: vec!["a busy machine".into()],
        complete: true,
    }
}
