//! Builds the module several times: with the function list of Cryptoki 2.40 only, with interfaces, and with code that
//! tells which blocks or edges it passes, in the three forms that compilers have for it.

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCES: [&str; 3] = ["src/module.c", "src/misbehave.c", "src/traps.c"];
const EDGES: &str = "src/edges.c";

/// Name, whether it has interfaces, and what makes edges of blocks; nothing if blocks are told as they are.
const TELLING: [(&str, Option<&[&str]>); 3] = [
    ("libhostile-blocks.so", None),
    ("libhostile-guards.so", Some(&["-DGUARDS"])),
    ("libhostile-counters.so", Some(&[])),
];

fn main() {
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo gives build scripts a folder"));
    for (name, interfaces) in [("libhostile.so", "0"), ("libhostile-interfaces.so", "1")] {
        build(interfaces, &out.join(name), &[]);
    }
    for (name, edges) in TELLING {
        let mut more = vec!["-fsanitize-coverage=trace-pc".to_owned()];
        if let Some(flags) = edges {
            let object = out.join(name).with_extension("o");
            let mut command = compiler();
            command.args(["-c", EDGES, "-o"]).arg(&object).args(flags);
            succeed(&mut command);
            more.push(object.display().to_string());
        }
        build("0", &out.join(name), &more);
    }
    println!("cargo::rustc-env=HOSTILE_MODULE_FOLDER={}", out.display());
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed={EDGES}");
    println!("cargo::rerun-if-changed=src/cryptoki.h");
}

fn compiler() -> Command {
    let compiler = cc::Build::new()
        .opt_level(0)
        .debug(true)
        .pic(true)
        .warnings(true)
        .get_compiler();
    let mut command = compiler.to_command();
    // Frames are then found by unwind tables alone, as in most modules out there.
    command.arg("-fomit-frame-pointer");
    command
}

fn build(interfaces: &str, path: &Path, more: &[String]) {
    let mut command = compiler();
    command
        .arg("-shared")
        .arg("-Wl,--build-id")
        .arg(format!("-DWITH_INTERFACES={interfaces}"))
        .args(SOURCES)
        .args(more)
        .args(["-pthread", "-o"])
        .arg(path);
    succeed(&mut command);
}

fn succeed(command: &mut Command) {
    let status = command
        .status()
        .expect("the C compiler runs: install one (package gcc)");
    assert!(
        status.success(),
        "the C compiler failed on the hostile module"
    );
}
