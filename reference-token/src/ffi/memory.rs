//! Pointers and lengths from the application, checked for what can be checked: NULL, and lengths
//! that no honest caller has. Reads and writes tolerate any alignment.

use cryptoki_sys::*;

use crate::rv::{Result, ensure, refusal, refuse};
use crate::token::{Output, Room};

/// Longest input taken in one call: 1 GiB. A larger length is a mistake or a lie.
const MOST_BYTES: CK_ULONG = 1 << 30;
/// Most elements of an array: templates, slot lists.
const MOST_ELEMENTS: CK_ULONG = 1 << 16;

/// What mutants crash with: a read that the compiler does not leave out.
///
/// # Safety
/// None: `pointer` is not valid, and the process ends here.
unsafe fn crash_at<T>(pointer: *const T) {
    // SAFETY: none: wrong on purpose.
    unsafe { pointer.cast::<u8>().read_volatile() };
}

/// Input bytes; NULL only with length 0.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `length` bytes for the lifetime `'a`.
pub(super) unsafe fn bytes<'a>(pointer: *const CK_BYTE, length: CK_ULONG) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() && mutant!("null-data-crashes") {
        // SAFETY: none: this reads from NULL on purpose, as a module does that does not look.
        unsafe { crash_at(pointer) }
    }
    ensure(
        !pointer.is_null() && length <= MOST_BYTES,
        CKR_ARGUMENTS_BAD,
    )?;
    // SAFETY: not NULL, below isize::MAX, and readable as the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length as usize) })
}

/// Input bytes that must be there even when there are none of them, such as PINs.
///
/// # Safety
/// As for `bytes`.
pub(super) unsafe fn present<'a>(pointer: *const CK_BYTE, length: CK_ULONG) -> Result<&'a [u8]> {
    ensure(!pointer.is_null(), CKR_ARGUMENTS_BAD)?;
    // SAFETY: as the caller promises.
    unsafe { bytes(pointer, length) }
}

/// Input elements, copied out.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `count` elements.
pub(super) unsafe fn elements<T: Copy>(pointer: *const T, count: CK_ULONG) -> Result<Vec<T>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if count > MOST_ELEMENTS && mutant!("absurd-count-aborts") {
        // What an allocation does that is not checked.
        std::process::abort();
    }
    ensure(
        !pointer.is_null() && count <= MOST_ELEMENTS,
        CKR_ARGUMENTS_BAD,
    )?;
    // SAFETY: not NULL, and readable as the caller promises; alignment is not assumed.
    Ok((0..count as usize)
        .map(|i| unsafe { pointer.add(i).read_unaligned() })
        .collect())
}

/// A place for one value.
pub(super) struct Place<T>(*mut T);

impl<T: Copy> Place<T> {
    /// # Safety
    /// Unless NULL, `pointer` is valid for reads and writes of a `T` while the call lasts.
    pub(super) unsafe fn new(pointer: *mut T) -> Result<Place<T>> {
        if pointer.is_null() && mutant!("null-length-crashes") {
            // SAFETY: none: as for the mutant of `bytes`.
            unsafe { crash_at(pointer) }
        }
        ensure(!pointer.is_null(), CKR_ARGUMENTS_BAD)?;
        Ok(Place(pointer))
    }

    pub(super) fn set(&self, value: T) {
        // SAFETY: not NULL and writable, as promised to `new`.
        unsafe { self.0.write_unaligned(value) }
    }

    pub(super) fn get(&self) -> T {
        // SAFETY: not NULL and readable, as promised to `new`.
        unsafe { self.0.read_unaligned() }
    }
}

/// A buffer of variable length and the place of its length: the convention of section 5.2, and
/// with elements other than bytes that of the list functions.
pub(super) struct Buffer<T> {
    pointer: *mut T,
    length: Place<CK_ULONG>,
}

impl<T: Copy> Buffer<T> {
    /// # Safety
    /// As for `Place::new`; and unless NULL, `pointer` is valid for writes of `*length` elements.
    pub(super) unsafe fn new(pointer: *mut T, length: *mut CK_ULONG) -> Result<Buffer<T>> {
        // SAFETY: as the caller promises.
        let length = unsafe { Place::new(length)? };
        Ok(Buffer { pointer, length })
    }

    /// What the application offers.
    pub(super) fn room(&self) -> Room {
        match self.pointer.is_null() {
            true => Room::Query,
            // Wrong on purpose: the caller of `new` did not promise so much.
            false if mutant!("short-buffer-overrun") => Room::Bytes(usize::MAX),
            false => {
                let room = usize::try_from(self.length.get()).unwrap_or(usize::MAX);
                let more = usize::from(mutant!("one-short-suffices"));
                Room::Bytes(room.saturating_add(more))
            }
        }
    }

    /// Gives out a list, or its length, or CKR_BUFFER_TOO_SMALL with its length.
    pub(super) fn deliver_list(&self, list: &[T]) -> Result<()> {
        let room = self.room();
        let silent = match room.answer(list.len()) {
            None => mutant!("length-stays-the-room"),
            Some(_) => mutant!("list-count-not-told"),
        };
        if !silent {
            self.length.set(list.len() as CK_ULONG);
        }
        match room.answer(list.len()) {
            None => {
                let (from, to) = (list.as_ptr().cast::<u8>(), self.pointer.cast::<u8>());
                if !list.is_empty() {
                    // SAFETY: the list fits the elements that `new` was promised room for, and is
                    // memory of the token's own; bytes need no alignment.
                    unsafe { to.copy_from_nonoverlapping(from, size_of_val(list)) }
                }
                Ok(())
            }
            Some(Output::TooSmall(_)) => refuse(CKR_BUFFER_TOO_SMALL),
            Some(_) => Ok(()),
        }
    }
}

impl Buffer<CK_BYTE> {
    /// Output with pointers into itself, as it is to be in this buffer.
    fn linked(&self, mut bytes: Vec<u8>, places: Vec<usize>) -> Vec<u8> {
        let address = self.pointer.expose_provenance();
        for place in places {
            let word = bytes.get_mut(place..).and_then(<[u8]>::first_chunk_mut);
            if let Some(word) = word {
                *word = address
                    .wrapping_add(usize::from_ne_bytes(*word))
                    .to_ne_bytes();
            }
        }
        bytes
    }

    /// Gives out what an operation produced for this buffer's `room`.
    pub(super) fn deliver(&self, output: Output) -> Result<()> {
        match output {
            Output::Length(length) => {
                self.length.set(length as CK_ULONG);
                Ok(())
            }
            Output::TooSmall(length) => {
                if mutant!("output-written-on-error") {
                    // SAFETY: the buffer has as many bytes as were promised to `new`.
                    unsafe { self.pointer.write_bytes(0, self.length.get() as usize) }
                }
                if !mutant!("length-not-told-when-too-small") {
                    self.length.set(length as CK_ULONG);
                }
                refuse(CKR_BUFFER_TOO_SMALL)
            }
            Output::Linked(bytes, places) => self.deliver_list(&self.linked(bytes, places)),
            Output::Bytes(bytes) => {
                self.deliver_list(&bytes)?;
                if mutant!("one-byte-too-many") {
                    // SAFETY: none: this byte is beyond the buffer on purpose.
                    unsafe { self.pointer.add(bytes.len()).write(0) }
                }
                Ok(())
            }
        }
    }
}

/// Fills an output buffer of fixed length.
///
/// # Safety
/// Unless NULL, `pointer` is valid for writes of `length` bytes.
pub(super) unsafe fn fill(
    pointer: *mut CK_BYTE,
    length: CK_ULONG,
    produce: impl FnOnce(usize) -> Result<Vec<u8>>,
) -> Result<()> {
    let wanted = usize::try_from(length).map_err(|_| refusal(CKR_ARGUMENTS_BAD))?;
    let sound = length <= MOST_BYTES && (!pointer.is_null() || length == 0);
    ensure(sound, CKR_ARGUMENTS_BAD)?;
    let bytes = produce(wanted)?;
    if !bytes.is_empty() {
        // SAFETY: not NULL, and `produce` gave no more than the `length` bytes there is room for.
        unsafe { pointer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len().min(wanted)) }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_absurd_lengths_are_refused_before_anything_is_read() {
        let byte = 7u8;
        let null = std::ptr::null();
        // SAFETY: nothing is read where the pointer is NULL or the length absurd.
        unsafe {
            assert!(bytes(null, 0).unwrap().is_empty());
            assert_eq!(bytes(null, 1).unwrap_err().code(), CKR_ARGUMENTS_BAD);
            assert_eq!(
                bytes(&byte, CK_ULONG::MAX).unwrap_err().code(),
                CKR_ARGUMENTS_BAD
            );
            assert!(elements::<CK_ATTRIBUTE>(std::ptr::null(), 1).is_err());
            assert!(elements(&byte, CK_ULONG::MAX).is_err());
        }
    }

    #[test]
    fn a_buffer_too_small_learns_the_length_and_keeps_its_contents() {
        let mut buffer = [9u8; 2];
        let mut length = 2;
        // SAFETY: both pointers are to live variables of the given lengths.
        let target = unsafe { Buffer::new(buffer.as_mut_ptr(), &mut length).unwrap() };
        let refusal = target.deliver_list(&[1, 2, 3]).unwrap_err();
        assert_eq!(refusal.code(), CKR_BUFFER_TOO_SMALL);
        assert_eq!((buffer, length), ([9, 9], 3));
    }
}
