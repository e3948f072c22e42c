//! The findings of a run as one HTML page, a group after the other, with all that is needed to look into each:
//! how the worker ended, where, on which calls, and what shows it again. It needs no script and no other file.
//!
//! How grave a group is says `cluster`, from evidence alone. The classes of crashes of casr would serve, too,
//! but its library takes them from gdb's and sanitizers' reports, which a worker with the module as it is has
//! none of; the worker's own record has signal, access and address, which is what those classes come from.

use std::io::{Result, Write};

use crate::cluster::{Cluster, clusters};
use crate::describe;
use crate::evidence::{Case, End, Frame, Target};
use crate::stream::Evidence;
use crate::text::one_line;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }\n\
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem }\n\
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8884; border-radius: .3rem }\n\
code, pre { font-family: ui-monospace, monospace; font-size: .87em }\n\
h2 { margin-top: 2.2rem; border-top: 1px solid #8886; padding-top: 1rem; overflow-wrap: anywhere }\n\
.severe, .serious { color: #c4302b } .moderate { color: #b06a00 } .minor { color: #777 }\n\
table { border-collapse: collapse } td, th { text-align: left; padding: .1rem .8rem .1rem 0; vertical-align: top }\n\
details { margin: .5rem 0 } summary { cursor: pointer; overflow-wrap: anywhere }\n";

/// What is known of a finding beside the evidence.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// Its reproducer.
    pub reproducer: Option<String>,
    /// The C program that shows it.
    pub program: Option<String>,
    /// What became of it in another version of the module.
    pub now: Option<String>,
}

/// Writes the page; `beside` is asked for each case.
///
/// # Errors
/// Those of `out`.
pub fn write(
    evidence: &Evidence,
    beside: &dyn Fn(&Case) -> Beside,
    out: &mut dyn Write,
) -> Result<()> {
    let groups = clusters(evidence);
    let unknown = Target::default();
    let target = evidence.target.as_ref().unwrap_or(&unknown);
    let name = escape(&target.name);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Findings in {name}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Findings in {name}</h1>\n<table>\n"
    )?;
    row(out, "module", &target.module)?;
    for (what, value) in [("SHA-256", &target.sha256), ("build-id", &target.build_id)] {
        if let Some(value) = value {
            row(out, what, value)?;
        }
    }
    row(out, "Cryptoki", &target.cryptoki_version)?;
    let started = &evidence.started;
    let run = format!(
        "p11assay {}, {}, seed {}: {}",
        started.version,
        started.started,
        started.seed,
        started.command.join(" ")
    );
    row(out, "run", &run)?;
    let findings: usize = groups.iter().map(|group| group.cases.len()).sum();
    row(
        out,
        "findings",
        &format!("{findings} in {} groups", groups.len()),
    )?;
    writeln!(out, "</table>")?;
    for group in &groups {
        write_group(group, beside, out)?;
    }
    writeln!(out, "</body>\n</html>")
}

fn row(out: &mut dyn Write, what: &str, value: &str) -> Result<()> {
    let (what, value) = (escape(what), escape(value));
    writeln!(out, "<tr><th>{what}</th><td><code>{value}</code></td></tr>")
}

fn write_group(
    group: &Cluster<'_>,
    beside: &dyn Fn(&Case) -> Beside,
    out: &mut dyn Write,
) -> Result<()> {
    let signature = &group.signature;
    let gravity = group.gravity.name();
    let place = match signature.place.as_str() {
        "" => String::new(),
        place => format!(" <code>{}</code>", escape(place)),
    };
    writeln!(
        out,
        "<h2><span class=\"{gravity}\">{gravity}</span> {} {}{place}</h2>\n<p>{}.</p>",
        escape(&signature.function),
        escape(&one_line(&signature.kind)),
        escape(group.reason)
    )?;
    for case in &group.cases {
        write_case(case, &beside(case), out)?;
    }
    Ok(())
}

fn write_case(case: &Case, beside: &Beside, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<details>\n<summary><code>{}</code> {}</summary>\n<table>",
        escape(&case.id),
        escape(&one_line(&case.title))
    )?;
    row(out, "clause", &describe::clause(&case.clause))?;
    for finding in &case.findings {
        row(out, "finding", &describe::finding(case, finding))?;
    }
    if let Some(seen) = case.confirmed {
        let text = format!("{} of {} fresh workers", seen.same, seen.tries);
        row(out, "seen again in", &text)?;
    }
    if let Some(reason) = &case.waived {
        row(out, "accepted", reason)?;
    }
    if let Some(now) = &beside.now {
        row(out, "now", now)?;
    }
    if let Some(replay) = &case.replay {
        row(out, "replay", replay)?;
    }
    writeln!(out, "</table>")?;
    for end in case.findings.iter().filter_map(|found| found.end.as_ref()) {
        write_end(end, out)?;
    }
    let calls = case.trace.iter().map(describe::call);
    text(out, "Calls", &calls.collect::<Vec<_>>().join("\n"))?;
    text(out, "Standard error", &case.stderr)?;
    text(
        out,
        "Reproducer",
        beside.reproducer.as_deref().unwrap_or(""),
    )?;
    text(out, "C program", beside.program.as_deref().unwrap_or(""))?;
    writeln!(out, "</details>")
}

/// Signal, address, registers and stack.
fn write_end(end: &End, out: &mut dyn Write) -> Result<()> {
    let head = describe::end(end).into_iter().next().unwrap_or_default();
    writeln!(out, "<h3>{}</h3>", escape(&head))?;
    let (registers, frames) = match end {
        End::Signal {
            registers, frames, ..
        } => (Some(registers), frames.as_slice()),
        End::Hang { frames, .. } => (None, frames.as_slice()),
        End::Exited { .. } | End::MemoryLimit { .. } => (None, &[][..]),
    };
    let lines = frames
        .iter()
        .enumerate()
        .map(|(number, frame)| line(number, frame));
    text(out, "Stack", &lines.collect::<Vec<_>>().join("\n"))?;
    let registers = registers.into_iter().flatten();
    let registers: Vec<String> = registers
        .map(|(name, value)| format!("{name:>8} {value:#018x}"))
        .collect();
    let rows: Vec<String> = registers.chunks(3).map(|row| row.join("  ")).collect();
    text(out, "Registers", &rows.join("\n"))
}

fn line(number: usize, frame: &Frame) -> String {
    let symbol = frame.symbol.as_deref().unwrap_or("?");
    let build = frame.build_id.as_deref().unwrap_or("no build-id");
    format!(
        "#{number:<3} {}+{:#x}  {symbol}  ({build})",
        frame.module, frame.offset
    )
}

/// Text under a heading, if there is any.
fn text(out: &mut dyn Write, heading: &str, text: &str) -> Result<()> {
    match text.trim_end() {
        "" => Ok(()),
        text => writeln!(out, "<h4>{heading}</h4>\n<pre>{}</pre>", escape(text)),
    }
}

/// Text that a module may have had a hand in.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_wrote_is_text() {
        assert_eq!(escape("<b>&\"\u{1b}"), "&lt;b&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn a_frame_says_where_it_is_in_the_file() {
        let frame = Frame {
            module: "libmine.so".to_owned(),
            offset: 0x1f2,
            build_id: Some("abcd".to_owned()),
            symbol: Some("work+0x2".to_owned()),
        };
        assert_eq!(line(3, &frame), "#3   libmine.so+0x1f2  work+0x2  (abcd)");
    }
}
