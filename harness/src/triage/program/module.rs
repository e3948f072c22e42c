//! What a program must know of the target, and how it comes to its token.

use super::c_string;
use crate::sequence::{InitArgs, Reserved};
use crate::target::step::Step;

/// What a program must know of the target.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// Where the library is.
    pub path: String,
    /// The slot under test.
    pub slot: u64,
    /// The label of its token, if it has one.
    pub label: Option<String>,
    /// The target's arguments of C_Initialize.
    pub init_args: Option<InitArgs>,
    /// What the target sets in the environment.
    pub environment: Vec<(String, String)>,
    /// How the token came into being.
    pub provision: Vec<Step>,
}

/// What stands for the folder of the token in texts: that of the run is gone with it.
pub const SCRATCH: &str = "${scratch}";

/// The path of the module that is no file.
pub const BUILTIN: &str = "builtin";

impl Module {
    /// True if it takes a folder to reach the token.
    pub(super) fn needs_scratch(&self) -> bool {
        let reserved = |given: &InitArgs| match &given.reserved {
            Reserved::Text(text) => text.contains(SCRATCH),
            _ => false,
        };
        let nss = |given: &InitArgs| {
            given
                .nss
                .as_ref()
                .is_some_and(|text| text.contains(SCRATCH))
        };
        let given = self.init_args.as_ref();
        given.is_some_and(|given| reserved(given) || nss(given))
            || self.of_scratch().next().is_some()
    }

    /// The variables that name something in that folder.
    fn of_scratch(&self) -> impl Iterator<Item = &str> {
        let variables = self.environment.iter();
        let variables = variables.filter(|(_, value)| value.contains(SCRATCH));
        variables.map(|(name, _)| name.as_str())
    }

    /// The lines that set the environment, and refuse to go on with another token than one that was meant.
    pub(super) fn environment_lines(&self) -> Vec<String> {
        let quoted = |text: &str| c_string(text.as_bytes());
        let variables = self.environment.iter();
        let set = variables
            .map(|(name, value)| format!("variable({}, {});", quoted(name), quoted(value)));
        let mut lines: Vec<String> = set.collect();
        let names: Vec<&str> = self.of_scratch().collect();
        if !names.is_empty() {
            let unset: Vec<String> = names
                .iter()
                .map(|name| format!("!getenv({})", quoted(name)))
                .collect();
            lines.push(format!("if ({})", unset.join(" && ")));
            lines.push(format!(
                "    cannot(\"set P11_SCRATCH, or {}, to have the module find a token that is meant for this\");",
                names.join(" or ")
            ));
        }
        lines
    }
}
