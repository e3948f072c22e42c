//! Messages: each comes to what the ordinary functions make of it, whole and in parts, one after the other in
//! one process ([PKCS11-Base 3.2] 5.9, 5.11, 5.14 and 5.16).

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::prelude::*;
use proptest::sample::Index;

use super::draw::{Draw, draw, parts};
use super::ground::{Ground, absent};
use super::input;
use super::key::Secret;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, equals, handle, joined, kept, literal, mechanism, number, on, slices,
};
use super::signature::{self, SIGNATURE, Signing};
use super::table::Asked;
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::generate::{self, Sealed};
use crate::sequence::{Argument, Buffer, BufferSize, Content, ParameterValue};

const KEY: &str = "key";
const CIPHERTEXT: &str = "ciphertext";
const PLAIN: &str = "plain";
const TAG: &str = "tag";
/// Bytes of all tags.
const TAG_LENGTH: usize = 16;

/// A mechanism that encrypts messages, and the structure that goes with each.
type Row = (&'static Mechanism, &'static Sealed);

/// The mechanisms that encrypt messages on a target.
fn rows(ground: &Ground) -> Vec<Row> {
    let flags = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT;
    let rows = ground.mechanisms(Use::Encrypt, flags).into_iter();
    rows.filter_map(|row| Some((row, Sealed::of(row)?)))
        .collect()
}

/// Messages are encrypted as data is.
pub(super) fn encryption(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_MessageEncryptInit, C_MessageDecryptInit])?;
    if rows(ground).is_empty() {
        return Err(absent(
            "the token lists no mechanism that encrypts messages",
        ));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let mut script = Script::default();
        let Some(sealing) = Sealing::draw(&mut script, &ground, &draw) else {
            return Question::new("nothing", script);
        };
        sealing.whole(&mut script);
        sealing.opened(&mut script, &draw);
        sealing.of_parts(&mut script, &draw);
        if sealing.row.value == CKM_AES_GCM {
            sealing.as_data(&mut script);
        }
        Question::new(sealing.row.name, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// A mechanism with all that a message needs, as drawn.
pub(super) struct Sealing {
    pub(super) row: &'static Mechanism,
    sealed: &'static Sealed,
    pub(super) data: Vec<u8>,
}

impl Sealing {
    /// A message with a mechanism of the target; its key is made by the script.
    pub(super) fn draw(script: &mut Script, ground: &Ground, draw: &Draw) -> Option<Self> {
        let (row, sealed) = *draw.pick(0, &rows(ground))?;
        let mut data = draw.data();
        data.push(1);
        let key = Secret::draw(ground, draw, CKK_AES);
        script.add(key.make(&[CKA_ENCRYPT, CKA_DECRYPT], KEY));
        Some(Self { row, sealed, data })
    }

    /// The parameter comes with each message.
    pub(super) fn begin(&self, function: Function) -> Make {
        on(SESSION, function)
            .with("mechanism", mechanism(self.row, ParameterValue::None))
            .with("key", handle(KEY))
    }

    fn on(&self, function: Function, tag: Content) -> Make {
        let parameter = self.sealed.with(tag, self.data.len() as u64);
        on(SESSION, function).with("parameter", Argument::Structure(parameter))
    }

    fn blank(&self) -> Content {
        literal(&[0; TAG_LENGTH])
    }

    fn tag(&self) -> String {
        format!("parameter.{}", self.sealed.tag)
    }

    pub(super) fn room(&self) -> u64 {
        (self.data.len() + 2 * TAG_LENGTH) as u64
    }

    /// The call that encrypts the whole.
    pub(super) fn encrypt(&self) -> Make {
        self.on(C_EncryptMessage, self.blank())
            .bytes("associated_data", generate::additional())
            .bytes("plaintext", literal(&self.data))
    }

    /// The call that decrypts the whole.
    pub(super) fn decrypt(&self) -> Make {
        self.on(C_DecryptMessage, kept(TAG))
            .bytes("associated_data", generate::additional())
            .bytes("ciphertext", kept(CIPHERTEXT))
    }

    /// The call that begins to encrypt in parts.
    pub(super) fn encrypt_begin(&self) -> Make {
        self.on(C_EncryptMessageBegin, self.blank())
            .bytes("associated_data", generate::additional())
    }

    /// The call that encrypts a part.
    pub(super) fn encrypt_next(&self, part: &[u8]) -> Make {
        self.on(C_EncryptMessageNext, self.blank())
            .bytes("plaintext_part", literal(part))
    }

    /// The call that begins to decrypt in parts.
    pub(super) fn decrypt_begin(&self) -> Make {
        self.on(C_DecryptMessageBegin, kept(TAG))
            .bytes("associated_data", generate::additional())
    }

    /// The calls that decrypt what was encrypted, in parts.
    pub(super) fn decrypt_parts(&self, cuts: &[Index]) -> Vec<Make> {
        let next = |input| {
            let next = self.on(C_DecryptMessageNext, kept(TAG));
            next.bytes("ciphertext_part", input)
        };
        let inputs = slices(CIPHERTEXT, &parts(&self.data, cuts));
        inputs.into_iter().map(next).collect()
    }

    /// The calls that encrypt the whole, and keep what comes of it.
    pub(super) fn whole(&self, script: &mut Script) {
        script.add(self.begin(C_MessageEncryptInit).presumed());
        let whole = self.encrypt();
        let whole = whole.kept(CIPHERTEXT).keep(&self.tag(), TAG);
        script.add(whole.presumed_once_begun());
        script.add(on(SESSION, C_MessageEncryptFinal));
    }

    /// What was encrypted is decrypted, whole and in parts.
    fn opened(&self, script: &mut Script, draw: &Draw) {
        script.add(self.begin(C_MessageDecryptInit).presumed());
        script.add(self.decrypt().kept(PLAIN).gives(literal(&self.data)));
        script.add(self.decrypt_begin().presumed());
        let calls = self.decrypt_parts(&draw.other_cuts);
        let last = self.parts(script, calls, PLAIN);
        script.add(last);
        script.add(on(SESSION, C_MessageDecryptFinal));
    }

    fn of_parts(&self, script: &mut Script, draw: &Draw) {
        script.add(self.begin(C_MessageEncryptInit));
        script.add(self.encrypt_begin().presumed());
        let parts = parts(&self.data, &draw.cuts).into_iter();
        let calls = parts.map(|part| self.encrypt_next(&part)).collect();
        let last = self.parts(script, calls, CIPHERTEXT);
        script.add(
            last.keep(&self.tag(), "tag-of-parts")
                .was(TAG, equals(kept("tag-of-parts"))),
        );
        script.add(on(SESSION, C_MessageEncryptFinal));
    }

    /// Adds all parts but the last, and gives that: together they are what was kept as `whole`.
    fn parts(&self, script: &mut Script, calls: Vec<Make>, whole: &str) -> Make {
        let name = |number: usize| format!("{whole}-{number}");
        let names: Vec<String> = (0..calls.len()).map(name).collect();
        let mut calls: Vec<Make> = calls
            .into_iter()
            .zip(&names)
            .map(|(call, name)| call.room_for(self.room()).kept(name))
            .collect();
        let last = calls.pop();
        calls
            .into_iter()
            .for_each(|call| script.add(call.with("flags", number(0))));
        let end = number(CKF_END_OF_MESSAGE);
        let last = last.map(|last| last.with("flags", end).was(whole, equals(joined(&names))));
        last.unwrap_or_else(|| on(SESSION, C_GetSessionInfo))
    }

    /// 6.13: the ordinary functions have the tag behind the ciphertext.
    fn as_data(&self, script: &mut Script) {
        let Some(parameter) = generate::usual_parameter(self.row) else {
            return;
        };
        let begin = on(SESSION, C_EncryptInit)
            .with("mechanism", mechanism(self.row, parameter))
            .with("key", handle(KEY));
        script.add(begin.presumed());
        let whole = on(SESSION, C_Encrypt).bytes("data", literal(&self.data));
        script.add(whole.gives(Content::Concat(vec![kept(CIPHERTEXT), kept(TAG)])));
    }
}

/// The mechanisms that sign messages on a target.
pub(super) fn signing_rows(ground: &Ground) -> Vec<&'static Mechanism> {
    let flags = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
    let rows = signature::rows(ground).into_iter();
    rows.filter(|row| ground.has(row.value, flags)).collect()
}

/// Messages are signed as data is.
pub(super) fn signature(ground: &Arc<Ground>) -> Asked {
    ground.needs(&[C_MessageSignInit, C_MessageVerifyInit])?;
    let rows = signing_rows(ground);
    if rows.is_empty() {
        return Err(absent("the token lists no mechanism that signs messages"));
    }
    let ground = ground.clone();
    let ask = move |draw: Draw| {
        let row = *draw.pick(0, &rows).unwrap_or(&rows[0]);
        let mut script = Script::default();
        if let Some(signing) = Signing::begin(&mut script, &ground, row, &draw) {
            signed(&mut script, &signing);
            if input::in_parts(row) && !signing.data.is_empty() {
                signed_in_parts(&mut script, &signing, &draw);
            }
        }
        Question::new(row.name, script)
    };
    Ok(draw().prop_map(ask).boxed())
}

/// Two messages in one process, of which one is also signed and verified as data.
fn signed(script: &mut Script, signing: &Signing) {
    let data = || literal(&signing.data);
    script.add(signing.begin_with(C_MessageSignInit).presumed());
    for name in [SIGNATURE, "again"] {
        let sign = on(SESSION, C_SignMessage).bytes("data", data());
        script.add(sign.kept(name).presumed());
    }
    script.add(on(SESSION, C_MessageSignFinal));
    script.add(signing.begin_with(C_MessageVerifyInit).presumed());
    for name in [SIGNATURE, "again"] {
        let verify = on(SESSION, C_VerifyMessage).bytes("data", data());
        script.add(verify.bytes("signature", kept(name)));
    }
    script.add(on(SESSION, C_MessageVerifyFinal));
    script.add(signing.verifying().presumed());
    script.add(signature::verify(data(), kept(SIGNATURE)));
    if signing.is_mac() && !signing.data.is_empty() {
        script.add(signing.signing().presumed());
        let whole = on(SESSION, C_Sign).bytes("data", data());
        script.add(whole.gives(kept(SIGNATURE)));
    }
}

/// The same message in parts, signed and verified, whatever the cuts. 5.14.4 and 5.16.4: NULL in the place of the
/// signature's length, or of the signature, says that there is more to come.
fn signed_in_parts(script: &mut Script, signing: &Signing, draw: &Draw) {
    const OF_PARTS: &str = "of-parts";
    script.add(signing.begin_with(C_MessageSignInit));
    script.add(on(SESSION, C_SignMessageBegin).presumed());
    let next = |part: &Vec<u8>| on(SESSION, C_SignMessageNext).bytes("data_part", literal(part));
    let sign_parts = parts(&signing.data, &draw.cuts);
    if let Some((last, before)) = sign_parts.split_last() {
        let more = Argument::Buffer(Buffer {
            null_length: true,
            ..Buffer::of(BufferSize::Null)
        });
        for part in before {
            script.add(next(part).with("signature", more.clone()));
        }
        let last = next(last).kept(OF_PARTS);
        script.add(match signing.is_mac() {
            true => last.was(SIGNATURE, equals(kept(OF_PARTS))),
            false => last,
        });
    }
    script.add(on(SESSION, C_MessageSignFinal));
    script.add(signing.begin_with(C_MessageVerifyInit));
    script.add(on(SESSION, C_VerifyMessageBegin).presumed());
    let next = |part: &Vec<u8>| on(SESSION, C_VerifyMessageNext).bytes("data_part", literal(part));
    let verify_parts = parts(&signing.data, &draw.other_cuts);
    if let Some((last, before)) = verify_parts.split_last() {
        for part in before {
            script.add(next(part).with("signature", Argument::Null));
        }
        script.add(next(last).bytes("signature", kept(SIGNATURE)));
    }
    let whole = on(SESSION, C_VerifyMessage).bytes("data", literal(&signing.data));
    script.add(whole.bytes("signature", kept(OF_PARTS)));
    script.add(on(SESSION, C_MessageVerifyFinal));
}
