//! Key derivation of IKE: [PKCS11-Base 3.2] section 6.64, RFC 2409 and RFC 7296. The PRF is any
//! MAC; what it is applied to is here.

use cryptoki_sys::*;

use super::prf::Prf;
use super::{
    Derivation, Entry, Family, Form, IkeForm, Inheritance, Named, Parameter, Product, Yield,
};
use crate::attributes::{Attributes, Value};
use crate::rv::{Result, ensure, refusal, refuse};

/// The IKE mechanisms.
pub(super) struct Ike;

/// A structure of section 6.64.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IkeParameter {
    pub(crate) prf: CK_MECHANISM_TYPE,
    pub(crate) call: IkeCall,
}

/// What the PRF is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IkeCall {
    /// CK_IKE_PRF_DERIVE_PARAMS; the new key is there when `bRekey` is set.
    Initial {
        data_as_key: bool,
        nonces: Vec<u8>,
        new_key: Option<Named>,
    },
    /// CK_IKE2_PRF_PLUS_DERIVE_PARAMS.
    Plus {
        seed_key: Option<Named>,
        seed: Vec<u8>,
    },
    /// CK_IKE1_PRF_DERIVE_PARAMS; the cookies of both sides one after the other.
    First {
        exchanged: Named,
        previous: Option<Named>,
        cookies: Vec<u8>,
        number: u8,
    },
    /// CK_IKE1_EXTENDED_DERIVE_PARAMS.
    Extended {
        exchanged: Option<Named>,
        extra: Vec<u8>,
    },
}

impl IkeParameter {
    pub(super) fn named_keys(&mut self) -> Vec<&mut Named> {
        match &mut self.call {
            IkeCall::Initial { new_key: key, .. }
            | IkeCall::Plus { seed_key: key, .. }
            | IkeCall::Extended { exchanged: key, .. } => key.iter_mut().collect(),
            IkeCall::First {
                exchanged,
                previous,
                ..
            } => std::iter::once(exchanged).chain(previous).collect(),
        }
    }
}

/// Lengths of keys in bytes.
const fn entry(mechanism: CK_MECHANISM_TYPE, form: IkeForm) -> Entry {
    Entry {
        mechanism,
        sizes: (1, 4096),
        flags: CKF_DERIVE,
        form: Form::Ike(form),
        keys: &[],
    }
}

static ENTRIES: [Entry; 4] = [
    entry(CKM_IKE2_PRF_PLUS_DERIVE, IkeForm::PrfPlus),
    entry(CKM_IKE_PRF_DERIVE, IkeForm::Prf),
    entry(CKM_IKE1_PRF_DERIVE, IkeForm::Prf1),
    entry(CKM_IKE1_EXTENDED_DERIVE, IkeForm::Extended1),
];

/// Keys of a Diffie-Hellman exchange are generic secrets.
fn check_generic(key: &Attributes) -> Result<()> {
    let generic = key.ulong(CKA_KEY_TYPE) == Some(CKK_GENERIC_SECRET);
    ensure(generic, CKR_KEY_TYPE_INCONSISTENT)
}

/// The value of a key of an exchange; nothing of one that is not there.
fn exchanged_value(key: Option<&Named>) -> Result<&[u8]> {
    match key {
        Some(key) => {
            check_generic(key.key()?)?;
            key.value()
        }
        None => Ok(&[]),
    }
}

/// Output of a PRF fed back: each block covers the one before, `tail`, and what `last` appends.
fn feedback(
    prf: &Prf,
    key: &[u8],
    tail: &[&[u8]],
    length: usize,
    last: impl Fn(u8) -> Vec<u8>,
) -> Result<Vec<u8>> {
    let most = 255 * prf.length(key)?;
    ensure(length <= most, CKR_KEY_SIZE_RANGE)?;
    let mut output = Vec::new();
    let mut block = Vec::new();
    for number in 1..=255 {
        if output.len() >= length {
            break;
        }
        block = prf.apply(key, &[&block, &tail.concat(), &last(number)])?;
        output.extend_from_slice(&block);
    }
    output.truncate(length);
    Ok(output)
}

/// Section 6.64.3.
fn initial(
    asked: &Derivation,
    prf: &Prf,
    (data_as_key, nonces, new_key): (bool, &[u8], Option<&Named>),
) -> Result<Product> {
    // The section names this code, of all, for the two flags together.
    ensure(!data_as_key || new_key.is_none(), CKR_ARGUMENTS_BAD)?;
    let base = asked.secret()?;
    let value = match data_as_key {
        true => {
            check_generic(asked.base)?;
            prf.apply(nonces, &[base])?
        }
        false => {
            prf.check_key(asked.base)?;
            prf.apply(base, &[exchanged_value(new_key)?, nonces])?
        }
    };
    let whole = asked.own.bytes().is_none_or(|length| length == value.len());
    ensure(whole, CKR_KEY_SIZE_RANGE)?;
    Ok(Product::secret(value).by_default(CKA_KEY_TYPE, Value::ulong(prf.key_type())))
}

/// Section 6.64.5, with the recurrence of RFC 7296 section 2.13: the standard's own lines leave
/// out the seed in the last and repeat an index.
fn plus(asked: &Derivation, prf: &Prf, seed_key: Option<&Named>, seed: &[u8]) -> Result<Product> {
    prf.check_key(asked.base)?;
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let seed_key = seed_key.map_or(Ok(&[][..]), Named::value)?;
    let key = asked.secret()?;
    let value = feedback(prf, key, &[seed_key, seed], length, |number| vec![number])?;
    Ok(Product::secret(value).generic_by_default())
}

/// Section 6.64.4.
fn first(
    asked: &Derivation,
    prf: &Prf,
    (exchanged, previous): (&Named, Option<&Named>),
    (cookies, number): (&[u8], u8),
) -> Result<Product> {
    prf.check_key(asked.base)?;
    ensure(asked.own.key_type.is_some(), CKR_TEMPLATE_INCOMPLETE)?;
    let previous = previous.map_or(Ok(&[][..]), Named::value)?;
    let exchanged = exchanged_value(Some(exchanged))?;
    let mut value = prf.apply(asked.secret()?, &[previous, exchanged, cookies, &[number]])?;
    let length = asked.own.bytes().unwrap_or(value.len());
    ensure(length <= value.len(), CKR_KEY_SIZE_RANGE)?;
    value.truncate(length);
    Ok(Product::secret(value))
}

/// Section 6.64.6. It can give out the base key itself, and the standard has no rule of inheritance
/// for it: the new key is kept as close as the base key.
fn extended(
    asked: &Derivation,
    prf: &Prf,
    exchanged: Option<&Named>,
    extra: &[u8],
) -> Result<Product> {
    prf.check_key(asked.base)?;
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    let key = asked.secret()?;
    let value = if exchanged.is_none() && length <= prf.length(key)? {
        key.get(..length)
            .ok_or(refusal(CKR_KEY_SIZE_RANGE))?
            .to_vec()
    } else {
        let first: &[u8] = match (exchanged, extra) {
            (None, []) => &[0],
            _ => &[],
        };
        let tail = [exchanged_value(exchanged)?, extra];
        feedback(prf, key, &tail, length, |number| match number {
            1 => first.to_vec(),
            _ => Vec::new(),
        })?
    };
    let product = Product::secret(value).generic_by_default();
    Ok(product.inheriting(Inheritance::Sticky))
}

impl Family for Ike {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let Parameter::Ike(parameter) = &asked.mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        let prf = Prf::named(parameter.prf)?;
        let product = match &parameter.call {
            IkeCall::Initial {
                data_as_key,
                nonces,
                new_key,
            } => initial(asked, &prf, (*data_as_key, nonces, new_key.as_ref())),
            IkeCall::Plus { seed_key, seed } => plus(asked, &prf, seed_key.as_ref(), seed),
            IkeCall::First {
                exchanged,
                previous,
                cookies,
                number,
            } => {
                let keys = (exchanged, previous.as_ref());
                first(asked, &prf, keys, (cookies, *number))
            }
            IkeCall::Extended { exchanged, extra } => {
                extended(asked, &prf, exchanged.as_ref(), extra)
            }
        };
        Ok(Yield::one(product?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mechanisms::der::tests::hex;
    use crate::mechanisms::{Mechanism, Wish};

    fn key(value: &[u8], key_type: CK_KEY_TYPE) -> Attributes {
        [
            (CKA_CLASS, Value::ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::ulong(key_type)),
            (CKA_VALUE, Value::Bytes(value.to_vec())),
        ]
        .into_iter()
        .collect()
    }

    fn named(value: &[u8]) -> Named {
        Named::Key(Arc::new(key(value, CKK_GENERIC_SECRET)))
    }

    fn derive(
        base: &Attributes,
        prf: CK_MECHANISM_TYPE,
        call: IkeCall,
        wish: (Option<CK_KEY_TYPE>, Option<usize>),
    ) -> Result<Vec<u8>> {
        let mechanism = Mechanism {
            kind: CKM_IKE_PRF_DERIVE,
            parameter: Parameter::Ike(Box::new(IkeParameter { prf, call })),
        };
        let asked = Derivation {
            mechanism: &mechanism,
            base,
            own: Wish {
                class: None,
                key_type: wish.0,
                length: wish.1,
            },
            additional: Vec::new(),
        };
        let product = Ike.derive_keys(&asked)?.products.remove(0);
        Ok(product.contribution[0].1.bytes().to_vec())
    }

    const ANYTHING: (Option<CK_KEY_TYPE>, Option<usize>) = (None, None);

    /// NIST ACVP kdf-components ikev2 with SHA-256: the first seed, the keys made of it, and a
    /// new seed when rekeying.
    #[test]
    fn ikev2_gives_the_answers_of_nist() {
        let nonces = hex("3651FEF5C9C35E93C09A8B90A3F04D59");
        let exchanged = hex(
            "D084A30166A50FB7325C3960874A839449EF9741C2F4F947D0201DD8C1269273
             D79509F37E3CA3EB4FA2FE2A28254E289CD3F34DAD4EB4DF1A07685A4B8A94FA
             61E2491F7598B3CE65547FF133B3F63D1AC4175EAA695033F3CEDB026A6873A3
             6455172A8540B8A5D23A0143BED0390EE49B168269D75FFFEE9FB62BE965993C",
        );
        let base = key(&exchanged, CKK_GENERIC_SECRET);
        let call = IkeCall::Initial {
            data_as_key: true,
            nonces: nonces.clone(),
            new_key: None,
        };
        let seed = derive(&base, CKM_SHA256_HMAC, call, ANYTHING).unwrap();
        assert_eq!(
            seed,
            hex("EFAA7AB0EAA85A3D0BE2100CD4B6FE00FF5025A9EAFDDB3EF518E9F0D3FE60E6")
        );
        let call = IkeCall::Plus {
            seed_key: None,
            seed: [nonces.clone(), hex("8E5C3AE507221684B1F201BB155C3ACD")].concat(),
        };
        let base = key(&seed, CKK_SHA256_HMAC);
        let keys = derive(&base, CKM_SHA256_HMAC, call, (None, Some(96))).unwrap();
        assert_eq!(
            keys,
            hex(
                "462B9DD525D4FD71169174272779E704BAF62C6231779AE9EFE8C58B21916B42
                 010164AF2111EBD762F6916CA9A6F0EE05C8B320E4EE27705521DE2589ADEA18
                 78F1A551738AF7C88DC4F0BB0C096A3F7D1F1A670FC79F49F678D60D665BB371"
            )
        );
        let call = IkeCall::Initial {
            data_as_key: false,
            nonces,
            new_key: Some(named(&hex(
                "52F00AB174C25D5B7139AE5FF4E8E9EDDEE5992D2E36ADF8A559FFD90DAB1442
                 E4FBE429D320C0F33552A17D1557FA41EA70E8FB916C4FA27ED52B5F8EBD8461
                 AFA78F1159159A64055AC5F6319E29C28EAE58CBC6847770F32C3FED1D047504
                 84F854790F95E9EC01BC5BC461F24966462E359511329305038E94DEB6DD42C2",
            ))),
        };
        let base = key(&keys[..32], CKK_SHA256_HMAC);
        assert_eq!(
            derive(&base, CKM_SHA256_HMAC, call, ANYTHING).unwrap(),
            hex("90722C42BD849E9B72D240FC254174270FA8295DE6F0338DAFC303A9EC104F12")
        );
    }

    /// Section 6.64.4 by its formula, HMAC being tested elsewhere.
    #[test]
    fn ikev1_covers_the_previous_key_only_when_there_is_one() {
        use crate::mechanisms::Hash;
        let call = |previous| IkeCall::First {
            exchanged: named(b"gxy"),
            previous,
            cookies: b"CKYiCKYr".to_vec(),
            number: 1,
        };
        let base = key(b"SKEYID", CKK_GENERIC_SECRET);
        let wish = (Some(CKK_GENERIC_SECRET), None);
        assert_eq!(
            derive(&base, CKM_SHA_1_HMAC, call(None), wish).unwrap(),
            Hash::Sha1.mac(b"SKEYID", b"gxyCKYiCKYr\x01")
        );
        let previous = Some(named(b"SKEYID_d"));
        assert_eq!(
            derive(&base, CKM_SHA_1_HMAC, call(previous), wish).unwrap(),
            Hash::Sha1.mac(b"SKEYID", b"SKEYID_dgxyCKYiCKYr\x01")
        );
        let code = |wish| {
            let refusal = derive(&base, CKM_SHA_1_HMAC, call(None), wish).unwrap_err();
            refusal.code()
        };
        assert_eq!(code(ANYTHING), CKR_TEMPLATE_INCOMPLETE);
        let long = (Some(CKK_GENERIC_SECRET), Some(21));
        assert_eq!(code(long), CKR_KEY_SIZE_RANGE);
    }

    /// RFC 2409 appendix B.
    #[test]
    fn an_extended_key_is_the_base_key_until_it_has_to_be_longer() {
        use crate::mechanisms::Hash;
        let base = key(&[7; 20], CKK_SHA_1_HMAC);
        let call = || IkeCall::Extended {
            exchanged: None,
            extra: Vec::new(),
        };
        let of = |length| derive(&base, CKM_SHA_1_HMAC, call(), (None, Some(length))).unwrap();
        assert_eq!(of(16), [7; 16]);
        let first = Hash::Sha1.mac(&[7; 20], &[0]);
        let second = Hash::Sha1.mac(&[7; 20], &first);
        assert_eq!(of(40), [first, second].concat());
    }

    #[test]
    fn flags_and_key_types_that_exclude_each_other_are_refused() {
        let call = |data_as_key, new_key| IkeCall::Initial {
            data_as_key,
            nonces: vec![1; 16],
            new_key,
        };
        let base = key(&[7; 32], CKK_SHA256_HMAC);
        let code = |call| {
            derive(&base, CKM_SHA256_HMAC, call, ANYTHING)
                .unwrap_err()
                .code()
        };
        assert_eq!(code(call(true, Some(named(b"k")))), CKR_ARGUMENTS_BAD);
        assert_eq!(code(call(true, None)), CKR_KEY_TYPE_INCONSISTENT);
        let typed = Named::Key(Arc::new(key(b"k", CKK_AES)));
        assert_eq!(code(call(false, Some(typed))), CKR_KEY_TYPE_INCONSISTENT);
    }
}
