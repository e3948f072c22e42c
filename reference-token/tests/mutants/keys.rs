//! Batteries for the making of keys, section 5.18, and message-based functions, sections 5.9 and
//! 5.11.

use std::ffi::c_void;
use std::ptr::{from_mut, null_mut};

use cryptoki_sys::*;

use crate::attacks;
use crate::stage::{Stage, aes, labelled, secret};
use crate::support::{Attributes, RW, hex, plain, with};
use crate::values;

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
    pair(&stage, session);
    encapsulate(&stage, session);
    derive(&stage, session);
    wrap(&stage, session);
    seal(&stage, session);
    values::unwrap(&stage, session);
    values::derived(&stage, session);
    attacks::pairs(&stage, session);
    attacks::unwrapped(&stage, session);
    attacks::derived(&stage, session);
}

/// A pair whose private half cannot be: nothing is left of its public half.
fn pair(stage: &Stage, session: CK_SESSION_HANDLE) {
    let public = Attributes::new()
        .bytes(CKA_EC_PARAMS, hex("06082a8648ce3d030107"))
        .bytes(CKA_LABEL, *b"half");
    let private = Attributes::new().bytes(CKA_PUBLIC_KEY_INFO, *b"of another key");
    let (mut public_list, mut private_list) = (public.list(), private.list());
    let (public_count, private_count) = (public_list.count(), private_list.count());
    let (public_list, private_list) = (public_list.pointer(), private_list.pointer());
    let (mut one, mut other) = (0, 0);
    let mut mechanism = plain(CKM_EC_KEY_PAIR_GEN);
    play!(
        stage,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            public_list,
            public_count,
            private_list,
            private_count,
            &mut one,
            &mut other,
        )
    );
    stage.find(session, &labelled("half"));
}

/// A key for either side of an encapsulation.
fn encapsulate(stage: &Stage, session: CK_SESSION_HANDLE) {
    let public = Attributes::new()
        .ulong(CKA_PARAMETER_SET, CKP_ML_KEM_512)
        .bool(CKA_ENCAPSULATE, true);
    let private = Attributes::new().bool(CKA_DECAPSULATE, true);
    let shared = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bool(CKA_SENSITIVE, false)
        .bool(CKA_EXTRACTABLE, true);
    let (mut public, mut private, mut shared) = (public.list(), private.list(), shared.list());
    let counts = [public.count(), private.count(), shared.count()];
    let lists = [public.pointer(), private.pointer(), shared.pointer()];
    let (mut one, mut other, mut forth, mut back) = (0, 0, 0, 0);
    let mut mechanism = plain(CKM_ML_KEM_KEY_PAIR_GEN);
    play!(
        stage,
        C_GenerateKeyPair(
            session,
            &mut mechanism,
            lists[0],
            counts[0],
            lists[1],
            counts[1],
            &mut one,
            &mut other,
        )
    );
    let (mut ciphertext, mut length) = ([0; 768], 768);
    let place = ciphertext.as_mut_ptr();
    let mut mechanism = plain(CKM_ML_KEM);
    play!(
        stage,
        C_EncapsulateKey(
            session,
            &mut mechanism,
            one,
            lists[2],
            counts[2],
            place,
            &mut length,
            &mut forth,
        )
    );
    play!(
        stage,
        C_DecapsulateKey(
            session,
            &mut mechanism,
            other,
            lists[2],
            counts[2],
            place,
            length,
            &mut back,
        )
    );
    let value = |key| stage.value(session, key, CKA_VALUE);
    let same = value(forth) == value(back);
    stage.say(format_args!("the same on both sides: {same}"));
}

/// A sensitive key from one that never was.
fn derive(stage: &Stage, session: CK_SESSION_HANDLE) {
    let base = secret(CKK_GENERIC_SECRET, &[5; 32]).bool(CKA_DERIVE, true);
    let base = stage.create(session, &base);
    let mut parameter = CK_HKDF_PARAMS {
        bExtract: CK_TRUE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_NULL,
        pSalt: null_mut(),
        ulSaltLen: 0,
        hSaltKey: 0,
        pInfo: null_mut(),
        ulInfoLen: 0,
    };
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, 16)
        .bool(CKA_SENSITIVE, true);
    let (mut key, mut list) = (0, template.list());
    let count = list.count();
    let mut mechanism = with(CKM_HKDF_DERIVE, &mut parameter);
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
    stage.show(session, key, CKA_CHECK_VALUE);
    stage.show(session, key, CKA_ALWAYS_SENSITIVE);
}

/// Keys that must not leave the token, and one that may.
fn wrap(stage: &Stage, session: CK_SESSION_HANDLE) {
    let wrappers = [aes(), aes().bool(CKA_WRAP, false)];
    let keys = [
        aes(),
        aes().bool(CKA_EXTRACTABLE, false),
        aes().bool(CKA_WRAP_WITH_TRUSTED, true),
    ];
    for (wrapper, key) in wrappers
        .iter()
        .flat_map(|one| keys.iter().map(move |key| (one, key)))
    {
        let (wrapper, key) = (stage.create(session, wrapper), stage.create(session, key));
        let mut mechanism = plain(CKM_AES_KEY_WRAP);
        let (mut wrapped, mut length) = ([0; 64], 64);
        let place = wrapped.as_mut_ptr();
        play!(
            stage,
            C_WrapKey(session, &mut mechanism, wrapper, key, place, &mut length)
        );
        stage.say(format_args!("{length} bytes, {wrapped:02x?}"));
    }
}

/// Keys under GCM with counted nonces, and one that was altered on its way.
fn seal(stage: &Stage, session: CK_SESSION_HANDLE) {
    let (wrapper, key) = (stage.create(session, &aes()), stage.create(session, &aes()));
    let (mut iv, mut wrapped) = ([0u8; 12], [0u8; 32]);
    let mut parameter = CK_GCM_WRAP_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvFixedBits: 0,
        ivGenerator: CKG_GENERATE_COUNTER,
        pAAD: null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    };
    let mut mechanism = with(CKM_AES_GCM, &mut parameter);
    for _ in 0..2 {
        let (place, mut length) = (wrapped.as_mut_ptr(), 32);
        play!(
            stage,
            C_WrapKey(session, &mut mechanism, wrapper, key, place, &mut length)
        );
        stage.say(format_args!("nonce {iv:02x?} {wrapped:02x?}"));
    }
    wrapped[31] ^= 1;
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES);
    let (mut list, mut copy) = (template.list(), 0);
    let (count, place) = (list.count(), wrapped.as_mut_ptr());
    play!(
        stage,
        C_UnwrapKey(
            session,
            &mut mechanism,
            wrapper,
            place,
            32,
            list.pointer(),
            count,
            &mut copy
        )
    );
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
    play!(stage, C_MessageDecryptFinal(session));
    play!(stage, C_MessageEncryptInit(session, &mut mechanism, key));
    let mut raw = gcm.raw(CKG_NO_GENERATE);
    values::sealed_parts(&stage, session, (from_mut(&mut raw).cast(), SIZE));
    play!(stage, C_MessageEncryptFinal(session));
    values::signed_parts(&stage, session);
}
