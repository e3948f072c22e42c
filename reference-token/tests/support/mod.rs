//! The token driven as an application would: through raw function pointers from C_GetInterface.
//! Every return value that passes is looked up in the table of the standard, so each test also
//! tests that the token answers only what the function's description allows.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test program uses a part of it"
)]

pub mod module;
mod returns;
pub mod rsa_2048;
mod templates;

use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

pub use templates::*;

/// Calls a function of the list and gives back its return value.
macro_rules! call {
    ($token:expr, $name:ident($($argument:expr),* $(,)?)) => {{
        let function = $token.list.$name.expect("every function has an entry");
        // SAFETY: tests pass live variables with their true lengths, or NULL.
        let rv = unsafe { function($($argument),*) };
        $token.checked(stringify!($name), rv)
    }};
}

/// Pointer and length of input, as C functions take them.
macro_rules! input {
    ($bytes:expr) => {
        $bytes.as_ptr().cast_mut()
    };
}

pub mod calls;

pub const USER_PIN: &[u8] = b"1234";
pub const SO_PIN: &[u8] = b"12345678";
pub const SLOT: CK_SLOT_ID = 1;
pub const RW: CK_FLAGS = CKF_SERIAL_SESSION | CKF_RW_SESSION;
pub const RO: CK_FLAGS = CKF_SERIAL_SESSION;

/// The library has one state for the process, so tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The initialised library.
pub struct Token {
    pub list: &'static CK_FUNCTION_LIST_3_2,
    _turn: MutexGuard<'static, ()>,
}

/// The 3.2 function list, as an application obtains it.
pub fn list() -> &'static CK_FUNCTION_LIST_3_2 {
    let mut interface: *mut CK_INTERFACE = std::ptr::null_mut();
    let mut version = CK_VERSION { major: 3, minor: 2 };
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    // SAFETY: all pointers are to live variables; the interface and its list are static.
    unsafe {
        assert_eq!(
            reference_token::C_GetInterface(name, &mut version, &mut interface, 0),
            CKR_OK
        );
        &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>()
    }
}

impl Token {
    /// The library as another test left it.
    pub fn attach() -> Token {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Token {
            list: list(),
            _turn: turn,
        }
    }

    /// An initialised library with a token as new: no objects, the usual PINs, nobody logged in.
    pub fn fresh() -> Token {
        let token = Token::attach();
        // A test that failed may have left the library initialised.
        call!(token, C_Finalize(std::ptr::null_mut()));
        assert_eq!(call!(token, C_Initialize(std::ptr::null_mut())), CKR_OK);
        let mut label = *b"p11assay reference              ";
        let pin = SO_PIN.as_ptr().cast_mut();
        assert_eq!(
            call!(token, C_InitToken(SLOT, pin, 8, label.as_mut_ptr())),
            CKR_OK
        );
        let session = token.open(RW);
        assert_eq!(token.login(session, CKU_SO, SO_PIN), CKR_OK);
        assert_eq!(
            call!(token, C_InitPIN(session, USER_PIN.as_ptr().cast_mut(), 4)),
            CKR_OK
        );
        assert_eq!(call!(token, C_CloseSession(session)), CKR_OK);
        token
    }

    /// Fails the test if the standard does not list the return value for the function.
    pub fn checked(&self, function: &str, rv: CK_RV) -> CK_RV {
        returns::check(function, rv);
        rv
    }

    pub fn open(&self, flags: CK_FLAGS) -> CK_SESSION_HANDLE {
        let mut session = 0;
        let none = std::ptr::null_mut();
        assert_eq!(
            call!(self, C_OpenSession(SLOT, flags, none, None, &mut session)),
            CKR_OK
        );
        session
    }

    pub fn login(&self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: &[u8]) -> CK_RV {
        let length = pin.len() as CK_ULONG;
        call!(
            self,
            C_Login(session, user, pin.as_ptr().cast_mut(), length)
        )
    }

    /// A read/write session with the normal user logged in.
    pub fn user_session(&self) -> CK_SESSION_HANDLE {
        let session = self.open(RW);
        assert_eq!(self.login(session, CKU_USER, USER_PIN), CKR_OK);
        session
    }

    pub fn state(&self, session: CK_SESSION_HANDLE) -> CK_STATE {
        let mut info = CK_SESSION_INFO::default();
        assert_eq!(call!(self, C_GetSessionInfo(session, &mut info)), CKR_OK);
        info.state
    }

    pub fn create(
        &self,
        session: CK_SESSION_HANDLE,
        template: &Attributes,
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut object = 0;
        let mut list = template.list();
        let count = list.count();
        let rv = call!(
            self,
            C_CreateObject(session, list.pointer(), count, &mut object)
        );
        if rv == CKR_OK { Ok(object) } else { Err(rv) }
    }

    /// C_SetAttributeValue.
    pub fn set(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &Attributes,
    ) -> CK_RV {
        let mut list = template.list();
        let count = list.count();
        call!(
            self,
            C_SetAttributeValue(session, object, list.pointer(), count)
        )
    }

    /// C_CopyObject.
    pub fn copy(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        template: &Attributes,
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut copy = 0;
        let mut list = template.list();
        let count = list.count();
        let rv = call!(
            self,
            C_CopyObject(session, object, list.pointer(), count, &mut copy)
        );
        if rv == CKR_OK { Ok(copy) } else { Err(rv) }
    }

    /// One attribute, by asking for its length first.
    pub fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
    ) -> Result<Vec<u8>, CK_RV> {
        let mut entry = CK_ATTRIBUTE {
            type_: attribute,
            ..CK_ATTRIBUTE::default()
        };
        let rv = call!(self, C_GetAttributeValue(session, object, &mut entry, 1));
        if rv != CKR_OK {
            let told = [CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID].contains(&rv);
            assert!(!told || entry.ulValueLen == CK_UNAVAILABLE_INFORMATION);
            return Err(rv);
        }
        let mut value = vec![0u8; entry.ulValueLen as usize];
        entry.pValue = value.as_mut_ptr().cast();
        let rv = call!(self, C_GetAttributeValue(session, object, &mut entry, 1));
        if rv == CKR_OK { Ok(value) } else { Err(rv) }
    }

    /// The first 100 objects that match.
    pub fn find(&self, session: CK_SESSION_HANDLE, template: &Attributes) -> Vec<CK_OBJECT_HANDLE> {
        let mut found = self.find_all(session, template);
        found.truncate(100);
        found
    }

    pub fn find_all(
        &self,
        session: CK_SESSION_HANDLE,
        template: &Attributes,
    ) -> Vec<CK_OBJECT_HANDLE> {
        let mut list = template.list();
        let count = list.count();
        assert_eq!(
            call!(self, C_FindObjectsInit(session, list.pointer(), count)),
            CKR_OK
        );
        let (mut all, mut some, mut count) = (Vec::new(), [0; 100], 1);
        while count > 0 {
            let rv = call!(
                self,
                C_FindObjects(session, some.as_mut_ptr(), 100, &mut count)
            );
            assert_eq!(rv, CKR_OK);
            all.extend(&some[..count as usize]);
        }
        assert_eq!(call!(self, C_FindObjectsFinal(session)), CKR_OK);
        all
    }

    pub fn generate(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        template: &Attributes,
    ) -> Result<CK_OBJECT_HANDLE, CK_RV> {
        let mut key = 0;
        let mut mechanism = plain(mechanism);
        let mut list = template.list();
        let count = list.count();
        let rv = call!(
            self,
            C_GenerateKey(session, &mut mechanism, list.pointer(), count, &mut key)
        );
        if rv == CKR_OK { Ok(key) } else { Err(rv) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(finalize) = self.list.C_Finalize {
            // SAFETY: NULL is what the function wants.
            unsafe { finalize(std::ptr::null_mut()) };
        }
    }
}
