//! Objects: section 5.7 without searching. Owns visibility and who may touch what; the contents of
//! templates are judged by `attributes`, and `collection` keeps the objects.

use std::fmt::Write;
use std::sync::Arc;

use cryptoki_sys::*;

use super::collection::Object;
use super::library::{change_durably, change_in_session, with_session};
use super::pin::Pin;
use super::{Login, Token};
use crate::attributes::{Attributes, Origin, Recipe, Template, Value, complete, copied, modified};
use crate::mechanisms::{Signing, fill_random, settle};
use crate::rv::{Result, ensure, refusal};
use crate::store::{Change, Serial};

impl Token {
    /// An object that the session can see; `code` if there is none under this handle.
    pub(super) fn visible(&self, handle: CK_OBJECT_HANDLE, code: CK_RV) -> Result<&Object> {
        self.objects
            .get(handle)
            .filter(|object| self.sees(object))
            .ok_or(refusal(code))
    }

    /// Section 4.4: private objects exist for the normal user alone. Section 3.2: not even for one
    /// with a PIN that is still to be changed.
    pub(super) fn sees(&self, object: &Object) -> bool {
        !object.is_private()
            || (self.login == Login::User && !self.has_expired_pin())
            || mutant!("private-visible-before-login")
    }

    fn has_expired_pin(&self) -> bool {
        self.user_pin.as_ref().is_some_and(Pin::is_to_be_changed)
    }

    /// Section 5.7.1: what a session may create, or change an object into.
    pub(super) fn check_creation(
        &self,
        session: CK_SESSION_HANDLE,
        attributes: &Attributes,
    ) -> Result<()> {
        let read_only = self.is_read_only(session)? && attributes.bool(CKA_TOKEN);
        let blocked = read_only && !mutant!("ro-session-creates-token-object");
        ensure(!blocked, CKR_SESSION_READ_ONLY)?;
        let hidden = attributes.bool(CKA_PRIVATE) && self.login != Login::User;
        let blocked = hidden && !mutant!("public-session-creates-private-object");
        ensure(!blocked, CKR_USER_NOT_LOGGED_IN)?;
        let expired = attributes.bool(CKA_PRIVATE) && self.has_expired_pin();
        ensure(!expired, CKR_PIN_EXPIRED)
    }

    /// Section 5.7: token objects are not changed in read-only sessions.
    fn check_writable(&self, session: CK_SESSION_HANDLE, object: &Object) -> Result<()> {
        let blocked = object.owner.is_none() && self.is_read_only(session)?;
        let allowed = !blocked || mutant!("ro-session-writes-token-object");
        ensure(allowed, CKR_SESSION_READ_ONLY)
    }

    /// Gives complete objects their places, and writes those of the token to its store: all of them
    /// or, if that cannot be, none. Their session's rights are looked at again, as they may have
    /// changed since the objects were drafted.
    fn write_objects(
        &self,
        session: CK_SESSION_HANDLE,
        objects: Vec<Attributes>,
    ) -> Result<Vec<(Serial, Attributes)>> {
        let mut placed = Vec::with_capacity(objects.len());
        for (serial, mut attributes) in self.objects.free_serials().zip(objects) {
            self.check_creation(session, &attributes)?;
            if !(mutant!("copy-keeps-unique-id") && attributes.has(CKA_UNIQUE_ID)) {
                attributes.set_bytes(CKA_UNIQUE_ID, unique_id()?);
            }
            placed.push((serial, attributes));
        }
        let on_token = placed
            .iter()
            .filter(|(_, attributes)| attributes.bool(CKA_TOKEN));
        let changes: Vec<_> = on_token
            .map(|(serial, attributes)| self.put(*serial, attributes))
            .collect();
        self.commit(&changes)?;
        Ok(placed)
    }

    /// Puts an object where it belongs, in the session or on the token, as it says itself.
    fn insert(
        &mut self,
        session: CK_SESSION_HANDLE,
        (serial, attributes): (Serial, Attributes),
    ) -> CK_OBJECT_HANDLE {
        let of_session = !attributes.bool(CKA_TOKEN) || mutant!("token-objects-die-with-session");
        let owner = of_session.then_some(session);
        self.objects.insert(serial, attributes, owner)
    }

    fn put<'a>(&'a self, serial: Serial, attributes: &'a Attributes) -> Change<'a> {
        Change::Put(serial, attributes, self.master.as_ref())
    }

    /// C_CopyObject, but for the check of what the template changed.
    fn draft_copy(
        &self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<Attributes> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        let copyable = object.attributes.bool(CKA_COPYABLE) || mutant!("copy-ignores-copyable");
        ensure(copyable, CKR_ACTION_PROHIBITED)?;
        let attributes = copied(&object.attributes, template, self.is_so())?;
        self.check_creation(session, &attributes)?;
        Ok(attributes)
    }

    /// C_DestroyObject, as far as the store goes.
    fn write_destruction(
        &self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        self.check_writable(session, object)?;
        ensure(
            object.attributes.bool(CKA_DESTROYABLE) || mutant!("destroy-ignores-destroyable"),
            CKR_ACTION_PROHIBITED,
        )?;
        match object.owner {
            None => self.commit(&[Change::Delete(object.serial)]),
            Some(_) => Ok(()),
        }
    }

    /// C_GetObjectSize: the bytes of all attribute values and their types.
    pub(crate) fn object_size(&self, handle: CK_OBJECT_HANDLE) -> Result<CK_ULONG> {
        if mutant!("handles-of-other-objects") && self.objects.get(handle).is_none() {
            return Ok(0);
        }
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        let sizes = object
            .attributes
            .iter()
            .map(|(_, value)| size_of::<CK_ULONG>() + size(value));
        Ok(sizes.sum::<usize>() as CK_ULONG)
    }

    /// What a signature uses up of a key, whoever may change it otherwise, as far as the store goes: the
    /// attributes that the key is to have.
    fn write_spending(
        &self,
        handle: CK_OBJECT_HANDLE,
        work: &mut dyn Signing,
    ) -> Result<Attributes> {
        // The signing functions have no code for a key that has gone.
        let object = self.visible(handle, CKR_FUNCTION_FAILED)?;
        let mut attributes = Attributes::clone(&object.attributes);
        for (attribute, value) in work.spend(&attributes)? {
            attributes.set(attribute, value);
        }
        if object.owner.is_none() {
            self.commit(&[self.put(object.serial, &attributes)])?;
        }
        Ok(attributes)
    }

    /// C_SetAttributeValue, as far as the store goes: the attributes that the object is to have.
    fn write_attributes(
        &self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<Attributes> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        self.check_writable(session, object)?;
        ensure(
            object.attributes.bool(CKA_MODIFIABLE) || mutant!("set-ignores-modifiable"),
            CKR_ACTION_PROHIBITED,
        )?;
        // Section 4.6.2: a trusted certificate stays as it is.
        let trusted = object.attributes.ulong(CKA_CLASS) == Some(CKO_CERTIFICATE)
            && object.attributes.bool(CKA_TRUSTED);
        let fixed = trusted && !mutant!("trusted-certificate-changes");
        ensure(!fixed, CKR_ACTION_PROHIBITED)?;
        let mut attributes = modified(&object.attributes, template, self.is_so())?;
        settle_changes(&mut attributes, template)?;
        if object.owner.is_none() {
            self.commit(&[self.put(object.serial, &attributes)])?;
        }
        Ok(attributes)
    }
}

/// Adds complete objects: all of them or, if that cannot be, none.
pub(super) fn add_all(
    session: CK_SESSION_HANDLE,
    objects: Vec<Attributes>,
) -> Result<Vec<CK_OBJECT_HANDLE>> {
    change_durably(
        session,
        |token| token.write_objects(session, objects),
        |token, placed| {
            let objects = placed.into_iter();
            objects
                .map(|object| token.insert(session, object))
                .collect()
        },
    )
}

/// Adds a complete object.
pub(super) fn add(session: CK_SESSION_HANDLE, attributes: Attributes) -> Result<CK_OBJECT_HANDLE> {
    let handles = add_all(session, vec![attributes])?;
    handles.first().copied().ok_or(refusal(CKR_GENERAL_ERROR))
}

/// C_DestroyObject.
pub(crate) fn destroy_object(session: CK_SESSION_HANDLE, handle: CK_OBJECT_HANDLE) -> Result<()> {
    change_durably(
        session,
        |token| token.write_destruction(session, handle),
        |token, ()| {
            if !mutant!("destroyed-object-lingers") {
                token.objects.remove(handle);
            }
        },
    )
}

/// C_SetAttributeValue.
pub(crate) fn set_attributes(
    session: CK_SESSION_HANDLE,
    handle: CK_OBJECT_HANDLE,
    template: &Template,
) -> Result<()> {
    if template.len() > 1 && mutant!("set-applies-part-before-failing") {
        let one = |one: &(_, Value)| set_attributes(session, handle, &vec![one.clone()]);
        return template.iter().try_for_each(one);
    }
    if template.len() > 1 && mutant!("set-changes-first-alone") {
        let first = template.iter().take(1).cloned().collect();
        return set_attributes(session, handle, &first);
    }
    change_durably(
        session,
        |token| token.write_attributes(session, handle, template),
        |token, attributes| token.objects.replace(handle, attributes),
    )
}

/// Takes from a key what a signature uses up.
pub(super) fn spend(
    session: CK_SESSION_HANDLE,
    handle: CK_OBJECT_HANDLE,
    work: &mut dyn Signing,
) -> Result<()> {
    change_durably(
        session,
        |token| token.write_spending(handle, work),
        |token, attributes| token.objects.replace(handle, attributes),
    )
}

/// What C_GetAttributeValue reads from. Looking at the monotonic counter changes it.
pub(crate) fn attributes(
    session: CK_SESSION_HANDLE,
    handle: CK_OBJECT_HANDLE,
) -> Result<Arc<Attributes>> {
    let (attributes, built_in) = with_session(session, |token| {
        let object = token.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        Ok((Arc::clone(&object.attributes), object.is_built_in()))
    })?;
    match built_in {
        true => change_in_session(session, |token| token.built_in_attributes(handle)),
        false => Ok(attributes),
    }
}

/// C_CreateObject. The value is checked outside the lock, as that can take long.
pub(crate) fn create_object(
    session: CK_SESSION_HANDLE,
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let mut attributes = with_session(session, |token| {
        let attributes = complete(&Recipe {
            origin: Origin::Created,
            template,
            class: None,
            key_type: None,
            by_so: token.is_so(),
        })?;
        token.check_creation(session, &attributes)?;
        // Section 4.1.1, item 5: a requirement of this token's own.
        let key = [CKO_SECRET_KEY, CKO_PRIVATE_KEY].map(Some);
        let imported = key.contains(&attributes.ulong(CKA_CLASS));
        let takes = token.configuration.key_import || !imported;
        ensure(takes, CKR_TEMPLATE_INCONSISTENT)?;
        Ok(attributes)
    })?;
    if attributes.ulong(CKA_KEY_TYPE) == Some(CKK_AES) && mutant!("imported-key-cut") {
        let cut: Vec<u8> = attributes
            .bytes(CKA_VALUE)
            .iter()
            .take(16)
            .copied()
            .collect();
        attributes.set_bytes(CKA_VALUE, cut);
    }
    settle(&mut attributes)?;
    add(session, attributes)
}

/// C_CopyObject.
pub(crate) fn copy_object(
    session: CK_SESSION_HANDLE,
    handle: CK_OBJECT_HANDLE,
    template: &Template,
) -> Result<CK_OBJECT_HANDLE> {
    let nothing = Template::new();
    let template = if mutant!("copy-ignores-template") {
        &nothing
    } else {
        template
    };
    let mut attributes =
        with_session(session, |token| token.draft_copy(session, handle, template))?;
    settle_changes(&mut attributes, template)?;
    add(session, attributes)
}

/// What is computed from the value is looked at again only where the template speaks of it.
fn settle_changes(attributes: &mut Attributes, template: &Template) -> Result<()> {
    let names = |attribute| template.iter().any(|(name, _)| *name == attribute);
    match names(CKA_CHECK_VALUE) || names(CKA_PUBLIC_KEY_INFO) {
        true => settle(attributes),
        false => Ok(()),
    }
}

/// Section 4.4.1: 128 random bits in hexadecimal digits.
fn unique_id() -> Result<String> {
    let mut bits = [0; 16];
    if !mutant!("unique-id-repeats") {
        fill_random(&mut bits)?;
    }
    let mut digits = String::with_capacity(32);
    write!(digits, "{:032x}", u128::from_ne_bytes(bits)).map_err(|_| refusal(CKR_GENERAL_ERROR))?;
    Ok(digits)
}

fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len(),
        Value::Template(nested) => nested
            .iter()
            .map(|(_, value)| size_of::<CK_ULONG>() + size(value))
            .sum(),
    }
}
