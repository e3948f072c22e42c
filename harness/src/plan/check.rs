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

/// A step of a case, and its lane if it stands in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    step: usize,
    lane: Option<usize>,
}

impl Place {
    fn of(step: usize) -> Self {
        Self { step, lane: None }
    }

    /// True of two lanes of one block.
    fn is_beside(self, other: Self) -> bool {
        let lanes = self.lane.zip(other.lane);
        self.step == other.step && lanes.is_some_and(|(one, two)| one != two)
    }
}

/// A name that some step gives, and where.
struct Giver<'n> {
    name: String,
    node: &'n Node,
    place: Place,
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
        collect_givers(step, Place::of(index), &mut givers);
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
        scope.step(step, Place::of(index), &mut known)?;
    }
    Ok(())
}

struct Scope<'s, 'n> {
    steps: &'s [&'n Node],
    givers: &'s [Giver<'n>],
    with: &'s [&'s str],
}

impl Scope<'_, '_> {
    fn step(&self, node: &Node, place: Place, known: &mut Vec<String>) -> Result<(), Error> {
        let Kind::Mapping(entries) = &node.kind else {
            return Ok(());
        };
        if let Some(each) = get(entries, "for-each")
            && let Kind::Mapping(inner) = &each.kind
        {
            if let Some(list) = get(inner, "in") {
                self.uses(list, place, known)?;
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
                    self.step(step, place, known)?;
                }
            }
            return Ok(());
        }
        if get(entries, "together")
            .or(get(entries, "in-child"))
            .is_some()
        {
            return self.together(entries, place, known);
        }
        for (key, value) in entries {
            if text_of(key).is_some_and(|key| !STEP_KEYS.contains(&key)) {
                self.uses(value, place, known)?;
            }
        }
        for name in gives(entries) {
            known.push(name.0);
        }
        for key in ["expect", "expect-strict", "requires"] {
            if let Some(value) = get(entries, key) {
                self.uses(value, place, known)?;
            }
        }
        Ok(())
    }

    /// Lanes know what was given before the block, and what they give themselves.
    fn together(
        &self,
        entries: &[(Node, Node)],
        place: Place,
        known: &mut Vec<String>,
    ) -> Result<(), Error> {
        let mut given: Vec<Giver<'_>> = Vec::new();
        for (lane, steps) in lanes(entries).enumerate() {
            let place = Place {
                lane: Some(lane),
                ..place
            };
            let mut own = Vec::new();
            let mut inside = known.clone();
            for step in steps {
                self.step(step, place, &mut inside)?;
                collect_givers(step, place, &mut own);
            }
            let twice = |giver: &&Giver<'_>| given.iter().any(|other| other.name == giver.name);
            if let Some(giver) = own.iter().find(twice) {
                let name = &giver.name;
                let message = format!(
                    "a second lane gives `${name}`; which one counts after the block is open"
                );
                return Err(Error::custom(message).or_at(giver.node.mark));
            }
            given.extend(own);
        }
        known.extend(given.into_iter().map(|giver| giver.name));
        Ok(())
    }

    /// Checks every reference below a node, keys of expectations included.
    fn uses(&self, node: &Node, place: Place, known: &[String]) -> Result<(), Error> {
        match &node.kind {
            Kind::Text(text) if text.starts_with('$') => self.reference(node, text, place, known),
            Kind::Sequence(items) => items
                .iter()
                .try_for_each(|item| self.uses(item, place, known)),
            Kind::Mapping(entries) => entries.iter().try_for_each(|(key, value)| {
                self.uses(key, place, known)?;
                match (text_of(key), text_of(value)) {
                    // What stands under `text` is text, dollar or not.
                    (Some("text"), _) => Ok(()),
                    // The target's own arguments of C_Initialize, or the rest of them.
                    (Some("init_args" | "rest"), Some("$target")) => Ok(()),
                    _ => self.uses(value, place, known),
                }
            }),
            _ => Ok(()),
        }
    }

    fn reference(
        &self,
        node: &Node,
        text: &str,
        place: Place,
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
                Some(giver) if giver.place.is_beside(place) => fault(format!(
                    "`${name}` is given at line {} in another lane, which runs at the same time",
                    giver.node.mark.line
                )),
                Some(giver) => fault(self.too_early(name, giver, place.step)),
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
        collect_givers(self.steps[index], Place::of(index), &mut own);
        let circle = own
            .iter()
            .any(|own| mentions(self.steps[giver.place.step], &own.name));
        if circle && giver.place.step != index {
            format!(
                "`${name}` is given by the step at line {line}, which waits for this one: a circle"
            )
        } else {
            format!("`${name}` is used before the step at line {line} gives it")
        }
    }
}

fn gives(entries: &[(Node, Node)]) -> Vec<(String, &Node)> {
    let list = match get(entries, "gives").map(|node| &node.kind) {
        Some(Kind::Mapping(list)) => list.as_slice(),
        _ => &[],
    };
    let kept = list.iter().map(|(_, value)| value);
    kept.chain(get(entries, "answer"))
        .filter_map(|value| {
            let name = text_of(value)?
                .trim_start_matches(['$', '{'])
                .trim_end_matches('}');
            Some((name.to_owned(), value))
        })
        .collect()
}

fn collect_givers<'n>(node: &'n Node, place: Place, givers: &mut Vec<Giver<'n>>) {
    let Kind::Mapping(entries) = &node.kind else {
        return;
    };
    givers.extend(
        gives(entries)
            .into_iter()
            .map(|(name, node)| Giver { name, node, place }),
    );
    for (lane, steps) in lanes(entries).enumerate() {
        let place = Place {
            lane: Some(lane),
            ..place
        };
        steps.for_each(|step| collect_givers(step, place, givers));
    }
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
            .for_each(|inner| collect_givers(inner, place, givers));
    }
}

/// The steps of every lane of a block, or of a child; none if the step is neither.
fn lanes(entries: &[(Node, Node)]) -> impl Iterator<Item = impl Iterator<Item = &Node>> {
    fn items(node: &Node) -> &[Node] {
        match &node.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }
    let lanes = get(entries, "together").map_or(&[][..], items);
    let child = get(entries, "in-child");
    lanes.iter().chain(child).map(|lane| items(lane).iter())
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
