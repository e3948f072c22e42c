//! What is done with keys: something is made with them, and taken by whoever has the same ones.

use cryptoki_sys::*;
use proptest::sample::Index;

use super::super::cipher::Encryption;
use super::super::derivation;
use super::super::draw::parts;
use super::super::key::{self, Secret};
use super::super::script::{
    Make, SESSION, Script, attribute, equals, flag, handle, kept, literal, mechanism, of_type, on,
    template, ulong,
};
use super::super::signature::{Signing, verify};
use super::super::wrapping;
use crate::cryptoki::Function::{
    C_DecapsulateKey, C_Decrypt, C_DeriveKey, C_Digest, C_DigestFinal, C_DigestInit,
    C_DigestUpdate, C_EncapsulateKey, C_Encrypt, C_EncryptInit, C_Sign, C_UnwrapKey, C_WrapKey,
};
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Bytes, Content, FieldValue, Number, ParameterValue, Structure};

/// Something that one side makes and the other one takes.
pub(super) trait Work {
    /// True if the same is made each time, so that what both make can be compared.
    fn repeats(&self) -> bool;
    /// Makes it and keeps it as `name`; it must be what is known as `like`.
    fn make(&self, script: &mut Script, name: &str, like: Option<&str>);
    /// True if there is something to be taken, and not only to be compared.
    fn is_taken(&self) -> bool {
        true
    }
    /// Takes what is known as `made`.
    fn take(&self, _script: &mut Script, _made: &str) {}
    /// Takes what is known as `made` for nothing that it says it is.
    fn deny(&self, _script: &mut Script, _made: &str) {}
}

/// A call that gives the one right answer, or any.
fn answer(call: Make, like: Option<&str>) -> Make {
    match like {
        Some(like) => call.gives(kept(like)),
        None => call,
    }
}

fn differs(content: Content) -> Relation {
    Relation::Differs(Expected::Bytes(content))
}

impl Work for Signing {
    fn repeats(&self) -> bool {
        // RFC 8017 section 8.2: PKCS #1 v1.5 has no salt.
        let name = self.row.name;
        let of_rsa = name.ends_with("_RSA_PKCS") || name == "CKM_RSA_X_509";
        self.is_mac() || of_rsa
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        script.add(self.signing().presumed());
        let call = on(SESSION, C_Sign).bytes("data", literal(&self.data));
        script.add(answer(call.kept(name), like).presumed());
    }

    fn take(&self, script: &mut Script, made: &str) {
        script.add(self.verifying().presumed());
        script.add(verify(literal(&self.data), kept(made)).answered());
    }

    fn deny(&self, script: &mut Script, made: &str) {
        script.add(self.verifying().presumed());
        script.add(verify(literal(&self.data), kept(made)).fails());
    }
}

impl Work for Encryption {
    fn repeats(&self) -> bool {
        self.is_symmetric()
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        script.add(self.encrypting().presumed());
        let call = on(SESSION, C_Encrypt).bytes("data", literal(&self.data));
        script.add(answer(call.kept(name), like).presumed());
    }

    fn take(&self, script: &mut Script, made: &str) {
        script.add(self.decrypting().presumed());
        let call = on(SESSION, C_Decrypt).bytes("encrypted_data", kept(made));
        script.add(call.gives(literal(&self.data)).answered());
    }

    fn deny(&self, script: &mut Script, made: &str) {
        script.add(self.decrypting().presumed());
        let call = on(SESSION, C_Decrypt).bytes("encrypted_data", kept(made));
        let call = call.is("data", differs(literal(&self.data)));
        script.add(call.whatever_it_returns());
    }
}

/// A secret key is wrapped and unwrapped.
pub(super) struct Wrap {
    pub(super) row: &'static Mechanism,
    pub(super) parameter: ParameterValue,
    /// Names of the wrapping key, and of the unwrapping one.
    pub(super) forth: &'static str,
    pub(super) back: &'static str,
    pub(super) inner: Secret,
    /// What tells the key that is unwrapped by what it does; without, it is by its value, which a token need not
    /// show (5.18.4).
    pub(super) cipher: Option<CK_MECHANISM_TYPE>,
}

impl Wrap {
    fn unwrap(&self, made: &str) -> Make {
        let mut attributes = match self.cipher {
            Some(_) => vec![flag(CKA_TOKEN, false), flag(CKA_ENCRYPT, true)],
            None => key::open(),
        };
        attributes.extend([
            ulong(CKA_CLASS, CKO_SECRET_KEY),
            ulong(CKA_KEY_TYPE, self.inner.key_type),
        ]);
        on(SESSION, C_UnwrapKey)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("unwrapping_key", handle(self.back))
            .bytes("wrapped_key", kept(made))
            .with("template", template(attributes))
            .keep("key", wrapping::UNWRAPPED)
    }

    /// The calls that tell the key by the value that it has, or by what it makes of a block.
    fn tell(&self, script: &mut Script, relation: fn(Content) -> Relation) {
        let Some(cipher) = self.cipher else {
            let value = attribute(CKA_VALUE);
            let call = derivation::read(wrapping::UNWRAPPED);
            let call = call.is(&value, relation(literal(&self.inner.value)));
            return script.add(call.presumed());
        };
        script.add(self.inner.make(&[CKA_ENCRYPT], KNOWN));
        for (key, right) in [(KNOWN, None), (wrapping::UNWRAPPED, Some(relation))] {
            let begin = on(SESSION, C_EncryptInit).with("key", handle(key));
            let begin = begin.with("mechanism", of_type(cipher, ParameterValue::None));
            script.add(begin.presumed());
            let call = on(SESSION, C_Encrypt).bytes("data", literal(&[7; 16]));
            let call = match right {
                None => call.kept(BLOCK),
                Some(relation) => call.is("encrypted_data", relation(kept(BLOCK))),
            };
            script.add(call.presumed());
        }
    }
}

/// Names of the key that is unwrapped as it was known before, and of what it makes of a block.
const KNOWN: &str = "known";
const BLOCK: &str = "block";

impl Work for Wrap {
    fn repeats(&self) -> bool {
        // Those that wrap a key that they make up wrap another one each time.
        self.forth == self.back && !self.row.name.contains("ECDH")
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        script.add(
            self.inner
                .make(&[CKA_ENCRYPT, CKA_DECRYPT], wrapping::INNER),
        );
        let call = on(SESSION, C_WrapKey)
            .with("mechanism", mechanism(self.row, self.parameter.clone()))
            .with("wrapping_key", handle(self.forth))
            .with("key", handle(wrapping::INNER));
        let call = call.keep("wrapped_key", name);
        script.add(answer(call, like).presumed());
    }

    fn take(&self, script: &mut Script, made: &str) {
        script.add(self.unwrap(made).answered());
        self.tell(script, equals);
    }

    fn deny(&self, script: &mut Script, made: &str) {
        script.add(self.unwrap(made).presumed());
        self.tell(script, differs);
    }
}

/// A key is derived from a secret one, and read.
pub(super) struct Derivation {
    pub(super) row: &'static Mechanism,
    pub(super) parameter: ParameterValue,
    /// How long it is to be, where that is said.
    pub(super) length: Option<u64>,
}

impl Work for Derivation {
    fn repeats(&self) -> bool {
        true
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        let call = derivation::derive(self.row, &self.parameter, self.length, "derived");
        script.add(call.presumed());
        value(script, "derived", name, like);
    }

    fn is_taken(&self) -> bool {
        false
    }
}

fn value(script: &mut Script, key: &str, name: &str, like: Option<&str>) {
    let value = attribute(CKA_VALUE);
    let call = derivation::read(key).keep(&value, name);
    let call = match like {
        Some(like) => call.is(&value, equals(kept(like))),
        None => call,
    };
    script.add(call.presumed());
}

/// A key is agreed on with a public point, and read.
pub(super) struct Agreement {
    pub(super) mechanism: CK_MECHANISM_TYPE,
    pub(super) public: Vec<u8>,
    pub(super) bytes: u64,
}

impl Work for Agreement {
    fn repeats(&self) -> bool {
        true
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        let parameter = ParameterValue::Structure(Structure {
            name: "CK_ECDH1_DERIVE_PARAMS".to_owned(),
            fields: vec![
                (
                    "kdf".to_owned(),
                    FieldValue::Number(Number::Literal(CKD_NULL)),
                ),
                (
                    "pPublicData".to_owned(),
                    FieldValue::Bytes(Bytes::of(literal(&self.public))),
                ),
            ],
        });
        let mut attributes = key::open();
        attributes.extend([
            ulong(CKA_CLASS, CKO_SECRET_KEY),
            ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            ulong(CKA_VALUE_LEN, self.bytes),
        ]);
        let call = on(SESSION, C_DeriveKey)
            .with("mechanism", of_type(self.mechanism, parameter))
            .with("base_key", handle(derivation::BASE))
            .with("template", template(attributes))
            .keep("key", "derived");
        script.add(call.presumed());
        value(script, "derived", name, like);
    }

    fn is_taken(&self) -> bool {
        false
    }
}

/// A key is encapsulated, and comes out of its capsule.
pub(super) struct Encapsulation {
    pub(super) mechanism: CK_MECHANISM_TYPE,
}

impl Encapsulation {
    fn begin(&self, call: Make) -> Make {
        let mut attributes = key::open();
        attributes.extend([
            ulong(CKA_CLASS, CKO_SECRET_KEY),
            ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        ]);
        call.with("mechanism", of_type(self.mechanism, ParameterValue::None))
            .with("template", template(attributes))
    }

    fn decapsulate(&self, made: &str) -> Make {
        self.begin(on(SESSION, C_DecapsulateKey))
            .with("private_key", handle("back"))
            .bytes("ciphertext", kept(made))
            .keep("key", "decapsulated")
    }
}

/// Under which name the key in a capsule is known.
fn inside(made: &str) -> String {
    format!("{made}-key")
}

impl Work for Encapsulation {
    fn repeats(&self) -> bool {
        false
    }

    fn make(&self, script: &mut Script, name: &str, _: Option<&str>) {
        let call = self.begin(on(SESSION, C_EncapsulateKey));
        let call = call
            .with("public_key", handle("forth"))
            .keep("ciphertext", name);
        script.add(call.keep("key", "encapsulated").presumed());
        value(script, "encapsulated", &inside(name), None);
    }

    fn take(&self, script: &mut Script, made: &str) {
        script.add(self.decapsulate(made).answered());
        value(script, "decapsulated", "taken", Some(&inside(made)));
    }

    fn deny(&self, script: &mut Script, made: &str) {
        script.add(self.decapsulate(made).presumed());
        let call = derivation::read("decapsulated");
        let other = differs(kept(&inside(made)));
        script.add(call.is(&attribute(CKA_VALUE), other).presumed());
    }
}

/// Data is digested, in parts by whoever compares.
pub(super) struct Digest {
    pub(super) row: &'static Mechanism,
    pub(super) parameter: ParameterValue,
    pub(super) data: Vec<u8>,
    pub(super) cuts: Vec<Index>,
}

impl Work for Digest {
    fn repeats(&self) -> bool {
        true
    }

    fn make(&self, script: &mut Script, name: &str, like: Option<&str>) {
        let begin = on(SESSION, C_DigestInit)
            .with("mechanism", mechanism(self.row, self.parameter.clone()));
        script.add(begin.presumed());
        if like.is_none() || self.data.is_empty() {
            let call = on(SESSION, C_Digest).bytes("data", literal(&self.data));
            script.add(answer(call.kept(name), like).presumed());
            return;
        }
        for part in parts(&self.data, &self.cuts) {
            script.add(
                on(SESSION, C_DigestUpdate)
                    .bytes("part", literal(&part))
                    .presumed(),
            );
        }
        script.add(answer(on(SESSION, C_DigestFinal).kept(name), like).presumed());
    }

    fn is_taken(&self) -> bool {
        false
    }
}
