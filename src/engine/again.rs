//! What is sent again, when, and what is not.
//!
//! A call that may be repeated is tried until its budget is spent; what must not be repeated and may
//! have been made waits for a person. The rule that keeps it right: after an unknown outcome the same
//! state is answered before a newer one leaves, even if the run that wanted it is long over.

use super::answers::Settled;
use super::batches::{Batch, Gate, Member};
use super::driver::Driver;
use super::fresh::opt_outs_of;
use super::relay::sent_without_answer;
use super::send::Said;
use super::timers::Now;
use crate::job::{Answered, Event};
use crate::reply::Item;

/// What is known of the last exchange of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It changed nothing.
    Nothing,
    /// It may have been made.
    Unknown,
}

impl Driver {
    /// The exchange is known not to have changed anything, or may be made again whatever it did. Of a call
    /// that an earlier attempt may have carried out nothing is known yet.
    pub(super) fn resolve(&mut self, batch: &Batch, status: u16, request_id: Option<String>, at_ms: i64) {
        if batch.must_look() {
            return;
        }
        let answered = Answered {
            batch: batch.number,
            at_ms,
            status,
            request_id,
            steps: Vec::new(),
            ended: Vec::new(),
            marks: Vec::new(),
        };
        let witness = self.witness(batch.service, &batch.members, Vec::new());
        self.write_witnessed(Event::Answered(answered), None, witness);
    }

    /// A batch that was about to leave does not.
    pub(super) fn hold_back(&mut self, batch: Batch) {
        self.in_flight -= 1;
        self.abandoned_in_flight -= usize::from(batch.is_abandoned);
        if let Some(gate) = batch.gate() {
            self.services.settle(gate, batch.left_ms, self.clock.steady_ms());
        }
        let at_ms = self.clock.now_ms();
        self.resolve(&batch, crate::job::NEVER_LEFT, None, at_ms);
        self.batches.put_back(batch);
    }

    /// Notes what a service asked for, so that whoever comes after this process keeps to it, too.
    pub(super) fn note_rest(&mut self, gate: Gate, said: &Said, (wall_ms, steady_ms): (i64, i64)) {
        if self.virtual_clock.is_none()
            && let Some(rest) = self.services.rest(gate, said, Now { wall_ms, steady_ms })
        {
            self.writer.note_rest(rest);
        }
    }

    /// Tries a batch again, not before the service allows; beyond its budget it is left waiting.
    pub(super) fn try_again(
        &mut self,
        mut batch: Batch,
        not_before_ms: Option<i64>,
        outcome: Outcome,
        counts: bool,
        now_ms: i64,
    ) {
        batch.may_be_made |= outcome == Outcome::Unknown || batch.must_look();
        batch.attempt += 1;
        if counts {
            batch.tries += 1;
        }
        let budget = self.task.budget(batch.step);
        let due_ms = self.services.next_try(&batch, budget.backoff, not_before_ms, now_ms);
        // Waiting for a place under a limit counts against no time-out.
        let under_limit_ms = if counts { 0 } else { due_ms.saturating_sub(now_ms) };
        let first_ms = batch.first_ms.unwrap_or(now_ms).saturating_add(under_limit_ms);
        batch.first_ms = Some(first_ms);
        // Nor does what the emergency stop held.
        let first_ms = first_ms.saturating_add(self.held_ms(batch.service, first_ms, now_ms));
        if let Some(timeout_ms) = budget.timeout_ms
            && !batch.is_abandoned
            && due_ms >= first_ms.saturating_add(timeout_ms)
        {
            return self.time_out(batch, due_ms);
        }
        let number = batch.number;
        let is_spent = batch.tries >= budget.attempts || due_ms > first_ms.saturating_add(budget.at_most_ms);
        self.retrying.insert(number, batch);
        // The answer may be taken together with the signal.
        if !is_spent && !self.stopping && !self.stop.is_cancelled() {
            self.timers.retry_at(due_ms, number);
        }
    }

    /// The step's time is up: its runs fail. A write that may have been made is still asked for until it
    /// is answered, so that nothing newer leaves before it.
    fn time_out(&mut self, mut batch: Batch, due_ms: i64) {
        let refusal = crate::catalogue::Refusal::new(
            "timeout",
            "the service did not accept the call within the step's `timeout`",
        );
        let is_write = |member: &Member| member.call.action().effect.writes();
        if self.may_be_made(&batch) && batch.members.iter().all(is_write) {
            self.abandon(&batch, due_ms);
            batch.stays_in_the_air = true;
        }
        let items = batch.members.iter().map(|_| Item::Refused(refusal.clone())).collect();
        let now_ms = self.clock.now_ms();
        self.on_items(batch, items, 0, None, now_ms);
    }

    /// Nobody knows whether a call that must not be repeated took effect: a person decides. Until then
    /// later requests of the same people go on, as they do when the job is taken up again.
    pub(super) fn park(&mut self, batch: Batch, why: &str) {
        tracing::error!(
            batch = batch.number,
            "batch {} may or may not have taken effect ({why}) and must not be repeated; its requests wait for a person",
            batch.number
        );
        let Batch { number, service, mut members, .. } = batch;
        let mut marks = Vec::new();
        if let Some(space) = self.marks_in.get(service) {
            members.iter_mut().for_each(|member| opt_outs_of(&mut member.call, space, &mut marks));
        }
        let mut parked = Vec::with_capacity(members.len());
        for Member { slot, .. } in &members {
            // The same request again stays in hand, so that it is not sent while a person decides.
            if let Some(live) = self.runs.take(*slot) {
                let step = Some(self.path_of(&live.run));
                parked.push(sent_without_answer(&live.about, step));
                self.waits.attention += 1;
            }
            self.free(*slot);
        }
        // First that they wait, then that nothing is in the air any more: between the two nothing is sent.
        self.write(Event::Ended { ended: parked }, None);
        let (steps, ended, at_ms) = (Vec::new(), Vec::new(), self.clock.now_ms());
        let (over, keys, continued) = (Vec::new(), Vec::new(), Vec::new());
        let witness = self.witness(service, &members, Vec::new());
        let settled = Settled { members, service, over, keys, continued };
        let answered = Answered { batch: number, at_ms, status: 0, request_id: None, steps, ended, marks };
        self.write_answered(answered, settled, witness, Vec::new());
    }
}
