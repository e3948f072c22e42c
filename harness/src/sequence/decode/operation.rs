//! Operations: a mechanism and a key, what is fed in parts or at once, and what ends it.

use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};

use super::argument::{data, output, session};
use super::phrase::{key, of_mechanism, step};
use super::tape::Tape;
use super::{Writer, mechanism, reference};
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::Use;
use crate::sequence::Argument;

use Function as F;

/// An operation with a key: its functions and what its mechanism and key must be for.
struct Operation {
    wanted: Use,
    /// Class of an asymmetric key for it.
    class: u64,
    init: Function,
    /// Single-part function.
    one: Option<Function>,
    update: Option<Function>,
    finish: Option<Function>,
}

const fn operation(
    wanted: Use,
    class: u64,
    init: Function,
    one: Option<Function>,
    update: Option<Function>,
    finish: Option<Function>,
) -> Operation {
    Operation {
        wanted,
        class,
        init,
        one,
        update,
        finish,
    }
}

#[rustfmt::skip]
static OPERATIONS: [Operation; 13] = [
    operation(Use::Encrypt, CKO_PUBLIC_KEY,  F::C_EncryptInit, Some(F::C_Encrypt), Some(F::C_EncryptUpdate), Some(F::C_EncryptFinal)),
    operation(Use::Encrypt, CKO_PRIVATE_KEY, F::C_DecryptInit, Some(F::C_Decrypt), Some(F::C_DecryptUpdate), Some(F::C_DecryptFinal)),
    operation(Use::Sign,    CKO_PRIVATE_KEY, F::C_SignInit,    Some(F::C_Sign),    Some(F::C_SignUpdate),    Some(F::C_SignFinal)),
    operation(Use::Sign,    CKO_PUBLIC_KEY,  F::C_VerifyInit,  Some(F::C_Verify),  Some(F::C_VerifyUpdate),  Some(F::C_VerifyFinal)),
    operation(Use::Digest,  CKO_SECRET_KEY,  F::C_DigestInit,  Some(F::C_Digest),  Some(F::C_DigestUpdate),  Some(F::C_DigestFinal)),
    operation(Use::Digest,  CKO_SECRET_KEY,  F::C_DigestInit,  None,               Some(F::C_DigestKey),     Some(F::C_DigestFinal)),
    operation(Use::Recover, CKO_PRIVATE_KEY, F::C_SignRecoverInit,     Some(F::C_SignRecover),     None, None),
    operation(Use::Recover, CKO_PUBLIC_KEY,  F::C_VerifyRecoverInit,   Some(F::C_VerifyRecover),   None, None),
    operation(Use::Sign,    CKO_PUBLIC_KEY,  F::C_VerifySignatureInit, Some(F::C_VerifySignature), Some(F::C_VerifySignatureUpdate), Some(F::C_VerifySignatureFinal)),
    operation(Use::Encrypt, CKO_SECRET_KEY,  F::C_MessageEncryptInit,  Some(F::C_EncryptMessage),  Some(F::C_EncryptMessageNext), Some(F::C_MessageEncryptFinal)),
    operation(Use::Encrypt, CKO_SECRET_KEY,  F::C_MessageDecryptInit,  Some(F::C_DecryptMessage),  Some(F::C_DecryptMessageNext), Some(F::C_MessageDecryptFinal)),
    operation(Use::Sign,    CKO_PRIVATE_KEY, F::C_MessageSignInit,     Some(F::C_SignMessage),     Some(F::C_SignMessageNext),    Some(F::C_MessageSignFinal)),
    operation(Use::Sign,    CKO_PUBLIC_KEY,  F::C_MessageVerifyInit,   Some(F::C_VerifyMessage),   Some(F::C_VerifyMessageNext),  Some(F::C_MessageVerifyFinal)),
];

/// The function that begins a message in parts, by the one that goes on with it.
fn begins(update: Function) -> Option<Function> {
    Some(match update {
        F::C_EncryptMessageNext => F::C_EncryptMessageBegin,
        F::C_DecryptMessageNext => F::C_DecryptMessageBegin,
        F::C_SignMessageNext => F::C_SignMessageBegin,
        F::C_VerifyMessageNext => F::C_VerifyMessageBegin,
        _ => return None,
    })
}

/// Any operation.
pub(super) fn any(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let index = tape.below(OPERATIONS.len());
    run(writer, tape, &OPERATIONS[index]);
}

fn run(writer: &mut Writer<'_>, tape: &mut Tape<'_>, operation: &Operation) {
    let row = mechanism::for_use(writer, tape, operation.wanted);
    let key = match operation.wanted {
        Use::Digest => Argument::Default,
        _ => key(writer, tape, row, operation.class),
    };
    let session = session(writer, tape);
    let on = |more: &[(&'static str, Argument)]| {
        let mut given = vec![("session", session.clone())];
        given.extend_from_slice(more);
        given
    };
    let mechanism = of_mechanism(writer, tape, row);
    let signature = output(writer, tape);
    let given = on(&[
        ("mechanism", mechanism),
        ("key", key.clone()),
        ("signature", signature),
    ]);
    step(writer, tape, operation.init, &given);
    let in_parts = operation.update.is_some() && (operation.one.is_none() || tape.below(2) == 1);
    if !in_parts {
        if let Some(one) = operation.one {
            let given = on(&inputs(writer, tape, one));
            step(writer, tape, one, &given);
        }
        return;
    }
    if let Some(update) = operation.update {
        if let Some(begin) = begins(update) {
            step(writer, tape, begin, &on(&[]));
        }
        for _ in 0..=tape.below(4) {
            let given = on(&inputs(writer, tape, update));
            step(writer, tape, update, &given);
        }
    }
    if let Some(finish) = operation.finish {
        let given = on(&inputs(writer, tape, finish));
        step(writer, tape, finish, &given);
    }
}

/// What the decrypting and verifying functions take comes mostly from earlier outputs.
fn inputs(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    function: Function,
) -> Vec<(&'static str, Argument)> {
    let from_outputs = [
        "encrypted_data",
        "encrypted_part",
        "signature",
        "ciphertext",
        "ciphertext_part",
    ];
    function
        .parameters()
        .iter()
        .filter(|p| matches!(p.kind, crate::cryptoki::ParameterKind::In))
        .map(|p| match from_outputs.contains(&p.name) {
            true => (p.name, output(writer, tape)),
            false => (p.name, data(writer, tape)),
        })
        .collect()
}

/// Two operations side by side, and the functions that feed both.
pub(super) fn dual(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    const DUALS: [(usize, usize, Function); 4] = [
        (4, 0, F::C_DigestEncryptUpdate),
        (1, 4, F::C_DecryptDigestUpdate),
        (2, 0, F::C_SignEncryptUpdate),
        (1, 3, F::C_DecryptVerifyUpdate),
    ];
    let (first, second, update) = DUALS[tape.below(DUALS.len())];
    let both = [&OPERATIONS[first], &OPERATIONS[second]];
    let on = ("session", reference(&writer.current));
    for operation in both {
        let row = mechanism::for_use(writer, tape, operation.wanted);
        let key = key(writer, tape, row, operation.class);
        let given = [
            on.clone(),
            ("mechanism", of_mechanism(writer, tape, row)),
            ("key", key),
        ];
        step(writer, tape, operation.init, &given);
    }
    for _ in 0..=tape.below(3) {
        let mut given = vec![on.clone()];
        given.extend(inputs(writer, tape, update));
        step(writer, tape, update, &given);
    }
    if tape.below(4) == 0 {
        step(
            writer,
            tape,
            F::C_GetOperationState,
            std::slice::from_ref(&on),
        );
        let state = ("operation_state", output(writer, tape));
        step(writer, tape, F::C_SetOperationState, &[on.clone(), state]);
    }
    for operation in both {
        if let Some(finish) = operation.finish {
            step(writer, tape, finish, std::slice::from_ref(&on));
        }
    }
}
