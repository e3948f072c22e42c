//! All objects that the token knows of at the moment: their order, their handles, and an index by
//! the attributes that applications search for. Who may see or touch an object is for `object` and
//! `search` to say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use cryptoki_sys::*;

use crate::attributes::{Attributes, Template, Value};
use crate::store::Serial;

/// Object handles begin where session handles will not get to, so that one is not mistaken for
/// the other.
const FIRST_HANDLE: CK_OBJECT_HANDLE = 0x4000_0001;

/// Built-in objects come after everything that an application created.
const BUILT_IN: Serial = 1 << 63;

/// Attributes that lead to objects without looking at each of them.
const INDEXED: [CK_ATTRIBUTE_TYPE; 7] = [
    CKA_CLASS,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_UNIQUE_ID,
];

/// An object and its place.
pub(super) struct Object {
    pub(super) attributes: Arc<Attributes>,
    pub(super) handle: CK_OBJECT_HANDLE,
    /// The session that a session object dies with; None for a token object.
    pub(super) owner: Option<CK_SESSION_HANDLE>,
    pub(super) serial: Serial,
    private: bool,
}

impl Object {
    pub(super) fn is_private(&self) -> bool {
        self.private
    }

    pub(super) fn is_built_in(&self) -> bool {
        self.serial >= BUILT_IN
    }
}

/// Objects by the hash of an attribute with its value. Values themselves stay in the objects; two
/// that share a hash are told apart by the search, which compares them anyway. Empty values are
/// left out: most objects have some, and nobody looks for them.
#[derive(Default)]
struct Index {
    hasher: RandomState,
    entries: HashMap<u64, BTreeSet<Serial>>,
}

impl Index {
    /// Where an attribute stands in the index, if it does.
    fn hash(&self, attribute: CK_ATTRIBUTE_TYPE, value: &Value) -> Option<u64> {
        let bytes = value.bytes();
        let indexed = !bytes.is_empty() && INDEXED.contains(&attribute);
        indexed.then(|| self.hasher.hash_one((attribute, bytes)))
    }

    fn hash_of(&self, object: &Attributes, attribute: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        self.hash(attribute, object.get(attribute)?)
    }

    fn insert(&mut self, serial: Serial, object: &Attributes) {
        self.change(serial, None, Some(object));
    }

    fn remove(&mut self, serial: Serial, object: &Attributes) {
        self.change(serial, Some(object), None);
    }

    /// Follows an object from one set of attributes to another.
    fn change(&mut self, serial: Serial, from: Option<&Attributes>, to: Option<&Attributes>) {
        for attribute in INDEXED {
            let hash = |object: Option<&Attributes>| self.hash_of(object?, attribute);
            let (before, after) = (hash(from), hash(to));
            if before == after {
                continue;
            }
            if let Some(serials) = before.and_then(|hash| self.entries.get_mut(&hash)) {
                serials.remove(&serial);
                if serials.is_empty() {
                    before.and_then(|hash| self.entries.remove(&hash));
                }
            }
            if let Some(hash) = after {
                self.entries.entry(hash).or_default().insert(serial);
            }
        }
    }

    /// The fewest objects among which all that match `template` are; None if it names nothing
    /// that is indexed, so that they can be anywhere.
    fn candidates(&self, template: &Template) -> Option<&BTreeSet<Serial>> {
        static NONE: BTreeSet<Serial> = BTreeSet::new();
        template
            .iter()
            .filter_map(|(attribute, value)| self.hash(*attribute, value))
            .map(|hash| self.entries.get(&hash).unwrap_or(&NONE))
            .min_by_key(|serials| serials.len())
    }
}

/// All objects.
pub(super) struct Objects {
    by_serial: BTreeMap<Serial, Object>,
    by_handle: HashMap<CK_OBJECT_HANDLE, Serial>,
    by_owner: BTreeSet<(CK_SESSION_HANDLE, Serial)>,
    index: Index,
    last_serial: Serial,
    last_built_in: Serial,
    next_handle: CK_OBJECT_HANDLE,
}

impl Default for Objects {
    fn default() -> Self {
        Objects {
            by_serial: BTreeMap::new(),
            by_handle: HashMap::new(),
            by_owner: BTreeSet::new(),
            index: Index::default(),
            last_serial: 0,
            last_built_in: BUILT_IN,
            next_handle: FIRST_HANDLE,
        }
    }
}

impl Objects {
    /// Places for new objects, after all others.
    pub(super) fn free_serials(&self) -> impl Iterator<Item = Serial> + use<> {
        self.last_serial + 1..BUILT_IN
    }

    /// Leaves the places up to `last` to objects that a store has.
    pub(super) fn leave_serials(&mut self, last: Serial) {
        self.last_serial = self.last_serial.max(last);
    }

    /// Adds an object that is part of the token.
    pub(super) fn insert_built_in(&mut self, attributes: Attributes) {
        self.last_built_in += 1;
        self.insert(self.last_built_in, attributes, None);
    }

    /// Puts an object, which belongs to a session or to the token, in its place.
    pub(super) fn insert(
        &mut self,
        serial: Serial,
        attributes: Attributes,
        owner: Option<CK_SESSION_HANDLE>,
    ) -> CK_OBJECT_HANDLE {
        let handle = self.next_handle;
        self.next_handle += 1;
        if serial < BUILT_IN {
            self.leave_serials(serial);
        }
        self.index.insert(serial, &attributes);
        self.by_handle.insert(handle, serial);
        if let Some(session) = owner {
            self.by_owner.insert((session, serial));
        }
        let object = Object {
            private: attributes.bool(CKA_PRIVATE),
            attributes: Arc::new(attributes),
            handle,
            owner,
            serial,
        };
        self.by_serial.insert(serial, object);
        handle
    }

    pub(super) fn get(&self, handle: CK_OBJECT_HANDLE) -> Option<&Object> {
        self.by_serial.get(self.by_handle.get(&handle)?)
    }

    /// Whether an object still has this handle.
    pub(super) fn has(&self, handle: CK_OBJECT_HANDLE) -> bool {
        self.by_handle.contains_key(&handle)
    }

    /// The objects that match, in the order of their creation.
    pub(super) fn matching<'a>(
        &'a self,
        template: &'a Template,
    ) -> Box<dyn Iterator<Item = &'a Object> + 'a> {
        let objects: Box<dyn Iterator<Item = &Object>> = match self.index.candidates(template) {
            Some(serials) => Box::new(
                serials
                    .iter()
                    .filter_map(|serial| self.by_serial.get(serial)),
            ),
            None => Box::new(self.by_serial.values()),
        };
        Box::new(objects.filter(|object| object.attributes.matches(template)))
    }

    /// Gives an object other attributes.
    pub(super) fn replace(&mut self, handle: CK_OBJECT_HANDLE, attributes: Attributes) {
        let serial = self.by_handle.get(&handle);
        if let Some(object) = serial.and_then(|serial| self.by_serial.get_mut(serial)) {
            let before = Some(object.attributes.as_ref());
            self.index.change(object.serial, before, Some(&attributes));
            object.attributes = Arc::new(attributes);
        }
    }

    pub(super) fn remove(&mut self, handle: CK_OBJECT_HANDLE) {
        if let Some(serial) = self.by_handle.get(&handle) {
            self.remove_serial(*serial);
        }
    }

    fn remove_serial(&mut self, serial: Serial) {
        let Some(object) = self.by_serial.remove(&serial) else {
            return;
        };
        self.by_handle.remove(&object.handle);
        if let Some(session) = object.owner {
            self.by_owner.remove(&(session, serial));
        }
        self.index.remove(serial, &object.attributes);
    }

    /// Removes the session objects of one session.
    pub(super) fn remove_owned_by(&mut self, session: CK_SESSION_HANDLE) {
        let owned = self.by_owner.range((session, 0)..=(session, Serial::MAX));
        for (_, serial) in owned.copied().collect::<Vec<_>>() {
            self.remove_serial(serial);
        }
    }

    /// Removes all session objects.
    pub(super) fn remove_owned(&mut self) {
        for (_, serial) in std::mem::take(&mut self.by_owner) {
            self.remove_serial(serial);
        }
    }

    /// Removes everything that is not part of the token.
    pub(super) fn clear(&mut self) {
        let made = self.by_serial.range(..BUILT_IN);
        for serial in made.map(|(serial, _)| *serial).collect::<Vec<_>>() {
            self.remove_serial(serial);
        }
    }

    /// Ends the validity of all handles to private objects: session objects die, and token objects
    /// too where they can be read again, or else get new handles.
    pub(super) fn part_with_private(&mut self, token_objects_too: bool) {
        let template = vec![(CKA_PRIVATE, Value::bool(true))];
        let private: Vec<_> = self
            .matching(&template)
            .map(|object| (object.serial, object.owner.is_some()))
            .collect();
        for (serial, of_session) in private {
            match of_session || token_objects_too {
                true => self.remove_serial(serial),
                false => self.renew_handle(serial),
            }
        }
    }

    fn renew_handle(&mut self, serial: Serial) {
        if let Some(object) = self.by_serial.get_mut(&serial) {
            self.by_handle.remove(&object.handle);
            object.handle = self.next_handle;
            self.next_handle += 1;
            self.by_handle.insert(object.handle, serial);
        }
    }

    /// Gives all objects new handles: the old ones are never valid again.
    pub(super) fn renew_handles(&mut self) {
        for serial in self.by_serial.keys().copied().collect::<Vec<_>>() {
            self.renew_handle(serial);
        }
    }

    /// Numbers handles on from where `before` stopped.
    pub(super) fn continue_handles(&mut self, before: &Objects) {
        self.next_handle = self.next_handle.max(before.next_handle);
        self.renew_handles();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(label: &str) -> Attributes {
        [
            (CKA_CLASS, Value::ulong(CKO_DATA)),
            (CKA_LABEL, Value::Bytes(label.as_bytes().to_vec())),
        ]
        .into_iter()
        .collect()
    }

    fn labelled(label: &str) -> Template {
        vec![(CKA_LABEL, Value::Bytes(label.as_bytes().to_vec()))]
    }

    fn found(objects: &Objects, template: &Template) -> Vec<CK_OBJECT_HANDLE> {
        let matching = objects.matching(template);
        matching.map(|object| object.handle).collect()
    }

    #[test]
    fn the_index_follows_creation_change_and_removal() {
        let mut objects = Objects::default();
        let mut add = |label: &str| {
            let serial = objects.free_serials().next().unwrap();
            objects.insert(serial, note(label), Some(1))
        };
        let (a, b, again) = (add("a"), add("b"), add("a"));
        assert_eq!(found(&objects, &labelled("a")), [a, again]);
        objects.replace(a, note("b"));
        assert_eq!(found(&objects, &labelled("a")), [again]);
        assert_eq!(found(&objects, &labelled("b")), [a, b]);
        objects.remove(b);
        assert_eq!(found(&objects, &labelled("b")), [a]);
        assert_eq!(found(&objects, &Template::new()), [a, again]);
        objects.remove_owned_by(1);
        assert!(found(&objects, &Template::new()).is_empty());
        assert!(objects.index.entries.is_empty() && objects.by_owner.is_empty());
    }

    #[test]
    fn a_search_by_index_finds_what_a_search_through_everything_finds() {
        let mut objects = Objects::default();
        for i in 0..50 {
            let serial = objects.free_serials().next().unwrap();
            let mut object = note(&format!("{}", i % 7));
            object.set_bytes(CKA_VALUE, vec![i % 3]);
            objects.insert(serial, object, None);
        }
        for label in ["0", "3", "none"] {
            for value in 0..4 {
                let mut template = labelled(label);
                template.push((CKA_VALUE, Value::Bytes(vec![value])));
                let through_all = objects.by_serial.values();
                let slow: Vec<_> = through_all
                    .filter(|object| object.attributes.matches(&template))
                    .map(|object| object.handle)
                    .collect();
                assert_eq!(found(&objects, &template), slow);
            }
        }
    }
}
