//! Every function of the Cryptoki 3.2 function list: its number, the section that defines it, the
//! version that first has it, and its parameters in C order.
//!
//! The table is a macro so that this module, the call dispatcher of `execute` and the function
//! tables of `module` are all made from the one list.

use std::fmt;

use super::names::Kind;
pub use super::version::Version;

/// What a `CK_ULONG` stands for, so that it can be written and shown by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A `CK_SLOT_ID`.
    Slot,
    /// A `CK_SESSION_HANDLE`.
    Session,
    /// A `CK_OBJECT_HANDLE`.
    Object,
    /// One constant of a kind.
    Constant(Kind),
    /// A combination of flags of a kind.
    Flags(Kind),
    /// Only a number.
    Plain,
}

/// A structure that a function fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Record {
    /// `CK_INFO`.
    Info,
    /// `CK_SLOT_INFO`.
    SlotInfo,
    /// `CK_TOKEN_INFO`.
    TokenInfo,
    /// `CK_MECHANISM_INFO`.
    MechanismInfo,
    /// `CK_SESSION_INFO`.
    SessionInfo,
    /// `CK_ASYNC_DATA`.
    AsyncData,
}

impl Record {
    /// Name of the C structure, as `suites/spec/structures.csv` has it.
    #[must_use]
    pub const fn structure(self) -> &'static str {
        match self {
            Record::Info => "CK_INFO",
            Record::SlotInfo => "CK_SLOT_INFO",
            Record::TokenInfo => "CK_TOKEN_INFO",
            Record::MechanismInfo => "CK_MECHANISM_INFO",
            Record::SessionInfo => "CK_SESSION_INFO",
            Record::AsyncData => "CK_ASYNC_DATA",
        }
    }
}

/// What one parameter of a function is, and with it how many C arguments it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// `CK_C_INITIALIZE_ARGS_PTR` as `CK_VOID_PTR`.
    InitArgs,
    /// A `CK_VOID_PTR` that is reserved or opaque to the module.
    Pointer,
    /// The `CK_NOTIFY` callback.
    Notify,
    /// A `CK_BBOOL` by value.
    Bool,
    /// A `CK_ULONG` by value.
    Ulong(Domain),
    /// Bytes in: pointer and length.
    In,
    /// Blank-padded text of a fixed size without a length argument.
    Padded(usize),
    /// NUL-terminated text.
    Name,
    /// `CK_VERSION_PTR`, in.
    Version,
    /// `CK_MECHANISM_PTR`.
    Mechanism,
    /// The `pParameter` and its length of a message function: a structure, in and out.
    MessageParameter,
    /// `CK_ATTRIBUTE_PTR` and count, in.
    Template,
    /// `CK_ATTRIBUTE_PTR` and count, values out.
    OutTemplate,
    /// Pointer to a structure, out.
    Out(Record),
    /// Pointer to a `CK_ULONG`, out.
    OutUlong(Domain),
    /// Bytes out by the convention of [PKCS11-Base 3.2] 5.2: pointer, pointer to length.
    OutBytes,
    /// Bytes out whose number the caller demands: pointer, length.
    OutFixed,
    /// `CK_ULONG` array out by the same convention as `OutBytes`: pointer, pointer to count.
    OutUlongs(Domain),
    /// Object handles out: pointer, room, pointer to count.
    OutHandles,
    /// `CK_INTERFACE` array out: pointer, pointer to count.
    OutInterfaces,
    /// Pointer to a pointer to a function list or an interface, out.
    OutTable,
}

impl ParameterKind {
    /// Number of C arguments the parameter takes.
    #[must_use]
    pub const fn words(self) -> usize {
        match self {
            Self::In
            | Self::MessageParameter
            | Self::Template
            | Self::OutTemplate
            | Self::OutBytes
            | Self::OutFixed
            | Self::OutUlongs(_)
            | Self::OutInterfaces => 2,
            Self::OutHandles => 3,
            _ => 1,
        }
    }

    /// True if the parameter carries something back to the caller.
    #[must_use]
    pub const fn is_output(self) -> bool {
        matches!(
            self,
            Self::OutTemplate
                | Self::Out(_)
                | Self::OutUlong(_)
                | Self::OutBytes
                | Self::OutFixed
                | Self::OutUlongs(_)
                | Self::OutHandles
                | Self::OutInterfaces
                | Self::OutTable
                | Self::MessageParameter
        )
    }
}

/// One parameter of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameter {
    /// Its name, as [PKCS11-Prof 3.2] 4 normalises it, in snake case (`hSession` is `session`).
    pub name: &'static str,
    /// What it is.
    pub kind: ParameterKind,
}

impl Parameter {
    /// True if it is a PIN, the old one or the new one.
    #[must_use]
    pub fn is_pin(&self) -> bool {
        matches!(self.name, "pin" | "old_pin" | "new_pin")
    }
}

/// Most C arguments that a function takes.
pub const MAX_WORDS: usize = 10;

const SESSION: ParameterKind = ParameterKind::Ulong(Domain::Session);
const OBJECT: ParameterKind = ParameterKind::Ulong(Domain::Object);
const SLOT: ParameterKind = ParameterKind::Ulong(Domain::Slot);
const OUT_OBJECT: ParameterKind = ParameterKind::OutUlong(Domain::Object);

/// Calls the macro named with the table: `name, section, since, (argument numbers),
/// [parameter: kind, ...];` in the order of `CK_FUNCTION_LIST_3_2`.
macro_rules! cryptoki_functions {
    ($callback:ident) => {
        $callback! {
            C_Initialize, "5.4.1", V2_40, (0), [init_args: InitArgs];
            C_Finalize, "5.4.2", V2_40, (0), [reserved: Pointer];
            C_GetInfo, "5.4.3", V2_40, (0), [info: Out(Record::Info)];
            C_GetFunctionList, "5.4.4", V2_40, (0), [function_list: OutTable];
            C_GetSlotList, "5.5.1", V2_40, (0, 1, 2), [token_present: Bool, slot_list: OutUlongs(Domain::Slot)];
            C_GetSlotInfo, "5.5.2", V2_40, (0, 1), [slot: SLOT, info: Out(Record::SlotInfo)];
            C_GetTokenInfo, "5.5.3", V2_40, (0, 1), [slot: SLOT, info: Out(Record::TokenInfo)];
            C_GetMechanismList, "5.5.5", V2_40, (0, 1, 2), [slot: SLOT, mechanism_list: OutUlongs(Domain::Constant(Kind::MECHANISM))];
            C_GetMechanismInfo, "5.5.6", V2_40, (0, 1, 2), [slot: SLOT, type: Ulong(Domain::Constant(Kind::MECHANISM)), info: Out(Record::MechanismInfo)];
            C_InitToken, "5.5.7", V2_40, (0, 1, 2, 3), [slot: SLOT, pin: In, label: Padded(32)];
            C_InitPIN, "5.5.8", V2_40, (0, 1, 2), [session: SESSION, pin: In];
            C_SetPIN, "5.5.9", V2_40, (0, 1, 2, 3, 4), [session: SESSION, old_pin: In, new_pin: In];
            C_OpenSession, "5.6.1", V2_40, (0, 1, 2, 3, 4), [slot: SLOT, flags: Ulong(Domain::Flags(Kind::SESSION_FLAGS)), application: Pointer, notify: Notify, session: OutUlong(Domain::Session)];
            C_CloseSession, "5.6.2", V2_40, (0), [session: SESSION];
            C_CloseAllSessions, "5.6.3", V2_40, (0), [slot: SLOT];
            C_GetSessionInfo, "5.6.4", V2_40, (0, 1), [session: SESSION, info: Out(Record::SessionInfo)];
            C_GetOperationState, "5.6.6", V2_40, (0, 1, 2), [session: SESSION, operation_state: OutBytes];
            C_SetOperationState, "5.6.7", V2_40, (0, 1, 2, 3, 4), [session: SESSION, operation_state: In, encryption_key: OBJECT, authentication_key: OBJECT];
            C_Login, "5.6.8", V2_40, (0, 1, 2, 3), [session: SESSION, user_type: Ulong(Domain::Constant(Kind::USER)), pin: In];
            C_Logout, "5.6.10", V2_40, (0), [session: SESSION];
            C_CreateObject, "5.7.1", V2_40, (0, 1, 2, 3), [session: SESSION, template: Template, object: OUT_OBJECT];
            C_CopyObject, "5.7.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, object: OBJECT, template: Template, new_object: OUT_OBJECT];
            C_DestroyObject, "5.7.3", V2_40, (0, 1), [session: SESSION, object: OBJECT];
            C_GetObjectSize, "5.7.4", V2_40, (0, 1, 2), [session: SESSION, object: OBJECT, size: OutUlong(Domain::Plain)];
            C_GetAttributeValue, "5.7.5", V2_40, (0, 1, 2, 3), [session: SESSION, object: OBJECT, template: OutTemplate];
            C_SetAttributeValue, "5.7.6", V2_40, (0, 1, 2, 3), [session: SESSION, object: OBJECT, template: Template];
            C_FindObjectsInit, "5.7.7", V2_40, (0, 1, 2), [session: SESSION, template: Template];
            C_FindObjects, "5.7.8", V2_40, (0, 1, 2, 3), [session: SESSION, object: OutHandles];
            C_FindObjectsFinal, "5.7.9", V2_40, (0), [session: SESSION];
            C_EncryptInit, "5.8.1", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_Encrypt, "5.8.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, data: In, encrypted_data: OutBytes];
            C_EncryptUpdate, "5.8.3", V2_40, (0, 1, 2, 3, 4), [session: SESSION, part: In, encrypted_part: OutBytes];
            C_EncryptFinal, "5.8.4", V2_40, (0, 1, 2), [session: SESSION, last_encrypted_part: OutBytes];
            C_DecryptInit, "5.10.1", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_Decrypt, "5.10.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, encrypted_data: In, data: OutBytes];
            C_DecryptUpdate, "5.10.3", V2_40, (0, 1, 2, 3, 4), [session: SESSION, encrypted_part: In, part: OutBytes];
            C_DecryptFinal, "5.10.4", V2_40, (0, 1, 2), [session: SESSION, last_part: OutBytes];
            C_DigestInit, "5.12.1", V2_40, (0, 1), [session: SESSION, mechanism: Mechanism];
            C_Digest, "5.12.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, data: In, digest: OutBytes];
            C_DigestUpdate, "5.12.3", V2_40, (0, 1, 2), [session: SESSION, part: In];
            C_DigestKey, "5.12.4", V2_40, (0, 1), [session: SESSION, key: OBJECT];
            C_DigestFinal, "5.12.5", V2_40, (0, 1, 2), [session: SESSION, digest: OutBytes];
            C_SignInit, "5.13.1", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_Sign, "5.13.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, data: In, signature: OutBytes];
            C_SignUpdate, "5.13.3", V2_40, (0, 1, 2), [session: SESSION, part: In];
            C_SignFinal, "5.13.4", V2_40, (0, 1, 2), [session: SESSION, signature: OutBytes];
            C_SignRecoverInit, "5.13.5", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_SignRecover, "5.13.6", V2_40, (0, 1, 2, 3, 4), [session: SESSION, data: In, signature: OutBytes];
            C_VerifyInit, "5.15.1", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_Verify, "5.15.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, data: In, signature: In];
            C_VerifyUpdate, "5.15.3", V2_40, (0, 1, 2), [session: SESSION, part: In];
            C_VerifyFinal, "5.15.4", V2_40, (0, 1, 2), [session: SESSION, signature: In];
            C_VerifyRecoverInit, "5.15.5", V2_40, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_VerifyRecover, "5.15.6", V2_40, (0, 1, 2, 3, 4), [session: SESSION, signature: In, data: OutBytes];
            C_DigestEncryptUpdate, "5.17.1", V2_40, (0, 1, 2, 3, 4), [session: SESSION, part: In, encrypted_part: OutBytes];
            C_DecryptDigestUpdate, "5.17.2", V2_40, (0, 1, 2, 3, 4), [session: SESSION, encrypted_part: In, part: OutBytes];
            C_SignEncryptUpdate, "5.17.3", V2_40, (0, 1, 2, 3, 4), [session: SESSION, part: In, encrypted_part: OutBytes];
            C_DecryptVerifyUpdate, "5.17.4", V2_40, (0, 1, 2, 3, 4), [session: SESSION, encrypted_part: In, part: OutBytes];
            C_GenerateKey, "5.18.1", V2_40, (0, 1, 2, 3, 4), [session: SESSION, mechanism: Mechanism, template: Template, key: OUT_OBJECT];
            C_GenerateKeyPair, "5.18.2", V2_40, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, mechanism: Mechanism, public_key_template: Template, private_key_template: Template, public_key: OUT_OBJECT, private_key: OUT_OBJECT];
            C_WrapKey, "5.18.3", V2_40, (0, 1, 2, 3, 4, 5), [session: SESSION, mechanism: Mechanism, wrapping_key: OBJECT, key: OBJECT, wrapped_key: OutBytes];
            C_UnwrapKey, "5.18.4", V2_40, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, mechanism: Mechanism, unwrapping_key: OBJECT, wrapped_key: In, template: Template, key: OUT_OBJECT];
            C_DeriveKey, "5.18.5", V2_40, (0, 1, 2, 3, 4, 5), [session: SESSION, mechanism: Mechanism, base_key: OBJECT, template: Template, key: OUT_OBJECT];
            C_SeedRandom, "5.19.1", V2_40, (0, 1, 2), [session: SESSION, seed: In];
            C_GenerateRandom, "5.19.2", V2_40, (0, 1, 2), [session: SESSION, random_data: OutFixed];
            C_GetFunctionStatus, "5.20.1", V2_40, (0), [session: SESSION];
            C_CancelFunction, "5.20.2", V2_40, (0), [session: SESSION];
            C_WaitForSlotEvent, "5.5.4", V2_40, (0, 1, 2), [flags: Ulong(Domain::Flags(Kind::SLOT_EVENT_FLAGS)), slot: OutUlong(Domain::Slot), reserved: Pointer];
            C_GetInterfaceList, "5.4.5", V3_0, (0, 1), [interfaces: OutInterfaces];
            C_GetInterface, "5.4.6", V3_0, (0, 1, 2, 3), [interface_name: Name, version: Version, interface: OutTable, flags: Ulong(Domain::Flags(Kind::INTERFACE_FLAGS))];
            C_LoginUser, "5.6.9", V3_0, (0, 1, 2, 3, 4, 5), [session: SESSION, user_type: Ulong(Domain::Constant(Kind::USER)), pin: In, username: In];
            C_SessionCancel, "5.6.5", V3_0, (0, 1), [session: SESSION, flags: Ulong(Domain::Flags(Kind::MECHANISM_FLAGS))];
            C_MessageEncryptInit, "5.9.1", V3_0, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_EncryptMessage, "5.9.2", V3_0, (0, 1, 2, 3, 4, 5, 6, 7, 8), [session: SESSION, parameter: MessageParameter, associated_data: In, plaintext: In, ciphertext: OutBytes];
            C_EncryptMessageBegin, "5.9.3", V3_0, (0, 1, 2, 3, 4), [session: SESSION, parameter: MessageParameter, associated_data: In];
            C_EncryptMessageNext, "5.9.4", V3_0, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, parameter: MessageParameter, plaintext_part: In, ciphertext_part: OutBytes, flags: Ulong(Domain::Flags(Kind::MESSAGE_FLAGS))];
            C_MessageEncryptFinal, "5.9.5", V3_0, (0), [session: SESSION];
            C_MessageDecryptInit, "5.11.1", V3_0, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_DecryptMessage, "5.11.2", V3_0, (0, 1, 2, 3, 4, 5, 6, 7, 8), [session: SESSION, parameter: MessageParameter, associated_data: In, ciphertext: In, plaintext: OutBytes];
            C_DecryptMessageBegin, "5.11.3", V3_0, (0, 1, 2, 3, 4), [session: SESSION, parameter: MessageParameter, associated_data: In];
            C_DecryptMessageNext, "5.11.4", V3_0, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, parameter: MessageParameter, ciphertext_part: In, plaintext_part: OutBytes, flags: Ulong(Domain::Flags(Kind::MESSAGE_FLAGS))];
            C_MessageDecryptFinal, "5.11.5", V3_0, (0), [session: SESSION];
            C_MessageSignInit, "5.14.1", V3_0, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_SignMessage, "5.14.2", V3_0, (0, 1, 2, 3, 4, 5, 6), [session: SESSION, parameter: MessageParameter, data: In, signature: OutBytes];
            C_SignMessageBegin, "5.14.3", V3_0, (0, 1, 2), [session: SESSION, parameter: MessageParameter];
            C_SignMessageNext, "5.14.4", V3_0, (0, 1, 2, 3, 4, 5, 6), [session: SESSION, parameter: MessageParameter, data_part: In, signature: OutBytes];
            C_MessageSignFinal, "5.14.5", V3_0, (0), [session: SESSION];
            C_MessageVerifyInit, "5.16.1", V3_0, (0, 1, 2), [session: SESSION, mechanism: Mechanism, key: OBJECT];
            C_VerifyMessage, "5.16.2", V3_0, (0, 1, 2, 3, 4, 5, 6), [session: SESSION, parameter: MessageParameter, data: In, signature: In];
            C_VerifyMessageBegin, "5.16.3", V3_0, (0, 1, 2), [session: SESSION, parameter: MessageParameter];
            C_VerifyMessageNext, "5.16.4", V3_0, (0, 1, 2, 3, 4, 5, 6), [session: SESSION, parameter: MessageParameter, data_part: In, signature: In];
            C_MessageVerifyFinal, "5.16.5", V3_0, (0), [session: SESSION];
            C_EncapsulateKey, "5.18.8", V3_2, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, mechanism: Mechanism, public_key: OBJECT, template: Template, ciphertext: OutBytes, key: OUT_OBJECT];
            C_DecapsulateKey, "5.18.9", V3_2, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, mechanism: Mechanism, private_key: OBJECT, template: Template, ciphertext: In, key: OUT_OBJECT];
            C_VerifySignatureInit, "5.15.7", V3_2, (0, 1, 2, 3, 4), [session: SESSION, mechanism: Mechanism, key: OBJECT, signature: In];
            C_VerifySignature, "5.15.8", V3_2, (0, 1, 2), [session: SESSION, data: In];
            C_VerifySignatureUpdate, "5.15.9", V3_2, (0, 1, 2), [session: SESSION, part: In];
            C_VerifySignatureFinal, "5.15.10", V3_2, (0), [session: SESSION];
            C_GetSessionValidationFlags, "5.6.11", V3_2, (0, 1, 2), [session: SESSION, type: Ulong(Domain::Constant(Kind::INDICATOR)), flags: OutUlong(Domain::Plain)];
            C_AsyncComplete, "5.21.1", V3_2, (0, 1, 2), [session: SESSION, function_name: Name, result: Out(Record::AsyncData)];
            C_AsyncGetID, "5.21.2", V3_2, (0, 1, 2), [session: SESSION, function_name: Name, id: OutUlong(Domain::Plain)];
            C_AsyncJoin, "5.21.3", V3_2, (0, 1, 2, 3, 4), [session: SESSION, function_name: Name, id: Ulong(Domain::Plain), data: OutFixed];
            C_WrapKeyAuthenticated, "5.18.6", V3_2, (0, 1, 2, 3, 4, 5, 6, 7), [session: SESSION, mechanism: Mechanism, wrapping_key: OBJECT, key: OBJECT, associated_data: In, wrapped_key: OutBytes];
            C_UnwrapKeyAuthenticated, "5.18.7", V3_2, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), [session: SESSION, mechanism: Mechanism, unwrapping_key: OBJECT, wrapped_key: In, template: Template, associated_data: In, key: OUT_OBJECT];
        }
    };
}
pub(crate) use cryptoki_functions;

macro_rules! define_functions {
    ($($name:ident, $section:literal, $since:ident, ($($word:tt),*), [$($parameter:ident: $kind:expr),*];)*) => {
        /// A function of the Cryptoki 3.2 function list; the discriminant is its place there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(non_camel_case_types, reason = "functions keep their C names")]
        #[allow(missing_docs, reason = "each is defined by the section that `section` names")]
        #[repr(u16)]
        pub enum Function { $($name),* }

        impl Function {
            /// All functions in the order of the function list.
            pub const ALL: &'static [Function] = &[$(Function::$name),*];

            /// Names of all functions in the order of the function list.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            const SECTIONS: &'static [&'static str] = &[$($section),*];

            const SINCE: &'static [Version] = &[$(Version::$since),*];

            const PARAMETERS: &'static [&'static [Parameter]] = {
                use ParameterKind::*;
                &[$(&[$(Parameter { name: stringify!($parameter), kind: $kind }),*]),*]
            };

            const PARAMETER_NAMES: &'static [&'static [&'static str]] =
                &[$(&[$(stringify!($parameter)),*]),*];
        }
    };
}

cryptoki_functions!(define_functions);

impl Function {
    /// Its C name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The section of PKCS11-Base 3.2 that defines it.
    #[must_use]
    pub fn section(self) -> &'static str {
        Self::SECTIONS[self as usize]
    }

    /// The version whose function list first has it.
    #[must_use]
    pub fn since(self) -> Version {
        Self::SINCE[self as usize]
    }

    /// Its parameters in C order.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        Self::PARAMETERS[self as usize]
    }

    /// The names of its parameters in C order.
    #[must_use]
    pub fn parameter_names(self) -> &'static [&'static str] {
        Self::PARAMETER_NAMES[self as usize]
    }

    /// The function with this place in the function list.
    #[must_use]
    pub fn from_index(index: u16) -> Option<Function> {
        Self::ALL.get(usize::from(index)).copied()
    }

    /// The function of this C name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Function> {
        Self::NAMES
            .iter()
            .position(|known| *known == name)
            .map(|index| Self::ALL[index])
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_functions_of_each_version() {
        let count = |version| {
            Function::ALL
                .iter()
                .filter(|f| f.since() == version)
                .count()
        };
        assert_eq!(
            (
                count(Version::V2_40),
                count(Version::V3_0),
                count(Version::V3_2)
            ),
            (68, 24, 12)
        );
    }

    #[test]
    fn the_order_is_that_of_the_c_structure() {
        use std::mem::{offset_of, size_of};
        let word = size_of::<usize>();
        for (function, offset) in [
            (
                Function::C_Initialize,
                offset_of!(cryptoki_sys::CK_FUNCTION_LIST_3_2, C_Initialize),
            ),
            (
                Function::C_Sign,
                offset_of!(cryptoki_sys::CK_FUNCTION_LIST_3_2, C_Sign),
            ),
            (
                Function::C_UnwrapKeyAuthenticated,
                offset_of!(cryptoki_sys::CK_FUNCTION_LIST_3_2, C_UnwrapKeyAuthenticated),
            ),
        ] {
            assert_eq!(offset, word + word * function as usize, "{function}");
        }
    }

    #[test]
    fn a_function_is_found_by_name_and_by_place() {
        for (index, function) in Function::ALL.iter().enumerate() {
            assert_eq!(Function::from_name(function.name()), Some(*function));
            assert_eq!(Function::from_index(index as u16), Some(*function));
        }
        assert_eq!(Function::from_name("C_Singn"), None);
    }
}
