//! Key pairs: generation, signatures and encapsulation.
#![allow(unsafe_code, reason = "makes raw calls of a module")]

use cryptoki_sys::*;

use super::call::{Mechanism, Template, done};
use super::module::{Module, Session};
use super::subject::Act;

/// A key pair of a kind, and what signs with it.
pub(crate) struct Pair {
    generate: CK_MECHANISM_TYPE,
    public: Template,
    private: Template,
    mechanism: Mechanism,
}

fn signing(generate: CK_MECHANISM_TYPE, mechanism: CK_MECHANISM_TYPE) -> Pair {
    Pair {
        generate,
        public: Template::new().yes(CKA_VERIFY).no(CKA_TOKEN),
        private: Template::new().yes(CKA_SIGN).no(CKA_TOKEN),
        mechanism: Mechanism::Plain(mechanism),
    }
}

pub(crate) fn rsa(bits: CK_ULONG) -> Pair {
    let pair = signing(CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS);
    let public = pair.public.number(CKA_MODULUS_BITS, bits);
    let public = public.bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    Pair { public, ..pair }
}

pub(crate) fn p256() -> Pair {
    let curve = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let pair = signing(CKM_EC_KEY_PAIR_GEN, CKM_ECDSA);
    let public = pair.public.bytes(CKA_EC_PARAMS, &curve);
    Pair { public, ..pair }
}

pub(crate) fn ed25519() -> Pair {
    let pair = signing(CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA);
    let public = pair.public.bytes(CKA_EC_PARAMS, &[6, 3, 0x2b, 0x65, 0x70]);
    Pair { public, ..pair }
}

pub(crate) fn ml_dsa() -> Pair {
    let pair = signing(CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA);
    let public = pair.public.number(CKA_PARAMETER_SET, CKP_ML_DSA_65);
    Pair { public, ..pair }
}

pub(crate) fn ml_kem() -> Pair {
    let public = Template::new().yes(CKA_ENCAPSULATE).no(CKA_TOKEN);
    Pair {
        generate: CKM_ML_KEM_KEY_PAIR_GEN,
        public: public.number(CKA_PARAMETER_SET, CKP_ML_KEM_768),
        private: Template::new().yes(CKA_DECAPSULATE).no(CKA_TOKEN),
        mechanism: Mechanism::Plain(CKM_ML_KEM),
    }
}

/// What is signed: as long as the digest that CKM_ECDSA takes.
const MESSAGE: [u8; 32] = [7; 32];
/// Room for any signature.
const ROOM: usize = 8192;

fn sign_once(
    session: &Session,
    mechanism: &mut Mechanism,
    key: CK_OBJECT_HANDLE,
    signature: &mut [u8],
) -> usize {
    let (list, handle, mut message) = (session.list(), session.handle(), MESSAGE);
    let rv = mechanism.with(|mechanism| call!(list, C_SignInit(handle, mechanism, key)));
    assert_eq!(rv, CKR_OK);
    let mut written = signature.len() as CK_ULONG;
    let rv = call!(
        list,
        C_Sign(
            handle,
            message.as_mut_ptr(),
            32,
            signature.as_mut_ptr(),
            &mut written
        )
    );
    assert_eq!(rv, CKR_OK);
    written as usize
}

pub(crate) fn sign(module: &Module, mut pair: Pair) -> Option<Act> {
    let session = module.session()?;
    let (_, private) = session.pair(pair.generate, &mut pair.public, &mut pair.private)?;
    let mut signature = vec![0; ROOM];
    Some(Box::new(move || {
        sign_once(&session, &mut pair.mechanism, private, &mut signature);
    }))
}

pub(crate) fn verify(module: &Module, mut pair: Pair) -> Option<Act> {
    let session = module.session()?;
    let (public, private) = session.pair(pair.generate, &mut pair.public, &mut pair.private)?;
    let mut signature = vec![0; ROOM];
    let length = sign_once(&session, &mut pair.mechanism, private, &mut signature);
    signature.truncate(length);
    Some(Box::new(move || {
        let (list, handle, mut message) = (session.list(), session.handle(), MESSAGE);
        let mechanism = &mut pair.mechanism;
        let rv = mechanism.with(|mechanism| call!(list, C_VerifyInit(handle, mechanism, public)));
        assert_eq!(rv, CKR_OK);
        let (input, count) = (signature.as_mut_ptr(), signature.len() as CK_ULONG);
        let rv = call!(
            list,
            C_Verify(handle, message.as_mut_ptr(), 32, input, count)
        );
        assert_eq!(rv, CKR_OK);
    }))
}

pub(crate) fn generate(module: &Module, mut pair: Pair) -> Option<Act> {
    let session = module.session()?;
    Some(Box::new(move || {
        let keys = session.pair(pair.generate, &mut pair.public, &mut pair.private);
        let (public, private) = keys.expect("a key pair");
        assert_eq!(session.destroy(public), CKR_OK);
        assert_eq!(session.destroy(private), CKR_OK);
    }))
}

/// The secret that both sides get.
fn secret() -> Template {
    Template::new()
        .number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .number(CKA_VALUE_LEN, 32)
        .no(CKA_TOKEN)
}

/// Encapsulates once and forgets the secret; gives the length of the ciphertext.
fn encapsulate_once(
    session: &Session,
    mechanism: &mut Mechanism,
    public: CK_OBJECT_HANDLE,
    ciphertext: &mut [u8],
) -> Option<usize> {
    let (mut template, mut key) = (secret(), 0);
    let (mut array, mut written) = (template.array(), ciphertext.len() as CK_ULONG);
    let (list, handle, count) = (session.list(), session.handle(), array.len() as CK_ULONG);
    done(mechanism.with(|mechanism| {
        call!(
            list,
            C_EncapsulateKey(
                handle,
                mechanism,
                public,
                array.as_mut_ptr(),
                count,
                ciphertext.as_mut_ptr(),
                &mut written,
                &mut key,
            )
        )
    }))?;
    done(session.destroy(key))?;
    Some(written as usize)
}

pub(crate) fn encapsulate(module: &Module, mut pair: Pair) -> Option<Act> {
    let session = module.session()?;
    let (public, _) = session.pair(pair.generate, &mut pair.public, &mut pair.private)?;
    let mut ciphertext = vec![0; ROOM];
    encapsulate_once(&session, &mut pair.mechanism, public, &mut ciphertext)?;
    Some(Box::new(move || {
        let mechanism = &mut pair.mechanism;
        let length = encapsulate_once(&session, mechanism, public, &mut ciphertext);
        length.expect("a ciphertext");
    }))
}

pub(crate) fn decapsulate(module: &Module, mut pair: Pair) -> Option<Act> {
    let session = module.session()?;
    let (public, private) = session.pair(pair.generate, &mut pair.public, &mut pair.private)?;
    let mut ciphertext = vec![0; ROOM];
    let length = encapsulate_once(&session, &mut pair.mechanism, public, &mut ciphertext)?;
    ciphertext.truncate(length);
    let mut template = secret();
    Some(Box::new(move || {
        let (mut array, mut key) = (template.array(), 0);
        let (list, handle, count) = (session.list(), session.handle(), array.len() as CK_ULONG);
        let rv = pair.mechanism.with(|mechanism| {
            call!(
                list,
                C_DecapsulateKey(
                    handle,
                    mechanism,
                    private,
                    array.as_mut_ptr(),
                    count,
                    ciphertext.as_mut_ptr(),
                    ciphertext.len() as CK_ULONG,
                    &mut key,
                )
            )
        });
        assert_eq!(rv, CKR_OK);
        assert_eq!(session.destroy(key), CKR_OK);
    }))
}
