//! Buffers for attributes: each of a template is answered by itself, one with too little room with
//! CK_UNAVAILABLE_INFORMATION, and the others as if it were not there ([PKCS11-Base 3.2] 5.7.5).

use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CKR_BUFFER_TOO_SMALL, CKR_OK};

use super::super::attributes::{Known, Values, create};
use super::super::draw::Draw;
use super::super::question::Question;
use super::super::script::{
    Make, SESSION, Script, asked, attribute, handle, is_number, length, on, template,
};
use crate::cryptoki::Function::{self, C_CreateObject, C_GetAttributeValue};
use crate::sequence::{Attribute, AttributeValue, Buffer, BufferSize, Number, Relation};

/// What is called.
pub(super) const FUNCTIONS: [Function; 2] = [C_CreateObject, C_GetAttributeValue];

/// Purpose of drawn bytes: the room of each attribute.
const ROOMS: u64 = 80;
/// Coin of a draw: which object.
const IS_KEY: u32 = 7;

/// What is offered for an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// NULL: 5.7.5, item 3.
    Ask,
    /// As many bytes as it has: item 4.
    Enough,
    /// One byte more: item 4.
    OneMore,
    /// One byte less: item 5.
    OneShort,
    /// One byte alone: item 5.
    OneByte,
}

/// Offers for a value of any length.
const OFFERS: [Offer; 5] = [
    Offer::Ask,
    Offer::Enough,
    Offer::OneMore,
    Offer::OneShort,
    Offer::OneByte,
];

impl Offer {
    /// A number is offered no room that it could not lie in as it should; a byte alone can be offered no less.
    fn drawn(byte: u8, value: &Known) -> Offer {
        let offers = match value {
            Known::Bytes(bytes) if bytes.len() > 1 => &OFFERS[..],
            Known::Bytes(_) => &OFFERS[..3],
            Known::Number(_) | Known::Flag(_) => &OFFERS[..2],
        };
        offers[usize::from(byte) % offers.len()]
    }

    fn size(self, needed: u64) -> BufferSize {
        let bytes = |count| BufferSize::Elements(Number::Literal(count));
        match self {
            Offer::Ask => BufferSize::Null,
            Offer::Enough => bytes(needed),
            Offer::OneMore => bytes(needed + 1),
            Offer::OneShort => bytes(needed - 1),
            Offer::OneByte => bytes(1),
        }
    }

    fn is_too_small(self) -> bool {
        matches!(self, Offer::OneShort | Offer::OneByte)
    }

    /// What must come of the attribute.
    fn comes(self, value: &Known) -> Relation {
        match self {
            Offer::Ask => length(is_number(value.length())),
            Offer::Enough | Offer::OneMore => value.is(),
            Offer::OneShort | Offer::OneByte => Relation::Unavailable,
        }
    }
}

/// The attributes of an object of which all is known, with room for each as drawn.
pub(super) fn question(draw: &Draw) -> Question {
    let is_key = draw.coin(IS_KEY);
    let mut script = Script::default();
    let values = create(&mut script, draw, is_key);
    let names: Vec<CK_ATTRIBUTE_TYPE> = values.keys().copied().collect();
    // That what was given is read is another property's business.
    let why = "the token does not show what it was given";
    let read = reading(asked(&names)).presumed();
    script.add(values.iter().fold(read, |read, (name, value)| {
        read.requires(&attribute(*name), value.is(), why)
    }));
    tried(&mut script, draw, &values);
    let read = reading(asked(&names));
    script.add(values.iter().fold(read, |read, (name, value)| {
        read.is(&attribute(*name), value.is())
    }));
    Question {
        section: Some("5.7.5"),
        ..Question::new(if is_key { "CKO_SECRET_KEY" } else { "CKO_DATA" }, script)
    }
}

fn reading(template: crate::sequence::Argument) -> Make {
    on(SESSION, C_GetAttributeValue)
        .with("object", handle("object"))
        .with("template", template)
}

/// Reads all attributes, each into what it is offered.
fn tried(script: &mut Script, draw: &Draw, values: &Values) {
    let bytes = draw.bytes(ROOMS, values.len());
    let offers = values.iter().zip(bytes);
    let offers: Vec<_> = offers
        .map(|((name, value), byte)| (*name, value, Offer::drawn(byte, value)))
        .collect();
    let offered = |(name, value, offer): &(CK_ATTRIBUTE_TYPE, &Known, Offer)| Attribute {
        attribute: *name,
        value: AttributeValue::Buffer(Buffer::of(offer.size(value.length()))),
    };
    let returned = match offers.iter().any(|(_, _, offer)| offer.is_too_small()) {
        true => CKR_BUFFER_TOO_SMALL,
        false => CKR_OK,
    };
    let read = reading(template(offers.iter().map(offered).collect())).returns(&[returned]);
    script.add(offers.iter().fold(read, |read, (name, value, offer)| {
        read.is(&attribute(*name), offer.comes(value))
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is called too small must be, and what is not must suffice; nothing is offered no byte at all.
    #[test]
    fn offers_are_what_they_are_called() {
        let values = [1, 2, 40].map(|count| Known::Bytes(vec![7; count]));
        let others = [Known::Number(7), Known::Flag(true)];
        for value in values.iter().chain(&others) {
            let needed = value.length();
            for byte in 0..=u8::MAX {
                let offer = Offer::drawn(byte, value);
                let BufferSize::Elements(Number::Literal(size)) = offer.size(needed) else {
                    assert_eq!(offer, Offer::Ask);
                    continue;
                };
                assert!(size > 0, "{offer:?} for {value:?}");
                assert_eq!(
                    size < needed,
                    offer.is_too_small(),
                    "{offer:?} for {value:?}"
                );
            }
        }
    }
}
