//! The loop in C in a process of its own, on a module of its own, for as long as it is told to.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::bed::Bed;
use crate::tape::Sizes;

/// The argument by which this program is that process.
pub(crate) const ARGUMENT: &str = "beside";
/// What can be measured.
pub(crate) const BEDS: [&str; 2] = ["builtin", "softhsm2"];

/// The module of this name.
pub(crate) fn bed(name: &str) -> Result<Bed, String> {
    match name {
        "softhsm2" => Bed::softhsm2(),
        _ => Bed::builtin(),
    }
}

/// The process.
pub(crate) struct Beside(Child);

impl Beside {
    pub(crate) fn start(name: &str, library: &Path) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args([ARGUMENT, name]).arg(library);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut beside = Self(child.map_err(|error| error.to_string())?);
        beside.wait();
        Ok(beside)
    }

    /// Has it loop until it is told to end.
    pub(crate) fn begin(&mut self, sizes: Sizes) {
        let words = [sizes.data, sizes.digest, sizes.objects, sizes.random];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.tell(&bytes);
        self.wait();
    }

    pub(crate) fn end(&mut self) {
        self.tell(&[0]);
        self.wait();
    }

    fn tell(&mut self, bytes: &[u8]) {
        let pipe = self.0.stdin.as_mut().expect("it has a pipe");
        pipe.write_all(bytes)
            .and_then(|()| pipe.flush())
            .expect("it listens");
    }

    fn wait(&mut self) {
        let pipe = self.0.stdout.as_mut().expect("it has a pipe");
        pipe.read_exact(&mut [0]).expect("it answers");
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Its input ends, and it with it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What the process does.
pub(crate) fn serve() {
    let mut arguments = std::env::args().skip(2);
    let name = arguments.next().expect("the name of a module");
    let library = arguments.next().expect("the library with the loop");
    let ten_calls = crate::load(Path::new(&library));
    let bed = bed(&name).expect("it was ready before");
    let answer = || {
        let mut out = std::io::stdout();
        out.write_all(&[0]).and_then(|()| out.flush()).is_ok()
    };
    let mut words = [[0; 8]; 4];
    while answer() {
        for word in &mut words {
            if std::io::stdin().read_exact(word).is_err() {
                return;
            }
        }
        let [data, digest, objects, random] = words.map(u64::from_le_bytes);
        let sizes = Sizes {
            data,
            digest,
            objects,
            random,
        };
        let end = std::thread::spawn(|| std::io::stdin().read_exact(&mut [0]));
        answer();
        while !end.is_finished() {
            crate::run_in_c(ten_calls, &bed, sizes, 64);
        }
    }
}
