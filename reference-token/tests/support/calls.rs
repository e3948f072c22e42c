//! Whole operations in one call, for tests that are not about their steps.

use cryptoki_sys::*;

use super::Token;

/// C_SignInit and C_Sign with a buffer that is large enough.
pub fn sign(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    data: &[u8],
) -> Result<Vec<u8>, CK_RV> {
    match call!(token, C_SignInit(session, &mut mechanism, key)) {
        CKR_OK => {}
        rv => return Err(rv),
    }
    let mut signature = vec![0; 1024];
    let mut length = 1024;
    let count = data.len() as CK_ULONG;
    let output = signature.as_mut_ptr();
    match call!(
        token,
        C_Sign(session, input!(data), count, output, &mut length)
    ) {
        CKR_OK => signature.truncate(length as usize),
        rv => return Err(rv),
    }
    Ok(signature)
}

/// C_VerifyInit and C_Verify.
pub fn verify(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    (data, signature): (&[u8], &[u8]),
) -> CK_RV {
    match call!(token, C_VerifyInit(session, &mut mechanism, key)) {
        CKR_OK => {}
        rv => return rv,
    }
    let (count, length) = (data.len() as CK_ULONG, signature.len() as CK_ULONG);
    call!(
        token,
        C_Verify(session, input!(data), count, input!(signature), length)
    )
}

/// An encryption or decryption in one call, with a buffer that is large enough.
pub fn cipher(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    (encrypting, data): (bool, &[u8]),
) -> Result<Vec<u8>, CK_RV> {
    let rv = match encrypting {
        true => call!(token, C_EncryptInit(session, &mut mechanism, key)),
        false => call!(token, C_DecryptInit(session, &mut mechanism, key)),
    };
    if rv != CKR_OK {
        return Err(rv);
    }
    let mut output = vec![0; data.len() + 512];
    let mut length = output.len() as CK_ULONG;
    let (pointer, count) = (output.as_mut_ptr(), data.len() as CK_ULONG);
    let rv = match encrypting {
        true => call!(
            token,
            C_Encrypt(session, input!(data), count, pointer, &mut length)
        ),
        false => call!(
            token,
            C_Decrypt(session, input!(data), count, pointer, &mut length)
        ),
    };
    output.truncate(length as usize);
    if rv == CKR_OK { Ok(output) } else { Err(rv) }
}
