//! What is measured: a table of operations. How each is made ready is in `subject`,
//! `symmetric` and `pairs`.

use cryptoki_sys::*;

use super::call::Mechanism;
use super::module::Module;
use super::subject::{self, Act, Subjects};
use super::{pairs, symmetric};

/// Whether an operation takes much the same time each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    Narrow,
    /// The search for primes: only the mean says anything.
    Wide,
}

/// Something that modules are asked to do.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// A module without one of these mechanisms is not asked.
    needs: &'static [CK_MECHANISM_TYPE],
    threads: usize,
    pub(crate) spread: Spread,
    prepare: fn(&Module) -> Option<Act>,
}

impl Operation {
    /// Whether the module has what it needs.
    pub(crate) fn applies(&self, module: &Module) -> bool {
        self.needs.iter().all(|kind| module.has(*kind).is_some())
    }

    /// Makes everything ready, in a session of its own for each thread.
    pub(crate) fn prepare(&self, module: &Module) -> Option<Subjects> {
        if !self.applies(module) {
            return None;
        }
        let acts: Option<Vec<Act>> = (0..self.threads).map(|_| (self.prepare)(module)).collect();
        if acts.is_none() {
            eprintln!(
                "FAILED: {} cannot be prepared on {}",
                self.name, module.name
            );
        }
        acts.map(Subjects::new)
    }
}

const fn one(
    name: &'static str,
    needs: &'static [CK_MECHANISM_TYPE],
    prepare: fn(&Module) -> Option<Act>,
) -> Operation {
    Operation {
        name,
        needs,
        threads: 1,
        spread: Spread::Narrow,
        prepare,
    }
}

const fn wide(operation: Operation) -> Operation {
    Operation {
        spread: Spread::Wide,
        ..operation
    }
}

const fn two_threads(operation: Operation) -> Operation {
    Operation {
        threads: 2,
        ..operation
    }
}

const GCM: Mechanism = Mechanism::Gcm([7; 12]);
const CBC: Mechanism = Mechanism::Vector(CKM_AES_CBC, [7; 16]);
const KIB: usize = 1024;

const RSA: &[CK_MECHANISM_TYPE] = &[CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS];
const ECDSA: &[CK_MECHANISM_TYPE] = &[CKM_EC_KEY_PAIR_GEN, CKM_ECDSA];
const EDDSA: &[CK_MECHANISM_TYPE] = &[CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA];
const ML_DSA: &[CK_MECHANISM_TYPE] = &[CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA];
const ML_KEM: &[CK_MECHANISM_TYPE] = &[CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_KEM];
const SHA: &[CK_MECHANISM_TYPE] = &[CKM_SHA256];
const HMAC: &[CK_MECHANISM_TYPE] = &[CKM_SHA256_HMAC];
const AES_GCM: &[CK_MECHANISM_TYPE] = &[CKM_AES_KEY_GEN, CKM_AES_GCM];
const AES_CBC: &[CK_MECHANISM_TYPE] = &[CKM_AES_KEY_GEN, CKM_AES_CBC];

/// All of them, in the order of the table.
#[rustfmt::skip]
pub(crate) const ALL: &[Operation] = &[
    one("C_GetInfo", &[], subject::get_info),
    one("C_OpenSession, C_CloseSession", &[], subject::open_and_close),
    one("C_GetAttributeValue", &[], subject::get_attribute),
    one("find 1 of 10,000 objects", &[], |module| subject::find(module, 10_000)),
    one("create and destroy a session object", &[], |module| subject::create(module, false)),
    one("create and destroy a token object", &[], |module| subject::create(module, true)),
    one("set an attribute of a session object", &[], |module| subject::set_attribute(module, false)),
    one("set an attribute of a token object", &[], |module| subject::set_attribute(module, true)),

    one("SHA-256, 16 B", SHA, |module| symmetric::digest(module, 16)),
    one("SHA-256, 1 KiB", SHA, |module| symmetric::digest(module, KIB)),
    one("SHA-256, 64 KiB", SHA, |module| symmetric::digest(module, 64 * KIB)),
    one("HMAC-SHA-256, 16 B", HMAC, |module| symmetric::mac(module, 16)),
    one("AES-256-GCM encrypt, 16 B", AES_GCM, |module| symmetric::encrypt(module, GCM, 16)),
    one("AES-256-GCM encrypt, 1 KiB", AES_GCM, |module| symmetric::encrypt(module, GCM, KIB)),
    one("AES-256-GCM encrypt, 64 KiB", AES_GCM, |module| symmetric::encrypt(module, GCM, 64 * KIB)),
    one("AES-256-GCM decrypt, 64 KiB", AES_GCM, |module| symmetric::decrypt(module, GCM, 64 * KIB)),
    one("AES-256-CBC encrypt, 16 B", AES_CBC, |module| symmetric::encrypt(module, CBC, 16)),
    one("AES-256-CBC encrypt, 1 KiB", AES_CBC, |module| symmetric::encrypt(module, CBC, KIB)),
    one("AES-256-CBC encrypt, 64 KiB", AES_CBC, |module| symmetric::encrypt(module, CBC, 64 * KIB)),
    one("AES-256-CBC decrypt, 64 KiB", AES_CBC, |module| symmetric::decrypt(module, CBC, 64 * KIB)),

    one("RSA-2048 sign", RSA, |module| pairs::sign(module, pairs::rsa(2048))),
    one("RSA-2048 verify", RSA, |module| pairs::verify(module, pairs::rsa(2048))),
    wide(one("RSA-2048 generate", RSA, |module| pairs::generate(module, pairs::rsa(2048)))),
    one("RSA-4096 sign", RSA, |module| pairs::sign(module, pairs::rsa(4096))),
    one("RSA-4096 verify", RSA, |module| pairs::verify(module, pairs::rsa(4096))),
    wide(one("RSA-4096 generate", RSA, |module| pairs::generate(module, pairs::rsa(4096)))),
    one("ECDSA P-256 sign", ECDSA, |module| pairs::sign(module, pairs::p256())),
    one("ECDSA P-256 verify", ECDSA, |module| pairs::verify(module, pairs::p256())),
    one("ECDSA P-256 generate", ECDSA, |module| pairs::generate(module, pairs::p256())),
    one("Ed25519 sign", EDDSA, |module| pairs::sign(module, pairs::ed25519())),
    one("Ed25519 verify", EDDSA, |module| pairs::verify(module, pairs::ed25519())),
    one("Ed25519 generate", EDDSA, |module| pairs::generate(module, pairs::ed25519())),
    one("ML-DSA-65 sign", ML_DSA, |module| pairs::sign(module, pairs::ml_dsa())),
    one("ML-DSA-65 verify", ML_DSA, |module| pairs::verify(module, pairs::ml_dsa())),
    one("ML-DSA-65 generate", ML_DSA, |module| pairs::generate(module, pairs::ml_dsa())),
    one("ML-KEM-768 encapsulate", ML_KEM, |module| pairs::encapsulate(module, pairs::ml_kem())),
    one("ML-KEM-768 decapsulate", ML_KEM, |module| pairs::decapsulate(module, pairs::ml_kem())),
    one("ML-KEM-768 generate", ML_KEM, |module| pairs::generate(module, pairs::ml_kem())),

    two_threads(one("2 threads: C_GetAttributeValue", &[], subject::get_attribute)),
    two_threads(one("2 threads: SHA-256, 16 B", SHA, |module| symmetric::digest(module, 16))),
    two_threads(one("2 threads: AES-256-GCM, 64 KiB", AES_GCM, |module| symmetric::encrypt(module, GCM, 64 * KIB))),
    two_threads(one("2 threads: RSA-2048 sign", RSA, |module| pairs::sign(module, pairs::rsa(2048)))),
    two_threads(one("2 threads: ECDSA P-256 sign", ECDSA, |module| pairs::sign(module, pairs::p256()))),
];
