//! Keys in authenticated envelopes: [PKCS11-Base 3.2] 5.18.6 and 5.18.7. The tag is in the parameter,
//! where a case cannot read it; it is that of a message with the value of the key (6.13), which the
//! message-based functions tell.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::key::{self, BACK, FORTH};
use super::message::{Sealed, additional, blank};
use super::subject::Subject;
use super::template::{self, are, has_of, kept_inside, number, passing};
use super::wrap::WRAPPING;
use super::{all_presumed, feed, flipped, kept, kept_as, mechanism, presumed, was};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::Mechanism;
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::plan::{MechanismNeed, Needs};
use crate::sequence::recipe::{self, Recipe};
use crate::sequence::{
    Argument, Attribute, Bytes, Call, Capture, Content, ParameterValue, Reference,
};

/// Names of the key that is wrapped, of its wrapped form and tag, and of the key that comes of it.
const TARGET: &str = "inner";
const WRAPPED: &str = "wrapped";
const TAG: &str = "tag";
const UNWRAPPED: &str = "unwrapped";

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let target = recipe::keys(CKO_SECRET_KEY, &[CKK_AES]).next();
    let (Some(subject), Some(parameter), Some(target)) =
        (Subject::of(row, &WRAPPING), Sealed::of(row), target)
    else {
        return Vec::new();
    };
    let envelope = Envelope {
        subject,
        parameter,
        target,
    };
    vec![
        envelope.there_and_back(),
        envelope.history(),
        envelope.altered("tag", flipped(kept(TAG)), additional()),
        envelope.altered("data", kept(TAG), flipped(additional())),
        envelope.unextractable(),
        envelope.without_usage(),
    ]
}

struct Envelope<'m> {
    subject: Subject<'m>,
    parameter: &'static Sealed,
    target: &'static Recipe,
}

/// The value of the key that is wrapped: that of its recipe.
fn value() -> Content {
    Content::Repeat {
        byte: 0x2b,
        count: 16,
    }
}

fn bytes(content: Content) -> Argument {
    Argument::Bytes(Bytes::of(content))
}

impl Envelope<'_> {
    fn name(&self) -> &'static str {
        self.subject.row.name
    }

    /// A case with the wrapping keys, an extractable key to wrap, and its envelope.
    fn draft(&self, id: &str, section: &'static str) -> Draft {
        let needs = Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: self.subject.row.value,
                flags: CKF_MESSAGE_ENCRYPT,
                key_size: None,
            }],
            ..Needs::default()
        };
        let usages = [(CKA_WRAP, true), (CKA_UNWRAP, true), (CKA_ENCRYPT, true)];
        let wrapping = |name| {
            let recipe = recipe::keys(CKO_SECRET_KEY, &self.subject.row.key_types).next();
            recipe.map(|recipe| key::create(recipe, &usages, name))
        };
        let keys = [FORTH, BACK].into_iter().filter_map(wrapping).collect();
        self.subject
            .bare(id, section)
            .needs(&needs)
            .fixtures(keys)
            .fixture(self.target(TARGET, true))
    }

    fn target(&self, name: &str, extractable: bool) -> Call {
        key::create(self.target, &[(CKA_EXTRACTABLE, extractable)], name)
    }

    fn parameter(&self, tag: Content) -> ParameterValue {
        ParameterValue::Structure(self.parameter.with(tag, 16))
    }

    fn wrap(&self, key: &str) -> Call {
        let mut call = super::call(C_WrapKeyAuthenticated);
        call.arguments[1] = mechanism(self.subject.row, self.parameter(blank()));
        call.arguments[2] = Argument::named(FORTH);
        call.arguments[3] = Argument::named(key);
        call.arguments[4] = bytes(additional());
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Wrap]);
        kept_as(call, "wrapped_key", WRAPPED)
    }

    /// The calls that make of the value of the key a message with the same parameter, and keep its tag.
    fn tagged(&self, draft: Draft) -> Draft {
        let begin = super::begin(
            C_MessageEncryptInit,
            self.subject.row,
            ParameterValue::None,
            Some(FORTH),
        );
        let mut seal = super::call(C_EncryptMessage);
        seal.arguments[1] = Argument::Structure(self.parameter.with(blank(), 16));
        seal.arguments[2] = bytes(additional());
        seal.arguments[3] = bytes(value());
        seal.gives.push(Capture {
            output: Reference::to("parameter").field(self.parameter.tag),
            name: TAG.to_owned(),
        });
        draft
            .call(presumed(begin))
            .call(presumed(kept_as(seal, "ciphertext", "ciphertext")))
            .call(presumed(feed(C_MessageEncryptFinal, &[])))
    }

    fn unwrap(&self, tag: Content, data: Content, inside: bool) -> Call {
        let mut call = super::call(C_UnwrapKeyAuthenticated);
        call.arguments[1] = mechanism(self.subject.row, self.parameter(tag));
        call.arguments[2] = Argument::named(BACK);
        call.arguments[3] = bytes(kept(WRAPPED));
        call.arguments[4] = template::argument(Self::template(inside));
        call.arguments[5] = bytes(data);
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Attributes, Occasion::Unwrap]);
        kept_as(call, "key", UNWRAPPED)
    }

    fn template(inside: bool) -> Vec<Attribute> {
        let mut template = vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, CKK_AES),
            passing(),
        ];
        template.extend(kept_inside(inside));
        template
    }

    fn there_and_back(&self) -> Draft {
        let draft = self
            .draft("envelope-there-and-back", "5.18.7")
            .title(format!(
                "{} wraps a key as it encrypts a message, and unwraps it",
                self.name()
            ))
            .call(self.wrap(TARGET));
        self.tagged(draft)
            .call(was(
                self.unwrap(kept(TAG), additional(), false),
                WRAPPED,
                kept("ciphertext"),
            ))
            .call(has_of(UNWRAPPED, self.target, CKA_VALUE))
    }

    fn history(&self) -> Draft {
        let told = [
            (CKA_LOCAL, CK_FALSE.into()),
            (CKA_ALWAYS_SENSITIVE, CK_FALSE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_FALSE.into()),
        ];
        let draft = self
            .draft("envelope-was-outside", "5.18.7")
            .title(format!(
                "{}: a key from an envelope is not local, and was neither always sensitive nor never extractable",
                self.name()
            ))
            .level(Level::Security)
            .call(presumed(self.wrap(TARGET)));
        self.tagged(draft)
            .call(presumed(self.unwrap(kept(TAG), additional(), true)))
            .call(are(UNWRAPPED, &told))
    }

    fn altered(&self, what: &str, tag: Content, data: Content) -> Draft {
        let draft = self
            .draft(&format!("envelope-{what}-altered"), "5.18.7")
            .title(format!(
                "{} unwraps no key whose {what} was altered",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .call(presumed(self.wrap(TARGET)));
        self.tagged(draft)
            .call(presumed(self.unwrap(kept(TAG), additional(), false)))
            .unsuccessful(self.unwrap(tag, data, false))
    }

    fn unextractable(&self) -> Draft {
        let answer = Answer::of(C_WrapKeyAuthenticated, &[CKR_KEY_UNEXTRACTABLE]);
        self.draft("envelope-unextractable", "5.18.6")
            .title(format!(
                "{} puts no key into an envelope that is not extractable",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .fixture(self.target("inside", false))
            .call(presumed(self.wrap(TARGET)))
            .judged(
                self.wrap("inside"),
                answer.tolerating([CKR_KEY_NOT_WRAPPABLE]),
            )
    }

    fn without_usage(&self) -> Draft {
        let right = [
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        ];
        let answer = Answer::of(C_WrapKeyAuthenticated, &right).tolerating([
            CKR_KEY_NOT_WRAPPABLE,
            CKR_KEY_TYPE_INCONSISTENT,
            CKR_WRAPPING_KEY_HANDLE_INVALID,
        ]);
        let unfit = self
            .subject
            .keys
            .with([(CKA_WRAP, false), (CKA_UNWRAP, true)]);
        self.draft("envelope-key-without-usage", "5.18.6")
            .title(format!("{} refuses a key that may not wrap", self.name()))
            .level(Level::Security)
            .class(Class::B)
            .call(presumed(self.wrap(TARGET)))
            .calls(all_presumed(unfit))
            .judged(self.wrap(TARGET), answer)
    }
}
