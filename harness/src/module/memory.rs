//! Reading memory that a module points to without trusting the pointer.
#![allow(
    unsafe_code,
    reason = "asks the kernel to copy from addresses that may not be mapped"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use crate::worker::memfd;

/// Copies up to `buffer.len()` bytes from `address`, and gives how many were readable.
///
/// The kernel does the copying, so an address that is not mapped gives fewer bytes and no signal.
pub(crate) fn read(address: usize, buffer: &mut [u8]) -> usize {
    if address == 0 {
        return 0;
    }
    copy(address, buffer).unwrap_or_else(|| read_by_pages(address, buffer))
}

/// The whole range could not be copied at once: copy page by page until one is missing.
fn read_by_pages(address: usize, buffer: &mut [u8]) -> usize {
    const PAGE: usize = 4096;
    let mut done = 0;
    while done < buffer.len() {
        let here = address + done;
        let count = (PAGE - here % PAGE).min(buffer.len() - done);
        match copy(here, &mut buffer[done..done + count]) {
            Some(copied) if copied == count => done += count,
            Some(copied) => return done + copied,
            None => return done,
        }
    }
    done
}

/// Copies bytes from `address`, all or as many as can be read; `None` if the first cannot.
fn copy(address: usize, buffer: &mut [u8]) -> Option<usize> {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    // SAFETY: `local` describes `buffer`, which outlives the call; `remote` may be anything, the
    // kernel answers EFAULT for what cannot be read.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    if copied < 0 {
        let error = io::Error::last_os_error().raw_os_error();
        // The system forbids it, or lacks it, as sandboxes and emulators do: that says nothing of the address.
        return match error {
            Some(libc::ENOSYS | libc::EPERM) => copy_through_file(address, buffer),
            _ => None,
        };
    }
    usize::try_from(copied).ok()
}

/// As [`copy`], by writing from the address into a file in memory.
fn copy_through_file(address: usize, buffer: &mut [u8]) -> Option<usize> {
    let file = File::from(memfd(c"p11assay-read", 0, false).ok()?);
    // SAFETY: the kernel reads the memory, and answers EFAULT for what cannot be read.
    let written = unsafe {
        let from = address as *const libc::c_void;
        libc::write(file.as_raw_fd(), from, buffer.len())
    };
    let written = usize::try_from(written).ok()?;
    file.read_exact_at(buffer.get_mut(..written)?, 0).ok()?;
    Some(written)
}

/// Reads a NUL-terminated text of at most `limit` bytes; what is not UTF-8 is replaced.
pub(crate) fn read_text(address: usize, limit: usize) -> Option<String> {
    let mut buffer = vec![0; limit];
    let count = read(address, &mut buffer);
    let end = buffer[..count].iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&buffer[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mapped_is_read_and_what_is_not_is_no_crash() {
        let bytes = *b"PKCS 11\0rest";
        assert_eq!(
            read_text(bytes.as_ptr() as usize, bytes.len()),
            Some("PKCS 11".to_owned())
        );
        assert_eq!(read(0, &mut [0; 8]), 0);
        assert_eq!(read(16, &mut [0; 8]), 0);
        assert_eq!(read(usize::MAX - 3, &mut [0; 3]), 0);
    }

    #[test]
    fn where_the_system_forbids_copying_a_file_does_as_well() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut copy = vec![0; bytes.len()];
        let address = bytes.as_ptr() as usize;
        assert_eq!(copy_through_file(address, &mut copy), Some(10_000));
        assert_eq!(copy, bytes);
        assert_eq!(copy_through_file(16, &mut [0; 8]), None);
        assert_eq!(copy_through_file(usize::MAX - 3, &mut [0; 3]), None);
    }
}
