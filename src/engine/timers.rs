//! What is to happen at a moment: the earliest first.
//!
//! The engine's own clock may be virtual, so moments are milliseconds of that clock and nothing here
//! ever waits. Pauses of runs end by the calendar, and at the latest when as much time has passed as was
//! left; retries and limits count time that passes. So a clock that is set forward sends nothing earlier
//! than a service allowed, and one that is set back stalls nothing.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

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
    /// Pauses of runs, by number.
    pauses: HashMap<u64, Slot>,
    /// The same by the calendar and by steady time; one that is over still stands in the other.
    by_calendar: BinaryHeap<Reverse<(i64, u64)>>,
    by_time: BinaryHeap<Reverse<(i64, u64)>>,
    next_pause: u64,
    /// Steady time.
    look_at: Option<i64>,
}

impl Timers {
    /// Notes that a batch may be tried again at a moment of steady time.
    pub(super) fn retry_at(&mut self, steady_ms: i64, batch: u64) {
        self.retries.push(Reverse((steady_ms, batch)));
    }

    /// Notes that a run pauses from now on for so long.
    pub(super) fn wake_in(&mut self, ms: i64, slot: Slot, now: Now) {
        let number = self.next_pause;
        self.next_pause += 1;
        self.by_calendar.push(Reverse((now.wall_ms.saturating_add(ms), number)));
        self.by_time.push(Reverse((now.steady_ms.saturating_add(ms), number)));
        self.pauses.insert(number, slot);
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
        let of = |pauses: &BinaryHeap<Reverse<(i64, u64)>>, now_ms| {
            pauses.peek().map(|Reverse((ms, _))| ms.saturating_sub(now_ms))
        };
        let wakes = [of(&self.by_calendar, now.wall_ms), of(&self.by_time, now.steady_ms)];
        wakes.into_iter().flatten().chain(steady).min()
    }

    /// Takes one thing that is due.
    pub(super) fn pop(&mut self, now: Now) -> Option<Due> {
        if self.retries.peek().is_some_and(|Reverse((ms, _))| *ms <= now.steady_ms) {
            return self.retries.pop().map(|Reverse((_, number))| Due::Retry(number));
        }
        let over =
            due(&mut self.by_calendar, now.wall_ms).or_else(|| due(&mut self.by_time, now.steady_ms))?;
        let slot = self.pauses.remove(&over)?;
        // What next is asked for must be a pause that is not over.
        drop_over(&mut self.by_calendar, &self.pauses);
        drop_over(&mut self.by_time, &self.pauses);
        Some(Due::Wake(slot))
    }
}

fn due(pauses: &mut BinaryHeap<Reverse<(i64, u64)>>, now_ms: i64) -> Option<u64> {
    if pauses.peek().is_none_or(|Reverse((ms, _))| *ms > now_ms) {
        return None;
    }
    pauses.pop().map(|Reverse((_, number))| number)
}

fn drop_over(heap: &mut BinaryHeap<Reverse<(i64, u64)>>, pauses: &HashMap<u64, Slot>) {
    while heap.peek().is_some_and(|Reverse((_, number))| !pauses.contains_key(number)) {
        heap.pop();
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
        timers.retry_at(20, 2);
        timers.retry_at(10, 1);
        timers.wake_in(20, 4, at(0));
        timers.wake_in(10, 3, at(0));

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
        timers.wake_in(20, 1, at(0));
        assert_eq!(timers.next_in(at(5)), Some(15));
        timers.look_again_at(10);
        assert_eq!(timers.next_in(at(15)), Some(-5));
    }

    #[test]
    fn to_look_again_is_no_thing_that_is_due_and_is_forgotten_once_it_was_done() {
        let mut timers = Timers::default();
        timers.look_again_at(10);
        timers.wake_in(20, 1, at(0));

        assert_eq!(timers.pop(at(15)), None);
        timers.looked();
        assert_eq!(timers.next_in(at(0)), Some(20));
    }

    #[test]
    fn what_is_due_at_one_moment_comes_out_one_by_one() {
        let mut timers = Timers::default();
        timers.wake_in(10, 3, at(0));
        timers.wake_in(10, 3, at(0));
        timers.retry_at(10, 9);

        let mut out = Vec::new();
        while let Some(due) = timers.pop(at(10)) {
            out.push(due);
        }

        assert_eq!(out, [Due::Retry(9), Due::Wake(3), Due::Wake(3)]);
    }

    #[test]
    fn a_calendar_that_jumps_ends_pauses_and_sends_nothing_again_early() {
        let mut timers = Timers::default();
        timers.retry_at(5_000, 1);
        timers.wake_in(5_000, 2, at(0));

        let day_ms = 86_400_000;
        let ahead = Now { wall_ms: day_ms, steady_ms: 4_000 };
        assert_eq!(timers.pop(ahead), Some(Due::Wake(2)));
        assert_eq!((timers.pop(ahead), timers.next_in(ahead)), (None, Some(1_000)));
        assert_eq!(timers.pop(Now { wall_ms: 0, steady_ms: 5_000 }), Some(Due::Retry(1)));
    }

    #[test]
    fn a_calendar_that_is_set_back_makes_no_pause_longer() {
        let mut timers = Timers::default();
        timers.wake_in(4_000, 2, at(1_000));

        let back = |steady_ms| Now { wall_ms: steady_ms - 86_400_000, steady_ms };
        assert_eq!((timers.pop(back(4_999)), timers.next_in(back(4_999))), (None, Some(1)));
        assert_eq!(timers.pop(back(5_000)), Some(Due::Wake(2)));
        assert_eq!((timers.pop(at(9_000)), timers.next_in(at(9_000))), (None, None));
    }
}
