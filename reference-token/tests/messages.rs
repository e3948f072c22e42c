//! Message-based functions: sections 5.9, 5.11, 5.14 and 5.16.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
mod support;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::calls::{cipher, sign};
use support::{
    Attributes, SLOT, Token, USER_PIN, hex, plain, rsa_2048, rsa_private, rsa_public, with,
};

/// Test case 4 of the GCM specification (McGrew and Viega).
const KEY: &str = "feffe9928665731c6d6a8f9467308308";
const IV: &str = "cafebabefacedbaddecaf888";
const AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
                         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
const CIPHERTEXT: &str = "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
                          21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091";
const TAG: &str = "5bc94fbc3221a5db94fae95ae7121a47";
const SIZE: CK_ULONG = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;

struct Setting {
    token: Token,
    session: CK_SESSION_HANDLE,
    key: CK_OBJECT_HANDLE,
}

/// What one call gave: its code, the length and the output.
type Answer = (CK_RV, CK_ULONG, Vec<u8>);

/// A message's own parameter and its places.
struct Gcm {
    iv: Vec<u8>,
    tag: [u8; 16],
    generator: CK_GENERATOR_FUNCTION,
    fixed: CK_ULONG,
    tag_bits: CK_ULONG,
}

impl Gcm {
    fn given() -> Gcm {
        Gcm::generated(&hex(IV), CKG_NO_GENERATE, 0)
    }

    fn generated(iv: &[u8], generator: CK_GENERATOR_FUNCTION, fixed: CK_ULONG) -> Gcm {
        Gcm {
            iv: iv.to_vec(),
            tag: [0; 16],
            generator,
            fixed,
            tag_bits: 128,
        }
    }

    fn raw(&mut self) -> CK_GCM_MESSAGE_PARAMS {
        CK_GCM_MESSAGE_PARAMS {
            pIv: self.iv.as_mut_ptr(),
            ulIvLen: self.iv.len() as CK_ULONG,
            ulIvFixedBits: self.fixed,
            ivGenerator: self.generator,
            pTag: self.tag.as_mut_ptr(),
            ulTagBits: self.tag_bits,
        }
    }
}

impl Setting {
    fn new() -> Setting {
        let token = Token::fresh();
        let session = token.user_session();
        let template = Attributes::new()
            .ulong(CKA_CLASS, CKO_SECRET_KEY)
            .ulong(CKA_KEY_TYPE, CKK_AES)
            .bytes(CKA_VALUE, hex(KEY))
            .bool(CKA_ENCRYPT, true)
            .bool(CKA_DECRYPT, true)
            .bool(CKA_SIGN, true);
        let key = token.create(session, &template).unwrap();
        Setting {
            token,
            session,
            key,
        }
    }

    fn start(&self, encrypting: bool) {
        let mut mechanism = plain(CKM_AES_GCM);
        let rv = match encrypting {
            true => call!(
                self.token,
                C_MessageEncryptInit(self.session, &mut mechanism, self.key)
            ),
            false => call!(
                self.token,
                C_MessageDecryptInit(self.session, &mut mechanism, self.key)
            ),
        };
        assert_eq!(rv, CKR_OK);
    }

    fn whole(&self, encrypting: bool, gcm: &mut Gcm, data: &[u8], room: Option<usize>) -> Answer {
        let (mut raw, aad) = (gcm.raw(), hex(AAD));
        let p = (&raw mut raw).cast();
        let mut out = vec![0; room.unwrap_or(0)];
        let out_p = room.map_or(null_mut(), |_| out.as_mut_ptr());
        let (count, mut length) = (data.len() as CK_ULONG, out.len() as CK_ULONG);
        let (s, aad_p, aad_n) = (self.session, input!(aad), aad.len() as CK_ULONG);
        let data = input!(data);
        let rv = match encrypting {
            true => call!(
                self.token,
                C_EncryptMessage(s, p, SIZE, aad_p, aad_n, data, count, out_p, &mut length)
            ),
            false => call!(
                self.token,
                C_DecryptMessage(s, p, SIZE, aad_p, aad_n, data, count, out_p, &mut length)
            ),
        };
        out.truncate(length as usize);
        (rv, length, out)
    }

    fn begin(&self, encrypting: bool, gcm: &mut Gcm) -> CK_RV {
        let (mut raw, aad) = (gcm.raw(), hex(AAD));
        let p = (&raw mut raw).cast();
        let (s, aad_p, aad_n) = (self.session, input!(aad), aad.len() as CK_ULONG);
        match encrypting {
            true => call!(self.token, C_EncryptMessageBegin(s, p, SIZE, aad_p, aad_n)),
            false => call!(self.token, C_DecryptMessageBegin(s, p, SIZE, aad_p, aad_n)),
        }
    }

    fn next(
        &self,
        encrypting: bool,
        gcm: &mut Gcm,
        data: &[u8],
        (room, flags): (usize, CK_FLAGS),
    ) -> Answer {
        let mut raw = gcm.raw();
        let p = (&raw mut raw).cast();
        let mut out = vec![0; room];
        let out_p = out.as_mut_ptr();
        let (s, n, mut length) = (self.session, data.len() as CK_ULONG, room as CK_ULONG);
        let data = input!(data);
        let rv = match encrypting {
            true => call!(
                self.token,
                C_EncryptMessageNext(s, p, SIZE, data, n, out_p, &mut length, flags)
            ),
            false => call!(
                self.token,
                C_DecryptMessageNext(s, p, SIZE, data, n, out_p, &mut length, flags)
            ),
        };
        out.truncate(length as usize);
        (rv, length, out)
    }
}

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

const MESSAGE: &[u8] = rsa_2048::MESSAGE;

#[test]
fn messages_are_signed_and_verified_whole_and_in_parts() {
    let token = Token::fresh();
    let s = token.user_session();
    let private = token.create(s, &rsa_private()).unwrap();
    let public = token.create(s, &rsa_public()).unwrap();
    let expected = hex(rsa_2048::PKCS1_SIGNATURE);
    let mut mechanism = plain(CKM_SHA256_RSA_PKCS);
    let rv = call!(token, C_MessageSignInit(s, &mut mechanism, private));
    assert_eq!(rv, CKR_OK);
    let mut out = [0u8; 256];
    let (p, n) = (out.as_mut_ptr(), MESSAGE.len() as CK_ULONG);
    let data = input!(MESSAGE);
    for (room, rv) in [(255, CKR_BUFFER_TOO_SMALL), (256, CKR_OK), (256, CKR_OK)] {
        let mut length = room;
        let got = call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, n, p, &mut length)
        );
        assert_eq!((got, length), (rv, 256));
    }
    assert_eq!(out[..], expected);
    out = [0; 256];
    let next = |data: &[u8], length: Option<&mut CK_ULONG>| {
        let n = data.len() as CK_ULONG;
        let length = length.map_or(null_mut(), std::ptr::from_mut);
        call!(
            token,
            C_SignMessageNext(s, null_mut(), 0, input!(data), n, p, length)
        )
    };
    assert_eq!(next(b"", None), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(call!(token, C_SignMessageBegin(s, null_mut(), 0)), CKR_OK);
    assert_eq!(next(&MESSAGE[..4], None), CKR_OK);
    let mut length = 3;
    assert_eq!(next(&MESSAGE[4..], Some(&mut length)), CKR_BUFFER_TOO_SMALL);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OPERATION_ACTIVE);
    assert_eq!(next(&MESSAGE[4..], Some(&mut length)), CKR_OK);
    assert_eq!(out[..], expected);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OK);

    let rv = call!(token, C_MessageVerifyInit(s, &mut mechanism, public));
    assert_eq!(rv, CKR_OK);
    let mut bad = out;
    bad[9] ^= 1;
    for (signature, length, rv) in [
        (&out, 256, CKR_OK),
        (&bad, 256, CKR_SIGNATURE_INVALID),
        (&out, 255, CKR_SIGNATURE_LEN_RANGE),
    ] {
        let p = input!(signature);
        let got = call!(token, C_VerifyMessage(s, null_mut(), 0, data, n, p, length));
        assert_eq!(got, rv);
        let more = |data: &[u8], p| {
            let n = data.len() as CK_ULONG;
            call!(
                token,
                C_VerifyMessageNext(s, null_mut(), 0, input!(data), n, p, length)
            )
        };
        assert_eq!(call!(token, C_VerifyMessageBegin(s, null_mut(), 0)), CKR_OK);
        assert_eq!(more(&MESSAGE[..7], null_mut()), CKR_OK);
        assert_eq!(more(&MESSAGE[7..], p), rv);
        assert_eq!(more(b"", p), CKR_OPERATION_NOT_INITIALIZED);
    }
    assert_eq!(call!(token, C_MessageVerifyFinal(s)), CKR_OK);
    let rv = call!(token, C_MessageVerifyFinal(s));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn each_message_of_a_key_that_always_authenticates_waits_for_the_pin() {
    let token = Token::fresh();
    let s = token.user_session();
    let template = rsa_private().bool(CKA_ALWAYS_AUTHENTICATE, true);
    let key = token.create(s, &template).unwrap();
    let mut mechanism = plain(CKM_RSA_PKCS);
    let rv = call!(token, C_MessageSignInit(s, &mut mechanism, key));
    assert_eq!(rv, CKR_OK);
    let (mut out, mut length) = ([0u8; 256], 256);
    let p = out.as_mut_ptr();
    let mut go = || {
        let (data, n) = (input!(MESSAGE), MESSAGE.len() as CK_ULONG);
        call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, n, p, &mut length)
        )
    };
    for _ in 0..2 {
        assert_eq!(go(), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
        assert_eq!(go(), CKR_OK);
    }
    // Section 4.10: the PIN lasts until the signature has come to be, or has failed.
    assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
    let fails = || {
        let data = [0u8; 246];
        let data = input!(data);
        let mut length = 256;
        call!(
            token,
            C_SignMessage(s, null_mut(), 0, data, 246, p, &mut length)
        )
    };
    assert_eq!(fails(), CKR_DATA_LEN_RANGE);
    assert_eq!(fails(), CKR_USER_NOT_LOGGED_IN);
    // The mechanism takes no message in parts.
    assert_eq!(token.login(s, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OK);
    let rv = call!(token, C_SignMessageBegin(s, null_mut(), 0));
    assert_eq!(rv, CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(go(), CKR_OK);
    assert_eq!(call!(token, C_MessageSignFinal(s)), CKR_OK);
    let again = rsa_private();
    let key = token.create(s, &again).unwrap();
    let same = sign(&token, s, plain(CKM_RSA_PKCS), key, MESSAGE).unwrap();
    assert_eq!(out[..], same);
}

/// Longer than a block of any cipher there is.
const LETTER: &[u8] = b"a letter of more than one block of any cipher there is, with an end";

/// Seals and opens LETTER with the parameter at `p`, and compares with the ordinary function.
fn seal_and_open(
    setting: &Setting,
    (ordinary, key): (CK_MECHANISM, CK_OBJECT_HANDLE),
    (p, size): (*mut std::ffi::c_void, usize),
    tag: *const [u8; 16],
) {
    let (token, s, aad) = (&setting.token, setting.session, hex(AAD));
    let expected = cipher(token, s, ordinary, key, (true, LETTER)).unwrap();
    let (sealed, mac) = expected.split_at(LETTER.len());
    let (size, n) = (size as CK_ULONG, LETTER.len() as CK_ULONG);
    let (aad_p, aad_n) = (input!(aad), aad.len() as CK_ULONG);
    let mut mechanism = CK_MECHANISM {
        mechanism: ordinary.mechanism,
        pParameter: p,
        ulParameterLen: size,
    };
    let rv = call!(token, C_MessageEncryptInit(s, &mut mechanism, key));
    assert_eq!(rv, CKR_OK);
    let (mut out, mut length) = (vec![0; LETTER.len()], n);
    let o = out.as_mut_ptr();
    let data = input!(LETTER);
    let rv = call!(
        token,
        C_EncryptMessage(s, p, size, aad_p, aad_n, data, n, o, &mut length)
    );
    assert_eq!((rv, &out[..]), (CKR_OK, sealed));
    // SAFETY: the tag is alive in the caller.
    assert_eq!(unsafe { tag.read() }, mac);
    assert_eq!(call!(token, C_MessageEncryptFinal(s)), CKR_OK);
    let rv = call!(token, C_MessageDecryptInit(s, &mut mechanism, key));
    assert_eq!(rv, CKR_OK);
    let rv = call!(token, C_DecryptMessageBegin(s, p, size, aad_p, aad_n));
    assert_eq!(rv, CKR_OK);
    let rv = call!(
        token,
        C_DecryptMessageNext(s, p, size, o, n, o, &mut length, CKF_END_OF_MESSAGE)
    );
    assert_eq!((rv, &out[..]), (CKR_OK, LETTER));
    let rv = call!(
        token,
        C_DecryptMessage(s, p, size, null_mut(), 0, input!(sealed), n, o, &mut length)
    );
    assert_eq!(rv, CKR_AEAD_DECRYPT_FAILED);
    assert_eq!(call!(token, C_MessageDecryptFinal(s)), CKR_OK);
}

#[test]
fn chacha_seals_messages_as_its_ordinary_function_does() {
    let setting = Setting::new();
    let key = Attributes::new()
        .ulong(CKA_CLASS, CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_CHACHA20)
        .bytes(CKA_VALUE, [3; 32]);
    let key = setting.token.create(setting.session, &key).unwrap();
    let (mut nonce, mut tag, aad) = ([8u8; 12], [0u8; 16], hex(AAD));
    let mut ordinary = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 96,
        pAAD: input!(aad),
        ulAADLen: aad.len() as CK_ULONG,
    };
    let mut message = CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS {
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 96,
        pTag: tag.as_mut_ptr(),
    };
    let place = ((&raw mut message).cast(), size_of_val(&message));
    let ordinary = with(CKM_CHACHA20_POLY1305, &mut ordinary);
    seal_and_open(&setting, (ordinary, key), place, &raw const tag);
}

#[test]
fn ccm_seals_messages_as_its_ordinary_function_does_and_holds_them_to_their_length() {
    let setting = Setting::new();
    let (mut nonce, mut tag, aad) = ([8u8; 12], [0u8; 16], hex(AAD));
    let mut ordinary = CK_CCM_PARAMS {
        ulDataLen: LETTER.len() as CK_ULONG,
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 12,
        pAAD: input!(aad),
        ulAADLen: aad.len() as CK_ULONG,
        ulMACLen: 16,
    };
    let mut message = CK_CCM_MESSAGE_PARAMS {
        ulDataLen: LETTER.len() as CK_ULONG,
        pNonce: nonce.as_mut_ptr(),
        ulNonceLen: 12,
        ulNonceFixedBits: 0,
        nonceGenerator: CKG_NO_GENERATE,
        pMAC: tag.as_mut_ptr(),
        ulMACLen: 16,
    };
    let place = ((&raw mut message).cast(), size_of_val(&message));
    let ordinary = with(CKM_AES_CCM, &mut ordinary);
    seal_and_open(&setting, (ordinary, setting.key), place, &raw const tag);
    let (token, s) = (&setting.token, setting.session);
    let mut mechanism = plain(CKM_AES_CCM);
    let rv = call!(token, C_MessageEncryptInit(s, &mut mechanism, setting.key));
    assert_eq!(rv, CKR_OK);
    let (mut out, data, n) = ([0u8; 100], input!(LETTER), LETTER.len() as CK_ULONG);
    for announced in [n - 1, n + 1] {
        message.ulDataLen = announced;
        let (p, size) = ((&raw mut message).cast(), size_of_val(&message) as CK_ULONG);
        let (o, mut length) = (out.as_mut_ptr(), 100);
        let rv = call!(
            token,
            C_EncryptMessage(s, p, size, null_mut(), 0, data, n, o, &mut length)
        );
        assert_eq!((rv, out), (CKR_DATA_LEN_RANGE, [0; 100]));
    }
}
