//! Checks that every reference of a case has been given a value by the time it is used.

use serde::de::Error as _;

use super::suite::Ladder;
use crate::sequence::Reference;
use crate::sequence::read::{STEP_KEYS, get, text_of};
use crate::yaml::{self, Error, Kind, Node};

/// What `$target` has: facts and secrets of the target description, and of the probe.
pub(crate) const TARGET_FIELDS: &[&str] = &[
    "slot",
    "pin",
    "so-pin",
    "label",
    "serial",
    "version",
    "init-args",
];

/// A name that some step gives, and where.
struct Giver<'n> {
    name: String,
    node: &'n Node,
    step: usize,
}

/// Checks the steps of a case, given in the order in which they run.
///
/// # Errors
/// An [`Error`] at the reference that cannot have a value, saying which step would give it, or
/// that steps wait for each other in a circle.
pub(super) fn references(lists: &[&Node], ladder: Ladder, with: &[&str]) -> Result<(), Error> {
    let steps: Vec<&Node> = lists
        .iter()
        .flat_map(|list| match &list.kind {
            Kind::Sequence(items) => items.iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        })
        .collect();
    let mut givers = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        collect_givers(step, index, &mut givers);
    }
    let mut known: Vec<String> = Vec::new();
    if !matches!(ladder, Ladder::Loaded | Ladder::Initialized) {
        known.push("session".to_owned());
    }
    let scope = Scope {
        steps: &steps,
        givers: &givers,
        with,
    };
    for (index, step) in steps.iter().enumerate() {
        scope.step(step, index, &mut known)?;
    }
    Ok(())
}

struct Scope<'s, 'n> {
    steps: &'s [&'n Node],
    givers: &'s [Giver<'n>],
    with: &'s [&'s str],
}

impl Scope<'_, '_> {
    fn step(&self, node: &Node, index: usize, known: &mut Vec<String>) -> Result<(), Error> {
        let Kind::Mapping(entries) = &node.kind else {
            return Ok(());
        };
        if let Some(each) = get(entries, "for-each")
            && let Kind::Mapping(inner) = &each.kind
        {
            if let Some(list) = get(inner, "in") {
                self.uses(list, index, known)?;
            }
            if let Some(name) = get(inner, "as").and_then(text_of) {
                known.push(name.trim_start_matches('$').to_owned());
            }
            if let Some(Node {
                kind: Kind::Sequence(steps),
                ..
            }) = get(inner, "steps")
            {
                for step in steps {
                    self.step(step, index, known)?;
                }
            }
            return Ok(());
        }
        for (key, value) in entries {
            if text_of(key).is_some_and(|key| !STEP_KEYS.contains(&key)) {
                self.uses(value, index, known)?;
            }
        }
        for name in gives(entries) {
            known.push(name.0);
        }
        for key in ["expect", "expect-strict", "requires"] {
            if let Some(value) = get(entries, key) {
                self.uses(value, index, known)?;
            }
        }
        Ok(())
    }

    /// Checks every reference below a node, keys of expectations included.
    fn uses(&self, node: &Node, index: usize, known: &[String]) -> Result<(), Error> {
        match &node.kind {
            Kind::Text(text) if text.starts_with('$') => self.reference(node, text, index, known),
            Kind::Sequence(items) => items
                .iter()
                .try_for_each(|item| self.uses(item, index, known)),
            Kind::Mapping(entries) => entries.iter().try_for_each(|(key, value)| {
                self.uses(key, index, known)?;
                // What stands under `text` is text, dollar or not.
                if text_of(key) == Some("text") {
                    Ok(())
                } else {
                    self.uses(value, index, known)
                }
            }),
            _ => Ok(()),
        }
    }

    fn reference(
        &self,
        node: &Node,
        text: &str,
        index: usize,
        known: &[String],
    ) -> Result<(), Error> {
        let Ok(reference) = text.parse::<Reference>() else {
            return Ok(());
        };
        let fault = |message: String| Err(Error::custom(message).or_at(node.mark));
        let field = reference
            .path
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        match reference.name.as_str() {
            "target" if TARGET_FIELDS.contains(&field.as_str()) => Ok(()),
            "target" => fault(yaml::unknown_name(
                "field of $target",
                &field,
                TARGET_FIELDS.iter().copied(),
            )),
            "with" if self.with.contains(&field.as_str()) => Ok(()),
            "with" => fault(yaml::unknown_name(
                "parameter of the case",
                &field,
                self.with.iter().copied(),
            )),
            name if known.iter().any(|known| known == name) => Ok(()),
            name => match self.givers.iter().find(|giver| giver.name == name) {
                Some(giver) => fault(self.too_early(name, giver, index)),
                None => fault(yaml::unknown_name(
                    "capture",
                    name,
                    known.iter().map(String::as_str).chain(["target", "with"]),
                )),
            },
        }
    }

    fn too_early(&self, name: &str, giver: &Giver<'_>, index: usize) -> String {
        let line = giver.node.mark.line;
        let mut own = Vec::new();
        collect_givers(self.steps[index], index, &mut own);
        let circle = own
            .iter()
            .any(|own| mentions(self.steps[giver.step], &own.name));
        if circle && giver.step != index {
            format!(
                "`${name}` is given by the step at line {line}, which waits for this one: a circle"
            )
        } else {
            format!("`${name}` is used before the step at line {line} gives it")
        }
    }
}

fn gives(entries: &[(Node, Node)]) -> Vec<(String, &Node)> {
    let Some(Node {
        kind: Kind::Mapping(list),
        ..
    }) = get(entries, "gives")
    else {
        return Vec::new();
    };
    list.iter()
        .filter_map(|(_, value)| {
            let name = text_of(value)?
                .trim_start_matches(['$', '{'])
                .trim_end_matches('}');
            Some((name.to_owned(), value))
        })
        .collect()
}

fn collect_givers<'n>(node: &'n Node, step: usize, givers: &mut Vec<Giver<'n>>) {
    let Kind::Mapping(entries) = &node.kind else {
        return;
    };
    givers.extend(
        gives(entries)
            .into_iter()
            .map(|(name, node)| Giver { name, node, step }),
    );
    if let Some(Node {
        kind: Kind::Mapping(inner),
        ..
    }) = get(entries, "for-each")
        && let Some(Node {
            kind: Kind::Sequence(steps),
            ..
        }) = get(inner, "steps")
    {
        steps
            .iter()
            .for_each(|inner| collect_givers(inner, step, givers));
    }
}

/// True if a step uses a name.
fn mentions(node: &Node, name: &str) -> bool {
    match &node.kind {
        Kind::Text(text) => {
            text.starts_with('$') && text.parse::<Reference>().is_ok_and(|r| r.name == name)
        }
        Kind::Sequence(items) => items.iter().any(|item| mentions(item, name)),
        Kind::Mapping(entries) => entries.iter().any(|(key, value)| {
            mentions(key, name) || (text_of(key) != Some("gives") && mentions(value, name))
        }),
        _ => false,
    }
}
