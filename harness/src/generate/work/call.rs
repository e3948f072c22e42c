//! One argument bent, the rest as it should be: NULL (as in [`super::super::pointers`]), an output that
//! does not fit ([PKCS11-Base 3.2] 5.2), a parameter of three bytes, a mechanism for something else, a key
//! that is none, and an operation that is there already (all 5.1.6).

use cryptoki_sys::*;
use p11assay_reports::evidence::{Class, Level};

use super::super::answer::Answer;
use super::super::draft::{Draft, open_session, session};
use super::super::operations;
use super::super::pointers;
use super::Work;
use crate::cryptoki::function::{Domain, Parameter};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::cryptoki::{Function, ParameterKind, returns};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    MechanismArgument, Number, ParameterValue, Reference, Template,
};

pub(super) fn cases(work: &Work) -> Vec<Draft> {
    let parameters = work.function.parameters().iter().enumerate();
    let mut cases: Vec<Draft> = parameters
        .flat_map(|(index, parameter)| {
            let bends = [
                null_mechanism,
                null,
                short,
                other_parameter,
                null_parameter,
                other_mechanism,
                no_key,
                data_as_key,
            ];
            bends.map(|bend| bend(work, index, parameter))
        })
        .flatten()
        .collect();
    cases.extend(twice(work));
    cases.extend(elsewhere(work));
    cases
}

fn id(what: &str, parameter: &Parameter) -> String {
    format!("at-work-{what}-{}", parameter.name.replace('_', "-"))
}

fn null(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let function = work.function;
    // 5.14.4 and 5.16.4: without a signature the message goes on.
    let goes_on = [Function::C_SignMessageNext, Function::C_VerifyMessageNext];
    if goes_on.contains(&function) && parameter.name == "signature" {
        return None;
    }
    let argument = match parameter.kind {
        // That of no bytes is none.
        ParameterKind::In if parameter.name == "associated_data" => Argument::Bytes(Bytes {
            content: None,
            claim: Some(Number::Literal(32)),
        }),
        // Mechanisms that sign by messages may have none.
        ParameterKind::MessageParameter if work.call.arguments[index] != Argument::Default => {
            Argument::Null
        }
        _ => pointers::missing(function, parameter)?,
    };
    Some(
        work.draft(&id("null", parameter), "5.1.6")
            .title(format!(
                "{function} at work does not succeed with NULL for {}",
                parameter.name
            ))
            .level(Level::Should)
            .unsuccessful(work.bent(index, argument)),
    )
}

/// 5.14.1 and 5.16.1, unlike 5.8.1 and its like, have no process end for want of a mechanism, and do not
/// forbid it either.
fn null_mechanism(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let function = work.function;
    let keeps = [Function::C_MessageSignInit, Function::C_MessageVerifyInit].contains(&function);
    if !keeps || parameter.kind != ParameterKind::Mechanism {
        return None;
    }
    let answer = Answer::of(function, &[CKR_ARGUMENTS_BAD]).tolerating([
        CKR_OK,
        CKR_MECHANISM_INVALID,
        CKR_MECHANISM_PARAM_INVALID,
        CKR_OPERATION_NOT_INITIALIZED,
    ]);
    Some(
        work.draft(&id("null", parameter), "5.1.6")
            .title(format!("{function} begins nothing without a mechanism"))
            .judged(work.bent(index, Argument::Null), answer),
    )
}

/// A buffer of one byte: what the calls of the table give is longer, whatever the token holds back.
fn short(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    if parameter.kind != ParameterKind::OutBytes {
        return None;
    }
    let function = work.function;
    let one = BufferSize::Elements(Number::Literal(1));
    let call = work.bent(index, Argument::Buffer(Buffer::of(one)));
    let answer = Answer::of(function, &[CKR_BUFFER_TOO_SMALL]);
    Some(
        work.draft(&id("short", parameter), "5.2")
            .title(format!(
                "{function} says that {} does not fit into one byte",
                parameter.name
            ))
            .class(Class::A)
            .judged(Work::if_here(call), answer),
    )
}

/// Three bytes are the parameter of no mechanism.
fn three_bytes() -> Bytes {
    Bytes::of(Content::Repeat {
        byte: 0x24,
        count: 3,
    })
}

fn other_parameter(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let title = format!("{} refuses a parameter of three bytes", work.function);
    let id = id("other-parameter-of", parameter);
    parameter_bent(work, index, parameter, three_bytes()).map(|draft| draft(&id, title))
}

/// 32 bytes that are nowhere.
fn null_parameter(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let nowhere = Bytes {
        content: None,
        claim: Some(Number::Literal(32)),
    };
    let title = format!("{} refuses a parameter that is nowhere", work.function);
    let id = id("null-parameter-of", parameter);
    parameter_bent(work, index, parameter, nowhere).map(|draft| draft(&id, title))
}

/// The call with these bytes as the parameter of its mechanism or message.
fn parameter_bent<'w>(
    work: &'w Work,
    index: usize,
    parameter: &Parameter,
    bent: Bytes,
) -> Option<impl FnOnce(&str, String) -> Draft + 'w> {
    let function = work.function;
    let (argument, needed) = match &work.call.arguments[index] {
        Argument::Mechanism(mechanism) => {
            let needed = mechanism.parameter != ParameterValue::None;
            let bent = MechanismArgument {
                parameter: ParameterValue::Bytes(bent),
                ..(**mechanism).clone()
            };
            (Argument::Mechanism(Box::new(bent)), needed)
        }
        given if parameter.kind == ParameterKind::MessageParameter => {
            (Argument::Bytes(bent), *given != Argument::Default)
        }
        _ => return None,
    };
    let right = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
    // That a parameter must be refused where none is needed is said nowhere.
    let less = [CKR_OK].into_iter().filter(|_| !needed);
    let answer = Answer::of(function, &right)
        .tolerating(less)
        .tolerating([CKR_MECHANISM_INVALID]);
    Some(move |id: &str, title| {
        work.draft(id, "5.1.6")
            .title(title)
            .judged(work.bent(index, argument), answer)
    })
}

fn other_mechanism(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    if parameter.kind != ParameterKind::Mechanism {
        return None;
    }
    let function = work.function;
    let mechanism = match function {
        Function::C_DigestInit => CKM_AES_KEY_GEN,
        _ => CKM_SHA256,
    };
    let other = Argument::mechanism(mechanism, ParameterValue::None);
    let answer = Answer::of(function, &[CKR_MECHANISM_INVALID]).tolerating([
        CKR_ARGUMENTS_BAD,
        CKR_KEY_FUNCTION_NOT_PERMITTED,
        CKR_KEY_TYPE_INCONSISTENT,
        CKR_MECHANISM_PARAM_INVALID,
        CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    ]);
    Some(
        work.draft("at-work-other-mechanism", "5.1.6")
            .title(format!("{function} refuses a mechanism for something else"))
            .judged(work.bent(index, other), answer),
    )
}

/// What says that a handle is that of no key.
const NO_KEY: [CK_RV; 4] = [
    CKR_KEY_HANDLE_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    CKR_WRAPPING_KEY_HANDLE_INVALID,
];

/// The value that says it of a parameter; `None` if it takes no object, or something else is looked at first.
fn says_no_key(function: Function, parameter: &Parameter) -> Option<CK_RV> {
    let object = ParameterKind::Ulong(Domain::Object);
    // A saved state is looked at before its keys.
    if parameter.kind != object || function == Function::C_SetOperationState {
        return None;
    }
    let right = match parameter.name {
        "wrapping_key" => CKR_WRAPPING_KEY_HANDLE_INVALID,
        "unwrapping_key" => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
        "object" => CKR_OBJECT_HANDLE_INVALID,
        _ => CKR_KEY_HANDLE_INVALID,
    };
    // C_DecapsulateKey has the values of C_UnwrapKey.
    Some(match returns::is_listed(function, right) {
        true => right,
        false => CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    })
}

/// 5.1.6, CKR_KEY_HANDLE_INVALID: "It may be the case that the specified handle is a valid handle for an object
/// which is not a key."
fn data_as_key(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let function = work.function;
    let right = says_no_key(function, parameter).filter(|_| parameter.name != "object")?;
    // "perhaps the key isn't a secret key"
    let digests = function == Function::C_DigestKey;
    let indigestible = [CKR_KEY_INDIGESTIBLE].into_iter().filter(|_| digests);
    let answer = Answer::of(function, &[right])
        .or(indigestible)
        .tolerating(NO_KEY)
        .tolerating(UNFIT_KEY);
    let data = Argument::named("data-object");
    Some(
        work.draft(&id("data-object-as", parameter), "5.1.6")
            .title(format!(
                "{function} at work refuses a data object for {}",
                parameter.name
            ))
            .fixture(data_object())
            .judged(work.bent(index, data), answer),
    )
}

/// A call that makes a data object of the session.
fn data_object() -> Call {
    let attribute = |attribute, value| Attribute { attribute, value };
    let class = AttributeValue::Ulong(Number::Literal(CKO_DATA));
    let value = AttributeValue::Bytes(Bytes::of(Content::Literal(vec![1])));
    let template = Template {
        attributes: vec![
            attribute(CKA_CLASS, class),
            attribute(CKA_TOKEN, AttributeValue::Bool(CK_FALSE)),
            attribute(CKA_PRIVATE, AttributeValue::Bool(CK_FALSE)),
            attribute(CKA_VALUE, value),
        ],
        claim: None,
    };
    Call {
        arguments: vec![session(), Argument::Template(template), Argument::Default],
        gives: vec![Capture {
            output: Reference::to("object"),
            name: "data-object".to_owned(),
        }],
        not_applicable: refusals(&[Occasion::Create]),
        ..Call::new(0, Function::C_CreateObject)
    }
}

/// What else says that a key will not do.
const UNFIT_KEY: [CK_RV; 6] = [
    CKR_KEY_TYPE_INCONSISTENT,
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_NOT_WRAPPABLE,
    CKR_KEY_UNEXTRACTABLE,
];

/// An operation is that of the session that began it (5.8.1 and its like: the session's).
fn elsewhere(work: &Work) -> Option<Draft> {
    let function = work.function;
    if !operations::continues(function) {
        return None;
    }
    let other = Call {
        gives: vec![Capture {
            output: Reference::to("session"),
            name: "another".to_owned(),
        }],
        ..open_session()
    };
    let another = Argument::named("another");
    let answer = Answer::of(function, &[CKR_OPERATION_NOT_INITIALIZED]);
    // 5.6.6 says it with a "should".
    let level = match function {
        Function::C_GetOperationState => Level::Should,
        _ => Level::Must,
    };
    Some(
        work.draft("at-work-in-another-session", "5.1.6")
            .title(format!(
                "{function} does not go on with the operation of another session"
            ))
            .level(level)
            .fixture(other)
            .judged(work.bent(0, another), answer),
    )
}

fn no_key(work: &Work, index: usize, parameter: &Parameter) -> Option<Draft> {
    let function = work.function;
    let right = says_no_key(function, parameter)?;
    let answer = Answer::of(function, &[right]).tolerating(NO_KEY);
    let none = Argument::Number(Number::Dangling);
    Some(
        work.draft(&id("no", parameter), "5.1.6")
            .title(format!(
                "{function} at work refuses a handle of nothing for {}",
                parameter.name
            ))
            .judged(work.bent(index, none), answer),
    )
}

/// Begins something: an operation, or within a process a message.
fn begins(function: Function) -> bool {
    function.name().ends_with("Init") || function.name().ends_with("MessageBegin")
}

fn twice(work: &Work) -> Option<Draft> {
    let function = work.function;
    // That of a digest has its case without keys.
    if !begins(function) || function == Function::C_DigestInit {
        return None;
    }
    let first = Call {
        fixture: true,
        ..super::presumed(work.call.clone())
    };
    Some(
        work.draft("at-work-twice", "5.1.6")
            .title(format!(
                "{function} is refused while what it began is active"
            ))
            .class(Class::A)
            .fixture(first)
            .judged(
                work.call.clone(),
                Answer::of(function, &[CKR_OPERATION_ACTIVE]),
            ),
    )
}
