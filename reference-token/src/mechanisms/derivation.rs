//! What derivation is asked for and what it yields: several keys, bytes that go back through the
//! parameter, and the rule by which new keys inherit what their sources may claim. Families fill
//! these in; `token` makes objects of them.

use std::sync::Arc;

use cryptoki_sys::*;

use super::secret::fixed_length;
use super::{Contribution, Mechanism};
use crate::attributes::{Attributes, Template, Value};
use crate::rv::{Result, ensure, refuse};

/// A key that a parameter names. `token` puts the key in the place of its handle before a family
/// sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Handle(CK_OBJECT_HANDLE),
    Key(Arc<Attributes>),
}

impl Named {
    /// The key; a handle that nobody resolved names none.
    pub(super) fn key(&self) -> Result<&Attributes> {
        match self {
            Named::Key(key) => Ok(key),
            Named::Handle(_) => refuse(CKR_KEY_HANDLE_INVALID),
        }
    }

    /// The value of a secret key.
    pub(super) fn value(&self) -> Result<&[u8]> {
        Ok(self.key()?.bytes(CKA_VALUE))
    }
}

/// What a template asks of a key to be derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) class: Option<CK_OBJECT_CLASS>,
    pub(crate) key_type: Option<CK_KEY_TYPE>,
    /// CKA_VALUE_LEN.
    pub(crate) length: Option<usize>,
}

impl Wish {
    pub(crate) fn of(template: &Template) -> Wish {
        let named = |attribute| {
            let (_, value) = template.iter().find(|(name, _)| *name == attribute)?;
            value.as_ulong()
        };
        Wish {
            class: named(CKA_CLASS),
            key_type: named(CKA_KEY_TYPE),
            length: named(CKA_VALUE_LEN)
                .map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
        }
    }

    /// The length that the template names, or that every key of the type has.
    pub(crate) fn bytes(&self) -> Option<usize> {
        self.length.or(self.key_type.and_then(fixed_length))
    }

    /// The length of a key that takes the beginning of `available` bytes: the four cases that
    /// sections 6.20.5 and 6.43.3 to 6.43.7 share.
    pub(super) fn length_within(&self, available: usize) -> Result<usize> {
        let length = match (self.bytes(), self.key_type) {
            (Some(length), _) => length,
            (None, None) => available,
            (None, Some(_)) => return refuse(CKR_TEMPLATE_INCOMPLETE),
        };
        ensure(length <= available, CKR_KEY_SIZE_RANGE)?;
        Ok(length)
    }

    /// The beginning of `material`, as long as the key is to be.
    pub(super) fn take(&self, mut material: Vec<u8>) -> Result<Vec<u8>> {
        material.truncate(self.length_within(material.len())?);
        Ok(material)
    }
}

/// A derivation that a family is asked for.
#[derive(Debug)]
pub(crate) struct Derivation<'a> {
    pub(crate) mechanism: &'a Mechanism,
    pub(crate) base: &'a Attributes,
    /// What the template of C_DeriveKey asks for.
    pub(crate) own: Wish,
    /// What the templates in the parameter ask for.
    pub(crate) additional: Vec<Wish>,
}

impl Derivation<'_> {
    /// The value of a base key that has to be a secret key.
    pub(super) fn secret(&self) -> Result<&[u8]> {
        let secret = self.base.ulong(CKA_CLASS) == Some(CKO_SECRET_KEY);
        ensure(secret, CKR_KEY_TYPE_INCONSISTENT)?;
        Ok(self.base.bytes(CKA_VALUE))
    }
}

/// Which template describes a new object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// That of C_DeriveKey.
    Own,
    /// That of C_DeriveKey, for a key beside the one it describes: type, length and usages of its
    /// own come from the mechanism.
    Beside,
    /// One in the parameter.
    Additional(usize),
}

/// How a mechanism says that keys inherit CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ALWAYS_SENSITIVE and
/// CKA_NEVER_EXTRACTABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inheritance {
    /// Template or default; the history holds only if the base key's does (section 6.20.5).
    Free,
    /// A sensitive or unextractable source makes such a key (section 6.43.3).
    Sticky,
    /// As `Sticky`, and the base key instead of the default (section 6.40.8).
    StickyFromBase,
    /// Template or base key; the history holds if any source's does (section 6.42.7).
    FromBase,
    /// All four as in the base key (section 6.39.6).
    Same,
}

/// A new object.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) class: CK_OBJECT_CLASS,
    /// The only type it can have, whatever the template.
    pub(crate) key_type: Option<CK_KEY_TYPE>,
    pub(crate) source: Source,
    pub(crate) inheritance: Inheritance,
    /// Values where the template names none.
    pub(crate) defaults: Template,
    /// Values that no template can name.
    pub(crate) fixed: Template,
    /// What the mechanism supplies: CKA_VALUE of a key.
    pub(crate) contribution: Contribution,
}

impl Product {
    /// A secret key, of the template's type, that inherits as freely as a digest does.
    pub(crate) fn secret(value: Vec<u8>) -> Product {
        Product {
            class: CKO_SECRET_KEY,
            key_type: None,
            source: Source::Own,
            inheritance: Inheritance::Free,
            defaults: Vec::new(),
            fixed: Vec::new(),
            contribution: vec![(CKA_VALUE, Value::Bytes(value))],
        }
    }

    pub(super) fn inheriting(self, inheritance: Inheritance) -> Product {
        Product {
            inheritance,
            ..self
        }
    }

    pub(super) fn from(self, source: Source) -> Product {
        Product { source, ..self }
    }

    /// A key of this type, which the template may repeat but not change.
    pub(super) fn of_type(self, key_type: CK_KEY_TYPE) -> Product {
        Product {
            key_type: Some(key_type),
            ..self
        }
    }

    /// The attribute takes this value if the template names none.
    pub(super) fn by_default(mut self, attribute: CK_ATTRIBUTE_TYPE, value: Value) -> Product {
        self.defaults.push((attribute, value));
        self
    }

    /// A generic secret unless the template says otherwise.
    pub(super) fn generic_by_default(self) -> Product {
        self.by_default(CKA_KEY_TYPE, Value::ulong(CKK_GENERIC_SECRET))
    }
}

/// What goes back through one of the places of a parameter, in the order of its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Back {
    /// CK_INVALID_HANDLE: a key that is not wanted.
    NoKey,
    /// The handle of a product.
    Key(usize),
    Bytes(Vec<u8>),
}

/// What a derivation yields.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    pub(crate) products: Vec<Product>,
    /// The product whose handle C_DeriveKey itself gives.
    pub(crate) own: Option<usize>,
    pub(crate) back: Vec<Back>,
}

impl Yield {
    /// One object, and nothing through the parameter.
    pub(crate) fn one(product: Product) -> Yield {
        Yield {
            products: vec![product],
            own: Some(0),
            back: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_type_decide_together_how_much_a_key_takes() {
        let wish = |key_type, length| Wish {
            class: None,
            key_type,
            length,
        };
        let taken = |wish: Wish| wish.take(vec![7; 20]).map(|key| key.len());
        assert_eq!(taken(wish(None, None)).unwrap(), 20);
        assert_eq!(taken(wish(None, Some(5))).unwrap(), 5);
        assert_eq!(taken(wish(Some(CKK_DES2), None)).unwrap(), 16);
        assert_eq!(taken(wish(Some(CKK_AES), Some(16))).unwrap(), 16);
        let code = |wish| taken(wish).unwrap_err().code();
        assert_eq!(code(wish(Some(CKK_AES), None)), CKR_TEMPLATE_INCOMPLETE);
        assert_eq!(code(wish(Some(CKK_DES3), None)), CKR_KEY_SIZE_RANGE);
        assert_eq!(code(wish(None, Some(21))), CKR_KEY_SIZE_RANGE);
    }
}
