//! `p11assay list` and `p11assay schema`.

use std::io::Write;

use p11assay_reports::exit;

use super::Failure;
use super::args::{List, Schema, SchemaKind};
use super::select::select;
use crate::target;

/// Lists cases, or the shipped targets.
pub(super) fn list(args: &List) -> Result<i32, Failure> {
    let mut out = std::io::stdout().lock();
    if args.targets {
        for name in target::shipped::names() {
            let _ = writeln!(out, "{name}");
        }
        return Ok(exit::PASSED);
    }
    let plan = select(&args.suites, None, args.filter.as_deref())?.plan;
    for planned in &plan.cases {
        let case = &planned.case;
        if args.verbose {
            let clause = &case.clause;
            let _ = writeln!(
                out,
                "{}\n    {}\n    {} {} section {} ({}), class {:?}",
                case.id,
                case.title,
                clause.document,
                clause.version,
                clause.section,
                case.level.name(),
                case.class
            );
        } else {
            let _ = writeln!(out, "{}", case.id);
        }
    }
    Ok(if plan.cases.is_empty() {
        exit::NOTHING_SELECTED
    } else {
        exit::PASSED
    })
}

/// Prints a JSON Schema.
pub(super) fn schema(args: &Schema) -> Result<i32, Failure> {
    let schema = match args.kind {
        SchemaKind::Suite => crate::schema::suite_schema(),
        SchemaKind::Target => target::description::schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(Failure::harness)?;
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(exit::PASSED)
}
