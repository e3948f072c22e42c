//! The arguments of calls: plain values, references to earlier results, buffers of every shape, and
//! deliberate wrongness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::reference::Reference;

/// What is given for one parameter of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Argument {
    /// What an unmentioned parameter gets: an honest output buffer, an empty template, the target's
    /// slot and init arguments, NULL for what is reserved or optional.
    Default,
    /// NULL, with zero for every length that goes with it.
    Null,
    /// A pointer with this value: class C.
    Pointer(u64),
    /// A number, handle, flag set or boolean.
    Number(Number),
    /// Bytes in.
    Bytes(Bytes),
    /// Memory for bytes, numbers, handles or structures out.
    Buffer(Buffer),
    /// A template, in or out.
    Template(Template),
    /// A mechanism.
    Mechanism(Box<MechanismArgument>),
    /// The parameter structure of a message function.
    Structure(Structure),
    /// Arguments of `C_Initialize`.
    InitArgs(Box<InitArgs>),
    /// A `CK_VERSION`.
    Version {
        /// Major number.
        major: u8,
        /// Minor number.
        minor: u8,
    },
    /// The address of a callback of the harness that returns `CKR_OK`.
    Callback,
    /// The same, but it returns `CKR_CANCEL`.
    CancellingCallback,
}

/// A number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Number {
    /// Written out.
    Literal(u64),
    /// Taken from an earlier result.
    Reference(Reference),
    /// A handle or slot id that the module has never given out.
    Dangling,
}

/// Bytes that are given to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bytes {
    /// The bytes; `None` is a NULL pointer.
    pub content: Option<Content>,
    /// The length that is claimed, if it is not the true one.
    pub claim: Option<Number>,
}

impl Argument {
    /// The number, handle or slot that was kept under this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::Number(Number::Reference(Reference::to(name)))
    }

    /// A mechanism with this parameter, of its true length.
    #[must_use]
    pub fn mechanism(mechanism: u64, parameter: ParameterValue) -> Self {
        Self::Mechanism(Box::new(MechanismArgument {
            mechanism: Number::Literal(mechanism),
            parameter,
            claim: None,
        }))
    }
}

impl Bytes {
    /// Honest bytes.
    #[must_use]
    pub fn of(content: Content) -> Self {
        Self {
            content: Some(content),
            claim: None,
        }
    }
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// Written out.
    Literal(#[serde(with = "hex_bytes")] Vec<u8>),
    /// Written out as text, in UTF-8.
    Text(String),
    /// One byte many times.
    Repeat {
        /// The byte.
        byte: u8,
        /// How often.
        count: usize,
    },
    /// Taken from an earlier result.
    Reference(Reference),
    /// One after the other.
    Concat(Vec<Content>),
    /// Another content with one bit turned over.
    Flip {
        /// The content.
        of: Box<Content>,
        /// Number of the bit, from 0, most significant bit of the first byte first.
        bit: usize,
    },
    /// The first bytes of another content.
    Take {
        /// The content.
        of: Box<Content>,
        /// How many.
        count: usize,
    },
    /// Another content without its first bytes.
    Skip {
        /// The content.
        of: Box<Content>,
        /// How many.
        count: usize,
    },
}

/// Memory for an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Buffer {
    /// How much of it there is.
    pub size: BufferSize,
    /// The size that is claimed to the module, if it is not the true one.
    pub claim: Option<Number>,
    /// True if the pointer to the length is NULL.
    pub null_length: bool,
}

impl Buffer {
    /// A buffer that is as large as it says.
    #[must_use]
    pub fn of(size: BufferSize) -> Self {
        Self {
            size,
            claim: None,
            null_length: false,
        }
    }
}

/// The size of an output buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum BufferSize {
    /// NULL: the call asks for the size ([PKCS11-Base 3.2] 5.2).
    Null,
    /// The size the module names when asked first.
    Exact,
    /// One element less than the module names when asked first.
    Short,
    /// This many elements (bytes, numbers, handles).
    Elements(Number),
}

/// A template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Template {
    /// The attributes in order; duplicates are allowed. Without any, the pointer is NULL.
    pub attributes: Vec<Attribute>,
    /// The count that is claimed, if it is not the true one.
    pub claim: Option<Number>,
}

/// One attribute of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// `CK_ATTRIBUTE_TYPE`.
    pub attribute: u64,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// `CK_BBOOL`; any byte, as modules must cope with more than 0 and 1.
    Bool(u8),
    /// `CK_ULONG`.
    Ulong(Number),
    /// Array of `CK_ULONG`.
    Ulongs(Vec<Number>),
    /// Bytes; NULL with a length when the content is `None`.
    Bytes(Bytes),
    /// Nested attributes.
    Template(Vec<Attribute>),
    /// Room for a value that the module writes.
    Buffer(Buffer),
}

/// A mechanism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MechanismArgument {
    /// `CK_MECHANISM_TYPE`.
    pub mechanism: Number,
    /// Its parameter.
    pub parameter: ParameterValue,
    /// The parameter length that is claimed, if it is not the true one.
    pub claim: Option<Number>,
}

/// The parameter of a mechanism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ParameterValue {
    /// NULL and zero.
    None,
    /// Bytes (an initialisation vector).
    Bytes(Bytes),
    /// A `CK_ULONG` (`CK_MAC_GENERAL_PARAMS`, an object handle).
    Ulong(Number),
    /// A structure.
    Structure(Structure),
}

/// A C structure: fields that are not mentioned are zero, and lengths of given pointers true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// C name (`CK_GCM_PARAMS`).
    pub name: String,
    /// Values of fields by C name.
    pub fields: Vec<(String, FieldValue)>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FieldValue {
    /// A number, boolean or byte.
    Number(Number),
    /// Bytes in place or pointed to; NULL when the content is `None`.
    Bytes(Bytes),
    /// Numbers pointed to.
    Ulongs(Vec<Number>),
    /// A structure in place, or structures pointed to.
    Structures(Vec<Structure>),
    /// A mechanism pointed to.
    Mechanism(Box<MechanismArgument>),
    /// A template pointed to.
    Template(Vec<Attribute>),
}

/// Arguments of `C_Initialize` ([PKCS11-Base 3.2] 5.4.1).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InitArgs {
    /// `CKF_` flags.
    pub flags: u64,
    /// The four mutex callbacks.
    pub mutexes: Mutexes,
    /// `LibraryParameters`, the field that NSS has between `flags` and `pReserved`; the NSS layout
    /// is used when it is given.
    pub nss: Option<String>,
    /// `pReserved`.
    pub reserved: Reserved,
    /// True if the last two are those of the target's own arguments.
    #[serde(default)]
    pub rest_of_target: bool,
}

impl InitArgs {
    /// These with what they leave to the arguments of the target.
    #[must_use]
    pub fn completed(&self, target: Option<&Self>) -> Self {
        let own = self.clone();
        match target.filter(|_| self.rest_of_target) {
            None => own,
            Some(target) => Self {
                nss: target.nss.clone(),
                reserved: target.reserved.clone(),
                ..own
            },
        }
    }
}

/// Which mutex callbacks are supplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mutexes {
    /// None of the four.
    #[default]
    None,
    /// All four, working.
    Callbacks,
    /// `CreateMutex` alone: wrong by the standard.
    Incomplete,
}

impl Mutexes {
    /// True if there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// The value of `pReserved`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Reserved {
    /// NULL, as the standard demands.
    #[default]
    Null,
    /// A pointer to NUL-terminated text, as some modules take their configuration.
    Text(String),
    /// A pointer with this value.
    Pointer(u64),
}

/// Bytes as hexadecimal text in serialised form.
pub(crate) mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        match out.is_human_readable() {
            true => out.serialize_str(&super::super::lexicon::to_hex(bytes)),
            false => out.serialize_bytes(bytes),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<u8>, D::Error> {
        if !input.is_human_readable() {
            return Vec::deserialize(input);
        }
        let text = String::deserialize(input)?;
        super::super::lexicon::from_hex(&text)
            .ok_or_else(|| D::Error::custom("expected an even number of hexadecimal digits"))
    }
}
