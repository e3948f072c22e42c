//! The dual functions of section 5.17: one part of data passed to two operations of a session.

use cryptoki_sys::*;

use super::kind::Kind;
use super::operation::{Running, with_operation};
use super::output::{Output, Room};
use crate::rv::Result;

/// The dual functions, each by its cipher and the operation beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dual {
    DigestEncrypt,
    DecryptDigest,
    SignEncrypt,
    DecryptVerify,
}

impl Dual {
    fn kinds(self) -> (Kind, Kind) {
        match self {
            Dual::DigestEncrypt => (Kind::Encrypt, Kind::Digest),
            Dual::DecryptDigest => (Kind::Decrypt, Kind::Digest),
            Dual::SignEncrypt => (Kind::Encrypt, Kind::Sign),
            Dual::DecryptVerify => (Kind::Decrypt, Kind::Verify),
        }
    }
}

/// Passes a part of the data to both operations. They are not linked otherwise: what the cipher
/// gives out at its end is not digested, signed or verified.
///
/// The standard does not say what an error ends. As with C_EncryptUpdate, bad arguments or data
/// end the encryption or decryption; the other operation, to which nothing was passed, goes on.
pub(crate) fn dual_update<'a>(
    function: Dual,
    session: CK_SESSION_HANDLE,
    arguments: impl FnOnce() -> Result<(&'a [u8], Room)>,
) -> Result<Output> {
    let (cipher, other) = function.kinds();
    with_operation(session, cipher, |mut cipher| {
        let mut goes_on = true;
        let result = with_operation(session, other, |mut other| {
            let ready = cipher.check_multipart().and(other.check_multipart());
            let result = ready.and_then(|()| {
                let result = arguments()
                    .and_then(|(data, room)| pass(function, (&mut cipher, &mut other), data, room));
                goes_on = result.is_ok();
                result
            });
            (Some(other), result)
        });
        (goes_on.then_some(cipher), result)
    })
}

/// The plaintext goes to the second operation, and only if the cipher's output fits.
fn pass(
    function: Dual,
    (cipher, other): (&mut Running, &mut Running),
    data: &[u8],
    room: Room,
) -> Result<Output> {
    let length = cipher.cipher()?.update_length(data.len());
    if let Some(answer) = room.answer(length) {
        return Ok(answer);
    }
    let output = cipher.transform(data)?;
    match function {
        Dual::DigestEncrypt | Dual::SignEncrypt => other.absorb(data)?,
        Dual::DecryptDigest | Dual::DecryptVerify => other.absorb(&output)?,
    }
    Ok(Output::Bytes(output))
}
