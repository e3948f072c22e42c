//! Cases made from the tables of the standard: for every function what follows from its parameters
//! and its place in the standard alone, for mechanisms what follows from their uses, and for objects
//! what the tables of their attributes say of templates.
//!
//! One file a rule; each rule looks at a function or at a mechanism and makes the cases that it has
//! for it. The cases are ordinary ones: they are listed, filtered, run, replayed and waived as those of a suite file.
//! [`vectors`] are made alike, but only for runs that ask for them.
//! Which answers are right is said in [`answer`], how an honest caller calls in [`honest`].

mod answer;
mod draft;
mod handles;
mod honest;
mod initialization;
mod lists;
mod mechanism;
mod operations;
mod pointers;
mod state;
mod template;
pub mod vectors;
mod work;

use crate::cryptoki::Function;
use crate::plan::{Case, Suite};

use draft::Draft;
pub(crate) use mechanism::{
    Sealed, additional, deriving_parameter, tells_length, usual_parameter, wrapping_parameter,
};

/// What evidence and messages name as the file of generated cases.
pub const SOURCE: &str = "generated from suites/spec";

/// The rules, in the order of their cases.
const RULES: &[fn(Function) -> Vec<Draft>] = &[
    initialization::cases,
    handles::sessions,
    handles::slots,
    handles::objects,
    operations::cases,
    pointers::cases,
    state::cases,
    lists::cases,
    work::cases,
];

/// The generated suites whose names are wanted: one for each function, `functions/C_Login`, then one
/// for each mechanism that a rule has something to say of, `mechanisms/CKM_SHA256`, and one for each
/// class and type of object, `templates/CKO_SECRET_KEY/CKK_AES`.
#[must_use]
pub fn suites(wanted: impl Fn(&str) -> bool) -> Vec<Suite> {
    let functions = Function::ALL
        .iter()
        .map(|function| (format!("functions/{function}"), *function))
        .filter(|(name, _)| wanted(name))
        .map(|(name, function)| suite(name, function));
    functions
        .chain(mechanism::suites(&wanted))
        .chain(template::suites(&wanted))
        .collect()
}

fn suite(name: String, function: Function) -> Suite {
    let cases: Vec<Case> = RULES
        .iter()
        .flat_map(|rule| rule(function))
        .map(|draft| draft.into_case(&name))
        .collect();
    Suite {
        name,
        file: SOURCE.to_owned(),
        cases,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn ids_are_unique_and_every_function_has_cases() {
        let suites = suites(|_| true);
        let ids: Vec<&str> = suites
            .iter()
            .flat_map(|suite| suite.cases.iter().map(|case| case.id.as_str()))
            .collect();
        let distinct: HashSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len());
        // Of the first three, whose only answer is a table, nothing follows but for NULL.
        let bare: Vec<&str> = suites
            .iter()
            .filter(|suite| suite.cases.is_empty())
            .map(|suite| suite.name.as_str())
            .collect();
        assert_eq!(bare, ["functions/C_Initialize"]);
    }

    /// A reproducer is a suite file, so what is generated must survive being written and read.
    #[test]
    fn a_generated_case_is_the_same_after_it_is_written_and_read() {
        for suite in suites(|_| true) {
            for case in suite.cases {
                let text = case.to_yaml().expect("has a YAML form");
                let read = Suite::parse(Path::new("reproducer.yaml"), &text)
                    .unwrap_or_else(|error| panic!("{}: {error}\n{text}", case.id));
                assert_eq!(read.cases[0].sequence, case.sequence, "{}", case.id);
            }
        }
    }
}
