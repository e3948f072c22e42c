//! Message-based functions: sections 5.9, 5.11, 5.14 and 5.16. Here is the setting
//! in which messages are sealed with AES-GCM and opened.

#![allow(unsafe_code, reason = "the token is called through its C functions")]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod gcm;
mod likeness;
mod signatures;

use std::ptr::null_mut;

use cryptoki_sys::*;
use support::{Attributes, Token, hex, plain};

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
