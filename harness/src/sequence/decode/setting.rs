//! What a decoded sequence begins with and makes use of: the same bytes are another sequence in
//! another setting.

use std::collections::HashMap;

use super::tape::Tape;
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::{self, Mechanism, Use};

/// The PINs that a decoded sequence gives the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pins<'p> {
    /// Of the security officer.
    pub so: &'p str,
    /// Of the user.
    pub user: &'p str,
}

/// How a sequence comes to a session with the user logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prelude<'p> {
    /// It initialises the library and the token, with these PINs. Anything may be done to PINs.
    Token(Pins<'p>),
    /// The library is initialised, the token has its PINs (`$target.pin`) and keeps them, and no
    /// objects: functions that could change or spend a PIN are given the right one, and the token is not initialised. A
    /// sequence logs in by itself only if it may end a login or a session: logging in is dear to tokens that guard
    /// their PINs well.
    Session,
    /// As `Session`, on a token that is thrown away after the sequence, for a new one: anything may be done to PINs and to
    /// the token.
    OwnToken,
}

/// The first byte of a tape whose sequence has a token of its own where there are such.
pub const OWN_TOKEN: u8 = 0xfd;

/// Functions after which a login, or a session, may be no more.
pub(super) const ENDS_SESSIONS: [Function; 5] = [
    Function::C_Logout,
    Function::C_CloseSession,
    Function::C_CloseAllSessions,
    Function::C_Finalize,
    Function::C_InitToken,
];

/// Lanes of sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lanes {
    /// How many a block has, from 2 to [`MAX_LANES`](crate::sequence::MAX_LANES).
    pub count: usize,
    /// Whether lanes use sessions of each other, of which the standard does not say what comes of it
    /// ([PKCS11-Base 3.2] 5.1.2). Else each has sessions of its own.
    pub share_sessions: bool,
}

/// How many of a hundred arguments are wrong on purpose if nothing else is said.
pub const USUALLY_WRONG: u8 = 2;

/// The setting of a sequence.
#[derive(Debug, Clone)]
pub struct Setting<'p> {
    /// How it begins.
    pub prelude: Prelude<'p>,
    /// Of a hundred arguments, how many are wrong on purpose (input class B): 0 for none, else 50 at most. Parameters of
    /// mechanisms are so twice as often, templates eight times.
    pub wrong: u8,
    /// Whether lengths and counts lie at times, so grossly that no memory holds them (input class C).
    pub lies: bool,
    /// Functions that the module's list has no entry for: they are not called.
    pub missing: Vec<Function>,
    /// The lanes of every sequence, if they have any.
    pub lanes: Option<Lanes>,
    /// Whether a token can be had for a sequence alone, as those want whose tape begins with [`OWN_TOKEN`].
    pub own_tokens: bool,
    mechanisms: Vec<u64>,
    /// Those that the token has, by use; all those of the standard where it has none.
    rows: HashMap<Use, Vec<&'static Mechanism>>,
}

impl<'p> Setting<'p> {
    /// A setting in which all mechanisms of the standard are tried, or those that `has` is true of.
    #[must_use]
    pub fn new(prelude: Prelude<'p>, has: impl Fn(u64) -> bool) -> Self {
        let mut rows: HashMap<Use, Vec<&'static Mechanism>> = HashMap::new();
        let mut own = rows.clone();
        let mut mechanisms = Vec::new();
        for row in mechanism::all() {
            let is_there = has(row.value);
            mechanisms.extend(is_there.then_some(row.value));
            for wanted in &row.uses {
                rows.entry(*wanted).or_default().push(row);
                if is_there {
                    own.entry(*wanted).or_default().push(row);
                }
            }
        }
        rows.extend(own);
        Self {
            prelude,
            wrong: USUALLY_WRONG,
            lies: false,
            missing: Vec::new(),
            lanes: None,
            own_tokens: false,
            mechanisms,
            rows,
        }
    }

    /// True if a tape can ask for a token of its own.
    #[must_use]
    pub fn has_own_tokens(&self) -> bool {
        self.own_tokens && self.lanes.is_none()
    }

    /// How a tape's sequence begins. What says so is read.
    pub(super) fn prelude_of(&self, tape: &mut Tape<'_>) -> Prelude<'p> {
        match self.has_own_tokens() && tape.begins_with(OWN_TOKEN) {
            true => Prelude::OwnToken,
            false => self.prelude,
        }
    }

    /// True if nothing is wrong on purpose (input class A).
    pub(super) fn is_legal(&self) -> bool {
        self.wrong == 0
    }

    /// True if the tape has something wrong here that is so many times as often wrong as an argument.
    pub(super) fn goes_wrong(&self, tape: &mut Tape<'_>, times: u8) -> bool {
        const HALF_OF_ALL: u8 = 2;
        let share = if self.is_legal() {
            USUALLY_WRONG
        } else {
            self.wrong
        };
        let odds = 96 / share.saturating_mul(times);
        tape.once_in(odds.max(HALF_OF_ALL)) && !self.is_legal()
    }

    /// The mechanisms of the standard that the token has.
    #[must_use]
    pub fn mechanisms(&self) -> &[u64] {
        &self.mechanisms
    }

    /// The mechanisms for a use; all those of the standard if the token has none.
    pub(super) fn mechanisms_for(&self, wanted: Use) -> &[&'static Mechanism] {
        self.rows.get(&wanted).map_or(&[], Vec::as_slice)
    }
}

/// The part of everything that one sequence makes use of. Leaving most out lets the rest meet more
/// often, and states come about that the whole would never let grow (swarm testing: Groce and others,
/// ISSTA 2012).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Swarm(u8);

impl Swarm {
    /// The swarm that the first byte of a tape names. One in four leaves nothing out.
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        Self(tape.byte())
    }

    fn keeps(self, item: u64) -> bool {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (item.wrapping_add(u64::from(self.0) << 32)).wrapping_mul(SPREAD);
        self.0.is_multiple_of(4) || (mixed >> 40).is_multiple_of(3)
    }

    /// One of the items that the swarm has, by number; any if it has none of them.
    pub(super) fn pick<'i, T>(
        self,
        tape: &mut Tape<'_>,
        items: &'i [T],
        number: impl Fn(&T) -> u64,
    ) -> Option<&'i T> {
        let first = tape.below(items.len());
        let (before, from) = items.split_at_checked(first)?;
        let mut round = from.iter().chain(before);
        round.find(|item| self.keeps(number(item))).or(from.first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_has_a_third_of_everything_or_all_of_it() {
        let count = |swarm: Swarm| (0..300).filter(|item| swarm.keeps(*item)).count();
        assert_eq!(count(Swarm(4)), 300);
        for swarm in [1, 2, 3, 77] {
            let kept = count(Swarm(swarm));
            assert!((50..150).contains(&kept), "{swarm}: {kept}");
        }
    }

    #[test]
    fn so_many_of_a_hundred_are_wrong() {
        let bytes: Vec<u8> = (0..=255).collect();
        for (wrong, times, range) in [
            (0, 8, 0..=0),
            (1, 1, 2..=3),
            (2, 1, 4..=6),
            (2, 8, 40..=44),
            (10, 1, 24..=30),
            (50, 8, 128..=128),
        ] {
            let mut setting = Setting::new(Prelude::Session, |_| true);
            setting.wrong = wrong;
            let mut tape = Tape::new(&bytes);
            let found = (0..256).filter(|_| setting.goes_wrong(&mut tape, times));
            let found = found.count();
            assert!(range.contains(&found), "{wrong} x {times}: {found}");
        }
    }

    #[test]
    fn something_is_picked_if_the_swarm_has_nothing() {
        let picked = Swarm(1).pick(&mut Tape::new(&[]), &[7u64], |_| {
            (0..).find(|item| !Swarm(1).keeps(*item)).unwrap_or(0)
        });
        assert_eq!(picked, Some(&7));
        assert_eq!(
            Swarm(1).pick(&mut Tape::new(&[]), &[0u64; 0], |item| *item),
            None
        );
    }

    #[test]
    fn a_setting_has_the_mechanisms_of_its_token() {
        let only = cryptoki_sys::CKM_SHA256;
        let setting = Setting::new(Prelude::Session, |mechanism| mechanism == only);
        let digests = setting.mechanisms_for(Use::Digest);
        assert_eq!(digests.len(), 1);
        assert!(
            setting.mechanisms_for(Use::Derive).len() > 10,
            "all, for want of any"
        );
    }
}
