//! The fingerprint of RSA moduli whose primes are `k * M + 65537^a mod M`, M the product of the first
//! primes: Nemec, Sys, Svenda, Klinec, Matyas, The Return of Coppersmith's Attack (CCS 2017),
//! CVE-2017-15361. The modulus is then a power of 65537 modulo each of those primes.

/// Generator of the group in which such moduli lie.
const GENERATOR: u32 = 65537;
/// The last prime of the product for the shortest keys, 512 bits; longer keys have more of them.
const LAST: u32 = 167;

/// True of a big-endian number that is a power of 65537 modulo every prime of the product. Of numbers
/// without that structure about one in 2^30 is.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    let primes = (3..=LAST).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0));
    !modulus.is_empty()
        && primes
            .into_iter()
            .all(|prime| is_power(remainder(modulus, prime), prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    let add = |so_far: u32, byte: &u8| (so_far * 256 + u32::from(*byte)) % prime;
    number.iter().fold(0, add)
}

fn is_power(number: u32, prime: u32) -> bool {
    let next = |power: &u32| Some(power * (GENERATOR % prime) % prime);
    let powers = std::iter::successors(Some(1), next).take(prime as usize);
    powers.into_iter().any(|power| power == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_the_generator_have_the_fingerprint() {
        // 65537, and 65537 squared; one more than each is none.
        assert!(has_fingerprint(&[1, 0, 1]));
        assert!(has_fingerprint(&[1, 0, 2, 0, 1]));
        assert!(!has_fingerprint(&[1, 0, 2]));
        assert!(!has_fingerprint(&[1, 0, 2, 0, 2]));
        assert!(!has_fingerprint(&[]));
    }

    /// (2 * M + 65537^3 mod M) * (3 * M + 65537^5 mod M) with M the product of the primes up to 167.
    #[rustfmt::skip]
    const FORMED: [u8; 56] = [
        0x01, 0xf5, 0xa5, 0xa5, 0xc6, 0xfa, 0x2e, 0x9a, 0xb2, 0x7b, 0x3d, 0xd8, 0x29, 0xfd, 0xa7, 0x61,
        0x40, 0x9e, 0xa1, 0x40, 0x15, 0x41, 0x92, 0x7f, 0x6b, 0x7a, 0x77, 0x73, 0xbf, 0xcb, 0xec, 0xa5,
        0xaa, 0x0c, 0x29, 0x9e, 0x0c, 0x79, 0xf1, 0xa3, 0x25, 0xac, 0xbf, 0x2a, 0x65, 0x53, 0xae, 0x3e,
        0x1f, 0xed, 0xdd, 0x79, 0xc9, 0xcc, 0xf9, 0xb7,
    ];

    #[test]
    fn a_modulus_of_primes_of_that_form_has_it() {
        let product = FORMED;
        assert!(has_fingerprint(&product));
        let mut other = product;
        other[8] ^= 4;
        assert!(!has_fingerprint(&other));
    }

    #[test]
    fn few_numbers_have_it_by_chance() {
        let number = |seed: u64| {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut bytes = [0; 256];
            random.fill(&mut bytes);
            bytes
        };
        assert!((0..2000).all(|seed| !has_fingerprint(&number(seed))));
    }
}
