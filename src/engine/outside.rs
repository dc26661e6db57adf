//! Waiting for what other hands hold: the emergency stop, and the lanes of other jobs.
//!
//! No timer of ours says when that is over, so a job that has nothing else to do looks again now and
//! then, for as long as its patience lasts. What is held stays where it is, and no budget of a step is
//! used up meanwhile: how long each profile was held is noted, and left out wherever time is counted
//! that a call or a run may take.

use std::collections::{BTreeSet, VecDeque};

use super::driver::Driver;
use super::shared::Behind;
use super::task::Patience;
use crate::job::JobId;

/// What this job waits for that is in other hands.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The emergency stop held a batch back at the last look.
    is_braked: bool,
    /// Since when nothing left, in milliseconds of steady time; `None` while nothing is in other hands.
    since_ms: Option<i64>,
    /// The jobs that had the lanes of its people when it was left.
    pub(super) behind: BTreeSet<JobId>,
    /// When each profile was held.
    holds: Vec<Holds>,
    /// When all of them were.
    all: Holds,
}

/// Most spans of one profile that are remembered; what was held before them counts again.
const MOST_SPANS: usize = 256;

/// Spans of steady time in which something was held, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Holds {
    over: VecDeque<(i64, i64)>,
    since_ms: Option<i64>,
}

impl Holds {
    fn look(&mut self, is_held: bool, now_ms: i64) {
        match (self.since_ms, is_held) {
            (None, true) => self.since_ms = Some(now_ms),
            (Some(since_ms), false) => {
                self.since_ms = None;
                self.over.push_back((since_ms, now_ms));
                if self.over.len() > MOST_SPANS {
                    self.over.pop_front();
                }
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// For how long it was held between two moments.
    fn between(&self, from_ms: i64, until_ms: i64) -> i64 {
        let now = self.since_ms.map(|since_ms| (since_ms, i64::MAX));
        let spans = self.over.iter().copied().chain(now);
        spans.map(|(since_ms, end_ms)| (end_ms.min(until_ms) - since_ms.max(from_ms)).max(0)).sum()
    }
}

impl Outside {
    /// A new look at what may leave begins.
    pub(super) fn begin(&mut self) {
        self.is_braked = false;
    }

    /// Notes which profiles are held now.
    fn look(&mut self, held: &[bool], now_ms: i64) {
        self.holds.resize_with(held.len(), Holds::default);
        self.holds.iter_mut().zip(held).for_each(|(holds, is_held)| holds.look(*is_held, now_ms));
        self.all.look(!held.is_empty() && held.iter().all(|is_held| *is_held), now_ms);
    }

    /// Patience begins anew.
    pub(super) fn note_that_something_left(&mut self) {
        self.since_ms = None;
    }
}

impl Driver {
    /// Whether the emergency stop holds a profile.
    pub(super) fn is_braked(&mut self, service: usize) -> bool {
        let holds = self.services.get(service).is_some_and(|service| self.shared.holds(&service.name));
        self.outside.is_braked |= holds;
        holds
    }

    /// Notes which profiles the emergency stop holds.
    pub(super) fn note_holds(&mut self) {
        let held: Vec<bool> = self.services.names().map(|name| self.shared.holds(name)).collect();
        self.outside.look(&held, self.clock.steady_ms());
    }

    /// For how long a profile was held between two moments of steady time.
    pub(super) fn held_ms(&self, service: usize, from_ms: i64, until_ms: i64) -> i64 {
        self.outside.holds.get(service).map_or(0, |holds| holds.between(from_ms, until_ms))
    }

    /// For how long everything was held since this process took the job on.
    pub(super) fn all_held_ms(&self, now_ms: i64) -> i64 {
        self.outside.all.between(self.opened_steady_ms, now_ms)
    }

    /// Nothing is under way: whether this process should leave the job as it is.
    pub(super) fn should_leave(&mut self) -> bool {
        let Behind { jobs, is_at_work } = self.shared.behind(self.engine);
        let leaves = if !self.outside.is_braked && !is_at_work {
            self.outside.since_ms = None;
            self.gives_up()
        } else {
            let now_ms = self.clock.steady_ms();
            let since_ms = *self.outside.since_ms.get_or_insert(now_ms);
            match self.patience {
                Patience::Endless => false,
                Patience::Until(wait) => {
                    now_ms.saturating_sub(since_ms) > i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
                }
            }
        };
        // Somebody may have made way meanwhile.
        let leaves = leaves && self.messages.is_empty();
        if leaves {
            // As it is now: it may change at any moment.
            self.outside.behind = jobs;
        }
        leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_held_counts_only_as_far_as_it_lies_between_two_moments() {
        let mut holds = Holds::default();
        holds.look(true, 100);
        holds.look(true, 150);
        holds.look(false, 200);
        holds.look(true, 300);

        assert_eq!(holds.between(0, 250), 100);
        assert_eq!(holds.between(150, 250), 50);
        assert_eq!(holds.between(150, 340), 90);
        assert_eq!(holds.between(210, 290), 0);
    }

    #[test]
    fn everything_is_held_only_while_every_profile_is() {
        let mut outside = Outside::default();
        outside.look(&[true, false], 0);
        outside.look(&[true, true], 10);
        outside.look(&[false, true], 30);

        assert_eq!(outside.all.between(0, 100), 20);
        assert_eq!(outside.holds.iter().map(|holds| holds.between(0, 100)).collect::<Vec<_>>(), [30, 90]);
    }
}
