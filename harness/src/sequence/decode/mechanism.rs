//! Mechanisms with parameters that mostly make sense: by the shape that the standard gives each, with
//! hints for fields where only few values mean anything.

use super::tape::Tape;
use super::{Object, Writer, constant, recipe, template};
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::{self, Mechanism, ParameterShape};
use crate::cryptoki::structure::{self, Field, FieldType, Layout};
use crate::sequence::{
    Argument, Bytes, Content, FieldValue, MechanismArgument, Number, ParameterValue, Reference,
    Structure,
};

/// How deep structures nest.
const DEPTH: u32 = 3;
/// How many times as often as an argument a parameter is not of the mechanism's shape, or a field of it no constant.
const WRONG: u8 = 2;
/// Room behind every pointer whose length stands in no field named for it; no number of `SIZES` is
/// larger, so whichever field is the length is honest.
const ROOM: usize = 512;

/// Any mechanism, with a parameter.
pub(super) fn any(writer: &Writer<'_>, tape: &mut Tape<'_>) -> MechanismArgument {
    any_within(writer, tape, DEPTH)
}

/// The same, with structures so deep at most: a mechanism may stand in the parameter of another one.
fn any_within(writer: &Writer<'_>, tape: &mut Tape<'_>, depth: u32) -> MechanismArgument {
    match tape.pick(mechanism::all()) {
        Some(row) => with_parameter_within(writer, tape, row, depth),
        None => argument(0, ParameterValue::None),
    }
}

/// A mechanism for the purpose with these flags, if the token has one, or it is to be asked for one that it has not.
pub(super) fn for_purpose(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    flags: u64,
) -> Option<&'static Mechanism> {
    let rows = writer.setting.mechanisms_for(tape, flags);
    writer.swarm.pick(tape, rows, |row| row.value).copied()
}

/// A mechanism with a parameter of its shape, mostly.
pub(super) fn with_parameter(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    row: &Mechanism,
) -> MechanismArgument {
    with_parameter_within(writer, tape, row, DEPTH)
}

fn with_parameter_within(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    row: &Mechanism,
    depth: u32,
) -> MechanismArgument {
    if writer.setting.goes_wrong(tape, WRONG) {
        // Every structure with pointers has an even size: bytes of an odd one are never taken for
        // pointers that lie, which is class C.
        let count = usize::from(tape.byte() % 64) | 1;
        return argument(row.value, bytes(tape, count));
    }
    let left_out = row.optional_parameter && tape.below(2) == 0;
    let parameter = match row.parameter {
        _ if left_out => ParameterValue::None,
        ParameterShape::None => ParameterValue::None,
        ParameterShape::Bytes(count) if count > ROOM => {
            ParameterValue::Bytes(Bytes::of(Content::Literal(recipe::dh_public())))
        }
        ParameterShape::Bytes(count) => bytes(tape, count),
        ParameterShape::Ulong => ParameterValue::Ulong(Number::Literal(tape.number() % 64)),
        ParameterShape::Object => ParameterValue::Ulong(object(writer, tape)),
        ParameterShape::Structure(name) => ParameterValue::Structure(Structure {
            name: name.to_owned(),
            fields: fields(writer, tape, name, depth),
        }),
    };
    argument(row.value, parameter)
}

/// Structures of a mechanism in place of the usual one, by the functions that take them: those of
/// messages where keys are wrapped with authentication ([PKCS11-Base 3.2] 5.18.6 and 5.18.7), those
/// of wrapping where they are wrapped otherwise (6.13.3 and 6.13.5).
const IN_PLACE: [(&str, &[Function], &str); 5] = [
    ("CK_GCM_PARAMS", AUTHENTICATED, "CK_GCM_MESSAGE_PARAMS"),
    ("CK_CCM_PARAMS", AUTHENTICATED, "CK_CCM_MESSAGE_PARAMS"),
    (
        "CK_SALSA20_CHACHA20_POLY1305_PARAMS",
        AUTHENTICATED,
        "CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS",
    ),
    ("CK_GCM_PARAMS", WRAPPING, "CK_GCM_WRAP_PARAMS"),
    ("CK_CCM_PARAMS", WRAPPING, "CK_CCM_WRAP_PARAMS"),
];
const AUTHENTICATED: &[Function] = &[
    Function::C_WrapKeyAuthenticated,
    Function::C_UnwrapKeyAuthenticated,
];
const WRAPPING: &[Function] = &[Function::C_WrapKey, Function::C_UnwrapKey];

/// The mechanism with the structure that the function takes. The usual one may have the same size,
/// and its numbers would be taken for pointers: class C.
pub(super) fn suited(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    function: Function,
    mut given: MechanismArgument,
) -> MechanismArgument {
    let ParameterValue::Structure(usual) = &given.parameter else {
        return given;
    };
    let suits = |(name, functions, _): &&(&str, &[Function], &str)| {
        *name == usual.name && functions.contains(&function)
    };
    if let Some((_, functions, name)) = IN_PLACE.iter().find(suits)
        // The usual structure will do for wrapping, too.
        && (*functions == AUTHENTICATED || tape.below(2) == 0)
    {
        given.parameter = ParameterValue::Structure(Structure {
            name: (*name).to_owned(),
            fields: fields(writer, tape, name, DEPTH),
        });
    }
    given
}

/// The structure that a mechanism takes with each message, if it has one for that ([PKCS11-Base 3.2] 5.9.2, 6.13.3 and
/// others).
#[must_use]
pub fn message_structure(row: &Mechanism) -> Option<&'static str> {
    let ParameterShape::Structure(usual) = row.parameter else {
        return None;
    };
    let mut named = IN_PLACE.iter();
    let found = named.find(|(name, functions, _)| *name == usual && *functions == AUTHENTICATED);
    found.map(|(_, _, name)| *name)
}

/// The parameter of a message: of the mechanism's structure, but for an occasional one of another.
pub(super) fn of_message(writer: &Writer<'_>, tape: &mut Tape<'_>, row: &Mechanism) -> Argument {
    if writer.setting.goes_wrong(tape, WRONG) {
        return of_any_message(writer, tape);
    }
    match message_structure(row) {
        Some(name) => message(writer, tape, name),
        None => Argument::Null,
    }
}

/// The parameter of a message of some mechanism. Their sizes differ, so that a module can tell one for another's.
pub(super) fn of_any_message(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Argument {
    const STRUCTURES: [&str; 3] = [
        "CK_GCM_MESSAGE_PARAMS",
        "CK_CCM_MESSAGE_PARAMS",
        "CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS",
    ];
    match tape.below(STRUCTURES.len() + 1) {
        0 => Argument::Null,
        index => message(writer, tape, STRUCTURES[index - 1]),
    }
}

fn message(writer: &Writer<'_>, tape: &mut Tape<'_>, name: &str) -> Argument {
    Argument::Structure(Structure {
        name: name.to_owned(),
        fields: fields(writer, tape, name, DEPTH - 1),
    })
}

fn argument(mechanism: u64, parameter: ParameterValue) -> MechanismArgument {
    MechanismArgument {
        mechanism: Number::Literal(mechanism),
        parameter,
        claim: None,
    }
}

fn bytes(tape: &mut Tape<'_>, count: usize) -> ParameterValue {
    ParameterValue::Bytes(Bytes::of(Content::Literal(tape.bytes(count))))
}

fn object(writer: &Writer<'_>, tape: &mut Tape<'_>) -> Number {
    let live: Vec<&Object> = writer.live_objects().collect();
    tape.pick_recent(&live).map_or(Number::Dangling, |object| {
        Number::Reference(Reference::to(object.name.clone()))
    })
}

/// Values for the fields of a structure. Lengths that stand beside their pointers are left to be
/// filled in true, and every other pointer leads to `ROOM` bytes or to one structure.
pub(super) fn fields(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    name: &str,
    depth: u32,
) -> Vec<(String, FieldValue)> {
    let Some(layout) = structure::layout(name) else {
        return Vec::new();
    };
    let is_length = |field: &Field| {
        let pointers = layout.fields.iter();
        pointers
            .filter_map(|pointer| layout.length_of(pointer.name))
            .any(|length| length.name == field.name)
    };
    layout
        .fields
        .iter()
        .filter(|field| !is_length(field) && field.name != "ulAttributeCount")
        .filter_map(|field| {
            let value = field_value(writer, tape, layout, field, depth)?;
            Some((field.name.to_owned(), value))
        })
        .collect()
}

fn field_value(
    writer: &Writer<'_>,
    tape: &mut Tape<'_>,
    layout: &Layout,
    field: &Field,
    depth: u32,
) -> Option<FieldValue> {
    Some(match field.field_type {
        FieldType::Ulong => FieldValue::Number(ulong(writer, tape, field.name)),
        FieldType::Bool => FieldValue::Number(Number::Literal(u64::from(tape.byte() & 1))),
        FieldType::Byte => FieldValue::Number(Number::Literal(u64::from(tape.byte() & 3))),
        FieldType::Bytes(count) => literal(tape.bytes(count)),
        FieldType::PointerToBytes => pointer(tape, layout, field),
        // Places for single numbers: handles, and lengths of outputs, of which zero is a true one.
        FieldType::PointerToUlong => FieldValue::Ulongs(vec![Number::Literal(0)]),
        FieldType::Nested("CK_VERSION") => literal(vec![3, tape.byte() & 3]),
        FieldType::Nested(name) => FieldValue::Structures(vec![Structure {
            name: name.to_owned(),
            fields: fields(writer, tape, name, depth.saturating_sub(1)),
        }]),
        FieldType::PointerTo(_) if depth == 0 => return None,
        FieldType::PointerTo("CK_MECHANISM") => {
            FieldValue::Mechanism(Box::new(any_within(writer, tape, depth - 1)))
        }
        FieldType::PointerTo("CK_ATTRIBUTE") => {
            FieldValue::Template(template::any(writer, tape).attributes)
        }
        // One structure: the field that counts them says at most one.
        FieldType::PointerTo(name) => FieldValue::Structures(vec![Structure {
            name: name.to_owned(),
            fields: fields(writer, tape, name, depth - 1),
        }]),
    })
}

fn literal(bytes: Vec<u8>) -> FieldValue {
    FieldValue::Bytes(Bytes::of(Content::Literal(bytes)))
}

fn pointer(tape: &mut Tape<'_>, layout: &Layout, field: &Field) -> FieldValue {
    if field.name == "pContentType" {
        // Text has no length beside it: it ends with a NUL.
        return literal(b"text/plain\0".to_vec());
    }
    if layout.length_of(field.name).is_none() {
        return literal(vec![tape.byte(); ROOM]);
    }
    match (field.name, tape.below(8)) {
        ("pPublicData" | "pPublicData2", 0..6) => literal(recipe::public_point(tape)),
        (_, 0) => FieldValue::Bytes(Bytes {
            content: None,
            claim: None,
        }),
        (_, 1..4) => literal(vec![tape.byte(); 12]),
        _ => {
            let count = usize::from(tape.byte() % 33);
            literal(tape.bytes(count))
        }
    }
}

/// The values that mean something in a field, by its name.
fn hints(name: &str) -> &'static [&'static str] {
    match name {
        "hashAlg" | "prfHashMechanism" | "prfMechanism" | "prfType" | "hash"
        | "DigestMechanism" => &[
            "CKM_SHA256",
            "CKM_SHA_1",
            "CKM_SHA512",
            "CKM_SHA256_HMAC",
            "CKM_AES_CMAC",
            "CKM_SHA384",
        ],
        "mgf" => &["CKG_MGF1_SHA256", "CKG_MGF1_SHA1", "CKG_MGF1_SHA512"],
        "source" => &["CKZ_DATA_SPECIFIED"],
        "kdf" => &[
            "CKD_NULL",
            "CKD_SHA1_KDF",
            "CKD_SHA256_KDF",
            "CKD_SHA512_KDF",
        ],
        "prf" => &[
            "CKP_PKCS5_PBKD2_HMAC_SHA256",
            "CKP_PKCS5_PBKD2_HMAC_SHA1",
            "CKP_PKCS5_PBKD2_HMAC_SHA512",
        ],
        "saltSource" => &["CKZ_SALT_SPECIFIED"],
        "ulSaltType" => &[
            "CKF_HKDF_SALT_DATA",
            "CKF_HKDF_SALT_NULL",
            "CKF_HKDF_SALT_KEY",
        ],
        "ivGenerator" | "nonceGenerator" => &[
            "CKG_NO_GENERATE",
            "CKG_GENERATE_COUNTER",
            "CKG_GENERATE_RANDOM",
        ],
        "hedgeVariant" => &[
            "CKH_HEDGE_PREFERRED",
            "CKH_HEDGE_REQUIRED",
            "CKH_DETERMINISTIC_REQUIRED",
        ],
        _ => &[],
    }
}

/// Numbers worth trying where no constant is meant: sizes in bytes and in bits, all of them small.
const SIZES: [u64; 12] = [16, 128, 32, 12, 96, 64, 0, 20, 256, 1, 8, ROOM as u64];

fn ulong(writer: &Writer<'_>, tape: &mut Tape<'_>, name: &str) -> Number {
    let named = hints(name);
    if name.starts_with('h') && named.is_empty() {
        return object(writer, tape);
    }
    if let Some(hint) = tape.pick(named)
        && !writer.setting.goes_wrong(tape, WRONG)
    {
        return Number::Literal(constant(hint));
    }
    let small = tape.pick(&SIZES).copied().unwrap_or(0);
    Number::Literal(match name {
        // Work that grows with the number is bounded, and so is what a pointer must hold.
        "iterations" | "ulIteration" => 1 + small,
        "ulNumberOfDataParams" | "ulAdditionalDerivedKeys" | "ulCount" => small % 2,
        _ => small,
    })
}
