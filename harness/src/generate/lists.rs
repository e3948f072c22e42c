//! Functions that give a list or a string of bytes and are about no mechanism: they tell its length,
//! fill a buffer that is large enough, refuse one that is not, and lose nothing by it.
//! [PKCS11-Base 3.2] 5.2, 5.4.5, 5.5.1, 5.5.5, 5.6.6 and 5.7.8.

use cryptoki_sys::*;
use p11assay_reports::evidence::Class;

use super::draft::{Draft, session};
use super::{handles, honest};
use crate::cryptoki::Function::{self, *};
use crate::plan::{Ladder, MechanismNeed, Needs};
use crate::sequence::expectation::{Expected, Relation};
use crate::sequence::{
    Argument, Attribute, AttributeValue, Buffer, BufferSize, Bytes, Call, Capture, Content,
    Expectation, Number, Reference, Selector, Template,
};

pub(super) fn cases(function: Function) -> Vec<Draft> {
    match function {
        C_GetInterfaceList => list(function, "5.4.5", Ladder::Loaded),
        C_GetSlotList => list(function, "5.5.1", Ladder::Initialized),
        C_GetMechanismList => list(function, "5.5.5", Ladder::Initialized),
        C_GetOperationState => vec![operation_state()],
        C_FindObjects => vec![one_at_a_time()],
        _ => Vec::new(),
    }
}

/// Name of the number of elements.
const COUNT: &str = "count";

/// A buffer of this size for the last output.
fn into(mut call: Call, size: BufferSize) -> Call {
    if let Some(last) = call.arguments.last_mut() {
        *last = Argument::Buffer(Buffer::of(size));
    }
    call
}

fn room(elements: u64) -> BufferSize {
    BufferSize::Elements(Number::Literal(elements))
}

/// The last output of the call.
fn output(call: &Call) -> Reference {
    let last = call.function.parameters().last();
    Reference::to(last.map_or("", |parameter| parameter.name))
}

fn expecting(mut call: Call, relation: Relation) -> Call {
    call.expect.push(Expectation {
        subject: output(&call),
        captured: false,
        relation,
    });
    call
}

fn of_length(length: Number) -> Relation {
    let equals = Relation::Equals(Expected::Number(length));
    Relation::Length(Box::new(equals))
}

/// The call asking for the number of elements, kept as `$count`.
fn counting(call: &Call) -> Call {
    let mut call = into(call.clone(), BufferSize::Null);
    let mut length = output(&call);
    length.path.push(Selector::Length);
    call.gives.push(Capture {
        output: length,
        name: COUNT.to_owned(),
    });
    call
}

/// Enough for every list there is.
const MANY: u64 = 4096;

fn list(function: Function, section: &'static str, ladder: Ladder) -> Vec<Draft> {
    let call = honest::call(function);
    let draft = |id: &str, what: &str| {
        Draft::new(id, section, ladder)
            .title(format!("{function} {what}"))
            .class(Class::A)
    };
    let counted = || of_length(Number::Reference(Reference::to(COUNT)));
    let whole = |size| expecting(into(call.clone(), size), counted());
    let small = |size| Call {
        returns: vec![CKR_BUFFER_TOO_SMALL],
        ..whole(size)
    };
    let mut some = counting(&call);
    some.requires.push(Expectation {
        subject: output(&some),
        captured: false,
        relation: Relation::Length(Box::new(Relation::AtLeast(Number::Literal(1)))),
    });
    some.otherwise = Some("the list is empty".to_owned());
    vec![
        draft("list-exact", "fills a list of the length that it tells")
            .call(counting(&call))
            .call(whole(BufferSize::Exact)),
        draft("list-longer", "tells how much of a longer list it fills")
            .call(counting(&call))
            .call(whole(room(MANY))),
        draft(
            "list-one-short",
            "refuses a list that is one too short, and tells what is needed",
        )
        .call(some.clone())
        .call(small(BufferSize::Short))
        .call(whole(BufferSize::Exact)),
        draft(
            "list-of-none",
            "refuses a list of no elements, and tells what is needed",
        )
        .call(some)
        .call(small(room(0))),
    ]
}

/// 5.6.6 uses the convention of 5.2; and a digest goes on after its state was told.
fn operation_state() -> Draft {
    let data = || {
        Argument::Bytes(Bytes::of(Content::Repeat {
            byte: b'a',
            count: 80,
        }))
    };
    let call = |function: Function, inputs: &[Argument]| {
        let mut call = Call::new(0, function);
        call.arguments[0] = session();
        call.arguments[1..=inputs.len()].clone_from_slice(inputs);
        call
    };
    let mut digest = into(call(C_Digest, &[data()]), room(64));
    digest.gives.push(Capture {
        output: output(&digest),
        name: "whole".to_owned(),
    });
    let state = call(C_GetOperationState, &[]);
    // Whether a state can be saved is left to the token.
    let asked = Call {
        not_applicable: vec![CKR_STATE_UNSAVEABLE, CKR_FUNCTION_NOT_SUPPORTED],
        ..into(state.clone(), BufferSize::Null)
    };
    // One byte less than told could do: by 5.2 that may somewhat exceed what is needed.
    let short = Call {
        returns: vec![CKR_BUFFER_TOO_SMALL],
        ..into(state.clone(), room(1))
    };
    let whole = Content::Reference(Reference::to("whole"));
    let end = into(call(C_DigestFinal, &[]), room(64));
    let end = expecting(end, Relation::Equals(Expected::Bytes(whole)));
    let needs = Needs {
        mechanisms: vec![MechanismNeed {
            mechanism: CKM_SHA256,
            flags: CKF_DIGEST,
            key_size: None,
        }],
        ..Needs::default()
    };
    // Certain tokens want a user for whatever is cryptographic (5.1.6).
    let init = Call {
        not_applicable: vec![CKR_USER_NOT_LOGGED_IN],
        ..honest::call(C_DigestInit)
    };
    Draft::new("state-of-a-digest", "5.6.6", Ladder::Session)
        .title("C_GetOperationState tells the length, and neither it nor a short buffer ends the digest")
        .class(Class::A)
        .needs(&needs)
        .fixture(init.clone())
        .fixture(digest)
        .fixture(init)
        .fixture(call(C_DigestUpdate, &[data()]))
        .call(asked)
        .call(short)
        .call(into(state, BufferSize::Exact))
        .call(end)
}

/// 5.7.8: no more handles than there is room for, and the others later.
fn one_at_a_time() -> Draft {
    let label = || Attribute {
        attribute: CKA_LABEL,
        value: AttributeValue::Bytes(Bytes::of(Content::Text("p11assay one by one".to_owned()))),
    };
    let labelled = |name: &str| {
        let mut create = honest::data_object();
        if let Argument::Template(template) = &mut create.arguments[1] {
            template.attributes.push(label());
        }
        let mut create = handles::kept(create);
        create.gives.truncate(1);
        create.gives[0].name = name.to_owned();
        create
    };
    let mut init = honest::call(C_FindObjectsInit);
    init.arguments[1] = Argument::Template(Template {
        attributes: vec![label()],
        claim: None,
    });
    let find = |found: u64| {
        let find = into(honest::call(C_FindObjects), room(1));
        expecting(find, of_length(Number::Literal(found)))
    };
    Draft::new("one-at-a-time", "5.7.8", Ladder::Session)
        .title("C_FindObjects gives no more objects than there is room for, and the others later")
        .class(Class::A)
        .fixture(labelled("one"))
        .fixture(labelled("two"))
        .call(init)
        .call(find(1))
        .call(find(1))
        .call(find(0))
        .call(honest::call(C_FindObjectsFinal))
}
