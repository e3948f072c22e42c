//! Batteries for values: what an unwrapped key, a derived one and a message in parts come to.

use std::ffi::c_void;
use std::ptr::{from_mut, null_mut};

use cryptoki_sys::*;

use crate::stage::{Stage, aes, secret};
use crate::support::{Attributes, hex, plain, with};

/// The template of a secret key that shows its value.
pub(crate) fn shown() -> Attributes {
    Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true)
}

/// A key of ten bytes, wrapped and unwrapped.
pub(crate) fn unwrap(stage: &Stage, session: CK_SESSION_HANDLE) {
    let wrapper = stage.create(session, &aes());
    let key = stage.create(session, &secret(CKK_GENERIC_SECRET, &[7; 10]));
    let mut mechanism = plain(CKM_AES_KEY_WRAP_KWP);
    let (mut wrapped, mut length) = ([0; 64], 64);
    let place = wrapped.as_mut_ptr();
    play!(
        stage,
        C_WrapKey(session, &mut mechanism, wrapper, key, place, &mut length)
    );
    stage.say(format_args!("{:02x?}", &wrapped[..length as usize]));
    let template = shown();
    let (mut list, mut unwrapped) = (template.list(), 0);
    let count = list.count();
    play!(
        stage,
        C_UnwrapKey(
            session,
            &mut mechanism,
            wrapper,
            place,
            length,
            list.pointer(),
            count,
            &mut unwrapped
        )
    );
    stage.show(session, unwrapped, CKA_VALUE);
}

pub(crate) fn derive(
    stage: &Stage,
    session: CK_SESSION_HANDLE,
    (mut mechanism, base): (CK_MECHANISM, CK_OBJECT_HANDLE),
    template: &Attributes,
) {
    let (mut list, mut key) = (template.list(), 0);
    let count = list.count();
    play!(
        stage,
        C_DeriveKey(
            session,
            &mut mechanism,
            base,
            list.pointer(),
            count,
            &mut key
        )
    );
    stage.show(session, key, CKA_VALUE);
}

/// A key with data behind it, and half of what two P-256 keys agree on: that of RFC 6979 appendix A.2.5 with itself.
pub(crate) fn derived(stage: &Stage, session: CK_SESSION_HANDLE) {
    let base = secret(CKK_GENERIC_SECRET, &[5; 8]).bool(CKA_DERIVE, true);
    let base = stage.create(session, &base);
    let mut data = [9; 4];
    let mut parameter = CK_KEY_DERIVATION_STRING_DATA {
        pData: data.as_mut_ptr(),
        ulLen: 4,
    };
    let mechanism = with(CKM_CONCATENATE_BASE_AND_DATA, &mut parameter);
    let template = shown().ulong(CKA_VALUE_LEN, 12);
    derive(stage, session, (mechanism, base), &template);
    let private = Attributes::new()
        .ulong(CKA_CLASS, CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, hex("06082a8648ce3d030107"))
        .bytes(
            CKA_VALUE,
            hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
        )
        .bool(CKA_DERIVE, true);
    let private = stage.create(session, &private);
    let mut point = hex(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
         7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    );
    let mut parameter = CK_ECDH1_DERIVE_PARAMS {
        kdf: CKD_NULL,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
        ulPublicDataLen: point.len() as CK_ULONG,
        pPublicData: point.as_mut_ptr(),
    };
    let mechanism = with(CKM_ECDH1_DERIVE, &mut parameter);
    let template = shown().ulong(CKA_VALUE_LEN, 16);
    derive(stage, session, (mechanism, private), &template);
}

/// A message of two parts, encrypted.
pub(crate) fn sealed_parts(
    stage: &Stage,
    session: CK_SESSION_HANDLE,
    (parameter, size): (*mut c_void, CK_ULONG),
) {
    play!(
        stage,
        C_EncryptMessageBegin(session, parameter, size, null_mut(), 0)
    );
    for flags in [0, CKF_END_OF_MESSAGE] {
        let (mut output, mut length) = ([0; 8], 8);
        let place = output.as_mut_ptr();
        play!(
            stage,
            C_EncryptMessageNext(
                session,
                parameter,
                size,
                input!(b"part"),
                4,
                place,
                &mut length,
                flags
            )
        );
        stage.say(format_args!("{output:02x?}"));
    }
}

/// A message of two parts, signed, and another verified with a signature that is not its own.
pub(crate) fn signed_parts(stage: &Stage, session: CK_SESSION_HANDLE) {
    let key = secret(CKK_GENERIC_SECRET, &[3; 32])
        .bool(CKA_SIGN, true)
        .bool(CKA_VERIFY, true);
    let key = stage.create(session, &key);
    let mut mechanism = plain(CKM_SHA256_HMAC);
    play!(stage, C_MessageSignInit(session, &mut mechanism, key));
    play!(stage, C_SignMessageBegin(session, null_mut(), 0));
    let (mut signature, mut length) = ([0; 32], 32);
    for room in [null_mut(), from_mut(&mut length)] {
        let place = if room.is_null() {
            null_mut()
        } else {
            signature.as_mut_ptr()
        };
        play!(
            stage,
            C_SignMessageNext(session, null_mut(), 0, input!(b"part"), 4, place, room)
        );
    }
    stage.say(format_args!("{signature:02x?}"));
    play!(stage, C_MessageSignFinal(session));
    play!(stage, C_MessageVerifyInit(session, &mut mechanism, key));
    let place = signature.as_mut_ptr();
    play!(
        stage,
        C_VerifyMessage(session, null_mut(), 0, input!(b"other"), 5, place, 32)
    );
    play!(stage, C_MessageVerifyFinal(session));
}
