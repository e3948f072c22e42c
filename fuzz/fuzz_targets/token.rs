//! Any bytes as calls of the built-in token: it never crashes, never writes beside the memory it is
//! given, and returns only what the standard lists.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use p11assay::fuzz::InProcess;
use p11assay::sequence::decode::{Pins, Prelude, Setting};

const PINS: Pins<'static> = Pins {
    so: "12345678",
    user: "1234",
};

thread_local! {
    static TOKEN: RefCell<InProcess> =
        RefCell::new(InProcess::builtin().expect("the built-in token loads"));
    static SETTING: Setting<'static> = Setting::new(Prelude::Token(PINS), |_| true);
}

fuzz_target!(|bytes: &[u8]| {
    let result = SETTING.with(|setting| TOKEN.with_borrow_mut(|token| token.run(bytes, setting)));
    if let Err(finding) = result {
        panic!("{finding}");
    }
});
