//! HKDF: [PKCS11-Base 3.2] section 6.62, and RFC 5869.

use cryptoki_sys::*;

use super::parameter::hash_named;
use super::{Contribution, Derived, Entry, Family, Form, Hash, Mechanism, Parameter, Salt, random};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The HKDF mechanisms.
pub(super) struct Hkdf;

/// Lengths of keys in bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (1, 4096);
const KEYS: &[CK_KEY_TYPE] = &[CKK_HKDF, CKK_GENERIC_SECRET];

const fn entry(mechanism: CK_MECHANISM_TYPE, flags: CK_FLAGS, form: Form) -> Entry {
    Entry {
        mechanism,
        sizes: BYTES,
        flags,
        form,
        keys: KEYS,
    }
}

static ENTRIES: [Entry; 3] = [
    entry(CKM_HKDF_DERIVE, CKF_DERIVE, Form::Hkdf),
    entry(CKM_HKDF_DATA, CKF_DERIVE, Form::Hkdf),
    entry(CKM_HKDF_KEY_GEN, CKF_GENERATE, Form::None),
];

/// RFC 5869 section 2.3.
fn expand(hash: Hash, key: &[u8], info: &[u8], length: usize) -> Result<Vec<u8>> {
    ensure(length <= 255 * hash.length(), CKR_KEY_SIZE_RANGE)?;
    let mut output = Vec::with_capacity(length + hash.length());
    let mut block = Vec::new();
    let mut counter = 1u8;
    while output.len() < length {
        block = hash.mac(key, &[&block, info, &[counter]].concat());
        output.extend_from_slice(&block);
        counter = counter.wrapping_add(1);
    }
    output.truncate(length);
    Ok(output)
}

impl Family for Hkdf {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_HKDF)
    }

    fn generate_key(&self, _: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let length = template
            .ulong(CKA_VALUE_LEN)
            .ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        ensure(
            (BYTES.0..=BYTES.1).contains(&length),
            CKR_ATTRIBUTE_VALUE_INVALID,
        )?;
        Ok(vec![(CKA_VALUE, Value::Bytes(random(length as usize)?))])
    }

    fn derives_from_data(&self) -> bool {
        true
    }

    fn derive(
        &self,
        mechanism: &Mechanism,
        base: &Attributes,
        length: Option<usize>,
    ) -> Result<Derived> {
        let Parameter::Hkdf {
            extract,
            expand: expands,
            prf,
            salt,
            info,
        } = &mechanism.parameter
        else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let hash = hash_named(*prf)?;
        ensure(*extract || *expands, CKR_MECHANISM_PARAM_INVALID)?;
        let input = base.bytes(CKA_VALUE);
        if base.ulong(CKA_CLASS) == Some(CKO_DATA) {
            // Section 6.62.3: the exception among input keys, and what it asks for.
            ensure(input.len() == hash.length(), CKR_KEY_SIZE_RANGE)?;
            let salted = *extract && *salt != Salt::None;
            ensure(salted, CKR_MECHANISM_PARAM_INVALID)?;
        }
        let key = match (extract, salt) {
            (false, _) => input.to_vec(),
            // RFC 5869 section 2.2: without a salt, as many zeros as the hash is long.
            (true, Salt::None) => hash.mac(&vec![0; hash.length()], input),
            (true, Salt::Data(salt)) => hash.mac(salt, input),
            (true, Salt::Key(key)) => hash.mac(key.value()?, input),
        };
        let value = match expands {
            true => expand(
                hash,
                &key,
                info,
                length.ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?,
            )?,
            false => {
                let fits = length.is_none_or(|length| length == hash.length());
                ensure(fits, CKR_TEMPLATE_INCONSISTENT)?;
                key
            }
        };
        let class = match mechanism.kind {
            CKM_HKDF_DATA => CKO_DATA,
            _ => CKO_SECRET_KEY,
        };
        Ok(Derived { class, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanisms::der::tests::hex;

    /// RFC 5869 appendix A.1, in one step and in two.
    #[test]
    fn extraction_and_expansion_give_the_answers_of_rfc_5869() {
        let derive = |input: &[u8], extract, expand, length| {
            let base = [(CKA_VALUE, Value::Bytes(input.to_vec()))]
                .into_iter()
                .collect();
            let parameter = Parameter::Hkdf {
                extract,
                expand,
                prf: CKM_SHA256,
                salt: Salt::Data(hex("000102030405060708090a0b0c")),
                info: hex("f0f1f2f3f4f5f6f7f8f9"),
            };
            let mechanism = Mechanism {
                kind: CKM_HKDF_DERIVE,
                parameter,
            };
            Hkdf.derive(&mechanism, &base, length).unwrap().value
        };
        let okm = hex(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
                       34007208d5b887185865",
        );
        assert_eq!(derive(&[0x0b; 22], true, true, Some(42)), okm);
        let prk = derive(&[0x0b; 22], true, false, None);
        assert_eq!(
            prk,
            hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
        );
        assert_eq!(derive(&prk, false, true, Some(42)), okm);
    }

    /// Section 6.62.3.
    #[test]
    fn a_data_object_is_extracted_with_a_salt_if_it_is_as_long_as_the_hash() {
        let derive = |length, salt| {
            let base = [
                (CKA_CLASS, Value::ulong(CKO_DATA)),
                (CKA_VALUE, Value::Bytes(vec![1; length])),
            ];
            let parameter = Parameter::Hkdf {
                extract: true,
                expand: false,
                prf: CKM_SHA256,
                salt,
                info: Vec::new(),
            };
            let mechanism = Mechanism {
                kind: CKM_HKDF_DERIVE,
                parameter,
            };
            let derived = Hkdf.derive(&mechanism, &base.into_iter().collect(), None);
            derived.map(|derived| derived.value)
        };
        let salt = || Salt::Data(vec![2]);
        assert_eq!(
            derive(32, salt()).unwrap(),
            Hash::Sha256.mac(&[2], &[1; 32])
        );
        let code = |length, salt| derive(length, salt).unwrap_err().code();
        assert_eq!(code(31, salt()), CKR_KEY_SIZE_RANGE);
        assert_eq!(code(32, Salt::None), CKR_MECHANISM_PARAM_INVALID);
    }

    #[test]
    fn expansion_ends_at_255_blocks() {
        assert_eq!(
            expand(Hash::Sha256, &[1; 32], &[], 255 * 32).unwrap().len(),
            255 * 32
        );
        let refusal = expand(Hash::Sha256, &[1; 32], &[], 255 * 32 + 1).unwrap_err();
        assert_eq!(refusal.code(), CKR_KEY_SIZE_RANGE);
    }
}
