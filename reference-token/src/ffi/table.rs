//! The tables: one list of functions a version, the interfaces around them, and the three functions
//! that an application may call before C_Initialize. Section 5.4.

use cryptoki_sys::*;

use super::asynchronous::*;
use super::ciphers::*;
use super::digests::*;
use super::encapsulation::*;
use super::general::*;
use super::guard;
use super::keys::*;
use super::memory::{Buffer, Place};
use super::messages::*;
use super::objects::*;
use super::sessions::*;
use super::signatures::*;
use super::slots::*;
use crate::rv::refusal;

/// A table that only ever is read.
struct Shared<T>(T);

// SAFETY: tables are immutable; the pointers in them are to other immutable tables and strings.
unsafe impl<T> Sync for Shared<T> {}

/// Defines the three function lists, each of which begins with the one before.
macro_rules! lists {
    (
        since_2_40: $($first:ident)*;
        since_3_0: $($second:ident)*;
        since_3_2: $($third:ident)*;
    ) => {
        static LIST_2_40: Shared<CK_FUNCTION_LIST> = Shared(CK_FUNCTION_LIST {
            version: CK_VERSION { major: 2, minor: 40 },
            $($first: Some($first),)*
        });
        static LIST_3_0: Shared<CK_FUNCTION_LIST_3_0> = Shared(CK_FUNCTION_LIST_3_0 {
            version: CK_VERSION { major: 3, minor: 0 },
            $($first: Some($first),)*
            $($second: Some($second),)*
        });
        static LIST_3_2: Shared<CK_FUNCTION_LIST_3_2> = Shared(CK_FUNCTION_LIST_3_2 {
            version: CK_VERSION { major: 3, minor: 2 },
            $($first: Some($first),)*
            $($second: Some($second),)*
            $($third: Some($third),)*
        });
    };
}

#[rustfmt::skip]
lists! {
    since_2_40:
        C_Initialize C_Finalize C_GetInfo C_GetFunctionList C_GetSlotList C_GetSlotInfo
        C_GetTokenInfo C_GetMechanismList C_GetMechanismInfo C_InitToken C_InitPIN C_SetPIN
        C_OpenSession C_CloseSession C_CloseAllSessions C_GetSessionInfo C_GetOperationState
        C_SetOperationState C_Login C_Logout C_CreateObject C_CopyObject C_DestroyObject
        C_GetObjectSize C_GetAttributeValue C_SetAttributeValue C_FindObjectsInit C_FindObjects
        C_FindObjectsFinal C_EncryptInit C_Encrypt C_EncryptUpdate C_EncryptFinal C_DecryptInit
        C_Decrypt C_DecryptUpdate C_DecryptFinal C_DigestInit C_Digest C_DigestUpdate
        C_DigestKey C_DigestFinal C_SignInit C_Sign C_SignUpdate C_SignFinal C_SignRecoverInit
        C_SignRecover C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal C_VerifyRecoverInit
        C_VerifyRecover C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate
        C_DecryptVerifyUpdate C_GenerateKey C_GenerateKeyPair C_WrapKey C_UnwrapKey C_DeriveKey
        C_SeedRandom C_GenerateRandom C_GetFunctionStatus C_CancelFunction C_WaitForSlotEvent;
    since_3_0:
        C_GetInterfaceList C_GetInterface C_LoginUser C_SessionCancel C_MessageEncryptInit
        C_EncryptMessage C_EncryptMessageBegin C_EncryptMessageNext C_MessageEncryptFinal
        C_MessageDecryptInit C_DecryptMessage C_DecryptMessageBegin C_DecryptMessageNext
        C_MessageDecryptFinal C_MessageSignInit C_SignMessage C_SignMessageBegin
        C_SignMessageNext C_MessageSignFinal C_MessageVerifyInit C_VerifyMessage
        C_VerifyMessageBegin C_VerifyMessageNext C_MessageVerifyFinal;
    since_3_2:
        C_EncapsulateKey C_DecapsulateKey C_VerifySignatureInit C_VerifySignature
        C_VerifySignatureUpdate C_VerifySignatureFinal C_GetSessionValidationFlags
        C_AsyncComplete C_AsyncGetID C_AsyncJoin C_WrapKeyAuthenticated
        C_UnwrapKeyAuthenticated;
}

/// The name of all interfaces of the standard.
const NAME: &std::ffi::CStr = c"PKCS 11";

const fn interface<T>(list: &'static Shared<T>) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: (&raw const list.0).cast_mut().cast(),
        // CKF_INTERFACE_FORK_SAFE is not claimed: a child does not have the parent's sessions.
        flags: 0,
    }
}

/// The newest first: it is the default.
static INTERFACES: Shared<[CK_INTERFACE; 3]> = Shared([
    interface(&LIST_3_2),
    interface(&LIST_3_0),
    interface(&LIST_2_40),
]);

/// The versions of the interfaces, in the same order.
const VERSIONS: [(u8, u8); 3] = [(3, 2), (3, 0), (2, 40)];

/// C_GetFunctionList: the list of version 2.40, which is what callers of this function know.
///
/// # Safety
/// `list` is NULL, for CKR_ARGUMENTS_BAD, or valid for writing a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    guard(|| {
        // SAFETY: as the caller promises.
        unsafe { Place::new(list)? }.set((&raw const LIST_2_40.0).cast_mut());
        Ok(())
    })
}

/// C_GetInterfaceList: versions 3.2, 3.0 and 2.40 of the interface "PKCS 11".
///
/// # Safety
/// `count` is NULL, for CKR_ARGUMENTS_BAD, or valid for reading and writing; `list` is NULL or
/// valid for writing `*count` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterfaceList(
    list: *mut CK_INTERFACE,
    count: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: as the caller promises.
    guard(|| unsafe { Buffer::new(list, count)? }.deliver_list(&INTERFACES.0))
}

/// C_GetInterface: the newest interface with this name, version and flags, of which a NULL name, a
/// NULL version and no flags leave the choice to the library.
///
/// # Safety
/// `name` is NULL or NUL-terminated, `version` NULL or valid for reading, `interface` NULL, for
/// CKR_ARGUMENTS_BAD, or valid for writing a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInterface(
    name: *mut CK_UTF8CHAR,
    version: *mut CK_VERSION,
    interface: *mut *mut CK_INTERFACE,
    flags: CK_FLAGS,
) -> CK_RV {
    guard(|| {
        // SAFETY: as the caller promises.
        let place = unsafe { Place::new(interface)? };
        // SAFETY: as the caller promises.
        let named = unsafe { is_ours(name) };
        let wanted = match version.is_null() {
            true => None,
            // SAFETY: not NULL, and readable as the caller promises.
            false => Some(unsafe { version.read_unaligned() }),
        };
        let found = INTERFACES
            .0
            .iter()
            .zip(VERSIONS)
            .find(|(interface, (major, minor))| {
                named
                    && wanted.is_none_or(|wanted| {
                        (wanted.major, wanted.minor) == (*major, *minor)
                            || mutant!("any-interface-version")
                    })
                    && interface.flags & flags == flags
            });
        // Of the codes that the function lists, this is the one for a request that none meets.
        let (interface, _) = found.ok_or(refusal(CKR_ARGUMENTS_BAD))?;
        place.set((&raw const *interface).cast_mut());
        Ok(())
    })
}

/// Whether a name is NULL or the name of the interfaces. No byte beyond the first difference is
/// read.
///
/// # Safety
/// Unless NULL, `name` is readable up to its NUL or its first difference.
unsafe fn is_ours(name: *const CK_UTF8CHAR) -> bool {
    let expected = NAME.to_bytes_with_nul();
    name.is_null()
        || expected
            .iter()
            .enumerate()
            // SAFETY: all bytes before this one were those of the name, none of them NUL.
            .all(|(i, byte)| unsafe { name.add(i).read() } == *byte)
}
