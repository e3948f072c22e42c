//! Whether `p11assay bench` tells what an independent measure tells: the same operations by `p11assay bench --quick`
//! and in the plain loop of `independent.c`, each in processes of its own that take turns in one run.
//!
//! Run with `cargo bench -p p11assay --bench agreement`; words after `--` are the targets, else all that are there. A
//! C compiler is needed. The built-in token is measured as its shared library, which is made first:
//! `cargo build --release -p reference-token`.

use std::path::{Path, PathBuf};
use std::process::Command;

use p11assay::target::{self, Overrides, Target};
use p11assay_reports::bench::{Outcome, Run};

/// How often each of the two has its turn.
const TURNS: usize = 7;

/// The operations: of the loop in C, and the benchmark that makes the same calls, with how many bytes.
const OPERATIONS: [(&str, &str, &str); 7] = [
    ("info", "bench/sessions/info", "0"),
    ("digest", "bench/digest/CKM_SHA256/16B", "16"),
    ("digest", "bench/digest/CKM_SHA256/64KiB", "65536"),
    ("cbc", "bench/cipher/encrypt/CKM_AES_CBC/1KiB", "1024"),
    ("hmac", "bench/mac/sign/CKM_SHA256_HMAC/1KiB", "1024"),
    ("ecdsa", "bench/sign/sign/CKM_ECDSA/P-256", "32"),
    ("rsa", "bench/sign/sign/CKM_RSA_PKCS/2048", "32"),
];

const PIN: &str = "12345678";

/// A module with a token of its own for the loop in C.
struct Bed {
    module: PathBuf,
    environment: Vec<(&'static str, String)>,
    init_args: Option<String>,
}

fn main() {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("independent");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/independent.c");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-O2", "-w", "-o"])
        .args([&program, Path::new(source)])
        .arg("-ldl")
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "a C compiler is needed"
    );
    println!(
        "ns, the fastest of {TURNS} turns, and the median of the ratios with its interval\n{:<12} {:<34} {:>10} {:>10} {:>7} {:>8}  interval",
        "", "", "C", "bench", "ratio", "median"
    );
    for target in ["builtin", "softhsm2", "nss-softokn", "kryoptic"] {
        if !chosen.is_empty() && !chosen.iter().any(|name| name == target) {
            continue;
        }
        let scratch = folder.path().join(target);
        std::fs::create_dir(&scratch).expect("a folder");
        match bed(target, &scratch) {
            Ok(bed) => OPERATIONS
                .iter()
                .for_each(|operation| compare(target, &bed, &program, *operation)),
            Err(reason) => println!("{target:<12} skipped: {reason}"),
        }
    }
}

/// The module of a target, with what its loop in C needs.
fn bed(name: &str, scratch: &Path) -> Result<Bed, String> {
    let target =
        Target::load(Some(name), &Overrides::default()).map_err(|error| error.to_string())?;
    let module = match &target.module {
        target::Module::Path(path) => path.clone(),
        _ => shared_library()?,
    };
    let conf = scratch.join("conf");
    let shown = scratch.display();
    let write = |text: String| std::fs::write(&conf, text).map_err(|error| error.to_string());
    let so_pin = ("SO_PIN", PIN.to_owned());
    let mut bed = Bed {
        module,
        environment: vec![],
        init_args: None,
    };
    match name {
        "softhsm2" => {
            write(format!(
                "directories.tokendir = {shown}\nobjectstore.backend = file\nlog.level = ERROR\n"
            ))?;
            bed.environment = vec![("SOFTHSM2_CONF", conf.display().to_string()), so_pin];
        }
        "kryoptic" => {
            write(format!(
                "[[slots]]\nslot = 0\ndbtype = \"sqlite\"\ndbargs = \"{shown}/token.sql\"\n"
            ))?;
            bed.environment = vec![("KRYOPTIC_CONF", conf.display().to_string()), so_pin];
        }
        "nss-softokn" => {
            write(format!("{PIN}\n"))?;
            let database = format!("sql:{shown}");
            let made = Command::new("certutil")
                .args(["-N", "-d", &database, "-f"])
                .arg(&conf)
                .status();
            if !made.is_ok_and(|status| status.success()) {
                return Err("certutil (libnss3-tools) is needed".to_owned());
            }
            bed.environment = vec![("SLOT", "2".to_owned())];
            bed.init_args = Some(format!(
                "configdir='{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
            ));
        }
        _ => bed.environment = vec![so_pin],
    }
    Ok(bed)
}

/// The built-in token as other programs load it.
fn shared_library() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_p11assay")).parent();
    let library = folder.map(|folder| folder.join("libreference_token.so"));
    library
        .filter(|path| path.is_file())
        .ok_or_else(|| "`cargo build --release -p reference-token` makes its library".to_owned())
}

/// Both measures of an operation, by turns.
fn compare(target: &str, bed: &Bed, program: &Path, (operation, id, bytes): (&str, &str, &str)) {
    let turns: Result<Vec<_>, String> = (0..TURNS)
        .map(|_| {
            Ok((
                in_c(bed, program, operation, bytes)?,
                by_bench(target, bed, id)?,
            ))
        })
        .collect();
    let short = id.trim_start_matches("bench/");
    let turns = match turns {
        Ok(turns) => turns,
        Err(reason) => return println!("{target:<12} {short:<34} {reason}"),
    };
    // What else the machine does only adds.
    let c = fastest(turns.iter().map(|(c, _)| *c));
    let bench = fastest(turns.iter().map(|(_, bench)| bench[0]));
    let [ratio, low, high] =
        [0, 1, 2].map(|part| median(turns.iter().map(|(c, bench)| bench[part] / c)));
    println!(
        "{target:<12} {short:<34} {c:>10.1} {bench:>10.1} {:>7.3} {ratio:>8.3}  {low:.3} to {high:.3}",
        bench / c
    );
}

/// Nanoseconds of an operation by the loop in C, the median of its slices.
fn in_c(bed: &Bed, program: &Path, operation: &str, bytes: &str) -> Result<f64, String> {
    let output = Command::new(program)
        .arg(&bed.module)
        .args([PIN, operation, bytes])
        .args(&bed.init_args)
        .envs(bed.environment.iter().map(|(name, value)| (name, value)))
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout);
    let first = said
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok());
    first.ok_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// What `p11assay bench` tells: the median in nanoseconds, with its interval.
fn by_bench(target: &str, bed: &Bed, id: &str) -> Result<[f64; 3], String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_p11assay"));
    command
        .args([
            "bench",
            "--quick",
            "--quiet",
            "--threads",
            "1",
            id.trim_start_matches("bench/"),
        ])
        .args(["--target", target, "--run-dir"])
        .arg(folder.path().join("run"));
    if target == "builtin" {
        command.arg("--module").arg(&bed.module);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    let text = std::fs::read_to_string(folder.path().join("run/bench.json"))
        .map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
    let run: Run = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let outcome = run.entries.first().map(|entry| &entry.outcome);
    match outcome.ok_or("no such benchmark")? {
        Outcome::Measured(measured) => {
            let median = &measured.latency.as_ref().ok_or("not measured")?.median;
            Ok([median.value, median.low, median.high])
        }
        Outcome::NotApplicable { reason } => Err(format!("not applicable: {reason}")),
        Outcome::Failed { message, .. } => Err(message.clone()),
    }
}

fn fastest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::INFINITY, f64::min)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
