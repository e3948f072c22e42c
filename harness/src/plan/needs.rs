//! What a case needs of a target, and why a target does not have it.

use p11assay_reports::evidence::{Verdict, Why};

use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Version};

use super::Capabilities;

/// Conditions under which a case applies. All must hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Needs {
    /// Lowest Cryptoki version.
    pub at_least: Option<Version>,
    /// Highest Cryptoki version.
    pub at_most: Option<Version>,
    /// Functions that must be in the module's list.
    pub functions: Vec<Function>,
    /// Mechanisms that the token must have.
    pub mechanisms: Vec<MechanismNeed>,
    /// `CKF_` flags that the token must have.
    pub token_flags: u64,
    /// Profile that the token must claim by an object.
    pub profile: Option<u64>,
    /// Whether a PIN of the user must be known.
    pub pin: bool,
    /// Whether the PIN of the security officer must be known.
    pub so_pin: bool,
    /// Whether the token must be free to be overwritten.
    pub disposable: bool,
    /// Whether the token can be taken out of its slot.
    pub removable: bool,
    /// Whether the token is thrown away after the case, for a new one.
    pub own_token: bool,
}

/// A mechanism with what it must be good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MechanismNeed {
    /// `CK_MECHANISM_TYPE`.
    pub mechanism: u64,
    /// `CKF_` flags that must be set in its information.
    pub flags: u64,
    /// Key size that must lie in its range, in the mechanism's own unit.
    pub key_size: Option<u64>,
}

/// Why a case is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Not applicable, or environment.
    pub verdict: Verdict,
    /// What kind of reason, if it does not apply.
    pub why: Option<Why>,
    /// The reason.
    pub reason: String,
}

impl Unmet {
    /// True of a verdict that was there before the target was asked what it has.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.why.is_none() && self.verdict != Verdict::Environment
    }

    /// The case does not apply.
    #[must_use]
    pub fn because(why: Why, reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::NotApplicable,
            why: Some(why),
            reason: reason.into(),
        }
    }

    /// The host keeps the target from what it lists.
    #[must_use]
    pub fn environment(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Environment,
            why: None,
            reason: reason.into(),
        }
    }
}

impl Needs {
    /// Adds conditions: the result asks for everything that either asks for.
    #[must_use]
    pub fn and(&self, other: &Needs) -> Needs {
        let mut all = self.clone();
        all.at_least = self.at_least.max(other.at_least);
        all.at_most = match (self.at_most, other.at_most) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        all.functions.extend(&other.functions);
        all.mechanisms.extend(other.mechanisms.iter().cloned());
        all.token_flags |= other.token_flags;
        all.profile = other.profile.or(self.profile);
        all.pin |= other.pin;
        all.so_pin |= other.so_pin;
        all.disposable |= other.disposable;
        all.removable |= other.removable;
        all.own_token |= other.own_token;
        all
    }

    /// Why a target cannot meet the needs; `None` if it can.
    #[must_use]
    pub fn unmet(&self, target: &Capabilities) -> Option<Unmet> {
        let absent = |reason| Unmet::because(Why::Absent, reason);
        let functions = &self.functions;
        self.unmet_version(target)
            .or_else(|| {
                functions
                    .iter()
                    .find_map(|function| target.lacks(*function))
            })
            .map(absent)
            .or_else(|| self.mechanisms.iter().find_map(|need| need.unmet(target)))
            .or_else(|| self.unmet_token(target))
    }

    fn unmet_version(&self, target: &Capabilities) -> Option<String> {
        let version = target.version;
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) if least == most && version != least => {
                Some(format!("for Cryptoki {least}; the module has {version}"))
            }
            (Some(least), _) if version < least => {
                Some(format!("needs Cryptoki {least}; the module has {version}"))
            }
            (_, Some(most)) if version > most => Some(format!(
                "for Cryptoki up to {most}; the module has {version}"
            )),
            _ => None,
        }
    }

    fn unmet_token(&self, target: &Capabilities) -> Option<Unmet> {
        let lacks = |reason: String| Some(Unmet::because(Why::Absent, reason));
        let absent = self.token_flags & !target.token_flags;
        if absent != 0 {
            let flags = names::display_flags(Kind::TOKEN_FLAGS, absent);
            return lacks(format!("the token does not have {flags}"));
        }
        if let Some(profile) = self.profile
            && !target.profiles.contains(&profile)
        {
            let name = names::display(Kind::PROFILE, profile);
            return lacks(format!(
                "the token does not claim {name} by a CKO_PROFILE object"
            ));
        }
        let missing = |wanted: bool, present: bool, text: &str| {
            (wanted && !present).then(|| Unmet::because(Why::NotReachable, text))
        };
        missing(
            self.pin,
            target.pin,
            "no user PIN is given (--pin, or `pin` in the target file)",
        )
        .or_else(|| missing(self.so_pin, target.so_pin, "no SO PIN is given (--so-pin)"))
        .or_else(|| {
            let text = "the target is not declared disposable (--disposable)";
            missing(self.disposable, target.disposable, text)
        })
        .or_else(|| {
            let text =
                "the target does not say how its token is taken out (`removal` in the target file)";
            missing(self.removable, target.removable, text)
        })
        .or_else(|| {
            let text = "the target does not say that its token may be thrown away (`renewable` in the target file)";
            missing(self.own_token, target.renewable, text)
        })
    }
}

impl MechanismNeed {
    fn unmet(&self, target: &Capabilities) -> Option<Unmet> {
        let name = names::display(Kind::MECHANISM, self.mechanism);
        let lacks = |reason: String| Some(Unmet::because(Why::Absent, reason));
        let Some(info) = target.mechanisms.get(&self.mechanism) else {
            return lacks(format!("the token does not list {name}"));
        };
        let absent = self.flags & !info.flags;
        if absent != 0 {
            let flags = names::display_flags(Kind::MECHANISM_FLAGS, absent);
            return lacks(format!("the token lists {name} without {flags}"));
        }
        let size = self.key_size?;
        let range = info.min_key_size..=info.max_key_size;
        // Many modules give 0 and 0 where a mechanism has no sizes to give.
        let unknown = info.max_key_size == 0;
        (!unknown && !range.contains(&size)).then(|| {
            let (least, most) = (info.min_key_size, info.max_key_size);
            let reason = format!("{name} takes keys of {least} to {most} there, not {size}");
            Unmet::because(Why::Refused, reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::capabilities::MechanismInfo;

    fn target() -> Capabilities {
        let mut target = Capabilities {
            version: Version::V3_0,
            ..Capabilities::default()
        };
        let info = MechanismInfo {
            min_key_size: 1024,
            max_key_size: 4096,
            flags: 0x800,
        };
        target.mechanisms.insert(cryptoki_sys::CKM_RSA_PKCS, info);
        target
    }

    #[test]
    fn each_unmet_need_is_told() {
        let mechanism = |key_size, flags| Needs {
            mechanisms: vec![MechanismNeed {
                mechanism: cryptoki_sys::CKM_RSA_PKCS,
                flags,
                key_size,
            }],
            ..Needs::default()
        };
        for (needs, reason) in [
            (Needs::default(), None),
            (
                Needs {
                    at_least: Some(Version::V3_2),
                    ..Needs::default()
                },
                Some((Why::Absent, "needs Cryptoki 3.2; the module has 3.0")),
            ),
            (mechanism(Some(2048), 0x800), None),
            (
                mechanism(None, 0x100),
                Some((
                    Why::Absent,
                    "the token lists CKM_RSA_PKCS without CKF_ENCRYPT",
                )),
            ),
            (
                mechanism(Some(512), 0),
                Some((
                    Why::Refused,
                    "CKM_RSA_PKCS takes keys of 1024 to 4096 there, not 512",
                )),
            ),
            (
                Needs {
                    profile: Some(1),
                    ..Needs::default()
                },
                Some((
                    Why::Absent,
                    "the token does not claim CKP_BASELINE_PROVIDER by a CKO_PROFILE object",
                )),
            ),
            (
                Needs {
                    disposable: true,
                    ..Needs::default()
                },
                Some((
                    Why::NotReachable,
                    "the target is not declared disposable (--disposable)",
                )),
            ),
        ] {
            let reason = reason.map(|(why, text)| Unmet::because(why, text));
            assert_eq!(needs.unmet(&target()), reason);
        }
    }
}
