//! Messages under AES-GCM: tags, parts, nonces that the token makes, and parameters that are wrong.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::calls::cipher;
use super::support::{SLOT, hex, plain, with};
use super::{AAD, CIPHERTEXT, Gcm, IV, PLAINTEXT, SIZE, Setting, TAG};

#[test]
fn messages_of_one_piece_have_their_tags_apart() {
    let setting = Setting::new();
    setting.start(true);
    let mut gcm = Gcm::given();
    for _ in 0..2 {
        let (rv, _, out) = setting.whole(true, &mut gcm, &hex(PLAINTEXT), Some(60));
        assert_eq!((rv, out), (CKR_OK, hex(CIPHERTEXT)));
        assert_eq!((gcm.tag[..].to_vec(), gcm.iv.clone()), (hex(TAG), hex(IV)));
    }
    let rv = call!(setting.token, C_MessageEncryptFinal(setting.session));
    assert_eq!(rv, CKR_OK);
    let over = setting.whole(true, &mut gcm, b"", Some(16)).0;
    assert_eq!(over, CKR_OPERATION_NOT_INITIALIZED);
    setting.start(false);
    let (rv, _, out) = setting.whole(false, &mut gcm, &hex(CIPHERTEXT), Some(60));
    assert_eq!((rv, out), (CKR_OK, hex(PLAINTEXT)));
    // The process goes on after a forgery.
    gcm.tag[3] ^= 1;
    let (rv, ..) = setting.whole(false, &mut gcm, &hex(CIPHERTEXT), Some(60));
    assert_eq!(rv, CKR_AEAD_DECRYPT_FAILED);
    gcm.tag[3] ^= 1;
    let (rv, ..) = setting.whole(false, &mut gcm, &hex(CIPHERTEXT), Some(60));
    assert_eq!(rv, CKR_OK);
    let rv = call!(setting.token, C_MessageDecryptFinal(setting.session));
    assert_eq!(rv, CKR_OK);
}

#[test]
fn messages_in_parts_give_the_tag_with_the_last_and_plaintext_not_before_it() {
    let setting = Setting::new();
    setting.start(true);
    let (mut gcm, plaintext) = (Gcm::given(), hex(PLAINTEXT));
    let next = |gcm: &mut Gcm, data: &[u8], how| setting.next(true, gcm, data, how);
    assert_eq!(
        next(&mut gcm, b"", (16, 0)).0,
        CKR_OPERATION_NOT_INITIALIZED
    );
    assert_eq!(setting.begin(true, &mut gcm), CKR_OK);
    assert_eq!(setting.begin(true, &mut gcm), CKR_OPERATION_ACTIVE);
    let whole = setting.whole(true, &mut gcm, b"", Some(16)).0;
    assert_eq!(whole, CKR_OPERATION_ACTIVE);
    let rv = call!(setting.token, C_MessageEncryptFinal(setting.session));
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
    let (rv, length, _) = next(&mut gcm, &plaintext[..20], (19, 0));
    assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, 20));
    let (rv, _, mut sealed) = next(&mut gcm, &plaintext[..20], (20, 0));
    assert_eq!((rv, gcm.tag), (CKR_OK, [0; 16]));
    let (rv, length, _) = next(&mut gcm, &plaintext[20..], (3, CKF_END_OF_MESSAGE));
    assert_eq!((rv, length, gcm.tag), (CKR_BUFFER_TOO_SMALL, 40, [0; 16]));
    let (rv, _, rest) = next(&mut gcm, &plaintext[20..], (40, CKF_END_OF_MESSAGE));
    sealed.extend(rest);
    assert_eq!((rv, sealed), (CKR_OK, hex(CIPHERTEXT)));
    assert_eq!(gcm.tag[..], hex(TAG));
    assert_eq!(
        next(&mut gcm, b"", (16, 0)).0,
        CKR_OPERATION_NOT_INITIALIZED
    );
    let rv = call!(
        setting.token,
        C_MessageEncryptInit(setting.session, null_mut(), 0)
    );
    assert_eq!(rv, CKR_OK);

    setting.start(false);
    let ciphertext = hex(CIPHERTEXT);
    for damage in [0, 1] {
        gcm.tag[0] ^= damage;
        assert_eq!(setting.begin(false, &mut gcm), CKR_OK);
        let (rv, length, _) = setting.next(false, &mut gcm, &ciphertext[..33], (64, 0));
        assert_eq!((rv, length), (CKR_OK, 0));
        let last = &ciphertext[33..];
        let (rv, length, _) = setting.next(false, &mut gcm, last, (59, CKF_END_OF_MESSAGE));
        assert_eq!((rv, length), (CKR_BUFFER_TOO_SMALL, 60));
        let (rv, _, out) = setting.next(false, &mut gcm, last, (60, CKF_END_OF_MESSAGE));
        match damage {
            0 => assert_eq!((rv, out), (CKR_OK, plaintext.clone())),
            _ => assert_eq!((rv, out), (CKR_AEAD_DECRYPT_FAILED, vec![0; 60])),
        }
    }
}

#[test]
fn generated_nonces_are_given_back_and_questions_for_a_length_take_none() {
    let setting = Setting::new();
    setting.start(true);
    let mut gcm = Gcm::generated(&[9; 12], CKG_GENERATE_COUNTER, 32);
    let ask = |gcm: &mut Gcm, room| setting.whole(true, gcm, b"data", room);
    assert_eq!(ask(&mut gcm, None).1, 4);
    assert_eq!(ask(&mut gcm, Some(3)).0, CKR_BUFFER_TOO_SMALL);
    gcm.tag_bits = 127;
    assert_eq!(ask(&mut gcm, Some(4)).0, CKR_MECHANISM_PARAM_INVALID);
    gcm.tag_bits = 128;
    assert_eq!(gcm.iv, [9; 12]);
    let (rv, _, first) = ask(&mut gcm, Some(4));
    assert_eq!(
        (rv, &gcm.iv[..]),
        (CKR_OK, &hex("090909090000000000000000")[..])
    );
    // The ordinary function seals the same under the nonce that came back.
    let aad = hex(AAD);
    let mut parameter = CK_GCM_PARAMS {
        pIv: gcm.iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: input!(aad),
        ulAADLen: aad.len() as CK_ULONG,
        ulTagBits: 128,
    };
    let sealed = [first, gcm.tag.to_vec()].concat();
    // A message in parts takes its nonce with its beginning.
    assert_eq!(setting.begin(true, &mut gcm), CKR_OK);
    assert_eq!(gcm.iv[4..], hex("0000000000000001"));
    let (rv, ..) = setting.next(true, &mut gcm, b"data", (4, CKF_END_OF_MESSAGE));
    assert_eq!(rv, CKR_OK);
    assert_eq!(gcm.iv[4..], hex("0000000000000001"));
    let rv = call!(setting.token, C_MessageEncryptFinal(setting.session));
    assert_eq!(rv, CKR_OK);
    let mut iv = hex("090909090000000000000000");
    parameter.pIv = iv.as_mut_ptr();
    let same = cipher(
        &setting.token,
        setting.session,
        with(CKM_AES_GCM, &mut parameter),
        setting.key,
        (true, b"data"),
    );
    assert_eq!(same.unwrap(), sealed);
    setting.start(true);
    for generator in [CKG_GENERATE, CKG_GENERATE_RANDOM] {
        let mut gcm = Gcm::generated(&[9; 12], generator, 32);
        let mut seen = Vec::new();
        for _ in 0..3 {
            assert_eq!(setting.whole(true, &mut gcm, b"data", Some(4)).0, CKR_OK);
            assert_eq!(gcm.iv[..4], [9; 4]);
            assert!(!seen.contains(&gcm.iv));
            seen.push(gcm.iv.clone());
        }
    }
}

#[test]
fn parameters_of_messages_are_judged_without_ending_the_process() {
    let setting = Setting::new();
    setting.start(true);
    let s = setting.session;
    let (mut out, mut length) = ([0u8; 16], 16);
    let p = out.as_mut_ptr();
    let mut go = |parameter, size| {
        call!(
            setting.token,
            C_EncryptMessage(
                s,
                parameter,
                size,
                null_mut(),
                0,
                null_mut(),
                0,
                p,
                &mut length
            )
        )
    };
    assert_eq!(go(null_mut(), 0), CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(go(null_mut(), SIZE), CKR_MECHANISM_PARAM_INVALID);
    let mut gcm = Gcm::given();
    let mut raw = gcm.raw();
    assert_eq!(
        go((&raw mut raw).cast(), SIZE - 1),
        CKR_MECHANISM_PARAM_INVALID
    );
    raw.pTag = null_mut();
    assert_eq!(go((&raw mut raw).cast(), SIZE), CKR_MECHANISM_PARAM_INVALID);
    raw = gcm.raw();
    raw.ulTagBits = CK_ULONG::MAX;
    assert_eq!(go((&raw mut raw).cast(), SIZE), CKR_MECHANISM_PARAM_INVALID);
    raw = gcm.raw();
    raw.ulIvLen = CK_ULONG::MAX;
    assert_eq!(go((&raw mut raw).cast(), SIZE), CKR_MECHANISM_PARAM_INVALID);
    raw = gcm.raw();
    let rv = call!(
        setting.token,
        C_EncryptMessageBegin(s, (&raw mut raw).cast(), SIZE, null_mut(), 4)
    );
    assert_eq!(rv, CKR_MECHANISM_PARAM_INVALID);
    assert_eq!(go((&raw mut raw).cast(), SIZE), CKR_OK);
    // A part with bad arguments ends its message.
    assert_eq!(setting.begin(true, &mut gcm), CKR_OK);
    assert_eq!(
        setting.next(true, &mut gcm, b"x", (1, 2)).0,
        CKR_ARGUMENTS_BAD
    );
    let gone = setting.next(true, &mut gcm, b"x", (1, 0)).0;
    assert_eq!(gone, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(setting.whole(true, &mut gcm, b"x", Some(1)).0, CKR_OK);
    // Mechanisms without messages, and other operations.
    let rv = call!(
        setting.token,
        C_MessageDecryptInit(s, &mut plain(CKM_AES_GCM), setting.key)
    );
    assert_eq!(rv, CKR_OPERATION_ACTIVE);
    assert_eq!(
        call!(setting.token, C_SessionCancel(s, CKF_MESSAGE_ENCRYPT)),
        CKR_OK
    );
    let mut ecb = plain(CKM_AES_ECB);
    let rv = call!(
        setting.token,
        C_MessageDecryptInit(s, &mut ecb, setting.key)
    );
    assert_eq!(rv, CKR_MECHANISM_INVALID);
    let mut info = CK_MECHANISM_INFO::default();
    let rv = call!(
        setting.token,
        C_GetMechanismInfo(SLOT, CKM_AES_GCM, &mut info)
    );
    let messages = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
    assert_eq!((rv, info.flags & messages), (CKR_OK, messages));
}
