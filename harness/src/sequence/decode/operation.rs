//! Operations: a mechanism and a key, what is fed in parts or at once, and what ends it.

use cryptoki_sys::{
    CKF_DECRYPT, CKF_DIGEST, CKF_ENCRYPT, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_ENCRYPT,
    CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY, CKF_SIGN, CKF_SIGN_RECOVER, CKF_VERIFY,
    CKF_VERIFY_RECOVER, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY,
};

use super::argument::{data, output, session};
use super::phrase::{key, of_mechanism, step};
use super::tape::Tape;
use super::{Writer, mechanism, reference};
use crate::cryptoki::operation::{Operation, begun_by};
use crate::cryptoki::{Function, ParameterKind};
use crate::sequence::Argument;

use Function as F;

/// How an operation is drawn: what begins it, and the flag of a mechanism for it.
struct Draft {
    init: Function,
    flag: u64,
    /// Class of an asymmetric key for it.
    class: u64,
    /// What takes a part of the input, if it is another function than usual.
    update: Option<Function>,
}

const fn draft(init: Function, flag: u64, class: u64) -> Draft {
    Draft {
        init,
        flag,
        class,
        update: None,
    }
}

#[rustfmt::skip]
static DRAFTS: [Draft; 13] = [
    draft(F::C_EncryptInit,         CKF_ENCRYPT, CKO_PUBLIC_KEY),
    draft(F::C_DecryptInit,         CKF_DECRYPT, CKO_PRIVATE_KEY),
    draft(F::C_SignInit,            CKF_SIGN,    CKO_PRIVATE_KEY),
    draft(F::C_VerifyInit,          CKF_VERIFY,    CKO_PUBLIC_KEY),
    draft(F::C_DigestInit,          CKF_DIGEST,  CKO_SECRET_KEY),
    Draft { init: F::C_DigestInit, flag: CKF_DIGEST, class: CKO_SECRET_KEY, update: Some(F::C_DigestKey) },
    draft(F::C_SignRecoverInit,     CKF_SIGN_RECOVER, CKO_PRIVATE_KEY),
    draft(F::C_VerifyRecoverInit,   CKF_VERIFY_RECOVER, CKO_PUBLIC_KEY),
    draft(F::C_VerifySignatureInit, CKF_VERIFY,    CKO_PUBLIC_KEY),
    draft(F::C_MessageEncryptInit,  CKF_MESSAGE_ENCRYPT, CKO_SECRET_KEY),
    draft(F::C_MessageDecryptInit,  CKF_MESSAGE_DECRYPT, CKO_SECRET_KEY),
    draft(F::C_MessageSignInit,     CKF_MESSAGE_SIGN,    CKO_PRIVATE_KEY),
    draft(F::C_MessageVerifyInit,   CKF_MESSAGE_VERIFY,    CKO_PUBLIC_KEY),
];

/// What a swarm knows these by: by no number that its other items have.
const DRAFT: u64 = 0x2000;

impl Draft {
    fn operation(&self) -> &'static Operation {
        begun_by(self.init).unwrap_or_else(|| unreachable!("a unit test begins them all"))
    }
}

/// Any operation that the swarm has.
pub(super) fn any(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let drafts: [usize; DRAFTS.len()] = std::array::from_fn(|place| place);
    let picked = writer
        .swarm
        .pick(tape, &drafts, |place| DRAFT + *place as u64);
    run(writer, tape, &DRAFTS[picked.copied().unwrap_or(0)]);
}

fn run(writer: &mut Writer<'_>, tape: &mut Tape<'_>, draft: &Draft) {
    let operation = draft.operation();
    let Some(row) = mechanism::for_purpose(writer, tape, draft.flag) else {
        return;
    };
    let key = match draft.flag {
        CKF_DIGEST => Argument::Default,
        _ => key(writer, tape, row, draft.class),
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
    let feed = |writer: &mut Writer<'_>, tape: &mut Tape<'_>, function: Function| {
        let mut given = on(&inputs(writer, tape, function));
        if operation.is_on_messages() {
            given.push(("parameter", mechanism::of_message(writer, tape, row)));
        }
        step(writer, tape, function, &given);
    };
    let update = draft.update.or(operation.update);
    let whole = operation.one.filter(|_| draft.update.is_none());
    let in_parts = update.is_some() && (whole.is_none() || tape.below(2) == 1);
    if !in_parts {
        if let Some(one) = whole {
            feed(writer, tape, one);
        }
        return;
    }
    if let Some(update) = update {
        if let Some(begin) = operation.begin {
            feed(writer, tape, begin);
        }
        for _ in 0..=tape.below(4) {
            feed(writer, tape, update);
        }
    }
    if let Some(finish) = operation.finish {
        feed(writer, tape, finish);
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
        .filter(|p| matches!(p.kind, ParameterKind::In))
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
    let both = [&DRAFTS[first], &DRAFTS[second]];
    let on = ("session", reference(&writer.current));
    for draft in both {
        let Some(row) = mechanism::for_purpose(writer, tape, draft.flag) else {
            return;
        };
        let key = key(writer, tape, row, draft.class);
        let given = [
            on.clone(),
            ("mechanism", of_mechanism(writer, tape, row)),
            ("key", key),
        ];
        step(writer, tape, draft.init, &given);
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
    for draft in both {
        if let Some(finish) = draft.operation().finish {
            step(writer, tape, finish, std::slice::from_ref(&on));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_draft_begins_an_operation_of_the_standard() {
        for draft in &DRAFTS {
            assert_eq!(draft.operation().init, draft.init);
        }
    }
}
