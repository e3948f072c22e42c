//! Functions that are not built yet. They have entries in the tables, as section 5.4 asks, and say
//! CKR_FUNCTION_NOT_SUPPORTED. Building one means moving its line from here to its own section's
//! file, and from the list in the README.

use cryptoki_sys::*;

use super::guard;
use crate::rv::refuse;
use crate::token::require_initialized;

/// Defines a function of each name, with parameters of the given types.
macro_rules! unbuilt {
    ($($name:ident($($parameter:ty),*);)*) => {
        $(pub(super) unsafe extern "C" fn $name($(_: $parameter),*) -> CK_RV {
            guard(|| {
                require_initialized()?;
                refuse(CKR_FUNCTION_NOT_SUPPORTED)
            })
        })*
    };
}

#[rustfmt::skip]
unbuilt! {
    C_WrapKeyAuthenticated(CK_SESSION_HANDLE, *mut CK_MECHANISM, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, *mut CK_BYTE, CK_ULONG, *mut CK_BYTE, *mut CK_ULONG);
    C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE, *mut CK_MECHANISM, CK_OBJECT_HANDLE, *mut CK_BYTE, CK_ULONG, *mut CK_ATTRIBUTE, CK_ULONG, *mut CK_BYTE, CK_ULONG, *mut CK_OBJECT_HANDLE);
}
