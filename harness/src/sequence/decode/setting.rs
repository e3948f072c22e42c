//! What a decoded sequence begins with and makes use of: the same bytes are another sequence in
//! another setting.

use super::served::{Rows, Served};
use super::tape::Tape;
use crate::cryptoki::Function;
use crate::cryptoki::mechanism::{Mechanism, MechanismInfo};

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

/// How seldom a mechanism is used for what the token does not say that it is for. To refuse that is worth a try.
const UNFIT: u8 = 32;
/// How seldom something is tried that no mechanism of the token is for.
const NONE_SERVES: u8 = 8;

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
    /// Whether the token has asynchronous sessions (CKF_ASYNC_SESSION_SUPPORTED).
    pub asynchronous: bool,
    served: Served,
}

impl<'p> Setting<'p> {
    /// A setting in which all mechanisms of the standard are tried, or those that `has` is true of, each for every use
    /// that the standard ticks and with keys of any size.
    #[must_use]
    pub fn new(prelude: Prelude<'p>, has: impl Fn(u64) -> bool) -> Self {
        Self::with(prelude, Served::listed(has))
    }

    /// A setting in which mechanisms are used as the token says of each that it lists: mostly for what it has the flag
    /// for, and with keys of a size that it takes.
    #[must_use]
    pub fn of_token(
        prelude: Prelude<'p>,
        told: impl IntoIterator<Item = (u64, MechanismInfo)>,
    ) -> Self {
        Self::with(prelude, Served::told(told))
    }

    fn with(prelude: Prelude<'p>, served: Served) -> Self {
        Self {
            prelude,
            wrong: USUALLY_WRONG,
            lies: false,
            missing: Vec::new(),
            lanes: None,
            own_tokens: false,
            asynchronous: false,
            served,
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

    /// What the token tells of its mechanisms.
    pub(super) fn served(&self) -> &Served {
        &self.served
    }

    /// The mechanisms to draw one from for the purpose with these flags: mostly those that serve for it, seldom others,
    /// which are wrong in a way; none if nothing serves, mostly.
    pub(super) fn mechanisms_for(&self, tape: &mut Tape<'_>, flags: u64) -> &[&'static Mechanism] {
        let Some(Rows { serving, others }) = self.served.rows(flags) else {
            return &[];
        };
        let odds = match serving.is_empty() {
            true => NONE_SERVES,
            false => UNFIT,
        };
        match !others.is_empty() && tape.once_in(odds) && !self.is_legal() {
            true => others,
            false => serving,
        }
    }

    /// True if a mechanism is to be used for what this flag says: if the token says so, else seldom.
    pub(super) fn is_for(&self, tape: &mut Tape<'_>, row: &Mechanism, flag: u64) -> bool {
        self.served.serves(row.value, flag) || (tape.once_in(UNFIT) && !self.is_legal())
    }
}

/// The part of everything that one sequence makes use of, and how often each thing of it comes. Leaving most out lets
/// the rest meet more often, and states come about that the whole would never let grow (swarm testing: Groce and others,
/// ISSTA 2012).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Swarm(u8);

impl Swarm {
    /// The swarm that the first byte of a tape names. One in four leaves nothing out and prefers nothing.
    pub(super) fn read(tape: &mut Tape<'_>) -> Self {
        Self(tape.byte())
    }

    /// How many times as often as the rarest an item comes; 0 if it is left out.
    fn weight(self, item: u64) -> usize {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        const WEIGHTS: [usize; 4] = [1, 1, 2, 4];
        if self.0.is_multiple_of(4) {
            return 1;
        }
        let mixed = (item.wrapping_add(u64::from(self.0) << 32)).wrapping_mul(SPREAD) >> 40;
        let kept = mixed.is_multiple_of(3);
        WEIGHTS[(mixed >> 8) as usize % WEIGHTS.len()] * usize::from(kept)
    }

    /// One of the items that the swarm has, by number; any if it has none of them.
    pub(super) fn pick<'i, T>(
        self,
        tape: &mut Tape<'_>,
        items: &'i [T],
        number: impl Fn(&T) -> u64,
    ) -> Option<&'i T> {
        let weights = || items.iter().map(|item| self.weight(number(item)));
        let total: usize = weights().sum();
        if total == 0 {
            return tape.pick(items);
        }
        let mut left = tape.below(total);
        let mut weighed = items.iter().zip(weights());
        let found = weighed.find(|(_, weight)| match left.checked_sub(*weight) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        found.map(|(item, _)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_has_a_third_of_everything_or_all_of_it() {
        let count = |swarm: Swarm| (0..300).filter(|item| swarm.weight(*item) > 0).count();
        assert_eq!(count(Swarm(4)), 300);
        for swarm in [1, 2, 3, 77] {
            let kept = count(Swarm(swarm));
            assert!((50..150).contains(&kept), "{swarm}: {kept}");
        }
    }

    #[test]
    fn a_swarm_prefers_some_of_what_it_has() {
        let items: Vec<u64> = (0..60).collect();
        let count = |swarm: Swarm| {
            let mut counts = [0usize; 60];
            for byte in 0..=255 {
                let bytes = [byte];
                let picked = swarm.pick(&mut Tape::new(&bytes), &items, |item| *item);
                counts[*picked.expect("one") as usize] += 1;
            }
            counts
        };
        let even = count(Swarm(8));
        assert!(even.iter().all(|count| (4..=5).contains(count)), "{even:?}");
        let swarm = Swarm(5);
        let counts = count(swarm);
        let of = |wanted: usize| {
            let mut kept = items.iter().filter(|item| swarm.weight(**item) == wanted);
            kept.next().map(|item| counts[*item as usize])
        };
        let (one, four) = (of(1).expect("a rare one"), of(4).expect("a frequent one"));
        assert!(four >= 3 * one && one > 0, "{one} and {four}");
        assert_eq!(of(0), Some(0));
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
            (0..).find(|item| Swarm(1).weight(*item) == 0).unwrap_or(0)
        });
        assert_eq!(picked, Some(&7));
        assert_eq!(
            Swarm(1).pick(&mut Tape::new(&[]), &[0u64; 0], |item| *item),
            None
        );
    }

    #[test]
    fn mechanisms_are_mostly_drawn_that_are_for_it() {
        use cryptoki_sys::*;
        let info = |flags| MechanismInfo {
            flags,
            ..MechanismInfo::default()
        };
        let mut setting = Setting::of_token(
            Prelude::Session,
            [
                (CKM_AES_CBC, info(CKF_ENCRYPT)),
                (CKM_AES_ECB, info(CKF_ENCRYPT | CKF_DECRYPT)),
                (CKM_SHA256, info(CKF_DIGEST)),
            ],
        );
        let bytes: Vec<u8> = (0..=255).collect();
        for (wrong, flags, mechanism, share) in [
            (2, CKF_ENCRYPT, CKM_AES_CBC, 256),
            (2, CKF_DECRYPT, CKM_AES_ECB, 248),
            (2, CKF_DECRYPT, CKM_AES_CBC, 8),
            (2, CKF_WRAP | CKF_UNWRAP, CKM_AES_CBC, 32),
            (2, CKF_DERIVE, CKM_ECDH1_DERIVE, 32),
            (0, CKF_DECRYPT, CKM_AES_ECB, 256),
            (0, CKF_DECRYPT, CKM_AES_CBC, 0),
            (0, CKF_DERIVE, CKM_ECDH1_DERIVE, 0),
        ] {
            setting.wrong = wrong;
            let mut tape = Tape::new(&bytes);
            let drawn = (0..256).filter(|_| {
                let rows = setting.mechanisms_for(&mut tape, flags);
                rows.iter().any(|row| row.value == mechanism)
            });
            assert_eq!(drawn.count(), share, "{wrong} {flags:#x} {mechanism:#x}");
        }
    }

    #[test]
    fn where_mechanisms_are_listed_alone_each_is_for_what_the_standard_says() {
        let only = cryptoki_sys::CKM_SHA256;
        let setting = Setting::new(Prelude::Session, |mechanism| mechanism == only);
        let mut tape = Tape::new(&[]);
        let drawn = setting.mechanisms_for(&mut tape, cryptoki_sys::CKF_DIGEST);
        let drawn: Vec<u64> = drawn.iter().map(|row| row.value).collect();
        assert_eq!(drawn, [only]);
        assert_eq!(tape.read(), 0, "there is nothing to choose");
    }
}
