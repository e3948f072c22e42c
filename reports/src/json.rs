//! One JSON document of a whole run, for other programs (`--json FILE`). It is derived from the
//! evidence stream and holds nothing that stream does not; it is not meant to be read back.
//!
//! The document is an object with these members, which may be relied on within one
//! `format`, and further members may appear:
//!
//! | member | value |
//! |---|---|
//! | `format` | number, the evidence format ([`crate::evidence::FORMAT`]) |
//! | `run` | object: the first `run-started` event ([`crate::evidence::RunStarted`]), `resumes` (number), `duration_ns` (number), `exit_code` (number, recomputed from the counts), `interrupted` and `finished` ([`crate::evidence::Interrupted`], [`crate::evidence::RunFinished`], or null), `torn` (true if the run was killed while writing) |
//! | `target` | [`crate::evidence::Target`], or null if the run ended before the probe |
//! | `plan` | `suites` and `reading` of [`crate::evidence::Plan`], `cases` as a number, `shard` (`index` and `count`, or null); or null |
//! | `counts` | [`Counts`]: `verdicts` and `waived` (verdict to number of cases), `open` (level to verdict to number of findings that no waiver accepts), `not_applicable` (`absent`, `refused`, `not-reachable` to number of cases), `unexpected_passes`, `expired_waivers`, `not_executed` |
//! | `cases` | array of [`crate::evidence::Case`], each id once |
//! | `remaining` | array of ids that were planned but not executed |
//! | `notes` | array of [`crate::evidence::Note`] |
//! | `warnings` | array of sentences on the stream itself |

use crate::counts::Counts;
use crate::evidence::{Case, Interrupted, Note, RunFinished, RunStarted, Target};
use crate::stream::Evidence;
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    run: Run<'a>,
    target: Option<&'a Target>,
    plan: Option<Plan<'a>>,
    counts: &'a Counts,
    cases: &'a [Case],
    remaining: Vec<&'a str>,
    notes: &'a [Note],
    warnings: &'a [String],
}

#[derive(Serialize)]
struct Run<'a> {
    #[serde(flatten)]
    started: &'a RunStarted,
    resumes: usize,
    duration_ns: u64,
    exit_code: i32,
    interrupted: Option<&'a Interrupted>,
    finished: Option<&'a RunFinished>,
    torn: bool,
}

#[derive(Serialize)]
struct Plan<'a> {
    suites: &'a [String],
    cases: usize,
    reading: &'a str,
    shard: Option<Shard>,
}

#[derive(Serialize)]
struct Shard {
    index: u32,
    count: u32,
}

/// Writes the document, one line, to `output`.
///
/// # Errors
/// Those of `output`.
pub fn write(evidence: &Evidence, output: &mut dyn Write) -> std::io::Result<()> {
    let counts = evidence.counts();
    let document = Document {
        format: evidence.started.format,
        run: Run {
            started: &evidence.started,
            resumes: evidence.resumes,
            duration_ns: evidence.duration_ns(),
            exit_code: evidence.exit_code(),
            interrupted: evidence.interrupted.as_ref(),
            finished: evidence.finished.as_ref(),
            torn: evidence.torn,
        },
        target: evidence.target.as_ref(),
        plan: evidence.plan.as_ref().map(|plan| Plan {
            suites: &plan.suites,
            cases: plan.cases.len(),
            reading: &plan.reading,
            shard: plan.shard.as_ref().map(|shard| Shard {
                index: shard.index,
                count: shard.count,
            }),
        }),
        counts: &counts,
        cases: &evidence.cases,
        remaining: evidence.remaining(),
        notes: &evidence.notes,
        warnings: &evidence.warnings,
    };
    serde_json::to_writer(&mut *output, &document)?;
    output.write_all(b"\n")
}
