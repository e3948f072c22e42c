//! The attribute table: class by attribute, with type, footnotes and default.
//! This file owns its form and how it is searched; the rows stand under `table/`, from the tables
//! of [PKCS11-Base 3.2] chapters 4 and 6. `create` and `change` read it. A new object class or key
//! type is a new array there and a line in that file's `SECTIONS`.

mod asymmetric;
mod elsewhere;
mod keys;
mod objects;
mod otp;
mod secret;

use std::collections::HashMap;
use std::sync::LazyLock;

use cryptoki_sys::*;

use elsewhere::ELSEWHERE;
use objects::{COMMON, STORAGE};

/// The data type of an attribute, which decides what bytes are a valid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Ulong,
    /// A CK_ULONG that names one of a few things.
    OneOf(&'static [CK_ULONG]),
    /// Any bytes; a big integer is one of these, most significant byte first.
    Bytes,
    /// RFC 2279 (UTF-8) text without a length limit.
    Text,
    /// CK_DATE: eight digits, or empty for no date.
    Date,
    /// UTC time as text, YYYYMMDDhhmmss, or empty for no time.
    Time,
    /// An array of CK_ULONG.
    Ulongs,
    /// An array attribute: a nested template.
    Template,
}

/// What an attribute holds when neither the template nor the function supplies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    /// The object does not have the attribute.
    Absent,
    Empty,
    False,
    True,
    Ulong(CK_ULONG),
    /// CK_TRUE for keys of these types: the token-specific default of footnote 9 for usages.
    TrueFor(&'static [CK_KEY_TYPE]),
}

/// One row of a table.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) attribute: CK_ATTRIBUTE_TYPE,
    pub(super) kind: Kind,
    notes: u16,
    pub(super) default: Preset,
}

/// Pseudo-footnote for the attributes that only C_CopyObject may change (section 4.1.3).
pub(super) const COPY: u16 = 14;
/// Pseudo-footnote for what the token alone supplies, whatever the function.
pub(super) const TOKEN: u16 = 15;

impl Rule {
    /// Whether the row carries footnote `number` (1 to 13 of section 4.2, `COPY`, `TOKEN`).
    pub(super) fn note(&self, number: u16) -> bool {
        self.notes & (1 << number) != 0
    }
}

const fn row(attribute: CK_ATTRIBUTE_TYPE, kind: Kind, notes: &[u16], default: Preset) -> Rule {
    let mut bits = 0;
    let mut i = 0;
    while i < notes.len() {
        bits |= 1 << notes[i];
        i += 1;
    }
    Rule {
        attribute,
        kind,
        notes: bits,
        default,
    }
}

/// Rows that apply to the objects picked by class and, if given, by key or certificate type.
struct Section {
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
    rows: &'static [Rule],
}

const fn of(class: CK_OBJECT_CLASS, rows: &'static [Rule]) -> Section {
    Section {
        class,
        subtype: None,
        rows,
    }
}

const fn typed(class: CK_OBJECT_CLASS, subtype: CK_ULONG, rows: &'static [Rule]) -> Section {
    Section {
        class,
        subtype: Some(subtype),
        rows,
    }
}

/// Which rows apply to which objects, besides `COMMON` and `STORAGE`.
static SECTIONS: [&[Section]; 5] = [
    objects::SECTIONS,
    keys::SECTIONS,
    asymmetric::SECTIONS,
    secret::SECTIONS,
    otp::SECTIONS,
];

fn sections() -> impl Iterator<Item = &'static Section> {
    SECTIONS.into_iter().flatten()
}

/// The rows of every shape that the sections name, sorted by attribute, and the data types of
/// every attribute: what the sections say, in the order in which it is asked.
struct Index {
    rules: HashMap<Shape, Vec<&'static Rule>>,
    kinds: HashMap<CK_ATTRIBUTE_TYPE, Vec<Kind>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut rules = HashMap::new();
    let mut kinds: HashMap<_, Vec<Kind>> = HashMap::new();
    for section in sections() {
        for subtype in [None, section.subtype] {
            let class = section.class;
            let shape = Shape { class, subtype };
            rules.entry(shape).or_insert_with(|| gather(shape));
        }
    }
    for rule in rules.values().flatten() {
        let known = kinds.entry(rule.attribute).or_default();
        if !known.contains(&rule.kind) {
            known.push(rule.kind);
        }
    }
    Index { rules, kinds }
});

/// The rows of one shape. Where two speak of one attribute the more general one has the say.
fn gather(shape: Shape) -> Vec<&'static Rule> {
    let own = sections()
        .filter(|section| {
            section.class == shape.class
                && (section.subtype.is_none() || section.subtype == shape.subtype)
        })
        .flat_map(|section| section.rows);
    // Sections 4.3 and 4.13: features and mechanisms are not stored.
    let stored = !matches!(shape.class, CKO_HW_FEATURE | CKO_MECHANISM);
    let storage = STORAGE.iter().filter(|_| stored);
    let mut rules: Vec<_> = COMMON.iter().chain(storage).chain(own).collect();
    rules.sort_by_key(|rule| rule.attribute);
    rules.dedup_by_key(|rule| rule.attribute);
    rules
}

/// An object class with its key or certificate type, which together pick the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shape {
    pub(super) class: CK_OBJECT_CLASS,
    pub(super) subtype: Option<CK_ULONG>,
}

impl Shape {
    /// The attribute that names the subtype of objects of `class`, if the class has subtypes.
    pub(super) fn discriminator(class: CK_OBJECT_CLASS) -> Option<CK_ATTRIBUTE_TYPE> {
        match class {
            CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
            CKO_PUBLIC_KEY
            | CKO_PRIVATE_KEY
            | CKO_SECRET_KEY
            | CKO_OTP_KEY
            | CKO_DOMAIN_PARAMETERS => Some(CKA_KEY_TYPE),
            CKO_HW_FEATURE => Some(CKA_HW_FEATURE_TYPE),
            _ => None,
        }
    }

    /// Whether the table knows objects of this class and type.
    pub(super) fn is_supported(self) -> bool {
        let general = Shape {
            subtype: None,
            ..self
        };
        let subtyped = Shape::discriminator(self.class).is_some();
        let known = |shape| INDEX.rules.contains_key(&shape);
        known(general) && (!subtyped || (self.subtype.is_some() && known(self)))
    }

    /// The rows that apply to objects of this shape, sorted by attribute.
    pub(super) fn rules(self) -> &'static [&'static Rule] {
        let general = Shape {
            subtype: None,
            ..self
        };
        let found = INDEX.rules.get(&self).or_else(|| INDEX.rules.get(&general));
        found.map_or(&[], Vec::as_slice)
    }

    /// The row of one attribute.
    pub(super) fn rule(self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&'static Rule> {
        let rules = self.rules();
        let place = rules.binary_search_by_key(&attribute, |rule| rule.attribute);
        place.ok().and_then(|place| rules.get(place).copied())
    }
}

/// The lengths of one-time passwords.
pub(crate) fn otp_digits() -> &'static [CK_ULONG] {
    otp::DIGITS
}

/// Whether the standard describes the attribute: section 4.1.1 calls it valid then.
pub(crate) fn is_known(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    INDEX.kinds.contains_key(&attribute) || ELSEWHERE.contains(&attribute)
}

/// The data types that an attribute has in one object or another; none if it is not known.
pub(super) fn kinds(attribute: CK_ATTRIBUTE_TYPE) -> &'static [Kind] {
    INDEX.kinds.get(&attribute).map_or(&[], Vec::as_slice)
}
