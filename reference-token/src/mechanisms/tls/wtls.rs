//! WTLS: [PKCS11-Base 3.2] section 6.41, with the formulas of WAP-261-WTLS, chapter 11. Its
//! pseudo-random function is P_hash over the one hash of the cipher suite, which is what TLS 1.2
//! has; each direction has a key block of its own, made anew with a sequence number.

use cryptoki_sys::*;

use super::derivation::{bytes, cipher_key, mac_key};
use super::{ANY, Randoms};
use crate::attributes::{Attributes, Value};
use crate::mechanisms::prf::TlsPrf;
use crate::mechanisms::{
    Back, Contribution, Derivation, Entry, Family, Form, Mechanism, Parameter, Product, WtlsForm,
    Yield, random,
};
use crate::rv::{Result, ensure, refusal, refuse};

/// The WTLS mechanisms.
pub(in crate::mechanisms) struct Wtls;

/// A structure of section 6.41.2. Places for output are the boundary's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WtlsParameter {
    Master {
        digest: CK_MECHANISM_TYPE,
        randoms: Randoms,
        takes_version: bool,
    },
    Material {
        digest: CK_MECHANISM_TYPE,
        mac_bits: CK_ULONG,
        key_bits: CK_ULONG,
        iv_bits: CK_ULONG,
        sequence: CK_ULONG,
        export: bool,
        randoms: Randoms,
    },
    Prf {
        digest: CK_MECHANISM_TYPE,
        seed: Vec<u8>,
        label: Vec<u8>,
        length: CK_ULONG,
    },
}

impl WtlsParameter {
    /// Whether C_DeriveKey gives a handle; key material and CKM_WTLS_PRF give all through here.
    pub(in crate::mechanisms) fn gives_handle(&self) -> bool {
        matches!(self, WtlsParameter::Master { .. })
    }
}

/// Length of master secrets, and of pre-master secrets that have a version in them.
const SECRET: usize = 20;
/// Longest pre-master secret made here.
const MOST: usize = 4096;

const fn derives(
    mechanism: CK_MECHANISM_TYPE,
    form: WtlsForm,
    sizes: (CK_ULONG, CK_ULONG),
) -> Entry {
    Entry {
        mechanism,
        sizes,
        flags: CKF_DERIVE,
        form: Form::Wtls(form),
        keys: &[CKK_GENERIC_SECRET],
    }
}

const MASTERS: (CK_ULONG, CK_ULONG) = (SECRET as CK_ULONG, SECRET as CK_ULONG);

#[rustfmt::skip]
static ENTRIES: [Entry; 6] = [
    Entry {
        mechanism: CKM_WTLS_PRE_MASTER_KEY_GEN,
        sizes: (SECRET as CK_ULONG, MOST as CK_ULONG),
        flags: CKF_GENERATE,
        form: Form::Bytes(1),
        keys: &[CKK_GENERIC_SECRET],
    },
    derives(CKM_WTLS_MASTER_KEY_DERIVE,         WtlsForm::Master,   MASTERS),
    derives(CKM_WTLS_MASTER_KEY_DERIVE_DH_ECC,  WtlsForm::Master,   MASTERS),
    derives(CKM_WTLS_PRF,                       WtlsForm::Prf,      ANY),
    derives(CKM_WTLS_SERVER_KEY_AND_MAC_DERIVE, WtlsForm::Material, ANY),
    derives(CKM_WTLS_CLIENT_KEY_AND_MAC_DERIVE, WtlsForm::Material, ANY),
];

/// The function over a hash of WAP-261-WTLS: it has MD5 and SHA-1, and cuts them for short MACs.
fn prf(digest: CK_MECHANISM_TYPE) -> Result<TlsPrf> {
    let known = [CKM_MD5, CKM_SHA_1].contains(&digest);
    ensure(known, CKR_MECHANISM_PARAM_INVALID)?;
    TlsPrf::of_hash(digest)
}

/// Sections 6.41.4 and 6.41.5: the master key, and the version that stands at the beginning of a
/// pre-master key that was not agreed on.
fn master(
    asked: &Derivation,
    digest: CK_MECHANISM_TYPE,
    randoms: &Randoms,
    takes_version: bool,
) -> Result<Yield> {
    let versioned = asked.mechanism.kind == CKM_WTLS_MASTER_KEY_DERIVE;
    ensure(takes_version == versioned, CKR_MECHANISM_PARAM_INVALID)?;
    let prf = prf(digest)?;
    let secret = asked.secret()?;
    ensure(!versioned || secret.len() >= SECRET, CKR_KEY_SIZE_RANGE)?;
    let seed = [&randoms.client[..], &randoms.server].concat();
    let value = prf.apply(secret, b"master secret", &seed, SECRET);
    let mut result = Yield::one(Product::secret(value).of_type(CKK_GENERIC_SECRET));
    if versioned {
        let version = secret.get(..1).unwrap_or_default();
        result.back = vec![Back::Bytes(version.to_vec())];
    }
    Ok(result)
}

/// The labels of one direction: its key block, and the final key and IV of export cipher suites.
struct Labels {
    block: &'static [u8],
    key: &'static [u8],
    iv: &'static [u8],
}

fn labels(mechanism: CK_MECHANISM_TYPE) -> Labels {
    match mechanism {
        CKM_WTLS_SERVER_KEY_AND_MAC_DERIVE => Labels {
            block: b"server expansion",
            key: b"server write key",
            iv: b"server write IV",
        },
        _ => Labels {
            block: b"client expansion",
            key: b"client write key",
            iv: b"client write IV",
        },
    }
}

/// Sections 6.41.7 and 6.41.8.
fn material(asked: &Derivation, parameter: &WtlsParameter) -> Result<Yield> {
    let WtlsParameter::Material {
        digest,
        mac_bits,
        key_bits,
        iv_bits,
        sequence,
        export,
        randoms: Randoms { client, server },
    } = parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let (prf, labels) = (prf(*digest)?, labels(asked.mechanism.kind));
    let (mac, key, iv) = (bytes(*mac_bits)?, bytes(*key_bits)?, bytes(*iv_bits)?);
    // Sequence numbers of records have sixteen bits.
    let sequence = u16::try_from(*sequence).map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
    let number = &sequence.to_be_bytes()[..];
    let seed = [number, server, client].concat();
    let mut mac_value = prf.apply(asked.secret()?, labels.block, &seed, mac + key + iv);
    let mut key_value = mac_value.split_off(mac);
    let mut iv_value = key_value.split_off(key);
    if *export {
        // What the template says is the length after this expansion, `key` the one before.
        let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
        ensure(length <= MOST, CKR_KEY_SIZE_RANGE)?;
        let seed = [&client[..], server].concat();
        key_value = prf.apply(&key_value, labels.key, &seed, length);
        let seed = [number, client, server].concat();
        iv_value = prf.apply(&[], labels.iv, &seed, iv);
    }
    let mut result = Yield::default();
    for (value, product) in [
        (mac_value, mac_key as fn(_, _) -> _),
        (key_value, cipher_key),
    ] {
        if value.is_empty() {
            result.back.push(Back::NoKey);
        } else {
            result.back.push(Back::Key(result.products.len()));
            result.products.push(product(value, false));
        }
    }
    result.back.push(Back::Bytes(iv_value));
    Ok(result)
}

impl Family for Wtls {
    fn entries(&self) -> &'static [Entry] {
        &ENTRIES
    }

    fn key_type(&self, _: &Mechanism) -> Option<CK_KEY_TYPE> {
        Some(CKK_GENERIC_SECRET)
    }

    /// Section 6.41.3: a template need not name the length.
    fn implied_length(&self, _: &Mechanism) -> Option<usize> {
        Some(SECRET)
    }

    /// Section 6.41.3: the client's version, and randomness after it.
    fn generate_key(&self, mechanism: &Mechanism, template: &Attributes) -> Result<Contribution> {
        let length = template.ulong(CKA_VALUE_LEN).unwrap_or(MASTERS.0);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let possible = (SECRET..=MOST).contains(&length);
        ensure(possible, CKR_ATTRIBUTE_VALUE_INVALID)?;
        let mut value = random(length)?;
        value[..1].copy_from_slice(mechanism.bytes()?);
        Ok(vec![(CKA_VALUE, Value::Bytes(value))])
    }

    fn derive_keys(&self, asked: &Derivation) -> Result<Yield> {
        let Parameter::Wtls(parameter) = &asked.mechanism.parameter else {
            return refuse(CKR_MECHANISM_PARAM_INVALID);
        };
        match parameter.as_ref() {
            WtlsParameter::Master {
                digest,
                randoms,
                takes_version,
            } => master(asked, *digest, randoms, *takes_version),
            WtlsParameter::Material { .. } => material(asked, parameter),
            WtlsParameter::Prf {
                digest,
                seed,
                label,
                length,
            } => {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                ensure(length <= 1 << 16, CKR_MECHANISM_PARAM_INVALID)?;
                let output = prf(*digest)?.apply(asked.secret()?, label, seed, length);
                Ok(Yield {
                    back: vec![Back::Bytes(output)],
                    ..Yield::default()
                })
            }
        }
    }
}
