//! Turns: what is laid out once does what the sequences do one by one.

use cryptoki_sys::{CKR_OK, CKU_USER};
use p11assay::execute::{Answer, Defaults, Options, Prepared, Turns};
use p11assay::memory::Arena;
use p11assay::module::Module;
use p11assay::run::ladder;
use p11assay::sequence::decode::{Prelude, Setting, Variants, decode};
use p11assay::sequence::{Sequence, Step};
use p11assay::worker::{JournalWriter, Record, Timing};

const DEFAULTS: Defaults = Defaults {
    slot: 1,
    init_args: None,
};

/// Of an initialised module whose token has a PIN.
pub(crate) fn every_turn_is_its_sequence(module: &Module, pin: &[u8]) {
    let table = module.table();
    let mut session = 0;
    let mut pin = pin.to_vec();
    let null = std::ptr::null_mut;
    // SAFETY: legal calls; the pointers are to live variables.
    #[allow(unsafe_code, reason = "calls the module")]
    let logged_in = unsafe {
        let rv = table.C_OpenSession.expect("present")(1, 4, null(), None, &mut session);
        let login = table.C_Login.expect("present");
        rv | login(session, CKU_USER, pin.as_mut_ptr(), pin.len() as u64)
    };
    assert_eq!(logged_in, CKR_OK);
    // What chance decides is left out.
    let mechanisms = [
        cryptoki_sys::CKM_SHA256,
        cryptoki_sys::CKM_SHA256_HMAC,
        cryptoki_sys::CKM_AES_CBC,
        cryptoki_sys::CKM_AES_ECB,
    ];
    let setting = Setting::new(Prelude::Session, |of| mechanisms.contains(&of));
    let mut rng = fastrand::Rng::with_seed(3);
    let (mut turns, mut done) = (0, 0);
    while turns < 300 {
        let tape: Vec<u8> = (0..rng.usize(20..120)).map(|_| rng.u8(..)).collect();
        let Some(variants) = Variants::of(&tape, &setting, 5) else {
            continue;
        };
        let count = variants.count().min(20);
        for (number, together) in (0..).zip(run(module, &variants, count)) {
            let alone = run_alone(module, &variants.tape(number), &setting);
            assert_eq!(together, alone, "{:?} {number}", variants.tape(number));
            done += alone.iter().filter(|rv| **rv == CKR_OK).count();
            turns += 1;
        }
    }
    assert!(done > 2 * turns, "{done} of {turns} sequences");
}

/// What the calls of the variants returned, run as turns.
fn run(module: &Module, variants: &Variants, count: u32) -> Vec<Vec<u64>> {
    let phrases = variants.phrases(0).flat_map(|phrase| &phrase.steps);
    let whole = variants.prelude().iter().chain(phrases);
    let end = ladder::close(&Sequence {
        steps: whole.cloned().collect(),
    });
    let places = variants.places().iter().map(|phrases| {
        let steps = phrases.iter().map(|phrase| phrase.steps.as_slice());
        steps.collect::<Vec<&[Step]>>()
    });
    let mut turns = Turns::new(
        (variants.prelude(), &end),
        places,
        (module.table(), &Arena::new(), &DEFAULTS),
        &[],
        variants.given(),
    )
    .expect("memory for the arguments");
    let mut journal = JournalWriter::in_memory(1 << 20, Timing::Off);
    let one = |number| {
        journal.turn(number);
        // SAFETY: honest memory, on a token that is sound.
        #[allow(unsafe_code, reason = "runs sequences on the module")]
        let turned = unsafe { turns.turn(variants.choice(number), &mut journal) };
        assert!(!turned.alarm);
        turns
            .answers()
            .iter()
            .filter_map(|answer: &Answer| answer.rv())
            .collect()
    };
    (0..count).map(one).collect()
}

/// What the calls of a tape returned, those aside that only asked for a size.
fn run_alone(module: &Module, tape: &[u8], setting: &Setting<'_>) -> Vec<u64> {
    let decoded = decode(tape, setting);
    let mut sequence = decoded.sequence;
    let end = ladder::close(&sequence);
    let calls: Vec<u32> = sequence.calls().map(|call| call.number).collect();
    sequence.steps.extend(end);
    let arena = Arena::new();
    let mut prepared = Prepared::new(
        &sequence,
        module.table(),
        &arena,
        &DEFAULTS,
        &decoded.given,
        Options::default(),
    )
    .expect("memory for the arguments");
    let mut journal = JournalWriter::in_memory(1 << 20, Timing::Off);
    // SAFETY: as above.
    #[allow(unsafe_code, reason = "runs sequences on the module")]
    unsafe {
        prepared.run(&mut journal);
    }
    let journal = journal.take_journal();
    let last_of = |step: u32| {
        let of_step = journal.records().filter_map(|record| match record {
            Record::Call(call) if call.step == step => call.returned,
            _ => None,
        });
        of_step.last().map(|back| back.rv)
    };
    calls.into_iter().filter_map(last_of).collect()
}
