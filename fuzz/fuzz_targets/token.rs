//! Any bytes as calls of the built-in token: it never crashes, never writes beside the memory it is
//! given, and returns only what the standard lists.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use p11assay::fuzz::InProcess;
use p11assay::sequence::decode::Pins;

const PINS: Pins<'static> = Pins {
    so: "12345678",
    user: "1234",
};

thread_local! {
    static TOKEN: RefCell<InProcess> =
        RefCell::new(InProcess::builtin().expect("the built-in token loads"));
}

fuzz_target!(|bytes: &[u8]| {
    TOKEN.with_borrow_mut(|token| {
        if let Err(finding) = token.run(bytes, PINS) {
            panic!("{finding}");
        }
    });
});
