//! Cases for every mechanism that digests, encrypts or signs, in each of these uses: that it does what
//! it is for, in one part and in several; that keys are made, wrapped and derived as asked for; that outputs keep the contract of [PKCS11-Base 3.2] 5.2; and
//! that what does not fit, a key, a parameter, a function, is refused.
//!
//! Keys are imported from the recipes of `sequence`; a token that takes none of a type is told that
//! the cases do not apply to it.

mod cipher;
mod derivation;
mod derive;
mod digest;
mod elsewhere;
mod encapsulate;
mod envelope;
mod generate;
mod import;
mod key;
mod message;
mod misfit;
mod parameter;
mod range;
mod recover;
mod signature;
mod subject;
mod template;
mod told;
mod verify;
mod works;
mod wrap;

pub(super) use key::create;
pub(crate) use message::{Sealed, additional};
pub(crate) use parameter::{
    deriving as deriving_parameter, valid as usual_parameter, wrapping as wrapping_parameter,
};
pub(crate) use wrap::tells_length;

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::answer::Answer;
use super::draft::{Draft, session};
use crate::cryptoki::mechanism::{self as table, Mechanism, Rule};
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::cryptoki::{Function, ParameterKind, Version, names, returns};
use crate::plan::{Ladder, MechanismNeed, Needs, Suite};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{
    Argument, Buffer, BufferSize, Bytes, Call, Capture, Content, Expectation, Number,
    ParameterValue, Reference,
};

/// The wanted suites, one for each mechanism that has cases: `mechanisms/CKM_AES_CBC`.
pub(super) fn suites(wanted: &impl Fn(&str) -> bool) -> impl Iterator<Item = Suite> {
    let rules: [fn(&Mechanism) -> Vec<Draft>; 15] = [
        digest::cases,
        cipher::cases,
        signature::cases,
        misfit::cases,
        elsewhere::cases,
        range::cases,
        generate::cases,
        import::cases,
        wrap::cases,
        derive::cases,
        recover::cases,
        verify::cases,
        message::cases,
        encapsulate::cases,
        envelope::cases,
    ];
    let named = table::all()
        .iter()
        .map(|row| (format!("mechanisms/{}", row.name), row))
        .filter(|(name, _)| wanted(name));
    named.filter_map(move |(name, row)| {
        let drafts = rules.iter().flat_map(|rule| rule(row));
        let cases: Vec<_> = drafts.map(|draft| draft.into_case(&name)).collect();
        (!cases.is_empty()).then(|| Suite {
            name,
            file: super::SOURCE.to_owned(),
            cases,
        })
    })
}

/// The message of all cases: whole blocks of every cipher, and as long as the digests that the keys
/// and parameters of the cases ask for.
fn message() -> Content {
    Content::Repeat {
        byte: 0x5a,
        count: 32,
    }
}

/// Half of it.
fn half() -> Content {
    Content::Repeat {
        byte: 0x5a,
        count: 16,
    }
}

/// A case of a mechanism with the flags that its use asks of the token. The section is that of the
/// rule, in chapter 5, or of the mechanism, in chapter 6.
pub(super) fn draft(row: &Mechanism, flags: CK_FLAGS, id: &str, section: &'static str) -> Draft {
    // A module may have had the mechanism before the standard, and in its own way.
    let since = names::constant(row.name).map(|constant| constant.since);
    let needs = Needs {
        at_least: since.filter(|since| *since > Version::V2_40),
        mechanisms: vec![MechanismNeed {
            mechanism: row.value,
            flags,
            key_size: None,
        }],
        pin: true,
        ..Needs::default()
    };
    Draft::new(id, section, Ladder::RwUser)
        .class(Class::A)
        .needs(&needs)
}

/// A call of `function` in the session of the case.
pub(super) fn call(function: Function) -> Call {
    let mut call = Call::new(0, function);
    call.arguments[0] = session();
    call
}

/// An initialising call.
fn init(function: Function, row: &Mechanism, parameter: ParameterValue, key: Option<&str>) -> Call {
    let mut call = call(function);
    call.arguments[1] = mechanism(row, parameter);
    if let Some(key) = key {
        call.arguments[2] = Argument::named(key);
    }
    call
}

/// The mechanism as an argument.
fn mechanism(row: &Mechanism, parameter: ParameterValue) -> Argument {
    Argument::mechanism(row.value, parameter)
}

fn number_of(value: u64) -> Argument {
    Argument::Number(Number::Literal(value))
}

/// The same call, an output kept.
fn kept_as(mut call: Call, output: &str, name: &str) -> Call {
    call.gives.push(Capture {
        output: Reference::to(output),
        name: name.to_owned(),
    });
    call
}

/// What refuses to begin with a mechanism. Where 6.61 counts a nonce in bits, a case of its own asks for
/// that: a module that takes the number for bytes finds the nonce too long, and has begun nothing.
pub(super) fn begin_refused(row: &Mechanism) -> Vec<CK_RV> {
    let mut refused = refusals(&[Occasion::Start]);
    if row.rule(Rule::NonceInBits) {
        refused.push(CKR_DATA_LEN_RANGE);
    }
    refused
}

/// An initialising call that must succeed, unless the token has limits here.
fn begin(
    function: Function,
    row: &Mechanism,
    parameter: ParameterValue,
    key: Option<&str>,
) -> Call {
    Call {
        not_applicable: begin_refused(row),
        ..init(function, row, parameter, key)
    }
}

/// A call whose success another case asks for: without it there is nothing to judge here.
pub(super) fn presumed(call: Call) -> Call {
    Call {
        not_applicable: returns::FAILURES.to_vec(),
        ..call
    }
}

/// Calls of which all are presumed to succeed.
fn all_presumed(calls: Vec<Call>) -> Vec<Call> {
    calls.into_iter().map(presumed).collect()
}

/// The bytes kept as `name`.
fn kept(name: &str) -> Content {
    Content::Reference(Reference::to(name))
}

/// The same bytes with the last bit of the first one turned over: a number stays below a modulus of
/// the same length.
fn flipped(of: Content) -> Content {
    Content::Flip {
        of: Box::new(of),
        bit: 7,
    }
}

/// A call with bytes as its arguments, after the session.
fn feed(function: Function, inputs: &[Content]) -> Call {
    let mut call = call(function);
    for (argument, input) in call.arguments[1..].iter_mut().zip(inputs) {
        *argument = Argument::Bytes(Bytes::of(input.clone()));
    }
    call
}

/// The same call, its last output kept.
fn keep(call: Call, name: &str) -> Call {
    match call.function.parameters().last() {
        Some(parameter) => kept_as(call, parameter.name, name),
        None => call,
    }
}

/// The same call, its last output having to equal something.
fn equals(mut call: Call, content: Content) -> Call {
    let parameter = call.function.parameters().last();
    call.expect.extend(parameter.map(|parameter| Expectation {
        subject: Reference::to(parameter.name),
        captured: false,
        relation: Relation::Equals(Expected::Bytes(content)),
    }));
    call
}

/// The same call, what was kept having to equal something.
fn was(mut call: Call, name: &str, content: Content) -> Call {
    call.expect.push(Expectation {
        subject: Reference::to(name),
        captured: true,
        relation: Relation::Equals(Expected::Bytes(content)),
    });
    call
}

/// The call with a buffer of one byte: CKR_BUFFER_TOO_SMALL (5.2), after which the operation goes on
/// (5.8.2 and its like). One less than the length told could do, since that may somewhat exceed what
/// is needed.
fn short(call: Call) -> Call {
    let answer = Answer::of(call.function, &[CKR_BUFFER_TOO_SMALL]);
    Call {
        returns: answer.right,
        tolerates: answer.tolerated,
        ..sized(call, BufferSize::Elements(Number::Literal(1)))
    }
}

/// The call with ample room for its last output, instead of asking for the length first.
fn ample(call: Call) -> Call {
    sized(call, BufferSize::Elements(Number::Literal(256)))
}

/// The call with a buffer of this size for its output bytes.
fn sized(mut call: Call, size: BufferSize) -> Call {
    let parameters = call.function.parameters().iter();
    let outputs = parameters.zip(&mut call.arguments);
    let bytes = outputs.filter(|(parameter, _)| parameter.kind == ParameterKind::OutBytes);
    for (_, argument) in bytes {
        *argument = Argument::Buffer(Buffer::of(size.clone()));
    }
    call
}

/// The end of every case on output buffers: the length is told, a buffer that is too small is refused,
/// and the operation goes on until the output fits.
fn length_contract(draft: Draft, row: &Mechanism, begin: Call, whole: &Call) -> Draft {
    let function = whole.function;
    draft
        .title(format!(
            "{}: {function} tells the length and lets a caller with a short buffer try again",
            row.name
        ))
        .call(begin)
        .call(asking(whole.clone()))
        .call(short(whole.clone()))
        .call(whole.clone())
}

/// The call asking for the length of its output bytes.
fn asking(call: Call) -> Call {
    sized(call, BufferSize::Null)
}
