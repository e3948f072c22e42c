//! Writing out the parameters of an entry: `each` names lists of values, and the entry is repeated for
//! every combination, `$with.name` replaced by the value and `{name}` in its id by how it is shown.

use crate::sequence::read::{fault, get, list, mapping, text, text_of};
use crate::yaml::{self, Error, Kind, Mark, Node};

/// An entry with one value for each parameter.
pub(super) struct Variant {
    /// Its keys, references to parameters replaced.
    pub(super) entries: Vec<(Node, Node)>,
    /// The values by name, as they are shown.
    pub(super) parameters: Vec<(String, String)>,
}

/// A parameter and one of its values.
type Given<'n> = (&'n str, &'n Node);

/// Every combination of an entry's parameters, the first changing slowest.
pub(super) fn variants(entries: &[(Node, Node)]) -> Result<Vec<Variant>, Error> {
    let axes = get(entries, "each").map_or(Ok(Vec::new()), axes)?;
    let mut all: Vec<Vec<Given<'_>>> = vec![Vec::new()];
    for (name, values) in &axes {
        all = all
            .iter()
            .flat_map(|given| {
                values.iter().map(move |value| {
                    let mut longer = given.clone();
                    longer.push((name, value));
                    longer
                })
            })
            .collect();
    }
    all.into_iter()
        .map(|given| variant(entries, &given))
        .collect()
}

fn axes(node: &Node) -> Result<Vec<(&str, &[Node])>, Error> {
    mapping(node, "parameters and their values, `bytes: [16, 1024]`")?
        .iter()
        .map(|(key, values)| {
            let values = list(values, "a list of values")?;
            match values.is_empty() {
                true => Err(fault(key, "a parameter without values")),
                false => Ok((text(key, "the name of a parameter")?, values)),
            }
        })
        .collect()
}

fn variant(entries: &[(Node, Node)], given: &[Given<'_>]) -> Result<Variant, Error> {
    let own = entries
        .iter()
        .filter(|(key, _)| text_of(key) != Some("each"));
    let entries = own.map(|(key, value)| {
        let value = match (text_of(key), &value.kind) {
            (Some("id" | "title"), Kind::Text(pattern)) => Node {
                mark: value.mark,
                kind: Kind::Text(filled(pattern, value.mark, given)?),
            },
            _ => replaced(value, given)?,
        };
        Ok((key.clone(), value))
    });
    let parameters = given.iter().map(|(name, value)| {
        let shown = shown(name, value).ok_or_else(|| {
            fault(
                value,
                "a value that is a mapping needs a `name` by which it is shown",
            )
        })?;
        Ok(((*name).to_owned(), shown))
    });
    Ok(Variant {
        entries: entries.collect::<Result<_, _>>()?,
        parameters: parameters.collect::<Result<_, _>>()?,
    })
}

/// A node in which every `$with.name` is the parameter's value.
fn replaced(node: &Node, given: &[Given<'_>]) -> Result<Node, Error> {
    let kind = match &node.kind {
        Kind::Text(text) => match text.strip_prefix("$with.") {
            Some(path) => return value(path, node.mark, given).cloned(),
            None => node.kind.clone(),
        },
        Kind::Sequence(items) => {
            let items = items.iter().map(|item| replaced(item, given));
            Kind::Sequence(items.collect::<Result<_, _>>()?)
        }
        Kind::Mapping(entries) => {
            let entries = entries
                .iter()
                .map(|(key, value)| Ok((replaced(key, given)?, replaced(value, given)?)));
            Kind::Mapping(entries.collect::<Result<_, Error>>()?)
        }
        other => other.clone(),
    };
    Ok(Node {
        mark: node.mark,
        kind,
    })
}

/// The value that a path of names, `curve.oid`, leads to.
fn value<'n>(path: &str, mark: Mark, given: &[Given<'n>]) -> Result<&'n Node, Error> {
    let wrong = |what, name: &str, known: Vec<&str>| {
        let node = Node {
            mark,
            kind: Kind::Null,
        };
        fault(&node, yaml::unknown_name(what, name, known))
    };
    let mut names = path.split('.');
    let name = names.next().unwrap_or_default();
    let found = given.iter().find(|(known, _)| *known == name);
    let Some((_, first)) = found else {
        let known = given.iter().map(|(name, _)| *name).collect();
        return Err(wrong("parameter of the benchmark", name, known));
    };
    names.try_fold(*first, |node, field| {
        let Kind::Mapping(entries) = &node.kind else {
            return Err(wrong("field of the parameter", field, Vec::new()));
        };
        get(entries, field).ok_or_else(|| {
            let known = entries.iter().filter_map(|(key, _)| text_of(key)).collect();
            wrong("field of the parameter", field, known)
        })
    })
}

/// Text in which every `{name}` is how the parameter's value is shown.
fn filled(pattern: &str, mark: Mark, given: &[Given<'_>]) -> Result<String, Error> {
    let node = Node {
        mark,
        kind: Kind::Null,
    };
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((path, behind)) = after.split_once('}') else {
            return Err(fault(&node, "a `{` without its `}`"));
        };
        let found = value(path, mark, given)?;
        let name = path.rsplit('.').next().unwrap_or(path);
        let shown = shown(name, found)
            .ok_or_else(|| fault(&node, format!("`{{{path}}}` is a mapping without a `name`")))?;
        out += before;
        out += &shown;
        rest = behind;
    }
    Ok(out + rest)
}

/// How a value is shown: a size as people write it, a mapping by its `name`.
fn shown(name: &str, node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Unsigned(number) if name == "bytes" => Some(size(*number)),
        Kind::Unsigned(number) => Some(number.to_string()),
        Kind::Text(text) => Some(text.clone()),
        Kind::Mapping(entries) => get(entries, "name").and_then(|inner| shown(name, inner)),
        _ => None,
    }
}

/// `16B`, `1KiB`, `1MiB`.
fn size(bytes: u64) -> String {
    match bytes {
        n if n >= 1 << 20 && n % (1 << 20) == 0 => format!("{}MiB", n >> 20),
        n if n >= 1 << 10 && n % (1 << 10) == 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}
