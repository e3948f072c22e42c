//! Signing, MACing and verifying: sections 5.13 and 5.15.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes, present};
use super::shapes::{inits, inputs, outputs, transformations};
use super::{guard, parameter};
use crate::token::{self, Kind};

inits! {
    C_SignInit: Kind::Sign => token::sign_init;
    C_VerifyInit: Kind::Verify => token::verify_init;
}

transformations! {
    C_Sign => token::sign;
}

inputs! {
    C_SignUpdate: bytes => token::sign_update;
    C_VerifyUpdate: bytes => token::verify_update;
    C_VerifyFinal: present => token::verify_final;
}

outputs! {
    C_SignFinal => token::sign_final;
}

pub(super) unsafe extern "C" fn C_Verify(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_length: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::verify(session, || {
            // SAFETY: section 5.15.2: data and a signature.
            unsafe {
                Ok((
                    bytes(data, data_length)?,
                    present(signature, signature_length)?,
                ))
            }
        })
    })
}
