//! Functions of the target that a search reached, where they are followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::worker::reach::{Covered, Points, Reached};

/// The functions of some libraries, and which of them were reached.
#[derive(Debug, Clone, Default)]
pub struct Functions {
    libraries: Vec<Covered>,
    reached: BTreeSet<u32>,
}

impl Functions {
    /// Those of these libraries, none reached yet.
    #[must_use]
    pub fn of(libraries: Vec<Covered>) -> Self {
        Self {
            libraries,
            reached: BTreeSet::new(),
        }
    }

    /// Takes note of functions that were reached; says how many for the first time, by their cases.
    pub(super) fn add(&mut self, reached: &[Reached]) -> BTreeMap<u32, usize> {
        let mut new = BTreeMap::new();
        for one in reached {
            if self.reached.insert(one.function) {
                *new.entry(one.case).or_default() += 1;
            }
        }
        new
    }

    /// How many were reached.
    #[must_use]
    pub fn count(&self) -> usize {
        self.reached.len()
    }

    /// For people, as `812 of 2391 functions of libvendor.so`, a text for each library.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let each = self.libraries.iter().map(|library| {
            let end = library.first + library.functions;
            let reached = self.reached.range(library.first..end).count();
            let (of, name) = (library.functions, &library.name);
            match library.points {
                Points::Functions => format!("{reached} of {of} functions of {name}"),
                Points::Edges => format!("{reached} of {of} edges of {name}"),
                Points::Addresses => format!("{reached} blocks of {name}"),
            }
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_counts_once_and_for_its_library() {
        let library = |name: &str, first, functions| Covered {
            name: name.to_owned(),
            first,
            functions,
            points: Points::Functions,
        };
        let libraries = vec![library("one.so", 0, 10), library("two.so", 10, 5)];
        let mut functions = Functions::of(libraries);
        let reached = |case, function| Reached { case, function };
        let new = functions.add(&[reached(3, 9), reached(3, 10), reached(4, 9)]);
        assert_eq!(new, BTreeMap::from([(3, 2)]));
        assert_eq!(functions.add(&[reached(5, 10)]), BTreeMap::new());
        let both = ["1 of 10 functions of one.so", "1 of 5 functions of two.so"];
        assert_eq!(
            (functions.summary().as_slice(), functions.count()),
            (&both.map(String::from)[..], 2)
        );
    }
}
