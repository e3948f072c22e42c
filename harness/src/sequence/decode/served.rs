//! What the mechanisms of a token serve for, and the sizes of keys that they take, as the token itself tells of them.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use cryptoki_sys::{
    CKF_DECAPSULATE, CKF_DECRYPT, CKF_DERIVE, CKF_DIGEST, CKF_ENCAPSULATE, CKF_ENCRYPT,
    CKF_GENERATE, CKF_GENERATE_KEY_PAIR, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_ENCRYPT,
    CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY, CKF_SIGN, CKF_SIGN_RECOVER, CKF_UNWRAP, CKF_VERIFY,
    CKF_VERIFY_RECOVER, CKF_WRAP,
};

use crate::cryptoki::mechanism::{self, Mechanism, MechanismInfo, Use};

/// For wrapping and unwrapping.
pub(super) const WRAPS: u64 = CKF_WRAP | CKF_UNWRAP;
/// For encapsulating and decapsulating.
pub(super) const ENCAPSULATES: u64 = CKF_ENCAPSULATE | CKF_DECAPSULATE;

/// What phrases want a mechanism for: flags of which it must have one, and the use that the standard must tick.
const PURPOSES: [(u64, Use); 16] = [
    (CKF_ENCRYPT, Use::Encrypt),
    (CKF_DECRYPT, Use::Encrypt),
    (CKF_MESSAGE_ENCRYPT, Use::Encrypt),
    (CKF_MESSAGE_DECRYPT, Use::Encrypt),
    (CKF_SIGN, Use::Sign),
    (CKF_VERIFY, Use::Sign),
    (CKF_MESSAGE_SIGN, Use::Sign),
    (CKF_MESSAGE_VERIFY, Use::Sign),
    (CKF_SIGN_RECOVER, Use::Recover),
    (CKF_VERIFY_RECOVER, Use::Recover),
    (CKF_DIGEST, Use::Digest),
    (CKF_GENERATE, Use::Generate),
    (CKF_GENERATE_KEY_PAIR, Use::GeneratePair),
    (WRAPS, Use::Wrap),
    (CKF_DERIVE, Use::Derive),
    (ENCAPSULATES, Use::Encapsulate),
];

/// What nothing is known against: every use that the standard ticks, keys of every size.
const ANYTHING: MechanismInfo = MechanismInfo {
    min_key_size: 0,
    max_key_size: u64::MAX,
    flags: u64::MAX,
};

/// The mechanisms for a purpose.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// Those that have the flag.
    pub(super) serving: Vec<&'static Mechanism>,
    /// Those that the token lists without it; all those of the standard if it lists none at all.
    pub(super) others: Vec<&'static Mechanism>,
}

/// What a token tells of its mechanisms.
#[derive(Debug, Clone)]
pub(super) struct Served {
    told: BTreeMap<u64, MechanismInfo>,
    rows: HashMap<u64, Rows>,
    /// By key type, each range once.
    sizes: HashMap<u64, Vec<RangeInclusive<u64>>>,
}

impl Served {
    /// The mechanisms of the standard that `has` is true of, of which nothing else is known.
    pub(super) fn listed(has: impl Fn(u64) -> bool) -> Self {
        let values = mechanism::all().iter().map(|row| row.value);
        Self::told(values.filter(|of| has(*of)).map(|of| (of, ANYTHING)))
    }

    /// Those of a token.
    pub(super) fn told(told: impl IntoIterator<Item = (u64, MechanismInfo)>) -> Self {
        let told = told.into_iter().map(|(of, info)| (of, believable(info)));
        let told: BTreeMap<u64, MechanismInfo> = told.collect();
        let mut sizes: HashMap<u64, Vec<RangeInclusive<u64>>> = HashMap::new();
        for (of, info) in &told {
            let key_types = mechanism::by_value(*of).map_or(&[][..], |row| &row.key_types);
            for key_type in key_types {
                let range = info.min_key_size..=info.max_key_size;
                let known = sizes.entry(*key_type).or_default();
                if !known.contains(&range) {
                    known.push(range);
                }
            }
        }
        let rows = PURPOSES.map(|(flags, wanted)| (flags, rows(&told, flags, wanted)));
        Self {
            rows: rows.into(),
            told,
            sizes,
        }
    }

    /// The mechanisms for the purpose that has these flags.
    pub(super) fn rows(&self, flags: u64) -> Option<&Rows> {
        self.rows.get(&flags)
    }

    /// True if the token says so of a mechanism, or nothing of it at all.
    pub(super) fn serves(&self, mechanism: u64, flag: u64) -> bool {
        let info = self.told.get(&mechanism);
        info.is_none_or(|info| info.flags & flag != 0)
    }

    /// True if the mechanism takes keys of this size, as far as is known.
    pub(super) fn takes(&self, mechanism: u64, size: u64) -> bool {
        let info = self.told.get(&mechanism);
        info.is_none_or(|info| (info.min_key_size..=info.max_key_size).contains(&size))
    }

    /// True if some mechanism for keys of this type takes those of this size, as far as is known.
    pub(super) fn some_takes(&self, key_type: u64, size: u64) -> bool {
        let known = self.sizes.get(&key_type);
        known.is_none_or(|known| known.iter().any(|range| range.contains(&size)))
    }
}

/// A mechanism without any flag of a purpose is one whose information could not be had.
fn believable(info: MechanismInfo) -> MechanismInfo {
    let all = PURPOSES.iter().fold(0, |all, (flags, _)| all | flags);
    let flags = match info.flags & all {
        0 => ANYTHING.flags,
        _ => info.flags,
    };
    MechanismInfo { flags, ..info }
}

fn rows(told: &BTreeMap<u64, MechanismInfo>, flags: u64, wanted: Use) -> Rows {
    let of_standard = mechanism::all()
        .iter()
        .filter(|row| row.uses.contains(&wanted));
    let mut rows = Rows::default();
    for row in of_standard.clone() {
        match told.get(&row.value) {
            Some(info) if info.flags & flags != 0 => rows.serving.push(row),
            Some(_) => rows.others.push(row),
            None => {}
        }
    }
    if rows.serving.is_empty() && rows.others.is_empty() {
        rows.others.extend(of_standard);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{
        CKF_HW, CKK_RSA, CKM_AES_CBC, CKM_ECDH1_DERIVE, CKM_ML_KEM, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS,
        CKM_SHA256,
    };

    fn info(flags: u64, min_key_size: u64, max_key_size: u64) -> MechanismInfo {
        MechanismInfo {
            min_key_size,
            max_key_size,
            flags,
        }
    }

    fn token() -> Served {
        Served::told([
            (CKM_RSA_PKCS, info(CKF_HW | CKF_SIGN, 2048, 4096)),
            (CKM_RSA_PKCS_PSS, info(CKF_SIGN | CKF_VERIFY, 3072, 3072)),
            (CKM_AES_CBC, info(CKF_UNWRAP | CKF_ENCRYPT, 16, 32)),
            (CKM_SHA256, info(CKF_HW, 0, 0)),
        ])
    }

    fn names(rows: &[&Mechanism]) -> Vec<u64> {
        rows.iter().map(|row| row.value).collect()
    }

    #[test]
    fn a_mechanism_serves_for_what_the_token_says() {
        let token = token();
        for (flags, serving, others) in [
            (CKF_SIGN, &[CKM_RSA_PKCS, CKM_RSA_PKCS_PSS][..], &[][..]),
            (CKF_VERIFY, &[CKM_RSA_PKCS_PSS], &[CKM_RSA_PKCS]),
            (CKF_ENCRYPT, &[CKM_AES_CBC], &[CKM_RSA_PKCS]),
            (CKF_DECRYPT, &[], &[CKM_RSA_PKCS, CKM_AES_CBC]),
            (WRAPS, &[CKM_AES_CBC], &[CKM_RSA_PKCS]),
            // Of this one it says nothing.
            (CKF_DIGEST, &[CKM_SHA256], &[]),
        ] {
            let rows = token.rows(flags).expect("a purpose");
            assert_eq!(names(&rows.serving), serving, "{flags:#x}");
            assert_eq!(names(&rows.others), others, "{flags:#x}");
        }
        // Of the standard's mechanisms for this it lists none.
        let none = token.rows(CKF_DERIVE).expect("a purpose");
        assert!(none.serving.is_empty());
        assert!(names(&none.others).contains(&CKM_ECDH1_DERIVE));
        assert!(token.serves(CKM_AES_CBC, CKF_UNWRAP) && !token.serves(CKM_AES_CBC, CKF_WRAP));
    }

    #[test]
    fn a_key_has_a_size_that_the_token_says() {
        let token = token();
        for (mechanism, size, takes) in [
            (CKM_RSA_PKCS, 1024, false),
            (CKM_RSA_PKCS, 2048, true),
            (CKM_RSA_PKCS_PSS, 2048, false),
            (CKM_AES_CBC, 32, true),
            (CKM_ML_KEM, 1, true),
        ] {
            assert_eq!(token.takes(mechanism, size), takes, "{mechanism} {size}");
        }
        assert!(!token.some_takes(CKK_RSA, 1024) && token.some_takes(CKK_RSA, 2048));
    }

    #[test]
    fn every_purpose_has_mechanisms_of_the_standard() {
        let all = Served::listed(|_| true);
        for (flags, _) in PURPOSES {
            let rows = all.rows(flags).expect("a purpose");
            assert!(!rows.serving.is_empty() && rows.others.is_empty());
        }
    }
}
