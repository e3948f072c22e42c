//! Rewrites a document of the `junit-report` crate, whose suites lack properties, a count of
//! skipped cases and times in the form Jenkins' schema takes. Everything else passes through as
//! it is.

use super::JunitError;
use super::parts::escaped;
use crate::stream::Evidence;
use crate::text::one_line;
use junit_report::{Duration, TestSuite};
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::{Reader, Writer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What stands at every suite.
pub(super) struct Frame<'a> {
    properties: &'a [(String, String)],
    hostname: String,
    started: Option<OffsetDateTime>,
}

/// Sums over a suite's cases.
#[derive(Default, Clone, Copy)]
pub(super) struct Totals {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    time: Duration,
}

impl<'a> Frame<'a> {
    pub(super) fn new(evidence: &Evidence, properties: &'a [(String, String)]) -> Self {
        let host = evidence.started.host.get("hostname");
        Frame {
            properties,
            hostname: one_line(host.map_or("localhost", String::as_str)).into_owned(),
            started: OffsetDateTime::parse(&evidence.started.started, &Rfc3339).ok(),
        }
    }

    /// Bytes of a suite's own tags, attributes and properties, without its name; an upper bound.
    pub(super) fn suite_weight(&self) -> usize {
        let properties = self.properties.iter();
        let properties = properties.map(|(name, value)| 40 + escaped(name) + escaped(value));
        400 + escaped(&self.hostname) + properties.sum::<usize>()
    }

    /// Gives the suite the attributes that are the run's.
    pub(super) fn dress(&self, suite: &mut TestSuite) {
        suite.hostname.clone_from(&self.hostname);
        suite.package.clone_from(&suite.name);
        suite.timestamp = self.started.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    }
}

impl Totals {
    pub(super) fn of(suite: &TestSuite) -> Totals {
        Totals {
            tests: suite.tests(),
            failures: suite.failures(),
            errors: suite.errors(),
            skipped: suite.skipped(),
            time: suite.testcases.iter().fold(Duration::ZERO, add_time),
        }
    }

    fn plus(self, other: &Totals) -> Totals {
        Totals {
            tests: self.tests + other.tests,
            failures: self.failures + other.failures,
            errors: self.errors + other.errors,
            skipped: self.skipped + other.skipped,
            time: self.time.saturating_add(other.time),
        }
    }
}

fn add_time(sum: Duration, case: &junit_report::TestCase) -> Duration {
    sum.saturating_add(case.time)
}

/// The mended document. `totals` are those of the document's suites in their order.
pub(super) fn mend(
    raw: &[u8],
    frame: &Frame<'_>,
    totals: &[Totals],
) -> Result<Vec<u8>, JunitError> {
    let mut reader = Reader::from_reader(raw);
    let mut writer = Writer::new(Vec::with_capacity(raw.len() + raw.len() / 8 + 1024));
    let mut suites = totals.iter();
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(writer.into_inner()),
            Event::Start(tag) if tag.name().as_ref() == b"testsuite" => {
                let totals = suites.next().copied().unwrap_or_default();
                writer.write_event(Event::Start(suite(&tag, frame, &totals)?))?;
                write_properties(&mut writer, frame.properties)?;
            }
            Event::Start(tag) => writer.write_event(Event::Start(other(tag, totals)?))?,
            Event::Empty(tag) => writer.write_event(Event::Empty(other(tag, totals)?))?,
            event => writer.write_event(event)?,
        }
    }
}

fn suite<'t>(
    tag: &BytesStart<'_>,
    frame: &Frame<'_>,
    totals: &Totals,
) -> Result<BytesStart<'t>, JunitError> {
    let mut mended = BytesStart::new("testsuite");
    for attribute in tag.attributes() {
        let attribute = attribute?;
        match attribute.key.as_ref() {
            b"time" => mended.push_attribute(("time", &*seconds(totals.time))),
            // An unreadable start of the run is better left out than made up.
            b"timestamp" if frame.started.is_none() => {}
            _ => mended.push_attribute(attribute),
        }
    }
    mended.push_attribute(("skipped", &*totals.skipped.to_string()));
    Ok(mended)
}

fn other<'t>(tag: BytesStart<'t>, totals: &[Totals]) -> Result<BytesStart<'t>, JunitError> {
    match tag.name().as_ref() {
        b"testsuites" => Ok(root(totals)),
        b"testcase" => test_case(&tag),
        _ => Ok(tag),
    }
}

fn root<'t>(totals: &[Totals]) -> BytesStart<'t> {
    let all = totals.iter().fold(Totals::default(), |sum, t| sum.plus(t));
    let mut tag = BytesStart::new("testsuites");
    tag.push_attribute(("name", "p11assay"));
    tag.push_attribute(("tests", &*all.tests.to_string()));
    tag.push_attribute(("failures", &*all.failures.to_string()));
    tag.push_attribute(("errors", &*all.errors.to_string()));
    tag.push_attribute(("time", &*seconds(all.time)));
    tag
}

/// The crate writes times as floating-point numbers, which may show more than three decimals.
fn test_case<'t>(tag: &BytesStart<'_>) -> Result<BytesStart<'t>, JunitError> {
    let mut mended = BytesStart::new("testcase");
    for attribute in tag.attributes() {
        let attribute = attribute?;
        let time = (attribute.key.as_ref() == b"time")
            .then(|| {
                std::str::from_utf8(&attribute.value)
                    .ok()?
                    .parse::<f64>()
                    .ok()
            })
            .flatten();
        match time {
            Some(time) => mended.push_attribute(("time", &*format!("{time:.3}"))),
            None => mended.push_attribute(attribute),
        }
    }
    Ok(mended)
}

fn seconds(time: Duration) -> String {
    let ms = time.whole_milliseconds();
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn write_properties(
    writer: &mut Writer<Vec<u8>>,
    properties: &[(String, String)],
) -> std::io::Result<()> {
    writer.write_event(Event::Start(BytesStart::new("properties")))?;
    for (name, value) in properties {
        let mut tag = BytesStart::new("property");
        tag.push_attribute(("name", name.as_str()));
        tag.push_attribute(("value", value.as_str()));
        writer.write_event(Event::Empty(tag))?;
    }
    writer.write_event(Event::End(BytesEnd::new("properties")))
}
