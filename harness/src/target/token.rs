//! Which token of a module is tested: as written, and as a test that slots fit or do not.
//!
//! Listing the slots is left to whoever can call the module.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::PinSource;
use super::uri::{SlotIdentity, Uri};

/// Which token is tested, and its PINs. Several criteria must all fit; none takes the first slot
/// with a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "TokenForm", into = "TokenForm")]
#[schemars(with = "TokenForm")]
pub struct TokenChoice {
    /// The criteria.
    pub selector: Selector,
    /// The user's PIN.
    pub pin: Option<PinSource>,
    /// The security officer's PIN.
    pub so_pin: Option<PinSource>,
}

/// Criteria that a slot must all fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// Its CK_SLOT_ID.
    pub slot: Option<u64>,
    /// Its place in the list of slots, from 0.
    pub slot_index: Option<usize>,
    /// Label of its token.
    pub label: Option<String>,
    /// Serial number of its token.
    pub serial: Option<String>,
    /// A PKCS #11 URI that names it.
    pub uri: Option<Uri>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    default,
    expecting = "a mapping that says which token"
)]
#[schemars(rename = "Token")]
struct TokenForm {
    /// CK_SLOT_ID of the slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<u64>,
    /// Place of the slot in the list of slots, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot_index: Option<usize>,
    /// Label of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// Serial number of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// A PKCS #11 URI, instead of the criteria above; a PIN in it counts if `pin` is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<Uri>,
    /// The user's PIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<PinSource>,
    /// The security officer's PIN.
    #[serde(skip_serializing_if = "Option::is_none")]
    so_pin: Option<PinSource>,
}

/// Criteria that exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A slot by id and by place.
    #[error("a slot is chosen by its id or by its index, not by both: remove one")]
    TwoSlots,
    /// A URI and something it could say itself.
    #[error("a URI says everything about the token: remove it, or the slot, label and serial")]
    UriAndMore,
}

impl Selector {
    /// Refuses criteria that exclude each other.
    ///
    /// # Errors
    /// [`SelectorError`] that says which.
    pub fn checked(self) -> Result<Self, SelectorError> {
        if self.slot.is_some() && self.slot_index.is_some() {
            return Err(SelectorError::TwoSlots);
        }
        let plain = Self {
            uri: None,
            ..self.clone()
        };
        if self.uri.is_some() && plain != Self::default() {
            return Err(SelectorError::UriAndMore);
        }
        Ok(self)
    }

    /// Whether the slot at this place of the slot list fits.
    #[must_use]
    pub fn matches(&self, index: usize, slot: &SlotIdentity) -> bool {
        let token = slot.token.as_ref();
        let same = |wanted: &Option<String>, found: Option<&String>| match wanted {
            None => true,
            Some(wanted) => found.is_some_and(|found| found.trim_end_matches(' ') == wanted),
        };
        self.slot.is_none_or(|wanted| wanted == slot.slot_id)
            && self.slot_index.is_none_or(|wanted| wanted == index)
            && same(&self.label, token.map(|token| &token.label))
            && same(&self.serial, token.map(|token| &token.serial))
            && self.uri.as_ref().is_none_or(|uri| uri.matches(slot))
    }
}

impl fmt::Display for Selector {
    /// For messages: "slot 2, label `p11assay`".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let criteria: Vec<String> = [
            self.slot.map(|id| format!("slot {id}")),
            self.slot_index.map(|index| format!("slot index {index}")),
            self.label.as_ref().map(|label| format!("label `{label}`")),
            self.serial
                .as_ref()
                .map(|serial| format!("serial `{serial}`")),
            self.uri.as_ref().map(|uri| format!("URI `{uri}`")),
        ]
        .into_iter()
        .flatten()
        .collect();
        match criteria.is_empty() {
            true => f.write_str("the first slot with a token"),
            false => f.write_str(&criteria.join(", ")),
        }
    }
}

impl TryFrom<TokenForm> for TokenChoice {
    type Error = SelectorError;

    fn try_from(form: TokenForm) -> Result<Self, SelectorError> {
        let TokenForm {
            slot,
            slot_index,
            label,
            serial,
            uri,
            pin,
            so_pin,
        } = form;
        let pin = pin.or_else(|| uri.as_ref().and_then(|uri| uri.pin.clone()));
        let selector = Selector {
            slot,
            slot_index,
            label,
            serial,
            uri,
        }
        .checked()?;
        Ok(Self {
            selector,
            pin,
            so_pin,
        })
    }
}

impl From<TokenChoice> for TokenForm {
    fn from(choice: TokenChoice) -> Self {
        let Selector {
            slot,
            slot_index,
            label,
            serial,
            uri,
        } = choice.selector;
        Self {
            slot,
            slot_index,
            label,
            serial,
            uri,
            pin: choice.pin,
            so_pin: choice.so_pin,
        }
    }
}
