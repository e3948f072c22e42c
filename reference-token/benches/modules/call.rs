//! Calling a module: the macro that makes a call, templates and mechanisms as owned values.
#![allow(unsafe_code, reason = "mechanisms and templates hold pointers")]

use cryptoki_sys::*;

/// Calls a function of a list, and gives its return value; CKR_FUNCTION_NOT_SUPPORTED where the list
/// has none.
macro_rules! call {
    ($list:expr, $name:ident($($argument:expr),* $(,)?)) => {
        match $list.$name {
            // SAFETY: legal calls; every pointer is to a live variable of the length told.
            Some(function) => unsafe { function($($argument),*) },
            None => cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED,
        }
    };
}

/// Whether a call succeeded.
pub(crate) fn done(rv: CK_RV) -> Option<()> {
    (rv == CKR_OK).then_some(())
}

/// Attributes that own their values.
#[derive(Clone, Default)]
pub(crate) struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Template {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn number(self, attribute: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    pub(crate) fn yes(self, attribute: CK_ATTRIBUTE_TYPE) -> Self {
        self.bytes(attribute, &[CK_TRUE])
    }

    pub(crate) fn no(self, attribute: CK_ATTRIBUTE_TYPE) -> Self {
        self.bytes(attribute, &[CK_FALSE])
    }

    pub(crate) fn bytes(mut self, attribute: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((attribute, value.to_vec()));
        self
    }

    /// The array that functions take; it lives as long as the template is borrowed.
    pub(crate) fn array(&mut self) -> Vec<CK_ATTRIBUTE> {
        let attribute = |(kind, value): &mut (CK_ATTRIBUTE_TYPE, Vec<u8>)| CK_ATTRIBUTE {
            type_: *kind,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: value.len() as CK_ULONG,
        };
        self.0.iter_mut().map(attribute).collect()
    }
}

/// A mechanism and its parameter.
#[derive(Clone)]
pub(crate) enum Mechanism {
    Plain(CK_MECHANISM_TYPE),
    /// With an initialisation vector.
    Vector(CK_MECHANISM_TYPE, [u8; 16]),
    Gcm([u8; 12]),
}

impl Mechanism {
    pub(crate) fn kind(&self) -> CK_MECHANISM_TYPE {
        match self {
            Self::Plain(kind) | Self::Vector(kind, _) => *kind,
            Self::Gcm(_) => CKM_AES_GCM,
        }
    }

    /// Makes a call with the structure that functions take.
    pub(crate) fn with(&mut self, call: impl FnOnce(*mut CK_MECHANISM) -> CK_RV) -> CK_RV {
        let mut gcm = CK_GCM_PARAMS::default();
        let mut mechanism = CK_MECHANISM {
            mechanism: self.kind(),
            pParameter: std::ptr::null_mut(),
            ulParameterLen: 0,
        };
        match self {
            Self::Plain(_) => {}
            Self::Vector(_, vector) => {
                mechanism.pParameter = vector.as_mut_ptr().cast();
                mechanism.ulParameterLen = 16;
            }
            Self::Gcm(vector) => {
                gcm.pIv = vector.as_mut_ptr();
                gcm.ulIvLen = 12;
                gcm.ulIvBits = 96;
                gcm.ulTagBits = 128;
                mechanism.pParameter = (&raw mut gcm).cast();
                mechanism.ulParameterLen = size_of::<CK_GCM_PARAMS>() as CK_ULONG;
            }
        }
        call(&mut mechanism)
    }
}
