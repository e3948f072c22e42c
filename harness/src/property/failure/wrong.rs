//! Calls that no token can do as they are asked. What must hold after them is the business of the law above.

use cryptoki_sys::*;

use super::super::key::open;
use super::super::script::{
    Make, SESSION, asked, call, flag, handle, literal, number, octets, of_type, on, pin, template,
    ulong,
};
use super::{OBJECT, OWN, READER};
use crate::cryptoki::Function::{self, *};
use crate::sequence::{Argument, Attribute, Number, ParameterValue, recipe};

/// A mechanism that the standard does not have, and that no vendor may have either.
const UNKNOWN: u64 = 0x3fff_fff1;

/// A call that is wrong.
pub(super) struct Wrong {
    pub(super) name: &'static str,
    /// The call, given the label of the case.
    pub(super) call: fn(&[u8]) -> Make,
    /// What an operation that it had begun would go on with.
    pub(super) would_go_on: Option<fn() -> Make>,
    /// What it needs beside the session and the object of the case.
    pub(super) needs: Needs,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    Nothing,
    /// A read-only session.
    Reader,
    /// The PIN of the security officer.
    SoPin,
}

const fn wrong(name: &'static str, call: fn(&[u8]) -> Make) -> Wrong {
    Wrong {
        name,
        call,
        would_go_on: None,
        needs: Needs::Nothing,
    }
}

impl Wrong {
    const fn or_goes_on(mut self, would_go_on: fn() -> Make) -> Wrong {
        self.would_go_on = Some(would_go_on);
        self
    }

    const fn needs(mut self, needs: Needs) -> Wrong {
        self.needs = needs;
        self
    }
}

fn unknown(function: Function) -> Make {
    on(SESSION, function).with("mechanism", of_type(UNKNOWN, ParameterValue::None))
}

fn of_nothing(function: Function) -> Make {
    on(SESSION, function).with("object", dangling())
}

fn dangling() -> Argument {
    Argument::Number(Number::Dangling)
}

fn with_key(call: Make) -> Make {
    call.with("key", handle(OBJECT))
}

fn with_mechanism(function: Function, mechanism: u64) -> Make {
    on(SESSION, function).with("mechanism", of_type(mechanism, ParameterValue::None))
}

/// With bytes in, and room for those that come out.
fn fed(function: Function, parameter: &str) -> Make {
    on(SESSION, function)
        .bytes(parameter, literal(&[7; 16]))
        .room_for(64)
}

fn name(label: &[u8]) -> Attribute {
    octets(CKA_LABEL, literal(label))
}

/// An attribute twice, with different values: 4.1.1, item 5.
fn contradicting(label: &[u8]) -> Vec<Attribute> {
    vec![
        ulong(CKA_CLASS, CKO_DATA),
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        name(label),
        flag(CKA_TOKEN, false),
    ]
}

/// The template of an AES key without its value.
pub(super) fn secret(label: &[u8]) -> Vec<Attribute> {
    let mut attributes = open();
    attributes.extend([
        ulong(CKA_CLASS, CKO_SECRET_KEY),
        ulong(CKA_KEY_TYPE, CKK_AES),
        name(label),
    ]);
    attributes
}

/// The same with more, in place of what it says itself.
fn secret_but(label: &[u8], others: Vec<Attribute>) -> Argument {
    let mut attributes = secret(label);
    attributes.retain(|given| {
        others
            .iter()
            .all(|other| other.attribute != given.attribute)
    });
    attributes.extend(others);
    template(attributes)
}

/// On the token, where the next case with a read-only session finds and removes it.
fn kept_there() -> Vec<Attribute> {
    vec![flag(CKA_TOKEN, true), octets(CKA_ID, literal(OWN))]
}

fn generate(label: &[u8], others: Vec<Attribute>) -> Make {
    with_mechanism(C_GenerateKey, CKM_AES_KEY_GEN).with("template", secret_but(label, others))
}

/// A pair of EC keys with these domain parameters, and more in the template of the private one.
fn pair(call: Make, label: &[u8], domain: Vec<Attribute>, of_private: Vec<Attribute>) -> Make {
    let mut public = vec![name(label), flag(CKA_TOKEN, false)];
    public.extend(domain);
    let mut private = vec![name(label)];
    private.extend(of_private);
    call.with("public_key_template", template(public))
        .with("private_key_template", template(private))
}

fn session_key() -> Vec<Attribute> {
    vec![flag(CKA_TOKEN, false)]
}

/// 5.18.4: what is no wrapped key.
fn unwrap(call: Make, label: &[u8]) -> Make {
    call.with("unwrapping_key", handle(OBJECT))
        .bytes("wrapped_key", literal(&[0x42; 24]))
        .with("template", template(secret(label)))
}

fn login(user: u64, with: &str) -> Make {
    on(SESSION, C_Login)
        .with("user_type", number(user))
        .bytes("pin", pin(with))
}

fn message(function: Function, data: &str) -> Make {
    fed(function, data).with("parameter", Argument::Null)
}

#[rustfmt::skip]
pub(super) static WRONG: &[Wrong] = &[
    // Objects: 5.7.
    wrong("create-contradicting", |label| on(SESSION, C_CreateObject).with("template", template(contradicting(label)))),
    wrong("create-without-class", |label| on(SESSION, C_CreateObject)
        .with("template", template(vec![name(label), flag(CKA_TOKEN, false)]))),
    wrong("create-without-value", |label| on(SESSION, C_CreateObject).with("template", template(secret(label)))),
    wrong("create-of-odd-length", |label| on(SESSION, C_CreateObject)
        .with("template", secret_but(label, vec![octets(CKA_VALUE, literal(&[7; 17]))]))),
    wrong("create-where-nothing-is-written", |label| on(READER, C_CreateObject)
        .with("template", secret_but(label, [kept_there(), vec![octets(CKA_VALUE, literal(&[7; 16]))]].concat())))
        .needs(Needs::Reader),
    wrong("copy-to-another-class", |label| on(SESSION, C_CopyObject).with("object", handle(OBJECT))
        .with("template", template(vec![ulong(CKA_CLASS, CKO_DATA), name(label)]))),
    wrong("copy-to-another-type", |label| on(SESSION, C_CopyObject).with("object", handle(OBJECT))
        .with("template", template(vec![name(label), ulong(CKA_KEY_TYPE, CKK_RSA)]))),
    wrong("copy-of-nothing", |label| of_nothing(C_CopyObject).with("template", template(vec![name(label)]))),
    wrong("copy-where-nothing-is-written", |_| on(READER, C_CopyObject).with("object", handle(OBJECT))
        .with("template", template(kept_there()))).needs(Needs::Reader),
    wrong("set-class", |_| on(SESSION, C_SetAttributeValue).with("object", handle(OBJECT))
        .with("template", template(vec![ulong(CKA_CLASS, CKO_DATA)]))),
    wrong("set-label-and-class", |_| on(SESSION, C_SetAttributeValue).with("object", handle(OBJECT))
        .with("template", template(vec![name(b"another"), ulong(CKA_CLASS, CKO_DATA)]))),
    wrong("set-of-nothing", |label| of_nothing(C_SetAttributeValue).with("template", template(vec![name(label)]))),
    wrong("destroy-nothing", |_| of_nothing(C_DestroyObject)),
    wrong("size-of-nothing", |_| of_nothing(C_GetObjectSize)),
    wrong("read-nothing", |_| of_nothing(C_GetAttributeValue).with("template", asked(&[CKA_LABEL]))),
    wrong("find-without-search", |_| on(SESSION, C_FindObjects).room_for(8)),
    wrong("end-of-no-search", |_| on(SESSION, C_FindObjectsFinal)),
    // Keys: 5.18.
    wrong("generate-by-nothing", |label| unknown(C_GenerateKey).with("template", template(secret(label)))),
    wrong("generate-of-odd-length", |label| generate(label, vec![ulong(CKA_VALUE_LEN, 17)])),
    wrong("generate-without-length", |label| generate(label, Vec::new())),
    wrong("generate-another-class", |label| generate(label, vec![ulong(CKA_CLASS, CKO_DATA), ulong(CKA_VALUE_LEN, 16)])),
    wrong("generate-where-nothing-is-written", |label| {
        let kept = [kept_there(), vec![ulong(CKA_VALUE_LEN, 16)]].concat();
        generate(label, kept).with("session", handle(READER))
    }).needs(Needs::Reader),
    wrong("pair-by-nothing", |label| pair(unknown(C_GenerateKeyPair), label, recipe::generation(CKK_EC), session_key())),
    wrong("pair-of-another-class", |label| pair(with_mechanism(C_GenerateKeyPair, CKM_EC_KEY_PAIR_GEN), label,
        recipe::generation(CKK_EC), vec![ulong(CKA_CLASS, CKO_DATA), flag(CKA_TOKEN, false)])),
    wrong("pair-without-curve", |label| pair(with_mechanism(C_GenerateKeyPair, CKM_EC_KEY_PAIR_GEN), label,
        Vec::new(), session_key())),
    wrong("pair-half-of-which-is-not-written", |label| {
        let call = with_mechanism(C_GenerateKeyPair, CKM_EC_KEY_PAIR_GEN).with("session", handle(READER));
        pair(call, label, recipe::generation(CKK_EC), kept_there())
    }).needs(Needs::Reader),
    wrong("unwrap-by-nothing", |label| unwrap(unknown(C_UnwrapKey), label)),
    wrong("unwrap-garbage", |label| unwrap(with_mechanism(C_UnwrapKey, CKM_AES_KEY_WRAP), label)),
    wrong("unwrap-padded-garbage", |label| unwrap(with_mechanism(C_UnwrapKey, CKM_AES_KEY_WRAP_KWP), label)),
    wrong("unwrap-authenticated-by-nothing", |label| unwrap(unknown(C_UnwrapKeyAuthenticated), label)
        .bytes("associated_data", literal(b"more"))),
    wrong("derive-by-nothing", |label| unknown(C_DeriveKey).with("base_key", handle(OBJECT)).with("template", template(secret(label)))),
    wrong("wrap-by-nothing", |_| with_key(unknown(C_WrapKey)).with("wrapping_key", handle(OBJECT)).room_for(64)),
    wrong("wrap-nothing", |_| with_mechanism(C_WrapKey, CKM_AES_KEY_WRAP).with("key", dangling())
        .with("wrapping_key", handle(OBJECT)).room_for(64)),
    wrong("wrap-authenticated-by-nothing", |_| with_key(unknown(C_WrapKeyAuthenticated)).with("wrapping_key", handle(OBJECT))
        .bytes("associated_data", literal(b"more")).room_for(64)),
    wrong("encapsulate-by-nothing", |label| unknown(C_EncapsulateKey).with("public_key", handle(OBJECT))
        .with("template", template(secret(label))).with("ciphertext", room(2048))),
    wrong("decapsulate-by-nothing", |label| unknown(C_DecapsulateKey).with("private_key", handle(OBJECT))
        .with("template", template(secret(label))).bytes("ciphertext", literal(&[0x42; 768]))),
    // Operations that do not begin: 5.1.6.
    wrong("digest-by-nothing", |_| unknown(C_DigestInit)).or_goes_on(|| fed(C_Digest, "data")),
    wrong("encrypt-by-nothing", |_| with_key(unknown(C_EncryptInit))).or_goes_on(|| fed(C_Encrypt, "data")),
    wrong("encrypt-with-nothing", |_| with_mechanism(C_EncryptInit, CKM_AES_ECB).with("key", dangling()))
        .or_goes_on(|| fed(C_Encrypt, "data")),
    wrong("decrypt-by-nothing", |_| with_key(unknown(C_DecryptInit))).or_goes_on(|| fed(C_Decrypt, "encrypted_data")),
    wrong("sign-by-nothing", |_| with_key(unknown(C_SignInit))).or_goes_on(|| fed(C_Sign, "data")),
    wrong("sign-with-nothing", |_| with_mechanism(C_SignInit, CKM_SHA256_HMAC).with("key", dangling()))
        .or_goes_on(|| fed(C_Sign, "data")),
    wrong("sign-recover-by-nothing", |_| with_key(unknown(C_SignRecoverInit))).or_goes_on(|| fed(C_SignRecover, "data")),
    wrong("verify-by-nothing", |_| with_key(unknown(C_VerifyInit)))
        .or_goes_on(|| on(SESSION, C_Verify).bytes("data", literal(b"data")).bytes("signature", literal(&[7; 32]))),
    wrong("verify-recover-by-nothing", |_| with_key(unknown(C_VerifyRecoverInit))).or_goes_on(|| fed(C_VerifyRecover, "signature")),
    wrong("verify-signature-by-nothing", |_| with_key(unknown(C_VerifySignatureInit)).bytes("signature", literal(&[7; 32])))
        .or_goes_on(|| on(SESSION, C_VerifySignature).bytes("data", literal(b"data"))),
    wrong("encrypt-messages-by-nothing", |_| with_key(unknown(C_MessageEncryptInit)))
        .or_goes_on(|| on(SESSION, C_MessageEncryptFinal)),
    wrong("decrypt-messages-by-nothing", |_| with_key(unknown(C_MessageDecryptInit)))
        .or_goes_on(|| on(SESSION, C_MessageDecryptFinal)),
    wrong("sign-messages-by-nothing", |_| with_key(unknown(C_MessageSignInit)))
        .or_goes_on(|| message(C_SignMessage, "data")),
    wrong("verify-messages-by-nothing", |_| with_key(unknown(C_MessageVerifyInit)))
        .or_goes_on(|| on(SESSION, C_MessageVerifyFinal)),
    wrong("restore-garbage", |_| on(SESSION, C_SetOperationState).bytes("operation_state", literal(&[0x42; 32])))
        .or_goes_on(|| fed(C_Digest, "data")),
    // Operations that did not begin: 5.8, 5.10, 5.12, 5.13, 5.15 and 5.17.
    wrong("digest-without-beginning", |_| fed(C_Digest, "data")),
    wrong("digest-part-without-beginning", |_| on(SESSION, C_DigestUpdate).bytes("part", literal(b"part"))),
    wrong("digest-key-without-beginning", |_| with_key(on(SESSION, C_DigestKey))),
    wrong("digest-end-without-beginning", |_| on(SESSION, C_DigestFinal).room_for(64)),
    wrong("encrypt-without-beginning", |_| fed(C_Encrypt, "data")),
    wrong("encrypt-part-without-beginning", |_| fed(C_EncryptUpdate, "part")),
    wrong("encrypt-end-without-beginning", |_| on(SESSION, C_EncryptFinal).room_for(64)),
    wrong("decrypt-without-beginning", |_| fed(C_Decrypt, "encrypted_data")),
    wrong("decrypt-part-without-beginning", |_| fed(C_DecryptUpdate, "encrypted_part")),
    wrong("sign-without-beginning", |_| fed(C_Sign, "data")),
    wrong("sign-part-without-beginning", |_| on(SESSION, C_SignUpdate).bytes("part", literal(b"part"))),
    wrong("sign-end-without-beginning", |_| on(SESSION, C_SignFinal).room_for(64)),
    wrong("verify-end-without-beginning", |_| on(SESSION, C_VerifyFinal).bytes("signature", literal(&[7; 32]))),
    wrong("digest-and-encrypt-without-beginning", |_| fed(C_DigestEncryptUpdate, "part")),
    wrong("sign-message-without-beginning", |_| message(C_SignMessage, "data")),
    wrong("end-of-no-messages", |_| on(SESSION, C_MessageEncryptFinal)),
    // Sessions and logins: 5.6. PINs are right, so that no token counts a try.
    wrong("session-of-nothing", |_| call(C_GetSessionInfo).with("session", number(0))),
    wrong("close-nothing", |_| call(C_CloseSession).with("session", number(0))),
    wrong("log-out-of-nothing", |_| call(C_Logout).with("session", number(0))),
    wrong("open-parallel", |_| call(C_OpenSession).with("flags", number(CKF_RW_SESSION))),
    wrong("log-in-again", |_| login(CKU_USER, "pin")),
    wrong("log-in-as-another", |_| login(CKU_SO, "so-pin")).needs(Needs::SoPin),
    wrong("log-in-for-nothing", |_| login(CKU_CONTEXT_SPECIFIC, "pin")),
    wrong("facts-of-no-mechanism", |_| call(C_GetMechanismInfo).with("type", number(UNKNOWN))),
];

fn room(bytes: u64) -> Argument {
    use crate::sequence::{Buffer, BufferSize};
    Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(bytes))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A failure names its call, and calls that fail touch no PIN that the target counts tries of.
    #[test]
    fn calls_have_names_of_their_own_and_try_no_wrong_pin() {
        let names: BTreeSet<&str> = WRONG.iter().map(|wrong| wrong.name).collect();
        assert_eq!(names.len(), WRONG.len());
        for wrong in WRONG {
            let call = (wrong.call)(b"label");
            let takes_others = [C_SetPIN, C_InitPIN, C_InitToken, C_LoginUser];
            assert!(!takes_others.contains(&call.function()), "{}", wrong.name);
            if call.function() != C_Login {
                continue;
            }
            let right = [
                (CKU_USER, "pin"),
                (CKU_SO, "so-pin"),
                (CKU_CONTEXT_SPECIFIC, "pin"),
            ];
            let mut right = right.into_iter().map(|(user, with)| login(user, with));
            assert!(right.any(|login| login == call), "{}", wrong.name);
        }
    }

    #[test]
    fn many_functions_are_asked() {
        let functions = WRONG.iter().map(|wrong| (wrong.call)(b"label").function());
        let functions: BTreeSet<Function> = functions.collect();
        assert!(functions.len() >= 50, "{}", functions.len());
    }
}
