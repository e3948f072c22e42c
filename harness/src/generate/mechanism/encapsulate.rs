//! Mechanisms that encapsulate keys: [PKCS11-Base 3.2] 5.18.8 and 5.18.9. Both sides have the same key,
//! and it says where it comes from.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::key::{self, BACK, FORTH};
use super::subject::{Purpose, Subject};
use super::template::{self, are, is, keeping, kept_inside, number, passing};
use super::{all_presumed, asking, kept, kept_as, mechanism, parameter, presumed, short};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Argument, Attribute, Buffer, BufferSize, Bytes, Call};

const ENCAPSULATION: Purpose = Purpose {
    of: Use::Encapsulate,
    flags: CKF_ENCAPSULATE | CKF_DECAPSULATE,
    usages: [CKA_ENCAPSULATE, CKA_DECAPSULATE],
    private_first: false,
};

/// Names of the key of either side, and of what goes between them.
const ONE: &str = "one";
const OTHER: &str = "other";
const CIPHERTEXT: &str = "ciphertext";

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let parameter = parameter::encapsulating(row);
    let Some(subject) = Subject::with(row, &ENCAPSULATION, parameter) else {
        return Vec::new();
    };
    let encapsulation = Encapsulation { subject };
    let mut cases = vec![
        encapsulation.there_and_back(),
        encapsulation.history(),
        encapsulation.extractable_by_default(),
        encapsulation.length(),
        encapsulation.without_usage(),
        encapsulation.without_usage_back(),
    ];
    cases.extend(encapsulation.other_type());
    cases
}

struct Encapsulation<'m> {
    subject: Subject<'m>,
}

impl Encapsulation<'_> {
    fn name(&self) -> &'static str {
        self.subject.row.name
    }

    fn bare_template() -> Vec<Attribute> {
        vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            number(CKA_VALUE_LEN, 32),
            passing(),
        ]
    }

    fn template(inside: bool) -> Vec<Attribute> {
        [Self::bare_template(), kept_inside(inside).into()].concat()
    }

    fn encapsulate(&self, template: Vec<Attribute>) -> Call {
        let mut call = super::call(C_EncapsulateKey);
        call.arguments[1] = mechanism(self.subject.row, self.subject.parameter.clone());
        call.arguments[2] = Argument::named(FORTH);
        call.arguments[3] = template::argument(template);
        call.arguments[4] = Argument::Buffer(Buffer::of(BufferSize::Exact));
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Attributes]);
        kept_as(kept_as(call, "ciphertext", CIPHERTEXT), "key", ONE)
    }

    fn decapsulate(&self, template: Vec<Attribute>) -> Call {
        let mut call = super::call(C_DecapsulateKey);
        call.arguments[1] = mechanism(self.subject.row, self.subject.parameter.clone());
        call.arguments[2] = Argument::named(BACK);
        call.arguments[3] = template::argument(template);
        call.arguments[4] = Argument::Bytes(Bytes::of(kept(CIPHERTEXT)));
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Attributes]);
        kept_as(call, "key", OTHER)
    }

    fn there_and_back(&self) -> Draft {
        let same = Relation::Equals(Expected::Bytes(kept("value")));
        self.subject
            .draft("decapsulates-what-it-encapsulated", "5.18.9")
            .title(format!("{}: both sides have the same key", self.name()))
            .call(self.encapsulate(Self::template(false)))
            .call(self.decapsulate(Self::template(false)))
            .call(keeping(ONE, CKA_VALUE, "value"))
            .call(is(OTHER, CKA_VALUE, same))
    }

    fn history(&self) -> Draft {
        let told = [
            (CKA_LOCAL, CK_FALSE.into()),
            (CKA_ALWAYS_SENSITIVE, CK_FALSE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_FALSE.into()),
        ];
        self.subject
            .draft("encapsulated-history", "5.18.8")
            .title(format!(
                "{}: an encapsulated key is not local, and was neither always sensitive nor never extractable",
                self.name()
            ))
            .level(Level::Security)
            .call(presumed(self.encapsulate(Self::template(true))))
            .call(presumed(self.decapsulate(Self::template(true))))
            .call(are(ONE, &told))
            .call(are(OTHER, &told))
    }

    fn extractable_by_default(&self) -> Draft {
        let told = [(CKA_EXTRACTABLE, CK_TRUE.into())];
        self.subject
            .draft("encapsulated-extractable-by-default", "5.18.8")
            .title(format!(
                "{}: an encapsulated key is extractable unless the template says otherwise",
                self.name()
            ))
            .call(presumed(self.encapsulate(Self::bare_template())))
            .call(presumed(self.decapsulate(Self::bare_template())))
            .call(are(ONE, &told))
            .call(are(OTHER, &told))
    }

    fn length(&self) -> Draft {
        let good = || self.encapsulate(Self::template(false));
        self.subject
            .draft("encapsulate-length", "5.18.8")
            .title(format!(
                "{}: C_EncapsulateKey tells the length and refuses a short buffer",
                self.name()
            ))
            .call(presumed(good()))
            .call(without_key(asking(good())))
            .call(without_key(short(good())))
    }

    /// The function lists no value for a usage that is not permitted; 5.1.6 describes one, for keys in
    /// general.
    fn without_usage(&self) -> Draft {
        let right = [CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT];
        let answer = Answer::of(C_EncapsulateKey, &right).tolerating([CKR_KEY_HANDLE_INVALID]);
        let usages = [(CKA_ENCAPSULATE, false), (CKA_DECAPSULATE, true)];
        self.subject
            .draft("encapsulate-key-without-usage", "5.18.8")
            .title(format!(
                "{} refuses a key that may not encapsulate",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .call(presumed(self.encapsulate(Self::template(false))))
            .calls(all_presumed(self.subject.keys.with(usages)))
            .judged(self.encapsulate(Self::template(false)), answer)
    }

    /// The function has the values of C_UnwrapKey.
    fn without_usage_back(&self) -> Draft {
        let right = [
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_KEY_TYPE_INCONSISTENT,
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        ];
        let answer = Answer::of(C_DecapsulateKey, &right)
            .tolerating([CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID]);
        let usages = [(CKA_ENCAPSULATE, true), (CKA_DECAPSULATE, false)];
        self.subject
            .draft("decapsulate-key-without-usage", "5.18.9")
            .title(format!(
                "{} refuses a key that may not decapsulate",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .call(presumed(self.encapsulate(Self::template(false))))
            .call(presumed(self.decapsulate(Self::template(false))))
            .calls(all_presumed(self.subject.keys.with(usages)))
            .judged(self.decapsulate(Self::template(false)), answer)
    }

    fn other_type(&self) -> Option<Draft> {
        let foreign = key::foreign(self.subject.row)?;
        let answer = Answer::of(C_EncapsulateKey, &[CKR_KEY_TYPE_INCONSISTENT]).tolerating([
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_KEY_HANDLE_INVALID,
            CKR_MECHANISM_PARAM_INVALID,
        ]);
        Some(
            self.subject
                .draft("encapsulate-key-of-another-type", "5.1.6")
                .title(format!(
                    "{} refuses to encapsulate with a key of another type",
                    self.name()
                ))
                .class(Class::B)
                .call(presumed(self.encapsulate(Self::template(false))))
                .call(presumed(key::create(foreign, &[], FORTH)))
                .judged(self.encapsulate(Self::template(false)), answer),
        )
    }
}

/// Where no key is made, none is kept.
fn without_key(mut call: Call) -> Call {
    call.gives.clear();
    call
}
