//! DSA domains that can be verified: sections 6.2.8 and 6.2.10, FIPS 186-4 appendix A.

use cryptoki_sys::*;
use sha1::{Digest, Sha1};

use super::support::calls::{sign, verify};
use super::support::{Attributes, Token, plain, with};
use super::{open_private, pair};

fn parameter(
    hash: CK_MECHANISM_TYPE,
    seed: &mut [u8],
    index: CK_ULONG,
) -> CK_DSA_PARAMETER_GEN_PARAM {
    CK_DSA_PARAMETER_GEN_PARAM {
        hash,
        pSeed: seed.as_mut_ptr(),
        ulSeedLen: seed.len() as CK_ULONG,
        ulIndex: index,
    }
}

fn generate(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mut mechanism: CK_MECHANISM,
    template: &Attributes,
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let (mut list, mut object) = (template.list(), 0);
    let count = list.count();
    let rv = call!(
        token,
        C_GenerateKey(session, &mut mechanism, list.pointer(), count, &mut object)
    );
    if rv == CKR_OK { Ok(object) } else { Err(rv) }
}

#[test]
fn primes_come_with_their_seed_and_the_seed_makes_their_base() {
    let token = Token::fresh();
    let session = token.user_session();
    let bits = Attributes::new().ulong(CKA_PRIME_BITS, 1024);
    let mut seed = [0u8; 64];
    let mut given = parameter(CKM_SHA_1, &mut seed, 0);
    let mechanism = with(CKM_DSA_PROBABILISTIC_PARAMETER_GEN, &mut given);
    let primes = generate(&token, session, mechanism, &bits).unwrap();
    assert_eq!((given.ulSeedLen, &seed[20..]), (20, &[0; 44][..]));
    let read = |object, attribute| token.attribute(session, object, attribute);
    let (prime, subprime) = (
        read(primes, CKA_PRIME).unwrap(),
        read(primes, CKA_SUBPRIME).unwrap(),
    );
    // Appendix A.1.1.2, steps 6 and 7: the hash of the seed with its ends set.
    let mut expected = Sha1::digest(&seed[..20]).to_vec();
    expected[0] |= 0x80;
    expected[19] |= 1;
    assert_eq!((prime.len(), subprime.clone()), (128, expected));
    assert_eq!(
        read(primes, CKA_SUBPRIME_BITS).unwrap(),
        160u64.to_ne_bytes()
    );
    assert_eq!(read(primes, CKA_BASE), Err(CKR_ATTRIBUTE_TYPE_INVALID));
    let template = Attributes::new()
        .bytes(CKA_PRIME, prime)
        .bytes(CKA_SUBPRIME, subprime);
    let base = |template: &Attributes, seed: &mut [u8], index| {
        let mut given = parameter(CKM_SHA_1, seed, index);
        let mechanism = with(CKM_DSA_FIPS_G_GEN, &mut given);
        generate(&token, session, mechanism, template)
    };
    let domain = base(&template, &mut seed[..20], 1).unwrap();
    let again = base(&template, &mut seed[..20], 1).unwrap();
    let other = base(&template, &mut seed[..20], 2).unwrap();
    let value = read(domain, CKA_BASE).unwrap();
    assert_eq!(read(again, CKA_BASE).unwrap(), value);
    assert_ne!(read(other, CKA_BASE).unwrap(), value);
    assert_eq!(read(domain, CKA_PRIME_BITS).unwrap(), 1024u64.to_ne_bytes());
    let public = template.clone().bytes(CKA_BASE, value);
    let generation = plain(CKM_DSA_KEY_PAIR_GEN);
    let (public, private) = pair(&token, session, generation, &public, &open_private()).unwrap();
    let mechanism = plain(CKM_DSA_SHA1);
    let signature = sign(&token, session, mechanism, private, b"signed").unwrap();
    let given = (&b"signed"[..], &signature[..]);
    assert_eq!(verify(&token, session, mechanism, public, given), CKR_OK);
    // A base needs its primes, a seed, and an index of one byte.
    let none = Attributes::new();
    let refused = base(&none, &mut seed[..20], 1);
    assert_eq!(refused, Err(CKR_TEMPLATE_INCOMPLETE));
    for (length, index) in [(0, 1), (20, 256)] {
        let refused = base(&template, &mut seed[..length], index);
        assert_eq!(refused, Err(CKR_MECHANISM_PARAM_INVALID));
    }
    let torn = template.altered(CKA_SUBPRIME, |value| value[9] ^= 1);
    let refused = base(&torn, &mut seed[..20], 1);
    assert_eq!(refused, Err(CKR_ATTRIBUTE_VALUE_INVALID));
}

#[test]
fn seeds_need_room_and_hashes_as_long_as_the_subprime() {
    let token = Token::fresh();
    let session = token.user_session();
    let refused = |hash, room: usize, sizes: (CK_ULONG, CK_ULONG)| {
        let mut seed = [0u8; 64];
        let mut given = parameter(hash, &mut seed[..room], 0);
        let mechanism = with(CKM_DSA_PROBABILISTIC_PARAMETER_GEN, &mut given);
        let template = Attributes::new()
            .ulong(CKA_PRIME_BITS, sizes.0)
            .ulong(CKA_SUBPRIME_BITS, sizes.1);
        generate(&token, session, mechanism, &template).unwrap_err()
    };
    let small = (1024, 160);
    for (hash, room, sizes) in [
        (CKM_SHA_1, 19, small),
        (CKM_SHA_1, 64, (2048, 256)),
        (CKM_MD5, 64, small),
        (CKM_SHA3_256, 64, small),
    ] {
        assert_eq!(refused(hash, room, sizes), CKR_MECHANISM_PARAM_INVALID);
    }
    let odd = refused(CKM_SHA_1, 64, (1024, 224));
    assert_eq!(odd, CKR_ATTRIBUTE_VALUE_INVALID);
}
