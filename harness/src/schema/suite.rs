//! Suites, cases, variants, conditions and steps.

use serde_json::{Map, Value as Json, json};

use super::argument::argument;
use super::definitions::{
    Definitions, any, array, count, described, keyed, null, object, pattern, requiring, text, words,
};
use super::expectation::{expectations, gives};
use super::number::{NAME, constant, literal, reference, version_pattern};
use super::octets::hex;
use crate::cryptoki::function::{Domain, Version};
use crate::cryptoki::{Function, Kind, returns};
use crate::plan::suite::words::{
    ATTACK_KEYS, CASE_KEYS, CITES_KEYS, CLASSES, LADDERS, LEVELS, MECHANISM_NEED_KEYS, NEEDS_KEYS,
    PURPOSES, SUCCESSES, SUITE_KEYS, VARIANT_KEYS,
};
use crate::sequence::read::{
    FOR_EACH_KEYS, INSERT_TOKEN, RELOAD, REMOVE_TOKEN, STEP_KEYS, TOGETHER_KEYS,
};
use crate::sequence::{ANY_WORD, MAX_LANES, MAX_PAUSE, MAX_REPEAT};
use crate::target::SecurityProfile;

/// A part of an id; the parts of a suite's name are joined by `/`.
const SEGMENT: &str = "[A-Za-z0-9_][A-Za-z0-9_.-]*";

pub(super) fn schema() -> Json {
    let parts = &mut Definitions::default();
    let mut suite = keyed(SUITE_KEYS, |key| match key {
        "suite" => described(
            pattern(&format!("^{SEGMENT}(/{SEGMENT})*$")),
            "The front of every case's id.",
        ),
        "cases" => array(case(parts)),
        _ => common(parts, key),
    });
    suite = requiring(suite, &["suite", "cases"]);
    // A case has its document from the suite, unless it or each of its variants names one.
    suite["anyOf"] = json!([
        { "required": ["cites"] },
        { "properties": { "cases": { "items": given_by_case_or_variants("cites") } } },
    ]);
    suite["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    suite["title"] = json!("A p11assay suite");
    suite["$defs"] = std::mem::take(parts).finish();
    suite
}

/// True of a case that has a key, or whose variants all have it.
fn given_by_case_or_variants(key: &str) -> Json {
    json!({ "anyOf": [
        { "required": [key] },
        { "required": ["variants"], "properties": { "variants": { "items": { "required": [key] } } } },
    ] })
}

/// Keys that mean the same wherever they stand.
fn common(parts: &mut Definitions, key: &str) -> Json {
    match key {
        "id" => pattern(&format!("^{SEGMENT}$")),
        "clause" => described(text(), "The section that the verdict rests on, in quotes."),
        "cites" => parts.part("cites", |_| {
            requiring(keyed(CITES_KEYS, |_| text()), CITES_KEYS)
        }),
        "level" => described(
            words(LEVELS.iter().map(|(name, _)| *name)),
            "How binding the clause is.",
        ),
        "class" => described(
            words(CLASSES.iter().map(|(name, _)| *name)),
            "A legal input, B honest memory with bad values, C lying pointers or lengths.",
        ),
        "state" => described(
            words(LADDERS.iter().map(|(name, _)| *name)),
            "The state that a case is to find.",
        ),
        "attack" => attack(),
        "needs" => needs(parts),
        "setup" | "steps" => steps(parts),
        "with" => {
            let bytes = requiring(keyed(&["hex"], |_| hex(parts)), &["hex"]);
            described(
                json!({
                    "type": "object",
                    "additionalProperties": { "anyOf": [count(u64::MAX), text(), bytes] },
                }),
                "Parameters, as `$with.name` in the steps.",
            )
        }
        _ => described(text(), "One line for people."),
    }
}

fn attack() -> Json {
    let attack = keyed(ATTACK_KEYS, |key| match key {
        "means" => described(
            words(SUCCESSES.iter().map(|(name, _)| *name)),
            "What it is by the standard that every step is taken.",
        ),
        "profile" => described(
            words(SecurityProfile::ALL.iter().map(|(_, name, _)| *name)),
            "A security profile that forbids it.",
        ),
        _ => described(text(), "Where it was published."),
    });
    described(
        requiring(attack, &["means", "from"]),
        "The steps are an attack: a step that is refused is right, that all are taken is the finding.",
    )
}

fn case(parts: &mut Definitions) -> Json {
    parts.part("case", |parts| {
        let variant = requiring(keyed(VARIANT_KEYS, |key| common(parts, key)), &["id"]);
        let case = keyed(CASE_KEYS, |key| match key {
            "variants" => array(variant.clone()),
            _ => common(parts, key),
        });
        let mut case = requiring(case, &["steps"]);
        case["allOf"] = ["id", "clause"]
            .map(given_by_case_or_variants)
            .to_vec()
            .into();
        case
    })
}

fn needs(parts: &mut Definitions) -> Json {
    parts.part("needs", |parts| {
        let needs = keyed(NEEDS_KEYS, |key| match key {
            "version" => described(
                pattern(&format!("^(>=|<=)? *{} *$", version_pattern())),
                "`\">=3.0\"`, `\"<=2.40\"`, or one version.",
            ),
            "functions" => array(words(Function::NAMES.iter().copied())),
            "mechanism" => mechanism(parts),
            "mechanisms" => array(mechanism(parts)),
            "token-flags" => literal(parts, Domain::Flags(Kind::TOKEN_FLAGS)),
            "profile" => constant(parts, Kind::PROFILE),
            _ => json!({ "type": "boolean" }),
        });
        described(needs, "When the case applies.")
    })
}

fn mechanism(parts: &mut Definitions) -> Json {
    parts.part("needs.mechanism", |parts| {
        let name = constant(parts, Kind::MECHANISM);
        let purpose = words(PURPOSES.iter().map(|(name, _)| *name));
        let mapping = keyed(MECHANISM_NEED_KEYS, |key| match key {
            "type" => name.clone(),
            "for" => any([purpose.clone(), array(purpose.clone())]),
            _ => literal(parts, Domain::Plain),
        });
        any([name.clone(), requiring(mapping, &["type"])])
    })
}

fn steps(parts: &mut Definitions) -> Json {
    parts.part("steps", |parts| array(step(parts)))
}

fn step(parts: &mut Definitions) -> Json {
    let each = keyed(FOR_EACH_KEYS, |key| match key {
        "in" => reference(parts),
        "as" => described(
            pattern(&format!(
                "^(\\$?(?!target$){NAME}|\\$\\{{(?!target\\}}){NAME}\\}})$"
            )),
            "The name under which the steps see the element.",
        ),
        _ => steps(parts),
    });
    any([
        words(Function::NAMES.iter().copied()),
        requiring(
            object([("for-each", requiring(each, FOR_EACH_KEYS))]),
            &["for-each"],
        ),
        call(parts),
        together(parts),
        requiring(object([("in-child", steps(parts))]), &["in-child"]),
        pause(),
        words([RELOAD, REMOVE_TOKEN, INSERT_TOKEN]),
    ])
}

fn pause() -> Json {
    let pause = described(
        from_one_to(MAX_PAUSE),
        "Milliseconds in which nothing is called.",
    );
    requiring(object([("pause", pause)]), &["pause"])
}

fn from_one_to(most: u32) -> Json {
    let mut number = count(most.into());
    number["minimum"] = json!(1);
    number
}

fn together(parts: &mut Definitions) -> Json {
    let block = keyed(TOGETHER_KEYS, |key| match key {
        "repeat" => described(
            from_one_to(MAX_REPEAT),
            "How often every lane makes its steps; once if left out.",
        ),
        "order" => described(
            array(from_one_to(MAX_LANES as u32)),
            "The lanes, by their numbers, in the order in which their calls begin.",
        ),
        _ => {
            let mut lanes = array(steps(parts));
            lanes["minItems"] = json!(1);
            lanes["maxItems"] = json!(MAX_LANES);
            described(
                lanes,
                "Lists of steps that run at the same time, a thread each.",
            )
        }
    });
    requiring(block, &["together"])
}

/// One function with its arguments, and what belongs to that function's step.
fn call(parts: &mut Definitions) -> Json {
    let functions = Function::ALL
        .iter()
        .map(|function| (function.name(), arguments(parts, *function)));
    let functions: Vec<(&str, Json)> = functions.collect();
    let own = STEP_KEYS.iter().map(|key| (*key, step_key(parts, key)));
    let own: Vec<(&str, Json)> = own.collect();
    let mut call = object(functions.into_iter().chain(own));
    let name = |function: &Function| json!({ "required": [function.name()] });
    call["oneOf"] = Function::ALL.iter().map(name).collect();
    // `if` rather than `dependentSchemas`, which some editors do not know.
    let outputs =
        |function: &Function| json!({ "if": name(function), "then": outputs(parts, *function) });
    call["allOf"] = Function::ALL.iter().map(outputs).collect();
    call
}

fn arguments(parts: &mut Definitions, function: Function) -> Json {
    let mapping = object(
        function
            .parameters()
            .iter()
            .map(|parameter| (parameter.name, argument(parts, parameter.kind))),
    );
    let mut about = format!("PKCS11-Base 3.2 section {}", function.section());
    if function.since() > Version::V2_40 {
        about += &format!(", since {}", function.since());
    }
    described(any([null(), mapping]), about)
}

/// The keys of a step whose content depends on the function. Functions with the same outputs
/// share one definition.
fn outputs(parts: &mut Definitions, function: Function) -> Json {
    let outputs = function
        .parameters()
        .iter()
        .filter(|parameter| parameter.kind.is_output());
    let name: Vec<String> = outputs
        .map(|parameter| format!("{}-{:?}", parameter.name, parameter.kind))
        .collect();
    let name = format!("outputs.{}", name.join(".")).replace(
        |c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c),
        "",
    );
    parts.part(&name.clone(), |parts| {
        let expect = parts.part(&name.replace("outputs", "expect"), |parts| {
            expectations(parts, function)
        });
        let mut properties = Map::new();
        properties.insert("gives".into(), gives(parts, function));
        for key in ["expect", "expect-strict", "requires"] {
            properties.insert(key.into(), expect.clone());
        }
        json!({ "properties": properties })
    })
}

fn step_key(parts: &mut Definitions, key: &str) -> Json {
    let codes = |parts: &mut Definitions| {
        let several = json!({ "enum": [returns::CREATION_REFUSED_WORD, returns::FAILURE_WORD] });
        let one = any([constant(parts, Kind::RETURN), several]);
        any([one.clone(), array(one)])
    };
    match key {
        "returns" => {
            let except = requiring(object([("except", codes(parts))]), &["except"]);
            described(
                any([codes(parts), except, json!({ "const": ANY_WORD })]),
                "Return values that are right, all but some, or any; CKR_OK if left out.",
            )
        }
        "must-exist" => described(
            json!({ "type": "boolean" }),
            "Whether a module that lacks the function is at fault.",
        ),
        "tolerates" => described(
            codes(parts),
            "Return values that are permitted as well but say less: permitted but weak.",
        ),
        "not-applicable-on" => described(
            codes(parts),
            "Return values that end the case as not applicable.",
        ),
        "answer" => described(
            super::expectation::capture(parts),
            "The name to keep the return value under, as a number.",
        ),
        "otherwise" => described(text(), "Why the case does not apply if `requires` fails."),
        "keep-going" => described(
            json!({ "type": "boolean" }),
            "Whether later steps are made even if this one is wrong.",
        ),
        "expect" => described(json!({ "type": "object" }), "What the outputs must be."),
        "expect-strict" => described(
            json!({ "type": "object" }),
            "What the outputs must be in the strict reading of a profile.",
        ),
        "requires" => described(
            json!({ "type": "object" }),
            "What the outputs must be for the case to apply at all.",
        ),
        _ => json!({ "type": "object" }),
    }
}
