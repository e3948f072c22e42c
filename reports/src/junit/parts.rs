//! Packs cases into documents that stay below a limit. The weight of a case is an upper bound of
//! its bytes in the document, so that no document has to be written twice.

use super::model::Entry;
use super::{JunitError, mend};
use junit_report::{Report, TestCase, TestResult, TestSuite};

/// Bytes of the XML declaration, the root element and its attributes.
const ROOT_WEIGHT: usize = 512;
/// Bytes of a case's first tag and its attributes' names.
const CASE_WEIGHT: usize = 40;
/// Bytes of a result's tags, its attributes' names, its CDATA marks and the case's end tag.
const RESULT_WEIGHT: usize = 80;
/// Bytes of the tags and the CDATA marks of an output, and of the case's end tag.
const OUTPUT_WEIGHT: usize = 56;

/// The suites of one document.
#[derive(Default)]
pub(super) struct Part {
    suites: Vec<TestSuite>,
}

/// Distributes cases in their order. A suite that does not fit goes on in the next part, under
/// the same name. There is always at least one part.
pub(super) fn pack(entries: Vec<Entry>, limit: usize, suite_weight: usize) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let mut weight = ROOT_WEIGHT;
    for mut entry in entries {
        protect(&mut entry.case);
        let added = case_weight(&entry.case);
        let head = suite_weight + 2 * escaped(&entry.suite);
        let continues = last(&parts).is_some_and(|suite| suite.name == entry.suite);
        let mut total = weight + added + if continues { 0 } else { head };
        if total > limit && weight > ROOT_WEIGHT {
            parts.push(Part::default());
            total = ROOT_WEIGHT + head + added;
        }
        weight = total;
        let part = parts.last_mut().expect("there is always a part");
        match part.suites.last_mut() {
            Some(suite) if suite.name == entry.suite => suite.testcases.push(entry.case),
            _ => {
                let mut suite = TestSuite::new(&entry.suite);
                suite.testcases.push(entry.case);
                part.suites.push(suite);
            }
        }
    }
    parts
}

impl Part {
    /// The document of this part.
    pub(super) fn into_document(self, frame: &mend::Frame<'_>) -> Result<Vec<u8>, JunitError> {
        let mut suites = self.suites;
        for suite in &mut suites {
            frame.dress(suite);
        }
        let totals: Vec<mend::Totals> = suites.iter().map(mend::Totals::of).collect();
        let mut report = Report::new();
        report.add_testsuites(suites);
        let mut raw = Vec::new();
        let written = report.write_xml(&mut raw);
        written.map_err(|error| JunitError::Produce(error.to_string()))?;
        mend::mend(&raw, frame, &totals)
    }
}

fn last(parts: &[Part]) -> Option<&TestSuite> {
    parts.last().and_then(|part| part.suites.last())
}

/// Splits every `]]>` in texts that the crate writes into CDATA sections as they are: `]]` ends
/// one section, `>` begins the next. A parser gives back the text as it was.
fn protect(case: &mut TestCase) {
    use TestResult::{Error, Failure, Skipped, SkippedWithCause, Success};
    let cause = match &mut case.result {
        Error { cause, .. } | Failure { cause, .. } | SkippedWithCause { cause, .. } => cause,
        Success | Skipped => &mut None,
    };
    for text in [cause, &mut case.system_out, &mut case.system_err] {
        if let Some(text) = text.as_mut().filter(|text| text.contains("]]>")) {
            *text = text.replace("]]>", "]]]]><![CDATA[>");
        }
    }
}

fn case_weight(case: &TestCase) -> usize {
    use TestResult::{Error, Failure, Skipped, SkippedWithCause, Success};
    let result = match &case.result {
        Success | Skipped => 0,
        Error {
            type_,
            message,
            cause,
        }
        | Failure {
            type_,
            message,
            cause,
        }
        | SkippedWithCause {
            type_,
            message,
            cause,
        } => {
            let cause = cause.as_ref().map_or(0, String::len);
            RESULT_WEIGHT + escaped(type_) + escaped(message) + cause
        }
    };
    let length = |text: &Option<String>| text.as_ref().map_or(0, |text| OUTPUT_WEIGHT + text.len());
    let figures = case.time.whole_seconds().checked_ilog10().unwrap_or(0) as usize + 1;
    CASE_WEIGHT
        + figures
        + ".000".len()
        + escaped(&case.name)
        + case.classname.as_deref().map_or(0, escaped)
        + result
        + length(&case.system_out)
        + length(&case.system_err)
}

/// Bytes of an attribute's value in the document.
pub(super) fn escaped(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'<' | b'>' => "&lt;".len(),
            b'&' => "&amp;".len(),
            b'"' | b'\'' => "&quot;".len(),
            _ => 1,
        })
        .sum()
}
