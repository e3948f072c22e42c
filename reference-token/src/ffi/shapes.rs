//! The signatures that functions of operations share: one macro a signature, which turns pointers
//! into slices and buffers and leaves the rest to a function of `token`. Arguments are read when
//! the operation asks for them, since a bad one ends it. Input and output may be the same place:
//! output is computed apart and copied last.

/// (session, mechanism or NULL, key): starts an operation of a kind, or cancels it.
macro_rules! inits {
    ($($name:ident: $kind:expr => $start:expr;)*) => {$(
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            mechanism: *mut CK_MECHANISM,
            key: CK_OBJECT_HANDLE,
        ) -> CK_RV {
            guard(|| {
                token::with_session(session, |_| Ok(()))?;
                // SAFETY: the function takes a mechanism or NULL.
                match unsafe { parameter::optional(mechanism)? } {
                    Some(mechanism) => $start(session, &mechanism, key),
                    None => token::cancel_kind(session, $kind),
                }
            })
        }
    )*};
}

/// (session, mechanism, key): starts an operation, and cancels none.
macro_rules! begins {
    ($($name:ident => $start:expr;)*) => {$(
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            mechanism: *mut CK_MECHANISM,
            key: CK_OBJECT_HANDLE,
        ) -> CK_RV {
            guard(|| {
                token::with_session(session, |_| Ok(()))?;
                // SAFETY: the function takes a mechanism, and it is looked at for NULL.
                let mechanism = unsafe { parameter::required(mechanism)? };
                $start(session, &mechanism, key)
            })
        }
    )*};
}

/// (session, input, its length, output, its length): section 5.2 for the output.
macro_rules! transformations {
    ($($name:ident => $call:expr;)*) => {$(
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                // SAFETY: the function takes data, and a buffer with its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let output = $call(session, || {
                    // SAFETY: as above.
                    Ok((unsafe { bytes(input, input_length)? }, buffer()?.room()))
                })?;
                buffer()?.deliver(output)
            })
        }
    )*};
}

/// (session, output, its length): section 5.2.
macro_rules! outputs {
    ($($name:ident => $call:expr;)*) => {$(
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            output: *mut CK_BYTE,
            output_length: *mut CK_ULONG,
        ) -> CK_RV {
            guard(|| {
                // SAFETY: the function takes a buffer with its length.
                let buffer = || unsafe { Buffer::new(output, output_length) };
                let output = $call(session, || Ok(buffer()?.room()))?;
                buffer()?.deliver(output)
            })
        }
    )*};
}

/// (session, input, its length), the input read by `bytes` or `present`.
macro_rules! inputs {
    ($($name:ident: $read:ident => $call:expr;)*) => {$(
        pub(super) unsafe extern "C" fn $name(
            session: CK_SESSION_HANDLE,
            input: *mut CK_BYTE,
            input_length: CK_ULONG,
        ) -> CK_RV {
            // SAFETY: the function takes data.
            guard(|| $call(session, || unsafe { $read(input, input_length) }))
        }
    )*};
}

pub(super) use {begins, inits, inputs, outputs, transformations};
