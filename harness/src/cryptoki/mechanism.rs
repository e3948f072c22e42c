//! What the standard says of each mechanism: the functions it goes with, its parameter, and the
//! types of key it works on, from `suites/spec/mechanisms.csv`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::names;

/// A kind of use that chapter 6 ticks for a mechanism in its tables of mechanisms and functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// Encrypt and decrypt.
    Encrypt,
    /// Sign and verify.
    Sign,
    /// Sign and verify with data recovery.
    Recover,
    /// Digest.
    Digest,
    /// Generate a key or domain parameters.
    Generate,
    /// Generate a key pair.
    GeneratePair,
    /// Wrap and unwrap.
    Wrap,
    /// Derive.
    Derive,
    /// Encapsulate and decapsulate.
    Encapsulate,
}

impl Use {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "encrypt" => Self::Encrypt,
            "sign" => Self::Sign,
            "recover" => Self::Recover,
            "digest" => Self::Digest,
            "generate" => Self::Generate,
            "generate-pair" => Self::GeneratePair,
            "wrap" => Self::Wrap,
            "derive" => Self::Derive,
            "encapsulate" => Self::Encapsulate,
            _ => return None,
        })
    }
}

/// `CK_MECHANISM_INFO`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MechanismInfo {
    /// `ulMinKeySize`, in the mechanism's own unit.
    pub min_key_size: u64,
    /// `ulMaxKeySize`, in the mechanism's own unit.
    pub max_key_size: u64,
    /// `CKF_` flags.
    pub flags: u64,
}

/// The parameter that a mechanism takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterShape {
    /// None.
    None,
    /// Bytes, of this many where the standard says how many.
    Bytes(usize),
    /// A `CK_ULONG`.
    Ulong,
    /// The handle of an object.
    Object,
    /// A structure, by its C name.
    Structure(&'static str),
}

/// One mechanism.
#[derive(Debug, Clone, PartialEq)]
pub struct Mechanism {
    /// C name.
    pub name: &'static str,
    /// `CK_MECHANISM_TYPE`.
    pub value: u64,
    /// Section of chapter 6 that defines it.
    pub section: &'static str,
    /// What it can be used for.
    pub uses: Vec<Use>,
    /// Its parameter.
    pub parameter: ParameterShape,
    /// True if the parameter may be left out.
    pub optional_parameter: bool,
    /// `CK_KEY_TYPE`s of the keys that it works on or makes.
    pub key_types: Vec<u64>,
    /// Whether it works on keys of other types, too.
    pub other_keys: OtherKeys,
    rules: Vec<Rule>,
}

/// Key types that a mechanism works on beside those that are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherKeys {
    /// None.
    None,
    /// Any type of secret key.
    Any,
    /// That of a function that the parameter names; those named are types for the function that the
    /// cases name, and a module may want another one for it.
    OfParameter,
}

/// What the text of its section says of a mechanism beside its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Data must come in one part.
    Single,
    /// It derives keys of any length, or of more bytes than a case asks for.
    Endless,
    /// What it derives is no more open than what it is derived from.
    Sticky,
    /// The nonce is counted in bits, in a field that elsewhere counts bytes.
    NonceInBits,
    /// Of CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE of what it derives nothing is said.
    Unremembered,
    /// Key, parameter and data decide every byte of what it gives.
    Determined,
}

impl Rule {
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "single" => Self::Single,
            "endless" => Self::Endless,
            "sticky" => Self::Sticky,
            "nonce-bits" => Self::NonceInBits,
            "unremembered" => Self::Unremembered,
            "determined" => Self::Determined,
            _ => return None,
        })
    }
}

impl Mechanism {
    /// True if its section says so.
    #[must_use]
    pub fn rule(&self, rule: Rule) -> bool {
        self.rules.contains(&rule)
    }
}

static TABLE: LazyLock<Vec<Mechanism>> = LazyLock::new(|| {
    let rows = include_str!("../../../suites/spec/mechanisms.csv")
        .lines()
        .skip(1);
    let parse = |row| parse(row).unwrap_or_else(|| panic!("suites/spec/mechanisms.csv: {row}"));
    rows.map(parse).collect()
});

static BY_VALUE: LazyLock<HashMap<u64, &'static Mechanism>> =
    LazyLock::new(|| all().iter().map(|row| (row.value, row)).collect());

fn parse(row: &'static str) -> Option<Mechanism> {
    let fields: Vec<&'static str> = row.split(',').collect();
    let [name, section, uses, parameter, key_types, rules] = fields[..] else {
        return None;
    };
    let (parameter, optional_parameter) = match parameter.strip_suffix('?') {
        Some(parameter) => (parameter, true),
        None => (parameter, false),
    };
    let (other_keys, key_types) = match key_types.split_once(' ') {
        Some(("any", example)) => (OtherKeys::Any, example),
        Some(("prf", example)) => (OtherKeys::OfParameter, example),
        _ => (OtherKeys::None, key_types),
    };
    let key_type = |name| names::constant(name).map(|constant| constant.value);
    Some(Mechanism {
        name,
        value: names::constant(name)?.value,
        section,
        uses: uses
            .split_whitespace()
            .map(Use::from_word)
            .collect::<Option<_>>()?,
        parameter: shape(parameter)?,
        optional_parameter,
        key_types: key_types
            .split_whitespace()
            .map(key_type)
            .collect::<Option<_>>()?,
        other_keys,
        rules: rules
            .split_whitespace()
            .map(Rule::from_word)
            .collect::<Option<_>>()?,
    })
}

fn shape(text: &'static str) -> Option<ParameterShape> {
    Some(match text {
        "none" => ParameterShape::None,
        "ulong" => ParameterShape::Ulong,
        "object" => ParameterShape::Object,
        _ => match text.strip_prefix("bytes:") {
            Some(count) => ParameterShape::Bytes(count.parse().ok()?),
            None => ParameterShape::Structure(super::structure::layout(text)?.name),
        },
    })
}

/// Every mechanism of [PKCS11-Base 3.2] chapter 6.
#[must_use]
pub fn all() -> &'static [Mechanism] {
    &TABLE
}

/// The mechanism of this value.
#[must_use]
pub fn by_value(value: u64) -> Option<&'static Mechanism> {
    BY_VALUE.get(&value).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Mechanism {
        let value = names::constant(name).expect("a constant").value;
        by_value(value).expect("a row")
    }

    #[test]
    fn every_row_is_read_and_none_is_there_twice() {
        assert_eq!(all().len(), BY_VALUE.len());
        assert!(all().iter().all(|row| !row.uses.is_empty()));
    }

    #[test]
    fn a_row_says_what_its_section_says() {
        let gcm = named("CKM_AES_GCM");
        assert_eq!(gcm.section, "6.13");
        assert_eq!(gcm.uses, [Use::Encrypt, Use::Wrap]);
        assert_eq!(gcm.parameter, ParameterShape::Structure("CK_GCM_PARAMS"));
        assert_eq!(gcm.key_types, [cryptoki_sys::CKK_AES]);
        assert!(!gcm.rule(Rule::Single));
        let pair = named("CKM_ML_KEM_KEY_PAIR_GEN");
        assert_eq!(pair.uses, [Use::GeneratePair]);
        assert!(named("CKM_ECDSA").rule(Rule::Single));
        let ike = named("CKM_IKE_PRF_DERIVE");
        assert_eq!(ike.other_keys, OtherKeys::OfParameter);
        assert_eq!(ike.key_types, [cryptoki_sys::CKK_SHA256_HMAC]);
        assert!(ike.rule(Rule::Endless) && ike.rule(Rule::Unremembered));
        assert!(named("CKM_EDDSA").optional_parameter);
    }
}
