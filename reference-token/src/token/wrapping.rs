//! Wrapping and unwrapping: sections 5.18.3 and 5.18.4. The lock is held to check and to store, not
//! while a mechanism computes. What becomes of an unwrapped key's bytes is decided here; how they are
//! enciphered is the mechanisms' affair, and authenticated encryption has a file of its own,
//! `envelope`.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::derivation::drop_implied_length;
use super::generation::contribute;
use super::inheritance::{impose, supply};
use super::library::with_session;
use super::object::add;
use super::output::{Output, Room};
use super::signing::check_key;
use crate::attributes::{Attributes, Origin, Recipe, Template, Value};
use crate::mechanisms::{
    Contribution, Family, Filled, Mechanism, Wish, allows_length, decode_pkcs8, encode_pkcs8,
    find_for, fixed_length,
};
use crate::rv::{Refusal, Result, ensure, refusal, refuse, translate};

/// Codes of C_Encrypt and of keys in general, and what they are called in C_WrapKey. Data of a
/// length that the mechanism does not take is here a key of such a length.
pub(super) const AS_WRAPPING: [(CK_RV, CK_RV); 4] = [
    (
        CKR_KEY_TYPE_INCONSISTENT,
        CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
    ),
    (CKR_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID),
    (CKR_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_SIZE_RANGE),
    (CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE),
];

/// The same for C_UnwrapKey.
pub(super) const AS_UNWRAPPING: [(CK_RV, CK_RV); 6] = [
    (
        CKR_KEY_TYPE_INCONSISTENT,
        CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    ),
    (CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID),
    (CKR_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_SIZE_RANGE),
    (CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID),
    (CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE),
    (CKR_AEAD_DECRYPT_FAILED, CKR_WRAPPED_KEY_INVALID),
];

pub(super) fn translated(table: &[(CK_RV, CK_RV)]) -> impl Fn(Refusal) -> Refusal {
    move |refused| {
        let row = table.iter().find(|(from, _)| refused.code() == *from);
        row.map_or(refused, |(_, to)| refusal(*to))
    }
}

impl Token {
    /// The wrapping key and the key to be wrapped.
    pub(super) fn wrapping(
        &self,
        mechanism: &Mechanism,
        wrapping: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Result<(&'static dyn Family, Arc<Attributes>, Arc<Attributes>)> {
        let (family, entry) = find_for(mechanism.kind, CKF_WRAP)?;
        let wrapper = self.visible(wrapping, CKR_WRAPPING_KEY_HANDLE_INVALID)?;
        let wrapper = &wrapper.attributes;
        check_key(wrapper, entry, CKO_PUBLIC_KEY).map_err(translated(&AS_WRAPPING))?;
        // The function has no code for a usage that is not permitted, only for a wrong type.
        let permitted = wrapper.bool(CKA_WRAP) || mutant!("wrap-usage-not-checked");
        ensure(permitted, CKR_WRAPPING_KEY_TYPE_INCONSISTENT)?;
        let key = &self.visible(key, CKR_KEY_HANDLE_INVALID)?.attributes;
        check_wrappable(family, wrapper, key)?;
        Ok((family, Arc::clone(wrapper), Arc::clone(key)))
    }

    /// The unwrapping key, and what the template says of the key to come.
    pub(super) fn unwrapping(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        unwrapping: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<Unwrapping> {
        let (family, entry) = find_for(mechanism.kind, CKF_UNWRAP)?;
        let unwrapper = self.visible(unwrapping, CKR_UNWRAPPING_KEY_HANDLE_INVALID)?;
        let unwrapper = &unwrapper.attributes;
        check_key(unwrapper, entry, CKO_PRIVATE_KEY).map_err(translated(&AS_UNWRAPPING))?;
        let permitted = unwrapper.bool(CKA_UNWRAP);
        ensure(permitted, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT)?;
        let mut template = impose(unwrapper, CKA_UNWRAP_TEMPLATE, template)?;
        // Section 5.18.4, whatever the default of other ways to make a key.
        supply(&mut template, CKA_EXTRACTABLE, Value::bool(true));
        let length = Wish::of(&template).length;
        drop_implied_length(CKO_SECRET_KEY, None, &mut template).map_err(|refused| {
            translate(
                refused,
                CKR_TEMPLATE_INCONSISTENT,
                CKR_WRAPPED_KEY_LEN_RANGE,
            )
        })?;
        let recipe = Recipe {
            origin: Origin::Unwrapped,
            template: &template,
            class: None,
            key_type: None,
            by_so: self.is_so(),
        };
        let draft = self.draft(session, &recipe)?;
        let is_key = [Some(CKO_SECRET_KEY), Some(CKO_PRIVATE_KEY)];
        let wraps = is_key.contains(&draft.ulong(CKA_CLASS));
        ensure(wraps, CKR_TEMPLATE_INCONSISTENT)?;
        Ok(Unwrapping {
            family,
            unwrapper: Arc::clone(unwrapper),
            draft,
            length,
        })
    }
}

/// A key about to be unwrapped.
pub(super) struct Unwrapping {
    family: &'static dyn Family,
    pub(super) unwrapper: Arc<Attributes>,
    draft: Attributes,
    /// CKA_VALUE_LEN of the template.
    length: Option<usize>,
}

/// Sections 4.9 to 4.11 and 5.18.3: what keeps a key inside the token.
fn check_wrappable(family: &dyn Family, wrapper: &Attributes, key: &Attributes) -> Result<()> {
    let class = key.ulong(CKA_CLASS);
    // Nothing could be unwrapped into an object of this class.
    ensure(class != Some(CKO_OTP_KEY), CKR_KEY_NOT_WRAPPABLE)?;
    let is_key = [Some(CKO_SECRET_KEY), Some(CKO_PRIVATE_KEY)].contains(&class);
    ensure(is_key, CKR_KEY_HANDLE_INVALID)?;
    let extractable = key.bool(CKA_EXTRACTABLE) || mutant!("wrap-unextractable-key");
    ensure(extractable, CKR_KEY_UNEXTRACTABLE)?;
    let distrusted = key.bool(CKA_WRAP_WITH_TRUSTED) && !wrapper.bool(CKA_TRUSTED);
    let trusted = !distrusted || mutant!("wrap-with-trusted-ignored");
    ensure(trusted, CKR_KEY_NOT_WRAPPABLE)?;
    let matches = match wrapper.get(CKA_WRAP_TEMPLATE) {
        Some(Value::Template(template)) => key.matches(template),
        _ => true,
    };
    ensure(matches, CKR_KEY_HANDLE_INVALID)?;
    // Section 5.18.3 has private keys wrapped with secret keys; mechanisms that make a secret key
    // on the way do so too.
    let by_secret = wrapper.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY);
    let fits = class == Some(CKO_SECRET_KEY) || by_secret || family.wraps_with_secret();
    ensure(fits, CKR_KEY_NOT_WRAPPABLE)
}

/// The bytes that are wrapped: the value of a secret key, PrivateKeyInfo of a private one.
pub(super) fn plaintext(key: &Attributes) -> Result<Vec<u8>> {
    match key.ulong(CKA_CLASS) {
        Some(CKO_PRIVATE_KEY) => encode_pkcs8(key),
        _ => Ok(key.bytes(CKA_VALUE).to_vec()),
    }
}

/// C_WrapKey.
pub(crate) fn wrap_key(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    (wrapping, key): (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE),
    room: Room,
) -> Result<Output> {
    let (family, wrapper, key) =
        with_session(session, |token| token.wrapping(mechanism, wrapping, key))?;
    let wrapped = family
        .wrap(mechanism, &wrapper, plaintext(&key)?)
        .map_err(translated(&AS_WRAPPING))?;
    Ok(room.answer(wrapped.len()).unwrap_or(Output::Bytes(wrapped)))
}

/// C_UnwrapKey.
pub(crate) fn unwrap_key(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    unwrapping: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let key = with_session(session, |token| {
        token.unwrapping(session, mechanism, unwrapping, template)
    })?;
    let bytes = key
        .family
        .unwrap(mechanism, &key.unwrapper, wrapped)
        .map_err(translated(&AS_UNWRAPPING))?;
    key.finish(session, mechanism, bytes)
}

impl Unwrapping {
    /// Makes an object of what was unwrapped.
    pub(super) fn finish(
        mut self,
        session: CK_SESSION_HANDLE,
        mechanism: &Mechanism,
        bytes: Vec<u8>,
    ) -> Result<CK_OBJECT_HANDLE> {
        let filled = self.fill(mechanism, bytes);
        let secret = self.family.is_padding_secret(mechanism);
        filled.map_err(|refused| match secret && !mutant!("unwrap-tells-padding") {
            true => refusal(CKR_WRAPPED_KEY_INVALID),
            false => refused,
        })?;
        add(session, self.draft)
    }

    /// Completes the draft with what was unwrapped.
    fn fill(&mut self, mechanism: &Mechanism, bytes: Vec<u8>) -> Result<()> {
        let contribution = match self.draft.ulong(CKA_CLASS) {
            Some(CKO_PRIVATE_KEY) => decode_pkcs8(&bytes)?,
            _ => self.secret(mechanism, bytes)?,
        };
        // Section 5.1.6, CKR_WRAPPED_KEY_INVALID: a key of another type than the template names.
        let named = self.draft.get(CKA_KEY_TYPE);
        let another = contribution
            .iter()
            .any(|(attribute, value)| *attribute == CKA_KEY_TYPE && Some(value) != named);
        ensure(!another, CKR_WRAPPED_KEY_INVALID)?;
        // A value that the key type does not have cannot be one that was wrapped.
        contribute(&mut self.draft, contribution).map_err(|refused| {
            translate(
                refused,
                CKR_ATTRIBUTE_VALUE_INVALID,
                CKR_WRAPPED_KEY_INVALID,
            )
        })
    }

    /// Section 5.18.4: the value of a secret key, of the length that its type, the mechanism and
    /// CKA_VALUE_LEN agree on.
    fn secret(&self, mechanism: &Mechanism, mut bytes: Vec<u8>) -> Result<Contribution> {
        let key_type = self.draft.ulong(CKA_KEY_TYPE).unwrap_or(CKK_GENERIC_SECRET);
        let filled = self.family.filled(mechanism);
        let named = self.length.or(fixed_length(key_type));
        let length = match (named, filled) {
            (Some(length), _) => length,
            (None, Filled::No) => bytes.len(),
            _ if mutant!("unwrapped-length-guessed") => bytes.len(),
            (None, _) => only_length(key_type, filled, bytes.len())?,
        };
        let fits = match filled {
            Filled::No => length == bytes.len(),
            Filled::BehindTo(_) | Filled::BeforeAll => length <= bytes.len(),
        };
        let allowed = fits && allows_length(key_type, length);
        ensure(allowed, CKR_WRAPPED_KEY_LEN_RANGE)?;
        match filled {
            // Section 6.1.12: the key is at the end.
            Filled::BeforeAll => drop(bytes.drain(..bytes.len() - length)),
            _ => bytes.truncate(length),
        }
        if mutant!("unwrapped-key-filled-up") {
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        Ok(vec![(CKA_VALUE, Value::Bytes(bytes))])
    }
}

/// The only length that a key of the type can have had; CKR_TEMPLATE_INCOMPLETE if there are more.
fn only_length(key_type: CK_KEY_TYPE, filled: Filled, most: usize) -> Result<usize> {
    let least = match filled {
        Filled::BehindTo(block) => (most + 1).saturating_sub(block),
        _ => 1,
    };
    let mut possible = (least..=most).filter(|length| allows_length(key_type, *length));
    match (possible.next(), possible.next()) {
        (Some(length), None) => Ok(length),
        (Some(_), Some(_)) => refuse(CKR_TEMPLATE_INCOMPLETE),
        (None, _) => refuse(CKR_WRAPPED_KEY_LEN_RANGE),
    }
}
