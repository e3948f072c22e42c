//! Functions on what they need to be at work, `suites/spec/at-work.yaml`: with the operation that they go
//! on with, the keys that they take, the parameters of their mechanisms. Each is called as it stands, and
//! with one argument bent; [`call`] has the bends of single arguments, [`key`] those of keys, [`make`]
//! those of templates.

mod call;
mod key;
mod make;

use std::path::Path;
use std::sync::LazyLock;

use p11assay_reports::evidence::Class;

use super::draft::Draft;
use super::mechanism::presumed;
use crate::cryptoki::Function;
use crate::cryptoki::refusal::{Occasion, refusals};
use crate::plan::{Case, Ladder, Suite};
use crate::sequence::{Argument, Call};

/// What a token may be asked for by a call that another one takes.
const ASKED: [Occasion; 6] = [
    Occasion::Create,
    Occasion::Session,
    Occasion::Generate,
    Occasion::Start,
    Occasion::Wrap,
    Occasion::Work,
];

/// A function at work.
struct Work {
    function: Function,
    /// The case that the table has of it.
    case: Case,
    /// The calls that prepare.
    setup: Vec<Call>,
    /// The call that does what the function is for.
    call: Call,
}

static TABLE: LazyLock<Vec<Work>> = LazyLock::new(|| {
    let text = include_str!("../../../../suites/spec/at-work.yaml");
    let suite = Suite::parse(Path::new("suites/spec/at-work.yaml"), text);
    let suite = suite.unwrap_or_else(|error| panic!("{error}"));
    suite.cases.into_iter().filter_map(Work::of).collect()
});

pub(super) fn cases(function: Function) -> Vec<Draft> {
    let Some(work) = TABLE.iter().find(|work| work.function == function) else {
        return Vec::new();
    };
    let mut cases = vec![work.works()];
    cases.extend(call::cases(work));
    cases.extend(key::cases(work));
    cases.extend(make::cases(work));
    cases
}

impl Work {
    fn of(case: Case) -> Option<Work> {
        let calls = case.sequence.calls().cloned();
        let (setup, mut rest): (Vec<Call>, Vec<Call>) = calls.partition(|call| call.fixture);
        let call = rest.pop()?;
        Some(Work {
            function: call.function,
            case,
            setup: setup.into_iter().map(presumed).collect(),
            call,
        })
    }

    /// A case on a section, up to the call of the function, in a state. Whether what prepares succeeds is
    /// asked in other cases.
    fn in_state(&self, ladder: Ladder, id: &str, section: &'static str) -> Draft {
        Draft::new(id, section, ladder)
            .needs(&self.case.needs)
            .fixtures(self.setup.clone())
    }

    fn draft(&self, id: &str, section: &'static str) -> Draft {
        self.in_state(Ladder::RwUser, id, section)
    }

    /// The call with another argument.
    fn bent(&self, index: usize, argument: Argument) -> Call {
        let mut call = self.call.clone();
        call.gives.clear();
        call.arguments[index] = argument;
        call
    }

    /// The call, where the token may say that it has not what it takes.
    fn if_here(call: Call) -> Call {
        Call {
            not_applicable: refusals(&ASKED),
            ..call
        }
    }

    fn works(&self) -> Draft {
        self.draft("at-work", self.function.section())
            .title(self.case.title.clone())
            .class(Class::A)
            .call(Self::if_here(self.call.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_table_is_named_after_the_function_that_it_ends_with() {
        assert!(TABLE.len() > 60);
        for work in TABLE.iter() {
            let id = format!("functions/at-work/{}", work.function);
            assert_eq!(work.case.id, id);
            assert_eq!(work.case.clause.section, work.function.section());
        }
    }
}
