//! Builds the module twice: with the function list of Cryptoki 2.40 only, and with interfaces.

use std::path::Path;

const SOURCES: [&str; 3] = ["src/module.c", "src/misbehave.c", "src/traps.c"];

fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo gives build scripts a folder");
    let variants = [("libhostile.so", "0"), ("libhostile-interfaces.so", "1")];
    for (name, interfaces) in variants {
        let path = Path::new(&out).join(name);
        let compiler = cc::Build::new()
            .opt_level(0)
            .debug(true)
            .pic(true)
            .warnings(true)
            .get_compiler();
        let status = compiler
            .to_command()
            .arg("-shared")
            .arg("-Wl,--build-id")
            // Frames are then found by unwind tables alone, as in most modules out there.
            .arg("-fomit-frame-pointer")
            .arg(format!("-DWITH_INTERFACES={interfaces}"))
            .args(SOURCES)
            .args(["-pthread", "-o"])
            .arg(&path)
            .status()
            .expect("the C compiler runs: install one (package gcc)");
        assert!(
            status.success(),
            "the C compiler failed on the hostile module"
        );
    }
    println!("cargo::rustc-env=HOSTILE_MODULE_FOLDER={out}");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed=src/cryptoki.h");
}
