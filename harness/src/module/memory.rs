//! Reading memory that a module points to without trusting the pointer.
#![allow(
    unsafe_code,
    reason = "asks the kernel to copy from addresses that may not be mapped"
)]

/// Copies up to `buffer.len()` bytes from `address`, and gives how many were readable.
///
/// The kernel does the copying, so an address that is not mapped gives fewer bytes and no signal.
pub(crate) fn read(address: usize, buffer: &mut [u8]) -> usize {
    let local = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: buffer.len(),
    };
    if address == 0 {
        return 0;
    }
    // SAFETY: `local` describes `buffer`, which outlives the call; `remote` may be anything, the
    // kernel answers EFAULT for what cannot be read.
    let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
    usize::try_from(copied).unwrap_or_else(|_| read_by_pages(address, buffer))
}

/// The whole range could not be copied at once: copy page by page until one is missing.
fn read_by_pages(address: usize, buffer: &mut [u8]) -> usize {
    const PAGE: usize = 4096;
    let mut done = 0;
    while done < buffer.len() {
        let here = address + done;
        let count = (PAGE - here % PAGE).min(buffer.len() - done);
        let local = libc::iovec {
            iov_base: buffer[done..].as_mut_ptr().cast(),
            iov_len: count,
        };
        let remote = libc::iovec {
            iov_base: here as *mut libc::c_void,
            iov_len: count,
        };
        // SAFETY: as in `read`, with `count` bytes left in `buffer` from `done` on.
        let copied = unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) };
        match usize::try_from(copied) {
            Ok(copied) if copied == count => done += count,
            Ok(copied) => return done + copied,
            Err(_) => return done,
        }
    }
    done
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
}
