//! From the YAML of a suite file to its cases.

use p11assay_reports::evidence::{Class, Clause, Level};

use super::words::{
    ATTACK_KEYS, CASE_KEYS, CITES_KEYS, CLASSES, LADDERS, LEVELS, MECHANISM_NEED_KEYS, NEEDS_KEYS,
    PURPOSES, SUCCESSES, SUITE_KEYS, VARIANT_KEYS,
};
use super::{Case, Ladder, Suite};
use crate::cryptoki::function::Domain;
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, Version};
use crate::oracle::Attack;
use crate::plan::check;
use crate::plan::needs::{MechanismNeed, Needs};
use crate::sequence::read::{
    boolean, constant, fault, get, list, mapping, number, only_keys, required, steps, text, text_of,
};
use crate::sequence::{Number, Sequence, Step, Value, lexicon};
use crate::yaml::{self, Error, Node};

/// What cases inherit from their suite.
struct Frame<'n> {
    name: &'n str,
    cites: Option<(String, String)>,
    level: Level,
    class: Class,
    ladder: Ladder,
    needs: Needs,
    setup: Option<&'n Node>,
}

pub(super) fn suite(node: &Node, file: &str) -> Result<Suite, Error> {
    let entries = mapping(node, "a suite: `suite`, `cites`, `cases`")?;
    only_keys(entries, SUITE_KEYS)?;
    let name_node = required(node, entries, "suite")?;
    let name = text(name_node, "the name of the suite")?;
    id_check(name_node, name, true)?;
    get(entries, "title").map_or(Ok(""), |title| text(title, "a line of text"))?;
    let frame = Frame {
        name,
        cites: get(entries, "cites").map(cites).transpose()?,
        level: get(entries, "level").map_or(Ok(Level::Must), level)?,
        class: get(entries, "class").map_or(Ok(Class::A), class)?,
        ladder: get(entries, "state").map_or(Ok(Ladder::default()), ladder)?,
        needs: get(entries, "needs").map_or(Ok(Needs::default()), needs)?,
        setup: get(entries, "setup"),
    };
    let mut cases = Vec::new();
    for item in list(required(node, entries, "cases")?, "a list of cases")? {
        for (place, case) in case(item, &frame)? {
            if let Some(twin) = cases.iter().find(|other: &&Case| other.id == case.id) {
                let message = format!(
                    "a second case `{}`; the first is at line {}",
                    case.id, twin.line
                );
                return Err(Error::or_at(serde::de::Error::custom(message), place));
            }
            cases.push(case);
        }
    }
    Ok(Suite {
        name: name.to_owned(),
        file: file.to_owned(),
        cases,
    })
}

/// One case, or one for each variant, with the place of its id.
fn case(node: &Node, frame: &Frame<'_>) -> Result<Vec<(yaml::Mark, Case)>, Error> {
    let entries = mapping(node, "a case: `id`, `clause`, `steps`")?;
    only_keys(entries, CASE_KEYS)?;
    let (sequence, lists) = sequence(node, entries, frame)?;
    let strict = sequence.calls().any(|call| !call.expect_strict.is_empty());
    let base = |entries: &[(Node, Node)], id: &Node, outer: Option<&Case>| -> Result<Case, Error> {
        let own = text(id, "the id of the case")?;
        id_check(id, own, false)?;
        let mut with = outer.map_or(Vec::new(), |outer| outer.with.clone());
        with.extend(get(entries, "with").map_or(Ok(Vec::new()), parameters)?);
        let own_needs = get(entries, "needs").map_or(Ok(Needs::default()), needs)?;
        Ok(Case {
            id: format!("{}/{own}", frame.name),
            title: match (get(entries, "title"), outer) {
                (Some(title), _) => text(title, "a line of text")?.to_owned(),
                (None, outer) => outer.map_or(String::new(), |outer| outer.title.clone()),
            },
            clause: clause(id, entries, frame, outer.map(|outer| &outer.clause))?,
            level: get(entries, "level")
                .map_or(Ok(outer.map_or(frame.level, |outer| outer.level)), level)?,
            attack: get(entries, "attack").map(attack).transpose()?,
            class: get(entries, "class")
                .map_or(Ok(outer.map_or(frame.class, |outer| outer.class)), class)?,
            ladder: get(entries, "state")
                .map_or(Ok(outer.map_or(frame.ladder, |outer| outer.ladder)), ladder)?,
            needs: outer
                .map_or(&frame.needs, |outer| &outer.needs)
                .and(&own_needs),
            with,
            sequence: sequence.clone(),
            has_strict_reading: strict,
            line: id.mark.line,
        })
    };
    let mut found = Vec::new();
    match get(entries, "variants") {
        None => {
            let id = required(node, entries, "id")?;
            found.push((id.mark, base(entries, id, None)?));
        }
        Some(variants) => {
            for variant in list(variants, "a list of variants")? {
                let inner = mapping(variant, "a variant: `id`, `clause`, `needs`, `with`")?;
                only_keys(inner, VARIANT_KEYS)?;
                let id = required(variant, inner, "id")?;
                // What the variant leaves out it has from the case.
                let merged: Vec<(Node, Node)> = entries
                    .iter()
                    .filter(|(key, _)| text_of(key) != Some("needs"))
                    .cloned()
                    .collect();
                let outer_needs = get(entries, "needs").map_or(Ok(Needs::default()), needs)?;
                let mut outer = base(&overlay(&merged, inner), id, None)?;
                outer.needs = outer.needs.and(&outer_needs);
                found.push((id.mark, outer));
            }
        }
    }
    for (_, case) in &found {
        let given: Vec<&str> = case.with.iter().map(|(name, _)| name.as_str()).collect();
        check::references(&lists, case.ladder, &given)?;
    }
    Ok(found)
}

/// The entries of a case with those of its variant in their place.
fn overlay(case: &[(Node, Node)], variant: &[(Node, Node)]) -> Vec<(Node, Node)> {
    let overridden = |key: &Node| variant.iter().any(|(own, _)| text_of(own) == text_of(key));
    let mut entries: Vec<_> = case
        .iter()
        .filter(|(key, _)| !overridden(key))
        .cloned()
        .collect();
    entries.extend(variant.iter().cloned());
    entries
}

/// Preparation of suite and case, then the steps; and the nodes of all three.
fn sequence<'n>(
    node: &Node,
    entries: &'n [(Node, Node)],
    frame: &Frame<'n>,
) -> Result<(Sequence, Vec<&'n Node>), Error> {
    let mut all = Vec::new();
    let mut lists = Vec::new();
    let mut counter = 0;
    for setup in frame.setup.into_iter().chain(get(entries, "setup")) {
        let mut made = steps(setup, &mut counter)?;
        made.iter_mut().for_each(mark_fixture);
        lists.push(setup);
        all.extend(made);
    }
    let body = required(node, entries, "steps")?;
    lists.push(body);
    all.extend(steps(body, &mut counter)?);
    Ok((Sequence { steps: all }, lists))
}

fn mark_fixture(step: &mut Step) {
    match step {
        Step::Call(call) => call.fixture = true,
        Step::ForEach(each) => each.steps.iter_mut().for_each(mark_fixture),
        Step::Together(block) => block.lanes.iter_mut().flatten().for_each(mark_fixture),
        Step::InChild(steps) => steps.iter_mut().for_each(mark_fixture),
        Step::Pause(_) | Step::Reload | Step::Token { .. } => {}
    }
}

/// The clause: a section of what the suite cites, or a place written out.
fn clause(
    id: &Node,
    entries: &[(Node, Node)],
    frame: &Frame<'_>,
    outer: Option<&Clause>,
) -> Result<Clause, Error> {
    let (document, version) = match (get(entries, "cites"), outer, &frame.cites) {
        (Some(node), ..) => cites(node)?,
        (None, Some(outer), _) => (outer.document.clone(), outer.version.clone()),
        (None, None, Some(cites)) => cites.clone(),
        (None, None, None) => {
            return Err(fault(id, "no document: give `cites` here or in the suite"));
        }
    };
    let section = match (get(entries, "clause"), outer) {
        (Some(node), _) => text(node, "a section in quotes, `\"5.13.1\"`")?.to_owned(),
        (None, Some(outer)) => outer.section.clone(),
        (None, None) => {
            return Err(fault(
                id,
                "`clause` is missing: every case cites its section",
            ));
        }
    };
    Ok(Clause {
        document,
        version,
        section,
    })
}

fn cites(node: &Node) -> Result<(String, String), Error> {
    let entries = mapping(node, "`document` and `version`")?;
    only_keys(entries, CITES_KEYS)?;
    let word = |key: &str| -> Result<String, Error> {
        Ok(text(required(node, entries, key)?, "text in quotes")?.to_owned())
    };
    Ok((word("document")?, word("version")?))
}

fn choice<T: Copy>(node: &Node, what: &str, known: &[(&str, T)]) -> Result<T, Error> {
    let name = text(node, what)?;
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            fault(
                node,
                yaml::unknown_name(what, name, known.iter().map(|(name, _)| *name)),
            )
        })
}

fn level(node: &Node) -> Result<Level, Error> {
    choice(node, "level", LEVELS)
}

/// `{ means: weak, from: ..., profile: ... }`.
fn attack(node: &Node) -> Result<Attack, Error> {
    let entries = mapping(node, "what the success of an attack means: `means`, `from`")?;
    only_keys(entries, ATTACK_KEYS)?;
    let profile = |node: &Node| {
        let name = text(node, "the name of a security profile")?;
        name.parse().map_err(|error: String| fault(node, error))
    };
    Ok(Attack {
        means: choice(
            required(node, entries, "means")?,
            "meaning of a success",
            SUCCESSES,
        )?,
        profile: get(entries, "profile").map(profile).transpose()?,
        held: false,
        from: text(required(node, entries, "from")?, "where it was published")?.to_owned(),
    })
}

fn class(node: &Node) -> Result<Class, Error> {
    choice(node, "input class", CLASSES)
}

fn ladder(node: &Node) -> Result<Ladder, Error> {
    choice(node, "state", LADDERS)
}

/// Reads `needs`.
fn needs(node: &Node) -> Result<Needs, Error> {
    let entries = mapping(node, "conditions: `version`, `functions`, `mechanism`, ...")?;
    only_keys(entries, NEEDS_KEYS)?;
    let mut needs = Needs::default();
    for (key, value) in entries {
        match text_of(key).unwrap_or_default() {
            "version" => (needs.at_least, needs.at_most) = version_range(value)?,
            "functions" => {
                let names = list(value, "a list of functions")?;
                needs.functions = names.iter().map(function).collect::<Result<_, _>>()?;
            }
            "mechanism" => needs.mechanisms.push(mechanism(value)?),
            "mechanisms" => {
                for item in list(value, "a list of mechanisms")? {
                    needs.mechanisms.push(mechanism(item)?);
                }
            }
            "token-flags" => needs.token_flags = flags(value, Kind::TOKEN_FLAGS)?,
            "profile" => needs.profile = Some(constant(value, Kind::PROFILE, "profile")?),
            "pin" => needs.pin = boolean(value)?,
            "so-pin" => needs.so_pin = boolean(value)?,
            "disposable" => needs.disposable = boolean(value)?,
            "removable" => needs.removable = boolean(value)?,
            _ => needs.own_token = boolean(value)?,
        }
    }
    Ok(needs)
}

fn function(node: &Node) -> Result<Function, Error> {
    let name = text(node, "the name of a function")?;
    Function::from_name(name).ok_or_else(|| {
        fault(
            node,
            yaml::unknown_name("function", name, Function::NAMES.iter().copied()),
        )
    })
}

fn flags(node: &Node, kind: Kind) -> Result<u64, Error> {
    match number(node, Domain::Flags(kind))? {
        Number::Literal(value) => Ok(value),
        _ => Err(fault(node, "expected flags by name")),
    }
}

/// `CKM_X`, or `{type: CKM_X, for: sign, key-size: 2048}`.
fn mechanism(node: &Node) -> Result<MechanismNeed, Error> {
    let entries = match &node.kind {
        yaml::Kind::Mapping(entries) => entries.as_slice(),
        _ => {
            let mechanism = constant(node, Kind::MECHANISM, "mechanism")?;
            return Ok(MechanismNeed {
                mechanism,
                flags: 0,
                key_size: None,
            });
        }
    };
    only_keys(entries, MECHANISM_NEED_KEYS)?;
    let mechanism = constant(
        required(node, entries, "type")?,
        Kind::MECHANISM,
        "mechanism",
    )?;
    let mut purposes = 0;
    if let Some(value) = get(entries, "for") {
        let items = match &value.kind {
            yaml::Kind::Sequence(items) => items.iter().collect(),
            _ => vec![value],
        };
        for item in items {
            purposes |= purpose(item)?;
        }
    }
    let key_size = match get(entries, "key-size") {
        None => None,
        Some(value) => match number(value, Domain::Plain)? {
            Number::Literal(size) => Some(size),
            _ => return Err(fault(value, "expected a number")),
        },
    };
    Ok(MechanismNeed {
        mechanism,
        flags: purposes,
        key_size,
    })
}

fn purpose(node: &Node) -> Result<u64, Error> {
    choice(node, "purpose", PURPOSES)
}

/// `">=3.0"`, `"<=2.40"`, or `"3.2"` for just this one.
fn version_range(node: &Node) -> Result<(Option<Version>, Option<Version>), Error> {
    let written = text(node, "a version in quotes, `\">=3.0\"`")?;
    let parse = |text: &str| {
        text.trim()
            .parse::<Version>()
            .map_err(|error| fault(node, error))
    };
    Ok(
        match (written.strip_prefix(">="), written.strip_prefix("<=")) {
            (Some(rest), _) => (Some(parse(rest)?), None),
            (_, Some(rest)) => (None, Some(parse(rest)?)),
            _ => {
                let version = parse(written)?;
                (Some(version), Some(version))
            }
        },
    )
}

/// `with`: named parameters; versions in quotes, numbers, mechanisms, bytes, or text.
fn parameters(node: &Node) -> Result<Vec<(String, Value)>, Error> {
    mapping(node, "names and values")?
        .iter()
        .map(|(key, value)| {
            let name = text(key, "a name")?.to_owned();
            let value = match &value.kind {
                yaml::Kind::Unsigned(number) => Value::Number(*number),
                yaml::Kind::Text(text) => match (names::constant(text), text.parse::<Version>()) {
                    (Some(constant), _) => Value::Number(constant.value),
                    (None, Ok(version)) => Value::Version(version.major, version.minor),
                    (None, Err(_)) => Value::Bytes(text.clone().into_bytes()),
                },
                yaml::Kind::Mapping(entries) => {
                    let digits = get(entries, "hex").filter(|_| entries.len() == 1);
                    let bytes = digits.and_then(text_of).and_then(lexicon::from_hex);
                    Value::Bytes(bytes.ok_or_else(|| fault(value, PARAMETER))?)
                }
                _ => return Err(fault(value, PARAMETER)),
            };
            Ok((name, value))
        })
        .collect()
}

const PARAMETER: &str =
    "expected a number, the name of a constant, a version in quotes, text, or `{ hex: \"00ff\" }`";

/// An id is a path of lower-case words (and function names): it becomes a file name and an argument.
fn id_check(node: &Node, id: &str, hierarchical: bool) -> Result<(), Error> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let segments: Vec<&str> = id.split('/').collect();
    let sound = segments.iter().all(|segment| {
        !segment.is_empty() && !segment.starts_with(['-', '.']) && segment.chars().all(legal)
    });
    if sound && (hierarchical || segments.len() == 1) {
        return Ok(());
    }
    let hint = if hierarchical {
        ", with `/` between its parts"
    } else {
        ""
    };
    Err(fault(
        node,
        format!("`{id}` is no id: use letters, digits, `-`, `_` and `.`{hint}"),
    ))
}
