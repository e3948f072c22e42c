//! How much memory a process has, as often as one likes: its `/proc/PID/statm`, kept open.

use super::mapping::page_size;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A process's `/proc/PID/statm`, kept open.
#[derive(Debug)]
pub(super) struct Statm {
    file: File,
    page: u64,
}

impl Statm {
    pub(super) fn open(pid: libc::pid_t) -> Option<Self> {
        let file = File::open(format!("/proc/{pid}/statm")).ok()?;
        let page = page_size();
        Some(Self { file, page })
    }

    /// Resident memory, bytes.
    pub(super) fn resident(&mut self) -> Option<u64> {
        let mut text = [0; 128];
        let length = self.file.read_at(&mut text, 0).ok()?;
        Some(resident_pages(&text[..length])? * self.page)
    }
}

/// The second of `statm`'s numbers (proc_pid_statm(5)).
fn resident_pages(statm: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(statm).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_pages_are_the_second_number() {
        assert_eq!(resident_pages(b"5930 1387 1142 412 0 563 0\n"), Some(1387));
        for short in [&b""[..], b"5930", b"5930 many", b"\xff \xff"] {
            assert_eq!(resident_pages(short), None);
        }
    }

    /// What other tests of this process take and give back at the same time can only add to it.
    #[test]
    fn memory_that_is_written_is_resident() {
        let own = std::process::id() as libc::pid_t;
        let mut statm = Statm::open(own).expect("this process");
        let taken = vec![1_u8; 64 << 20];
        let resident = statm.resident().expect("a number");
        assert!(resident >= taken.len() as u64, "{resident} bytes");
    }
}
