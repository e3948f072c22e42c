//! What the tests share: a folder to work in, the program run in it, suites and targets as text.

use p11assay_reports::evidence::Case;
use p11assay_reports::stream::{self, Evidence};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A folder that the program works in.
pub(crate) struct Folder(tempfile::TempDir);

/// What the program left behind.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// A folder with a suite `suite.yaml` of these cases.
    pub(crate) fn with_suite(cases: &[Steps<'_>]) -> Self {
        let folder = Self::new();
        folder.write("suite.yaml", suite("s", cases));
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_p11assay"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        for variable in ["HOSTILE", "HOSTILE_WHEN", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.finish(&mut self.command(arguments))
    }

    pub(crate) fn finish(&self, command: &mut Command) -> Output {
        let output = command.output().expect("the program starts");
        Output {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Starts a run into the folder `run`.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(&[&["run"], arguments, &["--run-dir", "run"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    pub(crate) fn evidence(&self) -> Evidence {
        stream::read(&self.path("run/evidence.jsonl")).expect("evidence")
    }

    /// Waits until the evidence has so many lines.
    pub(crate) fn wait_for_lines(&self, lines: usize) {
        let begin = Instant::now();
        let path = self.path("run/evidence.jsonl");
        let there = || std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
        while there() < lines {
            assert!(
                begin.elapsed() < Duration::from_secs(60),
                "the run does not get on"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A target file for the hostile module.
    pub(crate) fn hostile(&self, hostile: &str, deadline: &str) -> String {
        let (module, when) = (hostile_module::path(), self.path("armed"));
        let text = format!(
            "target: hostile\nmodule: {}\nenvironment: {{ HOSTILE: '{hostile}', HOSTILE_WHEN: '{}' }}\n\
             limits: {{ call-deadline: {deadline}, memory: 160MiB }}\nlogin: false\ndisposable: true\n",
            module.display(),
            when.display()
        );
        self.write("hostile.yaml", text);
        "./hostile.yaml".to_owned()
    }

    /// As [`hostile`](Self::hostile), misbehaving from the beginning.
    pub(crate) fn armed(&self, hostile: &str, deadline: &str) -> String {
        self.write("armed", "");
        self.hostile(hostile, deadline)
    }
}

/// Id, state and steps of a case.
pub(crate) type Steps<'s> = (&'s str, &'s str, &'s str);

/// A suite as text.
pub(crate) fn suite(name: &str, cases: &[Steps<'_>]) -> String {
    let mut text =
        format!("suite: {name}\ncites: {{ document: PKCS11-Base, version: '3.2' }}\ncases:\n");
    for (id, state, steps) in cases {
        text += &format!(
            "  - id: {id}\n    title: {id}\n    clause: '5.4.3'\n    state: {state}\n    steps: [{steps}]\n"
        );
    }
    text
}

/// A case that passes with any module.
pub(crate) const FINE: Steps<'_> = ("fine", "initialized", "{ C_GetInfo: {} }");

impl Output {
    /// Asserts the exit code, and that these words are in what was said.
    #[track_caller]
    pub(crate) fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "`{word}` in {self:#?}"
            );
        }
    }
}

/// The record of a case.
pub(crate) fn case<'e>(evidence: &'e Evidence, id: &str) -> &'e Case {
    let found = evidence.cases.iter().find(|case| case.id == id);
    found.unwrap_or_else(|| panic!("no record of {id}"))
}

/// The first ELF library of this system that is no Cryptoki module.
pub(crate) fn ordinary_library() -> PathBuf {
    let folders = [
        "/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/lib64",
        "/usr/lib",
    ];
    let files = folders
        .iter()
        .map(|folder| Path::new(folder).join("libm.so.6"));
    files
        .into_iter()
        .find(|file| file.is_file())
        .expect("the C library's libm")
}
