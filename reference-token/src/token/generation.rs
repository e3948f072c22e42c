//! Keys that the token generates: sections 5.18.1 and 5.18.2, and what every way of making keys
//! shares. The lock is held to check and to store, not while a mechanism computes.

use cryptoki_sys::*;

use super::Token;
use super::derivation::drop_implied_length;
use super::inheritance::supply;
use super::library::with_session;
use super::object::{add, add_all};
use super::output::Answer;
use crate::attributes::{Attributes, Origin, Recipe, Template, Value, complete};
use crate::mechanisms::{Contribution, Mechanism, find_for, fixed_length, settle};
use crate::rv::{Result, ensure, refuse};

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
) -> Result<(CK_OBJECT_HANDLE, Vec<Answer>)> {
    let (family, mut attributes) = with_session(session, |token| {
        let (family, _) = find_for(mechanism.kind, CKF_GENERATE)?;
        let mut template = template.clone();
        match (family.implied_length(mechanism), family.key_type(mechanism)) {
            (Some(length), _) => {
                let length = Value::ulong(length as CK_ULONG);
                supply(&mut template, CKA_VALUE_LEN, length);
            }
            // Section 6.37.4: a length may be named even where the type has but one.
            (None, None) => drop_implied_length(CKO_SECRET_KEY, None, &mut template)?,
            // Section 4.1.1 leaves to a token which templates it can satisfy, and pkcs11-tool names
            // the one length of a DES key, which has no such attribute.
            (None, Some(key_type)) if fixed_length(key_type).is_some() => {
                drop_implied_length(CKO_SECRET_KEY, Some(key_type), &mut template)?;
            }
            (None, Some(_)) => {}
        }
        let draft = token.draft(
            session,
            &Recipe {
                origin: Origin::Generated(mechanism.kind),
                template: &template,
                class: Some(family.generated_class()),
                key_type: family.key_type(mechanism),
                by_so: token.is_so(),
            },
        )?;
        Ok((family, draft))
    })?;
    let (contribution, back) = family.generate_answering(mechanism, &attributes)?;
    contribute(&mut attributes, contribution)?;
    let handle = add(session, attributes)?;
    Ok((handle, back.into_iter().map(Answer::Bytes).collect()))
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
    let (to_public, to_private) = family.generate_halves(mechanism, &public, &private)?;
    contribute(&mut public, to_public)?;
    let completed = contribute(&mut private, to_private);
    if completed.is_err() && mutant!("pair-leaves-public-key-behind") {
        add(session, public.clone())?;
    }
    completed?;
    let handles = add_all(session, vec![public, private])?;
    match handles[..] {
        [public, private] => Ok((public, private)),
        _ => refuse(CKR_GENERAL_ERROR),
    }
}

/// The length that a key to come must have, if its template or its type fixes one.
pub(super) fn fixed(key: &Attributes) -> Option<usize> {
    let named = key.ulong(CKA_VALUE_LEN);
    let named = named.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    named.or(key.ulong(CKA_KEY_TYPE).and_then(fixed_length))
}
