//! What a sequence gives functions that are about PINs on a token that keeps its own: the right PIN, so that none is
//! changed, whatever is allowed, and none tried wrongly.

use cryptoki_sys::CKU_USER;

use super::setting::Prelude;
use super::{Writer, number};
use crate::cryptoki::Function;
use crate::cryptoki::function::Parameter;
use crate::sequence::{Argument, Bytes, Content, Reference};

/// Functions that check a PIN or set one in a session.
pub(super) const CHECKED: [Function; 4] = [
    Function::C_Login,
    Function::C_LoginUser,
    Function::C_SetPIN,
    Function::C_InitPIN,
];

/// True of functions that work a key out of a PIN even where the user is logged in, which takes a while by design.
pub(super) fn is_slow(function: Function) -> bool {
    function == Function::C_InitToken || CHECKED[1..].contains(&function)
}

/// PINs that no token has when a sequence finds it, of a length that most tokens take.
pub(super) const OTHERS: [&str; 2] = ["24682468", "13571357"];

/// How much of the user's PIN stands for one that is shorter.
const SHORTER: usize = 3;
/// What stands behind the user's PIN in one that is longer. No digit, by which a PIN in what a module writes would not be known.
const MORE: &str = "z";

/// The user's PIN when a sequence finds the token.
pub(super) fn pin() -> Argument {
    Argument::Bytes(Bytes::of(of_target("pin")))
}

/// The same of the security officer.
pub(super) fn so_pin() -> Argument {
    Argument::Bytes(Bytes::of(of_target("so-pin")))
}

/// The user's PIN with something behind it.
pub(super) fn longer_pin() -> Argument {
    let parts = vec![of_target("pin"), Content::Text(MORE.to_owned())];
    Argument::Bytes(Bytes::of(Content::Concat(parts)))
}

/// The beginning of the user's PIN.
pub(super) fn shorter_pin() -> Argument {
    Argument::Bytes(Bytes::of(Content::Take {
        of: Box::new(of_target("pin")),
        count: SHORTER,
    }))
}

fn of_target(field: &str) -> Content {
    Content::Reference(Reference::to("target").field(field))
}

/// True if PINs that sequences make of these are alike on no token.
#[must_use]
pub fn are_apart(user: &str, officer: &str) -> bool {
    let longer = format!("{user}{MORE}");
    let shorter = &user.as_bytes()[..user.len().min(SHORTER)];
    let all = [user, officer, &longer].map(str::as_bytes).into_iter();
    let all: Vec<&[u8]> = all
        .chain([shorter])
        .chain(OTHERS.map(str::as_bytes))
        .collect();
    let known = |one: usize| all[..one].contains(&all[one]);
    !(0..all.len()).any(known)
}

/// True of what is not called at all on a token that keeps its PINs.
pub(super) fn is_left_alone(writer: &Writer<'_>, function: Function) -> bool {
    match function {
        _ if writer.prelude != Prelude::Session => false,
        // It takes the user's PIN with it, unless a session is open, and whether one is depends on the module.
        Function::C_InitToken => true,
        // Nobody is the security officer: it is refused ([PKCS11-Base 3.2] 5.5.8).
        Function::C_InitPIN => writer.setting.is_legal(),
        _ => false,
    }
}

/// What a parameter is given on a token that keeps its PINs, if that is not for the tape to say.
pub(super) fn kept(
    writer: &Writer<'_>,
    function: Function,
    parameter: &Parameter,
) -> Option<Argument> {
    if writer.prelude != Prelude::Session {
        return None;
    }
    match parameter.name {
        _ if parameter.is_pin() => Some(pin()),
        // None: a token may take a PIN for wrong that comes with another name (5.6.9).
        "username" => Some(Argument::Default),
        "user_type" if matches!(function, Function::C_Login | Function::C_LoginUser) => {
            Some(number(CKU_USER))
        }
        _ => None,
    }
}
