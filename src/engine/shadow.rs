//! Jobs that only look: everything is read, planned and written down, and no write leaves.
//!
//! A batch of writes goes as far as its moment: it waits for its lanes, its limits and the journal like any
//! other. Then it is answered as not sent, and its runs go on as when a write is not needed. What would have
//! been sent is counted by the journal. The rule that keeps it right: reads pass, and everything else stops
//! here, what tells the portal of a request how far it is no less than what changes a person.

use super::answers::Pending;
use super::batches::Batch;
use super::driver::Driver;
use super::planned::ended;
use super::worker::{Going, Heard, Work};
use crate::catalogue::Effect;
use crate::job::{NOT_SENT, Skip};

impl Driver {
    /// Whether a batch must not leave because the job only looks.
    pub(super) fn is_only_looking(&self, batch: &Batch) -> bool {
        self.is_shadow && batch.members.iter().any(|member| member.call.action().effect != Effect::Read)
    }

    /// Answers a batch whose moment has come as not sent.
    pub(super) fn do_not_send(&mut self, mut batch: Batch) {
        self.in_flight -= 1;
        self.abandoned_in_flight -= usize::from(batch.is_abandoned);
        if let Some(gate) = batch.gate() {
            self.services.settle(gate, batch.left_ms, self.clock.steady_ms());
        }
        let (number, at_ms) = (batch.number, self.clock.now_ms());
        let members = std::mem::take(&mut batch.members);
        let action = members.first().map(|member| member.call.action());
        let action = action.map(|action| format!("{}/{}", action.system, action.id));
        let mut pending = Pending::of(batch, NOT_SENT, action, at_ms);
        let mut going = Vec::new();
        for member in members {
            let Some(mut live) = self.runs.take(member.slot) else { continue };
            live.again = false;
            if live.is_thin {
                let finish = self.endings.passed(&mut live.run, &self.task.program, Skip::Shadow);
                self.tolerated += u64::from(finish.tolerated);
                pending.ended.push(ended(&live.about, finish));
            } else {
                going.push(Going { slot: member.slot, live, heard: Heard::Passed(Skip::Shadow) });
            }
            pending.batch.members.push(member);
        }
        if going.is_empty() {
            return self.settle(pending, Vec::new(), Vec::new());
        }
        self.advancing.insert(number, pending);
        self.working += 1;
        let now_ms = self.run_ms();
        self.workers.give(Work::Advance { batch: Some(number), runs: going, now_ms });
    }
}
