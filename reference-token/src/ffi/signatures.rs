//! Signing, MACing and verifying: sections 5.13 and 5.15.

use cryptoki_sys::*;

use super::memory::{Buffer, bytes, present};
use super::shapes::{inits, inputs, outputs, transformations};
use super::{guard, parameter};
use crate::token::{self, Kind};

inits! {
    C_SignInit: Kind::Sign => token::sign_init;
    C_SignRecoverInit: Kind::SignRecover => token::sign_recover_init;
    C_VerifyInit: Kind::Verify => token::verify_init;
    C_VerifyRecoverInit: Kind::VerifyRecover => token::verify_recover_init;
}

transformations! {
    C_Sign => token::sign;
    C_SignRecover => token::sign_recover;
    C_VerifyRecover => token::verify_recover;
}

inputs! {
    C_SignUpdate: bytes => token::sign_update;
    C_VerifyUpdate: bytes => token::verify_update;
    C_VerifyFinal: present => token::verify_final;
    C_VerifySignature: bytes => token::verify_signature;
    C_VerifySignatureUpdate: bytes => token::verify_signature_update;
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

pub(super) unsafe extern "C" fn C_VerifySignatureInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    signature: *mut CK_BYTE,
    signature_length: CK_ULONG,
) -> CK_RV {
    guard(|| {
        token::with_session(session, |_| Ok(()))?;
        // SAFETY: section 5.15.7: a mechanism or NULL.
        let Some(mechanism) = (unsafe { parameter::optional(mechanism)? }) else {
            return token::cancel_kind(session, Kind::VerifySignature);
        };
        // SAFETY: section 5.15.7: a signature.
        let signature = unsafe { present(signature, signature_length)? };
        token::verify_signature_init(session, &mechanism, key, signature)
    })
}

pub(super) unsafe extern "C" fn C_VerifySignatureFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    guard(|| token::verify_signature_final(session))
}
