//! Operations made ready: sessions, keys and data, and what is then repeated. Every repetition sees
//! that its calls succeed: errors are often cheap.
#![allow(unsafe_code, reason = "makes raw calls of a module")]

use std::ptr::null_mut;
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use super::call::{Mechanism, Template, done};
use super::module::{Module, Session};

/// What is repeated.
pub(crate) type Act = Box<dyn FnMut() + Send>;

/// The same act for each of some threads.
pub(crate) struct Subjects(Vec<Act>);

impl Subjects {
    pub(crate) fn new(acts: Vec<Act>) -> Self {
        Self(acts)
    }

    /// Repeats, and gives the time that so many repetitions took, whoever made them.
    pub(crate) fn time(&mut self, passes: u64) -> Duration {
        let each = passes.div_ceil(self.0.len() as u64);
        let made = each * self.0.len() as u64;
        let begun = Instant::now();
        match &mut self.0[..] {
            [act] => (0..each).for_each(|_| act()),
            acts => std::thread::scope(|scope| {
                for act in acts {
                    scope.spawn(move || (0..each).for_each(|_| act()));
                }
            }),
        }
        begun.elapsed().mul_f64(passes as f64 / made as f64)
    }
}

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

pub(crate) fn get_info(module: &Module) -> Option<Act> {
    let list = module.list;
    Some(Box::new(move || {
        let mut info = CK_INFO::default();
        assert_eq!(call!(list, C_GetInfo(&mut info)), CKR_OK);
    }))
}

pub(crate) fn open_and_close(module: &Module) -> Option<Act> {
    let (list, slot) = (module.list, module.slot);
    Some(Box::new(move || {
        let mut session = 0;
        let rv = call!(
            list,
            C_OpenSession(slot, CKF_SERIAL_SESSION, null_mut(), None, &mut session)
        );
        assert_eq!(rv, CKR_OK);
        assert_eq!(call!(list, C_CloseSession(session)), CKR_OK);
    }))
}

/// A data object.
fn data(label: &str, on_token: bool) -> Template {
    let template = Template::new()
        .number(CKA_CLASS, CKO_DATA)
        .no(CKA_PRIVATE)
        .bytes(CKA_LABEL, label.as_bytes())
        .bytes(CKA_VALUE, &[7; 32]);
    match on_token {
        true => template.yes(CKA_TOKEN),
        false => template.no(CKA_TOKEN),
    }
}

pub(crate) fn get_attribute(module: &Module) -> Option<Act> {
    let session = module.session()?;
    let object = session.create(&mut data("measured", false))?;
    Some(Box::new(move || {
        let mut value = [0u8; 32];
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: 32,
        };
        let rv = call!(
            session.list(),
            C_GetAttributeValue(session.handle(), object, &mut attribute, 1)
        );
        assert_eq!((rv, attribute.ulValueLen), (CKR_OK, 8));
    }))
}

pub(crate) fn find(module: &Module, count: usize) -> Option<Act> {
    let session = module.session()?;
    for number in 0..count {
        session.create(&mut data(&format!("object {number}"), false))?;
    }
    let mut wanted = Template::new().bytes(CKA_LABEL, format!("object {}", count / 2).as_bytes());
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let mut array = wanted.array();
        let (mut found, mut objects) = (0, [0; 2]);
        let rv = call!(list, C_FindObjectsInit(handle, array.as_mut_ptr(), 1));
        assert_eq!(rv, CKR_OK);
        let rv = call!(
            list,
            C_FindObjects(handle, objects.as_mut_ptr(), 2, &mut found)
        );
        assert_eq!((rv, found), (CKR_OK, 1));
        assert_eq!(call!(list, C_FindObjectsFinal(handle)), CKR_OK);
    }))
}

pub(crate) fn create(module: &Module, on_token: bool) -> Option<Act> {
    let session = module.session()?;
    let mut template = data("passing", on_token);
    Some(Box::new(move || {
        let object = session.create(&mut template).expect("an object");
        assert_eq!(session.destroy(object), CKR_OK);
    }))
}

pub(crate) fn digest(module: &Module, length: usize) -> Option<Act> {
    let session = module.session()?;
    let (mut mechanism, mut data) = (Mechanism::Plain(CKM_SHA256), vec![7; length]);
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let (mut digest, mut written) = ([0; 32], 32);
        let rv = mechanism.with(|mechanism| call!(list, C_DigestInit(handle, mechanism)));
        assert_eq!(rv, CKR_OK);
        let (input, length) = (data.as_mut_ptr(), data.len() as CK_ULONG);
        let rv = call!(
            list,
            C_Digest(handle, input, length, digest.as_mut_ptr(), &mut written)
        );
        assert_eq!((rv, written), (CKR_OK, 32));
    }))
}

fn aes_key(session: &Session) -> Option<CK_OBJECT_HANDLE> {
    let mut template = Template::new()
        .number(CKA_VALUE_LEN, 32)
        .no(CKA_TOKEN)
        .yes(CKA_ENCRYPT)
        .yes(CKA_DECRYPT);
    session.key(CKM_AES_KEY_GEN, &mut template)
}

/// Encrypts once; gives the length of the ciphertext.
fn encrypt_once(
    session: &Session,
    mechanism: &mut Mechanism,
    key: CK_OBJECT_HANDLE,
    data: &mut [u8],
    output: &mut [u8],
) -> usize {
    let (list, handle) = (session.list(), session.handle());
    let rv = mechanism.with(|mechanism| call!(list, C_EncryptInit(handle, mechanism, key)));
    assert_eq!(rv, CKR_OK);
    let (input, length) = (data.as_mut_ptr(), data.len() as CK_ULONG);
    let mut written = output.len() as CK_ULONG;
    let rv = call!(
        list,
        C_Encrypt(handle, input, length, output.as_mut_ptr(), &mut written)
    );
    assert_eq!(rv, CKR_OK);
    written as usize
}

pub(crate) fn encrypt(module: &Module, mut mechanism: Mechanism, length: usize) -> Option<Act> {
    let session = module.session()?;
    let key = aes_key(&session)?;
    let (mut data, mut output) = (vec![7; length], vec![0; length + 32]);
    Some(Box::new(move || {
        let written = encrypt_once(&session, &mut mechanism, key, &mut data, &mut output);
        assert!(written >= length);
    }))
}

pub(crate) fn decrypt(module: &Module, mut mechanism: Mechanism, length: usize) -> Option<Act> {
    let session = module.session()?;
    let key = aes_key(&session)?;
    let mut sealed = vec![0; length + 32];
    let written = encrypt_once(
        &session,
        &mut mechanism,
        key,
        &mut vec![7; length],
        &mut sealed,
    );
    sealed.truncate(written);
    let mut output = vec![0; length + 32];
    Some(Box::new(move || {
        let (list, handle) = (session.list(), session.handle());
        let rv = mechanism.with(|mechanism| call!(list, C_DecryptInit(handle, mechanism, key)));
        assert_eq!(rv, CKR_OK);
        let (input, count) = (sealed.as_mut_ptr(), sealed.len() as CK_ULONG);
        let mut written = output.len() as CK_ULONG;
        let rv = call!(
            list,
            C_Decrypt(handle, input, count, output.as_mut_ptr(), &mut written)
        );
        assert_eq!((rv, written as usize), (CKR_OK, length));
    }))
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
