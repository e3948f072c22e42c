//! The clock of the journal: nanoseconds of the monotonic clock, from the processor's time stamp
//! counter where both the processor and the kernel vouch for it.
//!
//! Reading the counter takes a few nanoseconds where asking for the time takes some twenty, twice
//! a call. A reading may be taken some nanoseconds before the instructions around it are done.
#![allow(unsafe_code, reason = "reads the clock and the time stamp counter")]

/// Shortest time from which the counter's rate is told, nanoseconds: reading the clock and the
/// counter together is off by some tens, so the rate by less than 1 in 10,000.
const BASELINE: u64 = 1_000_000;

/// A moment by clock and by counter.
#[derive(Debug, Clone, Copy)]
struct Moment {
    ns: u64,
    ticks: u64,
}

impl Moment {
    fn now() -> Self {
        Self {
            ns: monotonic_ns(),
            ticks: ticks(),
        }
    }
}

/// What a clock is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Counter,
    System,
    Nothing,
}

/// A clock that learns the counter's rate as it goes: until [`align`](Self::align) has been called
/// late enough to tell it, the system's clock is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Nanoseconds a tick, in 2^-32; 0 until it is known.
    rate: u64,
    /// The moment to count from.
    origin: Moment,
    source: Source,
}

impl Clock {
    /// A clock that reads the system's until its first alignment.
    pub(super) fn new() -> Self {
        let source = if is_reliable() {
            Source::Counter
        } else {
            Source::System
        };
        Self {
            rate: 0,
            origin: Moment::now(),
            source,
        }
    }

    /// A clock that always tells 0.
    pub(super) fn stopped() -> Self {
        Self {
            source: Source::Nothing,
            ..Self::new()
        }
    }

    /// Compares counter and clock again. To be called between requests, so that the counter does
    /// not stray while the clock is being corrected.
    pub(super) fn align(&mut self) {
        if self.source != Source::Counter {
            return;
        }
        let origin = &mut self.origin;
        let now = Moment::now();
        let (ns, ticks) = (
            now.ns.saturating_sub(origin.ns),
            now.ticks.saturating_sub(origin.ticks),
        );
        if ns < BASELINE || ticks == 0 {
            return;
        }
        let rate = (u128::from(ns) << 32) / u128::from(ticks);
        self.rate = u64::try_from(rate).unwrap_or(0);
        *origin = now;
    }

    /// Nanoseconds of the monotonic clock.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        if self.rate == 0 {
            return self.without_counter();
        }
        // Another core's counter may be a little behind.
        let ticks = ticks().saturating_sub(self.origin.ticks);
        self.origin.ns + ((u128::from(ticks) * u128::from(self.rate)) >> 32) as u64
    }

    #[cold]
    fn without_counter(&self) -> u64 {
        match self.source {
            Source::Nothing => 0,
            Source::Counter | Source::System => monotonic_ns(),
        }
    }
}

/// The monotonic clock, nanoseconds; the same in all processes.
pub(super) fn monotonic_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for the answer; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the counter, and Linux lets programs read it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    0
}

/// True if the counter runs at one rate whatever the processor does, and the kernel trusts it to
/// be the same on all cores: then it is what the kernel's own clock is made from.
fn is_reliable() -> bool {
    has_invariant_counter()
        && std::fs::read_to_string(
            "/sys/devices/system/clocksource/clocksource0/current_clocksource",
        )
        .is_ok_and(|name| name.trim() == "tsc")
}

#[cfg(target_arch = "x86_64")]
fn has_invariant_counter() -> bool {
    const POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    let last = std::arch::x86_64::__cpuid(0x8000_0000).eax;
    last >= POWER && std::arch::x86_64::__cpuid(POWER).edx & INVARIANT != 0
}

#[cfg(not(target_arch = "x86_64"))]
fn has_invariant_counter() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A clock that has had time to learn, on whatever machine this is.
    fn aligned() -> Clock {
        let mut clock = Clock::new();
        std::thread::sleep(Duration::from_millis(5));
        clock.align();
        clock
    }

    #[test]
    fn the_clock_agrees_with_the_system_before_and_after_it_is_aligned() {
        for clock in [Clock::new(), aligned()] {
            let (before, now, after) = (monotonic_ns(), clock.now(), monotonic_ns());
            let slack = 50_000;
            assert!(before <= now + slack && now <= after + slack, "{clock:?}");
        }
    }

    #[test]
    fn a_counter_that_is_behind_gives_the_origin() {
        let mut clock = aligned();
        clock.origin = Moment {
            ns: 1_000,
            ticks: u64::MAX,
        };
        clock.rate = 1 << 32;
        assert_eq!(clock.now(), 1_000);
    }

    #[test]
    fn a_rate_turns_ticks_to_nanoseconds() {
        let mut clock = Clock::new();
        // Half a nanosecond a tick, one second ago by the counter.
        clock.rate = 1 << 31;
        clock.origin = Moment {
            ns: 5,
            ticks: ticks().saturating_sub(2_000_000_000),
        };
        if cfg!(target_arch = "x86_64") {
            assert!(clock.now() >= 1_000_000_005);
        }
    }
}
