//! Numbers and bytes as expressions of C.

use super::Made;
use crate::sequence::{Content, Number, Reference};
use crate::triage::program::{Inexpressible, c_name, c_string};

/// A number as an expression.
pub(in crate::triage::program) fn number(number: &Number) -> Made<String> {
    match number {
        Number::Literal(value) if *value < 10 => Ok(value.to_string()),
        Number::Literal(value) => Ok(format!("{value:#x}UL")),
        Number::Dangling => Ok("DANGLING".to_owned()),
        Number::Reference(reference) if reference.path.is_empty() => Ok(c_name(&reference.name)),
        Number::Reference(reference) if reference.to_string() == "target.slot" => {
            Ok("slot".to_owned())
        }
        Number::Reference(reference) => match reference.path.as_slice() {
            [crate::sequence::Selector::Length] => {
                Ok(format!("{}.length", c_name(&reference.name)))
            }
            [crate::sequence::Selector::Beside(more)] => {
                let (sign, by) = (if *more < 0 { '-' } else { '+' }, more.unsigned_abs());
                Ok(format!("({}.length {sign} {by})", c_name(&reference.name)))
            }
            _ => Err(Inexpressible::Part(reference.clone())),
        },
    }
}

/// Bytes as an expression.
pub(super) fn content(of: &Content) -> Made<String> {
    Ok(match of {
        Content::Literal(bytes) => format!("lit({}, {})", c_string(bytes), bytes.len()),
        Content::Text(text) => format!("lit({}, {})", c_string(text.as_bytes()), text.len()),
        Content::Repeat { byte, count } => format!("repeat({byte}, {count})"),
        Content::Reference(reference) => named(reference)?,
        Content::Concat(parts) => {
            let mut all = "lit(\"\", 0)".to_owned();
            for part in parts {
                all = format!("joined({all}, {})", content(part)?);
            }
            all
        }
        Content::Flip { of, bit } => format!("flipped({}, {bit})", content(of)?),
        Content::Take { of, count } => format!("taken({}, {count})", content(of)?),
        Content::Skip { of, count } => format!("skipped({}, {count})", content(of)?),
    })
}

fn named(reference: &Reference) -> Made<String> {
    match reference.to_string().as_str() {
        "target.pin" => Ok("secret(\"P11_PIN\")".to_owned()),
        "target.so-pin" => Ok("secret(\"P11_SO_PIN\")".to_owned()),
        _ if reference.path.is_empty() => Ok(c_name(&reference.name)),
        _ => Err(Inexpressible::Part(reference.clone())),
    }
}
