//! What the batteries play on: the token's functions, each call written down with its return value.
//! A transcript has nothing in it that differs from run to run: neither handles nor random bytes.

use std::fmt::Display;
use std::io::Write;
use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::support::{Attributes, SLOT, USER_PIN, list};

/// Calls a function and writes it down with its return value.
macro_rules! play {
    ($stage:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $stage.list.$name.expect("every function has an entry");
        // SAFETY: batteries pass live variables with their true lengths, or NULL. A mutant that
        // goes beyond them does so in a process of its own.
        let rv = unsafe { function($($argument),*) };
        $stage.say(format_args!("{} {rv:#x}", stringify!($name)));
        rv
    }};
}

/// The library, and standard output as the transcript.
pub(super) struct Stage {
    pub(super) list: &'static CK_FUNCTION_LIST_3_2,
}

impl Stage {
    /// The library as it is found.
    pub(super) fn bare() -> Stage {
        Stage { list: list() }
    }

    /// The library initialised, with the token of the default configuration.
    pub(super) fn ready() -> Stage {
        let stage = Stage::bare();
        play!(stage, C_Initialize(null_mut()));
        stage
    }

    /// A line of the transcript, which the parent reads even if the process dies right afterwards.
    pub(super) fn say(&self, line: impl Display) {
        let mut output = std::io::stdout().lock();
        writeln!(output, "@{line}")
            .and_then(|()| output.flush())
            .expect("the parent reads it");
    }

    pub(super) fn open(&self, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
        let mut session = 0;
        play!(
            self,
            C_OpenSession(SLOT, flags, null_mut(), None, &mut session)
        );
        session
    }

    pub(super) fn close(&self, session: CK_SESSION_HANDLE) {
        play!(self, C_CloseSession(session));
    }

    pub(super) fn login(
        &self,
        session: CK_SESSION_HANDLE,
        user: CK_USER_TYPE,
        pin: &[u8],
    ) -> CK_RV {
        let length = pin.len() as CK_ULONG;
        play!(self, C_Login(session, user, input!(pin), length))
    }

    /// A session with these flags, with the user logged in.
    pub(super) fn user(&self, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
        let session = self.open(flags);
        self.login(session, CKU_USER, USER_PIN);
        session
    }

    pub(super) fn session_info(&self, session: CK_SESSION_HANDLE) {
        let mut info = CK_SESSION_INFO::default();
        play!(self, C_GetSessionInfo(session, &mut info));
        self.say(format_args!("state {} flags {:#x}", info.state, info.flags));
    }

    pub(super) fn token_info(&self) {
        let mut info = CK_TOKEN_INFO::default();
        play!(self, C_GetTokenInfo(SLOT, &mut info));
        self.say(format_args!(
            "flags {:#x} sessions {}, of which {} write",
            info.flags, info.ulSessionCount, info.ulRwSessionCount
        ));
    }

    pub(super) fn create(
        &self,
        session: CK_SESSION_HANDLE,
        template: &Attributes,
    ) -> CK_OBJECT_HANDLE {
        let (mut object, mut list) = (0, template.list());
        let count = list.count();
        play!(
            self,
            C_CreateObject(session, list.pointer(), count, &mut object)
        );
        object
    }

    pub(super) fn copy(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &Attributes,
    ) -> CK_OBJECT_HANDLE {
        let (mut copy, mut list) = (0, template.list());
        let count = list.count();
        play!(
            self,
            C_CopyObject(session, object, list.pointer(), count, &mut copy)
        );
        copy
    }

    pub(super) fn destroy(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) {
        play!(self, C_DestroyObject(session, object));
    }

    pub(super) fn set(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &Attributes,
    ) {
        let mut list = template.list();
        let count = list.count();
        play!(
            self,
            C_SetAttributeValue(session, object, list.pointer(), count)
        );
    }

    /// The value of an attribute, which is not written down.
    pub(super) fn value(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
    ) -> Vec<u8> {
        let mut value = vec![0u8; 512];
        let mut entry = CK_ATTRIBUTE {
            type_: attribute,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 512,
        };
        play!(self, C_GetAttributeValue(session, object, &mut entry, 1));
        value.truncate(usize::try_from(entry.ulValueLen).unwrap_or(0));
        value
    }

    /// Writes down the value of an attribute.
    pub(super) fn show(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
    ) {
        let value = self.value(session, object, attribute);
        self.say(format_args!("{attribute:#x} is {value:02x?}"));
    }

    /// Writes down how many objects match, found a few at a time.
    pub(super) fn find(&self, session: CK_SESSION_HANDLE, template: &Attributes) {
        let mut list = template.list();
        let count = list.count();
        play!(self, C_FindObjectsInit(session, list.pointer(), count));
        let (mut handles, mut found) = ([0; 3], 0);
        for _ in 0..3 {
            play!(
                self,
                C_FindObjects(session, handles.as_mut_ptr(), 3, &mut found)
            );
            self.say(format_args!("found {found}"));
        }
        play!(self, C_FindObjectsFinal(session));
    }

    pub(super) fn generate(
        &self,
        session: CK_SESSION_HANDLE,
        mut mechanism: CK_MECHANISM,
        template: &Attributes,
    ) -> CK_OBJECT_HANDLE {
        let (mut key, mut list) = (0, template.list());
        let count = list.count();
        play!(
            self,
            C_GenerateKey(session, &mut mechanism, list.pointer(), count, &mut key)
        );
        key
    }
}

/// An AES key with the bytes 0 to 15 that may do everything.
pub(super) fn aes() -> Attributes {
    secret(CKK_AES, &core::array::from_fn::<u8, 16, _>(|i| i as u8))
}

/// A secret key in the session that is neither sensitive nor private.
pub(super) fn secret(key_type: CK_KEY_TYPE, value: &[u8]) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, key_type)
        .bool(CKA_PRIVATE, false)
        .bytes(CKA_VALUE, value)
}

/// A data object with a label.
pub(super) fn note(label: &str) -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_DATA)
        .bytes(CKA_LABEL, label)
        .bytes(CKA_APPLICATION, format!("application of {label}"))
}

/// A template that only names a label.
pub(super) fn labelled(label: &str) -> Attributes {
    Attributes::new().bytes(CKA_LABEL, label)
}
