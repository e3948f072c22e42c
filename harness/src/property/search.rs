//! Searches: what is found is exactly what matches, one after the other and each once ([PKCS11-Base 3.2]
//! 5.7.7 to 5.7.9).

use std::sync::Arc;

use cryptoki_sys::*;
use proptest::collection::vec;
use proptest::prelude::*;

use super::draw::{Draw, draw};
use super::ground::Ground;
use super::key::open;
use super::question::Question;
use super::script::{
    Make, SESSION, Script, asked, attribute, equals, flag, handle, is_number, length, literal,
    octets, on, template, ulong,
};
use super::table::Asked;
use crate::cryptoki::Function::{
    C_CreateObject, C_DestroyObject, C_FindObjects, C_FindObjectsFinal, C_FindObjectsInit,
    C_GetAttributeValue,
};
use crate::sequence::expectation::Expected;
use crate::sequence::{Attribute, AttributeValue, Bytes, Content, Number, Reference, Relation};

/// Most objects of a case.
const OBJECTS: usize = 6;

/// Values of which some are the beginning of others.
const VALUES: [&[u8]; 4] = [b"a", b"ab", b"abc", b"b"];

/// An object of a case: two values, and whether it is destroyed before the search.
#[derive(Debug, Clone, Copy)]
struct Object {
    values: [usize; 2],
    gone: bool,
}

/// What a search asks for of either value.
type Wanted = [Option<usize>; 2];

fn object() -> impl Strategy<Value = Object> {
    let value = || 0..VALUES.len();
    ([value(), value()], prop::bool::weighted(0.2))
        .prop_map(|(values, gone)| Object { values, gone })
}

/// The kinds of objects, each with an attribute that tells those of the case from all others, and two that
/// are searched for.
#[derive(Debug, Clone, Copy)]
struct Kind {
    name: &'static str,
    own: CK_ATTRIBUTE_TYPE,
    searched: [CK_ATTRIBUTE_TYPE; 2],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "CKO_DATA",
        own: CKA_APPLICATION,
        searched: [CKA_LABEL, CKA_VALUE],
    },
    Kind {
        name: "CKO_SECRET_KEY",
        own: CKA_LABEL,
        searched: [CKA_ID, CKA_START_DATE],
    },
];

impl Kind {
    /// The value of this number of a searched attribute.
    fn value(&self, attribute: CK_ATTRIBUTE_TYPE, number: usize) -> Attribute {
        if attribute == CKA_START_DATE {
            let day = format!("202{number}0101");
            return octets(attribute, Content::Literal(day.into_bytes()));
        }
        octets(attribute, literal(VALUES[number]))
    }

    fn template(&self, own: &[u8], object: &Object) -> Vec<Attribute> {
        let mut attributes = match self.name {
            "CKO_DATA" => vec![ulong(CKA_CLASS, CKO_DATA), flag(CKA_TOKEN, false)],
            _ => {
                let mut key = open();
                key.extend([
                    ulong(CKA_CLASS, CKO_SECRET_KEY),
                    ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
                    octets(CKA_VALUE, literal(&[7; 32])),
                ]);
                key
            }
        };
        attributes.push(octets(self.own, literal(own)));
        let searched = self.searched.into_iter().zip(object.values);
        attributes.extend(searched.map(|(attribute, number)| self.value(attribute, number)));
        attributes
    }
}

/// A search finds exactly what matches.
pub(super) fn matches(_: &Arc<Ground>) -> Asked {
    let wanted = || prop::option::of(0..VALUES.len());
    let choices = (
        draw(),
        vec(object(), 1..=OBJECTS),
        [wanted(), wanted()],
        0..KINDS.len(),
    );
    let ask = |(draw, objects, wanted, kind): (Draw, Vec<Object>, Wanted, usize)| {
        let kind = KINDS[kind];
        let own = draw.name();
        let mut script = Script::default();
        make(&mut script, &kind, own.as_bytes(), &objects);
        search(&mut script, &kind, own.as_bytes(), &objects, wanted);
        Question::new(kind.name, script)
    };
    Ok(choices.prop_map(ask).boxed())
}

fn make(script: &mut Script, kind: &Kind, own: &[u8], objects: &[Object]) {
    for (number, object) in objects.iter().enumerate() {
        let create =
            on(SESSION, C_CreateObject).with("template", template(kind.template(own, object)));
        script.add(
            create
                .keep("object", &format!("object-{number}"))
                .presumed(),
        );
    }
    let gone = objects.iter().enumerate().filter(|(_, object)| object.gone);
    for (number, _) in gone {
        let destroy = on(SESSION, C_DestroyObject);
        script.add(
            destroy
                .with("object", handle(&format!("object-{number}")))
                .presumed(),
        );
    }
}

fn search(script: &mut Script, kind: &Kind, own: &[u8], objects: &[Object], wanted: Wanted) {
    let fits = |object: &&Object| {
        let mut pairs = object.values.iter().zip(&wanted);
        !object.gone && pairs.all(|(has, wanted)| wanted.is_none_or(|wanted| wanted == *has))
    };
    let count = objects.iter().filter(fits).count();
    let mut searched = vec![octets(kind.own, literal(own))];
    for (attribute, wanted) in kind.searched.into_iter().zip(wanted) {
        searched.extend(wanted.map(|number| kind.value(attribute, number)));
    }
    script.add(on(SESSION, C_FindObjectsInit).with("template", template(searched.clone())));
    for place in 0..count {
        let mut call = find(1).keep("object[0]", &format!("found-{place}"));
        for earlier in 0..place {
            let other = Reference::to(format!("found-{place}"));
            let other = Expected::Number(Number::Reference(other));
            call = call.was(&format!("found-{earlier}"), Relation::Differs(other));
        }
        script.add(call);
    }
    script.add(find(0));
    script.add(on(SESSION, C_FindObjectsFinal));
    // Room for more than there is makes no more of them.
    script.add(on(SESSION, C_FindObjectsInit).with("template", template(searched)));
    let most = Relation::AtMost(Number::Literal(count as u64));
    let all = on(SESSION, C_FindObjects).room_for(2 * OBJECTS as u64);
    script.add(all.is("object", length(most)));
    script.add(on(SESSION, C_FindObjectsFinal));
    for (attribute_type, wanted) in kind.searched.into_iter().zip(wanted) {
        let Some(number) = wanted else { continue };
        for place in 0..count {
            let value = kind.value(attribute_type, number);
            script.add(read(&format!("found-{place}"), attribute_type, value));
        }
    }
}

/// A step of a search with room for one, which finds so many.
fn find(count: u64) -> Make {
    on(SESSION, C_FindObjects)
        .room_for(1)
        .is("object", length(is_number(count)))
}

fn read(object: &str, of: CK_ATTRIBUTE_TYPE, value: Attribute) -> Make {
    let call = on(SESSION, C_GetAttributeValue)
        .with("object", handle(object))
        .with("template", asked(&[of]));
    match value.value {
        AttributeValue::Bytes(Bytes {
            content: Some(content),
            ..
        }) => call.is(&attribute(of), equals(content)),
        _ => call,
    }
}
