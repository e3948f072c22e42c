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

    /// Resident memory, bytes. The second field counts pages.
    pub(super) fn resident(&mut self) -> Option<u64> {
        let mut text = [0; 128];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..length]).ok()?;
        let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages * self.page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_memory_shows() {
        let own = std::process::id() as libc::pid_t;
        let mut statm = Statm::open(own).expect("this process");
        let before = statm.resident().expect("a number");
        let taken = vec![1_u8; 64 << 20];
        let after = statm.resident().expect("a number");
        assert!(after >= before + (32 << 20), "{} bytes more", taken.len());
    }
}
