//! A battery for pointers and lengths: sections 5.1.6 and 5.2. Buffers stand in larger ones, whose
//! other bytes are looked at afterwards.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::stage::{Stage, aes, note};
use crate::support::{RW, SLOT, plain};

/// A digest into the first `room` bytes of a larger buffer.
fn digest(stage: &Stage, session: CK_SESSION_HANDLE, room: CK_ULONG) {
    let (mut buffer, mut length) = ([0xa5u8; 64], room);
    let mut mechanism = plain(CKM_SHA256);
    play!(stage, C_DigestInit(session, &mut mechanism));
    let output = buffer.as_mut_ptr();
    play!(
        stage,
        C_Digest(session, input!(b"abc"), 3, output, &mut length)
    );
    stage.say(format_args!("length {length} buffer {buffer:02x?}"));
    play!(stage, C_DigestInit(session, null_mut()));
}

fn attribute(stage: &Stage, session: CK_SESSION_HANDLE) {
    let object = stage.create(session, &note("a label"));
    let mut buffer = [0xa5u8; 16];
    let mut entry = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: buffer.as_mut_ptr().cast(),
        ulValueLen: 2,
    };
    play!(stage, C_GetAttributeValue(session, object, &mut entry, 1));
    let length = entry.ulValueLen;
    stage.say(format_args!("length {length:#x} buffer {buffer:02x?}"));
}

pub(super) fn memory() {
    let stage = Stage::ready();
    let session = stage.open(RW);
    for room in [40, 32, 31, 1] {
        digest(&stage, session, room);
    }
    let (mut mechanisms, mut count) = (vec![7; 1024], 1);
    play!(
        stage,
        C_GetMechanismList(SLOT, mechanisms.as_mut_ptr(), &mut count)
    );
    stage.say(format_args!("count {count} second {}", mechanisms[1]));
    attribute(&stage, session);
    let key = stage.create(session, &aes());
    let mut parameter = CK_AES_CTR_PARAMS {
        ulCounterBits: 128,
        ..Default::default()
    };
    let mut mechanism = CK_MECHANISM {
        mechanism: CKM_AES_CTR,
        pParameter: std::ptr::from_mut(&mut parameter).cast(),
        ulParameterLen: 8,
    };
    play!(stage, C_EncryptInit(session, &mut mechanism, key));
    let (mut object, mut entry) = (0, CK_ATTRIBUTE::default());
    let count = CK_ULONG::MAX / 2;
    play!(
        stage,
        C_CreateObject(session, &mut entry, count, &mut object)
    );
    play!(stage, C_GenerateRandom(session, null_mut(), 0));
    play!(stage, C_GetObjectSize(session, key, null_mut()));
    let mut mechanism = plain(CKM_SHA256);
    play!(stage, C_DigestInit(session, &mut mechanism));
    play!(stage, C_DigestUpdate(session, null_mut(), 5));
}
