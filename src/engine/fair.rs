//! Whose turn it is to take a place under a limit, when several jobs want the same one.
//!
//! The limiter says when a place is free, not whose it is; without turns a job that always has more to
//! send would take them all. Whoever is told to wait stands in a queue, and while somebody in it could
//! take a place, the job that took the last ones lets it go first. A turn is measured in time: under a
//! slow limit it is one place, under a fast one it is several, so that turns cost nothing.

use std::collections::VecDeque;

/// How long one job may go on taking places while another waits.
const TURN_MS: i64 = 5;

/// Who was told a moment and does not come until so much later has nothing to send any more, or is
/// late; a place is not kept for it longer.
const LATE_MS: i64 = 20;

/// The jobs that wait for a place under one limit.
#[derive(Debug, Default)]
pub(super) struct Fair {
    /// With the moment at which each was told to ask again, in milliseconds.
    waiting: VecDeque<(u64, i64)>,
    /// Who took the last place, and since when nobody else did.
    turn: Option<(u64, i64)>,
}

impl Fair {
    /// When to ask again, if this job must let another one go first.
    pub(super) fn yields_until(&mut self, job: u64, now_ms: i64) -> Option<i64> {
        self.waiting.retain(|(other, due_ms)| *other == job || now_ms <= due_ms.saturating_add(LATE_MS));
        let could_take = |(_, due_ms): &&(u64, i64)| *due_ms <= now_ms;
        let has_turn = |whose: u64| {
            self.turn.is_some_and(|(last, since_ms)| last == whose && now_ms < since_ms + TURN_MS)
        };
        let mut able = self.waiting.iter().filter(could_take);
        let next = able.clone().find(|(other, _)| has_turn(*other)).or_else(|| able.next())?.0;
        if next == job || has_turn(job) {
            return None;
        }
        let again_ms = now_ms.saturating_add(1);
        self.waits(job, again_ms);
        Some(again_ms)
    }

    /// A job was told to ask again at a moment.
    pub(super) fn waits(&mut self, job: u64, until_ms: i64) {
        match self.waiting.iter_mut().find(|(other, _)| *other == job) {
            Some((_, due_ms)) => *due_ms = until_ms,
            None => self.waiting.push_back((job, until_ms)),
        }
    }

    /// A job took a place.
    pub(super) fn took(&mut self, job: u64, now_ms: i64) {
        self.waiting.retain(|(other, _)| *other != job);
        if self.turn.is_none_or(|(last, since_ms)| last != job || now_ms >= since_ms + TURN_MS) {
            self.turn = Some((job, now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two jobs that always want more, under a limit of one place in so many milliseconds; the first
    /// always asks first. How many places each took in a second.
    fn shared(interval_ms: i64) -> [usize; 2] {
        let (mut fair, mut free_at, mut asks_at, mut took) = (Fair::default(), 0, [0, 0], [0, 0]);
        for now_ms in 0..1000 {
            for job in [0, 1] {
                while asks_at[job] <= now_ms {
                    if let Some(again_ms) = fair.yields_until(job as u64, now_ms) {
                        asks_at[job] = again_ms;
                    } else if free_at <= now_ms {
                        free_at = now_ms + interval_ms;
                        took[job] += 1;
                        fair.took(job as u64, now_ms);
                    } else {
                        asks_at[job] = free_at;
                        fair.waits(job as u64, free_at);
                    }
                }
            }
        }
        took
    }

    #[test]
    fn places_are_shared_evenly_and_none_is_lost() {
        for interval_ms in [1, 2, 7, 50, 200] {
            let [first, second] = shared(interval_ms);

            assert!(first.abs_diff(second) <= 6, "{first} and {second} at {interval_ms} ms");
            let all = (1000 / interval_ms) as usize;
            assert!(first + second >= all * 9 / 10, "{first} and {second} of {all}");
        }
    }

    #[test]
    fn nobody_waits_for_a_job_that_does_not_come() {
        let mut fair = Fair::default();
        fair.waits(1, 100);
        fair.took(2, 90);

        assert_eq!(fair.yields_until(2, 100), Some(101));
        assert_eq!(fair.yields_until(2, 121), None);
    }
}
