//! Modules made ready to be measured: loaded, initialised, with a session and an object.
//!
//! A run calls a target in a worker only. Here the module is loaded into this process: the calls
//! are few, known and legal, and raw and executed calls must be made on the same loaded module in
//! the same process for their times to be compared.
#![allow(
    unsafe_code,
    reason = "sets up the module through its function list, and the environment it reads"
)]

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_FUNCTION_LIST_3_2, CK_TOKEN_INFO, CKA_CLASS, CKA_PRIVATE, CKA_TOKEN,
    CKF_RW_SESSION, CKF_SERIAL_SESSION, CKO_DATA, CKR_OK,
};
use p11assay::module::{Module, Source};
use p11assay::target::{self, NoSequences, Overrides, Provisioned, Target};

const LABEL: &[u8; 32] = b"p11assay                        ";

/// A module ready to be measured.
pub(crate) struct Bed {
    pub(crate) name: &'static str,
    pub(crate) slot: u64,
    pub(crate) session: u64,
    pub(crate) object: u64,
    module: Module,
    _token: Option<Provisioned>,
}

impl Bed {
    /// The token that is part of the program.
    pub(crate) fn builtin() -> Result<Self, String> {
        let module = Module::load(&Source::Builtin, None).map_err(|error| error.to_string())?;
        Self::new("builtin", module, None)
    }

    /// SoftHSM2 with a token of its own; the error says why not.
    pub(crate) fn softhsm2() -> Result<Self, String> {
        let flags = Overrides::default();
        let target = Target::load(Some("softhsm2"), &flags).map_err(|error| error.to_string())?;
        let target::Module::Path(path) = target.module.clone() else {
            return Err("SoftHSM2 is not installed".to_owned());
        };
        let credentials = target.credentials().map_err(|error| error.to_string())?;
        let token = target::provision(&target, &credentials, false, &mut NoSequences)
            .map_err(|error| error.to_string())?;
        for (name, value) in &token.prepared().environment {
            // SAFETY: this program has one thread until the benchmarks begin.
            unsafe { std::env::set_var(name, value) };
        }
        let module = Module::load(&Source::Path(path), None).map_err(|error| error.to_string())?;
        Self::new("softhsm2", module, Some(token))
    }

    fn new(name: &'static str, module: Module, token: Option<Provisioned>) -> Result<Self, String> {
        let mut bed = Self {
            name,
            slot: 0,
            session: 0,
            object: 0,
            module,
            _token: token,
        };
        bed.set_up()
            .ok_or_else(|| format!("{name} cannot be set up"))?;
        Ok(bed)
    }

    /// The module's functions.
    pub(crate) fn table(&self) -> &CK_FUNCTION_LIST_3_2 {
        self.module.table()
    }

    fn set_up(&mut self) -> Option<()> {
        let table = *self.module.table();
        let ok = |rv: u64| (rv == CKR_OK).then_some(());
        let mut pin = *b"12345678";
        let mut label = *LABEL;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        let (mut class, mut no) = (CKO_DATA, 0u8);
        let mut template = [
            attribute(CKA_CLASS, &mut class),
            attribute(CKA_TOKEN, &mut no),
            attribute(CKA_PRIVATE, &mut no),
        ];
        let null = std::ptr::null_mut();
        // SAFETY: legal calls; every pointer is to a live variable of the length told.
        unsafe {
            ok(table.C_Initialize?(null))?;
            if self.name == "builtin" {
                ok(table.C_InitToken?(
                    1,
                    pin.as_mut_ptr(),
                    8,
                    label.as_mut_ptr(),
                ))?;
            }
            let mut slots = [0; 8];
            let mut count = slots.len() as u64;
            ok(table.C_GetSlotList?(1, slots.as_mut_ptr(), &mut count))?;
            self.slot = *slots[..count as usize].iter().find(|slot| {
                let mut info = CK_TOKEN_INFO::default();
                let get = table.C_GetTokenInfo.expect("every module has it");
                get(**slot, &mut info) == CKR_OK && info.label == *LABEL
            })?;
            ok(table.C_OpenSession?(
                self.slot,
                flags,
                null,
                None,
                &mut self.session,
            ))?;
            ok(table.C_CreateObject?(
                self.session,
                template.as_mut_ptr(),
                3,
                &mut self.object,
            ))
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Some(finalize) = self.table().C_Finalize {
            // SAFETY: the last call of the module.
            unsafe { finalize(std::ptr::null_mut()) };
        }
    }
}

fn attribute<T>(attribute: u64, value: &mut T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: attribute,
        pValue: std::ptr::from_mut(value).cast(),
        ulValueLen: size_of::<T>() as u64,
    }
}
