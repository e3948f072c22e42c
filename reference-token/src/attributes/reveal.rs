//! What C_GetAttributeValue may say about an attribute: footnote 7 of section 4.2 and the cases of
//! section 5.7.5. Buffers are for `ffi`.

use cryptoki_sys::*;

use super::change::shape_of;
use super::{Attributes, Value};

/// What C_GetAttributeValue may say about one attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reveal<'a> {
    Value(&'a Value),
    /// The object is sensitive or unextractable: case 1 of section 5.7.5.
    Sensitive,
    /// The object has no such attribute: case 2.
    Absent,
}

/// Sections 4.10, 4.11 and 5.7.5: secrets stay inside unless the key is open in both ways.
pub(crate) fn reveal(object: &Attributes, attribute: CK_ATTRIBUTE_TYPE) -> Reveal<'_> {
    let sensitive = object.bool(CKA_SENSITIVE) && !mutant!("sensitive-value-revealed");
    let kept = !object.bool(CKA_EXTRACTABLE) && !mutant!("unextractable-value-revealed");
    let closed = sensitive || kept;
    let secret = || {
        let rule = shape_of(object).rule(attribute);
        rule.is_some_and(|rule| rule.note(7))
    };
    if closed && secret() {
        return Reveal::Sensitive;
    }
    object.get(attribute).map_or(Reveal::Absent, Reveal::Value)
}
