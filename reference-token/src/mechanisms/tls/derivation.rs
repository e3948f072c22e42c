//! Master keys, key material and exported keys: [PKCS11-Base 3.2] sections 6.39.4 to 6.39.6 and
//! 6.40.4 to 6.40.8.

use cryptoki_sys::*;

use super::{Randoms, SECRET, TlsParameter};
use crate::attributes::Value;
use crate::mechanisms::prf::{SSL3_MOST, TlsPrf, ssl3};
use crate::mechanisms::{Back, Derivation, Inheritance, Parameter, Product, Source, Yield};
use crate::rv::{Result, ensure, refusal, refuse};

/// The function that a version of the protocol expands its secrets with.
#[derive(Clone, Copy)]
enum Expansion {
    Ssl3,
    Tls(TlsPrf),
}

impl Expansion {
    /// That of a mechanism; TLS 1.2 names its hash.
    fn of(mechanism: CK_MECHANISM_TYPE, hash: Option<CK_MECHANISM_TYPE>) -> Result<Expansion> {
        let ssl3 = [
            CKM_SSL3_MASTER_KEY_DERIVE,
            CKM_SSL3_MASTER_KEY_DERIVE_DH,
            CKM_SSL3_KEY_AND_MAC_DERIVE,
        ];
        Ok(match hash {
            Some(hash) => Expansion::Tls(TlsPrf::of_hash(hash)?),
            None if ssl3.contains(&mechanism) => Expansion::Ssl3,
            None => Expansion::Tls(TlsPrf::Tls10),
        })
    }

    fn apply(self, secret: &[u8], label: &[u8], seeds: [&[u8]; 2], length: usize) -> Vec<u8> {
        match self {
            Expansion::Ssl3 => ssl3(secret, seeds[0], seeds[1], length),
            Expansion::Tls(prf) => prf.apply(secret, label, &seeds.concat(), length),
        }
    }

    fn most(self) -> usize {
        match self {
            Expansion::Ssl3 => SSL3_MOST,
            // As the lengths of the sections are in bits, far above any cipher suite.
            Expansion::Tls(_) => 1 << 16,
        }
    }
}

pub(super) fn derive(asked: &Derivation) -> Result<Yield> {
    let Parameter::Tls(parameter) = &asked.mechanism.parameter else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let kind = asked.mechanism.kind;
    match parameter.as_ref() {
        TlsParameter::Master {
            randoms,
            hash,
            takes_version,
        } => {
            let expansion = Expansion::of(kind, *hash)?;
            let seeds = [&randoms.client[..], &randoms.server];
            let secret = asked.secret()?;
            let value = expansion.apply(secret, b"master secret", seeds, SECRET);
            master(asked, value, *takes_version)
        }
        TlsParameter::ExtendedMaster {
            hash,
            session_hash,
            takes_version,
        } => {
            ensure(!session_hash.is_empty(), CKR_MECHANISM_PARAM_INVALID)?;
            let prf = TlsPrf::of_hash(*hash)?;
            let label = b"extended master secret";
            let value = prf.apply(asked.secret()?, label, session_hash, SECRET);
            master(asked, value, *takes_version)
        }
        TlsParameter::Material { .. } => material(asked, parameter),
        TlsParameter::Kdf { .. } => export(asked, parameter),
        TlsParameter::Prf {
            seed,
            label,
            length,
        } => {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            ensure(length <= 1 << 16, CKR_MECHANISM_PARAM_INVALID)?;
            let output = TlsPrf::Tls10.apply(asked.secret()?, label, seed, length);
            Ok(Yield {
                back: vec![Back::Bytes(output)],
                ..Yield::default()
            })
        }
        TlsParameter::Mac { .. } => refuse(CKR_MECHANISM_PARAM_INVALID),
    }
}

/// Mechanisms for secrets that Diffie-Hellman agreed on, without a version in them.
const WITHOUT_VERSION: [CK_MECHANISM_TYPE; 4] = [
    CKM_SSL3_MASTER_KEY_DERIVE_DH,
    CKM_TLS_MASTER_KEY_DERIVE_DH,
    CKM_TLS12_MASTER_KEY_DERIVE_DH,
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
];

/// Section 6.40.4: all that a master key of TLS 1.2 may be used with.
const ALLOWED: [CK_MECHANISM_TYPE; 6] = [
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS_KDF,
    CKM_TLS_MAC,
    CKM_TLS12_KDF,
    CKM_TLS12_MAC,
];

/// Sections 6.39.4, 6.39.5, 6.40.4 and 6.40.5: the master key, and the version that stands at the
/// beginning of the pre-master key.
fn master(asked: &Derivation, value: Vec<u8>, takes_version: bool) -> Result<Yield> {
    let kind = asked.mechanism.kind;
    let versioned = !WITHOUT_VERSION.contains(&kind);
    ensure(takes_version == versioned, CKR_MECHANISM_PARAM_INVALID)?;
    let secret = asked.secret()?;
    ensure(!versioned || secret.len() == SECRET, CKR_KEY_SIZE_RANGE)?;
    let mut product = Product::secret(value).of_type(CKK_GENERIC_SECRET);
    let is_tls12 = [
        CKM_TLS12_MASTER_KEY_DERIVE,
        CKM_TLS12_MASTER_KEY_DERIVE_DH,
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
    ]
    .contains(&kind);
    if is_tls12 {
        let allowed = ALLOWED.iter().flat_map(|kind| kind.to_ne_bytes()).collect();
        product
            .contribution
            .push((CKA_ALLOWED_MECHANISMS, Value::Bytes(allowed)));
    }
    let mut result = Yield::one(product);
    if versioned {
        let version = secret.get(..2).unwrap_or_default();
        result.back = vec![Back::Bytes(version.to_vec())];
    }
    Ok(result)
}

/// Lengths in bytes of the parts of a key block, for one side.
struct Parts {
    mac: usize,
    key: usize,
    iv: usize,
}

/// A length in bits, which has to be one in bytes.
pub(super) fn bytes(bits: CK_ULONG) -> Result<usize> {
    let sized = bits.is_multiple_of(8) && bits <= 1 << 16;
    ensure(sized, CKR_MECHANISM_PARAM_INVALID)?;
    Ok(bits as usize / 8)
}

/// Sections 6.39.6, 6.40.6 and 6.40.7.
fn material(asked: &Derivation, parameter: &TlsParameter) -> Result<Yield> {
    let TlsParameter::Material {
        mac_bits,
        key_bits,
        iv_bits,
        export,
        randoms,
        hash,
    } = parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    // Forbidden since TLS 1.1. The export suites before it are not built: their final keys have
    // lengths that the structure does not hold.
    ensure(!export, CKR_MECHANISM_PARAM_INVALID)?;
    let parts = Parts {
        mac: bytes(*mac_bits)?,
        key: bytes(*key_bits)?,
        iv: match asked.mechanism.kind {
            CKM_TLS12_KEY_SAFE_DERIVE => 0,
            _ => bytes(*iv_bits)?,
        },
    };
    // Only TLS 1.2 has suites without MAC keys.
    let authentic = parts.mac > 0 || hash.is_some();
    ensure(authentic, CKR_MECHANISM_PARAM_INVALID)?;
    let expansion = Expansion::of(asked.mechanism.kind, *hash)?;
    let length = 2 * (parts.mac + parts.key + parts.iv);
    ensure(length <= expansion.most(), CKR_MECHANISM_PARAM_INVALID)?;
    let seeds = [&randoms.server[..], &randoms.client];
    let block = expansion.apply(asked.secret()?, b"key expansion", seeds, length);
    Ok(distribute(&block, &parts, hash.is_some()))
}

/// Cuts a key block up, in the order of RFC 5246 section 6.3, which is that of CK_SSL3_KEY_MAT_OUT.
fn distribute(mut block: &[u8], parts: &Parts, is_tls12: bool) -> Yield {
    let mut cut = |length: usize| {
        let (part, rest) = block.split_at(length.min(block.len()));
        block = rest;
        part.to_vec()
    };
    let mut result = Yield::default();
    for make in [mac_key, mac_key, cipher_key, cipher_key] {
        let is_mac = result.back.len() < 2;
        let value = cut(if is_mac { parts.mac } else { parts.key });
        if value.is_empty() {
            result.back.push(Back::NoKey);
        } else {
            result.back.push(Back::Key(result.products.len()));
            result.products.push(make(value, is_tls12));
        }
    }
    for _ in 0..2 {
        result.back.push(Back::Bytes(cut(parts.iv)));
    }
    result
}

/// Flagged for signing and verification, and before TLS 1.2 for derivation too.
pub(super) fn mac_key(value: Vec<u8>, is_tls12: bool) -> Product {
    let product = Product::secret(value)
        .of_type(CKK_GENERIC_SECRET)
        .from(Source::Beside)
        .inheriting(Inheritance::Same)
        .by_default(CKA_SIGN, Value::bool(true))
        .by_default(CKA_VERIFY, Value::bool(true));
    match is_tls12 {
        true => product,
        false => product.by_default(CKA_DERIVE, Value::bool(true)),
    }
}

/// By default flagged for encryption, decryption and derivation.
pub(super) fn cipher_key(value: Vec<u8>, _: bool) -> Product {
    Product::secret(value)
        .inheriting(Inheritance::Same)
        .by_default(CKA_ENCRYPT, Value::bool(true))
        .by_default(CKA_DECRYPT, Value::bool(true))
        .by_default(CKA_DERIVE, Value::bool(true))
}

/// Section 6.40.8: the exporter of RFC 5705.
fn export(asked: &Derivation, parameter: &TlsParameter) -> Result<Yield> {
    let TlsParameter::Kdf {
        prf,
        label,
        randoms: Randoms { client, server },
        context,
    } = parameter
    else {
        return refuse(CKR_MECHANISM_PARAM_INVALID);
    };
    let length = asked.own.bytes().ok_or(refusal(CKR_TEMPLATE_INCOMPLETE))?;
    ensure(length <= 1 << 16, CKR_KEY_SIZE_RANGE)?;
    let mut seed = [&client[..], server].concat();
    if let Some(context) = context {
        let length = u16::try_from(context.len());
        let length = length.map_err(|_| refusal(CKR_MECHANISM_PARAM_INVALID))?;
        seed.extend(length.to_be_bytes());
        seed.extend_from_slice(context);
    }
    let value = TlsPrf::named(*prf)?.apply(asked.secret()?, label, &seed, length);
    let product = Product::secret(value).inheriting(Inheritance::StickyFromBase);
    Ok(Yield::one(product))
}
