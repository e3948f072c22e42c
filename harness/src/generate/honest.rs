//! How an honest caller calls a function of which nothing is known but its parameters: memory where
//! memory is asked for, values that exist, PINs of the target.

use crate::cryptoki::returns::CREATION_REFUSED;
use cryptoki_sys::*;

use super::draft::{number, session};
use crate::cryptoki::function::{Domain, Parameter};
use crate::cryptoki::names::Kind;
use crate::cryptoki::{Function, ParameterKind};
use crate::plan::Needs;
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Content, Number,
    ParameterValue, Reference, Template,
};

/// Bytes of an output buffer; more than any answer here.
const ROOM: u64 = 512;

/// A call in the session `$session`, with handles of objects that do not exist.
pub(super) fn call(function: Function) -> Call {
    let mut call = Call::new(0, function);
    call.arguments = function
        .parameters()
        .iter()
        .map(|parameter| argument(function, parameter))
        .collect();
    call
}

/// What a target must have for [`call`]: where a module does what it ought to refuse, no PIN is
/// tried that is wrong, and nothing is overwritten that is not to be.
pub(super) fn needs(function: Function) -> Needs {
    use Function::*;
    Needs {
        pin: matches!(function, C_Login | C_LoginUser | C_SetPIN | C_InitPIN),
        so_pin: function == C_InitToken,
        disposable: matches!(function, C_InitToken | C_InitPIN | C_SetPIN),
        ..Needs::default()
    }
}

fn argument(function: Function, parameter: &Parameter) -> Argument {
    match parameter.kind {
        ParameterKind::Ulong(domain) => value(domain),
        ParameterKind::Bool => number(CK_TRUE.into()),
        ParameterKind::In => bytes(function, parameter),
        ParameterKind::Padded(_) => text("p11assay"),
        ParameterKind::Name if function != Function::C_GetInterface => text("C_GenerateKey"),
        ParameterKind::Mechanism => Argument::mechanism(mechanism(function), ParameterValue::None),
        ParameterKind::Template => template(AttributeValue::Ulong(Number::Literal(CKO_DATA))),
        ParameterKind::OutTemplate => {
            let room = Buffer::of(BufferSize::Elements(Number::Literal(8)));
            template(AttributeValue::Buffer(room))
        }
        ParameterKind::OutBytes | ParameterKind::OutFixed => buffer(ROOM),
        ParameterKind::OutUlongs(_) | ParameterKind::OutHandles | ParameterKind::OutInterfaces => {
            buffer(ROOM / 8)
        }
        _ => Argument::Default,
    }
}

/// A mechanism without a parameter that goes with the function, so that it is not what is refused.
fn mechanism(function: Function) -> CK_MECHANISM_TYPE {
    use Function::*;
    match function {
        C_EncryptInit | C_DecryptInit => CKM_AES_ECB,
        C_MessageEncryptInit | C_MessageDecryptInit => CKM_AES_GCM,
        C_SignInit | C_VerifyInit | C_VerifySignatureInit => CKM_SHA256_HMAC,
        C_SignRecoverInit | C_VerifyRecoverInit => CKM_RSA_PKCS,
        C_MessageSignInit | C_MessageVerifyInit => CKM_ECDSA,
        C_GenerateKey => CKM_AES_KEY_GEN,
        C_GenerateKeyPair => CKM_RSA_PKCS_KEY_PAIR_GEN,
        C_WrapKey | C_UnwrapKey => CKM_AES_KEY_WRAP,
        C_WrapKeyAuthenticated | C_UnwrapKeyAuthenticated => CKM_AES_GCM,
        C_DeriveKey => CKM_SHA256_KEY_DERIVATION,
        C_EncapsulateKey | C_DecapsulateKey => CKM_ML_KEM,
        _ => CKM_SHA256,
    }
}

fn value(domain: Domain) -> Argument {
    match domain {
        Domain::Session => session(),
        Domain::Object => Argument::Number(Number::Dangling),
        Domain::Slot => Argument::Default,
        Domain::Constant(Kind::MECHANISM) => number(CKM_SHA256),
        Domain::Constant(Kind::USER) => number(CKU_USER),
        Domain::Constant(Kind::INDICATOR) => number(CKS_LAST_VALIDATION_OK),
        Domain::Flags(Kind::SESSION_FLAGS) => number(CKF_SERIAL_SESSION),
        Domain::Flags(Kind::SLOT_EVENT_FLAGS) => number(CKF_DONT_BLOCK),
        Domain::Flags(Kind::MECHANISM_FLAGS) => number(CKF_DIGEST),
        _ => number(0),
    }
}

fn bytes(function: Function, parameter: &Parameter) -> Argument {
    let secret = match (function, parameter.name) {
        (Function::C_InitToken, _) if parameter.is_pin() => "so-pin",
        _ if parameter.is_pin() => "pin",
        // The token has one user without a name.
        (_, "username") => return Argument::Null,
        _ => {
            return Argument::Bytes(Bytes::of(Content::Repeat {
                byte: b'a',
                count: 32,
            }));
        }
    };
    let secret = Reference::to("target").field(secret);
    Argument::Bytes(Bytes::of(Content::Reference(secret)))
}

fn text(text: &str) -> Argument {
    Argument::Bytes(Bytes::of(Content::Text(text.to_owned())))
}

fn template(value: AttributeValue) -> Argument {
    Argument::Template(Template {
        attributes: vec![Attribute {
            attribute: CKA_CLASS,
            value,
        }],
        claim: None,
    })
}

fn buffer(elements: u64) -> Argument {
    Argument::Buffer(Buffer::of(BufferSize::Elements(Number::Literal(elements))))
}

/// A template that gives a label.
pub(super) fn label() -> Argument {
    let label = Content::Text("p11assay".to_owned());
    Argument::Template(Template {
        attributes: vec![Attribute {
            attribute: CKA_LABEL,
            value: AttributeValue::Bytes(Bytes::of(label)),
        }],
        claim: None,
    })
}

/// A call that makes a public data object of the session, kept as `$object`.
pub(super) fn data_object() -> Call {
    let value = Content::Text("p11assay".to_owned());
    let attributes = [
        (CKA_CLASS, AttributeValue::Ulong(Number::Literal(CKO_DATA))),
        (CKA_TOKEN, AttributeValue::Bool(CK_FALSE)),
        (CKA_PRIVATE, AttributeValue::Bool(CK_FALSE)),
        (CKA_VALUE, AttributeValue::Bytes(Bytes::of(value))),
    ];
    let attributes = attributes.map(|(attribute, value)| Attribute { attribute, value });
    let mut call = call(Function::C_CreateObject);
    call.arguments[1] = Argument::Template(Template {
        attributes: attributes.into(),
        claim: None,
    });
    call.not_applicable = CREATION_REFUSED.to_vec();
    super::handles::kept(call)
}
