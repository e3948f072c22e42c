//! The order in which the calls of lanes begin, where a sequence tells it: a call is let go when those that stand before it
//! were.
//!
//! How calls lie in time from then on is up to the threads, so that they overlap as they would without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::lanes::patiently;
use crate::sequence::MAX_LANES;

/// How long a lane waits for another one. An order in which a call cannot return before one that stands behind it has begun
/// is given up.
const PATIENCE: Duration = Duration::from_millis(200);

/// A lane's place in the order.
pub(super) struct Place {
    lane: u16,
    order: Arc<Order>,
}

struct Order {
    lanes: Box<[u16]>,
    patience: Duration,
    /// How many calls were let go.
    next: AtomicUsize,
    /// Lanes that make no more calls.
    over: [AtomicBool; MAX_LANES],
}

impl Place {
    /// The places of all lanes; none where there is no order.
    pub(super) fn all(order: &[u16]) -> impl Iterator<Item = Self> {
        Self::within(order, PATIENCE)
    }

    fn within(order: &[u16], patience: Duration) -> impl Iterator<Item = Self> {
        let shared = (!order.is_empty()).then(|| {
            Arc::new(Order {
                lanes: order.into(),
                patience,
                next: AtomicUsize::new(0),
                over: std::array::from_fn(|_| AtomicBool::new(false)),
            })
        });
        shared.into_iter().flat_map(|order| {
            let lanes = 0..MAX_LANES as u16;
            lanes.map(move |lane| Self {
                lane,
                order: Arc::clone(&order),
            })
        })
    }

    /// Waits until the lane's next call may begin.
    pub(super) fn wait(&mut self) {
        let begun = Instant::now();
        let order = &*self.order;
        patiently(|| {
            let turn = order.next.load(Ordering::Acquire);
            match order.lanes.get(turn) {
                None => return true,
                Some(lane) if *lane == self.lane => {
                    order.next.store(turn + 1, Ordering::Release);
                    return true;
                }
                Some(lane) if order.is_over(*lane) => order.skip(turn),
                Some(_) => {}
            }
            if begun.elapsed() > order.patience {
                order.next.store(order.lanes.len(), Ordering::Release);
            }
            false
        });
    }

    /// Tells the others that the lane makes no more calls.
    pub(super) fn leave(&self) {
        if let Some(over) = self.order.over.get(usize::from(self.lane)) {
            over.store(true, Ordering::Release);
        }
    }
}

impl Order {
    fn is_over(&self, lane: u16) -> bool {
        let over = self.over.get(usize::from(lane));
        over.is_none_or(|over| over.load(Ordering::Acquire))
    }

    /// Goes on from a turn that nobody takes.
    fn skip(&self, turn: usize) {
        let (from, to) = (turn, turn + 1);
        let order = (Ordering::AcqRel, Ordering::Relaxed);
        // Another lane that saw the same has gone on already.
        let _ = self.next.compare_exchange(from, to, order.0, order.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Longer than any machine takes to start some threads.
    const LONG: Duration = Duration::from_secs(60);

    /// Runs lanes of so many calls each in this order; gives the lanes as their calls began.
    fn run(order: &[u16], calls: &[usize]) -> Vec<u16> {
        let seen = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (place, count) in Place::within(order, LONG).zip(calls) {
                let (seen, mut place) = (&seen, place);
                scope.spawn(move || {
                    for _ in 0..*count {
                        place.wait();
                        seen.lock().expect("no panic").push(place.lane);
                    }
                    place.leave();
                });
            }
        });
        seen.into_inner().expect("no panic")
    }

    /// A lane that was let go may be slower than the next one, but not by more than that one call.
    #[test]
    fn calls_begin_in_the_order_told() {
        for (first, last, calls) in [(0, 1, [3, 1]), (1, 0, [1, 3])] {
            let seen = run(&[first, first, first, last], &calls);
            let place = seen.iter().position(|lane| *lane == last);
            assert!(seen.len() == 4 && place >= Some(2), "{seen:?}");
        }
    }

    #[test]
    fn nobody_waits_for_a_lane_that_is_over_or_for_more_than_was_told() {
        let begun = Instant::now();
        assert_eq!(run(&[1, 1, 1, 0], &[2, 1]).len(), 3);
        assert_eq!(run(&[1], &[3, 3]).len(), 6);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn an_order_that_cannot_be_kept_is_given_up() {
        let mut places: Vec<Place> = Place::all(&[1, 0]).take(2).collect();
        let begun = Instant::now();
        places[0].wait();
        assert!(begun.elapsed() >= PATIENCE);
    }
}
