//! Mechanisms and templates as C has them, and the templates that many tests use.

use cryptoki_sys::*;

use super::rsa_2048;

/// A mechanism without a parameter.
pub fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: std::ptr::null_mut(),
        ulParameterLen: 0,
    }
}

/// A mechanism with a parameter that must outlive it.
pub fn with<T>(mechanism: CK_MECHANISM_TYPE, parameter: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: std::ptr::from_mut(parameter).cast(),
        ulParameterLen: size_of::<T>() as CK_ULONG,
    }
}

/// A template that owns its values.
#[derive(Clone, Default)]
pub struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Attributes {
    pub fn new() -> Attributes {
        Attributes::default()
    }

    pub fn bytes(mut self, attribute: CK_ATTRIBUTE_TYPE, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((attribute, value.into()));
        self
    }

    pub fn bool(self, attribute: CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(attribute, [u8::from(value)])
    }

    pub fn ulong(self, attribute: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(attribute, value.to_ne_bytes())
    }

    /// The template as C has it.
    pub fn list(&self) -> List<'_> {
        let entry = |(attribute, value): &(CK_ATTRIBUTE_TYPE, Vec<u8>)| CK_ATTRIBUTE {
            type_: *attribute,
            pValue: value.as_ptr().cast_mut().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        List {
            entries: self.0.iter().map(entry).collect(),
            values: std::marker::PhantomData,
        }
    }

    /// The value of an attribute, if the template has it.
    pub fn get(&self, attribute: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        let found = self.0.iter().find(|(name, _)| *name == attribute);
        found.map(|(_, value)| value.as_slice())
    }

    /// The template without an attribute.
    pub fn without(mut self, attribute: CK_ATTRIBUTE_TYPE) -> Self {
        self.0.retain(|(name, _)| *name != attribute);
        self
    }

    /// The template with one value changed.
    pub fn altered(&self, attribute: CK_ATTRIBUTE_TYPE, alter: impl Fn(&mut Vec<u8>)) -> Self {
        let mut altered = self.clone();
        altered
            .0
            .iter_mut()
            .filter(|(name, _)| *name == attribute)
            .for_each(|(_, v)| alter(v));
        altered
    }
}

/// An array of CK_ATTRIBUTE that borrows the values of its template.
pub struct List<'a> {
    entries: Vec<CK_ATTRIBUTE>,
    values: std::marker::PhantomData<&'a Attributes>,
}

impl List<'_> {
    pub fn pointer(&mut self) -> *mut CK_ATTRIBUTE {
        self.entries.as_mut_ptr()
    }

    pub fn count(&self) -> CK_ULONG {
        self.entries.len() as CK_ULONG
    }
}

/// Bytes from hexadecimal digits.
pub fn hex(digits: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// The private half of the test key pair.
pub fn rsa_private() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, hex(rsa_2048::MODULUS))
        .bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1])
        .bytes(CKA_PRIVATE_EXPONENT, hex(rsa_2048::PRIVATE_EXPONENT))
        .bytes(CKA_PRIME_1, hex(rsa_2048::PRIME_1))
        .bytes(CKA_PRIME_2, hex(rsa_2048::PRIME_2))
        .bytes(CKA_EXPONENT_1, hex(rsa_2048::EXPONENT_1))
        .bytes(CKA_EXPONENT_2, hex(rsa_2048::EXPONENT_2))
        .bytes(CKA_COEFFICIENT, hex(rsa_2048::COEFFICIENT))
}

/// The public half of the test key pair.
pub fn rsa_public() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, hex(rsa_2048::MODULUS))
        .bytes(CKA_PUBLIC_EXPONENT, [1, 0, 1])
}

/// A template for an AES key that may leave the token.
pub fn aes_key() -> Attributes {
    Attributes::new().ulong(CKA_VALUE_LEN, 16)
}
