//! The sets of Wycheproof that say something of a mechanism, by the names of their files. The build
//! script reads this file, too: it packs these sets, and no others, for the program.

pub(crate) const ECDSA: &str = "ecdsa_brainpoolP224r1_sha224_p1363 ecdsa_brainpoolP224r1_sha224 \
        ecdsa_brainpoolP224r1_sha3_224 ecdsa_brainpoolP256r1_sha256_p1363 \
        ecdsa_brainpoolP256r1_sha256 ecdsa_brainpoolP256r1_sha3_256 \
        ecdsa_brainpoolP320r1_sha3_384 ecdsa_brainpoolP320r1_sha384_p1363 \
        ecdsa_brainpoolP320r1_sha384 ecdsa_brainpoolP384r1_sha3_384 \
        ecdsa_brainpoolP384r1_sha384_p1363 ecdsa_brainpoolP384r1_sha384 \
        ecdsa_brainpoolP512r1_sha3_512 ecdsa_brainpoolP512r1_sha512_p1363 \
        ecdsa_brainpoolP512r1_sha512 ecdsa_secp160k1_sha256_p1363 ecdsa_secp160k1_sha256 \
        ecdsa_secp160r1_sha256_p1363 ecdsa_secp160r1_sha256 ecdsa_secp160r2_sha256_p1363 \
        ecdsa_secp160r2_sha256 ecdsa_secp192k1_sha256_p1363 ecdsa_secp192k1_sha256 \
        ecdsa_secp192r1_sha256_p1363 ecdsa_secp192r1_sha256 ecdsa_secp224k1_sha224_p1363 \
        ecdsa_secp224k1_sha224 ecdsa_secp224k1_sha256_p1363 ecdsa_secp224k1_sha256 \
        ecdsa_secp224r1_sha224_p1363 ecdsa_secp224r1_sha224 ecdsa_secp224r1_sha256_p1363 \
        ecdsa_secp224r1_sha256 ecdsa_secp224r1_sha3_224 ecdsa_secp224r1_sha3_256 \
        ecdsa_secp224r1_sha3_512 ecdsa_secp224r1_sha512_p1363 ecdsa_secp224r1_sha512 \
        ecdsa_secp224r1_shake128_p1363 ecdsa_secp224r1_shake128 \
        ecdsa_secp256k1_sha256_p1363 ecdsa_secp256k1_sha256 \
        ecdsa_secp256k1_sha3_256 ecdsa_secp256k1_sha3_512 ecdsa_secp256k1_sha512_p1363 \
        ecdsa_secp256k1_sha512 ecdsa_secp256k1_shake128_p1363 ecdsa_secp256k1_shake128 \
        ecdsa_secp256k1_shake256_p1363 ecdsa_secp256k1_shake256 ecdsa_secp256r1_sha256_p1363 \
        ecdsa_secp256r1_sha256 ecdsa_secp256r1_sha3_256 ecdsa_secp256r1_sha3_512 \
        ecdsa_secp256r1_sha512_p1363 ecdsa_secp256r1_sha512 ecdsa_secp256r1_shake128_p1363 \
        ecdsa_secp256r1_shake128 ecdsa_secp384r1_sha256 ecdsa_secp384r1_sha3_384 \
        ecdsa_secp384r1_sha3_512 ecdsa_secp384r1_sha384_p1363 ecdsa_secp384r1_sha384 \
        ecdsa_secp384r1_sha512_p1363 ecdsa_secp384r1_sha512 ecdsa_secp384r1_shake256_p1363 \
        ecdsa_secp384r1_shake256 ecdsa_secp521r1_sha3_512 ecdsa_secp521r1_sha512_p1363 \
        ecdsa_secp521r1_sha512 ecdsa_secp521r1_shake256_p1363 ecdsa_secp521r1_shake256";

pub(crate) const EDDSA: &str = "ed25519 ed448";

pub(crate) const DSA: &str = "dsa_2048_224_sha224 dsa_2048_224_sha256 dsa_2048_256_sha256 dsa_3072_256_sha256 \
        dsa_2048_224_sha224_p1363 dsa_2048_224_sha256_p1363 dsa_2048_256_sha256_p1363 \
        dsa_3072_256_sha256_p1363";

pub(crate) const RSA_PKCS1: &str = "rsa_signature_2048_sha224 rsa_signature_2048_sha256 rsa_signature_2048_sha3_224 \
        rsa_signature_2048_sha3_256 rsa_signature_2048_sha3_384 rsa_signature_2048_sha3_512 \
        rsa_signature_2048_sha384 rsa_signature_2048_sha512_224 \
        rsa_signature_2048_sha512_256 rsa_signature_2048_sha512 rsa_signature_3072_sha256 \
        rsa_signature_3072_sha3_256 rsa_signature_3072_sha3_384 rsa_signature_3072_sha3_512 \
        rsa_signature_3072_sha384 rsa_signature_3072_sha512_256 rsa_signature_3072_sha512 \
        rsa_signature_4096_sha256 rsa_signature_4096_sha384 rsa_signature_4096_sha512_256 \
        rsa_signature_4096_sha512 rsa_signature_8192_sha256 rsa_signature_8192_sha384 \
        rsa_signature_8192_sha512";

pub(crate) const RSA_PSS: &str = "rsa_pss_2048_sha1_mgf1_20_params rsa_pss_2048_sha1_mgf1_20 \
        rsa_pss_2048_sha256_mgf1_0_params rsa_pss_2048_sha256_mgf1_0 \
        rsa_pss_2048_sha256_mgf1_32_params rsa_pss_2048_sha256_mgf1_32 \
        rsa_pss_2048_sha256_mgf1sha1_20 rsa_pss_2048_sha384_mgf1_48 \
        rsa_pss_2048_sha512_mgf1sha256_32_params rsa_pss_3072_sha256_mgf1_32_params \
        rsa_pss_3072_sha256_mgf1_32 rsa_pss_4096_sha256_mgf1_32 rsa_pss_4096_sha384_mgf1_48 \
        rsa_pss_4096_sha512_mgf1_32_params rsa_pss_4096_sha512_mgf1_32 \
        rsa_pss_4096_sha512_mgf1_64_params rsa_pss_4096_sha512_mgf1_64 rsa_pss_misc_params \
        rsa_pss_misc";

pub(crate) const ML_DSA_VERIFY: &str = "mldsa_44_verify mldsa_65_verify mldsa_87_verify";

pub(crate) const ML_DSA_SIGN: &str = "mldsa_44_sign_noseed mldsa_44_sign_seed mldsa_65_sign_noseed mldsa_65_sign_seed \
        mldsa_87_sign_noseed mldsa_87_sign_seed";

pub(crate) const AEAD: &str = "aes_ccm aes_gcm chacha20_poly1305 xchacha20_poly1305";

pub(crate) const BLOCK: &str = "aes_cbc_pkcs5 aes_xts aria_cbc_pkcs5 camellia_cbc_pkcs5";

pub(crate) const RSA_OAEP: &str = "rsa_oaep_2048_sha1_mgf1sha1 rsa_oaep_2048_sha224_mgf1sha1 \
        rsa_oaep_2048_sha224_mgf1sha224 rsa_oaep_2048_sha256_mgf1sha1 \
        rsa_oaep_2048_sha256_mgf1sha256 rsa_oaep_2048_sha384_mgf1sha1 \
        rsa_oaep_2048_sha384_mgf1sha384 rsa_oaep_2048_sha512_mgf1sha1 \
        rsa_oaep_2048_sha512_mgf1sha512 rsa_oaep_2048_sha512_224_mgf1sha1 \
        rsa_oaep_3072_sha256_mgf1sha1 rsa_oaep_3072_sha256_mgf1sha256 \
        rsa_oaep_3072_sha512_mgf1sha1 rsa_oaep_3072_sha512_mgf1sha512 \
        rsa_oaep_3072_sha512_256_mgf1sha1 rsa_oaep_4096_sha256_mgf1sha1 \
        rsa_oaep_4096_sha256_mgf1sha256 rsa_oaep_4096_sha512_mgf1sha1 \
        rsa_oaep_4096_sha512_mgf1sha512 rsa_oaep_misc";

pub(crate) const RSA_PKCS1_DECRYPT: &str = "rsa_pkcs1_2048 rsa_pkcs1_3072 rsa_pkcs1_4096";

pub(crate) const KEY_WRAP: &str = "aes_wrap aes_kwp";

pub(crate) const MAC: &str = "aes_cmac hmac_sha1 hmac_sha224 hmac_sha256 hmac_sha384 hmac_sha3_224 \
        hmac_sha3_256 hmac_sha3_384 hmac_sha3_512 hmac_sha512 hmac_sha512_224 hmac_sha512_256";

pub(crate) const GMAC: &str = "aes_gmac";

pub(crate) const ECDH: &str = "ecdh_brainpoolP224r1 ecdh_brainpoolP256r1 ecdh_brainpoolP320r1 \
        ecdh_brainpoolP384r1 ecdh_brainpoolP512r1 ecdh_secp224r1 ecdh_secp256k1 \
        ecdh_secp256r1 ecdh_secp384r1 ecdh_secp521r1 ecdh_secp224r1_ecpoint \
        ecdh_secp256r1_ecpoint ecdh_secp384r1_ecpoint ecdh_secp521r1_ecpoint";

pub(crate) const XDH: &str = "x25519 x448";

pub(crate) const HKDF: &str = "hkdf_sha1 hkdf_sha256 hkdf_sha384 hkdf_sha512";

pub(crate) const PBKDF2: &str = "pbkdf2_hmacsha1 pbkdf2_hmacsha224 pbkdf2_hmacsha256 pbkdf2_hmacsha384 \
        pbkdf2_hmacsha512";

pub(crate) const PBES2: &str = "pbes2_hmacsha1_aes_128 pbes2_hmacsha1_aes_192 pbes2_hmacsha1_aes_256 \
        pbes2_hmacsha224_aes_128 pbes2_hmacsha224_aes_192 pbes2_hmacsha224_aes_256 \
        pbes2_hmacsha256_aes_128 pbes2_hmacsha256_aes_192 pbes2_hmacsha256_aes_256 \
        pbes2_hmacsha384_aes_128 pbes2_hmacsha384_aes_192 pbes2_hmacsha384_aes_256 \
        pbes2_hmacsha512_aes_128 pbes2_hmacsha512_aes_192 pbes2_hmacsha512_aes_256";

pub(crate) const ML_KEM: &str = "mlkem_512 mlkem_512_encaps mlkem_512_keygen_seed mlkem_512_semi_expanded_decaps \
        mlkem_768 mlkem_768_encaps mlkem_768_keygen_seed mlkem_768_semi_expanded_decaps \
        mlkem_1024 mlkem_1024_encaps mlkem_1024_keygen_seed mlkem_1024_semi_expanded_decaps";

/// All of them.
pub(crate) const ALL: [&str; 20] = [
    ECDSA,
    EDDSA,
    DSA,
    RSA_PKCS1,
    RSA_PSS,
    ML_DSA_VERIFY,
    ML_DSA_SIGN,
    AEAD,
    BLOCK,
    RSA_OAEP,
    RSA_PKCS1_DECRYPT,
    KEY_WRAP,
    MAC,
    GMAC,
    ECDH,
    XDH,
    HKDF,
    PBKDF2,
    PBES2,
    ML_KEM,
];
