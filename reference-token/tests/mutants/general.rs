//! Batteries for the library and its slots: sections 5.4, 5.5, 5.19 and 5.20.

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{from_mut, null_mut};

use cryptoki_sys::*;

use crate::stage::Stage;
use crate::support::{RO, RW, SLOT};

unsafe extern "C" fn create(_: *mut *mut c_void) -> CK_RV {
    CKR_OK
}
unsafe extern "C" fn on_mutex(_: *mut c_void) -> CK_RV {
    CKR_OK
}

/// C_Initialize with callbacks, and C_Finalize so that the next one begins anew.
fn initialize(stage: &Stage, all: bool, flags: CK_FLAGS) {
    let mut arguments = CK_C_INITIALIZE_ARGS {
        CreateMutex: Some(create),
        DestroyMutex: Some(on_mutex),
        LockMutex: if all { Some(on_mutex) } else { None },
        UnlockMutex: if all { Some(on_mutex) } else { None },
        flags,
        ..Default::default()
    };
    play!(stage, C_Initialize(from_mut(&mut arguments).cast()));
    play!(stage, C_Finalize(null_mut()));
}

pub(super) fn general() {
    let stage = Stage::bare();
    let mut info = CK_INFO::default();
    play!(stage, C_GetInfo(&mut info));
    play!(stage, C_Finalize(null_mut()));
    for (all, flags) in [(true, 0), (false, 0), (false, CKF_OS_LOCKING_OK)] {
        initialize(&stage, all, flags);
    }
    play!(stage, C_Initialize(null_mut()));
    play!(stage, C_Initialize(null_mut()));
    play!(stage, C_GetInfo(&mut info));
    stage.say(format_args!("manufacturer {:?}", info.manufacturerID));
    let session = stage.open(RO);
    play!(stage, C_GetFunctionStatus(session));
    for (major, minor) in [(3, 2), (9, 9)] {
        let mut version = CK_VERSION { major, minor };
        let mut interface = null_mut();
        // SAFETY: a version and the place of a pointer, both live.
        let rv =
            unsafe { reference_token::C_GetInterface(null_mut(), &mut version, &mut interface, 0) };
        stage.say(format_args!("C_GetInterface {major}.{minor} {rv:#x}"));
    }
    let (mut one, mut other) = ([0; 32], [0; 32]);
    play!(stage, C_GenerateRandom(session, one.as_mut_ptr(), 32));
    play!(stage, C_GenerateRandom(session, other.as_mut_ptr(), 32));
    stage.say(format_args!("random bytes repeat: {}", one == other));
    play!(stage, C_Finalize(from_mut(&mut one).cast()));
    play!(stage, C_Finalize(null_mut()));
    play!(stage, C_Finalize(null_mut()));
}

pub(super) fn slots() {
    let stage = Stage::ready();
    let mut slot_info = CK_SLOT_INFO::default();
    for slot in [SLOT, 4711] {
        play!(stage, C_GetSlotInfo(slot, &mut slot_info));
    }
    let mut mechanisms = vec![0; 1024];
    let mut count = 1024;
    play!(
        stage,
        C_GetMechanismList(SLOT, mechanisms.as_mut_ptr(), &mut count)
    );
    for mechanism in &mechanisms[..count as usize] {
        let mut info = CK_MECHANISM_INFO::default();
        play!(stage, C_GetMechanismInfo(SLOT, *mechanism, &mut info));
        stage.say(format_args!("{mechanism:#x} {info:?}"));
    }
    stage.token_info();
    let session = stage.open(RW);
    stage.token_info();
    for _ in 0..10 {
        stage.login(session, CKU_USER, b"wrong");
        stage.token_info();
    }
    let mut slot = 0;
    play!(
        stage,
        C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null_mut())
    );
}

/// A token that is taken out of its slot and put back.
pub(super) fn removal() {
    let stage = Stage::bare();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = format!("removal-{}", std::process::id());
    let card = folder.join(format!("{name}.card"));
    let insert = || std::fs::write(&card, "").expect("a file");
    insert();
    let configuration = folder.join(format!("{name}.toml"));
    std::fs::write(&configuration, format!("removable = {card:?}\n")).expect("a file");
    let mut text = format!("configuration={}\0", configuration.display()).into_bytes();
    let mut arguments = CK_C_INITIALIZE_ARGS {
        pReserved: text.as_mut_ptr().cast(),
        ..Default::default()
    };
    play!(stage, C_Initialize(from_mut(&mut arguments).cast()));
    let session = stage.open(RO);
    stage.session_info(session);
    std::fs::remove_file(&card).expect("it is there");
    stage.session_info(session);
    insert();
    stage.session_info(session);
    play!(stage, C_Finalize(null_mut()));
    for file in [card, configuration] {
        std::fs::remove_file(file).expect("it is there");
    }
}
