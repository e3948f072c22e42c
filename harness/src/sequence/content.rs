//! From [`Content`] to bytes, with references filled in. The executor and the oracles share this.

use super::argument::{Content, Number};
use super::reference::Reference;
use super::value::Value;

/// A value that a reference asks for and nobody gave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${0}` has no value here: the call that gives it did not, or gave something else")]
pub struct Unresolved(pub Reference);

/// How names are looked up.
pub type Find<'f> = dyn Fn(&str) -> Option<Value> + 'f;

/// The value of a reference.
///
/// # Errors
/// [`Unresolved`] if the name or the path leads nowhere.
pub fn value(reference: &Reference, find: &Find<'_>) -> Result<Value, Unresolved> {
    find(&reference.name)
        .and_then(|value| value.select(&reference.path))
        .ok_or_else(|| Unresolved(reference.clone()))
}

/// The value of a number.
///
/// # Errors
/// [`Unresolved`] if it refers to what is no number.
pub fn number(number: &Number, find: &Find<'_>) -> Result<u64, Unresolved> {
    match number {
        Number::Literal(value) => Ok(*value),
        Number::Dangling => Ok(DANGLING),
        Number::Reference(reference) => value(reference, find)?
            .as_number()
            .ok_or_else(|| Unresolved(reference.clone())),
    }
}

/// The handle or id that `dangling` stands for: one that no module gives out by counting up.
pub const DANGLING: u64 = 0x5a5a_5a5a;

/// The bytes of a content.
///
/// # Errors
/// [`Unresolved`] if it refers to what has no bytes.
pub fn bytes(content: &Content, find: &Find<'_>) -> Result<Vec<u8>, Unresolved> {
    Ok(match content {
        Content::Literal(bytes) => bytes.clone(),
        Content::Text(text) => text.as_bytes().to_vec(),
        Content::Repeat { byte, count } => vec![*byte; *count],
        Content::Reference(reference) => value(reference, find)?
            .as_bytes()
            .ok_or_else(|| Unresolved(reference.clone()))?,
        Content::Concat(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(bytes(part, find)?);
            }
            all
        }
        Content::Flip { of, bit } => {
            let mut all = bytes(of, find)?;
            if let Some(byte) = all.get_mut(bit / 8) {
                *byte ^= 0x80 >> (bit % 8);
            }
            all
        }
        Content::Take { of, count } => {
            let mut all = bytes(of, find)?;
            all.truncate(*count);
            all
        }
        Content::Skip { of, count } => {
            let all = bytes(of, find)?;
            all.get(*count..).unwrap_or_default().to_vec()
        }
    })
}

/// True if the content is the same whatever earlier calls gave.
#[must_use]
pub fn is_static(content: &Content) -> bool {
    match content {
        Content::Literal(_) | Content::Text(_) | Content::Repeat { .. } => true,
        Content::Reference(_) => false,
        Content::Concat(parts) => parts.iter().all(is_static),
        Content::Flip { of, .. } | Content::Take { of, .. } | Content::Skip { of, .. } => {
            is_static(of)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_put_together() {
        let find = |name: &str| (name == "iv").then(|| Value::Bytes(vec![1, 2, 3]));
        let iv = || Content::Reference(Reference::to("iv"));
        let concat = Content::Concat(vec![iv(), Content::Repeat { byte: 9, count: 2 }]);
        assert_eq!(bytes(&concat, &find), Ok(vec![1, 2, 3, 9, 9]));
        let flip = Content::Flip {
            of: Box::new(iv()),
            bit: 8,
        };
        assert_eq!(bytes(&flip, &find), Ok(vec![1, 0x82, 3]));
        let skip = |count| Content::Skip {
            of: Box::new(iv()),
            count,
        };
        assert_eq!(bytes(&skip(1), &find), Ok(vec![2, 3]));
        assert_eq!(bytes(&skip(4), &find), Ok(Vec::new()));
        let missing = Content::Reference(Reference::to("x"));
        assert_eq!(bytes(&missing, &find), Err(Unresolved(Reference::to("x"))));
    }
}
