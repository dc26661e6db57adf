//! What is to happen at a moment: the earliest first.
//!
//! The engine's own clock may be virtual, so moments are Unix milliseconds of that clock and nothing
//! here ever waits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::lanes::Slot;

/// Something due at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// Look again whether a batch may leave: a linger is over, or a limiter has a slot.
    Send,
    /// A batch may be tried again.
    Retry(u64),
    /// A run's pause is over.
    Wake(Slot),
}

/// The timers of one engine.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, Due)>>,
}

impl Timers {
    /// Notes what is due at a moment. `Send` is noted once for one moment.
    pub(super) fn at(&mut self, ms: i64, due: Due) {
        if self.heap.peek() != Some(&Reverse((ms, due))) {
            self.heap.push(Reverse((ms, due)));
        }
    }

    /// The next moment at which anything is due.
    pub(super) fn next(&self) -> Option<i64> {
        self.heap.peek().map(|Reverse((ms, _))| *ms)
    }

    /// Takes one thing that is due.
    pub(super) fn pop(&mut self, now_ms: i64) -> Option<Due> {
        if self.next()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, due))| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_in_the_order_of_its_moments() {
        let mut timers = Timers::default();
        timers.at(20, Due::Wake(2));
        timers.at(10, Due::Retry(1));

        assert_eq!(timers.next(), Some(10));
        assert_eq!(timers.pop(9), None);
        assert_eq!(timers.pop(30), Some(Due::Retry(1)));
        assert_eq!(timers.pop(30), Some(Due::Wake(2)));
        assert_eq!(timers.pop(30), None);
    }
}
