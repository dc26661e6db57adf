//! What of a call may still be made: nothing older than what is there, and nothing that brings an
//! erased person back.
//!
//! Asked when a call has its people's lanes, so that everything that was accepted before is durable and
//! nothing else is on its way. An older state leaves the call; a call of which nothing is left is
//! passed, and so is one of a person who was erased after the change: see [`super::gate`].

use super::batches::Member;
use super::driver::Driver;
use super::gate::Gate;
use super::kept_back::Kept;
use super::lanes::{Rank, Slot};
use super::runs::Blocked;
use super::task::EngineError;
use super::worker::{Going, Heard, Work};
use crate::catalogue::Effect;
use crate::job::{Mark, MarkKind, Skip};
use crate::journal::{ErasedBy, Marks, Space, StoreError, TargetsLooked};
use crate::plan::{Call, LeftOfErased, PersonKey, Target};
use crate::request::Order;

/// How far a change may be dated ahead of our clock before a person must look at it.
pub(super) const FUTURE_MS: i64 = 5 * 60_000;

/// What may be made of a call.
enum Left {
    /// All of it.
    All,
    /// This much of it.
    Part(Box<Call>),
    /// Nothing.
    Nothing(Skip),
    /// Nobody knows yet: a person must say something first.
    InDoubt,
}

/// What a call is held against.
struct Held<'h> {
    marks: &'h Marks,
    space: &'h Space,
    gate: Gate<'h>,
    /// What a worker found of its states, if one looked.
    looked: Option<&'h TargetsLooked>,
    /// Tells the time where it matters.
    now_ms: &'h dyn Fn() -> i64,
    /// It is looked whether people are still gone.
    is_look: bool,
}

impl Held<'_> {
    /// What may be made of a call, given what was accepted before.
    fn left_of(&self, call: &mut Call) -> Result<Left, StoreError> {
        if call.action().effect == Effect::Irreversible {
            let erases_again = self.is_look || call.erases_again();
            return Ok(match erases_again && self.have_returned(call.erases())? {
                true => Left::Nothing(Skip::Superseded),
                false => Left::All,
            });
        }
        let erased = self.gate.erased(call)?;
        if erased.is_empty() {
            return self.newest_of(call);
        }
        if self.gate.is_in_doubt(call)? {
            return Ok(Left::InDoubt);
        }
        call.note_return();
        let left = match call.after(&erased) {
            LeftOfErased::All => self.newest_of(call)?,
            LeftOfErased::Nothing => Left::Nothing(Skip::Erased),
            LeftOfErased::Part(mut part) => match self.newest_of(&mut part)? {
                Left::All => Left::Part(part),
                left => left,
            },
        };
        Ok(match left {
            Left::Part(mut part) => {
                part.note_return();
                Left::Part(part)
            }
            left => left,
        })
    }

    /// Whether one of these people, who were erased before, came back since by their own choice, or was let through
    /// the gate by a person. A choice counts that names what only the profile has that is there now, too: its Braze
    /// id, or an address that is new.
    fn have_returned(&self, people: &[PersonKey]) -> Result<bool, StoreError> {
        let erased = self.gate.among(people)?;
        let latest_ms = erased.iter().map(|(_, until_ms)| *until_ms).max();
        for person in people {
            let is_erased = erased.iter().any(|(erased, _)| erased == person);
            if !is_erased && self.gate.is_released(*person)? {
                return Ok(true);
            }
            let new = latest_ms.filter(|_| !is_erased);
            for choice in new.iter().flat_map(|_| Call::choices_of(*person)) {
                let key = self.space.key(MarkKind::Target, choice);
                let chosen = self.marks.newest(MarkKind::Target, key)?;
                let is_newer = |chosen: &Order| new.is_some_and(|until_ms| chosen.at_ms() > until_ms);
                if chosen.filter(is_newer).is_some_and(|chosen| !chosen.opts_out() && chosen.is_dated()) {
                    return Ok(true);
                }
            }
            let key = self.space.key(MarkKind::Target, Call::return_of(*person));
            let Some(returned) = self.marks.newest(MarkKind::Target, key)? else { continue };
            let until_ms = erased.iter().find(|(erased, _)| erased == person).map(|(_, until_ms)| *until_ms);
            if until_ms.is_none_or(|until_ms| returned.at_ms() > until_ms) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is left of a call without the states of which newer ones are there.
    fn newest_of(&self, call: &mut Call) -> Result<Left, StoreError> {
        let Held { marks, space, looked, now_ms, .. } = self;
        // Who looked for its states made their keys.
        let looked = looked.filter(|_| call.is_keyed());
        if !call.is_keyed() {
            call.key(|digest| space.key(MarkKind::Target, digest));
        }
        // Under the keys by which an earlier release marked the states of somebody who is spelled oddly, too.
        let since = marks.earlier().filter(|_| !marks.is_empty(MarkKind::Target));
        let before = since.map(|since| call.known_before(since)).unwrap_or_default();
        let mut dropped = Vec::new();
        for target in call.targets() {
            let mut is_dropped = is_older(target, marks, looked, *now_ms)?;
            for (_, person) in before.iter().filter(|(now, _)| *now == target.person) {
                let mut known = target.under(*person);
                known.key = space.key(MarkKind::Target, known.digest());
                is_dropped = is_dropped || is_older(&known, marks, None, *now_ms)?;
            }
            if is_dropped {
                dropped.push(target.digest());
            }
        }
        if dropped.is_empty() {
            return Ok(Left::All);
        }
        if dropped.len() == call.targets().len() && !call.keeps_turn() {
            return Ok(Left::Nothing(Skip::Superseded));
        }
        let part = call.without(&dropped);
        Ok(part.map_or(Left::Nothing(Skip::Superseded), |part| Left::Part(Box::new(part))))
    }
}

/// Whether a newer state is there. A state from far ahead was set under a wrong clock: an opt-out does
/// not wait until that moment has come.
fn is_older(
    target: &Target,
    marks: &Marks,
    looked: Option<&TargetsLooked>,
    now_ms: &dyn Fn() -> i64,
) -> Result<bool, StoreError> {
    let held = match looked {
        Some(looked) => marks.newest_looked(target.key, looked)?,
        None => marks.newest(MarkKind::Target, target.key)?,
    };
    let Some(held) = held else { return Ok(false) };
    let is_believed = !target.order.opts_out() || held.at_ms() <= now_ms().saturating_add(FUTURE_MS);
    Ok(is_believed && target.order.yields_to(&held))
}

/// What an accepted call leaves behind for later ones.
pub(super) fn marks_of(call: &Call, space: &Space, now_ms: i64, by: ErasedBy, marks: &mut Vec<Mark>) {
    let target = |target: &Target| Mark { kind: MarkKind::Target, key: target.key, order: target.order };
    marks.extend(call.targets().iter().map(target));
    let returned = |target: &Target| {
        let key = space.key(MarkKind::Target, Call::return_of(target.person));
        Mark { kind: MarkKind::Target, key, order: target.order }
    };
    marks.extend(call.returns().map(returned));
    if call.action().effect == Effect::Irreversible {
        let order = space.erasure(now_ms, by);
        let key = |person: &PersonKey| space.key(MarkKind::Erased, person.digest());
        let erased = |person| Mark { kind: MarkKind::Erased, key: key(person), order };
        marks.extend(call.erases().iter().map(erased));
    }
}

/// The same of a call that may have been accepted and is not made again: an opt-out that may have been set
/// is not undone by an older choice while a person decides. Nothing else counts as set.
pub(super) fn opt_outs_of(call: &mut Call, space: &Space, marks: &mut Vec<Mark>) {
    call.key(|digest| space.key(MarkKind::Target, digest));
    let opt_outs = call.targets().iter().filter(|target| target.order.opts_out());
    marks.extend(opt_outs.map(|target| Mark {
        kind: MarkKind::Target,
        key: target.key,
        order: target.order,
    }));
}

impl Driver {
    /// Puts a write into its lanes; it leaves when they are its own.
    pub(super) fn enter_lanes(&mut self, slot: Slot, blocked: Blocked) {
        let rank = match self.runs.get_mut(slot) {
            Some(live) if live.again => Rank::Again,
            _ if self.abandoned.has(slot) => Rank::Again,
            _ if blocked.call.keeps_turn() => Rank::InTurn,
            _ => Rank::Newest(newest(&blocked.call)),
        };
        let (ticket, space) = (self.ticket(slot), self.space(blocked.service));
        let is_granted = self.shared.lanes().enter(space, blocked.call.reaches(), ticket, rank);
        if is_granted {
            self.granted(slot, blocked);
        } else if let Some(live) = self.runs.get_mut(slot) {
            live.blocked = Some(blocked);
        } else {
            drop(self.abandoned.block(slot, blocked));
        }
    }

    /// A call that waited may leave.
    pub(super) fn unblock(&mut self, slot: Slot) {
        let of_run = self.runs.get_mut(slot).and_then(|live| live.blocked.take());
        if let Some(blocked) = of_run.or_else(|| self.abandoned.unblock(slot)) {
            self.granted(slot, blocked);
        }
    }

    /// The lanes of a call are its own: what may still be made of it is gathered with others.
    fn granted(&mut self, slot: Slot, blocked: Blocked) {
        let Blocked { service, step, mut call } = blocked;
        if let Err(error) = self.settle_doubt(service, &mut call) {
            return self.broken = Some(EngineError::Journal(error.into()));
        }
        if call.action().effect == Effect::Irreversible
            && let Some(hold) = self.holds.of(call.may_be_held(), self.clock.now_ms())
        {
            return self.keep_from_erasing(Kept { slot, service, call, lost_ms: None }, &hold);
        }
        let left = match self.marks_in.get(service) {
            Some(space) => {
                let looked = self.looked.as_ref();
                let gate = Gate {
                    marks: &self.marks,
                    space,
                    quiet_ms: self.shared.quiet_ms(),
                    looked: looked.map(|looked| &looked.gate),
                };
                let held = Held {
                    marks: &self.marks,
                    space,
                    gate,
                    looked: looked.map(|looked| &looked.targets),
                    now_ms: &|| self.clock.now_ms(),
                    is_look: self.task.is_look,
                };
                held.left_of(&mut call)
            }
            None => Ok(Left::All),
        };
        match &left {
            Ok(Left::Part(part)) => self.say_left_out(slot, &call, part.targets()),
            Ok(Left::Nothing(_)) => self.say_left_out(slot, &call, &[]),
            Ok(Left::All | Left::InDoubt) | Err(_) => {}
        }
        let call = match left {
            Ok(Left::All) => Ok(call),
            Ok(Left::Part(part)) => {
                let is_gone = |person: &&PersonKey| !part.people().contains(*person);
                let gone: Vec<PersonKey> = call.people().iter().filter(is_gone).copied().collect();
                self.leave_lanes(service, std::iter::once(gone.as_slice()));
                Ok(part)
            }
            Ok(Left::Nothing(why)) => Err((call, why)),
            Ok(Left::InDoubt) => return self.keep_in_doubt(Kept { slot, service, call, lost_ms: None }),
            Err(error) => return self.broken = Some(EngineError::Journal(error.into())),
        };
        let now_ms = self.clock.steady_ms();
        match call {
            Ok(call) if self.abandoned.has(slot) => {
                let looks = call.look().is_some();
                self.batches.add_abandoned(service, step, Member { slot, call, looks }, now_ms);
            }
            Ok(call) => {
                self.batches.add(service, step, Member { slot, call, looks: false }, now_ms);
            }
            Err((call, why)) => {
                match self.abandoned.has(slot) {
                    true => self.pass_abandoned(slot),
                    false => self.pass(slot, why),
                }
                self.leave_lanes(service, std::iter::once(call.reaches()));
            }
        }
    }

    /// What keeps erased people unsubscribed is never left out in silence: whoever wants that must know where a
    /// newer choice counts instead.
    fn say_left_out(&self, slot: Slot, call: &Call, left: &[Target]) {
        let opt_outs = |targets: &[Target]| targets.iter().filter(|target| target.order.opts_out()).count();
        if !self.task.program.workflow.irreversible || opt_outs(call.targets()) <= opt_outs(left) {
            return;
        }
        let (Some(position), Some(live)) = (self.runs.position(slot), self.runs.get(slot)) else { return };
        let (job, step) = (self.task.job, self.path_of(&live.run));
        tracing::warn!(
            %job, position,
            "record {position} of {job}: step {step} does not unsubscribe everybody it names: a newer choice of theirs stands and counts"
        );
    }

    /// A call will not be made: its run goes on without it.
    fn pass(&mut self, slot: Slot, why: Skip) {
        let Some(mut live) = self.runs.take(slot) else { return };
        live.again = false;
        if live.is_thin {
            let finish = self.endings.passed(&mut live.run, &self.task.program, why);
            self.end_at_once(&mut live.about, finish);
            return self.free(slot);
        }
        let now_ms = self.run_ms();
        let going = Going { slot, live, heard: Heard::Passed(why) };
        self.working += 1;
        self.workers.give(Work::Advance { batch: None, runs: vec![going], now_ms });
    }

    /// Writes to these people are over: those that wait behind them may leave.
    pub(super) fn leave_lanes<'c>(&mut self, service: usize, writes: impl Iterator<Item = &'c [PersonKey]>) {
        let space = self.space(service);
        let mut granted = Vec::new();
        {
            let mut lanes = self.shared.lanes();
            writes.for_each(|people| lanes.leave(space, people, &mut granted));
        }
        for ticket in granted {
            // Their own turn comes with the next message, however many wait for one person.
            self.shared.tell(ticket);
        }
    }
}

fn newest(call: &Call) -> Order {
    let orders = call.targets().iter().map(|target| target.order);
    let newer = |one: Order, other: Order| if other.yields_to(&one) { one } else { other };
    orders.reduce(newer).unwrap_or(call.order())
}

#[cfg(test)]
mod tests;
