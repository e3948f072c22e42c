//! The token driven as an application would: through raw function pointers from C_GetInterface.
//! Every return value that passes is looked up in the table of the standard, so each test also
//! tests that the token answers only what the function's description allows.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test program uses a part of it"
)]

pub mod rsa_2048;

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use cryptoki_sys::*;

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

/// Functions whose list leaves codes to another function, or that their text gives codes beyond
/// their list: section 5.21.
fn elsewhere(function: &str, rv: &str) -> bool {
    let unlisted = ["C_AsyncComplete", "C_AsyncGetID"].contains(&function);
    let joined =
        function == "C_AsyncComplete" && PERMITTED["C_GenerateKeyPair"].contains(&rv.into());
    joined || unlisted && rv == "CKR_OPERATION_NOT_INITIALIZED"
}

/// What section 5.1 lets functions return beyond their own lists.
fn universal(function: &str, rv: &str) -> bool {
    let anything = [
        "CKR_OK",
        "CKR_GENERAL_ERROR",
        "CKR_HOST_MEMORY",
        "CKR_FUNCTION_FAILED",
        "CKR_OPERATION_NOT_VALIDATED",
        "CKR_FUNCTION_NOT_SUPPORTED",
        "CKR_CRYPTOKI_NOT_INITIALIZED",
    ];
    let with_session = [
        "CKR_SESSION_HANDLE_INVALID",
        "CKR_DEVICE_REMOVED",
        "CKR_SESSION_CLOSED",
    ];
    let sessionless = ["C_Initialize", "C_GetInfo", "C_GetSlotList"];
    anything.contains(&rv) || (with_session.contains(&rv) && !sessionless.contains(&function))
}

/// Return values by function, from the spec tables of the project.
static PERMITTED: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../suites/spec/return-values.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

macro_rules! names {
    ($($name:ident)*) => { &[$((stringify!($name), $name)),*] };
}

/// Names of the return values that tests meet.
const NAMES: &[(&str, CK_RV)] = names!(
    CKR_OK CKR_GENERAL_ERROR CKR_FUNCTION_FAILED CKR_ARGUMENTS_BAD CKR_SLOT_ID_INVALID
    CKR_ATTRIBUTE_READ_ONLY CKR_ATTRIBUTE_SENSITIVE CKR_ATTRIBUTE_TYPE_INVALID
    CKR_ATTRIBUTE_VALUE_INVALID CKR_ACTION_PROHIBITED CKR_DATA_INVALID CKR_DATA_LEN_RANGE
    CKR_DEVICE_ERROR CKR_ENCRYPTED_DATA_INVALID CKR_ENCRYPTED_DATA_LEN_RANGE
    CKR_FUNCTION_NOT_PARALLEL CKR_FUNCTION_NOT_SUPPORTED CKR_KEY_HANDLE_INVALID CKR_KEY_SIZE_RANGE
    CKR_KEY_TYPE_INCONSISTENT CKR_KEY_FUNCTION_NOT_PERMITTED CKR_KEY_UNEXTRACTABLE
    CKR_KEY_NOT_WRAPPABLE CKR_KEY_INDIGESTIBLE CKR_MECHANISM_INVALID CKR_MECHANISM_PARAM_INVALID
    CKR_OBJECT_HANDLE_INVALID CKR_OPERATION_ACTIVE CKR_OPERATION_NOT_INITIALIZED CKR_PIN_INCORRECT
    CKR_PIN_INVALID CKR_PIN_LEN_RANGE CKR_PIN_LOCKED CKR_SESSION_HANDLE_INVALID
    CKR_SESSION_PARALLEL_NOT_SUPPORTED CKR_SESSION_READ_ONLY CKR_SESSION_EXISTS
    CKR_SESSION_READ_ONLY_EXISTS CKR_SESSION_READ_WRITE_SO_EXISTS CKR_SIGNATURE_INVALID
    CKR_SIGNATURE_LEN_RANGE CKR_TEMPLATE_INCOMPLETE CKR_TEMPLATE_INCONSISTENT
    CKR_USER_ALREADY_LOGGED_IN CKR_USER_NOT_LOGGED_IN CKR_USER_PIN_NOT_INITIALIZED
    CKR_USER_TYPE_INVALID CKR_USER_ANOTHER_ALREADY_LOGGED_IN CKR_WRAPPED_KEY_INVALID
    CKR_WRAPPING_KEY_TYPE_INCONSISTENT CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
    CKR_RANDOM_SEED_NOT_SUPPORTED CKR_BUFFER_TOO_SMALL CKR_CRYPTOKI_NOT_INITIALIZED
    CKR_CRYPTOKI_ALREADY_INITIALIZED CKR_CANT_LOCK CKR_NO_EVENT CKR_CURVE_NOT_SUPPORTED
    CKR_DOMAIN_PARAMS_INVALID CKR_SESSION_ASYNC_NOT_SUPPORTED CKR_WRAPPED_KEY_LEN_RANGE
    CKR_AEAD_DECRYPT_FAILED CKR_STATE_UNSAVEABLE CKR_SAVED_STATE_INVALID CKR_KEY_NEEDED
    CKR_KEY_CHANGED CKR_KEY_NOT_NEEDED CKR_PENDING CKR_OPERATION_CANCEL_FAILED CKR_DEVICE_MEMORY
    CKR_PARAMETER_SET_NOT_SUPPORTED CKR_PIN_EXPIRED CKR_UNWRAPPING_KEY_HANDLE_INVALID
    CKR_UNWRAPPING_KEY_SIZE_RANGE CKR_TOKEN_RESOURCE_EXCEEDED
);

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
        let name = NAMES.iter().find(|(_, value)| *value == rv);
        let (name, _) = name.unwrap_or_else(|| panic!("{function} returned {rv:#x}"));
        let listed = PERMITTED[function]
            .iter()
            .any(|permitted| permitted == name);
        assert!(
            listed || universal(function, name) || elsewhere(function, name),
            "{function} must not return {name}"
        );
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
