//! By what a failure is known again: two of one mark are taken for one finding.

use p11assay_reports::evidence::{End, Finding, Verdict};

use crate::oracle::Judgement;

/// The mark of a judgement with findings: the function, and what was wrong with it. Return values and ends
/// have one cause for many mechanisms, mostly; outputs that are wrong have one each, unless the property says otherwise.
pub(super) fn of(judgement: &Judgement, subject: &str, likeness: Likeness) -> Option<String> {
    if judgement.verdict == Verdict::HarnessFault {
        return Some("harness-fault".to_owned());
    }
    let finding = gravest(judgement)?;
    let function = finding.function.as_deref().unwrap_or("worker");
    let what = match (&finding.end, finding.oracle.as_str()) {
        (Some(End::Signal { signal, .. }), _) => signal.clone(),
        (Some(End::Exited { status }), _) => format!("exit-{status}"),
        (Some(End::Hang { .. }), _) => "hang".to_owned(),
        (Some(End::MemoryLimit { .. }), _) => "memory-limit".to_owned(),
        (Some(End::FileLimit { .. }), _) => "file-limit".to_owned(),
        (Some(End::Program { program, .. }), _) => format!("end-of-{}", id(program)),
        (None, "return-code") => word(finding.message.strip_prefix("returned ")),
        (None, "expectation") => {
            let output = word(Some(&finding.message));
            format!("wrong-{output}")
        }
        (None, oracle) => oracle.to_owned(),
    };
    let each = match likeness {
        Likeness::Alike => false,
        Likeness::Usual | Likeness::AfterFailure => {
            finding.end.is_none() && finding.oracle == "expectation"
        }
        Likeness::Apart => true,
    };
    let subject = match each {
        true => format!("-{}", id(subject)),
        false => String::new(),
    };
    Some(format!("{function}-{what}{subject}"))
}

/// The first finding that the verdict rests on.
pub(super) fn gravest(judgement: &Judgement) -> Option<&Finding> {
    let gravest = |finding: &&Finding| finding.verdict == judgement.verdict;
    judgement.findings.iter().find(gravest)
}

/// How much failures for different subjects have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// What is wrong for one is wrong for all, mostly: it is one failure then.
    Alike,
    /// Outputs that are wrong are so for reasons of their own.
    Usual,
    /// As usual, and the subject is the function that failed before.
    AfterFailure,
    /// So is everything else.
    Apart,
}

/// The first word, as far as it can stand in an id.
fn word(text: Option<&str>) -> String {
    let first = text
        .and_then(|text| text.split_whitespace().next())
        .unwrap_or_default();
    id(first)
}

/// A text as a part of an id.
pub(super) fn id(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    fn judgement(oracle: &str, message: &str, end: Option<End>) -> Judgement {
        Judgement {
            verdict: Verdict::Deviation,
            why: None,
            reason: None,
            findings: vec![Finding {
                verdict: Verdict::Deviation,
                step: Some(4),
                lane: None,
                function: Some("C_Sign".to_owned()),
                oracle: oracle.to_owned(),
                message: message.to_owned(),
                shape: Vec::new(),
                permitted: Vec::new(),
                clause: None,
                end,
            }],
        }
    }

    #[test]
    fn a_mark_says_where_and_what() {
        for (oracle, message, mark) in [
            (
                "return-code",
                "returned CKR_GENERAL_ERROR",
                "C_Sign-CKR_GENERAL_ERROR",
            ),
            (
                "expectation",
                "template.CKA_VALUE is 00",
                "C_Sign-wrong-template-CKA_VALUE-CKM_X",
            ),
            ("guard", "wrote outside its buffers: 1", "C_Sign-guard"),
        ] {
            assert_eq!(
                of(&judgement(oracle, message, None), "CKM_X", Likeness::Usual).as_deref(),
                Some(mark)
            );
        }
        let refused = judgement("return-code", "returned CKR_OK", None);
        let alike = of(
            &judgement("expectation", "object is 2", None),
            "C_CopyObject",
            Likeness::AfterFailure,
        );
        assert_eq!(alike.as_deref(), Some("C_Sign-wrong-object-C_CopyObject"));
        let apart = of(&refused, "CKM_X", Likeness::Apart);
        assert_eq!(apart.as_deref(), Some("C_Sign-CKR_OK-CKM_X"));
        let exited = judgement("end", "ended", Some(End::Exited { status: 5 }));
        let mark = of(&exited, "CKM_X", Likeness::Usual);
        assert_eq!(mark.as_deref(), Some("C_Sign-exit-5"));
    }
}
