//! Batteries for the making of keys, section 5.18, and message-based functions, sections 5.9 and
//! 5.11.

use std::ffi::c_void;
use std::ptr::{from_mut, null_mut};

use cryptoki_sys::*;

use crate::stage::{Stage, aes};
use crate::support::{Attributes, RW, plain};

pub(super) fn keys() {
    let stage = Stage::ready();
    let session = stage.user(RW);
    let open = Attributes::new()
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true);
    let template = open.clone().ulong(CKA_VALUE_LEN, 32);
    let key = || stage.generate(session, plain(CKM_AES_KEY_GEN), &template);
    let (one, other) = (key(), key());
    stage.show(session, one, CKA_VALUE_LEN);
    let value = |key| stage.value(session, key, CKA_VALUE);
    let same = value(one) == value(other);
    stage.say(format_args!("the same value twice: {same}"));
}

const SIZE: CK_ULONG = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;

/// The parameter of a message with generated nonces.
struct Gcm {
    iv: [u8; 12],
    tag: [u8; 16],
}

impl Gcm {
    fn raw(&mut self, generator: CK_GENERATOR_FUNCTION) -> CK_GCM_MESSAGE_PARAMS {
        CK_GCM_MESSAGE_PARAMS {
            pIv: self.iv.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 32,
            ivGenerator: generator,
            pTag: self.tag.as_mut_ptr(),
            ulTagBits: 128,
        }
    }
}

/// One message encrypted or decrypted; what it gives and its nonce are shown.
fn message(
    stage: &Stage,
    session: CK_SESSION_HANDLE,
    gcm: &mut Gcm,
    (encrypting, data): (bool, &[u8]),
) -> Vec<u8> {
    let generator = if encrypting {
        CKG_GENERATE_COUNTER
    } else {
        CKG_NO_GENERATE
    };
    let mut raw = gcm.raw(generator);
    let parameter: *mut c_void = from_mut(&mut raw).cast();
    let (mut output, mut length) = (vec![0; 64], 64);
    let (input, count, place) = (input!(data), data.len() as CK_ULONG, output.as_mut_ptr());
    match encrypting {
        true => play!(
            stage,
            C_EncryptMessage(
                session,
                parameter,
                SIZE,
                null_mut(),
                0,
                input,
                count,
                place,
                &mut length
            )
        ),
        false => play!(
            stage,
            C_DecryptMessage(
                session,
                parameter,
                SIZE,
                null_mut(),
                0,
                input,
                count,
                place,
                &mut length
            )
        ),
    };
    output.truncate(length as usize);
    stage.say(format_args!("nonce {:02x?} {output:02x?}", gcm.iv));
    output
}

pub(super) fn messages() {
    let stage = Stage::ready();
    let session = stage.user(RW);
    let key = stage.create(session, &aes());
    let mut mechanism = plain(CKM_AES_GCM);
    play!(stage, C_MessageEncryptFinal(session));
    play!(stage, C_MessageEncryptInit(session, &mut mechanism, key));
    let mut gcm = Gcm {
        iv: [1; 12],
        tag: [0; 16],
    };
    for _ in 0..2 {
        message(&stage, session, &mut gcm, (true, b"a message"));
    }
    let sealed = message(&stage, session, &mut gcm, (true, b"the third"));
    let mut raw = gcm.raw(CKG_GENERATE_COUNTER);
    let parameter = from_mut(&mut raw).cast();
    play!(
        stage,
        C_EncryptMessageBegin(session, parameter, SIZE, null_mut(), 0)
    );
    play!(stage, C_MessageEncryptFinal(session));
    play!(stage, C_SessionCancel(session, CKF_MESSAGE_ENCRYPT));
    play!(stage, C_MessageDecryptInit(session, &mut mechanism, key));
    gcm.tag[15] ^= 1;
    message(&stage, session, &mut gcm, (false, &sealed));
}
