//! Keys from passwords: PBKDF2 of PKCS #5 and the method of PKCS #12, [PKCS11-Base 3.2] sections
//! 6.37 and 6.38. Passwords are bytes as they come: that PKCS #12 files encode theirs as BMPString
//! with a final NUL is for the application to do.

use cryptoki_sys::*;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use super::{
    Contribution, Entry, Family, Form, Hash, Mechanism, Parameter, Password, Wish, set_parity,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The password-based mechanisms.
pub(super) struct Passwords;

/// Lengths of keys in bytes.
const fn entry(mechanism: CK_MECHANISM_TYPE, sizes: (CK_ULONG, CK_ULONG), form: Form) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags: CKF_GENERATE,
        form,
        keys: &[],
    }
}

static ENTRIES: [Entry; 8] = [
    entry(CKM_PKCS5_PBKD2, (1, 4096), Form::Pbkdf2),
    entry(CKM_PBE_SHA1_DES3_EDE_CBC, (24, 24), Form::Pbe { iv: true }),
    entry(CKM_PBE_SHA1_DES2_EDE_CBC, (16, 16), Form::Pbe { iv: true }),
    entry(CKM_PBE_SHA1_RC2_128_CBC, (16, 16), Form::Pbe { iv: true }),
    entry(CKM_PBE_SHA1_RC2_40_CBC, (5, 5), Form::Pbe { iv: true }),
    entry(CKM_PBE_MD5_DES_CBC, (8, 8), Form::Pbe { iv: true }),
    entry(CKM_PBE_MD2_DES_CBC, (8, 8), Form::Pbe { iv: true }),
    entry(
        CKM_PBA_SHA1_WITH_SHA1_HMAC,
        (20, 20),
        Form::Pbe { iv: false },
    ),
];

type Pbkdf2 = fn(&[u8], &[u8], u32, &mut [u8]);

/// The table of section 6.37.3, without GOST R 34.11-94.
const PRFS: [(CK_ULONG, Pbkdf2); 7] = [
    (CKP_PKCS5_PBKD2_HMAC_SHA1, pbkdf2_hmac::<Sha1>),
    (CKP_PKCS5_PBKD2_HMAC_SHA224, pbkdf2_hmac::<Sha224>),
    (CKP_PKCS5_PBKD2_HMAC_SHA256, pbkdf2_hmac::<Sha256>),
    (CKP_PKCS5_PBKD2_HMAC_SHA384, pbkdf2_hmac::<Sha384>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512, pbkdf2_hmac::<Sha512>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_224, pbkdf2_hmac::<Sha512_224>),
    (CKP_PKCS5_PBKD2_HMAC_SHA512_256, pbkdf2_hmac::<Sha512_256>),
];

/// Iterations that are run at all: minutes, not years.
const MOST_ITERATIONS: CK_ULONG = 10_000_000;

fn iterations(password: &Password) -> Result<u32> {
    let counted = (1..=MOST_ITERATIONS).contains(&password.iterations);
    ensure(counted, CKR_MECHANISM_PARAM_INVALID)?;
    u32::try_from(password.iterations).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))
}

/// Section 6.37.4.
fn pbkdf2(password: &Password, template: &Attributes) -> Result<Vec<u8>> {
    let wish = Wish {
        class: None,
        key_type: template.ulong(CKA_KEY_TYPE),
        length: template
            .ulong(CKA_VALUE_LEN)
            .map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
    };
    let length = wish.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    ensure((1..=4096).contains(&length), CKR_ATTRIBUTE_VALUE_INVALID)?;
    let (_, function) = PRFS
        .iter()
        .find(|(prf, _)| *prf == password.prf)
        .ok_or(refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let mut key = vec![0; length];
    let iterations = iterations(password)?;
    function(&password.password, &password.salt, iterations, &mut key);
    Ok(key)
}

/// What the bits of PKCS #12 are for: the identification byte of section 6.38.
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    Iv = 2,
    Mac = 3,
}

/// The method of section 6.38, which is RFC 7292 appendix B.2, with SHA-1.
fn pkcs12(password: &Password, purpose: Purpose, length: usize) -> Result<Vec<u8>> {
    const BLOCK: usize = 64;
    let iterations = iterations(password)?;
    let diversifier = [purpose as u8; BLOCK];
    let stretched = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().next_multiple_of(BLOCK);
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut input = [stretched(&password.salt), stretched(&password.password)].concat();
    let mut output = Vec::new();
    loop {
        let mut hash = Hash::Sha1.digest(&[&diversifier, &input]);
        for _ in 1..iterations {
            hash = Hash::Sha1.digest(&[&hash]);
        }
        output.extend_from_slice(&hash);
        if output.len() >= length {
            output.truncate(length);
            return Ok(output);
        }
        let addend: Vec<u8> = hash.iter().copied().cycle().take(BLOCK).collect();
        for block in input.chunks_mut(BLOCK) {
            add_and_one(block, &addend);
        }
    }
}

/// Adds a number and one to a number of the same length, without what is carried out of it.
fn add_and_one(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (digit, other) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*other) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
}

/// PBKDF1 of RFC 8018 section 5.1, which the historical mechanisms take sixteen bytes of: a DES key
/// and an IV.
fn pbkdf1(password: &Password, hash: Hash) -> Result<(Vec<u8>, Vec<u8>)> {
    // Its salts have eight bytes (RFC 8018 section 6.1.1).
    ensure(password.salt.len() == 8, CKR_MECHANISM_PARAM_INVALID)?;
    let mut output = hash.digest(&[&password.password, &password.salt]);
    for _ in 1..iterations(password)? {
        output = hash.digest(&[&output]);
    }
    let iv = output.split_off(8);
    Ok((output, iv))
}

/// The key type of a mechanism that leaves no choice.
fn key_type(mechanism: CK_MECHANISM_TYPE) -> Option<CK_KEY_TYPE> {
    match mechanism {
        CKM_PBE_SHA1_DES3_EDE_CBC => Some(CKK_DES3),
        CKM_PBE_SHA1_DES2_EDE_CBC => Some(CKK_DES2),
        CKM_PBE_SHA1_RC2_128_CBC | CKM_PBE_SHA1_RC2_40_CBC => Some(CKK_RC2),
        CKM_PBE_MD5_DES_CBC | CKM_PBE_MD2_DES_CBC => Some(CKK_DES),
        CKM_PBA_SHA1_WITH_SHA1_HMAC => Some(CKK_GENERIC_SECRET),
        _ => None,
    }
}

impl Family for Passwords {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, mechanism: &Mechanism) -> Option<CK_KEY_TYPE> {
        key_type(mechanism.kind)
    }

    fn implied_length(&self, mechanism: &Mechanism) -> Option<usize> {
        match mechanism.kind {
            CKM_PBA_SHA1_WITH_SHA1_HMAC => Some(20),
            CKM_PBE_SHA1_RC2_128_CBC => Some(16),
            CKM_PBE_SHA1_RC2_40_CBC => Some(5),
            _ => None,
        }
    }

    fn generate_answering(
        &self,
        mechanism: &Mechanism,
        template: &Attributes,
    ) -> Result<(Contribution, Vec<Vec<u8>>)> {
        let Parameter::Password(password) = &mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let (mut value, iv) = match mechanism.kind {
            CKM_PKCS5_PBKD2 => (pbkdf2(password, template)?, None),
            CKM_PBA_SHA1_WITH_SHA1_HMAC => (pkcs12(password, Purpose::Mac, 20)?, None),
            CKM_PBE_SHA1_DES3_EDE_CBC
            | CKM_PBE_SHA1_DES2_EDE_CBC
            | CKM_PBE_SHA1_RC2_128_CBC
            | CKM_PBE_SHA1_RC2_40_CBC => {
                let length = ENTRIES
                    .iter()
                    .find(|entry| entry.mechanism == mechanism.kind)
                    .map_or(0, |entry| entry.sizes.1 as usize);
                let key = pkcs12(password, Purpose::Key, length)?;
                (key, Some(pkcs12(password, Purpose::Iv, 8)?))
            }
            kind => {
                let hash = match kind {
                    CKM_PBE_MD2_DES_CBC => Hash::Md2,
                    _ => Hash::Md5,
                };
                let (key, iv) = pbkdf1(password, hash)?;
                (key, Some(iv))
            }
        };
        if let Some(key_type) = template.ulong(CKA_KEY_TYPE) {
            set_parity(key_type, &mut value);
        }
        let contribution = vec![(CKA_VALUE, Value::Bytes(value))];
        Ok((contribution, iv.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    fn password(password: &[u8], salt: &[u8], iterations: CK_ULONG, prf: CK_ULONG) -> Password {
        Password {
            password: password.to_vec(),
            salt: salt.to_vec(),
            iterations,
            prf,
        }
    }

    /// The vectors for PKCS #12 in OpenSSL's evppbe_pkcs12.txt, passwords "smeg" and "queeg".
    #[test]
    fn the_method_of_pkcs_12_gives_keys_ivs_and_mac_keys() {
        let smeg = hex("0073006D006500670000");
        let queeg = hex("007100750065006500670000");
        let rows = [
            (
                &smeg,
                "0A58CF64530D823F",
                1,
                Purpose::Key,
                "8AAAE6297B6CB04642AB5B077851284EB7128F1A2A7FBCA3",
            ),
            (
                &smeg,
                "0A58CF64530D823F",
                1,
                Purpose::Iv,
                "79993DFE048D3B76",
            ),
            (
                &smeg,
                "3D83C0E4546AC140",
                1,
                Purpose::Mac,
                "8D967D88F6CAA9D714800AB3D48051D63F73A312",
            ),
            (
                &queeg,
                "1682C0FC5B3F7EC5",
                1000,
                Purpose::Key,
                "483DD6E919D7DE2E8E648BA8F862F3FBFBDC2BCB2C02957F",
            ),
            (
                &queeg,
                "1682C0FC5B3F7EC5",
                1000,
                Purpose::Iv,
                "9D461D1B00355C50",
            ),
            (
                &queeg,
                "263216FCC2FAB31C",
                1000,
                Purpose::Mac,
                "5EC4C7A80DF652294C3925B6489A7AB857C83476",
            ),
        ];
        for (secret, salt, iterations, purpose, expected) in rows {
            let password = password(secret, &hex(salt), iterations, 0);
            let expected = hex(expected);
            assert_eq!(
                pkcs12(&password, purpose, expected.len()).unwrap(),
                expected
            );
        }
    }

    /// The same vectors: a shorter key is the beginning of a longer one.
    #[test]
    fn keys_of_rc2_and_their_vectors_come_of_the_same_bits() {
        let queeg = b"\0q\0u\0e\0e\0g\0\0";
        let (key, iv) = ("483DD6E919D7DE2E8E648BA8F862F3FB", "9D461D1B00355C50");
        for (kind, length) in [(CKM_PBE_SHA1_RC2_128_CBC, 16), (CKM_PBE_SHA1_RC2_40_CBC, 5)] {
            let password = password(queeg, &hex("1682C0FC5B3F7EC5"), 1000, 0);
            let mechanism = Mechanism {
                kind,
                parameter: Parameter::Password(Box::new(password)),
            };
            assert_eq!(Passwords.implied_length(&mechanism), Some(length));
            let made = Passwords.generate_answering(&mechanism, &Attributes::default());
            let (contribution, back) = made.unwrap();
            assert_eq!(contribution[0].1.bytes(), &hex(key)[..length]);
            assert_eq!(back, [hex(iv)]);
        }
    }

    fn template(length: CK_ULONG) -> Attributes {
        [
            (CKA_KEY_TYPE, Value::ulong(CKK_GENERIC_SECRET)),
            (CKA_VALUE_LEN, Value::ulong(length)),
        ]
        .into_iter()
        .collect()
    }

    /// RFC 6070 for SHA-1 and RFC 7914 section 11 for SHA-256.
    #[test]
    fn pbkdf2_gives_the_answers_of_rfc_6070_and_rfc_7914() {
        let sha1 = password(b"password", b"salt", 4096, CKP_PKCS5_PBKD2_HMAC_SHA1);
        assert_eq!(
            pbkdf2(&sha1, &template(20)).unwrap(),
            hex("4b007901b765489abead49d926f721d065a429c1")
        );
        let sha256 = password(b"passwd", b"salt", 1, CKP_PKCS5_PBKD2_HMAC_SHA256);
        assert_eq!(
            pbkdf2(&sha256, &template(64)).unwrap(),
            hex(
                "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc
                 49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"
            )
        );
    }

    /// RFC 8018 section 5.1 by its own definition: one iteration is the hash of password and salt.
    #[test]
    fn pbkdf1_hashes_its_own_output() {
        let once = password(b"secret", b"saltsalt", 1, 0);
        let (key, iv) = pbkdf1(&once, Hash::Md5).unwrap();
        let digest = Hash::Md5.digest(&[b"secretsaltsalt"]);
        assert_eq!([key, iv].concat(), digest);
        let twice = password(b"secret", b"saltsalt", 2, 0);
        let (key, iv) = pbkdf1(&twice, Hash::Md5).unwrap();
        assert_eq!([key, iv].concat(), Hash::Md5.digest(&[&digest]));
    }

    #[test]
    fn no_iterations_an_unknown_prf_and_a_short_salt_are_invalid_parameters() {
        let code = |result: Result<Vec<u8>>| result.unwrap_err().code();
        for (iterations, prf) in [
            (0, CKP_PKCS5_PBKD2_HMAC_SHA1),
            (MOST_ITERATIONS + 1, CKP_PKCS5_PBKD2_HMAC_SHA1),
            (1, CKP_PKCS5_PBKD2_HMAC_GOSTR3411),
        ] {
            let password = password(b"p", b"s", iterations, prf);
            assert_eq!(
                code(pbkdf2(&password, &template(20))),
                CKR_MECHANISM_PARAM_INVALID
            );
        }
        let short = pbkdf1(&password(b"p", b"s", 1, 0), Hash::Md5);
        assert_eq!(short.unwrap_err().code(), CKR_MECHANISM_PARAM_INVALID);
    }
}
