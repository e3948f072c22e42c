//! Hash functions as values: digests, HMACs and the identifiers under which RSA and HKDF name
//! them. One table; every family that needs a hash takes it from here. SHA-512/t, whose length is
//! a parameter, is in `sha512t`.

use blake2::Blake2b;
use cipher::consts::{U20, U32, U48, U64};
use cryptoki_sys::*;
use hmac::digest::block_api::BlockSizeUser;
use hmac::{KeyInit, Mac, SimpleHmac};
use md2::Md2;
use md5::Md5;
use ripemd::{Ripemd128, Ripemd160};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};

use super::der;

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Md2,
    Md5,
    Ripemd128,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512Truncated224,
    Sha512Truncated256,
    Sha3Bits224,
    Sha3Bits256,
    Sha3Bits384,
    Sha3Bits512,
    Blake2b160,
    Blake2b256,
    Blake2b384,
    Blake2b512,
}

/// A hash or MAC that takes its data in parts.
pub(super) trait Running: Send {
    fn update(&mut self, data: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
    /// A copy in the same state.
    #[allow(dead_code, reason = "for C_GetOperationState, and tests")]
    fn duplicate(&self) -> Box<dyn Running>;
}

/// Adapter for the hashes of RustCrypto's crates.
pub(super) struct Digester<D>(pub(super) D);

impl<D: sha2::Digest + Clone + Send + 'static> Running for Digester<D> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(Digester(self.0.clone()))
    }
}

/// Adapter for the MACs of RustCrypto's crates.
pub(super) struct Macer<M>(pub(super) M);

impl<M: Mac + Clone + Send + 'static> Running for Macer<M> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().into_bytes().to_vec()
    }
    fn duplicate(&self) -> Box<dyn Running> {
        Box::new(Macer(self.0.clone()))
    }
}

/// Runs `$body` with `$digest` naming the type of hash `$hash`.
macro_rules! with_digest {
    ($hash:expr, $digest:ident => $body:expr) => {
        match $hash {
            Hash::Md2 => {
                type $digest = Md2;
                $body
            }
            Hash::Md5 => {
                type $digest = Md5;
                $body
            }
            Hash::Ripemd128 => {
                type $digest = Ripemd128;
                $body
            }
            Hash::Ripemd160 => {
                type $digest = Ripemd160;
                $body
            }
            Hash::Sha1 => {
                type $digest = Sha1;
                $body
            }
            Hash::Sha224 => {
                type $digest = Sha224;
                $body
            }
            Hash::Sha256 => {
                type $digest = Sha256;
                $body
            }
            Hash::Sha384 => {
                type $digest = Sha384;
                $body
            }
            Hash::Sha512 => {
                type $digest = Sha512;
                $body
            }
            Hash::Sha512Truncated224 => {
                type $digest = Sha512_224;
                $body
            }
            Hash::Sha512Truncated256 => {
                type $digest = Sha512_256;
                $body
            }
            Hash::Sha3Bits224 => {
                type $digest = Sha3_224;
                $body
            }
            Hash::Sha3Bits256 => {
                type $digest = Sha3_256;
                $body
            }
            Hash::Sha3Bits384 => {
                type $digest = Sha3_384;
                $body
            }
            Hash::Sha3Bits512 => {
                type $digest = Sha3_512;
                $body
            }
            Hash::Blake2b160 => {
                type $digest = Blake2b<U20>;
                $body
            }
            Hash::Blake2b256 => {
                type $digest = Blake2b<U32>;
                $body
            }
            Hash::Blake2b384 => {
                type $digest = Blake2b<U48>;
                $body
            }
            Hash::Blake2b512 => {
                type $digest = Blake2b<U64>;
                $body
            }
        }
    };
}

/// What the standard and PKCS #1 call a hash.
struct Names {
    hash: Hash,
    digest: CK_MECHANISM_TYPE,
    /// None where no mask generation function is defined over the hash.
    mgf: Option<CK_RSA_PKCS_MGF_TYPE>,
    length: usize,
    /// DER of the object identifier.
    oid: &'static [u8],
}

/// Object identifiers of FIPS 180-4 and FIPS 202, under 2.16.840.1.101.3.4.2.
macro_rules! nist {
    ($last:literal) => {
        &[
            0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, $last,
        ]
    };
}

/// Object identifiers of RFC 7693 section 4, under 1.3.6.1.4.1.1722.12.2.1.
macro_rules! blake2b {
    ($last:literal) => {
        &[
            0x06, 0x0b, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x8d, 0x3a, 0x0c, 0x02, 0x01, $last,
        ]
    };
}

#[rustfmt::skip]
static NAMES: [Names; 19] = [
    // RFC 1319 and 1321; ISO/IEC 10118-3, of TeleTrusT.
    Names { hash: Hash::Md2,         digest: CKM_MD2,       mgf: None, length: 16, oid: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x02] },
    Names { hash: Hash::Md5,         digest: CKM_MD5,       mgf: None, length: 16, oid: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05] },
    Names { hash: Hash::Ripemd128,   digest: CKM_RIPEMD128, mgf: None, length: 16, oid: &[0x06, 0x05, 0x2b, 0x24, 0x03, 0x02, 0x02] },
    Names { hash: Hash::Ripemd160,   digest: CKM_RIPEMD160, mgf: None, length: 20, oid: &[0x06, 0x05, 0x2b, 0x24, 0x03, 0x02, 0x01] },
    Names { hash: Hash::Sha1,        digest: CKM_SHA_1,    mgf: Some(CKG_MGF1_SHA1),     length: 20, oid: &[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a] },
    Names { hash: Hash::Sha224,      digest: CKM_SHA224,   mgf: Some(CKG_MGF1_SHA224),   length: 28, oid: nist!(0x04) },
    Names { hash: Hash::Sha256,      digest: CKM_SHA256,   mgf: Some(CKG_MGF1_SHA256),   length: 32, oid: nist!(0x01) },
    Names { hash: Hash::Sha384,      digest: CKM_SHA384,   mgf: Some(CKG_MGF1_SHA384),   length: 48, oid: nist!(0x02) },
    Names { hash: Hash::Sha512,      digest: CKM_SHA512,   mgf: Some(CKG_MGF1_SHA512),   length: 64, oid: nist!(0x03) },
    Names { hash: Hash::Sha512Truncated224, digest: CKM_SHA512_224, mgf: None,           length: 28, oid: nist!(0x05) },
    Names { hash: Hash::Sha512Truncated256, digest: CKM_SHA512_256, mgf: None,           length: 32, oid: nist!(0x06) },
    Names { hash: Hash::Sha3Bits224, digest: CKM_SHA3_224, mgf: Some(CKG_MGF1_SHA3_224), length: 28, oid: nist!(0x07) },
    Names { hash: Hash::Sha3Bits256, digest: CKM_SHA3_256, mgf: Some(CKG_MGF1_SHA3_256), length: 32, oid: nist!(0x08) },
    Names { hash: Hash::Sha3Bits384, digest: CKM_SHA3_384, mgf: Some(CKG_MGF1_SHA3_384), length: 48, oid: nist!(0x09) },
    Names { hash: Hash::Sha3Bits512, digest: CKM_SHA3_512, mgf: Some(CKG_MGF1_SHA3_512), length: 64, oid: nist!(0x0a) },
    Names { hash: Hash::Blake2b160,  digest: CKM_BLAKE2B_160, mgf: None, length: 20, oid: blake2b!(0x05) },
    Names { hash: Hash::Blake2b256,  digest: CKM_BLAKE2B_256, mgf: None, length: 32, oid: blake2b!(0x08) },
    Names { hash: Hash::Blake2b384,  digest: CKM_BLAKE2B_384, mgf: None, length: 48, oid: blake2b!(0x0c) },
    Names { hash: Hash::Blake2b512,  digest: CKM_BLAKE2B_512, mgf: None, length: 64, oid: blake2b!(0x10) },
];

impl Hash {
    /// All hash functions.
    pub(super) fn all() -> impl Iterator<Item = Hash> {
        NAMES.iter().map(|names| names.hash)
    }

    fn names(self) -> &'static Names {
        NAMES
            .iter()
            .find(|names| names.hash == self)
            .expect("every hash has names")
    }

    /// The hash of a digest mechanism.
    pub(crate) fn by_mechanism(mechanism: CK_MECHANISM_TYPE) -> Option<Hash> {
        NAMES
            .iter()
            .find(|names| names.digest == mechanism)
            .map(|names| names.hash)
    }

    /// The digest mechanism of the hash.
    pub(super) fn mechanism(self) -> CK_MECHANISM_TYPE {
        self.names().digest
    }

    /// DER of the object identifier.
    pub(super) fn oid(self) -> &'static [u8] {
        self.names().oid
    }

    /// The hash of a mask generation function.
    pub(super) fn by_mgf(mgf: CK_RSA_PKCS_MGF_TYPE) -> Option<Hash> {
        NAMES
            .iter()
            .find(|names| names.mgf == Some(mgf))
            .map(|names| names.hash)
    }

    /// Bytes of output.
    pub(crate) fn length(self) -> usize {
        self.names().length
    }

    /// Whether Cryptoki's MACs over the hash are the hash's own keyed variant instead of HMAC.
    pub(super) fn is_blake2b(self) -> bool {
        use Hash::{Blake2b160, Blake2b256, Blake2b384, Blake2b512};
        matches!(self, Blake2b160 | Blake2b256 | Blake2b384 | Blake2b512)
    }

    /// The hash of the concatenation of `parts`.
    pub(crate) fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut running = self.running();
        for part in parts {
            running.update(part);
        }
        running.finish()
    }

    /// A hash of data to come.
    pub(super) fn running(self) -> Box<dyn Running> {
        with_digest!(self, D => Box::new(Digester(<D as sha2::Digest>::new())))
    }

    /// An HMAC of data to come.
    pub(super) fn hmac(self, key: &[u8]) -> Box<dyn Running> {
        with_digest!(self, D => running_hmac::<D>(key))
    }

    /// The HMAC of one message.
    pub(crate) fn mac(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let mut running = self.hmac(key);
        running.update(message);
        running.finish()
    }

    /// The DigestInfo of RFC 8017 section 9.2 around a digest.
    pub(super) fn digest_info(self, digest: &[u8]) -> Vec<u8> {
        let algorithm = der::sequence(&[self.names().oid, &der::NULL]);
        der::sequence(&[&algorithm, &der::octet_string(digest)])
    }
}

fn running_hmac<D>(key: &[u8]) -> Box<dyn Running>
where
    D: sha2::Digest + BlockSizeUser + Clone + Send + 'static,
{
    let mac = SimpleHmac::<D>::new_from_slice(key).expect("HMAC takes keys of any length");
    Box::new(Macer(mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hash_gives_the_length_it_publishes() {
        for names in &NAMES {
            assert_eq!(
                names.hash.digest(&[b"abc"]).len(),
                names.length,
                "{:?}",
                names.hash
            );
            assert_eq!(Hash::by_mechanism(names.digest), Some(names.hash));
        }
    }

    /// FIPS 180-4 examples for "abc".
    #[test]
    fn sha_256_of_abc() {
        assert_eq!(
            Hash::Sha256.digest(&[b"a", b"bc"]),
            der::tests::hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
    }

    /// RFC 8017 section 9.2, note 1.
    #[test]
    fn digest_info_of_sha_256_begins_as_in_rfc_8017() {
        let info = Hash::Sha256.digest_info(&[0; 32]);
        let prefix = der::tests::hex("3031300d060960864801650304020105000420");
        assert_eq!(info[..prefix.len()], prefix[..]);
        assert_eq!(info.len(), prefix.len() + 32);
    }
}
