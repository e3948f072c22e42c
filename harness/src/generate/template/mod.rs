//! Cases for every class and type of object, from the tables of its attributes: what a template must
//! and must not have ([PKCS11-Base 3.2] 4.1.1, footnotes 1 to 6 of 4.2), what is not shown (7), what
//! may be changed and what not (8 to 12), what an object has that no template gave, and the rules of
//! C_GetAttributeValue (5.7.5).
//!
//! Whether a token has such objects is left to it: a case whose object cannot be made does not apply.

mod any;
mod change;
mod general;
mod get;
mod given;
mod history;
mod preset;
mod reveal;
mod shape;
mod sticky;
mod unwrap;
mod value;

use cryptoki_sys::*;

use super::answer::Answer;
use super::draft::Draft;
use crate::cryptoki::{Function, Kind, names, returns};
use crate::plan::Suite;

use shape::Shape;

/// The rules, in the order of their cases.
const RULES: &[fn(&Shape) -> Vec<Draft>] = &[
    given::cases,
    unwrap::cases,
    preset::cases,
    history::cases,
    reveal::cases,
    change::cases,
    sticky::cases,
    general::cases,
    get::cases,
];

/// The wanted suites: one for each class and type, `templates/CKO_SECRET_KEY/CKK_AES`, and
/// `templates/any` for what is about none.
pub(super) fn suites(wanted: &impl Fn(&str) -> bool) -> Vec<Suite> {
    let any = "templates/any".to_owned();
    let mut suites = Vec::new();
    if wanted(&any) {
        suites.push(suite(any, any::cases()));
    }
    for shape in shape::all() {
        let name = format!("templates/{}", shape.name());
        if wanted(&name) {
            let drafts = RULES.iter().flat_map(|rule| rule(&shape)).collect();
            suites.push(suite(name, drafts));
        }
    }
    suites
}

fn suite(name: String, drafts: Vec<Draft>) -> Suite {
    let cases = drafts.into_iter().map(|draft| draft.into_case(&name));
    Suite {
        cases: cases.collect(),
        file: super::SOURCE.to_owned(),
        name,
    }
}

/// Values by which a function refuses a template. Which of them is best can be hard to say, and
/// applications shall be generous (4.1.1; 5.1.8, item 5).
const OF_TEMPLATES: [CK_RV; 13] = [
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_TEMPLATE_INCOMPLETE,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_ARGUMENTS_BAD,
    CKR_DOMAIN_PARAMS_INVALID,
    CKR_CURVE_NOT_SUPPORTED,
    CKR_PARAMETER_SET_NOT_SUPPORTED,
    CKR_PUBLIC_KEY_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_KEY_SIZE_RANGE,
    CKR_USER_NOT_LOGGED_IN,
];

/// A template that must be refused: `right` says why; whatever else the function may say of a
/// template is tolerated.
pub(super) fn refusal(function: Function, right: &[CK_RV]) -> Answer {
    // Functions that cannot return it, as 5.1.6 says in so many words, do not list it.
    let prohibits = returns::is_permitted(function, CKR_ACTION_PROHIBITED);
    let action = [CKR_ACTION_PROHIBITED].into_iter().filter(|_| prohibits);
    Answer::of(function, right).tolerating(OF_TEMPLATES.into_iter().chain(action))
}

/// The name of an attribute.
fn named(attribute: CK_ATTRIBUTE_TYPE) -> String {
    names::display(Kind::ATTRIBUTE, attribute)
}
