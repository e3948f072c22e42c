//! Messages under the other ciphers are sealed as their ordinary functions seal.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::support::calls::cipher;
use super::support::{Attributes, hex, plain, with};
use super::{AAD, Setting};

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
