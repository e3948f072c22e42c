//! Encapsulation: C_EncapsulateKey and C_DecapsulateKey of section 5.18. The lock is held to check
//! and to store, not while a mechanism computes.

use std::sync::Arc;

use cryptoki_sys::*;

use super::Token;
use super::generation::{contribute, fixed};
use super::library::with_session;
use super::object::add;
use super::output::{Output, Room};
use super::signing::{Wanted, check_key};
use crate::attributes::{Attributes, Origin, Recipe, Template, Value};
use crate::mechanisms::{Entry, Mechanism, find_for, set_parity};
use crate::rv::{Refusal, Result, ensure, refuse, translate};

/// Neither function has a code for a usage that is not permitted, only for a wrong type.
const ENCAPSULATING: Wanted = Wanted {
    flag: CKF_ENCAPSULATE,
    usage: CKA_ENCAPSULATE,
    class: CKO_PUBLIC_KEY,
};
const DECAPSULATING: Wanted = Wanted {
    flag: CKF_DECAPSULATE,
    usage: CKA_DECAPSULATE,
    class: CKO_PRIVATE_KEY,
};

impl Token {
    /// The key of either function, with the codes of C_EncapsulateKey.
    fn encapsulating(
        &self,
        handle: CK_OBJECT_HANDLE,
        entry: &Entry,
        wanted: &Wanted,
    ) -> Result<Arc<Attributes>> {
        let key = &self.visible(handle, CKR_KEY_HANDLE_INVALID)?.attributes;
        check_key(key, entry, wanted.class)?;
        ensure(key.bool(wanted.usage), CKR_KEY_TYPE_INCONSISTENT)?;
        Ok(Arc::clone(key))
    }

    /// The secret key to come. Both functions let it claim nothing of its past.
    fn shared(&self, session: CK_SESSION_HANDLE, template: &Template) -> Result<Attributes> {
        self.draft(
            session,
            &Recipe {
                origin: Origin::Derived {
                    always_sensitive: false,
                    never_extractable: false,
                },
                template,
                class: Some(CKO_SECRET_KEY),
                key_type: None,
                by_so: self.is_so(),
            },
        )
    }
}

/// C_EncapsulateKey: the ciphertext, and the handle of the new key unless only the length was asked
/// for or the ciphertext does not fit.
pub(crate) fn encapsulate(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    template: &Template,
    room: Room,
) -> Result<(Output, Option<CK_OBJECT_HANDLE>)> {
    let (family, key, mut shared) = with_session(session, |token| {
        let (family, entry) = find_for(mechanism.kind, CKF_ENCAPSULATE)?;
        let key = token.encapsulating(key, entry, &ENCAPSULATING)?;
        Ok((family, key, token.shared(session, template)?))
    })?;
    if let Some(Value::Template(wanted)) = key.get(CKA_ENCAPSULATE_TEMPLATE) {
        // The attribute came without a description, which only the draft of version 3.3 has.
        ensure(shared.matches(wanted), CKR_KEY_HANDLE_INVALID)?;
    }
    if let Some(answer) = room.answer(family.encapsulated_length(mechanism, &key)?) {
        return Ok((answer, None));
    }
    let (ciphertext, secret) = family.encapsulate(mechanism, &key, fixed(&shared))?;
    fill(&mut shared, secret)?;
    let handle = add(session, shared)?;
    Ok((Output::Bytes(ciphertext), Some(handle)))
}

/// C_DecapsulateKey.
pub(crate) fn decapsulate(
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    key: CK_OBJECT_HANDLE,
    template: &Template,
    ciphertext: &[u8],
) -> Result<CK_OBJECT_HANDLE> {
    let (family, key, mut shared) = with_session(session, |token| {
        let (family, entry) = find_for(mechanism.kind, CKF_DECAPSULATE)?;
        let key = token.encapsulating(key, entry, &DECAPSULATING);
        let key = key.map_err(as_unwrapping)?;
        let template = imposed(&key, template)?;
        Ok((family, key, token.shared(session, &template)?))
    })?;
    let mut secret = family
        .decapsulate(mechanism, &key, ciphertext, fixed(&shared))
        .map_err(as_unwrapping)?;
    if mutant!("decapsulated-key-differs") {
        secret.reverse();
    }
    fill(&mut shared, secret)?;
    add(session, shared)
}

/// Gives a key its value. Both sides set the same parity bits, if the key type has some.
fn fill(shared: &mut Attributes, mut secret: Vec<u8>) -> Result<()> {
    if let Some(key_type) = shared.ulong(CKA_KEY_TYPE) {
        set_parity(key_type, &mut secret);
    }
    contribute(shared, vec![(CKA_VALUE, Value::Bytes(secret))])
}

/// The function's names for what is wrong with its key or its ciphertext.
fn as_unwrapping(refused: Refusal) -> Refusal {
    let table = [
        (CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID),
        (
            CKR_KEY_TYPE_INCONSISTENT,
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
        ),
        (CKR_KEY_SIZE_RANGE, CKR_UNWRAPPING_KEY_SIZE_RANGE),
        (CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID),
        (CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE),
    ];
    table
        .into_iter()
        .fold(refused, |refusal, (from, to)| translate(refusal, from, to))
}

/// The template of a decapsulating key applies first, and the caller's must agree; as with
/// unwrapping keys, for the text of version 3.2 is silent.
fn imposed(key: &Attributes, template: &Template) -> Result<Template> {
    let Some(Value::Template(imposed)) = key.get(CKA_DECAPSULATE_TEMPLATE) else {
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
