//! Mechanisms that derive keys: [PKCS11-Base 3.2] 5.18.5. The same comes of the same, what was inside
//! does not get out by it, and what cannot be had is refused.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::template::{self, are, is, keeping, kept_inside, number, passing};
use super::{draft, kept_as, key, mechanism, parameter, presumed};
use crate::cryptoki::Function::C_DeriveKey;
use crate::cryptoki::mechanism::{Mechanism, OtherKeys, Rule, Use};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::recipe::{self, Recipe};
use crate::sequence::{Argument, Attribute, Call, Content, Number, ParameterValue, Reference};

/// Names of the key that is derived from, and of what comes of it.
const BASE: &str = "base";
const DERIVED: &str = "derived";

/// More bytes than any of the mechanisms makes of the parameters and keys here: HKDF with SHA-512, the
/// most generous of those with an end, makes 16,320.
const TOO_LONG: u64 = 20_000;

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(derivation) = Derivation::of(row) else {
        return Vec::new();
    };
    let mut cases = vec![derivation.repeats(), derivation.without_usage()];
    cases.extend(derivation.history());
    cases.extend(derivation.sticky());
    cases.extend(derivation.other_type());
    cases.extend(derivation.too_long());
    cases.extend(derivation.without_parameter());
    cases
}

struct Derivation<'m> {
    row: &'m Mechanism,
    parameter: ParameterValue,
    base: &'static Recipe,
    /// Bytes of the derived key, where they may be asked for.
    length: Option<u64>,
}

impl<'m> Derivation<'m> {
    fn of(row: &'m Mechanism) -> Option<Derivation<'m>> {
        // 6.62.5: what CKM_HKDF_DATA makes is no key.
        if !row.uses.contains(&Use::Derive) || row.value == CKM_HKDF_DATA {
            return None;
        }
        let master = row.name.contains("MASTER_KEY_DERIVE");
        let secrets = recipe::keys(CKO_SECRET_KEY, &row.key_types);
        let secrets: Vec<_> = secrets.filter(|key| key.key_type != CKK_HKDF).collect();
        // The last generic secret has the 48 bytes of a master key.
        let secret = match master {
            true => secrets.last(),
            false => secrets.first(),
        };
        let private = || recipe::keys(CKO_PRIVATE_KEY, &row.key_types).next();
        Some(Derivation {
            row,
            parameter: parameter::deriving(row)?,
            base: secret.copied().or_else(private)?,
            length: match row.value {
                // 6.64: as long as the output of the function.
                CKM_IKE_PRF_DERIVE | CKM_NULL => None,
                _ if master => Some(48),
                _ => Some(16),
            },
        })
    }

    fn draft(&self, id: &str, section: &'static str) -> Draft {
        let draft = draft(self.row, CKF_DERIVE, id, section)
            .fixture(self.base(BASE, &[(CKA_DERIVE, true)]));
        match self.other_key() {
            Some(other) => draft.fixture(other),
            None => draft,
        }
    }

    fn base(&self, name: &str, flags: &[(CK_ATTRIBUTE_TYPE, bool)]) -> Call {
        key::create(self.base, flags, name)
    }

    /// 6.43.3: another key to append.
    fn other_key(&self) -> Option<Call> {
        (self.row.value == CKM_CONCATENATE_BASE_AND_KEY)
            .then(|| self.base(parameter::OTHER, &[(CKA_DERIVE, true)]))
    }

    fn derive(&self, base: &str, template: Vec<Attribute>) -> Call {
        let mut call = super::call(C_DeriveKey);
        call.arguments[1] = mechanism(self.row, self.parameter.clone());
        call.arguments[2] = Argument::named(base);
        call.arguments[3] = template::argument(template);
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Attributes]);
        if self.row.other_keys == OtherKeys::OfParameter {
            call.not_applicable.push(CKR_KEY_TYPE_INCONSISTENT);
        }
        kept_as(call, "key", DERIVED)
    }

    fn bare_template(&self, length: Option<u64>) -> Vec<Attribute> {
        let mut template = vec![
            number(CKA_CLASS, CKO_SECRET_KEY),
            number(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
            passing(),
        ];
        template.extend(length.map(|length| number(CKA_VALUE_LEN, length)));
        template
    }

    fn template(&self, inside: bool) -> Vec<Attribute> {
        [self.bare_template(self.length), kept_inside(inside).into()].concat()
    }

    fn name(&self) -> &'static str {
        self.row.name
    }

    fn repeats(&self) -> Draft {
        let same = Relation::Equals(Expected::Bytes(Content::Reference(Reference::to("first"))));
        let draft = self
            .draft("derives-the-same-twice", "5.18.5")
            .title(format!(
                "{} derives the same key twice, and not a local one",
                self.name()
            ))
            .call(self.derive(BASE, self.template(false)))
            .call(are(DERIVED, &[(CKA_LOCAL, CK_FALSE.into())]))
            .call(keeping(DERIVED, CKA_VALUE, "first"))
            .call(self.derive(BASE, self.template(false)))
            .call(is(DERIVED, CKA_VALUE, same));
        match self.length {
            Some(length) => {
                let length = Relation::Equals(Expected::Number(Number::Literal(length)));
                draft.call(is(DERIVED, CKA_VALUE, Relation::Length(Box::new(length))))
            }
            None => draft,
        }
    }

    /// What chapter 6 says of every derivation with a base key that was imported.
    fn history(&self) -> Option<Draft> {
        if self.row.rule(Rule::Unremembered) {
            return None;
        }
        let told = [
            (CKA_ALWAYS_SENSITIVE, CK_FALSE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_FALSE.into()),
        ];
        Some(
            self.draft("derived-was-outside", self.row.section)
                .title(format!(
                    "{}: what is derived from a key that was outside was not always inside",
                    self.name()
                ))
                .level(Level::Security)
                .call(presumed(self.derive(BASE, self.template(true))))
                .call(are(DERIVED, &told)),
        )
    }

    /// A derived key is no more open than its base key.
    fn sticky(&self) -> Option<Draft> {
        if !self.row.rule(Rule::Sticky) {
            return None;
        }
        let inside = [
            (CKA_DERIVE, true),
            (CKA_SENSITIVE, true),
            (CKA_EXTRACTABLE, false),
        ];
        let told = [
            (CKA_SENSITIVE, CK_TRUE.into()),
            (CKA_EXTRACTABLE, CK_FALSE.into()),
        ];
        Some(
            self.draft("derived-stays-inside", self.row.section)
                .title(format!(
                    "{}: what is derived from a key inside stays inside",
                    self.name()
                ))
                .level(Level::Security)
                .fixture(self.base("inside", &inside))
                .call(presumed(self.derive(BASE, self.template(false))))
                .call(presumed(
                    self.derive("inside", self.bare_template(self.length)),
                ))
                .call(are(DERIVED, &told)),
        )
    }

    fn without_usage(&self) -> Draft {
        // The function lists no value for a usage that is not permitted; 5.1.6 describes one, for keys
        // in general.
        let right = [CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT];
        let answer = Answer::of(C_DeriveKey, &right).tolerating([CKR_KEY_HANDLE_INVALID]);
        self.draft("derive-key-without-usage", "5.1.6")
            .title(format!("{} refuses a key that may not derive", self.name()))
            .level(Level::Security)
            .class(Class::B)
            .fixture(self.base("unfit", &[(CKA_DERIVE, false)]))
            .call(presumed(self.derive(BASE, self.template(false))))
            .judged(self.derive("unfit", self.template(false)), answer)
    }

    fn other_type(&self) -> Option<Draft> {
        let foreign = key::foreign(self.row)?;
        let answer = Answer::of(C_DeriveKey, &[CKR_KEY_TYPE_INCONSISTENT]).tolerating([
            CKR_KEY_FUNCTION_NOT_PERMITTED,
            CKR_KEY_HANDLE_INVALID,
            CKR_KEY_SIZE_RANGE,
            CKR_MECHANISM_PARAM_INVALID,
        ]);
        Some(
            self.draft("derive-key-of-another-type", "5.1.6")
                .title(format!(
                    "{} refuses to derive from a key of another type",
                    self.name()
                ))
                .class(Class::B)
                .fixture(key::create(foreign, &[(CKA_DERIVE, true)], "other-type"))
                .call(presumed(self.derive(BASE, self.template(false))))
                .judged(self.derive("other-type", self.template(false)), answer),
        )
    }

    fn too_long(&self) -> Option<Draft> {
        let length = self.length.filter(|_| !self.row.rule(Rule::Endless))?;
        let answer = Answer::of(
            C_DeriveKey,
            &[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID],
        )
        // 6.17 and 6.64 have these of their own.
        .or([CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE])
        .tolerating([
            CKR_ARGUMENTS_BAD,
            CKR_MECHANISM_PARAM_INVALID,
            CKR_TEMPLATE_INCOMPLETE,
        ]);
        Some(
            self.draft("derive-too-long", self.row.section)
                .title(format!("{} derives no key longer than it can", self.name()))
                .class(Class::B)
                .call(presumed(
                    self.derive(BASE, self.bare_template(Some(length))),
                ))
                .judged(
                    self.derive(BASE, self.bare_template(Some(TOO_LONG))),
                    answer,
                ),
        )
    }

    fn without_parameter(&self) -> Option<Draft> {
        parameter::is_needed(self.row).then(|| {
            // The last, where the parameter is another party's public key: 5.1.6.
            let right = [
                CKR_MECHANISM_PARAM_INVALID,
                CKR_ARGUMENTS_BAD,
                CKR_PUBLIC_KEY_INVALID,
            ];
            let mut call = self.derive(BASE, self.template(false));
            call.arguments[1] = mechanism(self.row, ParameterValue::None);
            self.draft("derive-without-parameter", "5.1.6")
                .title(format!(
                    "{} refuses to derive without its parameter",
                    self.name()
                ))
                .class(Class::B)
                .call(presumed(self.derive(BASE, self.template(false))))
                .judged(call, Answer::of(C_DeriveKey, &right))
        })
    }
}
