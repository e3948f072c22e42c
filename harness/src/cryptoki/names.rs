//! Names and values of every constant of the 3.2 header, by kind, from `suites/spec/constants.csv`.
//!
//! A value may carry several names only across kinds: `CKF_DECRYPT` and a token flag share bits,
//! so a name is found by text alone and a value by kind and number.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use super::function::Version;

/// A family of constants, as the identifier database of the standard's authors groups them
/// (`errors`, `mechanisms`, `token_info_flags`, ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub &'static str);

impl Kind {
    /// Return values, `CKR_`.
    pub const RETURN: Kind = Kind("errors");
    /// Mechanism types, `CKM_`.
    pub const MECHANISM: Kind = Kind("mechanisms");
    /// Attribute types, `CKA_`.
    pub const ATTRIBUTE: Kind = Kind("attributes");
    /// Object classes, `CKO_`.
    pub const OBJECT_CLASS: Kind = Kind("objects");
    /// Profile ids, the `CKP_` of profile objects.
    pub const PROFILE: Kind = Kind("profile_id");
    /// User types, `CKU_`.
    pub const USER: Kind = Kind("user_types");
    /// Session states, `CKS_`.
    pub const STATE: Kind = Kind("session_states");
    /// Flags of a session, `CKF_`.
    pub const SESSION_FLAGS: Kind = Kind("session_flags");
    /// Flags of a slot, `CKF_`.
    pub const SLOT_FLAGS: Kind = Kind("slot_info_flags");
    /// Flags of a token, `CKF_`.
    pub const TOKEN_FLAGS: Kind = Kind("token_info_flags");
    /// Flags of a mechanism, `CKF_`.
    pub const MECHANISM_FLAGS: Kind = Kind("mechanisms_flags");
    /// Flags of `C_Initialize`, `CKF_`.
    pub const INIT_FLAGS: Kind = Kind("init_flags");
    /// Flags of `C_WaitForSlotEvent`.
    pub const SLOT_EVENT_FLAGS: Kind = Kind("slot_event_flags");
    /// Flags of the message functions.
    pub const MESSAGE_FLAGS: Kind = Kind("message_flags");
    /// Flags of an interface.
    pub const INTERFACE_FLAGS: Kind = Kind("function_flags");
    /// Indicator types of `C_GetSessionValidationFlags`.
    pub const INDICATOR: Kind = Kind("indicator_flags");
}

/// One constant of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constant {
    /// Its C name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// Its family.
    pub kind: Kind,
    /// The version of the standard that first has it.
    pub since: Version,
}

struct Table {
    by_name: HashMap<&'static str, Constant>,
    by_value: HashMap<(Kind, u64), &'static str>,
    by_kind: BTreeMap<Kind, Vec<Constant>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        by_name: HashMap::new(),
        by_value: HashMap::new(),
        by_kind: BTreeMap::new(),
    };
    for line in include_str!("../../../suites/spec/constants.csv")
        .lines()
        .skip(1)
    {
        let constant = parse_line(line).expect("suites/spec/constants.csv: name,value,kind,since");
        table.by_name.insert(constant.name, constant);
        table
            .by_value
            .entry((constant.kind, constant.value))
            .or_insert(constant.name);
        table
            .by_kind
            .entry(constant.kind)
            .or_default()
            .push(constant);
    }
    table
});

fn parse_line(line: &'static str) -> Option<Constant> {
    let mut fields = line.split(',');
    let (name, value, kind, since) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    Some(Constant {
        name,
        value: u64::from_str_radix(value.strip_prefix("0x")?, 16).ok()?,
        kind: Kind(kind),
        since: since.parse().ok()?,
    })
}

/// The constant of this name, whatever its kind.
#[must_use]
pub fn constant(name: &str) -> Option<Constant> {
    TABLE.by_name.get(name).copied()
}

/// All constants of a kind, in the order of their values.
#[must_use]
pub fn of_kind(kind: Kind) -> &'static [Constant] {
    TABLE.by_kind.get(&kind).map_or(&[], Vec::as_slice)
}

/// All kinds there are.
pub fn kinds() -> impl Iterator<Item = Kind> {
    TABLE.by_kind.keys().copied()
}

/// Every name that starts with `prefix`, for suggestions.
pub fn with_prefix(prefix: &str) -> impl Iterator<Item = &'static str> {
    TABLE
        .by_name
        .keys()
        .copied()
        .filter(move |name| name.starts_with(prefix))
}

/// The name of a value of a kind, if the standard gives it one.
#[must_use]
pub fn name(kind: Kind, value: u64) -> Option<&'static str> {
    TABLE.by_value.get(&(kind, value)).copied()
}

/// The name of a value, or its number in the manner of the header (`0x80000001`).
#[must_use]
pub fn display(kind: Kind, value: u64) -> String {
    name(kind, value).map_or_else(|| format!("{value:#x}"), str::to_owned)
}

/// The flags set in `value`, joined by `|`; bits without a name as one number at the end.
#[must_use]
pub fn display_flags(kind: Kind, value: u64) -> String {
    let mut rest = value;
    let mut parts = Vec::new();
    for flag in of_kind(kind).iter().filter(|flag| flag.value != 0) {
        if value & flag.value == flag.value {
            parts.push(flag.name.to_owned());
            rest &= !flag.value;
        }
    }
    if rest != 0 || parts.is_empty() {
        parts.push(format!("{rest:#x}"));
    }
    parts.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_find_each_other() {
        for (name, kind, value) in [
            (
                "CKR_OPERATION_ACTIVE",
                Kind::RETURN,
                cryptoki_sys::CKR_OPERATION_ACTIVE,
            ),
            ("CKM_ML_DSA", Kind::MECHANISM, cryptoki_sys::CKM_ML_DSA),
            (
                "CKA_WRAP_TEMPLATE",
                Kind::ATTRIBUTE,
                cryptoki_sys::CKA_WRAP_TEMPLATE,
            ),
            ("CKO_PROFILE", Kind::OBJECT_CLASS, cryptoki_sys::CKO_PROFILE),
            (
                "CKS_RW_SO_FUNCTIONS",
                Kind::STATE,
                cryptoki_sys::CKS_RW_SO_FUNCTIONS,
            ),
            (
                "CKP_HKDF_TLS_TOKEN",
                Kind::PROFILE,
                cryptoki_sys::CKP_HKDF_TLS_TOKEN,
            ),
        ] {
            assert_eq!(
                constant(name).map(|found| found.value),
                Some(value),
                "{name}"
            );
            assert_eq!(super::name(kind, value), Some(name));
        }
    }

    #[test]
    fn a_name_is_known_since_its_version() {
        assert_eq!(
            constant("CKM_AES_GCM").map(|c| c.since),
            Some(Version::V2_40)
        );
        assert_eq!(
            constant("CKM_CHACHA20").map(|c| c.since),
            Some(Version::V3_0)
        );
        assert_eq!(constant("CKM_ML_KEM").map(|c| c.since), Some(Version::V3_2));
    }

    #[test]
    fn flags_are_shown_with_what_has_no_name() {
        assert_eq!(
            display_flags(Kind::TOKEN_FLAGS, 0x5),
            "CKF_RNG|CKF_LOGIN_REQUIRED"
        );
        assert_eq!(
            display_flags(Kind::SLOT_FLAGS, 0x8000_0001),
            "CKF_TOKEN_PRESENT|0x80000000"
        );
        assert_eq!(display_flags(Kind::SLOT_FLAGS, 0), "0x0");
    }
}
