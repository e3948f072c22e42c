//! Wrapping and unwrapping: sections 5.18.3 and 5.18.4. The lock is held to check and to store, not
//! while a mechanism computes.

use cryptoki_sys::*;

use super::ciphering::whole;
use super::generation::contribute;
use super::library::with_session;
use super::output::{Output, Room};
use super::signing::check_key;
use crate::attributes::{Attributes, Origin, Recipe, Template, Value};
use crate::mechanisms::{Mechanism, find_for};
use crate::rv::{Result, ensure, refusal, refuse, translate};

/// C_WrapKey.
pub(crate) fn wrap_key(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    wrapping: CK_OBJECT_HANDLE,
    key: CK_OBJECT_HANDLE,
    room: Room,
) -> Result<Output> {
    let (family, wrapping, key) = with_session(session, |token| {
        let (family, entry) = find_for(mechanism.kind, CKF_WRAP)?;
        let wrapper = token.visible(wrapping, CKR_WRAPPING_KEY_HANDLE_INVALID)?;
        let wrapper = wrapper.attributes.clone();
        check_key(&wrapper, entry, CKO_PUBLIC_KEY).map_err(|refusal| {
            let refusal = translate(
                refusal,
                CKR_KEY_TYPE_INCONSISTENT,
                CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
            );
            translate(
                refusal,
                CKR_KEY_HANDLE_INVALID,
                CKR_WRAPPING_KEY_HANDLE_INVALID,
            )
        })?;
        // The function has no code for a usage that is not permitted, only for a wrong type.
        ensure(wrapper.bool(CKA_WRAP), CKR_WRAPPING_KEY_TYPE_INCONSISTENT)?;
        let key = token
            .visible(key, CKR_KEY_HANDLE_INVALID)?
            .attributes
            .clone();
        check_wrappable(&wrapper, &key)?;
        Ok((family, wrapper, key))
    })?;
    let cipher = family
        .encrypt(mechanism, &wrapping)
        .map_err(|refusal| translate(refusal, CKR_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_SIZE_RANGE))?;
    let mut value = key.bytes(CKA_VALUE).to_vec();
    value.resize(
        value.len().next_multiple_of(family.wrap_block(mechanism)),
        0,
    );
    if room == Room::Query {
        return Ok(Output::Length(cipher.bound(value.len())));
    }
    // Data of a length that the mechanism does not take is here a key of such a length.
    let wrapped = whole(cipher, &value)
        .map_err(|refusal| translate(refusal, CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE))?;
    Ok(room.answer(wrapped.len()).unwrap_or(Output::Bytes(wrapped)))
}

/// Sections 4.9 to 4.11 and 5.18.3: what keeps a key inside the token.
fn check_wrappable(wrapper: &Attributes, key: &Attributes) -> Result<()> {
    let class = key.ulong(CKA_CLASS);
    let is_key = [Some(CKO_SECRET_KEY), Some(CKO_PRIVATE_KEY)].contains(&class);
    ensure(is_key, CKR_KEY_HANDLE_INVALID)?;
    ensure(key.bool(CKA_EXTRACTABLE), CKR_KEY_UNEXTRACTABLE)?;
    let distrusted = key.bool(CKA_WRAP_WITH_TRUSTED) && !wrapper.bool(CKA_TRUSTED);
    ensure(!distrusted, CKR_KEY_NOT_WRAPPABLE)?;
    let matches = match wrapper.get(CKA_WRAP_TEMPLATE) {
        Some(Value::Template(template)) => key.matches(template),
        _ => true,
    };
    ensure(matches, CKR_KEY_NOT_WRAPPABLE)?;
    // Private keys are wrapped as PKCS #8, which is not built yet.
    ensure(class == Some(CKO_SECRET_KEY), CKR_KEY_NOT_WRAPPABLE)
}

/// C_UnwrapKey.
pub(crate) fn unwrap_key(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    unwrapping: CK_OBJECT_HANDLE,
    wrapped: &[u8],
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let (family, unwrapper, mut attributes) = with_session(session, |token| {
        let (family, entry) = find_for(mechanism.kind, CKF_UNWRAP)?;
        let unwrapper = token.visible(unwrapping, CKR_UNWRAPPING_KEY_HANDLE_INVALID)?;
        let unwrapper = unwrapper.attributes.clone();
        check_key(&unwrapper, entry, CKO_PRIVATE_KEY).map_err(|refusal| {
            let refusal = translate(
                refusal,
                CKR_KEY_TYPE_INCONSISTENT,
                CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
            );
            translate(
                refusal,
                CKR_KEY_HANDLE_INVALID,
                CKR_UNWRAPPING_KEY_HANDLE_INVALID,
            )
        })?;
        ensure(
            unwrapper.bool(CKA_UNWRAP),
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        )?;
        let template = imposed(&unwrapper, template)?;
        let draft = token.draft(
            session,
            &Recipe {
                origin: Origin::Unwrapped,
                template: &template,
                class: None,
                key_type: None,
                by_so: token.is_so(),
            },
        )?;
        let secret = draft.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY);
        ensure(secret, CKR_TEMPLATE_INCONSISTENT)?;
        Ok((family, unwrapper, draft))
    })?;
    let value = family
        .decrypt(mechanism, &unwrapper)
        .and_then(|cipher| whole(cipher, wrapped));
    let value = value.map_err(|refused| {
        let table = [
            (CKR_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_SIZE_RANGE),
            (CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID),
            (CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE),
        ];
        table
            .into_iter()
            .fold(refused, |refusal, (from, to)| translate(refusal, from, to))
    })?;
    let value = cut(value, attributes.ulong(CKA_VALUE_LEN))?;
    contribute(&mut attributes, vec![(CKA_VALUE, Value::Bytes(value))])?;
    with_session(session, |token| token.add(session, attributes))
}

/// Section 4.10: the template of an unwrapping key applies first, and the caller's must agree.
fn imposed(unwrapper: &Attributes, template: &Template) -> Result<Template> {
    let Some(Value::Template(imposed)) = unwrapper.get(CKA_UNWRAP_TEMPLATE) else {
        return Ok(template.clone());
    };
    let contradicts = template.iter().any(|(attribute, value)| {
        imposed
            .iter()
            .any(|(name, imposed)| name == attribute && imposed != value)
    });
    if contradicts {
        return refuse(CKR_TEMPLATE_INCONSISTENT);
    }
    Ok(imposed.iter().chain(template).cloned().collect())
}

/// Section 6.10.5: a mechanism without padding gives whole blocks, and CKA_VALUE_LEN how much of
/// them is key.
fn cut(mut value: Vec<u8>, length: Option<CK_ULONG>) -> Result<Vec<u8>> {
    if let Some(length) = length {
        let length = usize::try_from(length).map_err(|_| refusal(CKR_WRAPPED_KEY_LEN_RANGE))?;
        ensure(length <= value.len(), CKR_WRAPPED_KEY_LEN_RANGE)?;
        value.truncate(length);
    }
    Ok(value)
}
