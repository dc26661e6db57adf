//! What an earlier process left in the air: calls of which no answer was written down, and which may
//! have been made.
//!
//! One that may be repeated is carried out again before anything else; one that must not be waits for a
//! person, and the opt-outs that it may have set are marked, so that no older choice undoes them
//! meanwhile. The journal knows only which records such calls are of, so the records are read and planned
//! again; the marks stand in the event that settles the exchange, so that they are there as soon as it
//! is settled.
//!
//! The rule that keeps it right holds over all jobs of a store: the same state is answered before a newer
//! one leaves. So before a job writes, what other open jobs left in the air in the same workspaces is
//! settled too: they are driven no further than that ([`Extent::InTheAir`]). Which jobs these are is the
//! work of `host`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::batches::Batch;
use super::driver::Driver;
use super::fresh::opt_outs_of;
use super::lanes::Slot;
use super::open::JobError;
use super::plan_record::Planner;
use super::relay::unnamed;
use super::task::{EngineError, Task};
use super::worker::{First, Planned};
use crate::intake::Records;
use crate::job::{Answered, Event, Mark, Position, Unresolved};
use crate::plan::PersonKey;
use crate::run::{Next, Prepared};

/// How far a job is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As far as it goes.
    All,
    /// Until what an earlier process left in the air is answered, and so long at most: what has no answer by then
    /// stays in its people's lanes.
    InTheAir(Duration),
}

/// Held until the job has what it left in the air in its lanes, and let go then: whoever begins a job of
/// the same store waits for it, so that nothing newer overtakes.
pub type Turn = Box<dyn Send>;

/// Whom the calls reach that an earlier process left in the air and that are made again, by record: the number
/// of the workspace, and the people.
pub(super) type TakenOver = HashMap<Position, (u32, Box<[PersonKey]>)>;

/// The records whose calls are in the air, planned again.
#[derive(Debug, Default)]
pub(super) struct InTheAir {
    /// Calls that may be repeated: they go before all others.
    pub again: Vec<Planned>,
    /// Calls that must not be, by their records.
    parked: HashMap<Position, Prepared>,
    /// Calls that an earlier process abandoned without an answer: they go before all others.
    pub abandoned: Vec<CallAbandoned>,
}

/// A call of an exchange that was abandoned.
#[derive(Debug)]
pub(super) struct CallAbandoned {
    /// The number of the exchange.
    pub exchange: u64,
    /// The record.
    pub position: Position,
    /// The call, rendered again.
    pub prepared: Prepared,
}

impl InTheAir {
    /// Reads and plans them.
    pub(super) async fn of(task: &Arc<Task>, mut records: Records) -> Result<InTheAir, JobError> {
        let task = Arc::clone(task);
        let planned = tokio::task::spawn_blocking(move || {
            let mut planner = Planner::new(&task);
            let mut found = InTheAir::default();
            let mut abandoned: HashMap<Position, Vec<_>> = HashMap::new();
            for (exchange, calls) in task.past.abandoned() {
                for call in calls {
                    abandoned.entry(call.position).or_default().push((exchange, &call.answers));
                }
            }
            let mut left = task.past.in_the_air() + abandoned.len();
            while left > 0
                && let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)?
            {
                for record in chunk.records() {
                    let position = record.position();
                    if let Some(calls) = abandoned.get(&position) {
                        left -= 1;
                        for &(exchange, answers) in calls {
                            let call = planner.abandoned_call(record, answers);
                            let kept = call.map(|prepared| CallAbandoned { exchange, position, prepared });
                            found.abandoned.extend(kept);
                        }
                    }
                    if task.past.is_again(position) {
                        left -= 1;
                        found.again.push(planner.plan_again(record));
                    } else if task.past.is_unexplained(position) {
                        left -= 1;
                        found.parked.extend(planner.sent_call(record).map(|call| (position, call)));
                    }
                }
            }
            Ok::<_, EngineError>(found)
        });
        Ok(planned.await.map_err(|_| EngineError::Stopped("the reader"))??)
    }
}

/// What settles an exchange that an earlier process left in the air and that must not be repeated: its
/// records wait for a person, and what it may have set is marked.
fn settled(exchange: &Unresolved, at_ms: i64, marks: Vec<Mark>) -> Vec<Event> {
    let mut events = Vec::with_capacity(2);
    if !exchange.positions.is_empty() {
        let ended = exchange.positions.iter().map(|position| unnamed(*position)).collect();
        events.push(Event::Ended { ended });
    }
    events.push(Event::Answered(Answered {
        batch: exchange.batch,
        at_ms,
        status: 0,
        request_id: None,
        steps: Vec::new(),
        ended: Vec::new(),
        marks,
    }));
    events
}

impl Driver {
    /// Settles what an earlier process left in the air and must not be repeated; gives the number of the last
    /// event that says so. What may be repeated is in the air until it is answered.
    pub(super) fn take_over(&mut self, found: &mut InTheAir) -> u64 {
        let at_ms = self.clock.now_ms();
        let mut events = Vec::new();
        for exchange in self.state.unresolved().filter(|exchange| !exchange.repeatable) {
            let mut marks = Vec::new();
            for position in &exchange.positions {
                if let Some(Prepared { profile, mut call, .. }) = found.parked.remove(position)
                    && let Ok(service) = self.services.find(&call.action().system, profile.as_deref())
                    && let Some(space) = self.marks_in.get(service)
                {
                    opt_outs_of(&mut call, space, &mut marks);
                }
            }
            events.extend(settled(exchange, at_ms, marks));
        }
        events.into_iter().map(|event| self.write(event, None)).last().unwrap_or(0)
    }

    /// The people of requests of which nobody knows whether they were made, by the number of their workspace:
    /// nobody else may write to them until that is answered.
    pub(super) fn whom_it_leaves_in_the_air(&self) -> HashSet<(u32, PersonKey)> {
        // By record: what is sent again can stand in another batch than the one that had no answer.
        let mut positions = HashSet::new();
        for exchange in self.state.unresolved() {
            positions.extend(exchange.positions.iter().copied());
        }
        // Whom these may have erased counts as erased: nobody waits for their answers.
        positions.retain(|position| !self.state.is_kept_back(*position));
        let taken_over = self.taken_over.iter().filter(|(position, _)| positions.contains(position));
        let taken_over = taken_over.flat_map(|(_, (space, people))| people.iter().map(|key| (*space, *key)));
        let left = self.retrying.values().flat_map(Batch::calls).chain(self.batches.waiting());
        let left = left.filter(|(_, member)| {
            let position = self.runs.position(member.slot);
            member.call.action().effect.writes() && position.is_some_and(|at| positions.contains(&at))
        });
        let people = left.flat_map(|(service, member)| {
            let space = self.space(service);
            member.call.reaches().iter().map(move |person| (space, *person))
        });
        people.chain(taken_over).chain(self.abandoned.people()).collect()
    }

    /// Notes whom the calls reach that go before all others, for as long as nobody knows what became of them.
    pub(super) fn note_taken_over(&mut self, again: &[Planned]) {
        for planned in again {
            let First::Goes { next: Next::Call(Prepared { profile, call, .. }), .. } = &planned.first else {
                continue;
            };
            let service = self.services.find(&call.action().system, profile.as_deref());
            if let Ok(service) = service
                && call.action().effect.writes()
            {
                let whom = (self.space(service), Box::from(call.reaches()));
                self.taken_over.insert(planned.about.position, whom);
            }
        }
    }

    /// Whether this process does no more here than to settle what is in the air, and has done so.
    pub(super) fn has_settled(&self) -> bool {
        self.settles_only() && !self.runs.any_again() && self.abandoned.is_empty()
    }

    /// Whether this process does no more here than to settle what is in the air.
    pub(super) fn settles_only(&self) -> bool {
        matches!(self.extent, Extent::InTheAir(_))
    }

    /// Whether all that this process was to do for a run is done: no further call of it is in the air. What it
    /// sent besides would be cut off when its time is over, and nobody would know whom it reaches.
    pub(super) fn is_answered_here(&mut self, slot: Slot) -> bool {
        self.settles_only() && self.runs.get_mut(slot).is_none_or(|live| !live.again)
    }

    /// Leaves a run where it stands, for whoever goes on with its job.
    pub(super) fn leave_for_later(&mut self, slot: Slot) {
        if let Some(live) = self.runs.take(slot) {
            self.shared.in_hand().give_back([&live.about.id.key]);
            self.aside += 1;
        }
        self.free(slot);
    }

    /// Whether it was to be settled by now: nobody stays for answers any more.
    pub(super) fn is_out_of_time(&self) -> bool {
        let Extent::InTheAir(at_most) = self.extent else { return false };
        let passed_ms = self.clock.steady_ms().saturating_sub(self.opened_steady_ms);
        passed_ms >= i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX)
    }
}
