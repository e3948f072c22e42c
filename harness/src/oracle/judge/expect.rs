//! Preconditions and expectations of a call, held against what it gave back.

use p11assay_reports::evidence::Why;

use super::walk::{Halt, Walk};
use crate::cryptoki::function::Domain;
use crate::cryptoki::names::Kind;
use crate::cryptoki::{attribute, names};
use crate::oracle::relation;
use crate::oracle::trace::TraceCall;
use crate::sequence::value::output_domain;
use crate::sequence::{Call, Expectation, Selector, Value};

impl Walk<'_, '_> {
    pub(super) fn requirements(&mut self, call: &Call, record: &TraceCall) -> Result<(), Halt> {
        for requirement in &call.requires {
            if let Some((found, permitted)) = self.broken(call, record, requirement) {
                let reason = call.otherwise.clone().unwrap_or_else(|| {
                    let subject = &requirement.subject;
                    format!("the case requires {subject} to be {permitted}; it is {found}")
                });
                self.inapplicable(Why::NotReachable, reason);
                return Err(Halt);
            }
        }
        Ok(())
    }

    /// True of an expectation on a return value that was kept.
    pub(super) fn is_answer(&self, of: &Expectation) -> bool {
        of.captured && of.subject.path.is_empty() && self.answers.contains(&of.subject.name)
    }

    pub(super) fn expectations(&mut self, call: &Call, record: &TraceCall, list: &[Expectation]) {
        for expectation in list {
            if let Some((found, permitted)) = self.broken(call, record, expectation) {
                let subject = &expectation.subject;
                if self.subject.attack.is_some() {
                    // What is not the same each time has no place in the reason of a pass.
                    let text = match self.is_answer(expectation) {
                        true => format!("{subject} is {found}"),
                        false => format!("{subject} is not what the attack needs"),
                    };
                    self.thwart(call, self.deviation(), &text);
                    continue;
                }
                let message = format!("{subject} is {found}");
                self.find(
                    call,
                    self.deviation(),
                    "expectation",
                    message,
                    vec![permitted],
                );
            }
        }
    }

    /// What was found and what was permitted, if an expectation does not hold.
    fn broken(
        &self,
        call: &Call,
        record: &TraceCall,
        expectation: &Expectation,
    ) -> Option<(String, String)> {
        let subject = &expectation.subject;
        let (value, domain) = if expectation.captured {
            (
                self.values
                    .get(&subject.name)
                    .and_then(|v| v.select(&subject.path)),
                match self.is_answer(expectation) {
                    true => Domain::Constant(Kind::RETURN),
                    false => Domain::Plain,
                },
            )
        } else {
            let value = output(call, record, &subject.name);
            (
                value.and_then(|value| value.select(&subject.path)),
                domain(call, expectation),
            )
        };
        let Some(value) = value else {
            return Some((
                "absent".to_owned(),
                format!("`{subject}` among the outputs"),
            ));
        };
        let find = |name: &str| self.values.get(name).cloned();
        match relation::broken(&value, &expectation.relation, domain, &find) {
            Ok(None) => None,
            Ok(Some(permitted)) => Some((self.shown(expectation, &value, domain), permitted)),
            Err(unresolved) => Some((
                self.shown(expectation, &value, domain),
                unresolved.to_string(),
            )),
        }
    }

    /// The value for people; secrets give only their length.
    fn shown(&self, expectation: &Expectation, value: &Value, domain: Domain) -> String {
        let secret = expectation
            .subject
            .path
            .iter()
            .any(|selector| match selector {
                Selector::Field(name) => names::constant(name)
                    .is_some_and(|constant| attribute::is_secret(constant.value)),
                _ => false,
            });
        match value {
            Value::Bytes(bytes) if secret => format!("another value of {} bytes", bytes.len()),
            _ => value.show(domain),
        }
    }
}

pub(super) fn output(call: &Call, record: &TraceCall, name: &str) -> Option<Value> {
    let index = call
        .function
        .parameters()
        .iter()
        .position(|p| p.name == name)?;
    record
        .outputs
        .iter()
        .find(|(at, _)| *at == index)
        .map(|(_, value)| value.clone())
}

fn domain(call: &Call, expectation: &Expectation) -> Domain {
    call.function
        .parameters()
        .iter()
        .find(|parameter| parameter.name == expectation.subject.name)
        .map_or(Domain::Plain, |p| {
            output_domain(p.kind, &expectation.subject.path)
        })
}
