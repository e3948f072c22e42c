//! Batteries for ciphers, digests and signatures: sections 5.8, 5.10, 5.12, 5.13 and 5.15. What an
//! operation gives is in the transcript unless it is random.

use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::protocols;
use crate::stage::{Stage, aes, secret};
use crate::support::{Attributes, RW, hex, plain, rsa_private, rsa_public, with};

const DATA: &[u8; 64] = b"sixty-four bytes of data, so that they are whole blocks: 5678901";

/// A function of the shape of C_Encrypt, played with a buffer of a length.
macro_rules! transform {
    ($stage:expr, $name:ident, $session:expr, $data:expr, $room:expr) => {{
        let (data, mut output, mut length) = ($data, vec![0u8; 600], $room);
        let (input, count) = (input!(data), data.len() as CK_ULONG);
        let rv = play!(
            $stage,
            $name($session, input, count, output.as_mut_ptr(), &mut length)
        );
        output.truncate(length as usize);
        $stage.say(format_args!("length {length}"));
        if rv == CKR_OK { output } else { Vec::new() }
    }};
}

/// A function of the shape of C_EncryptFinal.
macro_rules! finish {
    ($stage:expr, $name:ident, $session:expr, $room:expr) => {{
        let (mut output, mut length) = (vec![0u8; 600], $room);
        let rv = play!($stage, $name($session, output.as_mut_ptr(), &mut length));
        output.truncate(length as usize);
        $stage.say(format_args!("length {length}"));
        if rv == CKR_OK { output } else { Vec::new() }
    }};
}

/// The length that a single-part function tells.
macro_rules! query {
    ($stage:expr, $name:ident, $session:expr, $data:expr) => {{
        let (data, mut length) = ($data, 0);
        let count = data.len() as CK_ULONG;
        play!(
            $stage,
            $name($session, input!(data), count, null_mut(), &mut length)
        );
        $stage.say(format_args!("length {length}"));
    }};
}

pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) session: CK_SESSION_HANDLE,
}

impl Scene {
    fn new() -> Scene {
        let stage = Stage::ready();
        let session = stage.user(RW);
        Scene { stage, session }
    }

    pub(super) fn create(&self, template: &Attributes) -> CK_OBJECT_HANDLE {
        self.stage.create(self.session, template)
    }

    pub(super) fn say(&self, bytes: &[u8]) {
        self.stage.say(format_args!("{bytes:02x?}"));
    }

    fn encrypt_init(&self, mut mechanism: CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        play!(self.stage, C_EncryptInit(self.session, &mut mechanism, key));
    }

    fn encrypt(&self, mechanism: CK_MECHANISM, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
        self.encrypt_init(mechanism, key);
        transform!(self.stage, C_Encrypt, self.session, data, 600)
    }

    fn decrypt(&self, mut mechanism: CK_MECHANISM, key: CK_OBJECT_HANDLE, data: &[u8]) {
        play!(self.stage, C_DecryptInit(self.session, &mut mechanism, key));
        self.say(&transform!(self.stage, C_Decrypt, self.session, data, 600));
    }

    /// Two parts and the end, shown.
    fn in_parts(&self, mechanism: CK_MECHANISM, key: CK_OBJECT_HANDLE) {
        self.encrypt_init(mechanism, key);
        for part in [&DATA[..16], &DATA[16..48]] {
            self.say(&transform!(
                self.stage,
                C_EncryptUpdate,
                self.session,
                part,
                600
            ));
        }
        self.say(&finish!(self.stage, C_EncryptFinal, self.session, 600));
    }
}

/// An AES mechanism with a vector of one block.
fn block(mechanism: CK_MECHANISM_TYPE, vector: &mut [u8; 16]) -> CK_MECHANISM {
    with(mechanism, vector)
}

fn steps(scene: &Scene, key: CK_OBJECT_HANDLE) {
    let Scene { stage, session } = scene;
    let session = *session;
    let mut vector = [9; 16];
    scene.encrypt_init(block(CKM_AES_CBC, &mut vector), key);
    scene.encrypt_init(block(CKM_AES_CBC, &mut vector), key);
    query!(stage, C_Encrypt, session, DATA);
    transform!(stage, C_Encrypt, session, DATA, 63);
    scene.say(&transform!(stage, C_Encrypt, session, DATA, 64));
    scene.encrypt_init(block(CKM_AES_CBC, &mut vector), key);
    transform!(stage, C_EncryptUpdate, session, DATA, 64);
    transform!(stage, C_Encrypt, session, DATA, 64);
    scene.encrypt_init(block(CKM_AES_CBC, &mut vector), key);
    play!(stage, C_EncryptInit(session, null_mut(), 0));
    scene.encrypt_init(block(CKM_AES_CBC, &mut vector), key);
    play!(stage, C_EncryptInit(session, null_mut(), 0));
    let (mut none, mut mechanism) = (0, block(CKM_AES_CBC, &mut vector));
    play!(stage, C_DecryptInit(session, &mut mechanism, key));
    play!(
        stage,
        C_DecryptUpdate(session, null_mut(), 16, null_mut(), &mut none)
    );
    play!(
        stage,
        C_DecryptUpdate(session, null_mut(), 0, null_mut(), &mut none)
    );
    play!(stage, C_SessionCancel(session, CK_FLAGS::MAX));
}

fn keys(scene: &Scene) {
    let mut vector = [9; 16];
    let generic = secret(CKK_GENERIC_SECRET, &[3; 16]);
    for template in [
        aes().bool(CKA_ENCRYPT, false),
        generic.bool(CKA_ENCRYPT, true),
        aes().bytes(CKA_ALLOWED_MECHANISMS, CKM_AES_ECB.to_ne_bytes()),
    ] {
        let key = scene.create(&template);
        scene.encrypt(block(CKM_AES_CBC, &mut vector), key, DATA);
    }
}

fn authenticated(scene: &Scene, key: CK_OBJECT_HANDLE) {
    let mut long = *b"a vector of 23 bytes...";
    let mut parameter = CK_GCM_PARAMS {
        pIv: long.as_mut_ptr(),
        ulIvLen: 23,
        ulIvBits: 184,
        ulTagBits: 128,
        ..CK_GCM_PARAMS::default()
    };
    let sealed = scene.encrypt(with(CKM_AES_GCM, &mut parameter), key, DATA);
    scene.say(&sealed);
    let (mut iv, mut aad) = (*b"twelve bytes", *b"associated");
    let mut parameter = CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: aad.as_mut_ptr(),
        ulAADLen: 10,
        ulTagBits: 128,
    };
    let sealed = scene.encrypt(with(CKM_AES_GCM, &mut parameter), key, DATA);
    scene.say(&sealed);
    scene.decrypt(with(CKM_AES_GCM, &mut parameter), key, &sealed);
    for place in [64, 79] {
        let mut altered = sealed.clone();
        if let Some(byte) = altered.get_mut(place) {
            *byte ^= 1;
        }
        scene.decrypt(with(CKM_AES_GCM, &mut parameter), key, &altered);
    }
}

fn rsa(scene: &Scene) {
    let (public, private) = (scene.create(&rsa_public()), scene.create(&rsa_private()));
    // Raw blocks whose padding is wrong at its start and in the length of its filler.
    for start in [[0, 1, 7], [0, 2, 0]] {
        let mut padded = vec![5; 256];
        padded[..3].copy_from_slice(&start);
        let sealed = scene.encrypt(plain(CKM_RSA_X_509), public, &padded);
        scene.decrypt(plain(CKM_RSA_PKCS), private, &sealed);
    }
    let (mut one, mut other) = (*b"one label", *b"different");
    let oaep = |label: &mut [u8; 9]| CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: label.as_mut_ptr().cast(),
        ulSourceDataLen: 9,
    };
    let sealed = scene.encrypt(
        with(CKM_RSA_PKCS_OAEP, &mut oaep(&mut one)),
        public,
        b"data",
    );
    scene.decrypt(
        with(CKM_RSA_PKCS_OAEP, &mut oaep(&mut other)),
        private,
        &sealed,
    );
    // A block whose first byte is no zero.
    let sealed = scene.encrypt(plain(CKM_RSA_X_509), public, &[1; 256]);
    scene.decrypt(
        with(CKM_RSA_PKCS_OAEP, &mut oaep(&mut one)),
        private,
        &sealed,
    );
}

pub(super) fn ciphers() {
    let scene = Scene::new();
    let key = scene.create(&aes());
    steps(&scene, key);
    let (mut vector, mut counter) = ([9; 16], CK_AES_CTR_PARAMS::default());
    counter.ulCounterBits = 128;
    scene.in_parts(block(CKM_AES_CBC, &mut vector), key);
    scene.in_parts(with(CKM_AES_CTR, &mut counter), key);
    counter.cb[12..].fill(0xff);
    let carried = scene.encrypt(with(CKM_AES_CTR, &mut counter), key, DATA);
    scene.say(&carried);
    counter.ulCounterBits = 1;
    scene.encrypt(with(CKM_AES_CTR, &mut counter), key, DATA);
    // Blocks that end in padding which is not uniform.
    let mut padded = *DATA;
    padded[61..].copy_from_slice(&[1, 3, 3]);
    let sealed = scene.encrypt(block(CKM_AES_CBC, &mut vector), key, &padded);
    scene.decrypt(block(CKM_AES_CBC_PAD, &mut vector), key, &sealed);
    authenticated(&scene, key);
    rsa(&scene);
    keys(&scene);
}

pub(super) fn digests() {
    let Scene { stage, session } = Scene::new();
    let mut mechanism = plain(CKM_SHA256);
    let mut begin = || {
        play!(stage, C_DigestInit(session, &mut mechanism));
    };
    begin();
    query!(stage, C_Digest, session, DATA);
    transform!(stage, C_Digest, session, DATA, 31);
    let digest = transform!(stage, C_Digest, session, DATA, 32);
    stage.say(format_args!("{digest:02x?}"));
    begin();
    for _ in 0..2 {
        play!(stage, C_DigestUpdate(session, input!(DATA), 64));
    }
    for _ in 0..2 {
        let digest = finish!(stage, C_DigestFinal, session, 32);
        stage.say(format_args!("{digest:02x?}"));
    }
    begin();
    let key = stage.create(session, &rsa_public());
    play!(stage, C_DigestKey(session, key));
    finish!(stage, C_DigestFinal, session, 32);
    begin();
    let key = stage.create(session, &aes());
    play!(stage, C_DigestKey(session, key));
    let digest = finish!(stage, C_DigestFinal, session, 32);
    stage.say(format_args!("{digest:02x?}"));
    let mut unknown = plain(CKM_SKIPJACK_ECB64);
    play!(stage, C_DigestInit(session, &mut unknown));
}

fn verify(scene: &Scene, key: CK_OBJECT_HANDLE, mut mechanism: CK_MECHANISM, signature: &[u8]) {
    let Scene { stage, session } = scene;
    play!(stage, C_VerifyInit(*session, &mut mechanism, key));
    let length = signature.len() as CK_ULONG;
    play!(
        stage,
        C_Verify(*session, input!(DATA), 64, input!(signature), length)
    );
}

fn sign(scene: &Scene, key: CK_OBJECT_HANDLE, mut mechanism: CK_MECHANISM) -> Vec<u8> {
    let Scene { stage, session } = scene;
    play!(stage, C_SignInit(*session, &mut mechanism, key));
    transform!(stage, C_Sign, *session, DATA, 600)
}

/// Signature and verification of MACs, with every way to be wrong.
fn mac(scene: &Scene) {
    let Scene { stage, session } = scene;
    let key = scene.create(&secret(CKK_GENERIC_SECRET, b"the key of a MAC").bool(CKA_SIGN, true));
    let hmac = plain(CKM_SHA256_HMAC);
    let mut mechanism = hmac;
    play!(stage, C_SignInit(*session, &mut mechanism, key));
    query!(stage, C_Sign, *session, DATA);
    transform!(stage, C_Sign, *session, DATA, 31);
    let mac = transform!(stage, C_Sign, *session, DATA, 600);
    scene.say(&mac);
    let mut wrong = mac.clone();
    wrong.iter_mut().for_each(|byte| *byte ^= 1);
    for signature in [&mac[..], &wrong, mac.get(..8).unwrap_or_default()] {
        verify(scene, key, hmac, signature);
    }
    play!(stage, C_VerifyInit(*session, &mut mechanism, key));
    for part in [&DATA[..10], &DATA[10..]] {
        let count = part.len() as CK_ULONG;
        play!(stage, C_VerifyUpdate(*session, input!(part), count));
    }
    play!(
        stage,
        C_VerifyFinal(*session, input!(mac), mac.len() as CK_ULONG)
    );
}

fn pss(salt_length: CK_ULONG) -> CK_RSA_PKCS_PSS_PARAMS {
    CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        sLen: salt_length,
    }
}

fn asymmetric(scene: &Scene) {
    let (public, private) = (scene.create(&rsa_public()), scene.create(&rsa_private()));
    let signature = sign(scene, private, plain(CKM_SHA256_RSA_PKCS));
    scene.say(&signature);
    verify(scene, public, plain(CKM_SHA256_RSA_PKCS), &signature[1..]);
    let signature = sign(scene, private, with(CKM_SHA256_RSA_PKCS_PSS, &mut pss(32)));
    for salt_length in [32, 16] {
        let mechanism = with(CKM_SHA256_RSA_PKCS_PSS, &mut pss(salt_length));
        verify(scene, public, mechanism, &signature);
    }
}

/// RFC 6979 appendix A.2.5: P-256, the private value and its point, and deterministic signatures
/// over the SHA-256 and the SHA-512 of "sample".
fn ecdsa(scene: &Scene) {
    let Scene { stage, session } = scene;
    let point = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6\
                 7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    let digest = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf";
    let signature = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                     f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
    let template = Attributes::new()
        .ulong(CKA_CLASS, CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, hex("06082a8648ce3d030107"))
        .bytes(CKA_EC_POINT, hex(&format!("044104{point}")));
    let key = scene.create(&template);
    let longer = "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00\
                  2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe";
    let (longer, mut mechanism) = (hex(longer), plain(CKM_ECDSA_SHA512));
    play!(stage, C_VerifyInit(*session, &mut mechanism, key));
    play!(
        stage,
        C_Verify(*session, input!(b"sample"), 6, input!(longer), 64)
    );
    let (digest, signature) = (hex(digest), hex(signature));
    // The same digest, and one that differs in its end.
    for last in [0xbf, 0] {
        let mut digest = digest.clone();
        digest[31] = last;
        let mut mechanism = plain(CKM_ECDSA);
        play!(stage, C_VerifyInit(*session, &mut mechanism, key));
        play!(
            stage,
            C_Verify(*session, input!(digest), 32, input!(signature), 64)
        );
    }
}

pub(super) fn signatures() {
    let scene = Scene::new();
    mac(&scene);
    asymmetric(&scene);
    ecdsa(&scene);
    protocols::passwords(&scene);
    protocols::cms(&scene);
}
