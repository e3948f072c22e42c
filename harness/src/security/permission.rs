//! What a target may permit somebody who is logged in: the smallest things of which a way to a key is made.

use std::fmt;

/// Usages of a key: bits of [`WRAP`], [`UNWRAP`], [`ENCRYPT`], [`DECRYPT`] and [`DERIVE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roles(pub u8);

/// CKA_WRAP.
pub const WRAP: Roles = Roles(1);
/// CKA_UNWRAP.
pub const UNWRAP: Roles = Roles(2);
/// CKA_ENCRYPT.
pub const ENCRYPT: Roles = Roles(4);
/// CKA_DECRYPT.
pub const DECRYPT: Roles = Roles(8);
/// CKA_DERIVE.
pub const DERIVE: Roles = Roles(16);

/// Bits of the roles and their attributes.
const ROLES: [(Roles, &str); 5] = [
    (WRAP, "CKA_WRAP"),
    (UNWRAP, "CKA_UNWRAP"),
    (ENCRYPT, "CKA_ENCRYPT"),
    (DECRYPT, "CKA_DECRYPT"),
    (DERIVE, "CKA_DERIVE"),
];

impl Roles {
    /// True if the key has all of these.
    #[must_use]
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Those that the other has not.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// The attributes of the roles.
    pub fn attributes(self) -> impl Iterator<Item = &'static str> {
        let own = ROLES.into_iter().filter(move |(role, _)| self.has(*role));
        own.map(|(_, attribute)| attribute)
    }

    /// One of the four roles around keys and data, or two of them.
    pub fn some() -> impl Iterator<Item = Self> {
        let sets = (1..16_u8).map(Self);
        sets.filter(|roles| roles.0.count_ones() <= 2)
    }

    fn is_single(self) -> bool {
        self.0.count_ones() == 1
    }
}

/// What keeps the value of a key inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protection {
    /// CKA_SENSITIVE.
    pub sensitive: bool,
    /// CKA_EXTRACTABLE.
    pub extractable: bool,
}

impl Protection {
    /// Nothing does.
    pub const OPEN: Self = Self {
        sensitive: false,
        extractable: true,
    };
    /// All there are, [`Self::OPEN`] the last.
    pub const ALL: [Self; 4] = [
        Self {
            sensitive: true,
            extractable: false,
        },
        Self {
            sensitive: true,
            extractable: true,
        },
        Self {
            sensitive: false,
            extractable: false,
        },
        Self::OPEN,
    ];

    /// True if the standard has the value stay inside ([PKCS11-Base 3.2] 4.2, footnote 7).
    #[must_use]
    pub fn hides(self) -> bool {
        self != Self::OPEN
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.sensitive, self.extractable) {
            (true, true) => "sensitive",
            (true, false) => "sensitive-unextractable",
            (false, false) => "unextractable",
            (false, true) => "open",
        })
    }
}

/// A mechanism that wraps, and mechanisms that undo it as a decryption.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wrapping {
    /// Its name.
    pub name: &'static str,
    /// Its parameter, hexadecimal.
    pub parameter: &'static str,
}

/// Mechanisms of AES keys that wrap, encrypt and decrypt.
pub const WRAPPINGS: &[Wrapping] = &[
    wrapping("CKM_AES_ECB", ""),
    wrapping("CKM_AES_CBC", IV),
    wrapping("CKM_AES_CBC_PAD", IV),
    wrapping("CKM_AES_KEY_WRAP", ""),
    wrapping("CKM_AES_KEY_WRAP_KWP", ""),
];

const IV: &str = "000102030405060708090a0b0c0d0e0f";

const fn wrapping(name: &'static str, parameter: &'static str) -> Wrapping {
    Wrapping { name, parameter }
}

/// A mechanism by which a key is derived that begins with the base key's value.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Derivation {
    /// Its name.
    pub name: &'static str,
    /// Its parameter, as a suite has it.
    pub parameter: &'static str,
    /// Bytes of what is derived from 16.
    pub length: usize,
    /// Where the standard has what is derived stay inside.
    pub clause: &'static str,
}

/// Derivations that keep what they derive from.
pub const DERIVATIONS: &[Derivation] = &[
    Derivation {
        name: "CKM_EXTRACT_KEY_FROM_KEY",
        parameter: "{ ulong: 0 }",
        length: 16,
        clause: "6.43.7",
    },
    Derivation {
        name: "CKM_XOR_BASE_AND_DATA",
        parameter: "{ CK_KEY_DERIVATION_STRING_DATA: { pData: \"00000000000000000000000000000000\", ulLen: 16 } }",
        length: 16,
        clause: "6.43.6",
    },
    Derivation {
        name: "CKM_CONCATENATE_BASE_AND_DATA",
        parameter: "{ CK_KEY_DERIVATION_STRING_DATA: { pData: \"00000000000000000000000000000000\", ulLen: 16 } }",
        length: 32,
        clause: "6.43.4",
    },
];

/// How attributes of a key that is there already change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// C_SetAttributeValue.
    Set,
    /// C_CopyObject.
    Copy,
}

/// Something that a target permits or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// An AES key with these roles is generated.
    Generate(Roles),
    /// One of a known value is imported.
    Import(Roles),
    /// A key with the first roles gets the second instead.
    Change(By, Roles, Roles),
    /// A key that is protected so is wrapped.
    Wrap(&'static Wrapping, Protection),
    /// What was wrapped is decrypted.
    Decrypt(&'static Wrapping),
    /// What was encrypted is taken for a wrapped key, and comes in with these roles.
    Plant(&'static Wrapping, Roles),
    /// What was wrapped comes in with these roles, open.
    Unwrap(&'static Wrapping, Roles),
    /// The value of a key that is protected so is read.
    Read(Protection),
    /// A key loses its protection.
    Lower(By, Protection),
    /// An open key is derived from one that is protected so.
    Derive(&'static Derivation, Protection),
}

impl Permission {
    /// Everything that is tried.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for roles in Roles::some() {
            all.extend([Self::Generate(roles), Self::Import(roles)]);
        }
        for from in Roles::some().filter(|roles| roles.is_single()) {
            let to = Roles::some().filter(|to| *to != from && (to.is_single() || to.has(from)));
            for to in to {
                all.extend([By::Set, By::Copy].map(|by| Self::Change(by, from, to)));
            }
        }
        for wrapping in WRAPPINGS {
            all.push(Self::Decrypt(wrapping));
            all.extend(Protection::ALL.map(|how| Self::Wrap(wrapping, how)));
            for roles in Roles::some() {
                all.extend([Self::Plant(wrapping, roles), Self::Unwrap(wrapping, roles)]);
            }
        }
        for protection in Protection::ALL {
            all.push(Self::Read(protection));
            if protection.hides() {
                all.extend([By::Set, By::Copy].map(|by| Self::Lower(by, protection)));
            }
            all.extend(DERIVATIONS.iter().map(|by| Self::Derive(by, protection)));
        }
        all
    }

    /// The mechanism that it is about.
    #[must_use]
    pub fn mechanism(self) -> Option<&'static str> {
        match self {
            Self::Wrap(by, _) | Self::Decrypt(by) | Self::Plant(by, _) | Self::Unwrap(by, _) => {
                Some(by.name)
            }
            Self::Derive(by, _) => Some(by.name),
            _ => None,
        }
    }

    /// The clause that forbids it, if the standard does.
    #[must_use]
    pub fn forbidden_by(self) -> Option<&'static str> {
        match self {
            Self::Wrap(_, protection) if !protection.extractable => Some("5.18.3"),
            Self::Read(protection) if protection.hides() => Some("5.7.5"),
            Self::Lower(..) => Some("4.2 footnotes 11 and 12"),
            Self::Derive(by, protection) if protection.hides() => Some(by.clause),
            _ => None,
        }
    }
}
