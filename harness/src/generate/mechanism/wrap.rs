//! Mechanisms that wrap keys: [PKCS11-Base 3.2] 5.18.3 and 5.18.4. What is unwrapped is what was wrapped,
//! and says where it comes from; what must stay inside is not wrapped, and what was altered does not
//! come in.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::key::{self, BACK, FORTH, Keys};
use super::subject::{Purpose, Subject};
use super::template::{self, are, kept_inside, number, passing};
use super::{
    all_presumed, asking, flipped, keep, kept, kept_as, mechanism, parameter, presumed, short,
};
use crate::cryptoki::Function::*;
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::recipe::{self, Recipe};
use crate::sequence::{Argument, Attribute, Bytes, Call, Content, ParameterValue};

pub(super) const WRAPPING: Purpose = Purpose {
    of: Use::Wrap,
    flags: CKF_WRAP | CKF_UNWRAP,
    usages: [CKA_WRAP, CKA_UNWRAP],
    private_first: false,
};

/// Names of the key that is wrapped, of its wrapped form, and of the key that comes of it.
const TARGET: &str = "inner";
const WRAPPED: &str = "wrapped";
const UNWRAPPED: &str = "unwrapped";

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(wrapping) = Wrapping::of(row) else {
        return Vec::new();
    };
    let mut cases = vec![
        wrapping.there_and_back(),
        wrapping.history(),
        wrapping.extractable_by_default(),
        wrapping.length(),
        wrapping.unextractable(),
        wrapping.untrusted(),
        wrapping.without_usage(),
        wrapping.without_unwrap_usage(),
        wrapping.without_key_type(),
    ];
    cases.extend(wrapping.other_types());
    cases.extend(wrapping.private_key());
    cases.extend(wrapping.altered());
    cases.extend(wrapping.cut_off());
    cases.extend(wrapping.without_parameter());
    cases
}

struct Wrapping<'m> {
    subject: Subject<'m>,
    /// The key that is wrapped.
    target: &'static Recipe,
}

impl<'m> Wrapping<'m> {
    fn of(row: &'m Mechanism) -> Option<Wrapping<'m>> {
        let parameter = parameter::wrapping(row).or_else(|| parameter::valid(row));
        let subject = Subject::with(row, &WRAPPING, parameter)?;
        // Of a key with one length alone the length is known where the mechanism does not tell it.
        let target = match tells_length(row) {
            true => CKK_AES,
            false => CKK_DES3,
        };
        let target = recipe::keys(CKO_SECRET_KEY, &[target]).next()?;
        Some(Wrapping { subject, target })
    }

    fn name(&self) -> &'static str {
        self.subject.row.name
    }

    /// A case with the wrapping keys and an extractable key to wrap.
    fn draft(&self, id: &str, section: &'static str) -> Draft {
        self.subject
            .draft(id, section)
            .fixture(self.target(TARGET, &[(CKA_EXTRACTABLE, true)]))
    }

    fn target(&self, name: &str, flags: &[(CK_ATTRIBUTE_TYPE, bool)]) -> Call {
        key::create(self.target, flags, name)
    }

    fn wrap(&self, key: &str) -> Call {
        let mut call = super::call(C_WrapKey);
        call.arguments[1] = mechanism(self.subject.row, self.subject.parameter.clone());
        call.arguments[2] = Argument::named(FORTH);
        call.arguments[3] = Argument::named(key);
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Wrap]);
        keep(call, WRAPPED)
    }

    fn unwrap(&self, wrapped: Content, template: Vec<Attribute>) -> Call {
        let mut call = super::call(C_UnwrapKey);
        call.arguments[1] = mechanism(self.subject.row, self.subject.parameter.clone());
        call.arguments[2] = Argument::named(BACK);
        call.arguments[3] = Argument::Bytes(Bytes::of(wrapped));
        call.arguments[4] = template::argument(template);
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Attributes, Occasion::Unwrap]);
        kept_as(call, "key", UNWRAPPED)
    }

    /// What the wrapped form does not tell.
    fn bare_template(&self) -> Vec<Attribute> {
        vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, self.target.key_type),
            passing(),
        ]
    }

    fn template(&self, inside: bool) -> Vec<Attribute> {
        [self.bare_template(), kept_inside(inside).into()].concat()
    }

    fn there_and_back(&self) -> Draft {
        let draft = self
            .draft("unwraps-what-it-wrapped", "5.18.4")
            .title(format!("{} unwraps what it wrapped", self.name()))
            .call(self.wrap(TARGET))
            .call(self.unwrap(kept(WRAPPED), self.template(false)));
        draft.call(template::has_of(UNWRAPPED, self.target, CKA_VALUE))
    }

    fn history(&self) -> Draft {
        let told = [
            (CKA_LOCAL, CK_FALSE.into()),
            (CKA_ALWAYS_SENSITIVE, CK_FALSE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_FALSE.into()),
        ];
        self.draft("unwrapped-was-outside", "5.18.4")
            .title(format!(
                "{}: an unwrapped key is not local, and was neither always sensitive nor never extractable",
                self.name()
            ))
            .level(Level::Security)
            .call(presumed(self.wrap(TARGET)))
            .call(presumed(self.unwrap(kept(WRAPPED), self.template(true))))
            .call(are(UNWRAPPED, &told))
    }

    fn extractable_by_default(&self) -> Draft {
        self.draft("unwrapped-extractable-by-default", "5.18.4")
            .title(format!(
                "{}: an unwrapped key is extractable unless the template says otherwise",
                self.name()
            ))
            .call(presumed(self.wrap(TARGET)))
            .call(presumed(self.unwrap(kept(WRAPPED), self.bare_template())))
            .call(are(UNWRAPPED, &[(CKA_EXTRACTABLE, CK_TRUE.into())]))
    }

    fn length(&self) -> Draft {
        self.draft("wrap-length", "5.2")
            .title(format!(
                "{}: C_WrapKey tells the length and refuses a short buffer",
                self.name()
            ))
            .call(presumed(self.wrap(TARGET)))
            .call(asking(self.wrap(TARGET)))
            .call(short(self.wrap(TARGET)))
    }

    fn unextractable(&self) -> Draft {
        let answer = Answer::of(C_WrapKey, &[CKR_KEY_UNEXTRACTABLE]);
        self.draft("wrap-unextractable", "5.18.3")
            .title(format!(
                "{} does not wrap a key that is not extractable",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .fixture(self.target("inside", &[(CKA_EXTRACTABLE, false)]))
            .call(presumed(self.wrap(TARGET)))
            .judged(
                self.wrap("inside"),
                answer.tolerating([CKR_KEY_NOT_WRAPPABLE]),
            )
    }

    fn untrusted(&self) -> Draft {
        let answer = Answer::of(C_WrapKey, &[CKR_KEY_NOT_WRAPPABLE]).tolerating([
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_KEY_HANDLE_INVALID,
            CKR_KEY_UNEXTRACTABLE,
            CKR_WRAPPING_KEY_HANDLE_INVALID,
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        ]);
        let flags = [(CKA_EXTRACTABLE, true), (CKA_WRAP_WITH_TRUSTED, true)];
        self.draft("wrap-with-untrusted", "4.11")
            .title(format!(
                "{} wraps no key for trusted wrapping keys alone with one that is not",
                self.name()
            ))
            .level(Level::Security)
            .class(Class::B)
            .fixture(self.target("guarded", &flags))
            .call(presumed(self.wrap(TARGET)))
            .judged(self.wrap("guarded"), answer)
    }

    /// Both functions list no value for a usage that is not permitted; 5.1.6 describes one, for keys in
    /// general.
    fn without_usage(&self) -> Draft {
        let right = [
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
        ];
        let answer = Answer::of(C_WrapKey, &right).tolerating([
            CKR_KEY_NOT_WRAPPABLE,
            CKR_KEY_TYPE_INCONSISTENT,
            CKR_WRAPPING_KEY_HANDLE_INVALID,
        ]);
        self.draft("wrap-key-without-usage", "5.18.3")
            .title(format!("{} refuses a key that may not wrap", self.name()))
            .level(Level::Security)
            .class(Class::B)
            .call(presumed(self.wrap(TARGET)))
            .calls(all_presumed(
                self.subject
                    .keys
                    .with([(CKA_WRAP, false), (CKA_UNWRAP, true)]),
            ))
            .judged(self.wrap(TARGET), answer)
    }

    fn without_unwrap_usage(&self) -> Draft {
        let right = [
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        ];
        let answer = Answer::of(C_UnwrapKey, &right)
            .tolerating([CKR_KEY_TYPE_INCONSISTENT, CKR_UNWRAPPING_KEY_HANDLE_INVALID]);
        self.with_wrapped("unwrap-key-without-usage")
            .title(format!("{} refuses a key that may not unwrap", self.name()))
            .level(Level::Security)
            .calls(all_presumed(
                self.subject
                    .keys
                    .with([(CKA_WRAP, true), (CKA_UNWRAP, false)]),
            ))
            .judged(self.unwrap(kept(WRAPPED), self.template(false)), answer)
    }

    /// A case on a wrapped key that unwraps.
    fn with_wrapped(&self, id: &str) -> Draft {
        self.draft(id, "5.18.4")
            .class(Class::B)
            .call(presumed(self.wrap(TARGET)))
            .call(presumed(self.unwrap(kept(WRAPPED), self.template(false))))
    }

    /// 4.8.2 footnote 5: the type must be specified when a key is unwrapped.
    fn without_key_type(&self) -> Draft {
        let mut template = self.template(false);
        template.retain(|given| given.attribute != CKA_KEY_TYPE);
        let answer = Answer::of(C_UnwrapKey, &[CKR_TEMPLATE_INCOMPLETE])
            .tolerating([CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID]);
        self.with_wrapped("unwrap-without-CKA_KEY_TYPE")
            .title(format!("{} unwraps no key of no type", self.name()))
            .judged(self.unwrap(kept(WRAPPED), template), answer)
    }

    fn other_types(&self) -> Vec<Draft> {
        let Some(foreign) = key::foreign(self.subject.row) else {
            return Vec::new();
        };
        let other = |usage, name| key::create(foreign, &[(usage, true)], name);
        let tolerated = [
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_KEY_TYPE_INCONSISTENT,
            CKR_MECHANISM_PARAM_INVALID,
        ];
        let wrapping = Answer::of(C_WrapKey, &[CKR_WRAPPING_KEY_TYPE_INCONSISTENT])
            .tolerating(tolerated)
            .tolerating([CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_SIZE_RANGE]);
        let unwrapping = Answer::of(C_UnwrapKey, &[CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT])
            .tolerating(tolerated)
            .tolerating([
                CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                CKR_UNWRAPPING_KEY_SIZE_RANGE,
            ]);
        let title = |what| {
            format!(
                "{} refuses to {what} with a key of another type",
                self.name()
            )
        };
        vec![
            self.draft("wrap-key-of-another-type", "5.1.6")
                .title(title("wrap"))
                .class(Class::B)
                .call(presumed(self.wrap(TARGET)))
                .call(presumed(other(CKA_WRAP, FORTH)))
                .judged(self.wrap(TARGET), wrapping),
            self.with_wrapped("unwrap-key-of-another-type")
                .title(title("unwrap"))
                .call(presumed(other(CKA_UNWRAP, BACK)))
                .judged(self.unwrap(kept(WRAPPED), self.template(false)), unwrapping),
        ]
    }

    /// 6.7: private keys are wrapped with secret ones, in an encoding that tells its own length.
    fn private_key(&self) -> Option<Draft> {
        let secret = matches!(self.subject.keys, Keys::Secret(_));
        let recipe = recipe::keys(CKO_PRIVATE_KEY, &[CKK_RSA])
            .next()
            .filter(|_| secret && tells_length(self.subject.row))?;
        let mut template = vec![
            number(CKA_CLASS, CKO_PRIVATE_KEY),
            number(CKA_KEY_TYPE, CKK_RSA),
            passing(),
        ];
        template.extend(kept_inside(false));
        let draft = self
            .subject
            .draft("unwraps-private-key", "6.7")
            .title(format!(
                "{} unwraps a private key that it wrapped",
                self.name()
            ))
            .fixture(key::create(recipe, &[(CKA_EXTRACTABLE, true)], TARGET))
            // That private keys are wrapped is said of some mechanisms only.
            .call(presumed(self.wrap(TARGET)))
            .call(self.unwrap(kept(WRAPPED), template));
        let numbers = [CKA_MODULUS, CKA_PRIVATE_EXPONENT];
        Some(numbers.into_iter().fold(draft, |draft, name| {
            draft.call(template::has_of(UNWRAPPED, recipe, name))
        }))
    }

    fn altered(&self) -> Option<Draft> {
        authenticates(self.subject.row).then(|| {
            let call = self.unwrap(flipped(kept(WRAPPED)), self.template(false));
            self.with_wrapped("unwrap-altered")
                .title(format!("{} does not unwrap what was altered", self.name()))
                .level(Level::Security)
                .unsuccessful(call)
        })
    }

    /// 5.1.8 item 4: the two values may be treated alike.
    fn cut_off(&self) -> Option<Draft> {
        needs_whole(self.subject.row).then(|| {
            let right = [CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
            let cut = Content::Take {
                of: Box::new(kept(WRAPPED)),
                count: 15,
            };
            self.with_wrapped("unwrap-cut-off")
                .title(format!("{} does not unwrap 15 bytes", self.name()))
                .judged(
                    self.unwrap(cut, self.template(false)),
                    Answer::of(C_UnwrapKey, &right).tolerating([CKR_ARGUMENTS_BAD]),
                )
        })
    }

    fn without_parameter(&self) -> Option<Draft> {
        parameter::is_needed(self.subject.row).then(|| {
            let right = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
            let mut call = self.wrap(TARGET);
            call.arguments[1] = mechanism(self.subject.row, ParameterValue::None);
            self.draft("wrap-without-parameter", "5.1.6")
                .title(format!(
                    "{} refuses to wrap without its parameter",
                    self.name()
                ))
                .class(Class::B)
                .call(presumed(self.wrap(TARGET)))
                .judged(call, Answer::of(C_WrapKey, &right))
        })
    }
}

/// True if the wrapped form tells how long the key is: it is as long as the key, or padded so that the
/// padding can be found.
pub(crate) fn tells_length(row: &Mechanism) -> bool {
    let blocks = row.name.ends_with("_ECB") || row.name.ends_with("_CBC");
    let zeros = [CKM_AES_KEY_WRAP, CKM_RSA_X_509].contains(&row.value);
    !blocks && !zeros
}

/// True if what was altered is noticed: by a tag, or by redundancy of at least 64 bits.
fn authenticates(row: &Mechanism) -> bool {
    row.name.contains("KEY_WRAP")
        || row.name.contains("OAEP")
        || [CKM_AES_GCM, CKM_AES_CCM].contains(&row.value)
}

/// True if no wrapped key has 15 bytes: blocks, a modulus, or a tag and more.
fn needs_whole(row: &Mechanism) -> bool {
    let blocks = ["_ECB", "_CBC", "_CBC_PAD"];
    blocks.iter().any(|end| row.name.ends_with(end))
        || row.key_types == [CKK_RSA]
        || authenticates(row)
}
