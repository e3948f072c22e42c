//! DSA domains that can be verified: FIPS 186-4 appendix A.1.1.2 makes probable primes of a seed, and
//! appendix A.2.3 a generator of primes, seed and index.

use crypto_bigint::{BoxedUint, NonZero};
use crypto_primes::{Flavor, is_prime};
use cryptoki_sys::*;

use super::modular::{self, Modulus};
use super::{Hash, random};
use crate::rv::{Result, ensure, refusal};

/// CK_DSA_PARAMETER_GEN_PARAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeedParameter {
    pub(crate) hash: CK_MECHANISM_TYPE,
    /// The seed, unless it is to be returned.
    pub(crate) seed: Vec<u8>,
    /// Bytes of it, or of room for it.
    pub(crate) room: CK_ULONG,
    pub(crate) index: CK_ULONG,
}

/// A prime and a subprime, with the seed they come from.
pub(super) struct Primes {
    pub(super) prime: Vec<u8>,
    pub(super) subprime: Vec<u8>,
    pub(super) seed: Vec<u8>,
}

/// The hashes that section 6.2.1 lists.
pub(super) fn hash(parameter: &SeedParameter) -> Result<Hash> {
    let listed = [CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512];
    ensure(
        listed.contains(&parameter.hash),
        CKR_MECHANISM_PARAM_INVALID,
    )?;
    super::parameter::hash_named(parameter.hash)
}

/// The number in the last `bits` bits of some bytes, with the highest of these set.
fn sized(bytes: &[u8], bits: usize) -> Vec<u8> {
    let mut number = bytes[bytes.len() - bits / 8..].to_vec();
    number[0] |= 0x80;
    number
}

fn number(bytes: &[u8], bits: usize) -> Option<BoxedUint> {
    modular::number(bytes, bits)
}

/// Odd primes below 256, which most candidates are multiples of.
const SMALL: [u32; 53] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193,
    197, 199, 211, 223, 227, 229, 233, 239, 241, 251,
];

/// Whether a large number is a multiple of a small prime: quicker to see than that it is no prime.
fn has_small_factor(number: &[u8]) -> bool {
    let rest = |prime: u32| {
        let next = |rest: u32, byte: &u8| (rest << 8 | u32::from(*byte)) % prime;
        number.iter().fold(0, next)
    };
    SMALL.iter().any(|prime| rest(*prime) == 0)
}

/// A seed, as a number, with a small one added; it keeps its length.
fn later(seed: &[u8], mut offset: u64) -> Vec<u8> {
    let mut later = seed.to_vec();
    for byte in later.iter_mut().rev() {
        offset += u64::from(*byte);
        *byte = offset as u8;
        offset >>= 8;
    }
    later
}

/// Steps 6 to 11 of appendix A.1.1.2: prime, subprime and counter of a seed, if it leads to some. The
/// hash is at least as long as the subprime, and lengths are whole bytes.
fn of_seed(
    hash: Hash,
    seed: &[u8],
    (length, sub_length): (usize, usize),
) -> Option<(Vec<u8>, Vec<u8>, usize)> {
    let mut subprime = sized(&hash.digest(&[seed]), sub_length);
    *subprime.last_mut()? |= 1;
    is_prime(Flavor::Any, &number(&subprime, sub_length)?).then_some(())?;
    let double = number(&subprime, length)?.shl(1);
    let double = NonZero::new(double).into_option()?;
    let one = BoxedUint::one_with_precision(length as u32);
    let hashes = length.div_ceil(8 * hash.length()) as u64;
    let mut offset = 1;
    for counter in 0..4 * length {
        // The hashes of later seeds stand behind those of earlier ones.
        let values = (0..hashes).rev();
        let values = values.flat_map(|place| hash.digest(&[&later(seed, offset + place)]));
        let start = number(&sized(&values.collect::<Vec<u8>>(), length), length)?;
        let rest = start.rem_vartime(&double);
        let prime = start.wrapping_sub(&rest).wrapping_add(&one);
        let bytes = modular::padded(&prime.to_be_bytes(), length / 8)?;
        let possible = modular::bits(&bytes) == length && !has_small_factor(&bytes);
        if possible && is_prime(Flavor::Any, &prime) {
            return Some((bytes, subprime, counter));
        }
        offset += hashes;
    }
    None
}

/// Appendix A.1.1.2, with a new seed as long as the subprime.
pub(super) fn generate(hash: Hash, (length, sub_length): (usize, usize)) -> Result<Primes> {
    let long_enough = 8 * hash.length() >= sub_length;
    ensure(long_enough, CKR_MECHANISM_PARAM_INVALID)?;
    loop {
        let seed = random(sub_length / 8)?;
        if let Some((prime, subprime, _)) = of_seed(hash, &seed, (length, sub_length)) {
            return Ok(Primes {
                prime,
                subprime,
                seed,
            });
        }
    }
}

/// Appendix A.2.3: the generator with an index.
pub(super) fn generator(hash: Hash, primes: &Primes, index: u8) -> Result<Vec<u8>> {
    let invalid = refusal(CKR_ATTRIBUTE_VALUE_INVALID);
    let modulus = Modulus::new(&primes.prime)?;
    let bits = modulus.bits();
    let prime = number(&primes.prime, bits).ok_or(invalid)?;
    let order = number(&primes.subprime, bits).ok_or(invalid)?;
    let order = NonZero::new(order).into_option().ok_or(invalid)?;
    let one = BoxedUint::one_with_precision(prime.bits_precision());
    let (cofactor, rest) = prime.wrapping_sub(&one).div_rem_vartime(&order);
    ensure(bool::from(rest.is_zero()), CKR_ATTRIBUTE_VALUE_INVALID)?;
    let cofactor = cofactor.to_be_bytes();
    for count in 1..=u16::MAX {
        let digest = hash.digest(&[&primes.seed, b"ggen", &[index], &count.to_be_bytes()]);
        let base = modulus.power(&digest, &cofactor).ok_or(invalid)?;
        if modular::bits(&base) > 1 {
            return Ok(base);
        }
    }
    Err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    /// Made with OpenSSL 3.0: `openssl genpkey -genparam -algorithm DSA -pkeyopt type:fips186_4
    /// -pkeyopt gindex:1`, for each length that FIPS 186-4 has, with its seed and counter.
    struct Known {
        hash: Hash,
        lengths: (usize, usize),
        prime: &'static str,
        subprime: &'static str,
        base: &'static str,
        seed: &'static str,
        counter: usize,
    }

    #[rustfmt::skip]
    static KNOWN: [Known; 3] = [
        Known {
            hash: Hash::Sha1,
            lengths: (1024, 160),
            prime: "b31ebf049afc9222e73003cfc3389d8297b5da9e7beb341b660e393ae638e12b
             26104e24ba1c41aa8030b657cd803e4ae9889d29f1ee237ea25f0cc2ff82c191
             db0bc697f8160341a7fd46b51fa7e6bbe6b6a7b9ba5e67ae4d8c1760ae7cc51b
             0d5e1a67db0d5d5709a2629a8d61c48422ba8f1dedb9d2e00e841a384eba4ed3",
            subprime: "c8ed31424724e18ba7427a8850f114a86e550079",
            base: "1ceae43ba801942275f468680ca4da757b5ca1e35cc350bf9332ec708cd27084
             dcad53587d4aa14e1181fbbc93cbf2644eb5a81f8ff46a83c570c193128c4ce0
             0cc62c595da1bf7f91a1d5cb941da0eb8aa6f3cd738e02dd6ea6ede27aa216fb
             4653ea437000996b4a246b49f5aa155a2bf82dacf86889ee5ec5a12730e1850a",
            seed: "830c053d0d69ffde2972c1c1bb919dcdd6adacc3",
            counter: 61,
        },
        Known {
            hash: Hash::Sha224,
            lengths: (2048, 224),
            prime: "a6090c53c15525efa112be68f70610d9382387358db6015236ad6f5f7ddcf442
             47df31142d0ab65ce9e0822567a0c4c905109e258211a197b4155ad784fbfeb7
             f418ad4874be063133a4e02fe19ad2c7f002b95496583c4191f1c0b6db7486e6
             988db9cf6bfc3e40a595d22bfeb1e085ba41e789aba4283e69be2091468d2b54
             4a615337c4f7ab8fd3b75fa40deea60a38ad35ca5eaca84ab1d6e2d9872b024a
             cf0b71d4fbb7e04c1207d1779fe222fcb0e51b84bed33e0821a0049feb87cf7f
             478144b9cc9ec250205915962131f9f0074626cc549a1280343fe6483a3041b8
             9c91b49151884f399528e46e82fb1ee7b89b3c40ba55de51aea420d9122ab941",
            subprime: "9260f6aa81f704f74b8a34a25365b26c7ed27e16fc761786b2b22c27",
            base: "665dc0b2fe011010435303da98b9d65a1d709ce1ce36df1475a3264aee1bab2a
             68e48881f9ca1308d126d57834b3fd53dd286cc2b224ca52aee75b8f341f1ef9
             efbfbd5d11552115791ebb3b07e45f45083213fcebf9ef5adf1ebd2b6242854e
             5c2a167fb6d15fdc67523b9383ef8f02e9374bce78b5084cd3f7777fec2e3727
             181d14638dc82449eff40bb21a5f3437a49f937424182fd73caedf8e5123f8ee
             d8e99954a0361bc9c3ecf8c96c049a2f427d044a2ca34ed73eefbb72eb498e29
             7de9fbb08dca626d5ff463f074e1f59ff84a3227e0dcf0bf2a3d584a72062023
             ee38dade9a5626ce224dbc2e10bf467035a30ca408e01e1f51c31b3322501250",
            seed: "e651a30b48950c20d82303afa57a713c19f25a8cb008b964cb0d01a9",
            counter: 510,
        },
        Known {
            hash: Hash::Sha512,
            lengths: (3072, 256),
            prime: "95ddecb817b88218a4803453bd57d6e8a106e21fae59d6e62a2ee261868fe498
             afa57f2990747be2c3cc61be74a5a6a12e7bc16f8fe714d2c2d354ff78a7b76d
             845c29afff4358138097c46596366649b4df3b149268b82b5802fa852a4640b4
             125543e92c61f8ab5211123cb8cf6e9ae90bc7060ae15fe77cb34778c8af1582
             09e992dbf422d6c99162575ce04da31ba5804fbb3113d4ac8e4a77ef43923969
             21070f0795e001ed409a41c44b5a3eb4f314c561fb27bf1f9f862577c04fbbbc
             6f939568a8bb2fa917a570a9a78bb2e8ecf507e73ad879318625aa453f613ccf
             a45ef88fa90ac9e199fbddf0302b83101a928bb4e806209967560d97cf9b4a8b
             624387f298b4fbd86a41d17c4ae72e983a9e8061113446e2177916083160fc6b
             c180a8ca6e6932be499873c6580a148e2f1403c116c22517b427fc686d57f4e8
             a54276fce7a5fd14a9ab07d2ea761dee824d024d0dc154d6ed6e45f6028d1934
             8aae5db44a6524f4c11be0b3209c36e6329006b54af26da460c6ffae524c8a2b",
            subprime: "b2eca87c221d6c251a84b373832194320a5581c4f891633c871f846364aecff9",
            base: "100d154dad251c9eac272f6d6806086c9c581b3b1f0403d758197eb8cc2bf00c
             eed1db9ca59a061d2ab85946528f7c371188c7d4717ea664a9c44018c6a2a46e
             66c1a226a05a49675bbacdbdf8a91421555fd47b0dd3c4f48855e9576654ac35
             f100486a9855afe4a139d9280d751f73acbaaeeffa2d53477904673ae7094678
             009a4042712d7ff4b15afb54e8dc2d059eda71614bb569c57703e82dcb97b3c5
             19ee371a1723d4e9fa10c3356dab265f60e32a4472a89e03b672165c3babbdf8
             03d4ee5d876a5b4b4ee68e422362e6758b9d0749d13ba35a967db87624ff5721
             237e6ec557d95095a7c0d6e54a9e96c12e2ad11b7136279a361babf71a7458d6
             bbf6c52b2119cb2f835917b593f274a932015a2ac895ea901ea9db04b1a787ed
             3654f77936154813fee0f603cb5ace6f0066d6282913e82143dc0cf61c51114b
             92b95ad112f1558ba7ed47231558ced3c4f4956d37776886c2710e7c19df86af
             6e2cb90d849dff211d74967227d57b3cccb05acbed77f07fcba43642882f06b4",
            seed: "929e49ce33e824565c8d4a87b37e1773adedfc34c2db2e34561927541d617a1d
             8a5b18a695026df083e822e54084c61571ded3e11a5776ff041a22986f0fb7e2",
            counter: 49,
        },
    ];

    #[test]
    fn seeds_make_the_domains_that_openssl_makes_of_them() {
        for known in &KNOWN {
            let seed = hex(known.seed);
            let (prime, subprime, counter) = of_seed(known.hash, &seed, known.lengths).unwrap();
            assert_eq!(prime, hex(known.prime));
            assert_eq!(
                (subprime.clone(), counter),
                (hex(known.subprime), known.counter)
            );
            let primes = Primes {
                prime,
                subprime,
                seed,
            };
            let base = generator(known.hash, &primes, 1).unwrap();
            assert_eq!(modular::bits(&base), modular::bits(&hex(known.base)));
            assert!(base.ends_with(&hex(known.base)));
            assert_ne!(generator(known.hash, &primes, 2).unwrap(), base);
        }
    }

    #[test]
    fn a_seed_of_another_domain_leads_elsewhere() {
        let known = &KNOWN[0];
        let seed = later(&hex(known.seed), 1);
        let made = of_seed(known.hash, &seed, known.lengths);
        assert!(made.is_none_or(|(_, subprime, _)| subprime != hex(known.subprime)));
        assert_eq!(later(&[0xff, 0xff, 0xfe], 3), [0, 0, 1]);
    }
}
