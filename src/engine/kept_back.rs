//! Calls that are kept back: their people must not be erased for now, or nobody knows whether they were.
//!
//! The run of one waits for a person, and its people's lanes are left. An erasure of which an earlier attempt has no
//! answer may have been made all the same, by this process or by one before it. So whom it may have erased counts as
//! erased from then on. The rule that keeps it right: nobody leaves the lanes of such a call, whatever becomes of
//! it, before the disk has that; so nothing older than the attempt brings anybody back.

use std::collections::HashMap;

use super::answers::Settled;
use super::batches::{Batch, Member};
use super::driver::{After, Driver};
use super::lanes::Slot;
use super::relay::parked;
use crate::catalogue::Effect;
use crate::job::{Ended, Event, FORGETFUL, Mark, MarkKind, ON_HOLD, Presumed};
use crate::journal::Hold;
use crate::ledger::moment;
use crate::plan::Call;
use crate::request::Order;

/// What is said of a request whose erasure may have been made.
const MAY_BE_MADE: &str = "; it may have been made before, and for the gate it was: older changes are refused, and `privaflow gate \
     release` lets somebody through";

/// Erasures of earlier processes that have no answer: by key of the gate, what it is to keep of them.
#[derive(Debug, Default)]
pub(super) struct KeptBack {
    lost: HashMap<[u8; 16], Order>,
}

impl KeptBack {
    pub(super) fn of(lost: Option<Presumed>) -> KeptBack {
        let marks = lost.into_iter().flat_map(|lost| lost.marks);
        KeptBack { lost: marks.map(|mark| (mark.key, mark.order)).collect() }
    }
}

/// A call that is not made now.
#[derive(Debug)]
pub(super) struct Kept {
    pub slot: Slot,
    pub service: usize,
    pub call: Box<Call>,
    /// When an attempt of this process left that has no answer, in Unix milliseconds.
    pub lost_ms: Option<i64>,
}

impl Driver {
    /// A batch that is about to leave, without those whom somebody put on hold since it was gathered; `None`
    /// when nothing is left of it.
    pub(super) fn but_for_held(&mut self, mut batch: Batch, now_ms: i64) -> Option<Batch> {
        let is_erasure = |member: &Member| member.call.action().effect == Effect::Irreversible;
        if self.holds.are_none() || !batch.members.first().is_some_and(is_erasure) {
            return Some(batch);
        }
        let (gate, wall_ms, lost_ms) = (batch.gate(), self.clock.now_ms(), self.lost_ms(&batch));
        let mut left = Vec::with_capacity(batch.members.len());
        for member in std::mem::take(&mut batch.members) {
            match self.holds.of(member.call.may_be_held(), wall_ms) {
                Some(hold) => {
                    let Member { slot, call, .. } = member;
                    self.keep_from_erasing(Kept { slot, service: batch.service, call, lost_ms }, &hold);
                }
                None => left.push(member),
            }
        }
        batch.members = left;
        if batch.members.is_empty() {
            if let Some(gate) = gate {
                self.services.settle(gate, now_ms, now_ms);
            }
            return None;
        }
        Some(batch)
    }

    /// A call would erase somebody who must not be erased.
    pub(super) fn keep_from_erasing(&mut self, kept: Kept, hold: &Hold) {
        let until = hold.until_ms.map(|until_ms| format!(" until {}", moment(until_ms)));
        let message = format!(
            "hold {} of {} keeps this person from being erased{}: {}; `privaflow hold remove` lets it go on",
            hold.id,
            hold.by,
            until.unwrap_or_default(),
            hold.reason
        );
        self.keep_back(kept, ON_HOLD, message);
    }

    /// A call could bring somebody back who was erased after the backup that the store was restored from.
    pub(super) fn keep_in_doubt(&mut self, kept: Kept) {
        let until = self.marks.unknown_until_ms().map(moment).unwrap_or_default();
        let message = format!(
            "the store was restored at {until} and does not know who was erased since its backup was made: it is not known \
             whether this would bring somebody back; `privaflow store restore --acknowledge` lets it go on"
        );
        self.keep_back(kept, FORGETFUL, message);
    }

    /// A call is not made, and its request waits. It is looked at again whenever its job goes on.
    fn keep_back(&mut self, kept: Kept, code: &str, mut message: String) {
        let Kept { slot, service, call, lost_ms } = kept;
        let (presumed, may_be_made) = self.presumed_of(slot, service, &call, lost_ms);
        if may_be_made {
            message.push_str(MAY_BE_MADE);
        }
        let mut events: Vec<Event> = presumed.into_iter().map(Event::Presumed).collect();
        if self.abandoned.has(slot) {
            events.extend(self.settled_call(slot, 0));
        } else if let Some(live) = self.runs.take(slot) {
            self.waits.attention += 1;
            let position = live.about.position;
            // Who only asks for what is in the air has nothing new to say of it.
            if !events.is_empty() || !self.settles_only() || !self.state.is_kept_back(position) {
                let step = Some(self.path_of(&live.run));
                // What was accepted before stays accepted, whatever is not made now.
                let accepted = self.endings.has_written(&live.run);
                let parked = Ended { accepted, ..parked(&live.about, step, code, message) };
                events.push(Event::Ended { ended: vec![parked] });
            }
        }
        let members = vec![Member { slot, call, looks: false }];
        let (over, keys, continued) = (vec![slot], Vec::new(), Vec::new());
        let settled = Settled { members, service, over, keys, continued };
        if events.is_empty() {
            return self.on_settled(settled);
        }
        events.iter().for_each(|event| self.state.apply(event));
        let number = self.writer.append_together(events);
        self.after.push_back((number, After::Settled(Box::new(settled))));
    }

    /// When the last attempt of a batch left that this process made and that has no answer.
    pub(super) fn lost_ms(&self, batch: &Batch) -> Option<i64> {
        let now_ms = self.clock.now_ms();
        // What was halved does not know when it left.
        let passed_ms = match batch.left_ms {
            0 => 0,
            left_ms => self.clock.steady_ms().saturating_sub(left_ms),
        };
        batch.may_be_made.then(|| now_ms.saturating_sub(passed_ms))
    }

    /// A call was refused, and is not made again: whom an earlier attempt of it may have erased counts as erased.
    pub(super) fn presume_lost(&mut self, slot: Slot, service: usize, call: &Call, lost_ms: Option<i64>) {
        if let (Some(presumed), _) = self.presumed_of(slot, service, call, lost_ms) {
            self.write(Event::Presumed(presumed), None);
        }
    }

    /// Whom a call may have erased already, unless the gate was told; and whether it may have been made.
    fn presumed_of(
        &self,
        slot: Slot,
        service: usize,
        call: &Call,
        lost_ms: Option<i64>,
    ) -> (Option<Presumed>, bool) {
        let nobody = (None, false);
        if self.is_shadow || call.action().effect != Effect::Irreversible {
            return nobody;
        }
        let (Some(position), Some(space)) = (self.runs.position(slot), self.marks_in.get(service)) else {
            return nobody;
        };
        let is_lost = self.abandoned.has(slot) || self.state.may_have_been_made(position);
        let is_told = self.state.is_presumed(position);
        if !is_lost && !is_told && lost_ms.is_none() {
            return nobody;
        }
        let (at_ms, by, lost) = (self.clock.now_ms(), self.erased_by(slot), &self.kept_back.lost);
        let keys = || call.erases().iter().map(|person| space.key(MarkKind::Erased, person.digest()));
        let is_own = lost_ms.is_some() || self.abandoned.is_own(slot);
        if is_told && !is_own && !keys().any(|key| lost.contains_key(&key)) {
            return (None, true);
        }
        let mark = |key: [u8; 16]| {
            let earlier = lost.get(&key).copied().filter(|_| lost_ms.is_none());
            let order = earlier.unwrap_or_else(|| space.erasure(lost_ms.unwrap_or(at_ms), by));
            Mark { kind: MarkKind::Erased, key, order }
        };
        let marks: Vec<Mark> = keys().map(mark).collect();
        let presumed = Presumed { at_ms, positions: vec![position], marks };
        ((!presumed.marks.is_empty()).then_some(presumed), true)
    }
}
