//! Modules made ready to be measured: loaded, initialised, with a token of their own in a file, and
//! sessions of a user who is logged in.
#![allow(
    unsafe_code,
    reason = "loads modules, calls them, and sets the environment that they read"
)]

use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use cryptoki_sys::*;

use super::call::{Mechanism, Template, done};

const LABEL: &[u8; 32] = b"benchmarks                      ";
const SO_PIN: &[u8] = b"12345678";
const PIN: &[u8] = b"12345678";

/// A module with a token that is ready.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) list: &'static CK_FUNCTION_LIST_3_2,
    /// Keeps the user logged in.
    _session: Option<Session>,
}

impl Module {
    /// The shared library that Cargo built next to this program.
    pub(crate) fn token() -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let name = format!(
            "{}reference_token{}",
            std::env::consts::DLL_PREFIX,
            std::env::consts::DLL_SUFFIX
        );
        let folder = scratch("token")?;
        let settings = format!("file = {:?}\npin-rounds = 1\n", folder.join("store"));
        configure(
            "REFERENCE_TOKEN_CONF",
            &folder.join("token.toml"),
            &settings,
        )?;
        Self::load("token", &program.with_file_name(name))
    }

    /// SoftHSM2 where packages put it.
    pub(crate) fn softhsm2() -> Result<Self, String> {
        let paths = [
            "/usr/lib/softhsm/libsofthsm2.so",
            "/usr/lib64/pkcs11/libsofthsm2.so",
            "/usr/local/lib/softhsm/libsofthsm2.so",
        ];
        let path = paths.iter().map(Path::new).find(|path| path.exists());
        let path = path.ok_or("SoftHSM2 is not installed")?;
        let folder = scratch("softhsm2")?;
        let tokens = folder.join("tokens");
        std::fs::create_dir_all(&tokens).map_err(|error| error.to_string())?;
        let settings = format!("directories.tokendir = {}\n", tokens.display());
        configure("SOFTHSM2_CONF", &folder.join("softhsm2.conf"), &settings)?;
        Self::load("SoftHSM2", path)
    }

    /// The Kryoptic that the environment names.
    pub(crate) fn kryoptic() -> Result<Self, String> {
        let path =
            std::env::var_os("KRYOPTIC_MODULE").ok_or("KRYOPTIC_MODULE names no Kryoptic")?;
        let folder = scratch("kryoptic")?;
        let store = folder.join("token.sql");
        let settings = format!("[[slots]]\nslot = 0\ndbtype = \"sqlite\"\ndbargs = {store:?}\n");
        configure("KRYOPTIC_CONF", &folder.join("kryoptic.conf"), &settings)?;
        Self::load("Kryoptic", &PathBuf::from(path))
    }

    fn load(name: &'static str, path: &Path) -> Result<Self, String> {
        let list = list(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut module = Self {
            name,
            slot: 0,
            list: Box::leak(Box::new(list)),
            _session: None,
        };
        module
            .set_up()
            .ok_or_else(|| format!("{name} cannot be set up"))?;
        Ok(module)
    }

    fn set_up(&mut self) -> Option<()> {
        let list = self.list;
        let mut arguments = CK_C_INITIALIZE_ARGS {
            flags: CKF_OS_LOCKING_OK,
            ..CK_C_INITIALIZE_ARGS::default()
        };
        done(call!(list, C_Initialize((&raw mut arguments).cast())))?;
        let first = *self.slots()?.first()?;
        let mut label = *LABEL;
        let so_pin = SO_PIN.as_ptr().cast_mut();
        done(call!(
            list,
            C_InitToken(first, so_pin, SO_PIN.len() as CK_ULONG, label.as_mut_ptr())
        ))?;
        // SoftHSM2 gives an initialised token another slot.
        self.slot = self.slots()?.into_iter().find(|slot| {
            let mut info = CK_TOKEN_INFO::default();
            call!(list, C_GetTokenInfo(*slot, &mut info)) == CKR_OK && info.label == *LABEL
        })?;
        let session = self.session()?;
        let (pin, length) = (PIN.as_ptr().cast_mut(), PIN.len() as CK_ULONG);
        let handle = session.handle;
        done(call!(
            list,
            C_Login(handle, CKU_SO, so_pin, SO_PIN.len() as CK_ULONG)
        ))?;
        done(call!(list, C_InitPIN(handle, pin, length)))?;
        done(call!(list, C_Logout(handle)))?;
        done(call!(list, C_Login(handle, CKU_USER, pin, length)))?;
        self._session = Some(session);
        Some(())
    }

    fn slots(&self) -> Option<Vec<CK_SLOT_ID>> {
        let mut slots = vec![0; 8];
        let mut count = slots.len() as CK_ULONG;
        done(call!(
            self.list,
            C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count)
        ))?;
        slots.truncate(count as usize);
        Some(slots)
    }

    /// A read/write session.
    pub(crate) fn session(&self) -> Option<Session> {
        let mut handle = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        done(call!(
            self.list,
            C_OpenSession(self.slot, flags, null_mut(), None, &mut handle)
        ))?;
        let list = self.list;
        Some(Session { list, handle })
    }

    /// Whether the token has a mechanism.
    pub(crate) fn has(&self, mechanism: CK_MECHANISM_TYPE) -> Option<()> {
        let mut info = CK_MECHANISM_INFO::default();
        done(call!(
            self.list,
            C_GetMechanismInfo(self.slot, mechanism, &mut info)
        ))
    }
}

/// An open session, closed with its objects when it is dropped.
pub(crate) struct Session {
    list: &'static CK_FUNCTION_LIST_3_2,
    handle: CK_SESSION_HANDLE,
}

// Functions and no fields: a closure that copies fields would not keep the session open.
impl Session {
    pub(crate) fn list(&self) -> &'static CK_FUNCTION_LIST_3_2 {
        self.list
    }

    pub(crate) fn handle(&self) -> CK_SESSION_HANDLE {
        self.handle
    }

    pub(crate) fn create(&self, template: &mut Template) -> Option<CK_OBJECT_HANDLE> {
        let (mut array, mut object) = (template.array(), 0);
        let count = array.len() as CK_ULONG;
        done(call!(
            self.list,
            C_CreateObject(self.handle, array.as_mut_ptr(), count, &mut object)
        ))?;
        Some(object)
    }

    pub(crate) fn key(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        template: &mut Template,
    ) -> Option<CK_OBJECT_HANDLE> {
        let (mut array, mut key) = (template.array(), 0);
        let count = array.len() as CK_ULONG;
        done(Mechanism::Plain(mechanism).with(|mechanism| {
            call!(
                self.list,
                C_GenerateKey(self.handle, mechanism, array.as_mut_ptr(), count, &mut key)
            )
        }))?;
        Some(key)
    }

    /// Handles of the public and the private key.
    pub(crate) fn pair(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        public: &mut Template,
        private: &mut Template,
    ) -> Option<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, mut private) = (public.array(), private.array());
        let counts = (public.len() as CK_ULONG, private.len() as CK_ULONG);
        let mut keys = (0, 0);
        done(Mechanism::Plain(mechanism).with(|mechanism| {
            call!(
                self.list,
                C_GenerateKeyPair(
                    self.handle,
                    mechanism,
                    public.as_mut_ptr(),
                    counts.0,
                    private.as_mut_ptr(),
                    counts.1,
                    &mut keys.0,
                    &mut keys.1,
                )
            )
        }))?;
        Some(keys)
    }

    pub(crate) fn destroy(&self, object: CK_OBJECT_HANDLE) -> CK_RV {
        call!(self.list, C_DestroyObject(self.handle, object))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        call!(self.list, C_CloseSession(self.handle));
    }
}

/// The functions of a library, which stays loaded: the newest list it has.
fn list(path: &Path) -> Result<CK_FUNCTION_LIST_3_2, libloading::Error> {
    type GetList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    type GetInterface = unsafe extern "C" fn(
        *mut CK_UTF8CHAR,
        *mut CK_VERSION,
        *mut *mut CK_INTERFACE,
        CK_FLAGS,
    ) -> CK_RV;
    // SAFETY: what the person who runs the benchmarks named, or installed.
    let library = Box::leak(Box::new(unsafe { libloading::Library::new(path)? }));
    // SAFETY: all zeros is a version 0.0 and functions that are not there.
    let mut list: CK_FUNCTION_LIST_3_2 = unsafe { std::mem::zeroed() };
    // SAFETY: the standard's names have the standard's types.
    if let Ok(get) = unsafe { library.get::<GetInterface>(b"C_GetInterface") } {
        let mut version = CK_VERSION { major: 3, minor: 2 };
        let mut interface = null_mut();
        let name = c"PKCS 11".as_ptr().cast_mut().cast();
        // SAFETY: pointers to live variables; an interface of this version has this list.
        unsafe {
            if get(name, &mut version, &mut interface, 0) == CKR_OK {
                list = *(*interface).pFunctionList.cast();
                return Ok(list);
            }
        }
    }
    // SAFETY: as above; the newer list begins with what the older one is.
    unsafe {
        let get = library.get::<GetList>(b"C_GetFunctionList")?;
        let mut old = null_mut();
        if get(&mut old) == CKR_OK {
            std::ptr::copy_nonoverlapping(old, (&raw mut list).cast(), 1);
        }
    }
    Ok(list)
}

/// An empty folder.
fn scratch(name: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("benchmarks-{name}"));
    drop(std::fs::remove_dir_all(&folder)); // it need not be there
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder)
}

/// Writes a module's settings to where the environment variable says that they are.
fn configure(variable: &str, path: &Path, settings: &str) -> Result<(), String> {
    std::fs::write(path, settings).map_err(|error| error.to_string())?;
    // SAFETY: this program has one thread until the benchmarks begin.
    unsafe { std::env::set_var(variable, path) };
    Ok(())
}
