//! Key agreement: [PKCS11-Base 3.2] sections 6.3.16 to 6.3.18. Owns the choice of curve by key type,
//! the key derivation functions and the truncation; the arithmetic belongs to the curves.

use cryptoki_sys::*;

use super::curve_of;
use super::montgomery::Montgomery;
use crate::attributes::Attributes;
use crate::mechanisms::{Hash, der};
use crate::rv::{Result, ensure, refusal, refuse};

/// Where the counter of a key derivation function stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// ANSI X9.63 section 5.6.3: after the secret.
    X963,
    /// NIST SP 800-56A section 5.8.1.1: before the secret.
    Sp800,
}

/// The key derivation functions of section 6.3.16.
#[rustfmt::skip]
static KDFS: [(CK_EC_KDF_TYPE, Hash, Layout); 22] = [
    (CKD_SHA1_KDF,           Hash::Sha1,        Layout::X963),
    (CKD_SHA224_KDF,         Hash::Sha224,      Layout::X963),
    (CKD_SHA256_KDF,         Hash::Sha256,      Layout::X963),
    (CKD_SHA384_KDF,         Hash::Sha384,      Layout::X963),
    (CKD_SHA512_KDF,         Hash::Sha512,      Layout::X963),
    (CKD_SHA3_224_KDF,       Hash::Sha3Bits224, Layout::X963),
    (CKD_SHA3_256_KDF,       Hash::Sha3Bits256, Layout::X963),
    (CKD_SHA3_384_KDF,       Hash::Sha3Bits384, Layout::X963),
    (CKD_SHA3_512_KDF,       Hash::Sha3Bits512, Layout::X963),
    (CKD_SHA1_KDF_SP800,     Hash::Sha1,        Layout::Sp800),
    (CKD_SHA224_KDF_SP800,   Hash::Sha224,      Layout::Sp800),
    (CKD_SHA256_KDF_SP800,   Hash::Sha256,      Layout::Sp800),
    (CKD_SHA384_KDF_SP800,   Hash::Sha384,      Layout::Sp800),
    (CKD_SHA512_KDF_SP800,   Hash::Sha512,      Layout::Sp800),
    (CKD_SHA3_224_KDF_SP800, Hash::Sha3Bits224, Layout::Sp800),
    (CKD_SHA3_256_KDF_SP800, Hash::Sha3Bits256, Layout::Sp800),
    (CKD_SHA3_384_KDF_SP800, Hash::Sha3Bits384, Layout::Sp800),
    (CKD_SHA3_512_KDF_SP800, Hash::Sha3Bits512, Layout::Sp800),
    (CKD_BLAKE2B_160_KDF,    Hash::Blake2b160,  Layout::Sp800),
    (CKD_BLAKE2B_256_KDF,    Hash::Blake2b256,  Layout::Sp800),
    (CKD_BLAKE2B_384_KDF,    Hash::Blake2b384,  Layout::Sp800),
    (CKD_BLAKE2B_512_KDF,    Hash::Blake2b512,  Layout::Sp800),
];

/// The shared secret of a private key object and the other party's public value, which comes bare
/// or, on short Weierstrass curves, as in CKA_EC_POINT.
pub(super) fn secret(base: &Attributes, public: &[u8]) -> Result<Vec<u8>> {
    let value = base.bytes(CKA_VALUE);
    match base.ulong(CKA_KEY_TYPE) {
        Some(CKK_EC_MONTGOMERY) => Montgomery::of(base)?.agree(value, public),
        _ => {
            let curve = curve_of(base)?;
            curve.agree(value, bare(public, curve.length()))
        }
    }
}

/// The point, bare or in an OCTET STRING. Only the length tells: one bare point in some hundreds has
/// as its second byte what would be the length of the rest.
fn bare(public: &[u8], width: usize) -> &[u8] {
    match [1 + width, 1 + 2 * width].contains(&public.len()) {
        true => public,
        false => der::read_octet_string(public).unwrap_or(public),
    }
}

/// A public value made for one use, and the secret that it shares with a public key object.
pub(super) fn ephemeral(key: &Attributes) -> Result<(Vec<u8>, Vec<u8>)> {
    // The object was checked when it came to be: what fails here is not the parameter.
    let failed = |_| refusal(CKR_FUNCTION_FAILED);
    match key.ulong(CKA_KEY_TYPE) {
        Some(CKK_EC_MONTGOMERY) => {
            let curve = Montgomery::of(key)?;
            let value = curve.generate()?;
            let public = key.bytes(CKA_EC_POINT);
            // Only points of low order fail, which importing lets pass.
            let secret = curve.agree(&value, public).map_err(failed)?;
            Ok((curve.public(&value)?, secret))
        }
        _ => {
            let curve = curve_of(key)?;
            let value = curve.generate()?;
            let point = super::point(key).ok_or(refusal(CKR_KEY_TYPE_INCONSISTENT))?;
            let secret = curve.agree(&value, point).map_err(failed)?;
            Ok((curve.public_point(&value)?, secret))
        }
    }
}

/// The value of the new key: `length` bytes, or as many as the secret has.
pub(in crate::mechanisms) fn derive(
    kdf: CK_EC_KDF_TYPE,
    shared: &[u8],
    mut secret: Vec<u8>,
    length: Option<usize>,
) -> Result<Vec<u8>> {
    if kdf == CKD_NULL {
        ensure(shared.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
        let length = length.unwrap_or(secret.len());
        ensure((1..=secret.len()).contains(&length), CKR_KEY_SIZE_RANGE)?;
        if mutant!("agreed-key-cut-at-the-end") {
            secret.truncate(length);
        }
        // Sections 6.3.17 and 6.4.10: truncation removes bytes from the leading end.
        return Ok(secret.split_off(secret.len() - length));
    }
    let function = KDFS.iter().find(|(kind, _, _)| *kind == kdf);
    let Some((_, hash, layout)) = function else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let length = length.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    concatenated(*hash, *layout, &secret, shared, length)
}

fn concatenated(
    hash: Hash,
    layout: Layout,
    secret: &[u8],
    shared: &[u8],
    length: usize,
) -> Result<Vec<u8>> {
    // Far above any key of this token, far below the 2^32 blocks of the standards.
    ensure((1..=1 << 16).contains(&length), CKR_KEY_SIZE_RANGE)?;
    let mut output = Vec::new();
    let mut counter = 1u32;
    while output.len() < length {
        let digits = counter.to_be_bytes();
        output.extend(match layout {
            Layout::X963 => hash.digest(&[secret, &digits, shared]),
            Layout::Sp800 => hash.digest(&[&digits, secret, shared]),
        });
        counter += 1;
    }
    output.truncate(length);
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    /// NIST CAVP, ansx963_2001.rsp: SHA-1, 192 bits of secret, 128 of key, and SHA-256 with 128
    /// bits of shared information.
    #[test]
    fn x963_as_in_the_vectors_of_cavp() {
        let plain = hex("1c7d7b5f0597b03d06a018466ed1a93e30ed4b04dc64ccdd");
        let key = derive(CKD_SHA1_KDF, &[], plain, Some(16)).unwrap();
        assert_eq!(key, hex("bf71dffd8f4d99223936beb46fee8ccc"));
        let secret = hex("22518b10e70f2a3f243810ae3254139efbee04aa57c7af7d");
        let shared = hex("75eef81aa3041e33b80971203d2c0c52");
        let key = derive(CKD_SHA256_KDF, &shared, secret, Some(128)).unwrap();
        assert_eq!(
            key,
            hex(
                "c498af77161cc59f2962b9a713e2b215152d139766ce34a776df11866a69bf2e
                 52a13d9c7c6fc878c50c5ea0bc7b00e0da2447cfd874f6cf92f30d0097111485
                 500c90c3af8b487872d04685d14c8d1dc8d7fa08beb0ce0ababc11f0bd496269
                 142d43525a78e5bc79a17f59676a5706dc54d54d4d1f0bd7e386128ec26afc21"
            )
        );
    }

    #[test]
    fn a_bare_point_that_begins_like_an_octet_string_is_bare() {
        let mut point = vec![0x04, 63];
        point.extend([7; 63]);
        assert_eq!(bare(&point, 32), point);
        assert_eq!(bare(&der::octet_string(&point), 32), point);
    }

    #[test]
    fn the_two_layouts_differ_in_where_the_counter_stands() {
        let secret = vec![1, 2, 3];
        let x963 = derive(CKD_SHA256_KDF, b"s", secret.clone(), Some(40)).unwrap();
        let sp800 = derive(CKD_SHA256_KDF_SP800, b"s", secret, Some(40)).unwrap();
        let block = |parts: &[&[u8]]| Hash::Sha256.digest(parts);
        assert_eq!(x963[..32], block(&[&[1, 2, 3], &[0, 0, 0, 1], b"s"])[..]);
        assert_eq!(sp800[..32], block(&[&[0, 0, 0, 1], &[1, 2, 3], b"s"])[..]);
        assert_eq!(sp800[32..], block(&[&[0, 0, 0, 2], &[1, 2, 3], b"s"])[..8]);
    }

    #[test]
    fn the_raw_secret_loses_its_leading_end() {
        let raw = |length| derive(CKD_NULL, &[], vec![1, 2, 3, 4], length);
        assert_eq!(raw(Some(3)).unwrap(), [2, 3, 4]);
        assert_eq!(raw(None).unwrap(), [1, 2, 3, 4]);
        assert_eq!(raw(Some(5)).unwrap_err().code(), CKR_KEY_SIZE_RANGE);
        let shared = derive(CKD_NULL, &[1], vec![1], None).unwrap_err();
        assert_eq!(shared.code(), CKR_MECHANISM_PARAM_INVALID);
        let unsized_key = derive(CKD_SHA1_KDF, &[], vec![1], None).unwrap_err();
        assert_eq!(unsized_key.code(), CKR_TEMPLATE_INCOMPLETE);
    }
}
