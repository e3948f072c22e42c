//! Why a file cannot be loaded here, where the dynamic linker's own words do not say it.

use std::io::Read;
use std::path::Path;

/// `e_machine` of the ELF header: the processor and its name.
const MACHINES: [(u16, &str); 8] = [
    (3, "32-bit x86"),
    (21, "64-bit PowerPC"),
    (22, "S/390"),
    (40, "32-bit ARM"),
    (62, "x86-64"),
    (183, "AArch64"),
    (243, "RISC-V"),
    (258, "LoongArch"),
];

/// What keeps a file from being a library for this process; `None` if its header does not tell.
pub(super) fn misfit(path: &Path) -> Option<String> {
    let mut head = [0; 20];
    let mut file = std::fs::File::open(path).ok()?;
    if file.read_exact(&mut head).is_err() || head[..4] != *b"\x7fELF" {
        return Some("the file is no ELF file".to_owned());
    }
    let machine = |head: &[u8; 20]| match head[5] {
        2 => u16::from_be_bytes([head[18], head[19]]),
        _ => u16::from_le_bytes([head[18], head[19]]),
    };
    let mut own = [0; 20];
    std::fs::File::open("/proc/self/exe")
        .ok()?
        .read_exact(&mut own)
        .ok()?;
    let (theirs, ours) = (machine(&head), machine(&own));
    (theirs != ours).then(|| {
        format!(
            "the file is for {}, this program for {}",
            name(theirs),
            name(ours)
        )
    })
}

fn name(machine: u16) -> String {
    let known = MACHINES.iter().find(|(number, _)| *number == machine);
    known.map_or_else(
        || format!("machine {machine}"),
        |(_, name)| (*name).to_owned(),
    )
}
