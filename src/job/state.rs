//! Where a job stands: its events folded up.
//!
//! [`State`] takes events in the order they were written and forgets what no longer matters: of a
//! finished record one bit stays, of an unfinished one what it must remember. The rule that keeps
//! it right: a record's first end counts, and everything about the record goes with it; a waiting
//! verdict is not an end and may be replaced, and a person may have an ended record tried again (see
//! [`again`]). Nothing is refused here, because what is written has
//! happened; deciding what may happen next is the work of `engine`.

use std::collections::{BTreeMap, HashMap};

mod again;
mod answers;
mod decisions;
mod ends;
mod in_the_air;

pub use again::ReopenedAs;
pub use decisions::Decided;
pub use in_the_air::Abandoned;

use again::Again;
use decisions::Decisions;
use in_the_air::InTheAir;

use super::{
    ABANDONED, Answered, Ended, Event, FUTURE_TIME, Fail, Finished, Intended, NEVER_LEFT, NOT_SENT, Pause,
    Position, Status, StepAnswer, Totals, Verdict,
};

/// A job's events, folded. Memory grows with its unfinished records and one bit per finished one.
#[derive(Debug, Clone, Default)]
pub struct State {
    finished: Finished,
    totals: Totals,
    /// Unfinished records that a process gave up for now.
    paused: BTreeMap<Position, Paused>,
    waits: BTreeMap<Position, Wait>,
    answers: HashMap<Position, Vec<StepAnswer>>,
    batches: BTreeMap<u64, Batch>,
    in_the_air: InTheAir,
    next_batch: u64,
    hold: Option<Hold>,
    approvals: u64,
    status: Option<Status>,
    again: Again,
    decisions: Decisions,
}

/// An exchange that was about to leave and of which no answer was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unresolved {
    /// Number of the batch in its job.
    pub batch: u64,
    /// The last attempt that was about to leave; 0 for the first.
    pub attempt: u32,
    /// May be sent again although its outcome is unknown.
    pub repeatable: bool,
    /// Index of the step in the workflow.
    pub step: u32,
    /// The records whose calls it carried.
    pub positions: Vec<Position>,
    /// How many one-person calls it carried.
    pub calls: u32,
}

/// A moment that a record waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Path of the step that waits.
    pub step: String,
    /// Unix milliseconds.
    pub until_ms: i64,
}

/// Why the guard stopped a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hold {
    /// People the job would write to irreversibly; with `max_change`, its requests.
    pub subjects: u64,
    /// How many the guard allows; with `max_change`, the requests of the last finished job.
    pub limit: u64,
    /// By how many percent the number of requests may change, when it changed by more.
    pub max_change: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Paused {
    pause: Pause,
    proof: Proof,
    /// Its time lies ahead.
    is_ahead: bool,
}

/// What became certain of a record, whatever else becomes of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Proof {
    pub(super) accepted: bool,
    pub(super) verified: bool,
}

impl Proof {
    fn of(ended: &Ended) -> Proof {
        Proof { accepted: ended.accepted, verified: ended.verified }
    }

    fn and(self, earlier: Proof) -> Proof {
        Proof { accepted: self.accepted || earlier.accepted, verified: self.verified || earlier.verified }
    }
}

#[derive(Debug, Clone)]
struct Batch {
    exchange: Unresolved,
    /// An answer came and decided nothing; another attempt may follow.
    answered: bool,
    /// An earlier attempt got no answer, and may have been made.
    was_lost: bool,
}

impl State {
    /// The state after one more event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            // A process that is gone sends no further attempt of what was answered.
            Event::Opened { at_ms: _ } => {
                let left = std::mem::take(&mut self.batches).into_values().filter(|batch| !batch.answered);
                left.for_each(|batch| self.in_the_air.leave(batch.exchange));
            }
            Event::Intended(intended) => self.intend(intended),
            Event::Answered(answered) => self.answer(answered),
            Event::Ended { ended } => {
                self.note_parked(ended);
                self.end(ended);
            }
            Event::Waiting { position, step, until_ms } => {
                if !self.is_finished(*position) {
                    self.waits.insert(*position, Wait { step: step.clone(), until_ms: *until_ms });
                }
            }
            Event::Held { subjects, limit, max_change } => {
                self.hold = Some(Hold { subjects: *subjects, limit: *limit, max_change: *max_change });
            }
            Event::Approved { at_ms: _, by: _ } => {
                self.hold = None;
                self.approvals += 1;
            }
            Event::Cancelled { at_ms: _, by: _ } => self.status = Some(Status::Cancelled),
            Event::Passed { steps } => {
                for step in steps {
                    if !self.is_finished(step.position) {
                        self.remember(step);
                    }
                }
            }
            Event::Reopened(reopened) => self.reopen(reopened),
            Event::Identified { identified: _ } | Event::Erased { positions: _ } | Event::Attempted(_) => {}
            Event::Presumed(presumed) => self.in_the_air.presume(&presumed.positions),
            Event::Decided(decision) => self.decide(decision),
            Event::Stopped(stopped) => self.stop(stopped),
        }
    }

    /// Whether the record is over: nothing of it may be sent again.
    pub fn is_finished(&self, position: Position) -> bool {
        self.finished.contains(position) || self.is_given_up(position)
    }

    /// How many records are over.
    pub fn finished(&self) -> u64 {
        self.finished.count()
    }

    /// What an unfinished record was left waiting for when a process stopped over it.
    pub fn pause_of(&self, position: Position) -> Option<Pause> {
        self.paused.get(&position).map(|paused| paused.pause)
    }

    /// Whether it was left waiting because its time lay ahead, and for nothing else.
    pub fn is_ahead(&self, position: Position) -> bool {
        self.paused.get(&position).is_some_and(|paused| paused.is_ahead)
    }

    /// What an unfinished record must remember of its earlier steps, in the order they were first
    /// answered. Of a record that is tried again these are the accepted ones of earlier tries, and
    /// behind them those of this try: a step can then stand behind one that follows it in the workflow.
    pub fn answers_of(&self, position: Position) -> &[StepAnswer] {
        match self.answers.get(&position) {
            Some(answers) if !self.is_finished(position) => answers,
            Some(_) | None => &[],
        }
    }

    /// Unfinished records that wait for a moment, in the order of the input.
    pub fn waits(&self) -> &BTreeMap<Position, Wait> {
        &self.waits
    }

    /// Exchanges whose outcome nobody knows, in the order they left. A process that takes the job over
    /// sends those again that may be repeated, before it goes on; for each of the others it writes down
    /// that their records wait for a person, and an answer with status 0.
    pub fn unresolved(&self) -> impl Iterator<Item = &Unresolved> {
        let now = self.batches.values().filter(|batch| !batch.answered).map(|batch| &batch.exchange);
        self.in_the_air.exchanges().chain(now)
    }

    /// Whether a call may be in the air that nobody has yet said waits for a person, or counts as made, and whose
    /// record is not over, or was over before it was answered.
    pub fn is_any_in_the_air(&self) -> bool {
        let waits = |position| self.pause_of(position) == Some(Pause::NeedsAttention);
        let is_any_unresolved = self.unresolved().any(|exchange| {
            let mut open = exchange.positions.iter().filter(|position| !self.is_finished(**position));
            open.any(|at| !self.is_kept_back(*at) && (exchange.repeatable || !waits(*at)))
        });
        is_any_unresolved || self.abandoned().next().is_some()
    }

    /// Whether an earlier attempt of a call of this record may have been made, although a later one was answered
    /// without deciding anything, or an earlier process sent it and nobody knows yet.
    pub fn may_have_been_made(&self, position: Position) -> bool {
        self.in_the_air.has(position)
    }

    /// Exchanges whose steps were out of time before they were answered, by the numbers of their batches.
    /// A process that takes the job over repeats their calls before it goes on.
    pub fn abandoned(&self) -> impl Iterator<Item = (u64, &[Abandoned])> {
        self.in_the_air.abandoned()
    }

    /// A number that no batch of the job has had.
    pub fn next_batch(&self) -> u64 {
        self.next_batch
    }

    /// Why the guard holds the job, while it does.
    pub fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// Whether a person ever let the job go on after the guard held it.
    pub fn is_approved(&self) -> bool {
        self.approvals > 0
    }

    /// Where the job stands.
    pub fn status(&self) -> Status {
        match (self.status, self.hold) {
            (Some(status), _) => status,
            (None, Some(_)) => Status::Held,
            (None, None) => Status::Open,
        }
    }

    /// The counts so far. Of a held or cancelled job whose input was read to its end, every record
    /// counts; of an open one, those that something was written about.
    pub fn totals(&self) -> Totals {
        let mut totals = self.totals.clone();
        let is_cancelled = self.status == Some(Status::Cancelled);
        let verdict_of = |pause| match is_cancelled {
            true => Verdict::Failed(Fail::Cancelled),
            false => Verdict::Waiting(pause),
        };
        for paused in self.paused.values() {
            totals.add(verdict_of(paused.pause), 1);
            totals.prove(paused.proof);
        }
        let only_waiting = self.waits.keys().filter(|position| !self.paused.contains_key(position)).count();
        totals.add(verdict_of(Pause::Wait), only_waiting as u64);
        for (position, proof) in self.again.tried() {
            if !self.paused.contains_key(&position) {
                totals.prove(proof);
                let is_counted = self.waits.contains_key(&position);
                totals.add(verdict_of(Pause::Retry), u64::from(!is_counted));
            }
        }
        let rest = match (is_cancelled || self.again.rest_is_given_up(), self.hold) {
            (true, _) => Some(Verdict::Failed(Fail::Cancelled)),
            (false, Some(_)) => Some(Verdict::Waiting(Pause::Guard)),
            (false, None) => None,
        };
        if let Some(verdict) = rest {
            totals.add(verdict, totals.records.unwrap_or(0).saturating_sub(totals.requests()));
        }
        totals
    }

    fn intend(&mut self, intended: &Intended) {
        self.next_batch = self.next_batch.max(intended.batch.saturating_add(1));
        self.totals.http_requests += 1;
        self.totals.retries += u64::from(intended.attempt > 0);
        self.in_the_air.leaves(&intended.positions);
        let earlier = self.batches.remove(&intended.batch);
        // What must not be repeated is never tried again without an answer.
        let is_lost = |batch: &Batch| intended.repeatable && (!batch.answered || batch.was_lost);
        let was_lost = earlier.as_ref().is_some_and(is_lost);
        let positions = match earlier {
            Some(earlier) if intended.positions.is_empty() => earlier.exchange.positions,
            Some(_) | None => intended.positions.clone(),
        };
        let exchange = Unresolved {
            batch: intended.batch,
            attempt: intended.attempt,
            repeatable: intended.repeatable,
            step: intended.step,
            positions,
            calls: intended.calls,
        };
        self.batches.insert(intended.batch, Batch { exchange, answered: false, was_lost });
    }

    fn answer(&mut self, answered: &Answered) {
        self.note_parked(&answered.ended);
        let decided = !answered.steps.is_empty() || !answered.ended.is_empty();
        if let Some(mut batch) = self.batches.remove(&answered.batch) {
            if answered.status == ABANDONED {
                let told = |position| self.answers.get(&position).cloned().unwrap_or_default();
                self.in_the_air.abandon(&batch.exchange, told);
            }
            if answered.status == NOT_SENT {
                let action = answered.request_id.as_deref().unwrap_or_default();
                self.totals.note_not_sent(action, batch.exchange.calls);
            } else if answered.status == NEVER_LEFT {
                self.totals.http_requests = self.totals.http_requests.saturating_sub(1);
                self.totals.retries =
                    self.totals.retries.saturating_sub(u64::from(batch.exchange.attempt > 0));
            }
            if batch.was_lost {
                self.in_the_air.leave(batch.exchange.clone());
            }
            if answered.status == NOT_SENT {
                // It is no call that was made.
            } else if decided || (200..300).contains(&answered.status) {
                self.totals.calls += u64::from(batch.exchange.calls);
            } else if !(400..500).contains(&answered.status) || answered.status == 429 {
                // It may be tried again under its number. (Another 4xx that decides nothing was
                // split: its halves have numbers of their own.)
                batch.answered = true;
                self.batches.insert(answered.batch, batch);
            }
        } else {
            self.in_the_air.settle(answered.batch);
        }
        for step in &answered.steps {
            if !self.is_finished(step.position) {
                self.remember(step);
            }
        }
        self.end(&answered.ended);
    }

    fn remember(&mut self, answer: &StepAnswer) {
        self.in_the_air.land(answer.position);
        self.waits.remove(&answer.position);
        let answers = self.answers.entry(answer.position).or_default();
        match answers.iter_mut().rev().find(|earlier| earlier.step == answer.step) {
            Some(earlier) => earlier.clone_from(answer),
            None => answers.push(answer.clone()),
        }
    }

    fn end(&mut self, ended: &[Ended]) {
        for ended in ended {
            self.forget_what_failed(ended);
            let proof = Proof::of(ended).and(self.again.proof(ended.position));
            if let Verdict::Waiting(pause) = ended.verdict {
                if !self.is_finished(ended.position) {
                    let is_ahead = ended.failure.as_ref().is_some_and(|why| why.code == FUTURE_TIME);
                    self.decisions.ask(ended);
                    self.paused.insert(ended.position, Paused { pause, proof, is_ahead });
                }
            } else {
                self.finish(ended.position, ended.verdict, proof);
            }
        }
    }
}

#[cfg(test)]
mod tests;
