//! One argument for any parameter of any function: mostly what an application would give, seldom
//! something wrong that is still honest about its memory.

use cryptoki_sys::{CKF_DONT_BLOCK, CKF_END_OF_MESSAGE, CKU_CONTEXT_SPECIFIC, CKU_SO, CKU_USER};

use super::setting::Prelude;
use super::tape::Tape;
use super::{Object, Writer, asynchronous, mechanism, number, pins, reference, template, text};
use crate::cryptoki::function::{Domain, Parameter, ParameterKind};
use crate::cryptoki::{Function, Kind, names};
use crate::sequence::{
    Argument, Buffer, BufferSize, Bytes, Content, InitArgs, Mutexes, Number, Reference,
};

/// How seldom an argument lies in a setting that has lies.
const LIE: u8 = 24;

/// The argument with a length or count that no memory holds. A module can tell it for a lie; one that is
/// only a little too long it cannot, and to follow that is not its fault.
fn lie(tape: &mut Tape<'_>, mut argument: Argument) -> Argument {
    const ABSURD: [u64; 4] = [u64::MAX, u64::MAX - 1, 1 << 63, 1 << 48];
    let told = Some(Number::Literal(ABSURD[tape.below(ABSURD.len())]));
    match &mut argument {
        Argument::Bytes(bytes) => bytes.claim = told,
        Argument::Template(template) => template.claim = told,
        Argument::Mechanism(mechanism) => mechanism.claim = told,
        _ => {}
    }
    argument
}

/// Adds a call: the arguments named are as given but for an occasional wrong one, and the others
/// are read from the tape. None of a function that the module does not have.
pub(super) fn call(
    writer: &mut Writer<'_>,
    tape: &mut Tape<'_>,
    function: Function,
    given: &[(&str, Argument)],
) {
    let left_out = writer.lane.is_some_and(|lane| lane.leaves_out(function));
    let left_out = left_out || pins::is_left_alone(writer, function);
    if writer.setting.missing.contains(&function) || left_out {
        return;
    }
    let is_legal = writer.setting.is_legal();
    if is_legal && has_object(function) && writer.live_objects().next().is_none() {
        return;
    }
    let arguments: Vec<Argument> = function
        .parameters()
        .iter()
        .map(|parameter| {
            let named = given.iter().find(|(name, _)| *name == parameter.name);
            if let Some(argument) = pins::kept(writer, function, parameter) {
                return argument;
            }
            let argument = if writer.setting.goes_wrong(tape, 1) {
                wrong(writer, tape, parameter)
            } else if let Some((_, argument)) = named {
                argument.clone()
            } else {
                argument(writer, tape, parameter)
            };
            let argument = match argument {
                Argument::Mechanism(given) => {
                    let suited = mechanism::suited(writer, tape, function, *given);
                    Argument::Mechanism(Box::new(suited))
                }
                other => other,
            };
            match writer.setting.lies && tape.once_in(LIE) {
                true => lie(tape, argument),
                false => argument,
            }
        })
        .collect();
    if is_legal {
        writer.follow_ends(function, &arguments);
    }
    writer.call_with(function, arguments);
}

fn has_object(function: Function) -> bool {
    let mut parameters = function.parameters().iter();
    parameters.any(|parameter| parameter.kind == ParameterKind::Ulong(Domain::Object))
}

/// A session: the first one mostly.
pub(super) fn session(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    match tape.below(4) {
        0..3 => reference(&writer.current),
        _ => {
            let live: Vec<&String> = writer.live_sessions().collect();
            tape.pick_recent(&live)
                .map_or_else(|| number(0), |name| reference(name))
        }
    }
}

/// Any object that the sequence made.
pub(super) fn object(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    let live: Vec<&Object> = writer.live_objects().collect();
    tape.pick_recent(&live)
        .map_or_else(|| number(0), |object| reference(&object.name))
}

/// Data to work on: made up, or what an earlier call gave.
pub(super) fn data(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    Argument::Bytes(Bytes::of(content(writer, tape)))
}

/// What an earlier call gave, if there was one; a bit turned over or the end cut off at times.
pub(super) fn output(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    let Some(name) = tape.pick_recent(&writer.outputs) else {
        return data(writer, tape);
    };
    let whole = Content::Reference(Reference::to(name.clone()));
    let content = match tape.below(8) {
        0 => Content::Flip {
            of: Box::new(whole),
            bit: usize::from(tape.byte()),
        },
        1 => Content::Take {
            of: Box::new(whole),
            count: usize::from(tape.byte()),
        },
        _ => whole,
    };
    Argument::Bytes(Bytes::of(content))
}

fn content(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Content {
    match tape.below(8) {
        0 => Content::Repeat {
            byte: tape.byte(),
            count: tape.below(0x1800),
        },
        1 if !writer.outputs.is_empty() => match output(writer, tape) {
            Argument::Bytes(Bytes {
                content: Some(content),
                ..
            }) => content,
            _ => Content::Literal(Vec::new()),
        },
        2..5 => {
            let blocks = tape.below(6) * 16;
            Content::Repeat {
                byte: tape.byte(),
                count: blocks,
            }
        }
        _ => {
            let length = tape.below(40);
            Content::Literal(tape.bytes(length))
        }
    }
}

fn argument(writer: &Writer<'_>, tape: &mut Tape<'_>, parameter: &Parameter) -> Argument {
    match parameter.kind {
        ParameterKind::Ulong(domain) => ulong(writer, tape, domain),
        ParameterKind::Bool => number(u64::from(tape.byte() & 1)),
        ParameterKind::In if parameter.is_pin() => pin(writer, tape),
        ParameterKind::In => data(writer, tape),
        ParameterKind::Padded(_) => text("fuzz"),
        ParameterKind::Name => match tape.below(4) {
            0 => text("PKCS 11"),
            1 => text("C_GenerateKeyPair"),
            2 => text("C_GenerateKey"),
            _ => Argument::Default,
        },
        ParameterKind::Version => match tape.below(4) {
            0 => Argument::Version {
                major: tape.byte() % 4,
                minor: tape.byte() % 41,
            },
            _ => Argument::Default,
        },
        ParameterKind::Mechanism => Argument::Mechanism(Box::new(mechanism::any(writer, tape))),
        ParameterKind::MessageParameter => mechanism::of_any_message(writer, tape),
        ParameterKind::Template => Argument::Template(template::any(writer, tape)),
        ParameterKind::OutTemplate => Argument::Template(template::query(tape)),
        ParameterKind::InitArgs => init_args(writer, tape),
        ParameterKind::Notify => match tape.below(4) {
            0 => Argument::Callback,
            _ => Argument::Default,
        },
        ParameterKind::OutBytes | ParameterKind::OutUlongs(_) | ParameterKind::OutInterfaces => {
            Argument::Buffer(buffer(tape))
        }
        ParameterKind::OutFixed | ParameterKind::OutHandles => {
            let room = u64::from(tape.byte());
            Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(room))))
        }
        ParameterKind::Pointer
        | ParameterKind::Out(_)
        | ParameterKind::OutUlong(_)
        | ParameterKind::OutTable => Argument::Default,
    }
}

fn buffer(tape: &mut Tape<'_>) -> Buffer {
    Buffer::of(match tape.below(8) {
        0 => BufferSize::Null,
        1 => BufferSize::Short,
        2 => BufferSize::Elements(Number::Literal(u64::from(tape.byte()))),
        3 => BufferSize::Elements(Number::Literal(8192)),
        _ => BufferSize::Exact,
    })
}

fn ulong(writer: &Writer<'_>, tape: &mut Tape<'_>, domain: Domain) -> Argument {
    match domain {
        Domain::Slot => Argument::Default,
        Domain::Session => session(writer, tape),
        Domain::Object => object(writer, tape),
        Domain::Constant(Kind::USER) => {
            let users = [CKU_USER, CKU_SO, CKU_CONTEXT_SPECIFIC];
            number(tape.pick(&users).copied().unwrap_or(CKU_USER))
        }
        Domain::Constant(kind) | Domain::Flags(kind) if kind == Kind::SLOT_EVENT_FLAGS => {
            // Without it the call waits for an event that may never come.
            number(CKF_DONT_BLOCK)
        }
        Domain::Flags(Kind::SESSION_FLAGS) => match tape.below(6) {
            0 if !writer.setting.is_legal() => number(tape.number()),
            _ => number(asynchronous::flags(writer, tape)),
        },
        Domain::Flags(Kind::MESSAGE_FLAGS) => number(if tape.below(2) == 0 {
            CKF_END_OF_MESSAGE
        } else {
            0
        }),
        Domain::Constant(kind) | Domain::Flags(kind) => {
            let constants = names::of_kind(kind);
            let some = tape.pick(constants).map_or(0, |constant| constant.value);
            number(some)
        }
        Domain::Plain if writer.setting.is_legal() => number(u64::from(tape.byte())),
        Domain::Plain => number(tape.number()),
    }
}

fn pin(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    match (tape.below(6), writer.prelude) {
        (0, _) | (_, Prelude::Session) => data(writer, tape),
        (1 | 2, Prelude::OwnToken) => pins::so_pin(),
        (_, Prelude::OwnToken) => pins::pin(),
        (1 | 2, Prelude::Token(pins)) => text(pins.so),
        (_, Prelude::Token(pins)) => text(pins.user),
    }
}

/// The structure that goes with the mechanism of the operation under way is not known here: one of
/// those there are, or none, as signing needs none.
fn init_args(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    let mutexes = [Mutexes::None, Mutexes::Callbacks, Mutexes::Incomplete];
    let some = if writer.setting.is_legal() { 2 } else { 3 };
    match tape.below(3) {
        0 => Argument::InitArgs(Box::new(InitArgs {
            flags: u64::from(tape.byte() & 3),
            mutexes: tape.pick(&mutexes[..some]).copied().unwrap_or_default(),
            ..InitArgs::default()
        })),
        _ => Argument::Default,
    }
}

/// Something that no application should give: class B.
fn wrong(writer: &Writer<'_>, tape: &mut Tape<'_>, parameter: &Parameter) -> Argument {
    match parameter.kind {
        ParameterKind::Ulong(domain) if domain == Domain::Flags(Kind::SLOT_EVENT_FLAGS) => {
            number(CKF_DONT_BLOCK | tape.number())
        }
        // Any number might be the session of another lane.
        ParameterKind::Ulong(Domain::Session) if writer.lane.is_some_and(|lane| lane.is_apart) => {
            Argument::Number(Number::Dangling)
        }
        ParameterKind::Ulong(_) => match tape.below(4) {
            0 => Argument::Number(Number::Dangling),
            1 => object(writer, tape),
            2 => session(writer, tape),
            _ => number(tape.number()),
        },
        // A NULL pointer that claims to have bytes.
        ParameterKind::In => Argument::Bytes(Bytes {
            content: None,
            claim: Some(Number::Literal(tape.number())),
        }),
        ParameterKind::OutBytes => Argument::Buffer(Buffer {
            size: BufferSize::Exact,
            claim: None,
            null_length: true,
        }),
        ParameterKind::OutFixed
        | ParameterKind::OutUlongs(_)
        | ParameterKind::OutHandles
        | ParameterKind::OutInterfaces => Argument::Buffer(Buffer::of(BufferSize::Null)),
        ParameterKind::Bool => number(u64::from(tape.byte())),
        ParameterKind::Pointer => Argument::Default,
        _ => Argument::Null,
    }
}
