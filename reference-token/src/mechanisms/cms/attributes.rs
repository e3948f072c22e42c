//! Signed attributes, RFC 5652 sections 5.3 and 11: what the token includes always, by default and
//! when it is asked to. Nobody is there to be asked about a value that an application proposes, so
//! the policy is here: a content type, a signing time, and the message digest if it is right.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cryptoki_sys::*;
use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode, Encode, Tag, Tagged};

use super::encoding;
use crate::rv::{Result, ensure, refusal};

const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_TIME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.5");
/// The content type of data: RFC 5652 section 4.
const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// The attributes of a mechanism object (section 6.44.2): lists of identifiers without values.
pub(crate) fn offered() -> [(CK_ATTRIBUTE_TYPE, Vec<u8>); 3] {
    let list = |identifiers: &[ObjectIdentifier]| {
        let one = |identifier: &ObjectIdentifier| {
            let identifier = identifier.to_der().unwrap_or_default();
            encoding::sequence(&[&identifier])
        };
        encoding::set(&sorted(identifiers.iter().map(one).collect()))
    };
    let always = list(&[CONTENT_TYPE, MESSAGE_DIGEST]);
    [
        (CKA_REQUIRED_CMS_ATTRIBUTES, always.clone()),
        (CKA_DEFAULT_CMS_ATTRIBUTES, always),
        (
            CKA_SUPPORTED_CMS_ATTRIBUTES,
            list(&[CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME]),
        ),
    ]
}

/// The elements of a SET OF as DER has them: in the order of their encodings.
fn sorted(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    elements.concat()
}

/// The elements in the content of a constructed one, each with its encoding.
pub(super) fn elements(mut content: &[u8]) -> Option<Vec<(AnyRef<'_>, &[u8])>> {
    let mut list = Vec::new();
    while !content.is_empty() {
        let (element, rest) = AnyRef::from_der_partial(content).ok()?;
        list.push((element, content.get(..content.len() - rest.len())?));
        content = rest;
    }
    Some(list)
}

/// An attribute in a list of an application, with the values that it proposes.
struct Proposed<'a> {
    identifier: ObjectIdentifier,
    values: Vec<(AnyRef<'a>, &'a [u8])>,
}

/// `Attributes` of section 6.44.2.
fn proposed<'a>(list: &'a [u8]) -> Option<Vec<Proposed<'a>>> {
    let set = AnyRef::from_der(list).ok()?;
    let attributes = elements(set.value())?;
    let is_list = set.tag() == Tag::Set && !attributes.is_empty();
    let read = |(attribute, _): (AnyRef<'a>, _)| {
        let parts = elements(attribute.value())?;
        let (identifier, values) = match parts[..] {
            [(identifier, _)] => (identifier, Vec::new()),
            [(identifier, _), (values, _)] if values.tag() == Tag::Set => {
                (identifier, elements(values.value())?)
            }
            _ => return None,
        };
        let identifier = identifier.decode_as().ok()?;
        let is_sequence = attribute.tag() == Tag::Sequence;
        is_sequence.then_some(Proposed { identifier, values })
    };
    is_list.then(|| attributes.into_iter().map(read).collect())?
}

/// What goes into a signature.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// DER of the values; the content type is that of data if there is none.
    content_type: Option<Vec<u8>>,
    signing_time: Option<Vec<u8>>,
    /// The digest that the message has to have.
    digest: Option<Vec<u8>>,
}

impl Chosen {
    /// Takes an attribute as it is proposed; false if it is not known, has a value that it cannot
    /// have, or is there already.
    fn take(&mut self, proposed: &Proposed) -> bool {
        let value = match proposed.values[..] {
            [] => None,
            [value] => Some(value),
            // RFC 5652 sections 11.1 to 11.3: exactly one.
            _ => return false,
        };
        let (place, value) = match (proposed.identifier, value) {
            (CONTENT_TYPE, None) => (&mut self.content_type, DATA.to_der().ok()),
            (CONTENT_TYPE, Some((value, encoding))) => {
                let sound = value.decode_as::<ObjectIdentifier>().is_ok();
                (&mut self.content_type, sound.then(|| encoding.to_vec()))
            }
            // Included anyway.
            (MESSAGE_DIGEST, None) => return true,
            (MESSAGE_DIGEST, Some((value, _))) => {
                let sound = value.tag() == Tag::OctetString;
                (&mut self.digest, sound.then(|| value.value().to_vec()))
            }
            (SIGNING_TIME, None) => (&mut self.signing_time, now()),
            (SIGNING_TIME, Some((value, encoding))) => {
                let sound = is_time(value);
                (&mut self.signing_time, sound.then(|| encoding.to_vec()))
            }
            _ => return false,
        };
        let new = place.is_none() && value.is_some();
        if new {
            *place = value;
        }
        new
    }

    /// Whether the message has the digest that is required.
    pub(super) fn accepts(&self, digest: &[u8]) -> bool {
        let required = self.digest.as_ref();
        required.is_none_or(|required| required == digest)
    }

    /// The content of the SET OF attributes for a message with this digest.
    pub(super) fn encoded(&self, digest: &[u8]) -> Vec<u8> {
        let data = DATA.to_der().unwrap_or_default();
        let content_type = self.content_type.clone().unwrap_or(data);
        let attributes = [
            (CONTENT_TYPE, Some(content_type)),
            (MESSAGE_DIGEST, Some(encoding::octet_string(digest))),
            (SIGNING_TIME, self.signing_time.clone()),
        ];
        let one = |(identifier, value): (ObjectIdentifier, Option<Vec<u8>>)| {
            let identifier = identifier.to_der().unwrap_or_default();
            Some(encoding::sequence(&[&identifier, &encoding::set(&value?)]))
        };
        sorted(attributes.into_iter().filter_map(one).collect())
    }
}

/// Section 6.44.3.1: what is required is taken or refused, what is requested is taken if it can be.
pub(super) fn choose(required: Option<&[u8]>, requested: Option<&[u8]>) -> Result<Chosen> {
    let invalid = refusal(CKR_MECHANISM_PARAM_INVALID);
    let mut chosen = Chosen::default();
    for attribute in required.map_or(Some(Vec::new()), proposed).ok_or(invalid)? {
        ensure(chosen.take(&attribute), CKR_MECHANISM_PARAM_INVALID)?;
    }
    let fixed = chosen.digest.clone();
    for attribute in requested
        .map_or(Some(Vec::new()), proposed)
        .ok_or(invalid)?
    {
        chosen.take(&attribute);
    }
    // A digest that is merely requested may be wrong.
    chosen.digest = fixed;
    Ok(chosen)
}

/// RFC 5652 section 11.3: UTCTime through 2049, GeneralizedTime thereafter.
fn is_time(value: AnyRef) -> bool {
    const YEAR_2050: Duration = Duration::from_secs(2_524_608_000);
    let general = value.decode_as::<GeneralizedTime>();
    let late = general.is_ok_and(|time| time.to_unix_duration() >= YEAR_2050);
    late || value.decode_as::<UtcTime>().is_ok()
}

/// DER of the time now.
fn now() -> Option<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let now = Duration::from_secs(now.as_secs());
    match UtcTime::from_unix_duration(now) {
        Ok(time) => time.to_der().ok(),
        Err(_) => GeneralizedTime::from_unix_duration(now).ok()?.to_der().ok(),
    }
}

/// RFC 2045 section 5.1: whether a text begins with a type and a subtype, which parameters may
/// follow.
pub(in crate::mechanisms) fn is_mime_type(text: &[u8]) -> bool {
    let is_token = |text: &[u8]| {
        let allowed = |byte: &u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(byte);
        !text.is_empty() && text.iter().all(allowed)
    };
    let named = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut parts = named.trim_ascii().split(|byte| *byte == b'/');
    let two = [parts.next(), parts.next()];
    two.into_iter().all(|part| part.is_some_and(is_token)) && parts.next().is_none()
}
