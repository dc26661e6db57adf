//! Calls that nobody waits for any more, and that may have been made: the time of their step was over
//! before they were answered.
//!
//! Their runs have failed, or gone on. Each is made again until it is answered, because nothing newer may
//! leave before that: it keeps its people's lanes, and where it has no answer when its process ends, its
//! job stays open and the next process begins with it. The journal keeps the exchange in the air under the
//! number that it had when it was abandoned; its calls are made again in batches that know nothing of
//! records. The rule that keeps it right: it is settled once every call of it is, and never before.

use std::collections::{BTreeMap, HashMap};

use super::answers::Settled;
use super::batches::{Batch, Member, Waits};
use super::driver::Driver;
use super::fresh::marks_of;
use super::in_the_air::CallAbandoned;
use super::lanes::Slot;
use super::runs::Blocked;
use crate::job::{Answered, Event};
use crate::plan::PersonKey;
use crate::reply::Item;
use crate::run::Prepared;

/// The abandoned calls of a job, by the slots that stand for them in its lanes and batches.
#[derive(Debug, Default)]
pub(super) struct Abandoned {
    calls: HashMap<Slot, Kept>,
    /// How many calls of each exchange are not settled.
    exchanges: BTreeMap<u64, usize>,
    awaited: usize,
}

#[derive(Debug)]
struct Kept {
    exchange: u64,
    /// The number of their workspace.
    space: u32,
    people: Box<[PersonKey]>,
    /// An earlier process abandoned it: this one stays for its answer.
    is_awaited: bool,
    /// It waits in its lanes.
    blocked: Option<Blocked>,
}

impl Abandoned {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether a slot stands for one.
    pub(super) fn has(&self, slot: Slot) -> bool {
        !self.calls.is_empty() && self.calls.contains_key(&slot)
    }

    /// How many are not waited for before the job is left.
    pub(super) fn unawaited(&self) -> usize {
        self.calls.len() - self.awaited
    }

    /// Whether a slot stands for one that this process abandoned.
    pub(super) fn is_own(&self, slot: Slot) -> bool {
        self.calls.get(&slot).is_some_and(|call| !call.is_awaited)
    }

    /// Whom they write to.
    pub(super) fn people(&self) -> impl Iterator<Item = (u32, PersonKey)> {
        self.calls.values().flat_map(|call| call.people.iter().map(|person| (call.space, *person)))
    }

    /// Leaves one waiting in its lanes; gives it back when the slot stands for none.
    pub(super) fn block(&mut self, slot: Slot, blocked: Blocked) -> Option<Blocked> {
        match self.calls.get_mut(&slot) {
            Some(call) => {
                call.blocked = Some(blocked);
                None
            }
            None => Some(blocked),
        }
    }

    /// One that waited in its lanes may leave.
    pub(super) fn unblock(&mut self, slot: Slot) -> Option<Blocked> {
        if self.calls.is_empty() {
            return None;
        }
        self.calls.get_mut(&slot)?.blocked.take()
    }

    fn add(&mut self, slot: Slot, call: Kept) {
        *self.exchanges.entry(call.exchange).or_default() += 1;
        self.awaited += usize::from(call.is_awaited);
        self.calls.insert(slot, call);
    }

    /// It is known what came of one. Gives its exchange when that was the last of it.
    fn settle(&mut self, slot: Slot) -> Option<u64> {
        let Kept { exchange, is_awaited, .. } = self.calls.remove(&slot)?;
        self.awaited -= usize::from(is_awaited);
        let left = self.exchanges.get_mut(&exchange)?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        self.exchanges.remove(&exchange);
        Some(exchange)
    }
}

impl Driver {
    /// Nobody waits for the calls of a batch any more: they are made again, not before this moment.
    pub(super) fn abandon(&mut self, batch: &Batch, due_ms: i64) {
        let space = self.space(batch.service);
        let mut members = Vec::with_capacity(batch.members.len());
        for Member { slot, call, .. } in &batch.members {
            let Some(position) = self.runs.position(*slot) else { continue };
            let slot = self.runs.reserve(position);
            let people = call.reaches().into();
            let (exchange, is_awaited) = (batch.number, false);
            self.abandoned.add(slot, Kept { exchange, space, people, is_awaited, blocked: None });
            members.push(Member { slot, call: call.clone(), looks: call.look().is_some() });
        }
        let again = self.batches.apart(batch.service, batch.step, members, Waits::Nobody);
        let number = again.number;
        self.retrying.insert(number, again);
        if !self.stopping {
            self.timers.retry_at(due_ms, number);
        }
    }

    /// Takes over what an earlier process abandoned: it goes before everything else.
    pub(super) fn take_abandoned(&mut self, found: Vec<CallAbandoned>) {
        for CallAbandoned { exchange, position, prepared } in found {
            let Prepared { step, profile, call } = prepared;
            let step = self.task.budget(step).like;
            let Ok(service) = self.services.find(&call.action().system, profile.as_deref()) else { continue };
            let slot = self.runs.reserve(position);
            let (space, people) = (self.space(service), call.reaches().into());
            self.abandoned.add(slot, Kept { exchange, space, people, is_awaited: true, blocked: None });
            self.enter_lanes(slot, Blocked { service, step, call });
        }
        // What cannot be asked for any more holds nobody up.
        let lost = self.state.abandoned().map(|(exchange, _)| exchange);
        let lost: Vec<u64> = lost.filter(|number| !self.abandoned.exchanges.contains_key(number)).collect();
        for exchange in lost {
            tracing::error!(
                batch = exchange,
                "batch {exchange} of {} was abandoned without an answer, and cannot be made again",
                self.task.job
            );
            let settled = self.settled_exchange(exchange, 0);
            self.write(settled, None);
        }
    }

    /// A batch of them was answered.
    pub(super) fn settle_abandoned(
        &mut self,
        batch: Batch,
        items: Vec<Item>,
        status: u16,
        request_id: Option<String>,
    ) {
        let (at_ms, lost_ms) = (self.clock.now_ms(), self.lost_ms(&batch));
        let Batch { number, service, step, members: all, .. } = batch;
        let (mut marks, mut members) = (Vec::new(), Vec::with_capacity(all.len()));
        let (mut again, mut alone) = (Vec::new(), Vec::new());
        for (member, item) in all.into_iter().zip(items) {
            match item {
                Item::Again => again.push(member),
                Item::AskAlone => alone.push(vec![member]),
                Item::Written | Item::Accepted { .. } => {
                    if let Some(space) = self.marks_in.get(service) {
                        marks_of(&member.call, space, at_ms, self.erased_by(member.slot), &mut marks);
                    }
                    members.push(member);
                }
                Item::Refused(_) => {
                    self.presume_lost(member.slot, service, &member.call, lost_ms);
                    members.push(member);
                }
            }
        }
        let over: Vec<Slot> = members.iter().map(|member| member.slot).collect();
        let slots = over.clone();
        let (keys, continued) = (Vec::new(), Vec::new());
        let (steps, ended) = (Vec::new(), Vec::new());
        let answered = Answered { batch: number, at_ms, status, request_id, steps, ended, marks };
        // What they leave behind is there before they are settled.
        let witness = self.witness(service, &members, Vec::new());
        self.write_answered(
            answered,
            Settled { members, service, over, keys, continued },
            witness,
            Vec::new(),
        );
        slots.into_iter().for_each(|slot| self.settle_call(slot, status));
        for members in std::iter::once(again).chain(alone) {
            self.batches.close_abandoned(service, step, members);
        }
    }

    /// One of them need not be made, because something newer is there.
    pub(super) fn pass_abandoned(&mut self, slot: Slot) {
        self.settle_call(slot, 0);
        self.free(slot);
    }

    fn settle_call(&mut self, slot: Slot, status: u16) {
        if let Some(settled) = self.settled_call(slot, status) {
            self.write(settled, None);
        }
    }

    /// What says that nobody asks for a call any more, where it was the last of its exchange.
    pub(super) fn settled_call(&mut self, slot: Slot, status: u16) -> Option<Event> {
        let exchange = self.abandoned.settle(slot)?;
        Some(self.settled_exchange(exchange, status))
    }

    fn settled_exchange(&self, batch: u64, status: u16) -> Event {
        let (at_ms, request_id) = (self.clock.now_ms(), None);
        let (steps, ended, marks) = (Vec::new(), Vec::new(), Vec::new());
        Event::Answered(Answered { batch, at_ms, status, request_id, steps, ended, marks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(exchange: u64, is_awaited: bool) -> Kept {
        Kept { exchange, space: 0, people: Box::default(), is_awaited, blocked: None }
    }

    #[test]
    fn an_exchange_is_settled_once_every_call_of_it_is() {
        let mut abandoned = Abandoned::default();
        abandoned.add(1, call(7, false));
        abandoned.add(2, call(7, false));
        abandoned.add(3, call(8, true));
        assert_eq!(abandoned.unawaited(), 2);

        assert_eq!(abandoned.settle(1), None);
        assert_eq!(abandoned.settle(1), None);
        assert_eq!(abandoned.settle(2), Some(7));

        assert_eq!((abandoned.unawaited(), abandoned.is_empty()), (0, false));
        assert_eq!(abandoned.settle(3), Some(8));
        assert!(abandoned.is_empty());
    }
}
