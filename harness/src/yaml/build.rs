//! From text to marked tree: two readers walked side by side.
//!
//! `saphyr-parser`'s events give the shape, the marks and the duplicate keys; `serde_yaml` gives the
//! values. Where the two understand a text differently it is refused rather than guessed at.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError, Span, StrInput};
use serde_yaml::Value;

use super::diagnostic::{Diagnostic, Source};
use super::document::{Kind, MAX_DEPTH, MAX_NODES, Mark, Node};

/// Parses the text of `source` into its tree.
pub(super) fn tree(source: &Source) -> Result<Node, Diagnostic> {
    let mut root = Builder::new(source).document()?;
    let value = serde_yaml::from_str(source.text()).map_err(|error| foreign(source, &error))?;
    settle(source, &mut root, value)?;
    Ok(root)
}

/// An anchored subtree, or one that is still being read.
enum Anchor {
    Open,
    Closed { node: Node, size: usize },
}

struct Builder<'s> {
    source: &'s Source,
    parser: Parser<'s, StrInput<'s>>,
    anchors: HashMap<usize, Anchor>,
    nodes: usize,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Source) -> Self {
        Self {
            source,
            parser: Parser::new_from_str(source.text()),
            anchors: HashMap::new(),
            nodes: 0,
        }
    }

    /// Reads the only document; an empty text counts as one that holds null.
    fn document(&mut self) -> Result<Node, Diagnostic> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamEnd => break,
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    return Err(self
                        .refuse(mark(&span), "a second document begins here")
                        .help("put each document into its own file"));
                }
                other => root = Some(self.node(other, &span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node {
            mark: Mark {
                line: 1,
                column: 1,
                width: 0,
            },
            kind: Kind::Null,
        }))
    }

    fn next(&mut self) -> Result<Option<(Event<'s>, Span)>, Diagnostic> {
        self.parser
            .next_event()
            .transpose()
            .map_err(|error| syntax(self.source, &error))
    }

    /// The next event inside a list or mapping, which the parser always closes.
    fn inner(&mut self, open: Mark) -> Result<(Event<'s>, Span), Diagnostic> {
        self.next()?
            .ok_or_else(|| self.refuse(open, "what begins here is never closed"))
    }

    fn node(&mut self, event: Event<'s>, span: &Span, depth: usize) -> Result<Node, Diagnostic> {
        let mark = mark(span);
        self.count(1, mark)?;
        if depth > MAX_DEPTH {
            return Err(self
                .refuse(mark, format!("nested deeper than {MAX_DEPTH} levels"))
                .help("lift the inner part out, or use an anchor and an alias"));
        }
        match event {
            Event::Alias(id) => self.alias(id, mark),
            Event::Scalar(text, _, id, tag) => {
                self.no_tag(tag.is_some(), mark)?;
                self.anchored(id, |_| {
                    Ok(Node {
                        mark,
                        kind: Kind::Text(text.into_owned()),
                    })
                })
            }
            Event::SequenceStart(id, tag) => {
                self.no_tag(tag.is_some(), mark)?;
                self.anchored(id, |builder| builder.sequence(point(mark), depth))
            }
            Event::MappingStart(id, tag) => {
                self.no_tag(tag.is_some(), mark)?;
                self.anchored(id, |builder| builder.mapping(point(mark), depth))
            }
            _ => Err(self.refuse(mark, "a value was expected here")),
        }
    }

    fn sequence(&mut self, mark: Mark, depth: usize) -> Result<Node, Diagnostic> {
        let mut items = Vec::new();
        loop {
            match self.inner(mark)? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
        Ok(Node {
            mark,
            kind: Kind::Sequence(items),
        })
    }

    fn mapping(&mut self, mark: Mark, depth: usize) -> Result<Node, Diagnostic> {
        let mut entries = Vec::new();
        let mut seen: HashMap<String, Mark> = HashMap::new();
        loop {
            let key = match self.inner(mark)? {
                (Event::MappingEnd, _) => break,
                (event, span) => self.node(event, &span, depth + 1)?,
            };
            self.check_key(&key, &mut seen)?;
            let (event, span) = self.inner(key.mark)?;
            let value = self.node(event, &span, depth + 1)?;
            entries.push((key, value));
        }
        // The parser puts a block mapping at its first colon; people look at its first key.
        let mark = entries
            .first()
            .map_or(mark, |(key, _)| earlier(mark, key.mark));
        Ok(Node {
            mark: point(mark),
            kind: Kind::Mapping(entries),
        })
    }

    /// Keys are single values, and no two have the same text, quoted or not.
    fn check_key(&self, key: &Node, seen: &mut HashMap<String, Mark>) -> Result<(), Diagnostic> {
        let Kind::Text(text) = &key.kind else {
            return Err(self
                .refuse(key.mark, "a list or mapping cannot be a key")
                .help("if this is meant as text, such as a `${...}` reference, put it in quotes"));
        };
        if text == "<<" {
            return Err(self
                .refuse(key.mark, "merge keys (`<<`) are not used here")
                .help("write the entries out, or use an alias as a whole value"));
        }
        match seen.insert(text.clone(), key.mark) {
            None => Ok(()),
            Some(first) => Err(self
                .refuse(key.mark, format!("key `{text}` is given twice"))
                .also(first, "first given here", self.source)
                .help("remove one of the two")),
        }
    }

    fn anchored(
        &mut self,
        id: usize,
        read: impl FnOnce(&mut Self) -> Result<Node, Diagnostic>,
    ) -> Result<Node, Diagnostic> {
        if id == 0 {
            return read(self);
        }
        self.anchors.insert(id, Anchor::Open);
        let before = self.nodes;
        let node = read(self)?;
        let size = self.nodes - before + 1;
        self.anchors.insert(
            id,
            Anchor::Closed {
                node: node.clone(),
                size,
            },
        );
        Ok(node)
    }

    fn alias(&mut self, id: usize, mark: Mark) -> Result<Node, Diagnostic> {
        let size = match self.anchors.get(&id) {
            Some(Anchor::Closed { size, .. }) => *size,
            Some(Anchor::Open) => {
                return Err(self.refuse(mark, "this alias stands inside what it refers to"));
            }
            None => return Err(self.refuse(mark, "this alias refers to no anchor")),
        };
        self.count(size, mark)?;
        match self.anchors.get(&id) {
            Some(Anchor::Closed { node, .. }) => Ok(node.clone()),
            _ => Err(self.refuse(mark, "this alias refers to no anchor")),
        }
    }

    fn count(&mut self, more: usize, mark: Mark) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(self
            .refuse(
                mark,
                format!("more than {MAX_NODES} values, aliases written out"),
            )
            .help("split the file, or drop aliases of aliases"))
    }

    fn no_tag(&self, tagged: bool, mark: Mark) -> Result<(), Diagnostic> {
        if !tagged {
            return Ok(());
        }
        Err(self
            .refuse(mark, "tags (`!name`) are not used here")
            .help("write a choice as `name: content`; put text that looks like a number in quotes"))
    }

    fn refuse(&self, mark: Mark, message: impl Into<String>) -> Diagnostic {
        self.source.diagnostic(mark, message)
    }
}

/// Gives every scalar of the tree the type and value that `serde_yaml` found.
fn settle(source: &Source, node: &mut Node, value: Value) -> Result<(), Diagnostic> {
    let kind = std::mem::replace(&mut node.kind, Kind::Null);
    node.kind = match (kind, value) {
        (Kind::Text(_) | Kind::Null, Value::Null) => Kind::Null,
        (Kind::Text(_), Value::Bool(value)) => Kind::Bool(value),
        (Kind::Text(_), Value::Number(number)) => number_kind(&number),
        (Kind::Text(_), Value::String(text)) => Kind::Text(text),
        (Kind::Sequence(mut items), Value::Sequence(values)) if items.len() == values.len() => {
            for (item, value) in items.iter_mut().zip(values) {
                settle(source, item, value)?;
            }
            Kind::Sequence(items)
        }
        (Kind::Mapping(mut entries), Value::Mapping(values)) if entries.len() == values.len() => {
            for ((key, item), (key_value, value)) in entries.iter_mut().zip(values) {
                settle(source, key, key_value)?;
                settle(source, item, value)?;
            }
            Kind::Mapping(entries)
        }
        _ => {
            return Err(source
                .diagnostic(node.mark, "YAML readers understand this part differently")
                .help("put the text in quotes, or use a plainer notation"));
        }
    };
    Ok(())
}

fn number_kind(number: &serde_yaml::Number) -> Kind {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), _, _) => Kind::Unsigned(value),
        (None, Some(value), _) => Kind::Signed(value),
        (None, None, value) => Kind::Float(value.unwrap_or(f64::NAN)),
    }
}

fn mark(span: &Span) -> Mark {
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Mark {
        line: small(span.start.line().max(1)),
        column: small(span.start.col().saturating_add(1)),
        width: if span.start.line() == span.end.line() {
            small(span.end.col().saturating_sub(span.start.col()).max(1))
        } else {
            1
        },
    }
}

fn point(mark: Mark) -> Mark {
    Mark { width: 1, ..mark }
}

fn earlier(one: Mark, other: Mark) -> Mark {
    if (one.line, one.column) <= (other.line, other.column) {
        one
    } else {
        other
    }
}

fn syntax(source: &Source, error: &ScanError) -> Diagnostic {
    let at = mark(&Span::empty(*error.marker()));
    source.diagnostic(at, format!("this is not YAML: {}", error.info()))
}

/// An error of the second reader, which knows a place only sometimes.
fn foreign(source: &Source, error: &serde_yaml::Error) -> Diagnostic {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let message = format!("this is not YAML: {message}");
    match error.location() {
        Some(place) => {
            let small = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
            let mark = Mark {
                line: small(place.line()),
                column: small(place.column()),
                width: 1,
            };
            source.diagnostic(mark, message)
        }
        None => source.whole(message),
    }
}
