//! Phrases: groups of calls that belong together. Each is begun with what it needs (a key that fits
//! the mechanism), and any call of it may be left out, done twice, or cut off by another.

use cryptoki_sys::{
    CKF_ASYNC_SESSION, CKF_DECAPSULATE, CKF_DERIVE, CKF_ENCAPSULATE, CKF_GENERATE,
    CKF_GENERATE_KEY_PAIR, CKF_UNWRAP, CKF_WRAP, CKK_DH, CKK_DSA, CKK_RSA, CKK_X9_42_DH,
    CKO_OTP_KEY, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY,
};

use super::argument::{call, output, session};
use super::served::{ENCAPSULATES, WRAPS};
use super::setting::Prelude;
use super::tape::Tape;
use super::{
    Object, Writer, asynchronous, mechanism, names_of_nothing, number, operation, pins, recipe,
    reference, template, token,
};
use crate::cryptoki::Function;
use crate::cryptoki::function::ParameterKind;
use crate::cryptoki::mechanism::{Mechanism, Use};
use crate::sequence::{Argument, Attribute, Template};

/// How seldom a phrase is interrupted before one of its calls.
const INTERRUPTED: u8 = 16;

/// Types of key whose generation takes as long as thousands of other calls.
const DEAR_TO_MAKE: [u64; 4] = [CKK_RSA, CKK_DSA, CKK_DH, CKK_X9_42_DH];

/// How seldom one of them is generated where any type will do.
const DEAR: u8 = 32;

use Function as F;

/// Adds one phrase.
pub(super) fn phrase(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    const KINDS: [u64; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    if writer.prelude == Prelude::OwnToken && tape.below(2) == 0 {
        return token::phrase(writer, tape);
    }
    let swarm = writer.swarm;
    let kind = swarm.pick(tape, &KINDS, |kind| 0x1000 + kind);
    match kind.copied().unwrap_or(0) {
        0..6 => operation::any(writer, tape),
        6 => create(writer, tape),
        7 => generate(writer, tape),
        8 => derive(writer, tape),
        9 => wrap(writer, tape),
        10 => encapsulate(writer, tape),
        11 => search(writer, tape),
        12 => object_life(writer, tape),
        13 => operation::dual(writer, tape),
        14 if writer.lane.is_some() || tape.once_in(4) => session_life(writer, tape),
        _ => any(writer, tape),
    }
}

/// Any function with any arguments.
fn any(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let swarm = writer.swarm;
    let function = swarm.pick(tape, Function::ALL, |function| *function as u64);
    let function = function.copied().unwrap_or(F::C_GetInfo);
    let has_pins = !matches!(writer.prelude, Prelude::Token(_));
    match function {
        _ if writer.setting.is_legal() && is_for_phrases(function) => return,
        _ if writer.lane.is_some_and(|lane| lane.leaves_out(function)) => return,
        _ => call(writer, tape, function, &[]),
    }
    if function == F::C_Finalize {
        call(
            writer,
            tape,
            F::C_Initialize,
            &[("init_args", Argument::Default)],
        );
    }
    let ends = [F::C_Finalize, F::C_CloseAllSessions, F::C_CloseSession];
    if ends.contains(&function) && (!tape.once_in(4) || writer.setting.is_legal()) {
        writer.open_session();
        if has_pins {
            writer.log_in();
        }
    }
}

/// True if what the function takes must suit it, as phrases see to.
fn is_for_phrases(function: Function) -> bool {
    let mut parameters = function.parameters().iter();
    function == F::C_CreateObject
        || parameters.any(|parameter| {
            let kinds = [ParameterKind::Mechanism, ParameterKind::MessageParameter];
            kinds.contains(&parameter.kind)
        })
}

/// One call of a phrase, with what may come in between.
pub(super) fn step(
    writer: &mut Writer<'_>,
    tape: &mut Tape<'_>,
    function: Function,
    given: &[(&str, Argument)],
) {
    if tape.once_in(INTERRUPTED) {
        any(writer, tape);
    }
    if !tape.once_in(64) {
        call(writer, tape, function, given);
    }
}

pub(super) fn of_mechanism(writer: &Writer<'_>, tape: &mut Tape<'_>, row: &Mechanism) -> Argument {
    Argument::Mechanism(Box::new(mechanism::with_parameter(writer, tape, row)))
}

/// A key for the mechanism: one that is there, or one made for the purpose.
pub(super) fn key(
    writer: &mut Writer<'_>,
    tape: &mut Tape<'_>,
    row: &Mechanism,
    class: u64,
) -> Argument {
    let fits = |object: &&Object| {
        row.key_types.contains(&object.key_type)
            && (object.class == class || object.class == CKO_SECRET_KEY)
    };
    let there: Vec<Object> = writer.live_objects().filter(fits).cloned().collect();
    if let Some(object) = tape.pick_recent(&there)
        && !tape.once_in(12)
    {
        return reference(&object.name);
    }
    // Importing a key is cheap; that of another class than the function's is wrong in a way of its own.
    let classes = [class, CKO_SECRET_KEY, CKO_OTP_KEY, CKO_PRIVATE_KEY];
    let mut classes = classes.into_iter();
    let made = classes.find_map(|class| recipe::key(writer.setting, tape, class, row));
    match made {
        Some(recipe) => {
            create_from(writer, tape, recipe.attributes());
            writer.describe(1, &[(recipe.class, recipe.key_type)]);
        }
        // Key types without a recipe are generated, in pairs.
        None => pair(writer, tape, row.key_types.first().copied()),
    }
    let last = writer.live_objects().filter(fits).last();
    let last = last.or(writer.objects.last());
    last.map_or(Argument::Default, |object| reference(&object.name))
}

fn create_from(writer: &mut Writer<'_>, tape: &mut Tape<'_>, attributes: Vec<Attribute>) {
    let template = template::bent(writer, tape, attributes);
    let given = [
        ("session", reference(&writer.current)),
        ("template", Argument::Template(template)),
    ];
    call(writer, tape, F::C_CreateObject, &given);
}

fn create(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let recipe = recipe::object(writer.setting, tape);
    create_from(writer, tape, recipe.attributes());
    writer.describe(1, &[(recipe.class, recipe.key_type)]);
}

fn templated(writer: &Writer<'_>, tape: &mut Tape<'_>, attributes: Vec<Attribute>) -> Argument {
    let template: Template = template::bent(writer, tape, attributes);
    Argument::Template(template)
}

pub(super) fn generate(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    if tape.below(2) == 1 {
        return pair(writer, tape, None);
    }
    let Some(row) = mechanism::for_purpose(writer, tape, CKF_GENERATE) else {
        return;
    };
    let key_type = row.key_types.first().copied();
    let mut attributes = recipe::open();
    attributes.extend(recipe::generation(writer.setting, row));
    let given = [
        ("session", session(writer, tape)),
        ("mechanism", of_mechanism(writer, tape, row)),
        ("template", templated(writer, tape, attributes)),
    ];
    step(writer, tape, F::C_GenerateKey, &given);
    writer.describe(
        1,
        &[(CKO_SECRET_KEY, key_type.unwrap_or(names_of_nothing()))],
    );
}

/// True of the mechanisms that make keys out of large primes.
pub(super) fn is_dear(row: &Mechanism) -> bool {
    let makes = [Use::GeneratePair, Use::Generate];
    row.uses.iter().any(|of| makes.contains(of))
        && row.key_types.iter().any(|of| DEAR_TO_MAKE.contains(of))
}

/// A key pair, of this type if the standard can generate one.
fn pair(writer: &mut Writer<'_>, tape: &mut Tape<'_>, key_type: Option<u64>) {
    let dear = tape.once_in(DEAR);
    let rows = writer
        .setting
        .mechanisms_for(tape, CKF_GENERATE_KEY_PAIR)
        .iter();
    let rows = rows.copied().filter(|row| match key_type {
        Some(key_type) => row.key_types.contains(&key_type),
        None => is_dear(row) == dear,
    });
    let rows: Vec<_> = rows.collect();
    let picked = writer.swarm.pick(tape, &rows, |row| row.value);
    let Some(row) = picked.copied() else {
        return create(writer, tape);
    };
    let key_type = row.key_types.first().copied().unwrap_or(names_of_nothing());
    let given = [
        ("session", session(writer, tape)),
        ("mechanism", of_mechanism(writer, tape, row)),
        (
            "public_key_template",
            templated(writer, tape, recipe::generation(writer.setting, row)),
        ),
        (
            "private_key_template",
            templated(writer, tape, recipe::open()),
        ),
    ];
    call(writer, tape, F::C_GenerateKeyPair, &given);
    writer.describe(
        2,
        &[(CKO_PUBLIC_KEY, key_type), (CKO_PRIVATE_KEY, key_type)],
    );
}

/// The template of a key to be made, and what to say of it.
fn made(writer: &Writer<'_>, tape: &mut Tape<'_>) -> (Argument, u64) {
    use cryptoki_sys::{CKK_AES, CKK_GENERIC_SECRET};
    let key_type = [CKK_GENERIC_SECRET, CKK_AES][tape.below(2)];
    let length = [32, 16, 48, 20][tape.below(4)];
    let template = templated(writer, tape, recipe::made(key_type, length));
    (template, key_type)
}

fn derive(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let Some(row) = mechanism::for_purpose(writer, tape, CKF_DERIVE) else {
        return;
    };
    let base_key = key(writer, tape, row, CKO_PRIVATE_KEY);
    let (template, key_type) = made(writer, tape);
    let given = [
        ("session", session(writer, tape)),
        ("mechanism", of_mechanism(writer, tape, row)),
        ("base_key", base_key),
        ("template", template),
    ];
    step(writer, tape, F::C_DeriveKey, &given);
    writer.describe(1, &[(CKO_SECRET_KEY, key_type)]);
}

fn wrap(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let Some(row) = mechanism::for_purpose(writer, tape, WRAPS) else {
        return;
    };
    let authenticated = tape.below(4) == 3;
    let (wrap, unwrap) = match authenticated {
        true => (F::C_WrapKeyAuthenticated, F::C_UnwrapKeyAuthenticated),
        false => (F::C_WrapKey, F::C_UnwrapKey),
    };
    let wrapping_key = key(writer, tape, row, CKO_PUBLIC_KEY);
    let unwrapping_key = key(writer, tape, row, CKO_PRIVATE_KEY);
    create(writer, tape);
    let mechanism = of_mechanism(writer, tape, row);
    let session = session(writer, tape);
    let last = writer.objects.last().map(|object| reference(&object.name));
    let given = [
        ("session", session.clone()),
        ("mechanism", mechanism.clone()),
        ("wrapping_key", wrapping_key),
        ("key", last.unwrap_or(Argument::Default)),
    ];
    if writer.setting.is_for(tape, row, CKF_WRAP) {
        step(writer, tape, wrap, &given);
    }
    if !writer.setting.is_for(tape, row, CKF_UNWRAP) {
        return;
    }
    let (template, key_type) = made(writer, tape);
    let given = [
        ("session", session),
        ("mechanism", mechanism),
        ("unwrapping_key", unwrapping_key),
        ("wrapped_key", output(writer, tape)),
        ("template", template),
    ];
    step(writer, tape, unwrap, &given);
    writer.describe(1, &[(CKO_SECRET_KEY, key_type)]);
}

fn encapsulate(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let Some(row) = mechanism::for_purpose(writer, tape, ENCAPSULATES) else {
        return;
    };
    let public_key = key(writer, tape, row, CKO_PUBLIC_KEY);
    let private_key = key(writer, tape, row, CKO_PRIVATE_KEY);
    let mechanism = of_mechanism(writer, tape, row);
    let (template, key_type) = made(writer, tape);
    let session = session(writer, tape);
    let shared = [
        ("session", session),
        ("mechanism", mechanism),
        ("template", template),
    ];
    let mut given = shared.to_vec();
    given.push(("public_key", public_key));
    if writer.setting.is_for(tape, row, CKF_ENCAPSULATE) {
        step(writer, tape, F::C_EncapsulateKey, &given);
        writer.describe(1, &[(CKO_SECRET_KEY, key_type)]);
    }
    if !writer.setting.is_for(tape, row, CKF_DECAPSULATE) {
        return;
    }
    let mut given = shared.to_vec();
    given.push(("private_key", private_key));
    given.push(("ciphertext", output(writer, tape)));
    step(writer, tape, F::C_DecapsulateKey, &given);
    writer.describe(1, &[(CKO_SECRET_KEY, key_type)]);
}

fn search(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    let session = session(writer, tape);
    let on = [("session", session)];
    step(writer, tape, F::C_FindObjectsInit, &on);
    for _ in 0..=tape.below(3) {
        step(writer, tape, F::C_FindObjects, &on);
    }
    step(writer, tape, F::C_FindObjectsFinal, &on);
}

/// A session, opened, used, closed, and used again.
fn session_life(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    const CALLS: [Function; 4] = [
        F::C_GetSessionInfo,
        F::C_FindObjectsInit,
        F::C_GenerateRandom,
        F::C_DigestInit,
    ];
    let flags = asynchronous::flags(writer, tape);
    call(writer, tape, F::C_OpenSession, &[("flags", number(flags))]);
    let one = match writer.lane {
        Some(lane) if !lane.is_apart => tape.pick_recent(&writer.sessions),
        _ => writer.sessions.last(),
    };
    let one = one.cloned();
    if let Some(session) = one.as_deref().filter(|_| flags & CKF_ASYNC_SESSION != 0) {
        asynchronous::work(writer, tape, session);
    }
    let one = one.map(|name| reference(&name));
    let on = [("session", one.unwrap_or(Argument::Default))];
    let closed = if writer.setting.is_legal() { 2 } else { 3 };
    for function in [None, Some(F::C_CloseSession), None]
        .into_iter()
        .take(closed)
    {
        let any = match tape.once_in(8) {
            true => pins::CHECKED[tape.below(pins::CHECKED.len())],
            false => CALLS[tape.below(CALLS.len())],
        };
        step(writer, tape, function.unwrap_or(any), &on);
    }
}

fn object_life(writer: &mut Writer<'_>, tape: &mut Tape<'_>) {
    if writer.live_objects().next().is_none() {
        create(writer, tape);
    }
    const CALLS: [Function; 6] = [
        F::C_GetAttributeValue,
        F::C_SetAttributeValue,
        F::C_CopyObject,
        F::C_GetObjectSize,
        F::C_GetAttributeValue,
        F::C_DestroyObject,
    ];
    for _ in 0..=tape.below(3) {
        let function = CALLS[tape.below(CALLS.len())];
        step(writer, tape, function, &[]);
    }
}
