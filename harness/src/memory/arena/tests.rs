use super::*;

fn arena_page() -> usize {
    Arena::new().shared.page
}

#[test]
fn a_buffer_ends_at_a_page_and_starts_untouched() {
    let arena = Arena::new();
    for length in [1, 7, 256, 4095, 4096, 4097, 70_000, 3 << 20] {
        let buffer = arena.take(length).expect("memory");
        assert_eq!((buffer.ptr() as usize + length) % arena_page(), 0);
        assert!(buffer.as_slice().iter().all(|byte| *byte == UNTOUCHED));
        assert_eq!((buffer.len(), buffer.check()), (length, Ok(())));
    }
}

#[test]
fn an_empty_buffer_points_to_the_inaccessible_page() {
    let buffer = Arena::new().take(0).expect("memory");
    assert!(buffer.is_empty() && !buffer.ptr().is_null());
    assert_eq!(buffer.ptr() as usize % arena_page(), 0);
    assert_eq!(buffer.check(), Ok(()));
}

#[test]
fn an_aligned_buffer_has_watched_slack_behind_it() {
    let buffer = Arena::new().take_aligned(13, 8).expect("memory");
    assert_eq!(buffer.ptr() as usize % 8, 0);
    // SAFETY: byte 14 lies in the slack of the slot.
    unsafe { buffer.ptr().add(14).write(buffer.ptr().add(14).read() ^ 1) };
    let violation = buffer.check().expect_err("the slack was written");
    assert_eq!((violation.side, violation.offset), (Side::After, 14));
    let text = "wrote 2 bytes past the end of a buffer of 13 bytes";
    assert_eq!(violation.to_string(), text);
}

#[test]
fn a_write_before_the_buffer_is_found_and_the_nearest_byte_told() {
    let buffer = Arena::new().take(100).expect("memory");
    for back in [200, 3] {
        // SAFETY: lies in the slot's data, before the buffer.
        unsafe {
            buffer
                .ptr()
                .sub(back)
                .write(buffer.ptr().sub(back).read() ^ 1)
        };
        let violation = buffer.check().expect_err("the canary was written");
        let offset = -isize::try_from(back).expect("small");
        assert_eq!((violation.side, violation.offset), (Side::Before, offset));
    }
}

#[test]
fn a_reused_slot_is_fresh_again() {
    let arena = Arena::new();
    let mut first = arena.take(64).expect("memory");
    first.fill(1);
    // SAFETY: lies in the slot's data, before the buffer.
    unsafe { first.ptr().sub(1).write(first.ptr().sub(1).read() ^ 1) };
    let place = first.ptr();
    drop(first);
    let second = arena.take(64).expect("memory");
    assert_eq!(second.ptr(), place, "the only free slot is reused");
    assert!(second.as_slice().iter().all(|byte| *byte == UNTOUCHED));
    assert_eq!(second.check(), Ok(()));
}

#[test]
fn buffers_in_use_do_not_share_memory() {
    let arena = Arena::new();
    let mut buffers: Vec<_> = (0..50).map(|_| arena.take(32).expect("memory")).collect();
    for (value, buffer) in (0..).zip(&mut buffers) {
        buffer.fill(value);
    }
    for (value, buffer) in (0..).zip(&buffers) {
        assert_eq!(buffer.as_slice(), [value; 32]);
    }
}

#[test]
fn addresses_around_a_buffer_lead_to_its_label() {
    let arena = Arena::new();
    let mut buffer = arena.take(16).expect("memory");
    buffer.set_label(77);
    let start = buffer.ptr() as u64;
    let hit = arena.describes(start + 16).expect("the guard page");
    assert_eq!((hit.label, hit.offset(), hit.released), (77, 16, false));
    assert!(
        arena
            .describes(start + 16 + arena_page() as u64)
            .is_none_or(|hit| hit.label != 77)
    );
    drop(buffer);
    let hit = arena.describes(start).expect("still mapped");
    assert!(hit.released);
    drop(arena);
    assert!(locate(start).is_none_or(|hit| hit.label != 77));
}

#[test]
fn an_impossible_length_is_an_error() {
    let arena = Arena::new();
    let error = arena.take(usize::MAX).expect_err("no such memory");
    assert_eq!(error.length, usize::MAX);
    assert!(arena.take_aligned(usize::MAX - 2, 8).is_err());
}
