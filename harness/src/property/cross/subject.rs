//! What is asked about: the mechanisms that a target and the reference token both list, for the same use, and the task
//! that comes of one by a draw.

use cryptoki_sys::*;

use super::super::agreement::curve::{CURVES, Curve};
use super::super::cipher::{self, Encryption};
use super::super::draw::Draw;
use super::super::ground::Ground;
use super::super::input::{self, Input};
use super::super::key::{self, Secret};
use super::super::relay::Side;
use super::super::signature::{self, Signing};
use super::super::{derivation, digest, wrapping};
use super::keys::{self, Keys};
use super::parameter;
use super::values;
use super::work::{Agreement, Derivation, Digest, Encapsulation, Work, Wrap};
use crate::cryptoki::mechanism::{self, Mechanism};
use crate::generate;
use crate::sequence::ParameterValue;

/// Purposes of drawn bytes: the value of a key that is wrapped.
const INNER: u64 = 14;
/// Choices of a draw: the type of the keys, and the length of a digest that is signed.
const TYPE: usize = 1;
const DIGEST: usize = 5;
/// Coins of a draw: what is wrapped, and how it is told.
const KIND: u32 = 5;
const BY_USE: u32 = 7;

/// 6.16.4 has no more to say of it than that it is deprecated: there is another padding in every module.
const UNDEFINED: CK_MECHANISM_TYPE = CKM_AES_KEY_WRAP_PAD;

/// The two sides.
pub(super) struct Parties<'g> {
    pub(super) target: &'g Ground,
    pub(super) reference: &'g Ground,
    /// Which one begins.
    pub(super) first: Side,
}

impl Parties<'_> {
    /// The side that begins.
    pub(super) fn first(&self) -> &Ground {
        match self.first {
            Side::Target => self.target,
            Side::Reference => self.reference,
        }
    }
}

/// A mechanism and a use that both sides list it for.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    Sign(&'static Mechanism),
    Encrypt(&'static Mechanism),
    Wrap(wrapping::Row),
    Derive(&'static Mechanism),
    Agree(&'static Mechanism, &'static Curve),
    Encapsulate(&'static Mechanism),
    Digest(digest::Row),
}

/// Keys, and what is done with them.
pub(super) struct Task {
    pub(super) keys: Keys,
    pub(super) work: Box<dyn Work>,
}

/// Everything that a target and the reference token have in common.
pub(super) fn all(target: &Ground, reference: &Ground) -> Vec<Subject> {
    let both = |row: &Mechanism, flags| {
        row.value != UNDEFINED && target.has(row.value, flags) && reference.has(row.value, flags)
    };
    let mut all = Vec::new();
    let signed = signature::rows(target).into_iter();
    all.extend(
        signed
            .filter(|row| both(row, CKF_SIGN | CKF_VERIFY))
            .map(Subject::Sign),
    );
    let encrypted = cipher::rows(target).into_iter();
    let encrypted = encrypted.filter(|row| both(row, CKF_ENCRYPT | CKF_DECRYPT));
    all.extend(encrypted.map(Subject::Encrypt));
    let wrapped = wrapping::rows(target).into_iter();
    let wrapped = wrapped.filter(|(row, ..)| both(row, CKF_WRAP | CKF_UNWRAP));
    all.extend(wrapped.map(Subject::Wrap));
    // What they make is a matter of other keys, too.
    let simple = |row: &&Mechanism| row.value != CKM_CONCATENATE_BASE_AND_KEY;
    let derived = derivation::rows(target).into_iter().filter(simple);
    all.extend(
        derived
            .filter(|row| both(row, CKF_DERIVE))
            .map(Subject::Derive),
    );
    let agreed = [CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE].into_iter();
    for row in agreed
        .filter_map(mechanism::by_value)
        .filter(|row| both(row, CKF_DERIVE))
    {
        let fits = |curve: &&Curve| row.value == CKM_ECDH1_DERIVE || curve.key_type == CKK_EC;
        all.extend(
            CURVES
                .iter()
                .filter(fits)
                .map(|curve| Subject::Agree(row, curve)),
        );
    }
    let encapsulated = mechanism::by_value(CKM_ML_KEM).into_iter();
    let encapsulated = encapsulated.filter(|row| both(row, CKF_ENCAPSULATE | CKF_DECAPSULATE));
    all.extend(encapsulated.map(Subject::Encapsulate));
    let digested = digest::rows(target).into_iter();
    let digested = digested.filter(|(row, _)| both(row, CKF_DIGEST));
    all.extend(digested.map(Subject::Digest));
    all
}

impl Subject {
    /// The mechanism.
    pub(super) fn row(&self) -> &'static Mechanism {
        match self {
            Subject::Sign(row)
            | Subject::Encrypt(row)
            | Subject::Wrap((row, ..))
            | Subject::Derive(row)
            | Subject::Agree(row, _)
            | Subject::Encapsulate(row)
            | Subject::Digest((row, _)) => row,
        }
    }

    /// Keys and data for it. None if nothing is known of them.
    pub(super) fn task(&self, parties: &Parties<'_>, draw: &Draw) -> Option<Task> {
        match self {
            Subject::Sign(row) => sign(row, parties, draw),
            Subject::Encrypt(row) => encrypt(row, parties, draw),
            Subject::Wrap(row) => wrap(row, parties, draw),
            Subject::Derive(row) => derive(row, parties, draw),
            Subject::Agree(row, curve) => {
                let drawn = values::drawn_on(curve, draw)?;
                let work = Agreement {
                    mechanism: row.value,
                    public: drawn.other.clone(),
                    bytes: curve.width as u64,
                };
                let keys = keys::of_agreement(&drawn, derivation::BASE);
                Some(task(keys, work))
            }
            Subject::Encapsulate(row) => {
                let usages: [&[u64]; 2] = [&[CKA_ENCAPSULATE], &[CKA_DECAPSULATE]];
                let names = [signature::FORTH, signature::BACK];
                let keys = Keys::pair(
                    parties,
                    draw,
                    row.key_types.first().copied()?,
                    usages,
                    names,
                );
                Some(task(
                    keys?.shared(),
                    Encapsulation {
                        mechanism: row.value,
                    },
                ))
            }
            Subject::Digest((row, parameter)) => {
                let work = Digest {
                    row,
                    parameter: parameter.clone(),
                    data: draw.data(),
                    cuts: draw.cuts.clone(),
                };
                Some(task(Keys::None, work))
            }
        }
    }
}

fn task(keys: Keys, work: impl Work + 'static) -> Task {
    Task {
        keys,
        work: Box::new(work),
    }
}

fn sign(row: &'static Mechanism, parties: &Parties<'_>, draw: &Draw) -> Option<Task> {
    let mut data = input::to_sign(row).unwrap_or(Input::Any).fit(draw.data());
    if data.is_empty() && (row.name.ends_with("_MAC") || row.name.ends_with("_MAC_GENERAL")) {
        // Whether there is a block of zeros in no data, FIPS 113 does not say.
        data.push(1);
    }
    if row.value == CKM_ECDSA {
        // 6.3.12: a raw digest, of which as much counts as goes into the order of the curve.
        let length = draw.pick(DIGEST, &[32, 20, 48, 64]).copied().unwrap_or(32);
        data = draw.bytes(INNER, length);
    }
    let parameter = parameter::of(row, draw, data.len())?;
    let key_type = *draw.pick(TYPE, &signature::key_types(row))?;
    let keys = match key::is_secret(key_type) {
        true => Keys::secret(
            parties,
            draw,
            key_type,
            &[CKA_SIGN, CKA_VERIFY],
            signature::FORTH,
        ),
        false => {
            let usages: [&[u64]; 2] = [&[CKA_VERIFY], &[CKA_SIGN]];
            Keys::pair(
                parties,
                draw,
                key_type,
                usages,
                [signature::BACK, signature::FORTH],
            )?
        }
    };
    Some(task(keys, Signing::of(row, data, parameter)))
}

fn encrypt(row: &'static Mechanism, parties: &Parties<'_>, draw: &Draw) -> Option<Task> {
    let mut data = input::to_encrypt(row)
        .unwrap_or(Input::Any)
        .fit(draw.data());
    if row.value == CKM_RSA_PKCS_OAEP {
        // As long as goes with the longest hash that is drawn.
        data.truncate(parameter::MOST_WITH_OAEP);
    }
    let parameter = parameter::of(row, draw, data.len())?;
    let key_type = cipher::first_key(row)?;
    let keys = match key::is_secret(key_type) {
        true => Keys::secret(
            parties,
            draw,
            key_type,
            &[CKA_ENCRYPT, CKA_DECRYPT],
            cipher::FORTH,
        ),
        false => {
            let usages: [&[u64]; 2] = [&[CKA_ENCRYPT], &[CKA_DECRYPT]];
            Keys::pair(
                parties,
                draw,
                key_type,
                usages,
                [cipher::FORTH, cipher::BACK],
            )?
            .shared()
        }
    };
    Some(task(keys, Encryption::of(row, data, parameter)))
}

fn wrap(row: &wrapping::Row, parties: &Parties<'_>, draw: &Draw) -> Option<Task> {
    let (row, parameter, key_type) = row;
    let (forth, back, keys) = match key::is_secret(*key_type) {
        true => {
            let usages = &[CKA_WRAP, CKA_UNWRAP];
            let keys = Keys::secret(parties, draw, *key_type, usages, wrapping::FORTH);
            (wrapping::FORTH, wrapping::FORTH, keys)
        }
        false => {
            let usages: [&[u64]; 2] = [&[CKA_WRAP], &[CKA_UNWRAP]];
            let names = [wrapping::FORTH, wrapping::BACK];
            let keys = Keys::pair(parties, draw, *key_type, usages, names)?.shared();
            (wrapping::FORTH, wrapping::BACK, keys)
        }
    };
    // Of a key with one length alone the length is known where the mechanism does not tell it.
    let inner_type = match (generate::tells_length(row), draw.coin(KIND)) {
        (false, _) => CKK_DES3,
        (true, false) => CKK_AES,
        (true, true) => CKK_GENERIC_SECRET,
    };
    let drawn = Secret::draw(parties.target, draw, inner_type).imported();
    let value = key::value(draw, INNER, inner_type, drawn.value.len());
    let parameter = match row.value {
        CKM_RSA_PKCS_OAEP => parameter::of(row, draw, value.len())?,
        _ => parameter.clone(),
    };
    let work = Wrap {
        row,
        parameter,
        forth,
        back,
        inner: drawn.of_value(value),
        cipher: wrapping::cipher_of(inner_type).filter(|_| draw.coin(BY_USE)),
    };
    Some(task(keys, work))
}

fn derive(row: &'static Mechanism, parties: &Parties<'_>, draw: &Draw) -> Option<Task> {
    let mut types = row.key_types.iter().copied();
    let key_type = types.find(|of| key::is_secret(*of))?;
    let keys = Keys::secret(parties, draw, key_type, &[CKA_DERIVE], derivation::BASE);
    let keys = match keys {
        Keys::Secret {
            key, usages, name, ..
        } => Keys::Secret {
            key: key.imported(),
            usages,
            name,
            generator: None,
        },
        other => other,
    };
    let parameter: ParameterValue = match row.parameter {
        _ if derivation::takes_data(row) => {
            derivation::string(&draw.bytes(INNER, 1 + draw.length % 40))
        }
        _ => generate::deriving_parameter(row)?,
    };
    let length = (row.value != CKM_IKE_PRF_DERIVE).then_some(derivation::LENGTH);
    Some(task(
        keys,
        Derivation {
            row,
            parameter,
            length,
        },
    ))
}
