//! Keys that the token makes: generation, derivation, wrapping and unwrapping, section 5.18. The
//! lock is held to check and to store, not while a mechanism computes.

use cryptoki_sys::*;

use super::Token;
use super::ciphering::whole;
use super::library::with_session;
use super::output::{Output, Room};
use super::signing::{Wanted, check_key};
use crate::attributes::{Attributes, Origin, Recipe, Template, Value, complete};
use crate::mechanisms::{Contribution, Mechanism, Parameter, Salt, find_for, settle};
use crate::rv::{Refusal, Result, ensure, refusal, refuse};

impl Token {
    /// The attributes of a key to come, checked against the session's rights.
    pub(super) fn draft(&self, session: CK_SESSION_HANDLE, recipe: &Recipe) -> Result<Attributes> {
        let attributes = complete(recipe)?;
        self.check_creation(session, &attributes)?;
        Ok(attributes)
    }
}

/// Adds what a mechanism contributes. Section 4.1.1: a template that names another value for a
/// contributed attribute is inconsistent.
pub(super) fn contribute(attributes: &mut Attributes, contribution: Contribution) -> Result<()> {
    for (attribute, value) in contribution {
        let agrees = attributes
            .get(attribute)
            .is_none_or(|given| given.bytes().is_empty() || *given == value);
        ensure(agrees, CKR_TEMPLATE_INCONSISTENT)?;
        attributes.set(attribute, value);
    }
    settle(attributes)
}

/// C_GenerateKey.
pub(crate) fn generate_key(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let (family, mut attributes) = with_session(session, |token| {
        let (family, _) = find_for(mechanism.kind, CKF_GENERATE)?;
        let draft = token.draft(
            session,
            &Recipe {
                origin: Origin::Generated(mechanism.kind),
                template,
                class: Some(CKO_SECRET_KEY),
                key_type: family.key_type(mechanism),
                by_so: token.is_so(),
            },
        )?;
        Ok((family, draft))
    })?;
    let contribution = family.generate_key(mechanism, &attributes)?;
    contribute(&mut attributes, contribution)?;
    with_session(session, |token| token.add(session, attributes))
}

/// C_GenerateKeyPair: the handles of the public and the private key. Either both come to be or
/// neither does.
pub(crate) fn generate_pair(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    public: &Template,
    private: &Template,
) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
    let (family, mut public, mut private) = with_session(session, |token| {
        let (family, _) = find_for(mechanism.kind, CKF_GENERATE_KEY_PAIR)?;
        let draft = |template, class| {
            token.draft(
                session,
                &Recipe {
                    origin: Origin::Generated(mechanism.kind),
                    template,
                    class: Some(class),
                    key_type: family.key_type(mechanism),
                    by_so: token.is_so(),
                },
            )
        };
        Ok((
            family,
            draft(public, CKO_PUBLIC_KEY)?,
            draft(private, CKO_PRIVATE_KEY)?,
        ))
    })?;
    let (to_public, to_private) = family.generate_pair(mechanism, &public)?;
    contribute(&mut public, to_public)?;
    let completed = contribute(&mut private, to_private);
    if completed.is_err() && mutant!("pair-leaves-public-key-behind") {
        with_session(session, |token| token.add(session, public.clone()))?;
    }
    completed?;
    with_session(session, |token| {
        let handles = token.add_all(session, vec![public, private])?;
        match handles[..] {
            [public, private] => Ok((public, private)),
            _ => refuse(CKR_GENERAL_ERROR),
        }
    })
}

/// C_DeriveKey.
pub(crate) fn derive(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    base: CK_OBJECT_HANDLE,
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let (family, base, mechanism, by_so) = with_session(session, |token| {
        let (family, entry) = find_for(mechanism.kind, CKF_DERIVE)?;
        let wanted = Wanted {
            flag: CKF_DERIVE,
            usage: CKA_DERIVE,
            class: CKO_PRIVATE_KEY,
        };
        // The function has no code for a usage that is not permitted, only for a wrong type.
        let usable = token.usable(base, entry, &wanted);
        let usable = usable.map_err(|refusal| {
            translate(
                refusal,
                CKR_KEY_FUNCTION_NOT_PERMITTED,
                CKR_KEY_TYPE_INCONSISTENT,
            )
        })?;
        let mechanism = token.with_salt(mechanism)?;
        Ok((family, usable.key, mechanism, token.is_so()))
    })?;
    let named = |attribute| template.iter().find(|(name, _)| *name == attribute);
    let length = named(CKA_VALUE_LEN).and_then(|(_, value)| value.as_ulong());
    let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let derived = family.derive(&mechanism, &base, length)?;
    let mut template = template.clone();
    if derived.class == CKO_DATA {
        // Section 6.62.4: a length is named as for a key, although data objects have none.
        template.retain(|(attribute, _)| *attribute != CKA_VALUE_LEN);
    }
    let mut attributes = with_session(session, |token| {
        token.draft(
            session,
            &Recipe {
                origin: Origin::Derived {
                    always_sensitive: base.bool(CKA_ALWAYS_SENSITIVE),
                    never_extractable: base.bool(CKA_NEVER_EXTRACTABLE),
                },
                template: &template,
                class: Some(derived.class),
                key_type: None,
                by_so,
            },
        )
    })?;
    contribute(
        &mut attributes,
        vec![(CKA_VALUE, Value::Bytes(derived.value))],
    )?;
    with_session(session, |token| token.add(session, attributes))
}

/// The length that a key to come must have, if its template or its type fixes one.
pub(super) fn fixed(key: &Attributes) -> Option<usize> {
    let length = key.ulong(CKA_VALUE_LEN)?;
    Some(usize::try_from(length).unwrap_or(usize::MAX))
}

pub(super) fn translate(refused: Refusal, from: CK_RV, to: CK_RV) -> Refusal {
    if refused.code() == from {
        refusal(to)
    } else {
        refused
    }
}

impl Token {
    /// A mechanism with the value of its salt key in place of the key's handle.
    fn with_salt(&self, mechanism: &Mechanism) -> Result<Mechanism> {
        let mut mechanism = mechanism.clone();
        if let Parameter::Hkdf { salt, .. } = &mut mechanism.parameter
            && let Salt::Key(handle) = *salt
        {
            let key = &self.visible(handle, CKR_KEY_HANDLE_INVALID)?.attributes;
            ensure(key.has(CKA_VALUE), CKR_KEY_HANDLE_INVALID)?;
            *salt = Salt::Data(key.bytes(CKA_VALUE).to_vec());
        }
        Ok(mechanism)
    }
}

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
