//! What is done to a token that is thrown away afterwards: PINs are tried, set and changed, and the token is initialised.

use cryptoki_sys::{CKU_SO, CKU_USER};

use super::phrase::step;
use super::tape::Tape;
use super::{Writer, number, pins, reference, text};
use crate::cryptoki::Function;
use crate::sequence::Argument;

use Function as F;

/// How seldom a call that others wait for is left out, or a PIN is another than the one it should be.
const SELDOM: u8 = 4;
/// Most wrong PINs in a row: more than many tokens take.
const MOST_TRIES: usize = 4;

/// Adds one phrase.
pub(super) fn phrase(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    match tape.below(4) {
        0 => initialise(writer, tape),
        1 => set_pin_of_user(writer, tape),
        2 => change_pin(writer, tape),
        _ => try_pins(writer, tape),
    }
}

/// The token is initialised, which takes that no session is open ([PKCS11-Base 3.2] 5.5.7), and used.
fn initialise(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    if !tape.once_in(SELDOM) {
        step(writer, tape, F::C_CloseAllSessions, &[]);
    }
    let given = [
        ("pin", usually(tape, pins::so_pin())),
        ("label", text("fuzz")),
    ];
    step(writer, tape, F::C_InitToken, &given);
    writer.open_session();
    // Now and then before there is a PIN.
    if tape.once_in(SELDOM) {
        log_in(writer, tape, CKU_USER, pins::pin());
    }
    if !tape.once_in(SELDOM) {
        set_pin_of_user(writer, tape);
    }
}

/// The security officer gives the user a PIN, who logs in.
fn set_pin_of_user(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    log_out(writer, tape);
    let officer = usually(tape, pins::so_pin());
    log_in(writer, tape, CKU_SO, officer);
    let new = usually(tape, pins::pin());
    step(
        writer,
        tape,
        F::C_InitPIN,
        &on(writer, &[("pin", new.clone())]),
    );
    log_out(writer, tape);
    let given = usually(tape, new);
    log_in(writer, tape, CKU_USER, given);
}

/// Whoever is logged in changes the PIN, or the user does so without a login, and one of the two is tried.
fn change_pin(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    if tape.below(2) == 1 {
        log_out(writer, tape);
    }
    let (user, old) = match tape.once_in(SELDOM) {
        true => (CKU_SO, pins::so_pin()),
        false => (CKU_USER, pins::pin()),
    };
    if user == CKU_SO {
        log_in(writer, tape, CKU_SO, old.clone());
    }
    let new = another(tape);
    let given = [
        ("old_pin", usually(tape, old.clone())),
        ("new_pin", new.clone()),
    ];
    step(writer, tape, F::C_SetPIN, &on(writer, &given));
    log_out(writer, tape);
    let given = if tape.below(3) == 2 { old } else { new };
    log_in(writer, tape, user, given);
}

/// Wrong PINs in a row, and the right one.
fn try_pins(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    log_out(writer, tape);
    let (user, right) = match tape.below(3) {
        0 => (CKU_SO, pins::so_pin()),
        _ => (CKU_USER, pins::pin()),
    };
    for _ in 0..=tape.below(MOST_TRIES) {
        let wrong = another(tape);
        log_in(writer, tape, user, wrong);
    }
    log_in(writer, tape, user, right);
}

fn log_in(writer: &mut Writer<'_>, tape: &mut Tape<'_>, user: u64, pin: Argument) {
    let given = on(writer, &[("user_type", number(user)), ("pin", pin)]);
    step(writer, tape, F::C_Login, &given);
}

fn log_out(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    step(writer, tape, F::C_Logout, &on(writer, &[]));
}

/// The arguments with the session that most calls are about.
fn on<'a>(writer: &Writer<'_>, given: &[(&'a str, Argument)]) -> Vec<(&'a str, Argument)> {
    let session = ("session", reference(&writer.current));
    std::iter::once(session)
        .chain(given.iter().cloned())
        .collect()
}

/// A PIN, seldom another.
fn usually(tape: &mut Tape<'_>, pin: Argument) -> Argument {
    match tape.once_in(SELDOM) {
        true => another(tape),
        false => pin,
    }
}

/// A PIN that the token did not have when it was provisioned, or the other user's.
fn another(tape: &mut Tape<'_>) -> Argument {
    match tape.below(8) {
        0 | 1 => pins::so_pin(),
        2 => text(pins::OTHERS[1]),
        3 => pins::longer_pin(),
        4 => pins::shorter_pin(),
        _ => text(pins::OTHERS[0]),
    }
}
