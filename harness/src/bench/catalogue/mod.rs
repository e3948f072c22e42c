//! Catalogues of benchmarks: YAML files whose entries are cases with a few keys more. An entry becomes a
//! benchmark for every combination of its parameters; the rest is read as suites are.

mod expand;
mod shipped;

use std::path::Path;

use crate::plan::{Case, Suite};
use crate::sequence::read::{
    boolean, fault, get, list, mapping, only_keys, required, text, text_of,
};
use crate::sequence::{Argument, Call, Reference, Step, visit};
use crate::yaml::{Diagnostic, Document, Error, Kind, Node};

pub use shipped::shipped;

/// Keys of a catalogue.
const CATALOGUE_KEYS: &[&str] = &[
    "suite",
    "title",
    "cites",
    "clause",
    "state",
    "needs",
    "setup",
    "benchmarks",
];
/// Keys of an entry that suites have, too.
const CASE_KEYS: &[&str] = &["id", "title", "clause", "state", "needs", "setup", "steps"];
/// Keys of an entry that only catalogues have.
const OWN_KEYS: &[&str] = &["each", "bytes", "threads", "slow"];

/// A catalogue file.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Its hierarchical name, the front of every benchmark's id.
    pub name: String,
    /// The file, for messages.
    pub file: String,
    /// Its benchmarks, parameters written out.
    pub benchmarks: Vec<Benchmark>,
}

/// Something to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Benchmark {
    /// Preparation and measured steps, and when it applies.
    pub case: Case,
    /// How many of the case's steps are measured: the last ones.
    pub measured: usize,
    /// Parameters by name, as they are shown.
    pub parameters: Vec<(String, String)>,
    /// Bytes that one operation processes.
    pub bytes: Option<u64>,
    /// Whether several threads are measured as well.
    pub threads: bool,
    /// Whether it takes so long that it is only measured by name.
    pub slow: bool,
}

impl Benchmark {
    /// The steps that are measured.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        let steps = &self.case.sequence.steps;
        &steps[steps.len() - self.measured..]
    }

    /// The functions that one operation calls, in order.
    pub fn functions(&self) -> impl Iterator<Item = String> {
        calls(self.steps()).map(|call| call.function.name().to_owned())
    }
}

impl Catalogue {
    /// Reads a catalogue file.
    ///
    /// # Errors
    /// A [`Diagnostic`] with the place of what is wrong.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::read(path)?, &path.display().to_string())
    }

    /// Reads a catalogue from text; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Catalogue::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        Self::from_document(&Document::parse(path, text)?, &path.display().to_string())
    }

    fn from_document(document: &Document, file: &str) -> Result<Self, Diagnostic> {
        catalogue(document.root(), file).map_err(|error| document.source().error(error))
    }
}

fn catalogue(node: &Node, file: &str) -> Result<Catalogue, Error> {
    let entries = mapping(node, "a catalogue: `suite`, `cites`, `benchmarks`")?;
    only_keys(entries, CATALOGUE_KEYS)?;
    let name = text(
        required(node, entries, "suite")?,
        "the name of the catalogue",
    )?;
    let mut benchmarks: Vec<Benchmark> = Vec::new();
    for item in list(
        required(node, entries, "benchmarks")?,
        "a list of benchmarks",
    )? {
        let inner = mapping(item, "a benchmark: `id`, `steps`")?;
        only_keys(inner, &[CASE_KEYS, OWN_KEYS].concat())?;
        let id = required(item, inner, "id")?;
        for variant in expand::variants(inner)? {
            let benchmark = benchmark(node, entries, &variant, file)?;
            let twin = |other: &Benchmark| other.case.id == benchmark.case.id;
            if benchmarks.iter().any(twin) {
                let message = format!(
                    "a second benchmark `{}`: its id must name what differs, as in \
                     `\"{{mechanism}}/{{bytes}}\"`",
                    benchmark.case.id
                );
                return Err(fault(id, message));
            }
            benchmarks.push(benchmark);
        }
    }
    Ok(Catalogue {
        name: name.to_owned(),
        file: file.to_owned(),
        benchmarks,
    })
}

/// Reads an entry, whose parameters are written out, as the only case of a suite.
fn benchmark(
    root: &Node,
    catalogue: &[(Node, Node)],
    variant: &expand::Variant,
    file: &str,
) -> Result<Benchmark, Error> {
    let entries = &variant.entries;
    let id_node = get(entries, "id").ok_or_else(|| fault(root, "`id` is missing here"))?;
    let id = text(id_node, "the id of the benchmark")?;
    let name_node = required(root, catalogue, "suite")?;
    let name = text(name_node, "the name of the catalogue")?;
    let whole = format!("{name}/{id}");
    let (front, last) = whole.rsplit_once('/').unwrap_or((name, id));
    let word = |mark: &Node, text: &str| Node {
        mark: mark.mark,
        kind: Kind::Text(text.to_owned()),
    };
    let mut case = vec![(word(id_node, "id"), word(id_node, last))];
    let inherited = catalogue
        .iter()
        .filter(|(key, _)| text_of(key) == Some("clause") && get(entries, "clause").is_none());
    let own = entries
        .iter()
        .filter(|(key, _)| text_of(key).is_some_and(|key| key != "id" && CASE_KEYS.contains(&key)));
    case.extend(inherited.chain(own).cloned());
    let cases = Node {
        mark: id_node.mark,
        kind: Kind::Sequence(vec![Node {
            mark: id_node.mark,
            kind: Kind::Mapping(case),
        }]),
    };
    let mut suite = vec![
        (word(name_node, "suite"), word(name_node, front)),
        (word(name_node, "cases"), cases),
    ];
    let kept = ["title", "cites", "state", "needs", "setup"];
    let frame = catalogue.iter();
    suite.extend(
        frame
            .filter(|(key, _)| text_of(key).is_some_and(|key| kept.contains(&key)))
            .cloned(),
    );
    let suite = Node {
        mark: root.mark,
        kind: Kind::Mapping(suite),
    };
    let mut read = Suite::from_node(&suite, file)?;
    let case = read.cases.pop().ok_or_else(|| fault(id_node, "no case"))?;
    let steps_node = required(root, entries, "steps")?;
    let measured = measured(steps_node, &case)?;
    let flag = |key| get(entries, key).map_or(Ok(false), boolean);
    Ok(Benchmark {
        measured,
        parameters: variant.parameters.clone(),
        bytes: get(entries, "bytes").map(count).transpose()?,
        threads: flag("threads")?,
        slow: flag("slow")?,
        case,
    })
}

fn count(node: &Node) -> Result<u64, Error> {
    match node.kind {
        Kind::Unsigned(count) if count > 0 => Ok(count),
        _ => Err(fault(node, "expected a number of bytes")),
    }
}

/// The number of steps that are measured; each must be one that the loop can make.
fn measured(node: &Node, case: &Case) -> Result<usize, Error> {
    let nodes = list(node, "a list of steps")?;
    let steps = &case.sequence.steps;
    let own = &steps[steps.len() - nodes.len()..];
    if own.is_empty() {
        return Err(fault(node, "expected at least one step to measure"));
    }
    let given: Vec<&str> = calls(own)
        .flat_map(|call| call.gives.iter().map(|capture| capture.name.as_str()))
        .collect();
    for (node, step) in nodes.iter().zip(own) {
        let Step::Call(call) = step else {
            return Err(fault(
                node,
                "only calls are measured: put this step into `setup`",
            ));
        };
        if let Some(name) = inner_reference(call, &given) {
            let message = format!(
                "`${name}` is given by a measured step: it can be passed on as a whole argument, not \
                 inside one"
            );
            return Err(fault(node, message));
        }
    }
    Ok(own.len())
}

/// A name of these that a call refers to anywhere but in a whole argument.
fn inner_reference(call: &Call, names: &[&str]) -> Option<String> {
    let mut found = None;
    for argument in &call.arguments {
        let whole = matches!(argument, Argument::Number(_));
        let mut look = |place: visit::Place<'_>| {
            let reference: Option<&Reference> = place.reference();
            let inner = |reference: &&Reference| {
                names.contains(&reference.name.as_str()) && !(whole && reference.path.is_empty())
            };
            if let Some(reference) = reference.filter(inner) {
                found = Some(reference.name.clone());
            }
        };
        visit::argument(&mut argument.clone(), &mut look);
    }
    found
}

fn calls(steps: &[Step]) -> impl Iterator<Item = &Call> {
    steps.iter().filter_map(|step| match step {
        Step::Call(call) => Some(&**call),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
