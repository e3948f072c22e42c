//! Which session states a function goes with, and what it says in the others, from
//! `suites/spec/session-states.csv`.

use std::sync::LazyLock;

use p11assay_reports::evidence::Level;

use crate::cryptoki::{Function, names};
use crate::plan::Ladder;

/// A state that a session can be in, in the order of the table's columns.
pub(super) struct State {
    /// As ids of cases and the columns of the table call it.
    pub(super) id: &'static str,
    /// As [PKCS11-UG] 2.6 calls it.
    pub(super) name: &'static str,
    pub(super) ladder: Ladder,
}

pub(super) const STATES: [State; 5] = [
    State {
        id: "ro-public",
        name: "R/O Public Session",
        ladder: Ladder::Session,
    },
    State {
        id: "rw-public",
        name: "R/W Public Session",
        ladder: Ladder::RwSession,
    },
    State {
        id: "ro-user",
        name: "R/O User Functions",
        ladder: Ladder::User,
    },
    State {
        id: "rw-user",
        name: "R/W User Functions",
        ladder: Ladder::RwUser,
    },
    State {
        id: "rw-so",
        name: "R/W SO Functions",
        ladder: Ladder::So,
    },
];

/// What a function says in a state.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Says {
    /// Nothing about the state: it does what it is for.
    Goes,
    /// One of these, of which the latter say less.
    Refuses(Vec<u64>, Vec<u64>),
}

/// A function, and what it is called for.
pub(super) struct Row {
    pub(super) function: Function,
    /// Empty where there is no difference.
    pub(super) subject: &'static str,
    pub(super) level: Level,
    /// One for each of [`STATES`].
    pub(super) says: Vec<Says>,
    pub(super) section: &'static str,
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = include_str!("../../../../suites/spec/session-states.csv")
        .lines()
        .skip(1);
    let parse = |row| parse(row).unwrap_or_else(|| panic!("suites/spec/session-states.csv: {row}"));
    rows.map(parse).collect()
});

/// The rows of a function.
pub(super) fn rows(function: Function) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.function == function)
}

fn parse(row: &'static str) -> Option<Row> {
    let fields: Vec<&'static str> = row.split(',').collect();
    let [function, subject, level, says @ .., section] = fields.as_slice() else {
        return None;
    };
    let says: Vec<Says> = says
        .iter()
        .map(|cell| cell_of(cell))
        .collect::<Option<_>>()?;
    (says.len() == STATES.len()).then_some(Row {
        function: Function::from_name(function)?,
        subject,
        level: match *level {
            "must" => Level::Must,
            "should" => Level::Should,
            "security" => Level::Security,
            _ => return None,
        },
        says,
        section,
    })
}

fn cell_of(cell: &str) -> Option<Says> {
    if cell == "+" {
        return Some(Says::Goes);
    }
    let (weaker, right): (Vec<&str>, Vec<&str>) =
        cell.split(' ').partition(|name| name.starts_with('~'));
    let values = |names: Vec<&str>| -> Option<Vec<u64>> {
        let value = |name: &str| Some(names::constant(name.trim_start_matches('~'))?.value);
        names.into_iter().map(value).collect()
    };
    Some(Says::Refuses(values(right)?, values(weaker)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN};

    #[test]
    fn every_row_is_read_and_the_states_are_its_columns() {
        let text = include_str!("../../../../suites/spec/session-states.csv");
        assert_eq!(TABLE.len(), text.lines().count() - 1);
        let header: Vec<&str> = text.lines().next().expect("a header").split(',').collect();
        assert_eq!(header[3..8], STATES.each_ref().map(|state| state.id));
    }

    #[test]
    fn a_cell_says_what_goes_and_what_is_refused() {
        let row = rows(Function::C_InitPIN).next().expect("a row");
        let weaker = vec![CKR_SESSION_READ_ONLY];
        let refused = Says::Refuses(vec![CKR_USER_NOT_LOGGED_IN], weaker);
        assert_eq!((&row.says[0], &row.says[4]), (&refused, &Says::Goes));
    }
}
