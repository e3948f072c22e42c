//! NULL where a function needs memory. [PKCS11-Base 3.2] 5.1.6 has CKR_ARGUMENTS_BAD for arguments
//! that are in some way not appropriate; any other refusal will do. To succeed without what was asked for, or to crash, is not. No sentence of the standard says
//! MUST here.

use p11assay_reports::evidence::Level;

use super::answer::uses_session;
use super::draft::Draft;
use super::honest;
use crate::cryptoki::function::Parameter;
use crate::cryptoki::{Function, ParameterKind};
use crate::plan::Ladder;
use crate::sequence::{Argument, Buffer, BufferSize, Bytes, Number, Template};

pub(super) fn cases(function: Function) -> Vec<Draft> {
    let parameters = function.parameters().iter().enumerate();
    parameters
        .filter_map(|(index, parameter)| Some((index, parameter, missing(function, parameter)?)))
        .map(|(index, parameter, argument)| case(function, index, parameter, argument))
        .collect()
}

fn case(function: Function, index: usize, parameter: &Parameter, argument: Argument) -> Draft {
    let ladder = match function {
        Function::C_GetFunctionList | Function::C_GetInterfaceList | Function::C_GetInterface => {
            Ladder::Loaded
        }
        _ if uses_session(function) => Ladder::RwSession,
        _ => Ladder::Initialized,
    };
    let mut call = honest::call(function);
    call.arguments[index] = argument;
    let name = parameter.name;
    Draft::new(format!("null-{}", name.replace('_', "-")), "5.1.6", ladder)
        .title(format!("{function} does not succeed with NULL for {name}"))
        .level(Level::Should)
        .needs(&honest::needs(function))
        .unsuccessful(call)
}

/// NULL for the parameter with a length that says there is something; None where NULL means
/// something, or where there is no pointer.
pub(super) fn missing(function: Function, parameter: &Parameter) -> Option<Argument> {
    let one = Some(Number::Literal(1));
    match (parameter.kind, parameter.name) {
        // 5.5.7 to 5.6.9: NULL leaves the PIN to the token's own pad; a user may have no name.
        (ParameterKind::In, _) if parameter.is_pin() => None,
        (ParameterKind::In, "username" | "associated_data") => None,
        (ParameterKind::In, _) => Some(Argument::Bytes(Bytes {
            content: None,
            claim: Some(Number::Literal(32)),
        })),
        (ParameterKind::Template | ParameterKind::OutTemplate, _) => {
            Some(Argument::Template(Template {
                attributes: Vec::new(),
                claim: one,
            }))
        }
        (ParameterKind::OutFixed | ParameterKind::OutHandles, _) => {
            Some(Argument::Buffer(Buffer {
                claim: Some(Number::Literal(8)),
                ..Buffer::of(BufferSize::Null)
            }))
        }
        // 5.2: a NULL buffer asks for the size; it needs somewhere to be told.
        (
            ParameterKind::OutBytes | ParameterKind::OutUlongs(_) | ParameterKind::OutInterfaces,
            _,
        ) => Some(Argument::Buffer(Buffer {
            null_length: true,
            ..Buffer::of(BufferSize::Null)
        })),
        // 5.8.1 and its like: no mechanism ends the operation that is active.
        (ParameterKind::Mechanism, _) if function.name().ends_with("Init") => None,
        // A module that takes it would lose the token that the other cases need.
        (ParameterKind::Padded(_), _) => None,
        // 5.4.6: no name means any interface.
        (ParameterKind::Name, _) if function == Function::C_GetInterface => None,
        (
            ParameterKind::Name
            | ParameterKind::Mechanism
            | ParameterKind::Out(_)
            | ParameterKind::OutUlong(_)
            | ParameterKind::OutTable,
            _,
        ) => Some(Argument::Null),
        _ => None,
    }
}
