//! Mechanisms: what chapter 6 of the standard computes. One file (or folder) a family; `family`
//! holds what they implement, and this file finds the family of a mechanism.
//! Sessions, objects and permissions are settled by `token` before anything here runs.

mod aead;
mod block;
mod chacha;
mod cms;
mod der;
mod derivation;
mod dh;
mod digest;
mod domain;
mod dsa;
mod ec;
mod family;
mod framed;
mod gost;
mod hash;
mod hkdf;
mod hss;
mod hybrid;
mod ike;
mod key_based;
mod kip;
mod mac;
mod messages;
mod ml_dsa;
mod ml_kem;
mod modular;
mod null;
mod once;
mod otp;
mod parameter;
mod password;
mod pkcs8;
mod pqg;
mod prf;
mod rsa;
mod secret;
mod seeded;
mod settle;
mod sha512t;
mod simple;
mod slh_dsa;
mod tls;
#[cfg(test)]
mod trial;
mod xmss;

use std::sync::LazyLock;

use cryptoki_sys::*;

use crate::rv::{Result, refusal};

pub(crate) use aead::{Aead, Message, Start, aead};
pub(crate) use cms::{CmsParameter, offered as offered_cms_attributes, signs_cms};
pub(crate) use derivation::{Back, Derivation, Inheritance, Named, Product, Source, Wish, Yield};
pub(crate) use family::{
    Ciphering, Contribution, Derived, Digesting, Family, Filled, Recovering, Signing, Verifying,
};
pub(crate) use hash::Hash;
pub(crate) use ike::{IkeCall, IkeParameter};
pub(crate) use key_based::{Integer, KeyBased, Piece};
pub(crate) use kip::KipParameter;
pub(crate) use messages::{MessageForm, MessageParameter, Nonces, message_form};
pub(crate) use parameter::{
    Form, IkeForm, Iteration, KipUse, Mechanism, Parameter, Password, Salt, TlsForm, TwoPairs,
    WtlsForm,
};
pub(crate) use pkcs8::{decode as decode_pkcs8, encode as encode_pkcs8};
pub(crate) use pqg::SeedParameter;
pub(crate) use secret::{allows_length, fixed_length, has_length, set_parity};
pub(crate) use settle::settle;
pub(crate) use tls::{Randoms, TlsParameter, WtlsParameter};

/// What the token publishes about one mechanism, and what it needs to accept it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) mechanism: CK_MECHANISM_TYPE,
    /// Smallest and largest key, in the unit of the mechanism's own section; 0 if unused.
    pub(crate) sizes: (CK_ULONG, CK_ULONG),
    /// CKF_ flags of CK_MECHANISM_INFO: the functions it can be used with.
    pub(crate) flags: CK_FLAGS,
    /// The form of its parameter.
    pub(crate) form: Form,
    /// Key types it works on.
    pub(crate) keys: &'static [CK_KEY_TYPE],
}

impl Entry {
    /// The flags of CK_MECHANISM_INFO, with those of the functions that follow from others.
    pub(crate) fn published_flags(&self) -> CK_FLAGS {
        self.flags | messages::message_flags(self)
    }
}

/// All families; the order is that of C_GetMechanismList.
static FAMILIES: &[&dyn Family] = &[
    &digest::Digests,
    &rsa::Rsa,
    &domain::Domains,
    &dsa::Dsa,
    &ec::Ec,
    &dh::Dh,
    &ml_kem::MlKem,
    &ml_dsa::MlDsa,
    &slh_dsa::SlhDsa,
    &hss::Hss,
    &xmss::Xmss,
    &block::BlockCiphers,
    &block::Rc2s,
    &chacha::ChaChas,
    &mac::Macs,
    &gost::Gost,
    &secret::SecretKeys,
    &hkdf::Hkdf,
    &hybrid::Hybrid,
    &simple::Simple,
    &key_based::KeyBasedKdfs,
    &password::Passwords,
    &tls::Tls,
    &tls::Wtls,
    &ike::Ike,
    &otp::Otp,
    &kip::Kip,
    &cms::Cms,
    &null::Null,
];

/// All published mechanisms.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().flat_map(|family| family.entries())
}

/// What is known of one mechanism.
type Known = (CK_MECHANISM_TYPE, &'static dyn Family, &'static Entry);

/// Families and entries in the order of their mechanisms, to find them without a long search.
static INDEX: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let entries = |family: &&'static dyn Family| {
        let family = *family;
        let known = move |entry: &'static Entry| (entry.mechanism, family, entry);
        family.entries().iter().map(known)
    };
    let mut index: Vec<_> = FAMILIES.iter().flat_map(entries).collect();
    index.sort_by_key(|(mechanism, ..)| *mechanism);
    index
});

/// The entry and family of a mechanism, if the token has it.
pub(crate) fn find(mechanism: CK_MECHANISM_TYPE) -> Option<(&'static dyn Family, &'static Entry)> {
    let place = INDEX.binary_search_by_key(&mechanism, |(mechanism, ..)| *mechanism);
    let (_, family, entry) = INDEX.get(place.ok()?)?;
    Some((*family, entry))
}

/// The family of a mechanism that can be used with the function that `flag` stands for.
pub(crate) fn find_for(
    mechanism: CK_MECHANISM_TYPE,
    flag: CK_FLAGS,
) -> Result<(&'static dyn Family, &'static Entry)> {
    find(mechanism)
        .filter(|(_, entry)| entry.published_flags() & flag != 0)
        .ok_or(refusal(CKR_MECHANISM_INVALID))
}

/// Bytes from the operating system's generator.
pub(crate) fn random(length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    fill_random(&mut bytes)?;
    Ok(bytes)
}

/// Fills a buffer from the operating system's generator.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| refusal(CKR_DEVICE_ERROR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_mechanism_is_published_twice() {
        let mut seen: Vec<_> = entries().map(|entry| entry.mechanism).collect();
        let published = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), published);
    }

    #[test]
    fn a_mechanism_is_found_only_for_functions_it_has() {
        assert!(find_for(CKM_SHA256, CKF_DIGEST).is_ok());
        let refusal = find_for(CKM_SHA256, CKF_SIGN).err().unwrap();
        assert_eq!(refusal.code(), CKR_MECHANISM_INVALID);
    }
}
