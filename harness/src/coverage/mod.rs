//! What cases cover of the tables of the standard, and what a run of them reached. The tables are those of
//! `suites/spec`; how the result looks is left to the reports.

mod clauses;
mod excuses;
mod provoked;

use std::collections::{HashMap, HashSet};

use p11assay_reports::coverage::{Coverage, Row};
use p11assay_reports::evidence::{Tally, TallyTable};
use p11assay_reports::stream::Evidence;

use crate::cryptoki::mechanism::{self, Use};
use crate::cryptoki::names::{self, Kind};
use crate::cryptoki::{Function, returns};
use crate::plan::Case;
use crate::run::tally;

use excuses::Excuses;
use provoked::Provoked;

/// What the cases cover, and what the run reached.
#[must_use]
pub fn of(cases: &[&Case], run: Option<&Evidence>) -> Coverage {
    let counts = Counts::of(cases);
    let excuses = Excuses::read();
    let tally = run.map(|run| &run.tally);
    Coverage {
        target: run.and_then(|run| Some(run.target.as_ref()?.name.clone())),
        cases: cases.len(),
        functions: functions(&counts, tally),
        returns: return_values(&counts, tally, &excuses),
        mechanisms: mechanisms(&counts, tally, &excuses),
        attributes: attributes(&counts, tally, &excuses),
        clauses: clauses::rows(cases, run),
    }
}

/// How many cases use what. Steps that prepare use attributes alone: nothing else of them is judged.
#[derive(Default)]
struct Counts {
    functions: HashMap<Function, usize>,
    returns: HashMap<(Function, u64), usize>,
    mechanisms: HashMap<(u64, Function), usize>,
    attributes: HashMap<u64, usize>,
}

impl Counts {
    fn of(cases: &[&Case]) -> Self {
        let mut counts = Self::default();
        let provoked = Provoked::read();
        for case in cases {
            counts.add(case, &provoked);
        }
        counts
    }

    fn add(&mut self, case: &Case, provoked: &Provoked) {
        let mut functions = HashSet::new();
        let mut returns = HashSet::new();
        let mut mechanisms = HashSet::new();
        let mut attributes = HashSet::new();
        for call in case.sequence.calls() {
            attributes.extend(tally::attributes(call));
            if call.fixture {
                continue;
            }
            let function = call.function;
            functions.insert(function);
            mechanisms.extend(tally::mechanism(call).map(|mechanism| (mechanism, function)));
            returns.extend(provoked.by(call).into_iter().map(|rv| (function, rv)));
        }
        count(&mut self.functions, functions);
        count(&mut self.returns, returns);
        count(&mut self.mechanisms, mechanisms);
        count(&mut self.attributes, attributes);
    }
}

fn count<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, found: HashSet<K>) {
    for key in found {
        *counts.entry(key).or_default() += 1;
    }
}

fn get<K: std::hash::Hash + Eq>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

/// A number of a table of a run, all cells of the row without a name of one.
fn reached(table: &TallyTable, row: &str, cell: Option<&str>) -> u64 {
    let Some(cells) = table.get(row) else {
        return 0;
    };
    match cell {
        Some(cell) => cells.get(cell).copied().unwrap_or(0),
        None => cells.values().sum(),
    }
}

fn functions(counts: &Counts, tally: Option<&Tally>) -> Vec<Row> {
    let row = |function: &Function| Row {
        group: chapter(function.section()).to_owned(),
        item: function.to_string(),
        cases: get(&counts.functions, function),
        reached: tally.map(|tally| reached(&tally.calls, function.name(), None)),
        ..Row::default()
    };
    Function::ALL.iter().map(row).collect()
}

/// `5.6` of `5.6.8`.
fn chapter(section: &str) -> &str {
    match section.match_indices('.').nth(1) {
        Some((end, _)) => &section[..end],
        None => section,
    }
}

fn return_values(counts: &Counts, tally: Option<&Tally>, excuses: &Excuses) -> Vec<Row> {
    let of = |function: &Function| {
        let function = *function;
        returns::listed(function)
            // It has the values of whatever function it completes.
            .filter(move |_| function != Function::C_AsyncComplete)
            .map(move |rv| (function, rv))
    };
    let row = |(function, rv): (Function, u64)| {
        let value = names::display(Kind::RETURN, rv);
        Row {
            group: function.to_string(),
            cases: get(&counts.returns, &(function, rv)),
            reached: tally.map(|tally| reached(&tally.calls, function.name(), Some(&value))),
            excuse: excuses.of_return(function, &value),
            item: value,
            ..Row::default()
        }
    };
    Function::ALL.iter().flat_map(of).map(row).collect()
}

/// The functions that a use of a mechanism is for.
fn functions_of(usage: Use) -> &'static [Function] {
    use Function::*;
    match usage {
        Use::Encrypt => &[C_EncryptInit, C_DecryptInit],
        Use::Sign => &[C_SignInit, C_VerifyInit],
        Use::Recover => &[C_SignRecoverInit, C_VerifyRecoverInit],
        Use::Digest => &[C_DigestInit],
        Use::Generate => &[C_GenerateKey],
        Use::GeneratePair => &[C_GenerateKeyPair],
        Use::Wrap => &[C_WrapKey, C_UnwrapKey],
        Use::Derive => &[C_DeriveKey],
        Use::Encapsulate => &[C_EncapsulateKey, C_DecapsulateKey],
    }
}

fn mechanisms(counts: &Counts, tally: Option<&Tally>, excuses: &Excuses) -> Vec<Row> {
    let pairs = mechanism::all().iter().flat_map(|row| {
        let functions = row.uses.iter().flat_map(|usage| functions_of(*usage));
        functions.map(move |function| (row, *function))
    });
    let row = |(mechanism, function): (&mechanism::Mechanism, Function)| Row {
        group: mechanism.name.to_owned(),
        item: function.to_string(),
        cases: get(&counts.mechanisms, &(mechanism.value, function)),
        reached: tally
            .map(|tally| reached(&tally.mechanisms, mechanism.name, Some(function.name()))),
        excuse: excuses.of_mechanism(mechanism.name, function),
        ..Row::default()
    };
    pairs.map(row).collect()
}

fn attributes(counts: &Counts, tally: Option<&Tally>, excuses: &Excuses) -> Vec<Row> {
    let vendor = |value| value & cryptoki_sys::CKA_VENDOR_DEFINED != 0;
    let all = names::of_kind(Kind::ATTRIBUTE).iter();
    let row = |constant: &names::Constant| Row {
        item: constant.name.to_owned(),
        cases: get(&counts.attributes, &constant.value),
        reached: tally.map(|tally| reached(&tally.attributes, constant.name, None)),
        excuse: excuses.of_attribute(constant.name),
        ..Row::default()
    };
    all.filter(|constant| !vendor(constant.value))
        .map(row)
        .collect()
}

#[cfg(test)]
mod tests;
