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

/// The PIN that the token keeps.
pub(super) fn pin() -> Argument {
    let pin = Content::Reference(Reference::to("target").field("pin"));
    Argument::Bytes(Bytes::of(pin))
}

/// True of what is not called at all on a token that keeps its PINs.
pub(super) fn is_left_alone(writer: &Writer<'_>, function: Function) -> bool {
    match function {
        _ if writer.setting.prelude != Prelude::Session => false,
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
    if writer.setting.prelude != Prelude::Session {
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
