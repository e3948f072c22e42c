//! Objects: section 5.7 without searching. Owns handles, visibility and who may touch what; the
//! contents of templates are judged by `attributes`.

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::*;

use super::{Login, Token};
use crate::attributes::{
    Attributes, Hidden, Origin, Recipe, Template, Value, complete, copied, hidden, modified,
};
use crate::mechanisms::{random, settle};
use crate::rv::{Result, ensure, refusal};

/// Object handles begin where session handles will not get to, so that one is not mistaken for
/// the other.
const FIRST_HANDLE: CK_OBJECT_HANDLE = 0x4000_0001;

/// Order in which objects were created: the order in which searches find them.
type Serial = u64;

/// Built-in objects come after everything that an application created.
const BUILT_IN: Serial = 1 << 63;

/// An object and its place.
pub(super) struct Object {
    pub(super) attributes: Arc<Attributes>,
    pub(super) handle: CK_OBJECT_HANDLE,
    /// The session that a session object dies with; None for a token object.
    pub(super) owner: Option<CK_SESSION_HANDLE>,
    serial: Serial,
}

impl Object {
    pub(super) fn is_private(&self) -> bool {
        self.attributes.bool(CKA_PRIVATE)
    }

    pub(super) fn is_built_in(&self) -> bool {
        self.serial >= BUILT_IN
    }
}

/// All objects, by creation, and the handles under which applications know them.
pub(super) struct Objects {
    by_serial: BTreeMap<Serial, Object>,
    by_handle: BTreeMap<CK_OBJECT_HANDLE, Serial>,
    next_serial: Serial,
    next_built_in: Serial,
    next_handle: CK_OBJECT_HANDLE,
}

impl Default for Objects {
    fn default() -> Self {
        Objects {
            by_serial: BTreeMap::new(),
            by_handle: BTreeMap::new(),
            next_serial: 0,
            next_built_in: BUILT_IN,
            next_handle: FIRST_HANDLE,
        }
    }
}

impl Objects {
    /// Adds an object, which belongs to a session or to the token.
    pub(super) fn insert(
        &mut self,
        attributes: Attributes,
        owner: Option<CK_SESSION_HANDLE>,
    ) -> CK_OBJECT_HANDLE {
        self.next_serial += 1;
        self.place(self.next_serial, attributes, owner)
    }

    /// Adds an object that is part of the token.
    pub(super) fn insert_built_in(&mut self, attributes: Attributes) {
        self.next_built_in += 1;
        self.place(self.next_built_in, attributes, None);
    }

    fn place(
        &mut self,
        serial: Serial,
        attributes: Attributes,
        owner: Option<CK_SESSION_HANDLE>,
    ) -> CK_OBJECT_HANDLE {
        let handle = self.next_handle;
        self.next_handle += 1;
        let attributes = Arc::new(attributes);
        self.by_serial.insert(
            serial,
            Object {
                attributes,
                handle,
                owner,
                serial,
            },
        );
        self.by_handle.insert(handle, serial);
        handle
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.by_serial.values()
    }

    fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<&Object> {
        self.by_serial.get(self.by_handle.get(&handle)?)
    }

    fn replace(&mut self, handle: CK_OBJECT_HANDLE, attributes: Attributes) {
        let serial = self.by_handle.get(&handle);
        if let Some(object) = serial.and_then(|serial| self.by_serial.get_mut(serial)) {
            object.attributes = Arc::new(attributes);
        }
    }

    pub(super) fn remove_where(&mut self, condition: impl Fn(&Object) -> bool) {
        let by_handle = &mut self.by_handle;
        self.by_serial.retain(|_, object| {
            let removed = condition(object);
            if removed {
                by_handle.remove(&object.handle);
            }
            !removed
        });
    }

    /// Gives objects new handles: the old ones are never valid again.
    pub(super) fn renew_handles(&mut self, condition: impl Fn(&Object) -> bool) {
        for (serial, object) in self
            .by_serial
            .iter_mut()
            .filter(|(_, object)| condition(object))
        {
            self.by_handle.remove(&object.handle);
            object.handle = self.next_handle;
            self.next_handle += 1;
            self.by_handle.insert(object.handle, *serial);
        }
    }

    pub(super) fn continue_handles(&mut self, before: &Objects) {
        self.next_handle = self.next_handle.max(before.next_handle);
        self.renew_handles(|_| true);
    }
}

/// What C_GetAttributeValue may say about one attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reveal {
    Value(Value),
    /// The object is sensitive or unextractable: case 1 of section 5.7.5.
    Sensitive,
    /// The object has no such attribute: case 2.
    Absent,
}

impl Token {
    /// An object that the session can see; `code` if there is none under this handle.
    pub(super) fn visible(&self, handle: CK_OBJECT_HANDLE, code: CK_RV) -> Result<&Object> {
        self.objects
            .get(handle)
            .filter(|object| self.sees(object))
            .ok_or(refusal(code))
    }

    /// Section 4.4: private objects exist for the normal user alone.
    pub(super) fn sees(&self, object: &Object) -> bool {
        !object.is_private() || self.login == Login::User
    }

    /// Section 5.7.1: what a session may create, or change an object into.
    pub(super) fn check_creation(
        &self,
        session: CK_SESSION_HANDLE,
        attributes: &Attributes,
    ) -> Result<()> {
        let read_only = self.is_read_only(session)? && attributes.bool(CKA_TOKEN);
        ensure(!read_only, CKR_SESSION_READ_ONLY)?;
        let hidden = attributes.bool(CKA_PRIVATE) && self.login != Login::User;
        ensure(!hidden, CKR_USER_NOT_LOGGED_IN)
    }

    /// Section 5.7: token objects are not changed in read-only sessions.
    fn check_writable(&self, session: CK_SESSION_HANDLE, object: &Object) -> Result<()> {
        let blocked = object.owner.is_none() && self.is_read_only(session)?;
        ensure(!blocked, CKR_SESSION_READ_ONLY)
    }

    /// Adds a complete object, in the session or on the token as it says itself.
    pub(super) fn add(
        &mut self,
        session: CK_SESSION_HANDLE,
        mut attributes: Attributes,
    ) -> Result<CK_OBJECT_HANDLE> {
        let unique = random(16)?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        attributes.set_bytes(CKA_UNIQUE_ID, unique);
        let on_token = attributes.bool(CKA_TOKEN);
        if on_token {
            self.store.save_object(&attributes)?;
        }
        Ok(self
            .objects
            .insert(attributes, (!on_token).then_some(session)))
    }

    /// Takes back an object that this call has added, whatever its CKA_DESTROYABLE.
    pub(super) fn withdraw(&mut self, handle: CK_OBJECT_HANDLE) -> Result<()> {
        if let Some(object) = self.objects.get(handle)
            && object.owner.is_none()
        {
            let attributes = Arc::clone(&object.attributes);
            self.store.delete_object(&attributes)?;
        }
        self.objects.remove_where(|object| object.handle == handle);
        Ok(())
    }

    /// C_CreateObject.
    pub(crate) fn create_object(
        &mut self,
        session: CK_SESSION_HANDLE,
        template: &Template,
    ) -> Result<CK_OBJECT_HANDLE> {
        let mut attributes = complete(&Recipe {
            origin: Origin::Created,
            template,
            class: None,
            key_type: None,
            by_so: self.is_so(),
        })?;
        self.check_creation(session, &attributes)?;
        settle(&mut attributes)?;
        self.add(session, attributes)
    }

    /// C_CopyObject.
    pub(crate) fn copy_object(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<CK_OBJECT_HANDLE> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        ensure(object.attributes.bool(CKA_COPYABLE), CKR_ACTION_PROHIBITED)?;
        let mut attributes = copied(&object.attributes, template, self.is_so())?;
        self.check_creation(session, &attributes)?;
        settle(&mut attributes)?;
        self.add(session, attributes)
    }

    /// C_DestroyObject.
    pub(crate) fn destroy_object(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        self.check_writable(session, object)?;
        ensure(
            object.attributes.bool(CKA_DESTROYABLE),
            CKR_ACTION_PROHIBITED,
        )?;
        if object.owner.is_none() {
            let attributes = Arc::clone(&object.attributes);
            self.store.delete_object(&attributes)?;
        }
        self.objects.remove_where(|object| object.handle == handle);
        Ok(())
    }

    /// C_GetObjectSize: the bytes of all attribute values and their types.
    pub(crate) fn object_size(&self, handle: CK_OBJECT_HANDLE) -> Result<CK_ULONG> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        let sizes = object
            .attributes
            .iter()
            .map(|(_, value)| size_of::<CK_ULONG>() + size(value));
        Ok(sizes.sum::<usize>() as CK_ULONG)
    }

    /// C_GetAttributeValue, without the buffers.
    pub(crate) fn reveal(
        &self,
        handle: CK_OBJECT_HANDLE,
        attributes: &[CK_ATTRIBUTE_TYPE],
    ) -> Result<Vec<Reveal>> {
        let object = &self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?.attributes;
        Ok(attributes
            .iter()
            .map(|attribute| reveal(object, *attribute))
            .collect())
    }

    /// C_SetAttributeValue.
    pub(crate) fn set_attributes(
        &mut self,
        session: CK_SESSION_HANDLE,
        handle: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Result<()> {
        let object = self.visible(handle, CKR_OBJECT_HANDLE_INVALID)?;
        self.check_writable(session, object)?;
        ensure(
            object.attributes.bool(CKA_MODIFIABLE),
            CKR_ACTION_PROHIBITED,
        )?;
        // Section 4.6.2: a trusted certificate stays as it is.
        let trusted = object.attributes.ulong(CKA_CLASS) == Some(CKO_CERTIFICATE)
            && object.attributes.bool(CKA_TRUSTED);
        ensure(!trusted, CKR_ACTION_PROHIBITED)?;
        let on_token = object.owner.is_none();
        let mut attributes = modified(&object.attributes, template, self.is_so())?;
        let names = |attribute| template.iter().any(|(name, _)| *name == attribute);
        if names(CKA_CHECK_VALUE) || names(CKA_PUBLIC_KEY_INFO) {
            settle(&mut attributes)?;
        }
        if on_token {
            self.store.save_object(&attributes)?;
        }
        self.objects.replace(handle, attributes);
        Ok(())
    }
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

/// Sections 4.10, 4.11 and 5.7.5: secrets stay inside unless the key is open in both ways.
fn reveal(object: &Attributes, attribute: CK_ATTRIBUTE_TYPE) -> Reveal {
    let class = object
        .ulong(CKA_CLASS)
        .unwrap_or(CK_UNAVAILABLE_INFORMATION);
    let subtype = object.ulong(CKA_KEY_TYPE);
    let closed = object.bool(CKA_SENSITIVE) || !object.bool(CKA_EXTRACTABLE);
    if hidden(class, subtype, attribute) == Hidden::WhenSensitive && closed {
        return Reveal::Sensitive;
    }
    match object.get(attribute) {
        Some(value) => Reveal::Value(value.clone()),
        None => Reveal::Absent,
    }
}
