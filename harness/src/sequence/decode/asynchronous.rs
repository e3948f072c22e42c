//! Asynchronous sessions ([PKCS11-Base 3.2] 5.21): something is begun in one that may answer CKR_PENDING, and asked
//! after. The session may be closed before it is complete.

use cryptoki_sys::{CKF_ASYNC_SESSION, CKF_RW_SESSION, CKF_SERIAL_SESSION};

use super::phrase::{generate, step};
use super::tape::Tape;
use super::{Writer, operation, reference, text};
use crate::cryptoki::Function;
use crate::sequence::Step;

use Function as F;

/// How seldom a session is an asynchronous one where the token has such. A sequence with one has no variants, and is
/// not compared any further once something is pending.
const ASYNCHRONOUS: u8 = 12;
/// How seldom one is asked for where the token has none: CKR_SESSION_ASYNC_NOT_SUPPORTED (5.6.1).
const UNSUPPORTED: u8 = 96;

/// The flags of a session to be opened.
pub(super) fn flags(writer: &Writer<'_>, tape: &mut Tape<'_>) -> u64 {
    let flags = [CKF_SERIAL_SESSION | CKF_RW_SESSION, CKF_SERIAL_SESSION][tape.below(2)];
    let setting = writer.setting;
    let odds = match setting.asynchronous {
        true => ASYNCHRONOUS,
        false => UNSUPPORTED,
    };
    match tape.once_in(odds) && (setting.asynchronous || !setting.is_legal()) {
        true => flags | CKF_ASYNC_SESSION,
        false => flags,
    }
}

/// Something done in such a session, and what came of it.
pub(super) fn work(writer: &mut Writer<'_>, tape: &mut Tape<'_>, session: &str) {
    const ASKING: [Function; 4] = [
        F::C_AsyncComplete,
        F::C_AsyncGetID,
        F::C_AsyncComplete,
        F::C_SessionCancel,
    ];
    let usual = std::mem::replace(&mut writer.current, session.to_owned());
    match tape.below(4) {
        0 => operation::any(writer, tape),
        _ => generate(writer, tape),
    }
    let begun = match writer.steps.last() {
        Some(Step::Call(call)) => call.function,
        _ => F::C_GenerateKey,
    };
    let given = [
        ("session", reference(session)),
        ("function_name", text(begun.name())),
    ];
    for _ in 0..=tape.below(3) {
        let asks = ASKING[tape.below(ASKING.len())];
        step(writer, tape, asks, &given);
    }
    writer.current = usual;
}

#[cfg(test)]
mod tests {
    use super::super::{Prelude, Setting, decode};
    use super::*;
    use crate::sequence::may_be_asynchronous;

    /// How many of a thousand sequences open an asynchronous session, and how many ask for what is pending in one.
    fn count(setting: &Setting<'_>) -> (usize, usize) {
        let mut rng = fastrand::Rng::with_seed(5);
        let (mut opened, mut asked) = (0, 0);
        for _ in 0..1000 {
            let tape: Vec<u8> = (0..200).map(|_| rng.u8(..)).collect();
            let decoded = decode(&tape, setting);
            let has = |function: Function| {
                let mut calls = decoded.sequence.calls();
                calls.any(|call| call.function == function && may_be_asynchronous(call))
            };
            let opens = has(F::C_OpenSession);
            opened += usize::from(opens);
            asked += usize::from(opens && has(F::C_AsyncComplete));
        }
        (opened, asked)
    }

    #[test]
    fn sessions_are_seldom_asynchronous_and_never_in_class_a_where_the_token_has_none() {
        let mut setting = Setting::new(Prelude::Session, |_| true);
        setting.wrong = 0;
        assert_eq!(count(&setting).0, 0);
        setting.asynchronous = true;
        let (opened, asked) = count(&setting);
        assert!((10..300).contains(&opened) && asked > 5, "{opened} {asked}");
    }
}
