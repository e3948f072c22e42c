//! What target and model say to a call, and in which they differ.

use super::freedom;
use crate::cryptoki::Function;
use crate::oracle::TraceCall;
use crate::sequence::Value;
use crate::sequence::determined::Follows;

/// A call by which target and model cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Number of the step.
    pub step: u32,
    /// The function.
    pub function: Function,
    /// What the target returned.
    pub returned: u64,
    /// What the model returned.
    pub model: u64,
    /// An output that the target cannot have given.
    pub output: Option<WrongOutput>,
}

impl Disagreement {
    /// True if all there is to it is that the target returned a value that the standard does not list, which may be a gap
    /// in the list ([PKCS11-Base 3.2] 5.1).
    #[must_use]
    pub fn is_about_a_list(&self) -> bool {
        self.output.is_none() && freedom::is_unlisted(self.function, self.returned, self.model)
    }
}

/// An output that follows from the sequence, and is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongOutput {
    /// Its name: that of a parameter, or of a field of what it points to.
    pub name: &'static str,
    /// The mechanism that made it, if one did.
    pub mechanism: Option<u64>,
    /// What the target gave.
    pub found: Told,
    /// What the model gave.
    pub right: Told,
}

impl WrongOutput {
    /// Bytes that follow from a sequence.
    #[must_use]
    pub fn of_bytes(follows: Follows, found: Vec<u8>, right: Vec<u8>) -> Self {
        Self {
            name: follows.output,
            mechanism: Some(follows.mechanism),
            found: Told::Bytes(found),
            right: Told::Bytes(right),
        }
    }
}

/// A value of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Of a session: its state or flags.
    Number(u64),
    /// A digest, a signature, a text.
    Bytes(Vec<u8>),
}

/// Most bytes of a value that are shown.
const SHOWN: usize = 16;

impl std::fmt::Display for Told {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(to, "{number:#x}"),
            Self::Bytes(bytes) if bytes.is_empty() => write!(to, "nothing"),
            Self::Bytes(bytes) => {
                let (first, rest) = bytes.split_at(bytes.len().min(SHOWN));
                let hex = first.iter().map(|byte| format!("{byte:02x}"));
                let more = if rest.is_empty() { "" } else { "…" };
                write!(
                    to,
                    "{}{more} ({} bytes)",
                    hex.collect::<String>(),
                    bytes.len()
                )
            }
        }
    }
}

/// What a call answered, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Its return value.
    pub rv: u64,
    /// State and flags of a session, if it was asked for them and told.
    pub session: Option<[u64; 2]>,
}

/// What a call of a trace answered.
pub(super) fn answered(call: &TraceCall) -> Option<Answered> {
    let fields = match call.outputs.first() {
        Some((_, Value::Record(fields))) if call.function == Function::C_GetSessionInfo => {
            Some(fields)
        }
        _ => None,
    };
    let session = fields.and_then(|fields| {
        let field = |name: &str| {
            let found = fields.iter().find(|(field, _)| field == name);
            found.and_then(|(_, value)| value.as_number())
        };
        Some([field(SESSION[0])?, field(SESSION[1])?])
    });
    let rv = call.returned?.rv;
    Some(Answered { rv, session })
}

/// The bytes that a call gave.
#[must_use]
pub fn given_bytes(call: &TraceCall) -> Option<Vec<u8>> {
    match call.outputs.first()? {
        (_, Value::Bytes(bytes)) => Some(bytes.clone()),
        _ => None,
    }
}

/// Outputs that follow from the state alone: of a session, by [PKCS11-Base 3.2] 3.3 and 5.6.
const SESSION: [&str; 2] = ["state", "flags"];

pub(super) fn wrong_output(given: Answered, wanted: Answered) -> Option<WrongOutput> {
    let pairs = given.session?.into_iter().zip(wanted.session?);
    let mut named = SESSION.into_iter().zip(pairs);
    let (name, (found, right)) = named.find(|(_, (found, right))| found != right)?;
    Some(WrongOutput {
        name,
        mechanism: None,
        found: Told::Number(found),
        right: Told::Number(right),
    })
}
