//! Templates: arrays of CK_ATTRIBUTE in, and C_GetAttributeValue's answers out.

use cryptoki_sys::*;

use super::memory::{Place, bytes, elements};
use crate::attributes::{Template, Value};
use crate::rv::{Result, ensure, refuse};
use crate::token::Reveal;

/// How deep array attributes may nest: a template in a key's template has no template in it.
const DEPTH: usize = 3;

/// Reads a template.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `count` elements, and each of them for as many
/// bytes as it says.
pub(super) unsafe fn read(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template> {
    // SAFETY: as the caller promises.
    unsafe { read_nested(pointer, count, DEPTH) }
}

/// # Safety
/// As for `read`, for at most `depth` levels.
unsafe fn read_nested(
    pointer: *const CK_ATTRIBUTE,
    count: CK_ULONG,
    depth: usize,
) -> Result<Template> {
    ensure(depth > 0, CKR_ATTRIBUTE_VALUE_INVALID)?;
    // SAFETY: as the caller promises.
    let attributes = unsafe { elements(pointer, count)? };
    attributes
        .iter()
        // SAFETY: each element is readable as the caller promises.
        .map(|attribute| Ok((attribute.type_, unsafe { value(attribute, depth)? })))
        .collect()
}

/// Whether the value of an attribute is an array of attributes.
fn is_array(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    // These two are templates although their published values lack the array flag.
    attribute & CKF_ARRAY_ATTRIBUTE != 0 && attribute != CKA_ALLOWED_MECHANISMS
        || [CKA_ENCAPSULATE_TEMPLATE, CKA_DECAPSULATE_TEMPLATE].contains(&attribute)
}

/// # Safety
/// Unless NULL, `pValue` is valid for reads of `ulValueLen` bytes.
unsafe fn value(attribute: &CK_ATTRIBUTE, depth: usize) -> Result<Value> {
    let length = attribute.ulValueLen;
    // Section 4.1.1 has a code for values that cannot be: a length without a place is one.
    ensure(
        length != CK_UNAVAILABLE_INFORMATION,
        CKR_ATTRIBUTE_VALUE_INVALID,
    )?;
    if !is_array(attribute.type_) {
        // SAFETY: as the caller promises.
        return Ok(Value::Bytes(
            unsafe { bytes(attribute.pValue.cast(), length)? }.to_vec(),
        ));
    }
    let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
    ensure(length.is_multiple_of(size), CKR_ATTRIBUTE_VALUE_INVALID)?;
    // SAFETY: as the caller promises.
    let nested = unsafe { read_nested(attribute.pValue.cast(), length / size, depth - 1)? };
    Ok(Value::Template(nested))
}

/// The types that a template of C_GetAttributeValue asks for.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `count` elements.
pub(super) unsafe fn types(
    pointer: *const CK_ATTRIBUTE,
    count: CK_ULONG,
) -> Result<Vec<CK_ATTRIBUTE_TYPE>> {
    // SAFETY: as the caller promises.
    let attributes = unsafe { elements(pointer, count)? };
    Ok(attributes.iter().map(|attribute| attribute.type_).collect())
}

/// Writes answers into a template. Section 5.7.5: every attribute is processed, whatever becomes
/// of the others, and one of the codes that apply is returned.
///
/// # Safety
/// `pointer` is valid for reads and writes of as many elements as there are answers, and each of
/// them for writes of as many bytes as it says.
pub(super) unsafe fn write(pointer: *mut CK_ATTRIBUTE, answers: &[Reveal]) -> Result<()> {
    let mut outcome = Ok(());
    for (i, answer) in answers.iter().enumerate() {
        // SAFETY: as the caller promises.
        let written = unsafe { answer_one(pointer.add(i), answer) };
        outcome = outcome.and(written);
    }
    outcome
}

/// # Safety
/// As for `write`, for one element.
unsafe fn answer_one(pointer: *mut CK_ATTRIBUTE, answer: &Reveal) -> Result<()> {
    // SAFETY: as the caller promises.
    let place = unsafe { Place::new(pointer)? };
    let mut attribute = place.get();
    let result = match answer {
        Reveal::Sensitive => {
            attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            refuse(CKR_ATTRIBUTE_SENSITIVE)
        }
        Reveal::Absent => {
            attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            refuse(CKR_ATTRIBUTE_TYPE_INVALID)
        }
        // SAFETY: as the caller promises.
        Reveal::Value(value) => unsafe { fill(&mut attribute, value) },
    };
    place.set(attribute);
    result
}

/// Cases 3 to 5 of section 5.7.5.
///
/// # Safety
/// Unless NULL, `pValue` is valid for writes of `ulValueLen` bytes, and holds a template if the
/// value is one.
unsafe fn fill(attribute: &mut CK_ATTRIBUTE, value: &Value) -> Result<()> {
    let length = match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Template(nested) => nested.len() * size_of::<CK_ATTRIBUTE>(),
    } as CK_ULONG;
    if attribute.pValue.is_null() {
        attribute.ulValueLen = length;
        return Ok(());
    }
    if attribute.ulValueLen < length {
        attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return refuse(CKR_BUFFER_TOO_SMALL);
    }
    attribute.ulValueLen = length;
    match value {
        Value::Bytes(bytes) => {
            let target: *mut u8 = attribute.pValue.cast();
            // SAFETY: not NULL, and long enough as compared above.
            unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            Ok(())
        }
        Value::Template(nested) => {
            let target: *mut CK_ATTRIBUTE = attribute.pValue.cast();
            let mut outcome = Ok(());
            for (i, (name, value)) in nested.iter().enumerate() {
                // SAFETY: the buffer holds as many elements as compared above; the type of each
                // is set here, its pointer and length are the application's.
                let written = unsafe { fill_nested(target.add(i), *name, value) };
                outcome = outcome.and(written);
            }
            outcome
        }
    }
}

/// # Safety
/// As for `answer_one`.
unsafe fn fill_nested(
    pointer: *mut CK_ATTRIBUTE,
    name: CK_ATTRIBUTE_TYPE,
    value: &Value,
) -> Result<()> {
    // SAFETY: as the caller promises.
    let place = unsafe { Place::new(pointer)? };
    let mut attribute = place.get();
    attribute.type_ = name;
    // SAFETY: as the caller promises.
    let result = unsafe { fill(&mut attribute, value) };
    place.set(attribute);
    result
}
