//! What a worker writes to its standard streams: a memfd each, of fixed size, so that a flood
//! neither blocks the worker nor fills the machine.
#![allow(
    unsafe_code,
    reason = "moves the position that is shared with the worker"
)]

use super::mapping::{memfd, page_size};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// The parent's side of a captured stream.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    capacity: usize,
}

impl Output {
    /// A stream that keeps up to `capacity` bytes (rounded up to pages), and the descriptor to give to the worker.
    pub(super) fn new(capacity: usize) -> io::Result<(Self, OwnedFd)> {
        // The kernel enforces the size by whole pages.
        let capacity = capacity.next_multiple_of(usize::try_from(page_size()).unwrap_or(4096));
        let file = File::from(memfd(c"p11assay-output", capacity, true)?);
        let worker = OwnedFd::from(file.try_clone()?);
        Ok((Self { file, capacity }, worker))
    }

    /// Takes out what was written since the last time. The position is shared with the worker's
    /// descriptors, so setting it back makes the worker write from the start again.
    pub(super) fn take(&self) -> Vec<u8> {
        let fd = self.file.as_raw_fd();
        // SAFETY: plain system call on a descriptor we own.
        let written = unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
        let written = usize::try_from(written).unwrap_or(0).min(self.capacity);
        if written == 0 {
            return Vec::new();
        }
        let mut bytes = vec![0; written];
        if self.file.read_exact_at(&mut bytes, 0).is_err() {
            bytes.clear();
        }
        let hole = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        // SAFETY: plain system calls on a descriptor we own.
        unsafe {
            libc::lseek(fd, 0, libc::SEEK_SET);
            libc::fallocate(fd, hole, 0, written as libc::off_t);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn output_is_taken_once_and_starts_again_at_the_beginning() {
        let (output, fd) = Output::new(100).expect("output");
        let mut worker = File::from(fd);
        worker.write_all(b"one").expect("first write");
        assert_eq!(output.take(), b"one");
        assert_eq!(output.take(), b"");
        worker.write_all(b"two").expect("second write");
        assert_eq!(output.take(), b"two");
    }

    #[test]
    fn a_flood_stops_at_the_capacity() {
        let capacity = usize::try_from(page_size()).expect("a small number");
        let (output, fd) = Output::new(capacity - 1).expect("output");
        let mut worker = File::from(fd);
        let flood = vec![b'x'; 3 * capacity];
        let error = worker.write_all(&flood).expect_err("must not fit");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(output.take().len(), capacity);
    }
}
