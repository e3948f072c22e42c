//! The calls that are drawn. Sessions and objects are named by numbers, which mean whichever there are.

use proptest::prelude::*;

/// A call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Open {
        writes: bool,
    },
    Close {
        session: u8,
    },
    CloseAll,
    Info {
        session: u8,
    },
    Login {
        session: u8,
        so: bool,
    },
    Logout {
        session: u8,
    },
    Create {
        session: u8,
        /// Whether it is a key.
        key: bool,
        on_token: bool,
        private: bool,
        label: u8,
    },
    Read {
        session: u8,
        object: u8,
    },
    Label {
        session: u8,
        object: u8,
        label: u8,
    },
    Copy {
        session: u8,
        object: u8,
        label: u8,
    },
    Destroy {
        session: u8,
        object: u8,
    },
    Find {
        session: u8,
        /// Whether keys are searched.
        keys: bool,
        label: Option<u8>,
    },
    DigestInit {
        session: u8,
    },
    DigestUpdate {
        session: u8,
        length: u8,
    },
    DigestFinal {
        session: u8,
    },
    Digest {
        session: u8,
        length: u8,
    },
    SignInit {
        session: u8,
        object: u8,
    },
    SignUpdate {
        session: u8,
        length: u8,
    },
    SignFinal {
        session: u8,
    },
    Sign {
        session: u8,
        length: u8,
    },
}

/// Different labels.
const LABELS: u8 = 3;

/// Any call, those that make something more often.
pub(super) fn action() -> impl Strategy<Value = Action> {
    let any_one = any::<u8>;
    let label = || 0..LABELS;
    prop_oneof![
        6 => any::<bool>().prop_map(|writes| Action::Open { writes }),
        2 => any_one().prop_map(|session| Action::Close { session }),
        1 => Just(Action::CloseAll),
        3 => any_one().prop_map(|session| Action::Info { session }),
        4 => (any_one(), prop::bool::weighted(0.2))
            .prop_map(|(session, so)| Action::Login { session, so }),
        2 => any_one().prop_map(|session| Action::Logout { session }),
        8 => (any_one(), prop::bool::weighted(0.4), any::<bool>(), any::<bool>(), label()).prop_map(
            |(session, key, on_token, private, label)| {
                Action::Create { session, key, on_token, private, label }
            }
        ),
        3 => (any_one(), any_one()).prop_map(|(session, object)| Action::Read { session, object }),
        2 => (any_one(), any_one(), label())
            .prop_map(|(session, object, label)| Action::Label { session, object, label }),
        1 => (any_one(), any_one(), label())
            .prop_map(|(session, object, label)| Action::Copy { session, object, label }),
        2 => (any_one(), any_one()).prop_map(|(session, object)| Action::Destroy { session, object }),
        3 => (any_one(), any::<bool>(), prop::option::of(label()))
            .prop_map(|(session, keys, label)| Action::Find { session, keys, label }),
        2 => any_one().prop_map(|session| Action::DigestInit { session }),
        2 => (any_one(), 0..100u8)
            .prop_map(|(session, length)| Action::DigestUpdate { session, length }),
        2 => any_one().prop_map(|session| Action::DigestFinal { session }),
        1 => (any_one(), 0..100u8).prop_map(|(session, length)| Action::Digest { session, length }),
        4 => (any_one(), any_one()).prop_map(|(session, object)| Action::SignInit { session, object }),
        2 => (any_one(), 0..100u8)
            .prop_map(|(session, length)| Action::SignUpdate { session, length }),
        2 => any_one().prop_map(|session| Action::SignFinal { session }),
        1 => (any_one(), 0..100u8).prop_map(|(session, length)| Action::Sign { session, length }),
    ]
}
