//! What tells the findings of one group apart: what is odd about the arguments, the way through the module, and,
//! where nothing ended, the rule that is broken. Cases that are alike in all of that show one finding.

use super::{Cluster, gravest, own_frames};
use crate::evidence::Case;

/// So many of the innermost frames take part: those further out say who asked, not what went wrong.
const FRAMES: usize = 3;

/// A finding of a group, with the cases that show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Distinct<'e> {
    /// What is odd about the arguments, `mechanism NULL`.
    pub shape: &'e [String],
    /// The innermost frames that are not the C library's, `libmine.so+0x1f2`.
    pub frames: Vec<String>,
    /// For what did not end: the clause, and what was permitted.
    rule: Vec<String>,
    /// The cases, in the order of the run.
    pub cases: Vec<&'e Case>,
}

impl<'e> Cluster<'e> {
    /// The findings of the group, in the order of the run.
    #[must_use]
    pub fn distinct(&self) -> Vec<Distinct<'e>> {
        let mut all: Vec<Distinct<'e>> = Vec::new();
        for case in &self.cases {
            let mut one = alone(case);
            let alike = |known: &&mut Distinct<'e>| {
                known.shape == one.shape && known.frames == one.frames && known.rule == one.rule
            };
            match all.iter_mut().find(alike) {
                Some(known) => known.cases.append(&mut one.cases),
                None => all.push(one),
            }
        }
        all
    }
}

/// What a case has in common with those that show the same finding, beside its group.
pub(crate) fn alike(case: &Case) -> Vec<String> {
    let one = alone(case);
    [one.shape.to_vec(), one.frames, one.rule].concat()
}

/// What a case shows, if no other shows it.
fn alone(case: &Case) -> Distinct<'_> {
    let finding = gravest(case);
    let end = finding.and_then(|finding| finding.end.as_ref());
    let rule = match (finding, end) {
        (Some(finding), None) => {
            let clause = finding.clause.as_ref().unwrap_or(&case.clause);
            let mut rule = vec![format!("{} {}", clause.document, clause.section)];
            rule.extend_from_slice(&finding.permitted);
            rule
        }
        _ => Vec::new(),
    };
    Distinct {
        shape: finding.map_or(&[], |finding| &finding.shape),
        frames: end.map_or(Vec::new(), |end| own_frames(end).take(FRAMES).collect()),
        rule,
        cases: vec![case],
    }
}

#[cfg(test)]
mod tests {
    use super::super::{kit, of_cases};
    use super::*;
    use crate::evidence::{End, Verdict};

    /// A crash at one place, reached from `caller`, of a call with this shape.
    fn crash(id: &str, shape: &[&str], caller: u64) -> Case {
        let mut end = kit::signal(Some("read"), Some(8));
        if let End::Signal { frames, .. } = &mut end {
            frames.push(kit::frame("libmine.so", caller));
            frames.push(kit::frame("libmine.so", 3));
            // Further out than what takes part.
            frames.push(kit::frame("libmine.so", id.len() as u64));
        }
        let mut case = kit::case(Verdict::Crash, "end", Some(end));
        case.id = id.to_owned();
        case.findings[0].shape = shape.iter().map(|&word| word.to_owned()).collect();
        case
    }

    /// The ids of the cases by finding, by group.
    fn grouped(cases: Vec<Case>) -> Vec<Vec<Vec<String>>> {
        let ids = |one: &Distinct<'_>| one.cases.iter().map(|case| case.id.clone()).collect();
        let groups = of_cases(&cases);
        let groups = groups.iter().map(Cluster::distinct);
        groups.map(|all| all.iter().map(ids).collect()).collect()
    }

    #[test]
    fn two_shapes_in_one_place_are_two_findings_of_one_group() {
        let cases = vec![
            crash("null", &["data NULL"], 2),
            crash("short", &["signature cut"], 2),
            crash("null-again", &["data NULL"], 2),
        ];
        assert_eq!(
            grouped(cases),
            [[vec!["null", "null-again"], vec!["short"]]]
        );
    }

    #[test]
    fn another_way_to_one_place_is_another_finding_of_its_group() {
        let cases = vec![
            crash("near", &[], 2),
            crash("far", &[], 7),
            crash("nearer", &[], 2),
        ];
        assert_eq!(grouped(cases), [[vec!["near", "nearer"], vec!["far"]]]);
    }

    #[test]
    fn wrong_answers_are_told_apart_by_the_rule_and_by_the_shape() {
        let wrong = |id: &str, permitted: &str, shape: &[&str]| {
            let mut case = kit::case(Verdict::Deviation, "return-code", None);
            case.id = id.to_owned();
            case.findings[0].permitted = vec![permitted.to_owned()];
            case.findings[0].shape = shape.iter().map(|&word| word.to_owned()).collect();
            case
        };
        let cases = vec![
            wrong("active", "CKR_OPERATION_ACTIVE", &[]),
            wrong("handle", "CKR_KEY_HANDLE_INVALID", &["key destroyed"]),
            wrong("made-up", "CKR_KEY_HANDLE_INVALID", &["key dangling"]),
            wrong("active-again", "CKR_OPERATION_ACTIVE", &[]),
        ];
        let expected = [[
            vec!["active", "active-again"],
            vec!["handle"],
            vec!["made-up"],
        ]];
        assert_eq!(grouped(cases), expected);
    }
}
