//! Orders of variants on target and model at once, some of them in line before each side: neither waits for the other,
//! nor for what is made of its answers.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::pair::{Pair, Side};
use super::vary::{Order, Outcome};
use crate::run::{StationError, Varied};
use crate::worker::reach::Reached;

/// Orders in line before each side, that which it works on among them. One behind the other would do if nobody ever
/// came late; a search that shares its processors is held up for some milliseconds now and then, as long as an order
/// takes.
const AHEAD: usize = 4;
/// How long an order takes that has none in line behind it: waiting is little of that time, and a search that is over
/// waits for all that are.
const LONG: Duration = Duration::from_millis(100);

/// What became of an order.
pub(super) struct Filled {
    /// What its variants came to.
    pub(super) outcome: Outcome,
    /// Functions that the target reached first in them, if they are followed.
    pub(super) reached: Vec<Reached>,
}

/// How many orders are in line at once; one until it is known how long they take.
pub(super) struct Ahead(usize);

impl Default for Ahead {
    fn default() -> Self {
        Self(1)
    }
}

impl Ahead {
    fn learn(&mut self, took: Duration) {
        self.0 = if took < LONG { AHEAD } else { 1 };
    }
}

/// What a side says of an order.
type Said = (Result<Varied, StationError>, Vec<Reached>);

/// One side, and the orders that it has yet to carry out.
struct Line {
    orders: mpsc::Sender<Arc<Order>>,
    said: mpsc::Receiver<Said>,
}

impl Line {
    /// Has a side carry out what it is told, one order after the other, until nothing more can come or its station cannot
    /// go on.
    fn open<'scope>(scope: &'scope Scope<'scope, '_>, side: &'scope mut Side) -> Self {
        let (orders, told) = mpsc::channel::<Arc<Order>>();
        let (says, said) = mpsc::channel();
        scope.spawn(move || {
            for order in told {
                let varied = side.station.vary(&order.variants, order.count, &side.given);
                let is_over = varied.is_err();
                let is_unheard = says.send((varied, side.station.take_reached())).is_err();
                if is_over || is_unheard {
                    break;
                }
            }
        });
        Self { orders, said }
    }

    fn tell(&self, order: &Arc<Order>) {
        // A side that has ended has said why, which is heard in its turn.
        let _ = self.orders.send(Arc::clone(order));
    }

    fn hear(&self) -> Result<(Varied, Vec<Reached>), StationError> {
        let ended = || StationError::Fault("the thread of a side panicked".to_owned());
        let (varied, reached) = self.said.recv().map_err(|_| ended())?;
        Ok((varied?, reached))
    }
}

impl Pair {
    /// Carries out orders on both sides, and gives what became of each to `filled`, in their order.
    ///
    /// # Errors
    /// If one of the stations cannot go on, or `filled` cannot.
    pub(super) fn vary<E: From<StationError>>(
        &mut self,
        ahead: &mut Ahead,
        mut orders: impl Iterator<Item = Order>,
        mut filled: impl FnMut(Filled) -> Result<(), E>,
    ) -> Result<(), E> {
        std::thread::scope(|scope| {
            let [target, model] =
                [&mut self.target, &mut self.model].map(|side| Line::open(scope, side));
            let mut under_way = VecDeque::new();
            let mut last = Instant::now();
            loop {
                while under_way.len() < ahead.0
                    && let Some(order) = orders.next().map(Arc::new)
                {
                    target.tell(&order);
                    model.tell(&order);
                    under_way.push_back(order);
                }
                let Some(order) = under_way.pop_front() else {
                    return Ok(());
                };
                let ((on_target, reached), (on_model, _)) = (target.hear()?, model.hear()?);
                let now = Instant::now();
                ahead.learn(now - std::mem::replace(&mut last, now));
                let outcome = order.outcome(on_target, on_model);
                filled(Filled { outcome, reached })?;
            }
        })
    }
}
