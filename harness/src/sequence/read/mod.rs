//! From YAML nodes to sequences. Arguments are read by the kind of their parameter, so that a
//! mistake is named in the words of the function it is made in.

mod argument;
mod expectation;
mod memory;
mod structure;

use super::{
    ANY, ANY_WORD, Call, Capture, ForEach, MAX_LANES, MAX_PAUSE, MAX_REPEAT, Reference, Sequence,
    Step, Together,
};
use crate::cryptoki::{Function, Kind, names, returns};
use crate::yaml::{self, Error, Node};
use serde::de::Error as _;

pub(crate) use argument::{INIT_ARGS_KEYS, MAX_INNER, MUTEXES, TEMPLATE_KEYS};
pub use argument::{init_args, template};
pub(crate) use expectation::{INTERFACE_FIELDS, RELATIONS, Shape, shape};
pub(crate) use memory::{BUFFER_KEYS, CONTENT_FORMS, number};
pub(crate) use structure::MECHANISM_KEYS;

/// Keys of a step beside the function's name.
pub const STEP_KEYS: &[&str] = &[
    "returns",
    "tolerates",
    "not-applicable-on",
    "gives",
    "answer",
    "expect",
    "expect-strict",
    "requires",
    "otherwise",
    "keep-going",
    "must-exist",
];

/// Keys of a loop.
pub(crate) const FOR_EACH_KEYS: &[&str] = &["in", "as", "steps"];

/// Words of the steps by which the token leaves its slot and comes back.
pub(crate) const REMOVE_TOKEN: &str = "remove-token";
pub(crate) const INSERT_TOKEN: &str = "insert-token";
/// The step that loads the library again.
pub(crate) const RELOAD: &str = "reload";

/// Keys of a step that is a block of lanes.
pub(crate) const TOGETHER_KEYS: &[&str] = &["together", "repeat", "order"];

/// Reads a list of steps; calls are numbered from 1.
///
/// # Errors
/// An [`Error`] with the mark of the innermost node at fault.
pub fn sequence(node: &Node) -> Result<Sequence, Error> {
    Ok(Sequence {
        steps: steps(node, &mut 0)?,
    })
}

/// Reads a list of steps; the first call gets the number after `number`, which counts on.
///
/// # Errors
/// As [`sequence`].
pub fn steps(node: &Node, number: &mut u32) -> Result<Vec<Step>, Error> {
    list(node, "a list of steps")?
        .iter()
        .map(|item| step(item, number))
        .collect()
}

fn step(node: &Node, number: &mut u32) -> Result<Step, Error> {
    match text_of(node) {
        Some(RELOAD) => return Ok(Step::Reload),
        Some(REMOVE_TOKEN) => return Ok(Step::Token { present: false }),
        Some(INSERT_TOKEN) => return Ok(Step::Token { present: true }),
        _ => {}
    }
    if let yaml::Kind::Text(name) = &node.kind {
        *number += 1;
        return Ok(Step::Call(Box::new(Call::new(
            *number,
            function(name, node)?,
        ))));
    }
    let entries = mapping(node, "a step: the name of a function and its arguments")?;
    if let Some((_, value)) = entries
        .iter()
        .find(|(key, _)| text_of(key) == Some("for-each"))
    {
        only_keys(entries, &["for-each"])?;
        return for_each(value, number).map(Step::ForEach);
    }
    if let Some(lanes) = get(entries, "together") {
        only_keys(entries, TOGETHER_KEYS)?;
        return together(lanes, entries, number).map(Step::Together);
    }
    if let Some(list) = get(entries, "in-child") {
        only_keys(entries, &["in-child"])?;
        return plain(list, steps(list, number)?).map(Step::InChild);
    }
    if let Some(milliseconds) = get(entries, "pause") {
        only_keys(entries, &["pause"])?;
        return from_one_to(MAX_PAUSE, milliseconds).map(Step::Pause);
    }
    call(node, entries, number).map(|call| Step::Call(Box::new(call)))
}

fn for_each(node: &Node, number: &mut u32) -> Result<ForEach, Error> {
    let entries = mapping(node, "`in`, `as` and `steps`")?;
    only_keys(entries, FOR_EACH_KEYS)?;
    let inner = required(node, entries, "steps")?;
    let steps = steps(inner, number)?;
    if steps.iter().any(Step::is_between_parts) {
        let message = "a loop has no `reload`, `remove-token` or `insert-token` in it";
        return Err(fault(inner, message));
    }
    Ok(ForEach {
        list: reference(required(node, entries, "in")?)?,
        bind: new_name(required(node, entries, "as")?)?,
        steps,
    })
}

/// A block of lanes; a lane has no lanes of its own.
fn together(node: &Node, entries: &[(Node, Node)], number: &mut u32) -> Result<Together, Error> {
    let lanes = list(node, "a list of lanes, each a list of steps")?;
    if !(1..=MAX_LANES).contains(&lanes.len()) {
        return Err(fault(node, format!("expected 1 to {MAX_LANES} lanes")));
    }
    let lane = |node: &Node| {
        let steps = steps(node, number)?;
        plain(node, steps)
    };
    let mut block = Together::of(lanes.iter().map(lane).collect::<Result<_, _>>()?);
    if let Some(repeat) = get(entries, "repeat") {
        block.repeat = from_one_to(MAX_REPEAT, repeat)?;
    }
    if let Some(order) = get(entries, "order") {
        let most = block.lanes.len() as u32;
        let lane = |node| Ok(from_one_to(most, node)? as u16 - 1);
        let lanes = list(order, "the numbers of lanes")?.iter().map(lane);
        block.order = lanes.collect::<Result<_, Error>>()?;
        if block.repeat > 1 {
            return Err(fault(order, "`order` is that of one round"));
        }
    }
    Ok(block)
}

/// The steps of a lane or child, which has none of its own and does not change the library under others.
fn plain(node: &Node, steps: Vec<Step>) -> Result<Vec<Step>, Error> {
    fn is_plain(step: &Step) -> bool {
        match step {
            Step::Call(_) | Step::Pause(_) => true,
            Step::ForEach(each) => each.steps.iter().all(is_plain),
            Step::Together(_) | Step::InChild(_) | Step::Reload | Step::Token { .. } => false,
        }
    }
    match steps.iter().all(is_plain) {
        true => Ok(steps),
        false => Err(fault(
            node,
            "a lane or child has no `together`, `in-child`, `reload`, `remove-token` or `insert-token` in it",
        )),
    }
}

fn from_one_to(most: u32, node: &Node) -> Result<u32, Error> {
    match node.kind {
        yaml::Kind::Unsigned(n) if (1..=most.into()).contains(&n) => Ok(n as u32),
        _ => Err(fault(node, format!("expected a number from 1 to {most}"))),
    }
}

fn call(node: &Node, entries: &[(Node, Node)], number: &mut u32) -> Result<Call, Error> {
    let mut functions = entries
        .iter()
        .filter(|(key, _)| text_of(key).is_some_and(|key| !STEP_KEYS.contains(&key)));
    let Some((key, arguments)) = functions.next() else {
        return Err(fault(node, "this step names no function"));
    };
    let name = text(key, "the name of a function")?;
    if !name.starts_with("C_") {
        let known = STEP_KEYS
            .iter()
            .copied()
            .chain(["for-each", "together", "in-child", "pause"]);
        return Err(fault(key, yaml::unknown_name("key of a step", name, known)));
    }
    if let Some((second, _)) = functions.next() {
        let name = text_of(second).unwrap_or_default();
        if name.starts_with("C_") {
            let message =
                format!("a second function `{name}` in one step; give it a step of its own");
            return Err(fault(second, message));
        }
        let known = STEP_KEYS.iter().copied();
        return Err(fault(
            second,
            yaml::unknown_name("key of a step", name, known),
        ));
    }
    *number += 1;
    let mut call = Call::new(*number, function(name, key)?);
    argument::arguments(&mut call, arguments)?;
    for (key, value) in entries {
        attach(&mut call, text_of(key).unwrap_or_default(), value)?;
    }
    Ok(call)
}

fn attach(call: &mut Call, key: &str, value: &Node) -> Result<(), Error> {
    match key {
        "returns" => match &value.kind {
            yaml::Kind::Mapping(entries) => {
                only_keys(entries, &["except"])?;
                call.except = return_values(required(value, entries, "except")?)?;
            }
            yaml::Kind::Text(word) if word == ANY_WORD => call.except = vec![ANY],
            _ => call.returns = return_values(value)?,
        },
        "tolerates" => call.tolerates = return_values(value)?,
        "not-applicable-on" => call.not_applicable = return_values(value)?,
        "gives" => call.gives = captures(call.function, value)?,
        "answer" => call.answer = Some(given_name(value)?),
        "expect" => call.expect = expectation::expectations(call.function, value)?,
        "expect-strict" => call.expect_strict = expectation::expectations(call.function, value)?,
        "requires" => call.requires = expectation::expectations(call.function, value)?,
        "otherwise" => call.otherwise = Some(text(value, "a line of text")?.to_owned()),
        "keep-going" => call.keep_going = boolean(value)?,
        "must-exist" => call.must_exist = boolean(value)?,
        _ => {}
    }
    Ok(())
}

fn captures(function: Function, node: &Node) -> Result<Vec<Capture>, Error> {
    mapping(
        node,
        "outputs and the names to keep them under, `session: $session`",
    )?
    .iter()
    .map(|(key, value)| {
        let output = expectation::output(function, key)?;
        let name = given_name(value)?;
        Ok(Capture { output, name })
    })
    .collect()
}

/// The name of a capture where it is given.
fn given_name(node: &Node) -> Result<String, Error> {
    if !text(node, "a name with a dollar, `$session`")?.starts_with('$') {
        return Err(fault(node, "expected a new name with a dollar, `$session`"));
    }
    new_name(node)
}

/// A name that a step gives to a value: one word, with or without a dollar, and not `target`.
fn new_name(node: &Node) -> Result<String, Error> {
    let target: Reference = text(node, "a name")?
        .parse()
        .map_err(|error| fault(node, error))?;
    if target.path.is_empty() && target.name != "target" {
        return Ok(target.name);
    }
    Err(fault(node, "expected a new name, without a field or index"))
}

/// Reads one return value or a list of them, by name or number; `creation-refused` and
/// `failure` are several.
fn return_values(node: &Node) -> Result<Vec<u64>, Error> {
    let some = |node: &Node| match text_of(node) {
        Some(returns::CREATION_REFUSED_WORD) => Ok(returns::CREATION_REFUSED.to_vec()),
        Some(returns::FAILURE_WORD) => Ok(returns::FAILURES.to_vec()),
        _ => constant(node, Kind::RETURN, "return value").map(|value| vec![value]),
    };
    match &node.kind {
        yaml::Kind::Sequence(items) => {
            let values = items.iter().map(some).collect::<Result<Vec<_>, _>>()?;
            Ok(values.concat())
        }
        _ => some(node),
    }
}

fn function(name: &str, node: &Node) -> Result<Function, Error> {
    Function::from_name(name).ok_or_else(|| {
        fault(
            node,
            yaml::unknown_name("function", name, Function::NAMES.iter().copied()),
        )
    })
}

// ---- words shared by the readers of this room ----

pub(crate) fn fault(node: &Node, message: impl std::fmt::Display) -> Error {
    Error::custom(message).or_at(node.mark)
}

pub(crate) fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        yaml::Kind::Text(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn text<'n>(node: &'n Node, what: &str) -> Result<&'n str, Error> {
    text_of(node).ok_or_else(|| fault(node, format!("expected {what}")))
}

pub(crate) fn boolean(node: &Node) -> Result<bool, Error> {
    match node.kind {
        yaml::Kind::Bool(value) => Ok(value),
        _ => Err(fault(node, "expected true or false")),
    }
}

pub(crate) fn list<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], Error> {
    match &node.kind {
        yaml::Kind::Sequence(items) => Ok(items),
        _ => Err(fault(node, format!("expected {what}"))),
    }
}

pub(crate) fn mapping<'n>(node: &'n Node, what: &str) -> Result<&'n [(Node, Node)], Error> {
    match &node.kind {
        yaml::Kind::Mapping(entries) => Ok(entries),
        _ => Err(fault(node, format!("expected {what}"))),
    }
}

pub(crate) fn get<'n>(entries: &'n [(Node, Node)], key: &str) -> Option<&'n Node> {
    entries
        .iter()
        .find(|(name, _)| text_of(name) == Some(key))
        .map(|(_, value)| value)
}

pub(crate) fn required<'n>(
    node: &Node,
    entries: &'n [(Node, Node)],
    key: &str,
) -> Result<&'n Node, Error> {
    get(entries, key).ok_or_else(|| fault(node, format!("`{key}` is missing here")))
}

pub(crate) fn only_keys(entries: &[(Node, Node)], known: &[&str]) -> Result<(), Error> {
    for (key, _) in entries {
        let name = text(key, "a key")?;
        if !known.contains(&name) {
            return Err(fault(
                key,
                yaml::unknown_name("key", name, known.iter().copied()),
            ));
        }
    }
    Ok(())
}

pub(super) fn reference(node: &Node) -> Result<Reference, Error> {
    let text = text(node, "a reference, `$name`")?;
    if !text.starts_with('$') {
        return Err(fault(
            node,
            format!("expected a reference; write it as `${text}`"),
        ));
    }
    text.parse().map_err(|error| fault(node, error))
}

/// A constant of a kind by name, or any value as a number.
pub(crate) fn constant(node: &Node, kind: Kind, what: &str) -> Result<u64, Error> {
    match &node.kind {
        yaml::Kind::Unsigned(value) => Ok(*value),
        yaml::Kind::Text(name) => match names::constant(name) {
            Some(constant) if constant.kind == kind => Ok(constant.value),
            _ => parse_number(name).ok_or_else(|| {
                let known = names::of_kind(kind).iter().map(|constant| constant.name);
                fault(node, yaml::unknown_name(what, name, known))
            }),
        },
        _ => Err(fault(
            node,
            format!("expected the name of a {what}, or its number"),
        )),
    }
}

/// A number in text, as a key of a mapping or a vendor's value may be written.
fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
