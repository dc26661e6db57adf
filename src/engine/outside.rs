//! Waiting for what other hands hold: the emergency stop, and the lanes of other jobs.
//!
//! No timer of ours says when that is over, so a job that has nothing else to do looks again now and
//! then, for as long as its patience lasts. What is held stays where it is.

use super::driver::Driver;
use super::task::Patience;

/// What this job waits for that is in other hands.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// The emergency stop held a batch back at the last look.
    is_braked: bool,
    /// Since when nothing left, in milliseconds of steady time; `None` while nothing is in other hands.
    since_ms: Option<i64>,
}

impl Outside {
    /// A new look at what may leave begins.
    pub(super) fn begin(&mut self) {
        self.is_braked = false;
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

    /// Nothing is under way: whether this process should leave the job as it is.
    pub(super) fn should_leave(&mut self) -> bool {
        if !self.outside.is_braked && !self.shared.lanes().waits_for_others(self.engine) {
            self.outside.since_ms = None;
            return self.gives_up();
        }
        let now_ms = self.clock.steady_ms();
        let since_ms = *self.outside.since_ms.get_or_insert(now_ms);
        match self.patience {
            Patience::Endless => false,
            Patience::Until(wait) => {
                now_ms.saturating_sub(since_ms) > i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
            }
        }
    }
}
