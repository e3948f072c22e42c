//! The attribute table: class by attribute, with type, footnotes and default.
//! This file owns its form and how it is searched; the rows stand under `table/`, from the tables
//! of [PKCS11-Base 3.2] chapters 4 and 6. `create` and `change` read it. A new object class or key
//! type is a new array there and a line in that file's `SECTIONS`.

mod asymmetric;
mod keys;
mod objects;
mod secret;

use cryptoki_sys::*;

use objects::STORAGE;

/// The data type of an attribute, which decides what bytes are a valid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Ulong,
    /// Any bytes; a big integer is one of these, most significant byte first.
    Bytes,
    /// RFC 2279 (UTF-8) text without a length limit.
    Text,
    /// CK_DATE: eight digits, or empty for no date.
    Date,
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

/// Which rows apply to which objects, besides `STORAGE`, which applies to all.
static SECTIONS: [&[Section]; 4] = [
    objects::SECTIONS,
    keys::SECTIONS,
    asymmetric::SECTIONS,
    secret::SECTIONS,
];

fn sections() -> impl Iterator<Item = &'static Section> {
    SECTIONS.into_iter().flatten()
}

/// An object class with its key or certificate type, which together pick the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) class: CK_OBJECT_CLASS,
    pub(super) subtype: Option<CK_ULONG>,
}

impl Shape {
    /// The attribute that names the subtype of objects of `class`, if the class has subtypes.
    pub(super) fn discriminator(class: CK_OBJECT_CLASS) -> Option<CK_ATTRIBUTE_TYPE> {
        match class {
            CKO_CERTIFICATE => Some(CKA_CERTIFICATE_TYPE),
            CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_DOMAIN_PARAMETERS => {
                Some(CKA_KEY_TYPE)
            }
            _ => None,
        }
    }

    /// Whether the table knows objects of this class and type.
    pub(super) fn is_supported(self) -> bool {
        let class = sections().any(|section| section.class == self.class);
        let subtyped = matches!(
            self.class,
            CKO_CERTIFICATE | CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY
        );
        let subtype = sections()
            .any(|section| section.class == self.class && section.subtype == self.subtype);
        class && (!subtyped || subtype)
    }

    /// The rows that apply to objects of this shape.
    pub(super) fn rules(self) -> impl Iterator<Item = &'static Rule> {
        let own = sections()
            .filter(move |section| {
                section.class == self.class
                    && (section.subtype.is_none() || section.subtype == self.subtype)
            })
            .flat_map(|section| section.rows);
        STORAGE.iter().chain(own)
    }

    /// The row of one attribute.
    pub(super) fn rule(self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&'static Rule> {
        self.rules().find(|rule| rule.attribute == attribute)
    }
}

/// Whether any object of this token can have the attribute.
pub(crate) fn is_known(attribute: CK_ATTRIBUTE_TYPE) -> bool {
    sections()
        .flat_map(|section| section.rows)
        .chain(&STORAGE)
        .any(|rule| rule.attribute == attribute)
}

/// Whether an attribute value may leave the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// Footnote 7 applies: only keys neither sensitive nor unextractable reveal it.
    WhenSensitive,
    Never,
}

/// How footnote 7 stands for an attribute of objects of `class` and `subtype`.
pub(crate) fn hidden(
    class: CK_OBJECT_CLASS,
    subtype: Option<CK_ULONG>,
    attribute: CK_ATTRIBUTE_TYPE,
) -> Hidden {
    match (Shape { class, subtype }).rule(attribute) {
        Some(rule) if rule.note(7) => Hidden::WhenSensitive,
        _ => Hidden::Never,
    }
}
