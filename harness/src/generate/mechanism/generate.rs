//! Mechanisms that generate keys and key pairs: [PKCS11-Base 3.2] 5.18.1 and 5.18.2. What is made is
//! what was asked for, and what cannot be made is refused.

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::Draft;
use super::template::{self, are, bytes, kept_inside, number, passing, read};
use super::told::{self, BENDS, Bend, Bent};
use super::{draft, kept_as, mechanism, parameter, presumed};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::mechanism::{Mechanism, ParameterShape, Use};
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{Attribute, AttributeValue, Call, Content, Number, ParameterValue};

/// Names under which cases keep what was made; a secret key is kept as the private one.
pub(super) const PRIVATE: &str = "private";
pub(super) const PUBLIC: &str = "public";

/// How a token says that it does not make such a key: 4.1.1, 5.1.6 and 5.1.8 item 5.
const VALUES: [CK_RV; 2] = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT];

/// The same of public keys and what they are made with.
const SETS: [CK_RV; 3] = [
    CKR_CURVE_NOT_SUPPORTED,
    CKR_DOMAIN_PARAMS_INVALID,
    CKR_PARAMETER_SET_NOT_SUPPORTED,
];

pub(super) fn cases(row: &Mechanism) -> Vec<Draft> {
    let Some(subject) = Subject::of(row) else {
        return Vec::new();
    };
    let mut cases = vec![
        subject.makes(),
        subject.names_itself(),
        subject.open(),
        subject.closed(),
    ];
    let needed = subject.needed.iter();
    // 6.1.4: newer tokens have a default for the exponent.
    let needed = needed.filter(|given| given.attribute != CKA_PUBLIC_EXPONENT);
    // 6.37.4: CKM_PKCS5_PBKD2 makes keys of any type, and the type may say how long they are.
    if row.value != CKM_PKCS5_PBKD2 {
        cases.extend(needed.map(|needed| subject.without(needed)));
        cases.push(subject.other_type());
    }
    cases.extend(subject.other_class());
    cases.extend(subject.sizes());
    cases.extend(subject.unneeded_parameter());
    cases.extend(subject.works());
    cases
}

pub(super) struct Subject<'m> {
    pub(super) row: &'m Mechanism,
    parameter: ParameterValue,
    pub(super) key_type: CK_KEY_TYPE,
    /// Attributes that the mechanism asks for: of a pair, in the template of the public key.
    pub(super) needed: Vec<Attribute>,
    pub(super) pair: bool,
}

impl<'m> Subject<'m> {
    fn of(row: &'m Mechanism) -> Option<Subject<'m>> {
        let pair = row.uses == [Use::GeneratePair];
        let domain = row.name.ends_with("_PARAMETER_GEN") || row.value == CKM_DSA_FIPS_G_GEN;
        if !pair && (row.uses != [Use::Generate] || domain) {
            return None;
        }
        let key_type = told::made(row)?;
        Some(Subject {
            row,
            parameter: parameter::valid(row)?,
            key_type,
            needed: told::needed(row, key_type),
            pair,
        })
    }

    fn function(&self) -> Function {
        match self.pair {
            true => C_GenerateKeyPair,
            false => C_GenerateKey,
        }
    }

    pub(super) fn section(&self) -> &'static str {
        self.function().section()
    }

    pub(super) fn draft(&self, id: &str, section: &'static str) -> Draft {
        let flag = match self.pair {
            true => CKF_GENERATE_KEY_PAIR,
            false => CKF_GENERATE,
        };
        draft(self.row, flag, id, section)
    }

    /// A call with attributes that the mechanism asks for and others, of the private or secret key.
    fn call(&self, needed: Vec<Attribute>, own: Vec<Attribute>) -> Call {
        self.templates([needed, own])
    }

    pub(super) fn templates(&self, [mut first, mut second]: [Vec<Attribute>; 2]) -> Call {
        let mut call = super::call(self.function());
        call.arguments[1] = mechanism(self.row, self.parameter.clone());
        second.push(passing());
        if self.pair {
            first.push(passing());
            call.arguments[2] = template::argument(first);
            call.arguments[3] = template::argument(second);
            kept_as(kept_as(call, "public_key", PUBLIC), "private_key", PRIVATE)
        } else {
            first.extend(second);
            call.arguments[2] = template::argument(first);
            kept_as(call, "key", PRIVATE)
        }
    }

    /// The good call with attributes of the private or secret key; another case asks for its success.
    fn good(&self, own: &[Attribute]) -> Call {
        presumed(self.call(self.needed.clone(), own.to_vec()))
    }

    fn keys(&self) -> &'static [&'static str] {
        match self.pair {
            true => &[PUBLIC, PRIVATE],
            false => &[PRIVATE],
        }
    }

    fn makes(&self) -> Draft {
        let mut call = self.call(self.needed.clone(), Vec::new());
        call.not_applicable = refusals(&[Occasion::Start, Occasion::Size]);
        let draft = self
            .draft("generates", self.section())
            .title(format!("{} makes what it is for", self.row.name))
            .call(call);
        self.keys().iter().fold(draft, |draft, key| {
            let class = match (*key, self.pair) {
                (PUBLIC, _) => CKO_PUBLIC_KEY,
                (_, true) => CKO_PRIVATE_KEY,
                (_, false) => CKO_SECRET_KEY,
            };
            // 6.53: OTP keys have a class of their own.
            let class = Some((CKA_CLASS, class)).filter(|_| self.row.section != "6.53");
            let all = [(CKA_KEY_TYPE, self.key_type), (CKA_LOCAL, CK_TRUE.into())];
            let all: Vec<_> = class.into_iter().chain(all).collect();
            draft.call(are(key, &all))
        })
    }

    fn names_itself(&self) -> Draft {
        let draft = self
            .draft("generated-names-mechanism", "4.8.2")
            .title(format!("What {} made names it", self.row.name))
            .call(self.good(&[]));
        let own = [(CKA_KEY_GEN_MECHANISM, self.row.value)];
        let keys = self.keys().iter();
        keys.fold(draft, |draft, key| draft.call(are(key, &own)))
    }

    /// 4.10 and 4.11: the two that remember, of a key that may leave the token.
    fn open(&self) -> Draft {
        let remembered = [
            (CKA_ALWAYS_SENSITIVE, CK_FALSE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_FALSE.into()),
        ];
        let draft = self
            .draft("generated-open", self.remembered())
            .title(format!(
                "{}: a key made open was not always sensitive, nor never extractable",
                self.row.name
            ))
            .call(self.good(&kept_inside(false)))
            .call(are(PRIVATE, &remembered));
        match self.length() {
            Some(length) => {
                let length = Relation::Equals(Expected::Number(Number::Literal(length)));
                let relation = Relation::Length(Box::new(length));
                draft.call(template::is(PRIVATE, CKA_VALUE, relation))
            }
            None => draft,
        }
    }

    fn closed(&self) -> Draft {
        let remembered = [
            (CKA_SENSITIVE, CK_TRUE.into()),
            (CKA_EXTRACTABLE, CK_FALSE.into()),
            (CKA_ALWAYS_SENSITIVE, CK_TRUE.into()),
            (CKA_NEVER_EXTRACTABLE, CK_TRUE.into()),
        ];
        let draft = self
            .draft("generated-sensitive", self.remembered())
            .title(format!(
                "{}: a key made sensitive and unextractable says so and stays inside",
                self.row.name
            ))
            .level(Level::Security)
            .call(self.good(&kept_inside(true)))
            .call(are(PRIVATE, &remembered));
        let secret = match self.key_type {
            CKK_RSA => CKA_PRIVATE_EXPONENT,
            _ => CKA_VALUE,
        };
        let answer = Answer::of(C_GetAttributeValue, &[CKR_ATTRIBUTE_SENSITIVE]);
        // A token need not have as an attribute what it never shows.
        let answer = answer.tolerating([CKR_ATTRIBUTE_TYPE_INVALID]);
        draft.judged(read(PRIVATE, &[secret]), answer)
    }

    fn remembered(&self) -> &'static str {
        match self.pair {
            true => "4.10",
            false => "4.11",
        }
    }

    /// The bytes of a secret key, where the template says how many.
    fn length(&self) -> Option<u64> {
        let length = self.needed.iter().find(|a| a.attribute == CKA_VALUE_LEN)?;
        match length.value {
            AttributeValue::Ulong(Number::Literal(length)) => Some(length),
            _ => None,
        }
    }

    /// 4.2 footnote 3: what must be specified when an object is generated.
    fn without(&self, left_out: &Attribute) -> Draft {
        let name = names::display(Kind::ATTRIBUTE, left_out.attribute);
        let mut rest = self.needed.clone();
        rest.retain(|given| given.attribute != left_out.attribute);
        let answer = Answer::of(self.function(), &[CKR_TEMPLATE_INCOMPLETE]).tolerating(VALUES);
        // Keys for HMAC have no table with footnotes; the section says where the length comes from
        // and no more.
        let answer = match told::has_table(self.key_type) {
            true => answer,
            false => answer.tolerating([CKR_OK]),
        };
        self.draft(&format!("generate-without-{name}"), "4.1.1")
            .level(Level::Should)
            .title(format!(
                "{} cannot make a key without {name}",
                self.row.name
            ))
            .class(Class::B)
            .call(self.good(&[]))
            .judged(self.call(rest, Vec::new()), answer)
    }

    fn other_class(&self) -> Vec<Draft> {
        let own = |class| [Vec::new(), vec![number(CKA_CLASS, class)]];
        let bent = match self.pair {
            true => vec![
                ("private-", own(CKO_PUBLIC_KEY)),
                ("public-", [own(CKO_PRIVATE_KEY)[1].clone(), Vec::new()]),
            ],
            false => vec![("", own(CKO_PRIVATE_KEY))],
        };
        bent.into_iter()
            .map(|(which, bent)| self.inconsistent(&format!("generate-{which}class"), bent))
            .collect()
    }

    fn other_type(&self) -> Draft {
        let other = match self.key_type {
            CKK_AES => CKK_DES3,
            CKK_RSA => CKK_DSA,
            _ if self.pair => CKK_RSA,
            _ => CKK_AES,
        };
        let bent = [Vec::new(), vec![number(CKA_KEY_TYPE, other)]];
        self.inconsistent("generate-key-type", bent)
    }

    /// 5.18.1, 5.18.2: what the mechanism gives implicitly cannot be given otherwise.
    fn inconsistent(&self, id: &str, [first, second]: [Vec<Attribute>; 2]) -> Draft {
        let answer = Answer::of(self.function(), &[CKR_TEMPLATE_INCONSISTENT])
            .tolerating([CKR_ATTRIBUTE_VALUE_INVALID]);
        self.draft(id, self.section())
            .title(format!(
                "{} refuses a template of another class or key type",
                self.row.name
            ))
            .class(Class::B)
            .call(self.good(&[]))
            .judged(
                self.call([self.needed.clone(), first].concat(), second),
                answer,
            )
    }

    fn sizes(&self) -> Vec<Draft> {
        let bends = BENDS
            .iter()
            .filter(|bend| self.needed.iter().any(|a| a.attribute == bend.attribute));
        let bends = bends.filter(|bend| bend.only.is_empty() || bend.only.contains(&self.key_type));
        bends.map(|bend| self.bent(bend)).collect()
    }

    fn bent(&self, bend: &Bend) -> Draft {
        let mut needed = self.needed.clone();
        for given in &mut needed {
            if given.attribute == bend.attribute {
                *given = match bend.value {
                    Bent::Number(value) => number(bend.attribute, value),
                    Bent::Bytes(value) => bytes(bend.attribute, Content::Literal(value.to_vec())),
                };
            }
        }
        let answer = Answer::of(self.function(), &VALUES)
            .or(SETS.into_iter().filter(|_| self.pair))
            .tolerating([CKR_KEY_SIZE_RANGE, CKR_TEMPLATE_INCOMPLETE])
            .tolerating([CKR_ARGUMENTS_BAD, CKR_MECHANISM_PARAM_INVALID]);
        let mut draft = self
            .draft(bend.id, "4.1.1")
            .level(Level::Should)
            .title(format!("{} {}", self.row.name, bend.title))
            .class(Class::B);
        if let Some((field, range)) = &bend.told {
            draft = draft.call(told::told(self.row, field, range));
        }
        draft
            .call(self.good(&[]))
            .judged(self.call(needed, Vec::new()), answer)
    }

    /// That a parameter is more than ignored is said nowhere.
    fn unneeded_parameter(&self) -> Option<Draft> {
        if self.row.parameter != ParameterShape::None {
            return None;
        }
        let mut call = self.call(self.needed.clone(), Vec::new());
        call.arguments[1] = mechanism(self.row, parameter::unneeded());
        let refused = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
        let answer = Answer::of(self.function(), &refused).or([CKR_OK]);
        Some(
            self.draft("generate-unneeded-parameter", "5.1.6")
                .title(format!(
                    "{} ignores or refuses a parameter where none belongs",
                    self.row.name
                ))
                .class(Class::B)
                .call(self.good(&[]))
                .judged(call, answer),
        )
    }
}
