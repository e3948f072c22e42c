//! Objects that describe the token beyond its profiles: hardware features of section 4.3, and the
//! mechanism objects of section 4.13. A clock and a counter have another value at every reading.

use std::sync::Arc;

use cryptoki_sys::*;
use time::OffsetDateTime;

use super::Token;
use super::collection::Objects;
use crate::attributes::{Attributes, Value};
use crate::mechanisms::{entries, offered_cms_attributes};
use crate::rv::{Result, refusal};

/// How many numbers of the counter are given out between two writes to the store.
const RESERVE: u64 = 1000;

/// The monotonic counter. Numbers below `reserved` may have been given out by a process that ended
/// without saying so, and are never given out again.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) last: u64,
    pub(super) reserved: u64,
}

/// Adds the objects of the features and mechanisms that there are.
pub(super) fn install(objects: &mut Objects, with_clock: bool) {
    for entry in entries() {
        let attributes = [
            (CKA_CLASS, Value::ulong(CKO_MECHANISM)),
            (CKA_MECHANISM_TYPE, Value::ulong(entry.mechanism)),
        ];
        let own = match entry.mechanism {
            CKM_CMS_SIG => offered_cms_attributes().to_vec(),
            _ => Vec::new(),
        };
        let own = own
            .into_iter()
            .map(|(attribute, value)| (attribute, Value::Bytes(value)));
        objects.insert_built_in(attributes.into_iter().chain(own).collect());
    }
    if with_clock {
        objects.insert_built_in(feature(CKH_CLOCK, &[(CKA_VALUE, Value::Bytes(Vec::new()))]));
    }
    let counter = [
        (CKA_RESET_ON_INIT, Value::bool(false)),
        (CKA_HAS_RESET, Value::bool(false)),
        (CKA_VALUE, Value::Bytes(Vec::new())),
    ];
    objects.insert_built_in(feature(CKH_MONOTONIC_COUNTER, &counter));
    objects.insert_built_in(feature(CKH_USER_INTERFACE, &interface()));
}

fn feature(kind: CK_HW_FEATURE_TYPE, own: &[(CK_ATTRIBUTE_TYPE, Value)]) -> Attributes {
    let common = [
        (CKA_CLASS, Value::ulong(CKO_HW_FEATURE)),
        (CKA_HW_FEATURE_TYPE, Value::ulong(kind)),
    ];
    common.into_iter().chain(own.iter().cloned()).collect()
}

/// Section 4.3.5: the token shows nothing to anybody, so no size of a display applies.
fn interface() -> Vec<(CK_ATTRIBUTE_TYPE, Value)> {
    let sizes = [
        CKA_PIXEL_X,
        CKA_PIXEL_Y,
        CKA_RESOLUTION,
        CKA_CHAR_ROWS,
        CKA_CHAR_COLUMNS,
        CKA_BITS_PER_PIXEL,
    ];
    let texts = [CKA_CHAR_SETS, CKA_ENCODING_METHODS, CKA_MIME_TYPES];
    let unknown = |attribute| (attribute, Value::ulong(CK_UNAVAILABLE_INFORMATION));
    let empty = |attribute| (attribute, Value::Bytes(Vec::new()));
    let mut attributes: Vec<_> = sizes.map(unknown).into_iter().collect();
    attributes.push((CKA_COLOR, Value::bool(false)));
    attributes.extend(texts.map(empty));
    attributes
}

/// The time in the form of CK_TOKEN_INFO and of clock objects: YYYYMMDDhhmmss00.
pub(super) fn utc_time() -> [u8; 16] {
    let now = OffsetDateTime::now_utc();
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}00");
    super::padded(text.as_bytes())
}

impl Token {
    /// The attributes of a built-in object as they are now.
    pub(super) fn built_in_attributes(
        &mut self,
        handle: CK_OBJECT_HANDLE,
    ) -> Result<Arc<Attributes>> {
        let object = self.objects.get(handle);
        let object = object.ok_or(refusal(CKR_OBJECT_HANDLE_INVALID))?;
        let attributes = Arc::clone(&object.attributes);
        let value = match attributes.ulong(CKA_HW_FEATURE_TYPE) {
            Some(CKH_CLOCK) => utc_time().to_vec(),
            Some(CKH_MONOTONIC_COUNTER) => self.count()?.to_be_bytes().to_vec(),
            _ => return Ok(attributes),
        };
        let mut now = Attributes::clone(&attributes);
        now.set_bytes(CKA_VALUE, value);
        Ok(Arc::new(now))
    }

    /// The next number of the monotonic counter.
    fn count(&mut self) -> Result<u64> {
        let next = self.counter.last + 1;
        if next >= self.counter.reserved {
            let before = self.counter.reserved;
            self.counter.reserved = next + RESERVE;
            self.save()
                .inspect_err(|_| self.counter.reserved = before)?;
        }
        self.counter.last = next;
        Ok(next)
    }
}
