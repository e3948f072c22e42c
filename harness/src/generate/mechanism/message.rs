//! Mechanisms in the message-based functions: [PKCS11-Base 3.2] 5.9, 5.11, 5.14 and 5.16. What comes of a
//! message is what the ordinary functions make of it, in one part and in several.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::cipher::ENCRYPTION;
use super::key::{BACK, FORTH};
use super::signature::SIGNATURE;
use super::subject::Subject;
use super::{
    all_presumed, ample, draft, equals, feed, flipped, half, keep, kept, kept_as, message,
    number_of, presumed, was,
};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::Mechanism;
use crate::sequence::{
    Argument, Bytes, Call, Capture, Content, FieldValue, Number, ParameterValue, Reference,
    Structure,
};

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let mut cases = Vec::new();
    if let (Some(subject), Some(parameter)) = (Subject::of(row, &ENCRYPTION), Sealed::of(row)) {
        let sealing = Sealing { subject, parameter };
        cases.extend([
            sealing.there_and_back(),
            sealing.altered(),
            sealing.as_whole(),
            sealing.parts(),
            sealing.without_usage(),
        ]);
    }
    if let Some(subject) = Subject::of(row, &SIGNATURE) {
        cases.extend([signed(&subject), signed_altered(&subject)]);
    }
    cases
}

/// The structure that goes with each message, by its name and those of its fields.
pub(crate) struct Sealed {
    name: &'static str,
    nonce: &'static str,
    /// The field of the tag.
    pub(crate) tag: &'static str,
    numbers: &'static [(&'static str, u64)],
}

const SEALED: [(CK_MECHANISM_TYPE, Sealed); 2] = [
    (
        CKM_AES_GCM,
        Sealed {
            name: "CK_GCM_MESSAGE_PARAMS",
            nonce: "pIv",
            tag: "pTag",
            numbers: &[("ivGenerator", CKG_NO_GENERATE), ("ulTagBits", 128)],
        },
    ),
    (
        CKM_AES_CCM,
        Sealed {
            name: "CK_CCM_MESSAGE_PARAMS",
            nonce: "pNonce",
            tag: "pMAC",
            numbers: &[
                ("ulDataLen", 32),
                ("nonceGenerator", CKG_NO_GENERATE),
                ("ulMACLen", 16),
            ],
        },
    ),
];

impl Sealed {
    /// That of a mechanism.
    pub(crate) fn of(row: &Mechanism) -> Option<&'static Sealed> {
        let mut rows = SEALED.iter();
        let (_, sealed) = rows.find(|(mechanism, _)| *mechanism == row.value)?;
        Some(sealed)
    }

    /// The structure with this tag, for a message of so many bytes; what the module is to fill in is
    /// zero before.
    pub(crate) fn with(&self, tag: Content, length: u64) -> Structure {
        let bytes = |field: &str, content| {
            let bytes = FieldValue::Bytes(Bytes::of(content));
            (field.to_owned(), bytes)
        };
        let nonce = Content::Repeat {
            byte: 0x24,
            count: 12,
        };
        let mut fields = vec![bytes(self.nonce, nonce), bytes(self.tag, tag)];
        fields.extend(self.numbers.iter().map(|(field, value)| {
            let value = match *field {
                "ulDataLen" => length,
                _ => *value,
            };
            let value = FieldValue::Number(Number::Literal(value));
            ((*field).to_owned(), value)
        }));
        Structure {
            name: self.name.to_owned(),
            fields,
        }
    }
}

struct Sealing<'m> {
    subject: Subject<'m>,
    parameter: &'static Sealed,
}

/// The additional data of all messages: as the parameters of the plain functions have it.
pub(crate) fn additional() -> Content {
    Content::Repeat {
        byte: 0x24,
        count: 20,
    }
}

pub(super) fn blank() -> Content {
    Content::Repeat { byte: 0, count: 16 }
}

impl Sealing<'_> {
    fn draft(&self, id: &str, section: &'static str) -> Draft {
        let flags = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT;
        draft(self.subject.row, flags, id, section)
            .fixtures(self.subject.keys.make([CKA_ENCRYPT, CKA_DECRYPT]))
    }

    /// The parameter comes with each message.
    fn begin(&self, function: Function, key: &str) -> Call {
        super::begin(function, self.subject.row, ParameterValue::None, Some(key))
    }

    /// A call on a message, with these inputs after its parameter.
    fn on(&self, function: Function, tag: Content, inputs: &[Content]) -> Call {
        let mut call = super::call(function);
        call.arguments[1] = Argument::Structure(self.parameter.with(tag, 32));
        for (argument, input) in call.arguments[2..].iter_mut().zip(inputs) {
            *argument = Argument::Bytes(Bytes::of(input.clone()));
        }
        call
    }

    /// The call, the tag that it fills in being kept.
    fn keep_tag(&self, mut call: Call, name: &str) -> Call {
        call.gives.push(Capture {
            output: Reference::to("parameter").field(self.parameter.tag),
            name: name.to_owned(),
        });
        call
    }

    /// The calls that encrypt the message as a whole.
    fn sealed(&self, draft: Draft) -> Draft {
        let whole = self.on(C_EncryptMessage, blank(), &[additional(), message()]);
        let whole = kept_as(whole, "ciphertext", "ciphertext");
        draft
            .call(self.begin(C_MessageEncryptInit, FORTH))
            .call(self.keep_tag(whole, "tag"))
    }

    fn opened(&self, tag: Content) -> Call {
        self.on(C_DecryptMessage, tag, &[additional(), kept("ciphertext")])
    }

    fn there_and_back(&self) -> Draft {
        let draft = self
            .draft("message-there-and-back", "5.11.2")
            .title(format!(
                "{} decrypts a message that it encrypted",
                self.subject.row.name
            ));
        self.sealed(draft)
            .call(feed(C_MessageEncryptFinal, &[]))
            .call(self.begin(C_MessageDecryptInit, BACK))
            .call(equals(self.opened(kept("tag")), message()))
            .call(feed(C_MessageDecryptFinal, &[]))
    }

    fn altered(&self) -> Draft {
        let draft = self
            .draft("message-altered", "5.11.2")
            .title(format!(
                "{} does not decrypt a message whose tag was altered",
                self.subject.row.name
            ))
            .level(Level::Security);
        self.sealed(draft)
            .call(feed(C_MessageEncryptFinal, &[]))
            .call(presumed(self.begin(C_MessageDecryptInit, BACK)))
            .unsuccessful(self.opened(flipped(kept("tag"))))
    }

    /// 6.13: the ordinary functions have the tag behind the ciphertext.
    fn as_whole(&self) -> Draft {
        let draft = self
            .draft("message-as-whole", "5.9.2")
            .title(format!(
                "{} makes of a message what it makes of data",
                self.subject.row.name
            ))
            .call(presumed(self.subject.begin(C_EncryptInit, FORTH)))
            .call(presumed(keep(feed(C_Encrypt, &[message()]), "whole")));
        let joined = Content::Concat(vec![kept("ciphertext"), kept("tag")]);
        self.sealed(draft)
            .call(was(feed(C_MessageEncryptFinal, &[]), "whole", joined))
    }

    fn parts(&self) -> Draft {
        let next = |flags, name| {
            let mut call = self.on(C_EncryptMessageNext, blank(), &[half()]);
            call = kept_as(ample(call), "ciphertext_part", name);
            call.arguments[4] = number_of(flags);
            call
        };
        let begin = self.on(C_EncryptMessageBegin, blank(), &[additional()]);
        let draft = self.draft("message-parts", "5.9.4").title(format!(
            "{} encrypts a message in parts as it encrypts the whole",
            self.subject.row.name
        ));
        let joined = Content::Concat(["first", "last"].map(kept).into());
        let last = self.keep_tag(next(CKF_END_OF_MESSAGE, "last"), "last-tag");
        self.sealed(draft)
            .call(Call {
                not_applicable: vec![CKR_FUNCTION_NOT_SUPPORTED],
                ..begin
            })
            .call(next(0, "first"))
            .call(was(last, "ciphertext", joined))
            .call(was(
                feed(C_MessageEncryptFinal, &[]),
                "tag",
                kept("last-tag"),
            ))
    }

    fn without_usage(&self) -> Draft {
        let answer = Answer::of(C_MessageEncryptInit, &[CKR_KEY_FUNCTION_NOT_PERMITTED])
            .tolerating([CKR_KEY_TYPE_INCONSISTENT]);
        let draft = self
            .draft("message-key-without-usage", "5.9.1")
            .title(format!(
                "{} refuses a key that may not encrypt messages",
                self.subject.row.name
            ))
            .level(Level::Security)
            .class(Class::B);
        self.sealed(draft)
            .call(feed(C_MessageEncryptFinal, &[]))
            .calls(all_presumed(
                self.subject.keys.make_unfit([CKA_ENCRYPT, CKA_DECRYPT]),
            ))
            .judged(self.begin(C_MessageEncryptInit, FORTH), answer)
    }
}

/// A case of messages that are signed, up to the signature.
fn signing(subject: &Subject<'_>, id: &str) -> Draft {
    let flags = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
    let mut sign = super::call(C_SignMessage);
    sign.arguments[2] = Argument::Bytes(Bytes::of(message()));
    draft(subject.row, flags, id, "5.16.2")
        .fixtures(subject.keys.make([CKA_SIGN, CKA_VERIFY]))
        .call(subject.begin(C_MessageSignInit, FORTH))
        .call(keep(sign, "signature"))
        .call(feed(C_MessageSignFinal, &[]))
        .call(subject.begin(C_MessageVerifyInit, BACK))
}

fn verifying(signature: Content) -> Call {
    let mut call = super::call(C_VerifyMessage);
    call.arguments[2] = Argument::Bytes(Bytes::of(message()));
    call.arguments[3] = Argument::Bytes(Bytes::of(signature));
    call
}

fn signed(subject: &Subject<'_>) -> Draft {
    signing(subject, "message-verifies-what-it-signed")
        .title(format!(
            "{} verifies a message that it signed",
            subject.row.name
        ))
        .call(verifying(kept("signature")))
        .call(feed(C_MessageVerifyFinal, &[]))
}

fn signed_altered(subject: &Subject<'_>) -> Draft {
    signing(subject, "message-signature-altered")
        .title(format!(
            "{} does not verify a message with an altered signature",
            subject.row.name
        ))
        .level(Level::Security)
        .unsuccessful(verifying(flipped(kept("signature"))))
}
