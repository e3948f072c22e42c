//! Keys that come in by unwrapping: what a case has C_CreateObject make of a secret or private key, a token
//! that takes no keys in the clear gets wrapped. It wraps the key itself, by encrypting it with a key that
//! both encrypts and unwraps, so that nothing but calls is needed.

use cryptoki_sys::*;

use super::{Case, Plan, pkcs8};
use crate::cryptoki::Function::{self, *};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content, Number,
    ParameterValue, Reference, Step, Template,
};

/// The names that the added calls keep things under.
const WRAPPING: &str = "p11assay-wrapping";
const WRAPPED: &str = "p11assay-wrapped";
/// Bytes that the form of a wrapped key adds to it, or more.
const SPARE: usize = 32;

/// A way of getting keys into a token: a mechanism that encrypts and unwraps, whatever the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByUnwrap(pub CK_MECHANISM_TYPE);

impl ByUnwrap {
    /// The ways, the more usual first.
    pub const ALL: [ByUnwrap; 2] = [ByUnwrap(CKM_AES_CBC_PAD), ByUnwrap(CKM_AES_KEY_WRAP_KWP)];

    fn mechanism(self) -> Argument {
        let parameter = match self.0 {
            CKM_AES_CBC_PAD => ParameterValue::Bytes(literal(&[0x5a; 16])),
            _ => ParameterValue::None,
        };
        Argument::mechanism(self.0, parameter)
    }

    /// The case with its keys wrapped; `None` if it creates none, or one whose wrapped form is not known.
    fn rewritten(self, case: &Case) -> Option<Case> {
        let mut steps = Vec::with_capacity(case.sequence.steps.len() + 4);
        let mut wraps = false;
        for step in &case.sequence.steps {
            match step {
                Step::Call(call) if is_key(call) => {
                    if !wraps {
                        steps.push(self.wrapping_key());
                    }
                    wraps = true;
                    steps.extend(self.imported(call)?);
                }
                Step::Call(call) => steps.push((**call).clone()),
                // Written cases keep their steps.
                _ => return None,
            }
        }
        let steps = steps.into_iter().zip(1..);
        let steps = steps.map(|(call, number)| Step::Call(Box::new(Call { number, ..call })));
        let mut case = case.clone();
        case.sequence.steps = steps.collect();
        wraps.then_some(case)
    }

    fn wrapping_key(self) -> Call {
        let template = Argument::Template(Template {
            attributes: vec![
                flag(CKA_TOKEN, false),
                flag(CKA_ENCRYPT, true),
                flag(CKA_UNWRAP, true),
                Attribute {
                    attribute: CKA_VALUE_LEN,
                    value: AttributeValue::Ulong(Number::Literal(16)),
                },
            ],
            claim: None,
        });
        let generator = Argument::mechanism(CKM_AES_KEY_GEN, ParameterValue::None);
        preparing(C_GenerateKey, vec![generator, template], ("key", WRAPPING))
    }

    /// The calls that take the place of one that creates a key.
    fn imported(self, create: &Call) -> Option<[Call; 3]> {
        let Argument::Template(template) = &create.arguments[1] else {
            return None;
        };
        let find = |name| {
            let found = template.attributes.iter().find(|a| a.attribute == name)?;
            Some(&found.value)
        };
        let literal_of = |name| match find(name)? {
            AttributeValue::Bytes(Bytes {
                content: Some(Content::Literal(bytes)),
                claim: None,
            }) => Some(bytes.as_slice()),
            _ => None,
        };
        let number_of = |name| match find(name)? {
            AttributeValue::Ulong(Number::Literal(number)) => Some(*number),
            _ => None,
        };
        let value = match number_of(CKA_CLASS)? {
            CKO_SECRET_KEY => literal_of(CKA_VALUE)?.to_vec(),
            _ => pkcs8::encoded(number_of(CKA_KEY_TYPE)?, literal_of)?,
        };
        // What the key consists of comes out of its wrapping.
        let kept = template.attributes.iter();
        let kept = kept.filter(|a| !matches!(a.value, AttributeValue::Bytes(_)));
        let unwrapped = Argument::Template(Template {
            attributes: kept.cloned().collect(),
            claim: None,
        });
        let room = Number::Literal((value.len() + SPARE) as u64);
        let encrypt = preparing(
            C_Encrypt,
            vec![
                Argument::Bytes(literal(&value)),
                Argument::Buffer(Buffer::of(BufferSize::Elements(room))),
            ],
            ("encrypted_data", WRAPPED),
        );
        let begin = Call {
            gives: Vec::new(),
            ..preparing(
                C_EncryptInit,
                vec![self.mechanism(), Argument::named(WRAPPING)],
                ("", ""),
            )
        };
        let wrapped = Argument::Bytes(Bytes::of(Content::Reference(Reference::to(WRAPPED))));
        let name = create.gives.first().map_or("", |given| &given.name);
        let arguments = vec![
            self.mechanism(),
            Argument::named(WRAPPING),
            wrapped,
            unwrapped,
        ];
        let mut unwrap = preparing(C_UnwrapKey, arguments, ("key", name));
        // Of a key that C_CreateObject would not take, either.
        let refused = [CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
        unwrap.not_applicable.extend(refused);
        Some([begin, encrypt, unwrap])
    }
}

impl Plan {
    /// Has the keys of test vectors unwrapped instead of created; gives how many cases changed.
    pub fn import(&mut self, way: ByUnwrap) -> usize {
        let vectors = self
            .cases
            .iter_mut()
            .filter(|planned| planned.unmet.is_none() && planned.case.id.starts_with("vectors/"));
        let rewritten = vectors.filter_map(|planned| {
            planned.case = way.rewritten(&planned.case)?;
            Some(())
        });
        rewritten.count()
    }
}

/// True if the call creates a key that a token may keep from coming in in the clear.
fn is_key(call: &Call) -> bool {
    let Some(Argument::Template(template)) = call.arguments.get(1) else {
        return false;
    };
    call.function == C_CreateObject
        && template.attributes.iter().any(|attribute| {
            let keys = [CKO_SECRET_KEY, CKO_PRIVATE_KEY].map(Number::Literal);
            matches!(&attribute.value, AttributeValue::Ulong(class)
                if attribute.attribute == CKA_CLASS && keys.contains(class))
        })
}

/// A call in the session of the case that prepares it, and keeps an output.
fn preparing(function: Function, arguments: Vec<Argument>, gives: (&str, &str)) -> Call {
    let mut call = Call::new(0, function);
    let session = Argument::named("session");
    for (place, argument) in call
        .arguments
        .iter_mut()
        .zip([vec![session], arguments].concat())
    {
        *place = argument;
    }
    let occasions = [
        Occasion::Create,
        Occasion::Generate,
        Occasion::Start,
        Occasion::Unwrap,
        Occasion::Work,
    ];
    Call {
        not_applicable: refusals(&occasions),
        fixture: true,
        gives: vec![Capture {
            output: Reference::to(gives.0),
            name: gives.1.to_owned(),
        }],
        ..call
    }
}

fn flag(attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Attribute {
    Attribute {
        attribute,
        value: AttributeValue::Bool(value.into()),
    }
}

fn literal(value: &[u8]) -> Bytes {
    Bytes::of(Content::Literal(value.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Planned;

    fn planned(set: &str) -> Plan {
        let suites = crate::generate::vectors::suites(|name| name == set);
        let cases = suites.into_iter().flat_map(|suite| suite.cases);
        let cases = cases.map(|case| Planned { case, unmet: None });
        Plan {
            cases: cases.collect(),
            ..Plan::default()
        }
    }

    fn functions(case: &Case) -> Vec<Function> {
        case.sequence.calls().map(|call| call.function).collect()
    }

    #[test]
    fn secret_and_private_keys_are_wrapped_and_public_ones_are_not() {
        let way = ByUnwrap(CKM_AES_CBC_PAD);
        for (set, wrapped) in [
            ("vectors/wycheproof/aes_cmac", true),
            ("vectors/wycheproof/x25519", true),
            ("vectors/wycheproof/ecdh_secp256r1_ecpoint", true),
            ("vectors/wycheproof/ed25519", false),
        ] {
            let mut plan = planned(set);
            assert!(!plan.cases.is_empty(), "{set}");
            let all = plan.cases.len();
            assert_eq!(plan.import(way), if wrapped { all } else { 0 }, "{set}");
            for Planned { case, .. } in &plan.cases {
                let calls = functions(case);
                let begins = [C_GenerateKey, C_EncryptInit, C_Encrypt, C_UnwrapKey];
                assert_eq!(calls.starts_with(&begins), wrapped, "{}", case.id);
                let numbers = case.sequence.calls().map(|call| call.number);
                assert!(numbers.eq(1..=calls.len() as u32), "{}", case.id);
            }
        }
    }

    #[test]
    fn only_vectors_are_rewritten() {
        let mut plan = planned("vectors/wycheproof/aes_cmac");
        for planned in &mut plan.cases {
            planned.case.id = planned.case.id.replace("vectors/", "mine/");
        }
        assert_eq!(plan.import(ByUnwrap(CKM_AES_CBC_PAD)), 0);
    }
}
