//! A small tree of an XML document, and the rules a JUnit document has to keep.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.get(name);
        found.unwrap_or_else(|| panic!("<{}> lacks {name}", self.name))
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn number(&self, name: &str) -> usize {
        self.attribute(name).parse().unwrap()
    }
}

/// Reads a document; panics where it is malformed.
pub(crate) fn parse(document: &[u8]) -> Element {
    let text = std::str::from_utf8(document).expect("UTF-8");
    let foreign = text.chars().find(|c| !is_xml_character(*c));
    assert_eq!(foreign, None, "a character XML 1.0 excludes");
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().expect("well-formed");
        let top = open.last_mut().expect("an open element");
        match event {
            Event::Start(tag) => open.push(element(&tag)),
            Event::Empty(tag) => top.children.push(element(&tag)),
            Event::CData(data) => top.text.push_str(&data.xml10_content().unwrap()),
            Event::Text(data) => top.text.push_str(&data.xml10_content().unwrap()),
            Event::End(_) => {
                let closed = open.pop().unwrap();
                open.last_mut().unwrap().children.push(closed);
            }
            Event::Eof => break,
            Event::Decl(_) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(open.len(), 1, "an element is not closed");
    let mut document = open.pop().unwrap();
    assert_eq!(document.children.len(), 1, "one root element");
    document.children.pop().unwrap()
}

fn element(tag: &BytesStart<'_>) -> Element {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.expect("a well-formed attribute, no duplicate");
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        (utf8(attribute.key.as_ref()), value.unwrap().into_owned())
    });
    Element {
        name: utf8(tag.name().as_ref()),
        attributes: attributes.collect(),
        ..Element::default()
    }
}

/// XML 1.0, production 2.
fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// What an element may have: attributes it must carry, further ones, children.
struct Rule {
    element: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    children: &'static [&'static str],
}

/// What Jenkins' strictest reader takes of the elements used here.
const RULES: &[Rule] = &[
    Rule {
        element: "testsuites",
        required: &[],
        optional: &["name", "time", "tests", "failures", "errors"],
        children: &["testsuite"],
    },
    Rule {
        element: "testsuite",
        required: &["name", "tests", "failures", "errors"],
        optional: &["time", "skipped", "timestamp", "hostname", "id", "package"],
        children: &["properties", "testcase"],
    },
    Rule {
        element: "properties",
        required: &[],
        optional: &[],
        children: &["property"],
    },
    Rule {
        element: "property",
        required: &["name", "value"],
        optional: &[],
        children: &[],
    },
    Rule {
        element: "testcase",
        required: &["name"],
        optional: &["time", "classname"],
        children: &["skipped", "error", "failure", "system-out", "system-err"],
    },
    Rule {
        element: "skipped",
        required: &[],
        optional: &["type", "message"],
        children: &[],
    },
    Rule {
        element: "error",
        required: &[],
        optional: &["type", "message"],
        children: &[],
    },
    Rule {
        element: "failure",
        required: &[],
        optional: &["type", "message"],
        children: &[],
    },
    Rule {
        element: "system-out",
        required: &[],
        optional: &[],
        children: &[],
    },
    Rule {
        element: "system-err",
        required: &[],
        optional: &[],
        children: &[],
    },
];

/// Panics where the document breaks a rule, or where its numbers contradict its cases.
pub(crate) fn check(root: &Element) {
    assert_eq!(root.name, "testsuites");
    check_element(root);
    for suite in &root.children {
        let having = |name| {
            let cases = suite.all("testcase");
            cases.filter(|c| c.child(name).is_some()).count()
        };
        assert_eq!(suite.number("tests"), suite.all("testcase").count());
        assert_eq!(suite.number("failures"), having("failure"));
        assert_eq!(suite.number("errors"), having("error"));
        assert_eq!(suite.number("skipped"), having("skipped"));
    }
    for name in ["tests", "failures", "errors"] {
        let sum: usize = root.children.iter().map(|suite| suite.number(name)).sum();
        assert_eq!(root.number(name), sum, "{name}");
    }
}

fn check_element(element: &Element) {
    let name = element.name.as_str();
    let rule = RULES.iter().find(|rule| rule.element == name);
    let rule = rule.unwrap_or_else(|| panic!("<{name}> is no element of JUnit"));
    for required in rule.required {
        element.attribute(required);
    }
    for given in element.attributes.keys().map(String::as_str) {
        let known = rule.required.contains(&given) || rule.optional.contains(&given);
        assert!(known, "{given} on <{name}>");
    }
    if let Some(time) = element.attributes.get("time") {
        let (whole, decimals) = time.split_once('.').expect("a decimal point");
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        assert!(
            decimals.len() == 3 && digits(decimals) && digits(whole),
            "{time}"
        );
    }
    for child in &element.children {
        let known = rule.children.contains(&child.name.as_str());
        assert!(known, "<{}> in <{name}>", child.name);
        check_element(child);
    }
}
