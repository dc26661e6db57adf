//! When a job has nothing to do but wait: for how long, and whether it is over.

use super::driver::Driver;
use super::task::Patience;
use super::timers::Now;

/// No documented limit counts longer than an hour; its end may be told in whole seconds.
const LONGEST_WINDOW_MS: i64 = 3_601_000;

impl Driver {
    /// Nothing is under way in this process and nothing was heard that it has not taken in: only time could bring
    /// something.
    pub(super) fn is_idle(&self) -> bool {
        self.working == 0 && self.in_flight == 0 && self.messages.is_empty()
    }

    /// Nothing is left to do, or a stop was asked for and what was under way is written down.
    pub(super) fn is_over(&self) -> bool {
        // What nobody waits for any more is not waited for.
        let awaited = self.in_flight - self.abandoned_in_flight;
        let is_quiet = self.working == 0 && (awaited == 0 || self.is_out_of_time());
        let settled = is_quiet && self.after.is_empty() && self.ended.is_empty();
        let empty = self.runs.len() == self.abandoned.unawaited() && self.reader.is_at_end();
        settled && (empty || self.stopping)
    }

    /// In virtual time, jumps to the next moment at which anything is due.
    pub(super) fn skip_time(&mut self) -> bool {
        let Some(pause_ms) = self.timers.next_in(self.now()) else { return false };
        if self.virtual_clock.is_none() || !self.after.is_empty() || self.gives_up() {
            return false;
        }
        if let Some(clock) = &self.virtual_clock {
            clock.advance(std::time::Duration::from_millis(pause_ms.max(0).unsigned_abs()));
        }
        while let Some(due) = self.timers.pop(self.now()) {
            self.on_due(due);
        }
        true
    }

    /// Whether only pauses are left that are longer than this process is willing to stay, or only
    /// work for a profile that was stopped.
    pub(super) fn gives_up(&self) -> bool {
        // Where all that there is room for was left as it is, nothing more is read.
        let reads_on = !self.settles_only() && !self.reader.is_at_end() && self.has_room();
        if reads_on && !self.services.any_stopped() {
            return false;
        }
        let Some(pause_ms) = self.timers.next_in(self.now()) else { return true };
        match self.patience {
            Patience::Endless => false,
            // A place under a limit is worth any wait that a limit can ask for: only pauses of runs and
            // retries are measured.
            Patience::Until(_) if pause_ms <= LONGEST_WINDOW_MS && self.waits_for_a_place() => false,
            Patience::Until(wait) => pause_ms > i64::try_from(wait.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// How long to wait at most for a message.
    pub(super) fn pause(&self) -> std::time::Duration {
        let longest = 200;
        let ms = match self.timers.next_in(self.now()) {
            Some(pause_ms) if self.virtual_clock.is_none() => pause_ms.clamp(0, longest),
            Some(_) | None => longest,
        };
        std::time::Duration::from_millis(ms.unsigned_abs())
    }

    fn waits_for_a_place(&self) -> bool {
        !self.batches.is_empty() && !self.services.any_stopped()
    }

    /// What time it is for runs: they began by the calendar of the moment this process took them on, and
    /// go on as time passes, but while the emergency stop holds everything. A calendar that jumps meanwhile
    /// takes nothing off what a run was given.
    pub(super) fn run_ms(&self) -> i64 {
        let now_ms = self.clock.steady_ms();
        let passed_ms = now_ms.saturating_sub(self.opened_steady_ms).saturating_sub(self.all_held_ms(now_ms));
        self.task.opened_ms.saturating_add(passed_ms)
    }

    /// What time it is, by the calendar and in steady time.
    pub(super) fn now(&self) -> Now {
        Now::of(&*self.clock)
    }
}
