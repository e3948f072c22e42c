//! Batteries for sessions and login: sections 5.5.7 to 5.5.9 and 5.6.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::stage::{Stage, labelled, note};
use crate::support::{Attributes, RO, RW, SLOT, SO_PIN, USER_PIN, plain, rsa_2048, rsa_private};

/// Kilobytes of memory that the process has written to.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let digits = line.and_then(|line| line.trim().strip_suffix("kB"));
    digits.map_or(0, |digits| digits.trim().parse().unwrap_or(0))
}

pub(super) fn sessions() {
    let stage = Stage::ready();
    stage.open(CKF_RW_SESSION);
    let (one, other) = (stage.open(RW), stage.open(RO));
    stage.session_info(one);
    stage.session_info(other);
    stage.create(other, &note("of the second session"));
    stage.close(other);
    stage.session_info(other);
    stage.find(one, &labelled("of the second session"));
    stage.login(one, CKU_USER, USER_PIN);
    stage.session_info(one);
    let mut mechanism = plain(CKM_SHA256);
    play!(stage, C_DigestInit(one, &mut mechanism));
    play!(stage, C_SessionCancel(one, CKF_DIGEST));
    play!(stage, C_DigestUpdate(one, null_mut(), 0));
    stage.close(one);
    let one = stage.open(RW);
    stage.session_info(one);
    stage.login(one, CKU_USER, USER_PIN);
    play!(stage, C_CloseAllSessions(SLOT));
    let one = stage.open(RW);
    stage.session_info(one);
    stage.login(one, CKU_SO, SO_PIN);
    stage.session_info(one);
    stage.open(RO);
    play!(stage, C_CloseAllSessions(SLOT));
    let before = memory();
    for _ in 0..64 {
        let session = stage.open(RO);
        stage.close(session);
    }
    let grown = memory().saturating_sub(before) > 32 << 10;
    stage.say(format_args!("memory has grown: {grown}"));
}

fn set_pin(stage: &Stage, session: CK_SESSION_HANDLE, old: &[u8], new: &[u8]) {
    let (old_length, new_length) = (old.len() as CK_ULONG, new.len() as CK_ULONG);
    play!(
        stage,
        C_SetPIN(session, input!(old), old_length, input!(new), new_length)
    );
}

/// Who can log in, and where.
fn users(stage: &Stage) {
    let (rw, ro) = (stage.open(RW), stage.open(RO));
    play!(stage, C_Logout(rw));
    stage.login(rw, CKU_SO, SO_PIN);
    play!(stage, C_Logout(rw));
    stage.login(rw, 99, USER_PIN);
    play!(stage, C_Logout(rw));
    stage.login(rw, CKU_USER, b"12345");
    stage.session_info(rw);
    stage.login(rw, CKU_USER, USER_PIN);
    stage.login(rw, CKU_USER, USER_PIN);
    stage.close(ro);
    stage.login(rw, CKU_SO, SO_PIN);
    stage.session_info(rw);
    let private = note("private")
        .bool(CKA_PRIVATE, true)
        .bool(CKA_TOKEN, true);
    let object = stage.create(rw, &private);
    play!(stage, C_InitPIN(rw, input!(USER_PIN), 4));
    play!(stage, C_Logout(rw));
    stage.login(rw, CKU_USER, USER_PIN);
    stage.show(rw, object, CKA_LABEL);
    play!(stage, C_CloseAllSessions(SLOT));
}

/// Section 4.10: the key asks for the PIN at each use.
fn context(stage: &Stage) {
    let session = stage.user(RW);
    let template = rsa_private()
        .bool(CKA_PRIVATE, true)
        .bool(CKA_ALWAYS_AUTHENTICATE, true);
    let key = stage.create(session, &template);
    let mut mechanism = plain(CKM_RSA_PKCS);
    play!(stage, C_SignInit(session, &mut mechanism, key));
    let (mut signature, mut length) = (vec![0; 256], 256);
    let message = rsa_2048::MESSAGE;
    play!(
        stage,
        C_Sign(
            session,
            input!(message),
            3,
            signature.as_mut_ptr(),
            &mut length
        )
    );
    play!(stage, C_CloseAllSessions(SLOT));
}

fn pins(stage: &Stage) {
    let ro = stage.open(RO);
    set_pin(stage, ro, USER_PIN, b"1234");
    stage.close(ro);
    let rw = stage.open(RW);
    set_pin(stage, rw, USER_PIN, b"123");
    set_pin(stage, rw, USER_PIN, &[0xff; 8]);
    set_pin(stage, rw, USER_PIN, b"other pin");
    stage.login(rw, CKU_USER, b"other pin");
    play!(stage, C_Logout(rw));
    set_pin(stage, rw, b"other pin", USER_PIN);
    for _ in 0..10 {
        stage.login(rw, CKU_USER, b"wrong");
    }
    stage.login(rw, CKU_USER, USER_PIN);
    play!(stage, C_CloseAllSessions(SLOT));
}

fn initialization(stage: &Stage) {
    let rw = stage.open(RW);
    stage.create(rw, &note("on the token").bool(CKA_TOKEN, true));
    let mut label = [b' '; 32];
    let init = |pin: &[u8], label: &mut [u8; 32]| {
        let length = pin.len() as CK_ULONG;
        play!(
            stage,
            C_InitToken(SLOT, input!(pin), length, label.as_mut_ptr())
        );
    };
    init(SO_PIN, &mut label);
    stage.close(rw);
    init(b"not the SO's", &mut label);
    init(SO_PIN, &mut label);
    stage.token_info();
    let rw = stage.open(RW);
    stage.find(rw, &Attributes::new().ulong(CKA_CLASS, CKO_DATA));
    stage.login(rw, CKU_USER, USER_PIN);
    stage.session_info(rw);
}

pub(super) fn login() {
    let stage = Stage::ready();
    users(&stage);
    context(&stage);
    pins(&stage);
    initialization(&stage);
}
