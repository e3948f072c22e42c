//! One case of a finding: what was found, how the worker ended and where, the calls, and what shows it again.

use maud::{Markup, html};

use super::{Beside, class, tone};
use crate::describe;
use crate::evidence::{Case, End};
use crate::folder;
use crate::html::{Lines, Text};

/// The item of a list, closed.
pub(super) fn item(case: &Case, beside: Option<&Beside>) -> Markup {
    let known =
        |of: fn(&Beside) -> &Option<String>| beside.and_then(|beside| of(beside).as_deref());
    let ends = case.findings.iter().filter_map(|found| found.end.as_ref());
    let calls: Vec<String> = case.trace.iter().map(describe::call).collect();
    html! {
        li { details {
            summary {
                span.badge.(tone(case.verdict)) { (case.verdict.name().replace('-', " ")) }
                span.what {
                    span.code { (Text(&case.id)) }
                    span.soft.headline { (Text(title(case))) }
                }
                @if let Some(now) = known(|beside| &beside.now) { span.badge.(class(now)) { (Text(now)) } }
            }
            div.detail {
                (facts(case))
                @for end in ends { (one_end(end)) }
                (block("Calls", &calls.join("\n")))
                (block("Standard error", &case.stderr))
                (block("Reproducer", known(|beside| &beside.reproducer).unwrap_or_default()))
                (block("C program", known(|beside| &beside.program).unwrap_or_default()))
            }
        } }
    }
}

fn title(case: &Case) -> &str {
    match case.title.as_str() {
        "" => &case.id,
        title => title,
    }
}

fn facts(case: &Case) -> Markup {
    let seen = describe::confirmed(case);
    html! {
        dl {
            dt { "clause" } dd { (describe::clause(&case.clause)) " (" (case.level.name()) ")" }
            @for finding in &case.findings {
                dt { "finding" } dd { (Text(&describe::finding(case, finding))) }
                @if !finding.shape.is_empty() { dt { "arguments" } dd { (Text(&finding.shape.join(", "))) } }
            }
            @if let Some(seen) = seen { dt { "seen again in" } dd { (seen) } }
            @if let Some(reason) = &case.waived { dt { "accepted" } dd { (Text(reason)) } }
            @if let Some(replay) = &case.replay {
                dt { "replay" }
                dd { span.copy { code { (Text(replay)) } " " (copy()) } }
            }
        }
    }
}

/// The button that copies what stands before it.
fn copy() -> Markup {
    html! { button.plain type="button" { "copy" } }
}

/// Signal, address, stack and registers.
fn one_end(end: &End) -> Markup {
    let head = describe::end(end).into_iter().next().unwrap_or_default();
    let (stack, registers) = (folder::frames(end), folder::registers(end));
    html! {
        h4 { (Text(&head)) }
        (block("Stack", &stack.join("\n")))
        (block("Registers", &registers.join("\n")))
    }
}

/// Text under a heading, if there is any.
fn block(heading: &str, text: &str) -> Markup {
    let text = text.trim_end();
    html! {
        @if !text.is_empty() {
            h4 { (heading) }
            div.copy { pre { (Lines(text)) } (copy()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_wrote_is_text() {
        let shown = block("Standard error", "<b>&\"\u{1b}\n").into_string();
        assert!(
            shown.contains("<pre>&lt;b&gt;&amp;&quot;\\u{1b}</pre>"),
            "{shown}"
        );
        assert_eq!(block("Standard error", " \n").into_string(), "");
    }
}
