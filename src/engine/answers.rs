//! What came back: told to each run, written down, and only then acted on.

use super::again::Outcome;
use super::batches::{Batch, Member};
use super::driver::{After, Driver, is_final};
use super::fresh::marks_of;
use super::planned::ended;
use super::send::{Replied, Reply};
use super::worker::{Advanced, Going, Gone, Heard, Work};
use crate::catalogue::Effect;
use crate::job::{ABANDONED, Answered, Ended, Event, Mark, Position, StepAnswer, Verdict};
use crate::journal::{ErasedBy, Irreversible, Sealed};
use crate::ledger::{Answer as Told, FEW, Witness};
use crate::reply::{Item, written};
use crate::run::{Answer, Next};

/// How often a batch fails without an answer before it is halved.
const POISONED_AFTER: u32 = 3;

/// An answered batch whose runs are with a worker.
#[derive(Debug)]
pub(super) struct Pending {
    pub batch: Batch,
    status: u16,
    request_id: Option<String>,
    at_ms: i64,
    pub ended: Vec<Ended>,
    marks: Vec<Mark>,
    /// Records of which a call was accepted that cannot be undone.
    erased: Vec<Position>,
    /// What looks are to ask for of those that ended.
    sought: Sealed,
    /// What each of few was told, for the ledger.
    told: Vec<Told>,
    /// Calls to be sent again together.
    again: Vec<Member>,
    /// Calls to be sent again, each in a request of its own.
    alone: Vec<Member>,
}

impl Pending {
    /// Of a batch whose calls are still to be looked at.
    pub(super) fn of(batch: Batch, status: u16, request_id: Option<String>, at_ms: i64) -> Pending {
        Pending {
            ended: Vec::with_capacity(batch.members.len()),
            marks: Vec::new(),
            erased: Vec::new(),
            sought: Vec::new(),
            batch,
            status,
            request_id,
            at_ms,
            told: Vec::new(),
            again: Vec::new(),
            alone: Vec::new(),
        }
    }
}

/// A run that goes on once its answer is durable.
#[derive(Debug)]
pub(super) struct Continued {
    pub slot: u32,
    pub next: Next,
}

/// What follows an answer that is durable.
#[derive(Debug)]
pub(super) struct Settled {
    /// The calls that are over, for their lanes.
    pub members: Vec<Member>,
    /// Where they went.
    pub service: usize,
    /// Slots of runs that ended.
    pub over: Vec<u32>,
    /// Ids of runs that ended.
    pub keys: Vec<[u8; 16]>,
    /// Runs that go on.
    pub continued: Vec<Continued>,
}

impl Driver {
    /// An exchange ended.
    pub(super) fn on_replied(&mut self, replied: Replied) {
        let Replied { mut batch, reply, status, request_id, said, requests, at_ms, now_ms } = replied;
        // The client repeats what a 401 refused when the token is another one now: that is a request too.
        for _ in 1..requests {
            batch.attempt += 1;
            let event = self.intended(&batch);
            self.write(event, None);
        }
        let (job, number) = (self.task.job, batch.number);
        let took_ms = now_ms.saturating_sub(batch.left_ms);
        tracing::debug!(
            %job, batch = number, status, took_ms, request_id = request_id.as_deref().unwrap_or(""),
            "batch {number} of {job} was answered: HTTP {status} after {took_ms} ms"
        );
        self.flights.remove(&number);
        if let Some(gate) = batch.gate() {
            self.services.settle(gate, batch.left_ms, now_ms);
            if status != 0 {
                self.services.observe(gate, &said, batch.left_ms, now_ms);
                self.note_rest(gate, &said, (at_ms, now_ms));
            }
        }
        match reply {
            Reply::Items(items) => self.on_items(batch, items, status, request_id, at_ms),
            Reply::Split => {
                self.resolve(&batch, status, request_id, at_ms);
                self.batches.close_halves(batch);
            }
            Reply::NotApplied { not_before_ms, counts } => {
                self.resolve(&batch, status, request_id, at_ms);
                self.try_again(batch, not_before_ms, Outcome::Nothing, counts, now_ms);
            }
            Reply::NotReached { why } => {
                self.resolve(&batch, status, request_id, at_ms);
                if !self.task.budget(batch.step).is_minor {
                    self.services.note_not_reached(batch.service, batch.tries, &why);
                }
                self.try_again(batch, None, Outcome::Nothing, true, now_ms);
            }
            Reply::Unknown { .. } | Reply::Unreadable { .. } if self.is_poisoned(&batch) => {
                tracing::warn!(
                    batch = batch.number,
                    "batch {} fails again and again while others are answered; it is halved",
                    batch.number
                );
                // An answer that says nothing does not count as one.
                let status = if (200..300).contains(&status) { 0 } else { status };
                self.resolve(&batch, status, request_id, at_ms);
                self.batches.close_halves(batch);
            }
            // A body that brings the service down is answered otherwise: nothing is halved.
            Reply::Declined { not_before_ms } => {
                tracing::warn!(
                    batch = batch.number,
                    "batch {} was answered with HTTP {status}, which does not say whether it was carried out; it is repeated",
                    batch.number
                );
                self.try_again(batch, not_before_ms, Outcome::Unknown, true, now_ms);
            }
            Reply::Unreadable { by } => self.on_unreadable(batch, by, status, now_ms),
            Reply::Unknown { why } if batch.is_repeatable() => {
                tracing::warn!(
                    batch = batch.number,
                    "batch {} has no answer ({why}); it is repeated",
                    batch.number
                );
                self.try_again(batch, None, Outcome::Unknown, true, now_ms);
            }
            Reply::Unknown { why } if batch.can_look() => {
                tracing::warn!(
                    batch = batch.number,
                    "batch {} has no answer ({why}); it is asked whether it was carried out",
                    batch.number
                );
                batch.members.iter_mut().for_each(|member| member.looks = true);
                self.try_again(batch, None, Outcome::Unknown, true, now_ms);
            }
            Reply::Unknown { why } => self.park(batch, &why),
            Reply::Stop { why } => {
                self.resolve(&batch, status, request_id, at_ms);
                self.services.stop(batch.service, why);
                self.batches.put_back(batch);
            }
        }
    }

    /// Whether one call of a batch seems to bring the service down: it failed several times, and the
    /// service answered others since it first left. Only calls that may be repeated are halved, and only when an
    /// attempt before this one had no answer either: the journal then keeps all of them in the air until the
    /// halves are answered.
    fn is_poisoned(&self, batch: &Batch) -> bool {
        batch.is_repeatable()
            && batch.may_be_made
            && batch.members.len() > 1
            && batch.tries + 1 >= POISONED_AFTER
            && self.services.accepted_since(batch.service, batch.first_ms)
    }

    pub(super) fn on_items(
        &mut self,
        batch: Batch,
        items: Vec<Item>,
        status: u16,
        request_id: Option<String>,
        at_ms: i64,
    ) {
        if batch.is_abandoned {
            return self.settle_abandoned(batch, items, status, request_id);
        }
        let number = batch.number;
        if (200..300).contains(&status) {
            self.services.note_accepted(batch.service, self.clock.steady_ms());
        }
        let mut pending = Pending::of(batch, status, request_id, at_ms);
        let count = pending.batch.members.len();
        let members = std::mem::replace(&mut pending.batch.members, Vec::with_capacity(count));
        pending.marks.reserve(count);
        let lost_ms = self.lost_ms(&pending.batch);
        let mut going = Vec::new();
        for (member, item) in members.into_iter().zip(items) {
            let result = match item {
                Item::Written => Ok(None),
                Item::Accepted { output } => Ok(Some(output)),
                Item::Refused(refusal) => Err(refusal),
                Item::AskAlone => {
                    pending.alone.push(member);
                    continue;
                }
                Item::Again => {
                    pending.again.push(member);
                    continue;
                }
            };
            if result.is_ok()
                && member.call.action().effect.writes()
                && let Some(space) = self.marks_in.get(pending.batch.service)
            {
                marks_of(&member.call, space, at_ms, self.erased_by(member.slot), &mut pending.marks);
            }
            // What is out of time stays in its lanes until it is answered.
            if result.is_err() && !pending.batch.stays_in_the_air {
                self.presume_lost(member.slot, pending.batch.service, &member.call, lost_ms);
            }
            let Some(mut live) = self.runs.take(member.slot) else { continue };
            live.again = false;
            let is_watched = self.task.program.workflow.watch.is_some();
            if result.is_ok() && is_watched && member.call.action().effect == Effect::Irreversible {
                pending.erased.push(live.about.position);
            }
            if live.is_thin {
                let finish = match result {
                    Ok(_) => self.endings.accepted(&mut live.run, &self.task.program),
                    Err(refusal) => self.endings.refused(&mut live.run, &self.task.program, refusal),
                };
                self.tolerated += u64::from(finish.tolerated);
                self.leave_sought(&mut live.about, finish.verdict, &mut pending.sought);
                pending.ended.push(ended(&live.about, finish));
            } else {
                let at_ms = self.run_ms();
                let result = result.map(|output| output.unwrap_or_else(written));
                let heard = Heard::Answer(Answer { result, status, at_ms });
                going.push(Going { slot: member.slot, live, heard });
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

    /// Workers took runs on.
    pub(super) fn on_advanced(&mut self, advanced: Advanced) {
        let mut pending = advanced.batch.and_then(|number| self.advancing.remove(&number));
        let mut steps = Vec::new();
        let mut continued = Vec::new();
        let mut over = Vec::new();
        for Gone { slot, mut live, step, found, deserted, next } in advanced.runs {
            if let (Some(pending), Some(deserted)) = (&mut pending, deserted) {
                let by = ErasedBy::of(self.task.job, live.about.position);
                self.cover_deserted(pending.batch.service, &deserted, by, &mut pending.marks);
            }
            if let Some(pending) = pending.as_mut().filter(|pending| pending.batch.members.len() <= FEW) {
                let told = step.as_ref().map(|step| (step.position, step.step.clone()));
                pending.told.extend(told.map(|(position, step)| Told { position, step, found }));
            }
            match next {
                Next::Ended(finish) => {
                    self.tolerated += u64::from(finish.tolerated);
                    self.presume_gone(&live.about);
                    // When it is tried again, what was accepted last is not sent again either.
                    let may_be_tried_again = matches!(finish.verdict, Verdict::Failed(_));
                    self.waits.attention += u64::from(!is_final(finish.verdict));
                    steps.extend(step.filter(|step| may_be_tried_again && step.accepted));
                    let mut sought = std::mem::take(match &mut pending {
                        Some(pending) => &mut pending.sought,
                        None => &mut self.sought,
                    });
                    self.leave_sought(&mut live.about, finish.verdict, &mut sought);
                    match &mut pending {
                        Some(pending) => pending.sought = sought,
                        None => self.sought = sought,
                    }
                    over.push(ended(&live.about, finish));
                    if pending.is_none() {
                        self.free(slot);
                    }
                }
                next => {
                    steps.extend(step);
                    self.runs.put(slot, live);
                    continued.push(Continued { slot, next });
                }
            }
        }
        match pending {
            Some(mut pending) => {
                pending.ended.append(&mut over);
                self.settle(pending, steps, continued);
            }
            None => {
                if !steps.is_empty() {
                    self.write(Event::Passed { steps }, None);
                }
                self.ended.append(&mut over);
                for Continued { slot, next } in continued {
                    self.follow(slot, next);
                }
            }
        }
    }

    pub(super) fn settle(&mut self, pending: Pending, steps: Vec<StepAnswer>, continued: Vec<Continued>) {
        let Pending { batch, status, request_id, at_ms, ended, marks, erased, sought, told, again, alone } =
            pending;
        if !erased.is_empty() {
            // Before the answer: a crash between the two leaves a request that is not over.
            self.write(Event::Erased { positions: erased }, None);
        }
        let (service, step) = (batch.service, batch.step);
        let status = if batch.stays_in_the_air { ABANDONED } else { status };
        let goes_on: std::collections::HashSet<u32> = continued.iter().map(|run| run.slot).collect();
        let over = batch.members.iter().map(|member| member.slot).filter(|slot| !goes_on.contains(slot));
        let witness = self.witness(service, &batch.members, told);
        let settled = Settled {
            over: over.collect(),
            // The same request again stays in hand while a person decides about this one.
            keys: ended.iter().filter(|ended| is_final(ended.verdict)).map(|ended| ended.id.key).collect(),
            service: batch.service,
            continued,
            members: if batch.stays_in_the_air { Vec::new() } else { batch.members },
        };
        let answered = Answered { batch: batch.number, at_ms, status, request_id, steps, ended, marks };
        self.write_answered(answered, settled, witness, sought);
        self.batches.close_apart(service, step, again);
        for member in alone {
            self.batches.close_apart(service, step, vec![member]);
        }
    }

    /// Writes an answer down, with a note for the guard when people were written to irreversibly.
    pub(super) fn write_answered(
        &mut self,
        answered: Answered,
        settled: Settled,
        witness: Option<Box<Witness>>,
        sought: Sealed,
    ) {
        let is_irreversible =
            settled.members.first().is_some_and(|member| member.call.action().effect == Effect::Irreversible);
        let event = Event::Answered(answered);
        self.state.apply(&event);
        let number = match self.services.get(settled.service) {
            Some(service) if is_irreversible && !self.task.is_canary => {
                let note = Irreversible {
                    workspace: service.workspace.clone(),
                    at_ms: self.clock.now_ms(),
                    people: settled.members.len() as u64,
                };
                self.writer.append_sought(event, Some(note), witness, sought)
            }
            Some(_) | None => self.writer.append_sought(event, None, witness, sought),
        };
        self.after.push_back((number, After::Settled(Box::new(settled))));
    }

    /// An answer is durable: lanes move up, runs go on.
    pub(super) fn on_settled(&mut self, settled: Settled) {
        let Settled { members, service, over, keys, continued } = settled;
        let writes = members.iter().filter(|member| member.call.action().effect.writes());
        self.leave_lanes(service, writes.map(|member| member.call.reaches()));
        self.shared.in_hand().give_back(&keys);
        for slot in over {
            self.free(slot);
        }
        for Continued { slot, next } in continued {
            self.follow(slot, next);
        }
    }
}
