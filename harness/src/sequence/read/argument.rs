//! Arguments of a call by the kind of their parameter, and templates.

use super::memory::{self, bytes};
use super::structure;
use super::{constant, fault, get, mapping, only_keys, text};
use crate::cryptoki::function::{Domain, ParameterKind};
use crate::cryptoki::{AttributeType, attribute, names};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Content, InitArgs,
    Mutexes, Number, Reserved, Template,
};
use crate::yaml::{self, Error, Kind, Node};

/// Reads the arguments of a call: a mapping of parameter names, or nothing.
pub(super) fn arguments(call: &mut Call, node: &Node) -> Result<(), Error> {
    if node.kind == Kind::Null {
        return Ok(());
    }
    let names = call.function.parameter_names();
    let what = format!("the arguments of {}: {}", call.function, names.join(", "));
    for (key, value) in mapping(node, &what)? {
        let name = text(key, "the name of a parameter")?;
        let Some(index) = names.iter().position(|known| *known == name) else {
            let what = format!("parameter of {}", call.function);
            let mut message = yaml::unknown_name(&what, name, names.iter().copied());
            if !message.contains("did you mean") {
                message += &format!("; it has {}", names.join(", "));
            }
            return Err(fault(key, message));
        };
        call.arguments[index] = argument(call.function.parameters()[index].kind, value)?;
    }
    Ok(())
}

fn argument(kind: ParameterKind, node: &Node) -> Result<Argument, Error> {
    if let Some(pointer) = raw_pointer(kind, node)? {
        return Ok(pointer);
    }
    Ok(match kind {
        ParameterKind::Ulong(domain) => Argument::Number(memory::number(node, domain)?),
        ParameterKind::Bool => Argument::Number(memory::number(node, Domain::Plain)?),
        ParameterKind::In => Argument::Bytes(bytes(node)?),
        ParameterKind::Padded(_) | ParameterKind::Name => Argument::Bytes(name_or_bytes(node)?),
        ParameterKind::Version => {
            let (major, minor) = memory::version(node)?;
            Argument::Version { major, minor }
        }
        ParameterKind::Mechanism => Argument::Mechanism(Box::new(structure::mechanism(node)?)),
        ParameterKind::MessageParameter if structure::is_named_structure(node) => {
            Argument::Structure(structure::named_structure(node)?)
        }
        ParameterKind::MessageParameter => Argument::Bytes(bytes(node)?),
        ParameterKind::Template => Argument::Template(template(node)?),
        ParameterKind::OutTemplate => Argument::Template(out_template(node)?),
        ParameterKind::InitArgs => match node.kind {
            Kind::Text(ref text) if text == "$target" => Argument::Default,
            _ => Argument::InitArgs(Box::new(init_args(node)?)),
        },
        ParameterKind::Notify => match super::text_of(node) {
            Some("callback") => Argument::Callback,
            Some("cancelling") => Argument::CancellingCallback,
            _ => return Err(fault(node, "expected `callback`, `cancelling` or null")),
        },
        ParameterKind::Pointer => {
            return Err(fault(
                node,
                "expected null, or `{pointer: 1}` to give a pointer on purpose",
            ));
        }
        ParameterKind::OutBytes
        | ParameterKind::OutFixed
        | ParameterKind::OutUlongs(_)
        | ParameterKind::OutHandles
        | ParameterKind::OutInterfaces => Argument::Buffer(memory::buffer(node)?),
        ParameterKind::Out(_) | ParameterKind::OutUlong(_) | ParameterKind::OutTable => {
            return Err(fault(
                node,
                "the memory for this output is supplied; only null or `{pointer: N}` can be given, \
                 and the output is kept with `gives`",
            ));
        }
    })
}

/// Null, or a pointer given on purpose, for the kinds that are one pointer.
fn raw_pointer(kind: ParameterKind, node: &Node) -> Result<Option<Argument>, Error> {
    if node.kind == Kind::Null {
        return match kind {
            ParameterKind::Ulong(_) | ParameterKind::Bool => Err(fault(
                node,
                "a number cannot be NULL; give 0 or CK_INVALID_HANDLE",
            )),
            ParameterKind::OutBytes
            | ParameterKind::OutUlongs(_)
            | ParameterKind::OutInterfaces
            | ParameterKind::OutHandles
            | ParameterKind::OutFixed => Ok(None),
            _ => Ok(Some(Argument::Null)),
        };
    }
    let Kind::Mapping(entries) = &node.kind else {
        return Ok(None);
    };
    match get(entries, "pointer") {
        Some(Node {
            kind: Kind::Unsigned(value),
            ..
        }) => {
            only_keys(entries, &["pointer"])?;
            Ok(Some(Argument::Pointer(*value)))
        }
        _ => Ok(None),
    }
}

/// Text as it stands, or bytes in any other form.
fn name_or_bytes(node: &Node) -> Result<Bytes, Error> {
    match &node.kind {
        Kind::Text(text) if !text.starts_with('$') => Ok(Bytes::of(Content::Text(text.clone()))),
        _ => bytes(node),
    }
}

/// Reads a template: a mapping, or a list of mappings where order or duplicates matter, or
/// `{attributes: ..., claim: N}`.
///
/// # Errors
/// An [`Error`] with the mark of the attribute or value at fault.
pub fn template(node: &Node) -> Result<Template, Error> {
    claimed(node, attributes)
}

/// Keys of a template whose count is lied about.
pub(crate) const TEMPLATE_KEYS: &[&str] = &["attributes", "claim"];

/// A list of attributes, or `{attributes: ..., claim: N}`.
fn claimed(
    node: &Node,
    list: impl Fn(&Node) -> Result<Vec<Attribute>, Error>,
) -> Result<Template, Error> {
    if let Kind::Mapping(entries) = &node.kind
        && let Some(inner) = get(entries, "attributes")
    {
        only_keys(entries, TEMPLATE_KEYS)?;
        return Ok(Template {
            attributes: list(inner)?,
            claim: get(entries, "claim").map(memory::count).transpose()?,
        });
    }
    Ok(Template {
        attributes: list(node)?,
        claim: None,
    })
}

fn out_template(node: &Node) -> Result<Template, Error> {
    claimed(node, |node| match &node.kind {
        Kind::Sequence(items) if items.iter().all(|item| super::text_of(item).is_some()) => {
            items.iter().map(exact).collect()
        }
        _ => attributes_with(node, out_value),
    })
}

/// Room for the value of an attribute. An array of attributes has room for each of them, whose sizes are
/// given: the module cannot be asked for all at once.
fn out_value(attribute: u64, node: &Node) -> Result<AttributeValue, Error> {
    let is_array = match &node.kind {
        Kind::Sequence(_) => true,
        Kind::Mapping(entries) => entries.iter().any(|(key, _)| attribute_name(key).is_ok()),
        _ => false,
    };
    if !is_array || attribute::attribute_type(attribute) != AttributeType::Template {
        return memory::buffer(node).map(AttributeValue::Buffer);
    }
    let inner = attributes_with(node, |_, node| {
        let buffer = memory::buffer(node)?;
        let fixed = match &buffer.size {
            BufferSize::Null => true,
            BufferSize::Elements(Number::Literal(size)) => *size <= MAX_INNER,
            _ => false,
        };
        match fixed && buffer.claim.is_none() && !buffer.null_length {
            true => Ok(AttributeValue::Buffer(buffer)),
            false => Err(fault(
                node,
                format!(
                    "within an array of attributes: null, or `{{buffer: N}}`, at most {MAX_INNER}"
                ),
            )),
        }
    })?;
    Ok(AttributeValue::Template(inner))
}

/// Most bytes of room for an attribute within an array of attributes.
pub(crate) const MAX_INNER: u64 = 1024;

/// An attribute by its name alone: it gets as much room as it needs.
fn exact(name: &Node) -> Result<Attribute, Error> {
    Ok(Attribute {
        attribute: attribute_name(name)?,
        value: AttributeValue::Buffer(Buffer::of(BufferSize::Exact)),
    })
}

/// Attributes and their values, without a claimed count.
pub(super) fn attributes(node: &Node) -> Result<Vec<Attribute>, Error> {
    attributes_with(node, value)
}

fn attributes_with(
    node: &Node,
    value: impl Fn(u64, &Node) -> Result<AttributeValue, Error>,
) -> Result<Vec<Attribute>, Error> {
    let one = |(key, node): &(Node, Node)| -> Result<Attribute, Error> {
        let attribute = attribute_name(key)?;
        Ok(Attribute {
            attribute,
            value: value(attribute, node)?,
        })
    };
    match &node.kind {
        Kind::Sequence(items) => {
            let mut attributes = Vec::with_capacity(items.len());
            for item in items {
                for entry in mapping(item, "an attribute and its value, `CKA_TOKEN: true`")? {
                    attributes.push(one(entry)?);
                }
            }
            Ok(attributes)
        }
        Kind::Null => Ok(Vec::new()),
        _ => mapping(node, "a template: attributes and their values")?
            .iter()
            .map(one)
            .collect(),
    }
}

pub(super) fn attribute_name(node: &Node) -> Result<u64, Error> {
    constant(node, names::Kind::ATTRIBUTE, "attribute")
}

/// Keys that make the value of an attribute bytes, whatever the attribute's type.
const ATTRIBUTE_BYTES_KEYS: &[&str] = &["hex", "text", "repeat", "concat", "of", "pointer"];

/// The value of an attribute: by the attribute's type, or bytes in any form for deliberate
/// wrongness.
fn value(attribute: u64, node: &Node) -> Result<AttributeValue, Error> {
    if let Kind::Mapping(entries) = &node.kind
        && ATTRIBUTE_BYTES_KEYS
            .iter()
            .any(|key| get(entries, key).is_some())
    {
        return bytes(node).map(AttributeValue::Bytes);
    }
    Ok(match attribute::attribute_type(attribute) {
        AttributeType::Bool => AttributeValue::Bool(memory::bbool(node)?),
        AttributeType::Ulong(domain) => AttributeValue::Ulong(memory::number(node, domain)?),
        AttributeType::Ulongs(domain) => {
            let items = super::list(node, "a list of numbers or names")?;
            let items = items.iter().map(|item| memory::number(item, domain));
            AttributeValue::Ulongs(items.collect::<Result<_, _>>()?)
        }
        AttributeType::Template => AttributeValue::Template(attributes(node)?),
        AttributeType::Text => AttributeValue::Bytes(name_or_bytes(node)?),
        AttributeType::Date => AttributeValue::Bytes(date(node)?),
        AttributeType::Version => {
            let (major, minor) = memory::version(node)?;
            AttributeValue::Bytes(Bytes::of(Content::Literal(vec![major, minor])))
        }
        AttributeType::Bytes => AttributeValue::Bytes(bytes(node)?),
    })
}

fn date(node: &Node) -> Result<Bytes, Error> {
    let text = match super::text_of(node) {
        Some(text) if text.starts_with('$') => return bytes(node),
        Some(text) => text,
        None => return bytes(node),
    };
    let digits = text.replace('-', "");
    if digits.is_empty() || (digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(Bytes::of(Content::Text(digits)));
    }
    Err(fault(
        node,
        "expected a date, `2026-01-31`, or \"\" for none",
    ))
}

/// Keys of the arguments of `C_Initialize`.
pub(crate) const INIT_ARGS_KEYS: &[&str] = &["flags", "mutexes", "nss", "reserved", "rest"];

/// Words for the mutex callbacks of `C_Initialize`.
pub(crate) const MUTEXES: &[(&str, Mutexes)] = &[
    ("none", Mutexes::None),
    ("callbacks", Mutexes::Callbacks),
    ("incomplete", Mutexes::Incomplete),
];

/// Reads the arguments of `C_Initialize`.
///
/// # Errors
/// An [`Error`] with the mark of the key or value at fault.
pub fn init_args(node: &Node) -> Result<InitArgs, Error> {
    let entries = mapping(
        node,
        "init arguments: `flags`, `mutexes`, `nss`, `reserved`, `rest`",
    )?;
    only_keys(entries, INIT_ARGS_KEYS)?;
    let mut init_args = InitArgs::default();
    if let Some(value) = get(entries, "flags") {
        let flags = memory::number(value, Domain::Flags(names::Kind::INIT_FLAGS))?;
        let Number::Literal(flags) = flags else {
            return Err(fault(
                value,
                "flags of C_Initialize cannot come from an earlier call",
            ));
        };
        init_args.flags = flags;
    }
    if let Some(value) = get(entries, "mutexes") {
        init_args.mutexes = MUTEXES
            .iter()
            .find(|(name, _)| super::text_of(value) == Some(name))
            .map(|(_, mutexes)| *mutexes)
            .ok_or_else(|| fault(value, "expected `none`, `callbacks` or `incomplete`"))?;
    }
    if let Some(value) = get(entries, "nss") {
        init_args.nss = Some(text(value, "the LibraryParameters text")?.to_owned());
    }
    if let Some(value) = get(entries, "reserved") {
        init_args.reserved = reserved(value)?;
    }
    if let Some(value) = get(entries, "rest") {
        let alone = get(entries, "nss").or(get(entries, "reserved")).is_none();
        if !alone || super::text_of(value) != Some("$target") {
            let message = "expected `$target`, in place of both `nss` and `reserved`";
            return Err(fault(value, message));
        }
        init_args.rest_of_target = true;
    }
    Ok(init_args)
}

fn reserved(node: &Node) -> Result<Reserved, Error> {
    match &node.kind {
        Kind::Null => Ok(Reserved::Null),
        Kind::Text(text) => Ok(Reserved::Text(text.clone())),
        Kind::Mapping(entries) => match get(entries, "pointer") {
            Some(Node {
                kind: Kind::Unsigned(value),
                ..
            }) => only_keys(entries, &["pointer"]).map(|()| Reserved::Pointer(*value)),
            _ => Err(fault(node, "expected `{pointer: 1}`")),
        },
        _ => Err(fault(node, "expected null, text, or `{pointer: 1}`")),
    }
}
