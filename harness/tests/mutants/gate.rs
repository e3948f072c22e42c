//! The gate of `p11assay bench compare --paired`: a token that takes 15% longer is stopped, and the token
//! itself is not.

use std::path::Path;
use std::process::Command;

/// What is measured: work of some microseconds, of which several are measured so that the gate corrects for
/// their number.
const MEASURED: [&str; 3] = [
    "digest/CKM_SHA256/64KiB",
    "sign/sign/CKM_ECDSA/P-256",
    "cipher/encrypt/CKM_AES_CBC/64KiB",
];

/// The gate refuses to judge where the machine is too noisy, which is no answer: it is asked at most so often.
const ASKED: usize = 12;

/// What is wrong with the gate, if anything.
pub(crate) fn tells_a_slower_token() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let target = |name: &str, mutant: &str| {
        let text = format!(
            "target: {name}\nmodule: builtin\nenvironment: {{ REFERENCE_TOKEN_MUTANT: \"{mutant}\" }}\n\
             disposable: true\ntoken: {{ label: \"p11assay reference\", pin: \"1234\", so-pin: \"12345678\" }}\n"
        );
        std::fs::write(folder.path().join(format!("{name}.yaml")), text)
    };
    let written = target("sound", "").and_then(|()| target("slow", "fifteen-percent-slower"));
    written.map_err(|error| error.to_string())?;
    for (after, expected) in [("slow.yaml", 1), ("sound.yaml", 0)] {
        let (code, said) = judged(folder.path(), after);
        if code != Some(expected) {
            return Err(format!(
                "sound.yaml and {after}: exit code {code:?}: {said}"
            ));
        }
    }
    Ok(())
}

/// The exit code for a target after the sound one, and what was said.
fn judged(folder: &Path, after: &str) -> (Option<i32>, String) {
    let mut last = (None, String::new());
    for _ in 0..ASKED {
        let mut command = Command::new(env!("CARGO_BIN_EXE_p11assay"));
        command
            .current_dir(folder)
            .args(["bench", "compare", "--paired", "sound.yaml", after]);
        command.args(["--gate", "10%", "--quick"]);
        MEASURED.iter().for_each(|id| {
            command.args(["--only", id]);
        });
        let output = command.output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        last = (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        );
        // 3: too noisy to judge.
        if last.0 != Some(3) {
            return last;
        }
    }
    last
}
