//! When a run pauses, for how long, and how a pause ends.
//!
//! A run is told what time it is and says until when it pauses; who waits for it may know better when
//! that is over.

use super::facts::Program;
use super::machine::{Pending, Run};
use crate::job::Fail;
use crate::workflow::{Repeat, Step, StepKind};

impl Run {
    /// The pause the run is in, if it is in one.
    pub fn waits_until(&self) -> Option<i64> {
        match self.pending {
            Pending::Wait { until_ms } | Pending::Pause { until_ms, .. } => Some(until_ms),
            Pending::Nothing | Pending::Call { .. } | Pending::Approval => None,
        }
    }

    /// Whether the pause is that of a `wait` step, whose end nothing else remembers.
    pub fn is_at_wait_step(&self) -> bool {
        matches!(self.pending, Pending::Wait { .. })
    }

    /// Moves the end of a `wait` step to where it was when the run first came there, if that is known. A
    /// wait that began before now is over in so much time as it takes in all: an end beyond that is of a
    /// calendar that was set back since.
    pub fn resume_wait(&mut self, program: &Program, recorded_until_ms: Option<i64>, now_ms: i64) {
        let Pending::Wait { until_ms } = self.pending else { return };
        let Some(StepKind::Wait(all)) = self.current(program).map(|step| &step.kind) else { return };
        let latest_ms = now_ms.saturating_add(i64::try_from(all.as_millis()).unwrap_or(i64::MAX));
        let until_ms = recorded_until_ms.unwrap_or(until_ms).min(latest_ms);
        self.pending = Pending::Wait { until_ms };
    }

    /// The pause is over, whatever time it is for the run.
    pub fn end_pause(&mut self) {
        if let Pending::Wait { until_ms } | Pending::Pause { until_ms, .. } = &mut self.pending {
            *until_ms = i64::MIN;
        }
    }

    /// A repeated call did not come to what it is repeated for: it pauses, or its time is over.
    pub(super) fn pause_or_time_out(
        &mut self,
        program: &Program,
        step: &Step,
        number: u32,
        first_at_ms: Option<i64>,
        at_ms: i64,
    ) {
        let Some(Repeat { every, at_most, .. }) = &step.repeat else { return };
        let first_at_ms = first_at_ms.unwrap_or(at_ms);
        let until_ms = at_ms.saturating_add(i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
        let last_ms = first_at_ms.saturating_add(i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX));
        if until_ms > last_ms {
            let message = format!("`until` did not come true within {at_most:?}");
            let trouble = self.trouble(program, Fail::Timeout, Fail::Timeout.word(), message);
            self.fail(program, step, trouble);
        } else {
            self.pending = Pending::Pause { until_ms, number: number + 1, first_at_ms };
        }
    }
}
