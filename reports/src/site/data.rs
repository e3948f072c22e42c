//! The cases as data in the page, from which its script shows the few that are looked at: 100,000 rows of markup
//! would be more than a browser takes. What all cases have is one document; what only those have that did not pass
//! is in several, each read when one of its cases is opened.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Result, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use serde::Serialize;

use super::SiteRun;
use super::kind::Kind;
use super::modules::Module;
use crate::describe;
use crate::evidence::{Case, Verdict};
use crate::text::{clip, many_lines, one_line};

/// Details in one document.
const CHUNK: usize = 256;
/// Most bytes of one line of a detail.
const LINE: usize = 2000;
/// Most bytes of what a module wrote during a case.
const OUTPUT: usize = 4000;

/// What all cases have.
#[derive(Serialize)]
struct Index<'e> {
    modules: Vec<Cow<'e, str>>,
    kinds: Vec<(&'static str, &'static str)>,
    /// Ids without their last parts.
    groups: Vec<Cow<'e, str>>,
    titles: Vec<String>,
    clauses: Vec<String>,
    cases: Vec<Row<'e>>,
}

/// Module, group, last part of the id, title, clause, level, class, kind, headline, detail (or -1).
#[derive(Serialize)]
struct Row<'e>(
    usize,
    usize,
    Cow<'e, str>,
    usize,
    usize,
    &'static str,
    String,
    usize,
    String,
    i64,
);

/// What only some have. Members that are empty are left out.
#[derive(Default, Serialize)]
#[serde(default)]
struct Detail {
    #[serde(skip_serializing_if = "String::is_empty")]
    verdict: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    end: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    waived: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    confirmed: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reading: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reproducer: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    replay: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    wrote: String,
}

/// Writes all of it as elements that the script finds.
pub(super) fn write(modules: &[Module<'_>], out: &mut dyn Write) -> Result<()> {
    let mut open = Vec::new();
    let index = index(modules, &mut open);
    let chunks: Vec<_> = open.chunks(CHUNK).collect();
    let made = in_threads(chunks.len() + 1, |number| match number {
        0 => element("cases-data", &index),
        _ => {
            let details: Vec<Detail> = chunks[number - 1]
                .iter()
                .map(|(run, case)| detail(run, case))
                .collect();
            element(&format!("details-{}", number - 1), &details)
        }
    });
    made.iter().try_for_each(|element| out.write_all(element))
}

/// What `make` makes of the numbers below `count`, in their order, made by as many threads as there are
/// processors: the elements are most of what a page of many cases takes.
fn in_threads(count: usize, make: impl Fn(usize) -> Vec<u8> + Sync) -> Vec<Vec<u8>> {
    let made: Vec<OnceLock<Vec<u8>>> = (0..count).map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let threads = available_parallelism().map_or(1, usize::from).min(count);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = made.get(number) else { break };
                    place.get_or_init(|| make(number));
                }
            });
        }
    });
    made.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn element(id: &str, value: &impl Serialize) -> Vec<u8> {
    let mut out = format!("<script type=\"application/json\" id=\"{id}\">").into_bytes();
    serde_json::to_writer(NoMarkup(&mut out), value).expect("nothing but text and numbers");
    out.extend_from_slice(b"</script>\n");
    out
}

/// Writes JSON so that nothing in it ends the element that it stands in: `<` occurs in its strings alone, and may
/// be written by number there.
struct NoMarkup<'o>(&'o mut Vec<u8>);

impl Write for NoMarkup<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        for (number, part) in bytes.split(|byte| *byte == b'<').enumerate() {
            if number > 0 {
                self.0.extend_from_slice(b"\\u003c");
            }
            self.0.extend_from_slice(part);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Whose details are shown.
type Open<'e> = (&'e SiteRun<'e>, &'e Case);

fn index<'e>(modules: &'e [Module<'e>], open: &mut Vec<Open<'e>>) -> Index<'e> {
    let (mut groups, mut titles, mut clauses) =
        (Names::default(), Names::default(), Names::default());
    let mut cases = Vec::with_capacity(modules.iter().map(|module| module.cases.len()).sum());
    for (number, module) in modules.iter().enumerate() {
        for (run, case) in &module.cases {
            let (group, leaf) = split(&case.id);
            let kind = Kind::of(case);
            let headline = match kind {
                Kind::Pass => String::new(),
                Kind::NotApplicable => describe::inapplicable(case),
                _ => describe::headline(case),
            };
            cases.push(Row(
                number,
                groups.number(group, one_line),
                one_line(leaf),
                titles.number(&case.title, |title| one_line(title).into_owned()),
                clauses.number(&case.clause, describe::clause),
                case.level.name(),
                format!("{:?}", case.class),
                kind as usize,
                clip(&headline, LINE).into_owned(),
                match has_detail(case) {
                    true => {
                        open.push((*run, *case));
                        open.len() as i64 - 1
                    }
                    false => -1,
                },
            ));
        }
    }
    Index {
        modules: modules
            .iter()
            .map(|module| one_line(&module.label))
            .collect(),
        kinds: Kind::ALL.map(|(_, words, class)| (words, class)).to_vec(),
        groups: groups.all,
        titles: titles.all,
        clauses: clauses.all,
        cases,
    }
}

/// An id as the group and the case in it.
pub(super) fn split(id: &str) -> (&str, &str) {
    id.rsplit_once('/').unwrap_or(("", id))
}

/// Things by number, each once.
struct Names<K, V> {
    places: HashMap<K, usize>,
    all: Vec<V>,
}

impl<K, V> Default for Names<K, V> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            all: Vec::new(),
        }
    }
}

impl<K: std::hash::Hash + Eq + Copy, V> Names<K, V> {
    fn number(&mut self, key: K, value: impl FnOnce(K) -> V) -> usize {
        *self.places.entry(key).or_insert_with(|| {
            self.all.push(value(key));
            self.all.len() - 1
        })
    }
}

fn has_detail(case: &Case) -> bool {
    !matches!(case.verdict, Verdict::Pass | Verdict::NotApplicable) || case.waived.is_some()
}

fn detail(run: &SiteRun<'_>, case: &Case) -> Detail {
    let line = |text: String| clip(&text, LINE).into_owned();
    let confirmed = case
        .confirmed
        .map(|c| format!("{} of {} times alone in a fresh worker", c.same, c.tries));
    let wrote =
        [&case.stdout, &case.stderr].map(|text| clip(&many_lines(text), OUTPUT).into_owned());
    let reproducer = case
        .reproducer
        .as_deref()
        .map(|path| format!("{}/{path}", run.folder));
    Detail {
        verdict: case.verdict.name().replace('-', " "),
        findings: case
            .findings
            .iter()
            .map(|found| line(describe::finding(case, found)))
            .collect(),
        end: case
            .findings
            .iter()
            .filter_map(|f| f.end.as_ref())
            .flat_map(describe::end)
            .map(line)
            .collect(),
        calls: case
            .trace
            .iter()
            .map(|call| line(describe::call(call)))
            .collect(),
        waived: one_line(case.waived.as_deref().unwrap_or_default()).into_owned(),
        confirmed: confirmed.unwrap_or_default(),
        reading: one_line(case.reading.as_deref().unwrap_or_default()).into_owned(),
        reproducer: one_line(&reproducer.unwrap_or_default()).into_owned(),
        replay: one_line(case.replay.as_deref().unwrap_or_default()).into_owned(),
        wrote: wrote.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_string_ends_the_element_it_stands_in() {
        let out = element("x", &["</script><script>alert(1)</script>", "<!--"]);
        let text = String::from_utf8(out).unwrap();
        let inner = text
            .strip_prefix("<script type=\"application/json\" id=\"x\">")
            .unwrap();
        let inner = inner.strip_suffix("</script>\n").unwrap();
        assert!(!inner.contains('<'), "{inner}");
        let read: Vec<String> = serde_json::from_str(inner).unwrap();
        assert_eq!(read, ["</script><script>alert(1)</script>", "<!--"]);
    }
}
