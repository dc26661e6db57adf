//! What is to happen at a moment: the earliest first.
//!
//! The engine's own clock may be virtual, so moments are milliseconds of that clock and nothing here
//! ever waits. Pauses of runs end by the calendar; retries and limits count time that passes, so that a
//! clock that is set forward sends nothing earlier than a service allowed, and one that is set back
//! stalls nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::lanes::Slot;
use crate::clock::Clock;

/// Something due at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A batch may be tried again.
    Retry(u64),
    /// A run's pause is over.
    Wake(Slot),
}

/// One moment on both scales of a clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    /// Unix milliseconds.
    pub wall_ms: i64,
    /// Milliseconds of steady time.
    pub steady_ms: i64,
}

impl Now {
    /// As the clock says.
    pub(super) fn of(clock: &dyn Clock) -> Now {
        Now { wall_ms: clock.now_ms(), steady_ms: clock.steady_ms() }
    }
}

/// The timers of one engine.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// By steady time.
    retries: BinaryHeap<Reverse<(i64, u64)>>,
    /// By the calendar.
    wakes: BinaryHeap<Reverse<(i64, Slot)>>,
    /// Steady time.
    look_at: Option<i64>,
}

impl Timers {
    /// Notes what is due at a moment: a retry in steady time, a wake by the calendar.
    pub(super) fn at(&mut self, ms: i64, due: Due) {
        match due {
            Due::Retry(number) => self.retries.push(Reverse((ms, number))),
            Due::Wake(slot) => self.wakes.push(Reverse((ms, slot))),
        }
    }

    /// Looks again at a moment of steady time whether a batch may leave: a linger is over, or a limiter
    /// has a place.
    pub(super) fn look_again_at(&mut self, ms: i64) {
        self.look_at = Some(self.look_at.map_or(ms, |earlier| earlier.min(ms)));
    }

    /// Forgets when to look again; whoever looks notes it anew.
    pub(super) fn looked(&mut self) {
        self.look_at = None;
    }

    /// Milliseconds until anything is due: none or less when something is.
    pub(super) fn next_in(&self, now: Now) -> Option<i64> {
        let retry = self.retries.peek().map(|Reverse((ms, _))| *ms);
        let steady = [retry, self.look_at].into_iter().flatten().min().map(|ms| ms - now.steady_ms);
        let wake = self.wakes.peek().map(|Reverse((ms, _))| ms.saturating_sub(now.wall_ms));
        [steady, wake].into_iter().flatten().min()
    }

    /// Takes one thing that is due.
    pub(super) fn pop(&mut self, now: Now) -> Option<Due> {
        if self.retries.peek().is_some_and(|Reverse((ms, _))| *ms <= now.steady_ms) {
            return self.retries.pop().map(|Reverse((_, number))| Due::Retry(number));
        }
        if self.wakes.peek().is_some_and(|Reverse((ms, _))| *ms <= now.wall_ms) {
            return self.wakes.pop().map(|Reverse((_, slot))| Due::Wake(slot));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Now {
        Now { wall_ms: ms, steady_ms: ms }
    }

    #[test]
    fn what_is_due_comes_out_in_the_order_of_its_moments() {
        let mut timers = Timers::default();
        timers.at(20, Due::Retry(2));
        timers.at(10, Due::Retry(1));
        timers.at(20, Due::Wake(4));
        timers.at(10, Due::Wake(3));

        assert_eq!(timers.next_in(at(4)), Some(6));
        assert_eq!(timers.pop(at(9)), None);
        assert_eq!([timers.pop(at(10)), timers.pop(at(10))], [Some(Due::Retry(1)), Some(Due::Wake(3))]);
        assert_eq!(timers.pop(at(10)), None);
        assert_eq!([timers.pop(at(30)), timers.pop(at(30))], [Some(Due::Retry(2)), Some(Due::Wake(4))]);
        assert_eq!((timers.pop(at(30)), timers.next_in(at(30))), (None, None));
    }

    #[test]
    fn the_next_moment_is_that_of_whatever_comes_first() {
        let mut timers = Timers::default();
        assert_eq!(timers.next_in(at(0)), None);

        timers.look_again_at(30);
        timers.look_again_at(40);
        assert_eq!(timers.next_in(at(0)), Some(30));
        timers.at(20, Due::Wake(1));
        assert_eq!(timers.next_in(at(5)), Some(15));
        timers.look_again_at(10);
        assert_eq!(timers.next_in(at(15)), Some(-5));
    }

    #[test]
    fn to_look_again_is_no_thing_that_is_due_and_is_forgotten_once_it_was_done() {
        let mut timers = Timers::default();
        timers.look_again_at(10);
        timers.at(20, Due::Wake(1));

        assert_eq!(timers.pop(at(15)), None);
        timers.looked();
        assert_eq!(timers.next_in(at(0)), Some(20));
    }

    #[test]
    fn what_is_due_at_one_moment_comes_out_one_by_one() {
        let mut timers = Timers::default();
        for due in [Due::Wake(3), Due::Wake(3), Due::Retry(9)] {
            timers.at(10, due);
        }

        let mut out = Vec::new();
        while let Some(due) = timers.pop(at(10)) {
            out.push(due);
        }

        assert_eq!(out, [Due::Retry(9), Due::Wake(3), Due::Wake(3)]);
    }

    #[test]
    fn a_calendar_that_jumps_ends_pauses_and_sends_nothing_again_early() {
        let mut timers = Timers::default();
        timers.at(5_000, Due::Retry(1));
        timers.at(5_000, Due::Wake(2));

        let day_ms = 86_400_000;
        assert_eq!(timers.pop(Now { wall_ms: day_ms, steady_ms: 4_999 }), Some(Due::Wake(2)));
        assert_eq!(timers.pop(Now { wall_ms: day_ms, steady_ms: 4_999 }), None);
        assert_eq!(timers.pop(Now { wall_ms: 0, steady_ms: 5_000 }), Some(Due::Retry(1)));
    }
}
