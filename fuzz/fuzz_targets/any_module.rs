//! Any bytes as calls of the module that `P11ASSAY_MODULE` names, in this process: it never crashes, and never
//! writes beside the memory it is given. A module built with SanitizerCoverage guides the search.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use p11assay::fuzz::InProcess;
use p11assay::sequence::decode::Setting;

thread_local! {
    static MODULE: RefCell<InProcess> = RefCell::new(
        InProcess::from_environment().unwrap_or_else(|reason| {
            eprintln!("{reason}");
            std::process::exit(2);
        }),
    );
    static SETTING: Setting<'static> = MODULE.with_borrow(InProcess::setting);
}

fuzz_target!(
    // What is missing is said before there is an input, which would be blamed for it.
    init: SETTING.with(|_| ()),
    |bytes: &[u8]| {
        let result =
            SETTING.with(|setting| MODULE.with_borrow_mut(|module| module.run(bytes, setting)));
        if let Err(finding) = result {
            panic!("{finding}");
        }
    }
);
