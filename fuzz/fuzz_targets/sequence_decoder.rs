//! Any bytes as a sequence, in every kind of setting: reading never panics, and what is read can be written
//! as YAML and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use p11assay::sequence::calls_mut;
use p11assay::sequence::decode::{Pins, Prelude, Setting, USUALLY_WRONG, decode};

const PINS: Pins<'static> = Pins {
    so: "12345678",
    user: "1234",
};

thread_local! {
    static SETTINGS: Vec<Setting<'static>> = [Prelude::Token(PINS), Prelude::Session]
        .into_iter()
        .flat_map(|prelude| {
            [false, true].map(|wrong| {
                let mut setting = Setting::new(prelude, |_| true);
                setting.wrong = if wrong { USUALLY_WRONG } else { 0 };
                setting.lies = wrong;
                setting.own_tokens = prelude == Prelude::Session;
                setting
            })
        })
        .collect();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, tape)) = bytes.split_first() else {
        return;
    };
    SETTINGS.with(|settings| {
        let setting = &settings[usize::from(*first) % settings.len()];
        let mut sequence = decode(tape, setting).sequence;
        // What is read is numbered by its place; a login that turned out not to be needed leaves a gap.
        for (call, number) in calls_mut(&mut sequence.steps).into_iter().zip(1..) {
            call.number = number;
        }
        let (written, again) = p11assay::sequence::write::read_back(&sequence)
            .unwrap_or_else(|error| panic!("the written form is not read: {error}"));
        assert_eq!(again, sequence, "{written}");
    });
});
