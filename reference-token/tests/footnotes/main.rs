//! The footnotes of section 4.2 and the defaults of chapters 4 and 6, for every row of the token's
//! own attribute table, through the C functions. The table is read here as the token reads it, so
//! a new row is tested without a word; a new kind of object needs a sample of what creates it.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod keys;
mod objects;
mod samples;
mod text;

/// The token's table, which shows itself to its parent alone: in this program that is here.
#[path = "../../src/attributes"]
mod attributes {
    #[allow(
        dead_code,
        reason = "the token asks the table more than this test does"
    )]
    mod table;

    use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CK_OBJECT_CLASS, CK_ULONG};
    use table::{Kind, Preset, Shape};

    /// A row of the table for objects of one shape.
    #[derive(Clone, Copy)]
    pub(crate) struct Row {
        pub(crate) attribute: CK_ATTRIBUTE_TYPE,
        notes: u16,
        /// Some value of the attribute's type, which no footnote forbids to set.
        pub(crate) value: fn(u16) -> Vec<u8>,
        /// What an object has that nobody gave a value.
        pub(crate) default: Option<fn() -> Vec<u8>>,
    }

    /// A row in the words of the standard's tables.
    pub(crate) struct Told {
        pub(crate) attribute: CK_ATTRIBUTE_TYPE,
        pub(crate) notes: Vec<u16>,
        /// Data types that the value can have.
        pub(crate) data_types: &'static str,
        /// The value without a template; nothing if there is none or it depends on the key.
        pub(crate) default: Option<Vec<u8>>,
    }

    pub(crate) fn told(class: CK_OBJECT_CLASS, subtype: Option<CK_ULONG>) -> Vec<Told> {
        let row = |rule: &&'static table::Rule| Told {
            attribute: rule.attribute,
            notes: (1..=TOKEN).filter(|number| rule.note(*number)).collect(),
            data_types: match rule.kind {
                Kind::Bool => "CK_BBOOL",
                Kind::Ulong | Kind::OneOf(_) => "a number",
                Kind::Bytes => "bytes",
                Kind::Text | Kind::Time => "RFC2279 string",
                Kind::Date => "CK_DATE",
                Kind::Ulongs => "numbers",
                Kind::Template => "CK_ATTRIBUTE_PTR",
            },
            default: match rule.default {
                Preset::Absent | Preset::TrueFor(_) => None,
                Preset::Empty => Some(Vec::new()),
                Preset::False => Some(vec![0]),
                Preset::True => Some(vec![1]),
                Preset::Ulong(number) => Some(number.to_ne_bytes().to_vec()),
            },
        };
        Shape { class, subtype }.rules().iter().map(row).collect()
    }

    pub(crate) fn is_known(attribute: CK_ATTRIBUTE_TYPE) -> bool {
        table::is_known(attribute)
    }

    pub(crate) fn is_supported(class: CK_OBJECT_CLASS, subtype: Option<CK_ULONG>) -> bool {
        Shape { class, subtype }.is_supported()
    }

    pub(crate) const COPY: u16 = table::COPY;
    pub(crate) const TOKEN: u16 = table::TOKEN;

    impl Row {
        pub(crate) fn note(&self, number: u16) -> bool {
            self.notes & (1 << number) != 0
        }

        pub(crate) fn any_note(&self, numbers: &[u16]) -> bool {
            numbers.iter().any(|number| self.note(*number))
        }

        pub(crate) fn sample(&self) -> Vec<u8> {
            (self.value)(self.notes)
        }
    }

    pub(crate) fn rows(class: CK_OBJECT_CLASS, subtype: Option<CK_ULONG>) -> Vec<Row> {
        let row = |rule: &&'static table::Rule| Row {
            attribute: rule.attribute,
            notes: (1..=TOKEN)
                .filter(|number| rule.note(*number))
                .fold(0, |bits, n| bits | 1 << n),
            value: match rule.kind {
                // Footnotes 10 and 11 are about CK_TRUE, all others harmless with CK_FALSE.
                Kind::Bool => |notes| vec![u8::from(notes & (1 << 11 | 1 << 10) != 0)],
                Kind::Ulong | Kind::OneOf(_) => |_| CK_ULONG::to_ne_bytes(0).to_vec(),
                Kind::Bytes | Kind::Text => |_| b"1".to_vec(),
                Kind::Date => |_| b"20261124".to_vec(),
                Kind::Time => |_| b"20261124120000".to_vec(),
                Kind::Ulongs => |_| CK_ULONG::to_ne_bytes(1).to_vec(),
                Kind::Template => |_| Vec::new(),
            },
            default: match rule.default {
                Preset::Absent | Preset::TrueFor(_) => None,
                Preset::Empty => Some(Vec::new),
                Preset::False => Some(|| vec![0]),
                Preset::True => Some(|| vec![1]),
                Preset::Ulong(CK_ULONG::MAX) => Some(|| CK_ULONG::MAX.to_ne_bytes().to_vec()),
                Preset::Ulong(0) => Some(|| CK_ULONG::to_ne_bytes(0).to_vec()),
                Preset::Ulong(_) => None,
            },
        };
        Shape { class, subtype }.rules().iter().map(row).collect()
    }
}
