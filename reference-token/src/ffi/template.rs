//! Templates: arrays of CK_ATTRIBUTE in, and C_GetAttributeValue's answers out.

use cryptoki_sys::*;

use super::memory::{Place, bytes, elements};
use crate::attributes::{Attributes, Given, Reveal, Template, Value, reveal};
use crate::rv::{Result, ensure, refusal, refuse};

/// How deep array attributes may nest: a template in a key's template has no template in it.
const DEPTH: usize = 3;
/// Most elements of a template, those of nested ones included.
const MOST_ELEMENTS: CK_ULONG = 1 << 16;
/// Most bytes of all values of a template: more memory than that the token does not give to one.
const MOST_BYTES: CK_ULONG = 64 << 20;

/// What may still be read of a template. An application's memory can hold the same array many
/// times, so what one of them needs says nothing about all of them.
struct Budget {
    elements: CK_ULONG,
    bytes: CK_ULONG,
}

impl Budget {
    fn take(left: &mut CK_ULONG, wanted: CK_ULONG) -> Result<()> {
        *left = left.checked_sub(wanted).ok_or(refusal(CKR_DEVICE_MEMORY))?;
        Ok(())
    }
}

/// Reads a template.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads of `count` elements, and each of them for as many
/// bytes as it says.
pub(super) unsafe fn read(pointer: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Given> {
    let mut budget = Budget {
        elements: MOST_ELEMENTS,
        bytes: MOST_BYTES,
    };
    // SAFETY: as the caller promises.
    unsafe { read_nested(pointer, count, DEPTH, &mut budget) }.map(Given::new)
}

/// # Safety
/// As for `read`, for at most `depth` levels.
unsafe fn read_nested(
    pointer: *const CK_ATTRIBUTE,
    count: CK_ULONG,
    depth: usize,
    budget: &mut Budget,
) -> Result<Template> {
    ensure(depth > 0, CKR_ATTRIBUTE_VALUE_INVALID)?;
    // SAFETY: as the caller promises.
    let attributes = unsafe { elements(pointer, count)? };
    Budget::take(&mut budget.elements, count)?;
    attributes
        .iter()
        // SAFETY: each element is readable as the caller promises.
        .map(|attribute| Ok((attribute.type_, unsafe { value(attribute, depth, budget)? })))
        .collect()
}

/// The attributes whose values are arrays of attributes. CKF_ARRAY_ATTRIBUTE does not say it: two of these
/// lack it, CKA_ALLOWED_MECHANISMS has it, and what an application means by a type that the standard does
/// not have is not known, least of all that there are pointers in it.
const ARRAYS: [CK_ATTRIBUTE_TYPE; 5] = [
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_ENCAPSULATE_TEMPLATE,
    CKA_DECAPSULATE_TEMPLATE,
];

/// # Safety
/// Unless NULL, `pValue` is valid for reads of `ulValueLen` bytes.
unsafe fn value(attribute: &CK_ATTRIBUTE, depth: usize, budget: &mut Budget) -> Result<Value> {
    let length = attribute.ulValueLen;
    // Section 4.1.1 has a code for values that cannot be: a length without a place is one.
    ensure(
        length != CK_UNAVAILABLE_INFORMATION,
        CKR_ATTRIBUTE_VALUE_INVALID,
    )?;
    if !ARRAYS.contains(&attribute.type_) {
        // SAFETY: as the caller promises.
        let bytes = unsafe { bytes(attribute.pValue.cast(), length)? };
        Budget::take(&mut budget.bytes, length)?;
        return Ok(Value::Bytes(bytes.to_vec()));
    }
    let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
    ensure(length.is_multiple_of(size), CKR_ATTRIBUTE_VALUE_INVALID)?;
    // SAFETY: as the caller promises.
    let nested = unsafe { read_nested(attribute.pValue.cast(), length / size, depth - 1, budget)? };
    Ok(Value::Template(nested))
}

/// Answers C_GetAttributeValue in its template. Section 5.7.5: every attribute is processed,
/// whatever becomes of the others. The standard leaves open which of several codes is returned: it
/// is that of the first case in its list.
///
/// # Safety
/// Unless NULL, `pointer` is valid for reads and writes of `count` elements, and each of them for
/// writes of as many bytes as it says.
pub(super) unsafe fn answer(
    pointer: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: &Attributes,
) -> Result<()> {
    ensure(!pointer.is_null() || count == 0, CKR_ARGUMENTS_BAD)?;
    ensure(count <= MOST_ELEMENTS, CKR_ARGUMENTS_BAD)?;
    let mut outcome = Ok(());
    for i in 0..count as usize {
        // SAFETY: as the caller promises.
        let written = unsafe { answer_one(pointer.add(i), object) };
        outcome = graver(outcome, written);
        if outcome.is_err() && mutant!("wrong-attribute-hides-the-rest") {
            break;
        }
    }
    outcome
}

/// The outcome whose case comes first in section 5.7.5.
fn graver(one: Result<()>, other: Result<()>) -> Result<()> {
    const CASES: [CK_RV; 3] = [
        CKR_ATTRIBUTE_SENSITIVE,
        CKR_ATTRIBUTE_TYPE_INVALID,
        CKR_BUFFER_TOO_SMALL,
    ];
    let rank = |outcome: &Result<()>| match outcome {
        Ok(()) => usize::MAX,
        Err(refusal) => CASES
            .iter()
            .position(|case| *case == refusal.code())
            .unwrap_or(CASES.len()),
    };
    if rank(&other) < rank(&one) {
        other
    } else {
        one
    }
}

/// # Safety
/// As for `answer`, for one element.
unsafe fn answer_one(pointer: *mut CK_ATTRIBUTE, object: &Attributes) -> Result<()> {
    // SAFETY: as the caller promises.
    let place = unsafe { Place::new(pointer)? };
    let mut attribute = place.get();
    let result = match reveal(object, attribute.type_) {
        Reveal::Sensitive => {
            if !mutant!("unavailable-length-not-set") {
                attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
            }
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
    // Wrong on purpose with the mutant: the buffer is not so long.
    if attribute.ulValueLen < length && !mutant!("attribute-buffer-overrun") {
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
                outcome = graver(outcome, written);
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
    if !mutant!("inner-types-not-set") {
        attribute.type_ = name;
    }
    // SAFETY: as the caller promises.
    let result = unsafe { fill(&mut attribute, value) };
    place.set(attribute);
    result
}
