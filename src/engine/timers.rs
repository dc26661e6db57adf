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
    /// A batch may be tried again.
    Retry(u64),
    /// A run's pause is over.
    Wake(Slot),
}

/// The timers of one engine.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(i64, Due)>>,
    look_at: Option<i64>,
}

impl Timers {
    /// Notes what is due at a moment.
    pub(super) fn at(&mut self, ms: i64, due: Due) {
        self.heap.push(Reverse((ms, due)));
    }

    /// Looks again at a moment whether a batch may leave: a linger is over, or a limiter has a place.
    pub(super) fn look_again_at(&mut self, ms: i64) {
        self.look_at = Some(self.look_at.map_or(ms, |earlier| earlier.min(ms)));
    }

    /// Forgets when to look again; whoever looks notes it anew.
    pub(super) fn looked(&mut self) {
        self.look_at = None;
    }

    /// The next moment at which anything is due.
    pub(super) fn next(&self) -> Option<i64> {
        let due = self.heap.peek().map(|Reverse((ms, _))| *ms);
        [due, self.look_at].into_iter().flatten().min()
    }

    /// Takes one thing that is due.
    pub(super) fn pop(&mut self, now_ms: i64) -> Option<Due> {
        if self.heap.peek()?.0.0 > now_ms {
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
    #[test]
    fn the_next_moment_is_that_of_whatever_comes_first() {
        let mut timers = Timers::default();
        assert_eq!(timers.next(), None);

        timers.look_again_at(30);
        timers.look_again_at(40);
        assert_eq!(timers.next(), Some(30));
        timers.at(20, Due::Wake(1));
        assert_eq!(timers.next(), Some(20));
        timers.look_again_at(10);
        assert_eq!(timers.next(), Some(10));
    }

    #[test]
    fn to_look_again_is_no_thing_that_is_due_and_is_forgotten_once_it_was_done() {
        let mut timers = Timers::default();
        timers.look_again_at(10);
        timers.at(20, Due::Wake(1));

        assert_eq!(timers.pop(15), None);
        timers.looked();
        assert_eq!(timers.next(), Some(20));
    }

    #[test]
    fn what_is_due_at_one_moment_comes_out_one_by_one() {
        let mut timers = Timers::default();
        for due in [Due::Wake(3), Due::Wake(3), Due::Retry(9)] {
            timers.at(10, due);
        }

        let mut out = Vec::new();
        while let Some(due) = timers.pop(10) {
            out.push(due);
        }

        assert_eq!(out, [Due::Retry(9), Due::Wake(3), Due::Wake(3)]);
    }
}
