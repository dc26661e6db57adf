//! One-person calls in, full batches out.
//!
//! Calls with the same profile and envelope, of steps that are tried alike, gather in an open batch until
//! it is full, until it has lingered, or until nothing else is coming. A batch stays open while the
//! limiter has no place for it, so that scarce places carry full batches. What was split or must be
//! asked alone is never opened again.

use std::collections::{HashMap, VecDeque};

use super::lanes::Slot;
use crate::plan::{Call, Envelope, Room};

/// How long an open batch waits for more calls, in milliseconds (design section 7).
pub(super) const LINGER_MS: i64 = 50;

/// A call and the run it belongs to.
#[derive(Debug)]
pub(super) struct Member {
    /// The run.
    pub slot: Slot,
    /// What is sent for it.
    pub call: Box<Call>,
    /// It may have been carried out already: that is asked before it is sent.
    pub looks: bool,
}

/// Calls that leave as one HTTP exchange.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its number in the job.
    pub number: u64,
    /// 0 for the first attempt.
    pub attempt: u32,
    /// Which profile it goes to.
    pub service: usize,
    /// The step that says how often and how long it is tried.
    pub step: u32,
    /// The calls.
    pub members: Vec<Member>,
    /// When it first left, in milliseconds of steady time; `None` before.
    pub first_ms: Option<i64>,
    /// When it left last.
    pub left_ms: i64,
    /// How often the service answered something else than "not so fast".
    pub tries: u32,
    /// How often it was answered, and nobody could read with what.
    pub unreadable: u32,
    /// An attempt of it has no answer, and may have been made.
    pub may_be_made: bool,
    /// Nobody waits for it any more; it is sent until it is answered, because it may have been made.
    pub is_abandoned: bool,
    /// Its calls stay in the air when its runs are over, and need their people's lanes.
    pub stays_in_the_air: bool,
}

impl Batch {
    /// Its calls, with the profile that they go to.
    pub(super) fn calls(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.members.iter().map(|member| (self.service, member))
    }

    /// The limit it must pass.
    pub(super) fn gate(&self) -> Option<Gate> {
        Some(Gate::of(self.service, self.members.first()?))
    }

    /// Whether it may be sent again when its outcome is unknown.
    pub(super) fn is_repeatable(&self) -> bool {
        self.members.iter().all(|member| member.call.repeatable())
    }

    /// Whether the service can be asked if it was carried out.
    pub(super) fn can_look(&self) -> bool {
        matches!(self.members.as_slice(), [only] if only.call.look().is_some())
    }

    /// Whether that is asked before it is sent. Nothing is known of it until it is answered.
    pub(super) fn must_look(&self) -> bool {
        self.members.iter().any(|member| member.looks)
    }
}

/// What calls must share to leave together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Which profile.
    pub service: usize,
    /// The step that says how often and how long they are tried.
    pub step: u32,
    /// Everything in the body that is not a gathered item.
    pub envelope: Envelope,
    /// Who waits for their answers.
    pub waits: Waits,
}

/// Who waits for the answer of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Waits {
    /// The runs of its calls.
    Runs,
    /// Nobody any more: see [`super::abandoned`].
    Nobody,
}

#[derive(Debug)]
struct Open {
    members: Vec<Member>,
    room: Room,
    since_ms: i64,
}

impl Open {
    fn new(first: &Call, now_ms: i64) -> Open {
        Open { members: Vec::new(), room: Room::new(first.action()), since_ms: now_ms }
    }
}

/// The batches of one job that have not left.
#[derive(Debug, Default)]
pub(super) struct Batches {
    open: HashMap<Key, Open, foldhash::fast::RandomState>,
    /// Full, split or alone: nothing is added any more. First in, first out.
    closed: VecDeque<Batch>,
    next_number: u64,
}

impl Batches {
    /// Starts numbering where an earlier process stopped.
    pub(super) fn starting_at(next_number: u64) -> Batches {
        Batches { next_number, ..Batches::default() }
    }

    /// Adds a call; a batch that has no room for it is closed.
    pub(super) fn add(&mut self, service: usize, step: u32, member: Member, now_ms: i64) {
        self.gather(service, step, member, Waits::Runs, now_ms);
    }

    /// Adds a call that nobody waits for any more.
    pub(super) fn add_abandoned(&mut self, service: usize, step: u32, member: Member, now_ms: i64) {
        self.gather(service, step, member, Waits::Nobody, now_ms);
    }

    fn gather(&mut self, service: usize, step: u32, member: Member, waits: Waits, now_ms: i64) {
        if !member.call.mergeable() {
            return self.close(service, step, vec![member], waits);
        }
        let key = Key { service, step, envelope: member.call.envelope().clone(), waits };
        let open = self.open.entry(key.clone()).or_insert_with(|| Open::new(&member.call, now_ms));
        let full = if open.room.can_take(&member.call) {
            Vec::new()
        } else {
            std::mem::replace(open, Open::new(&member.call, now_ms)).members
        };
        open.room.take(&member.call);
        open.members.push(member);
        let is_full = open.room.is_full();
        self.close(service, step, full, waits);
        if is_full && let Some(open) = self.open.remove(&key) {
            self.close(service, step, open.members, waits);
        }
    }

    /// Puts calls back that must not be merged with others: halves of a split batch, calls asked alone.
    pub(super) fn close_apart(&mut self, service: usize, step: u32, members: Vec<Member>) {
        self.close(service, step, members, Waits::Runs);
    }

    /// The same of calls that nobody waits for any more.
    pub(super) fn close_abandoned(&mut self, service: usize, step: u32, members: Vec<Member>) {
        self.close(service, step, members, Waits::Nobody);
    }

    /// Puts the halves of a batch back. They remember how often it failed, so that a half that fails
    /// again is halved at once.
    pub(super) fn close_halves(&mut self, batch: Batch) {
        let Batch {
            service, step, mut members, first_ms, tries, unreadable, may_be_made, is_abandoned, ..
        } = batch;
        let half = members.split_off(members.len() / 2);
        for members in [members, half] {
            let number = self.next_number;
            self.next_number += 1;
            let half = Batch {
                number,
                attempt: 0,
                service,
                step,
                members,
                first_ms,
                left_ms: 0,
                tries,
                unreadable,
                may_be_made,
                is_abandoned,
                stays_in_the_air: false,
            };
            self.closed.push_back(half);
        }
    }

    /// Puts a batch back at the front, to be sent as soon as a place is free.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.closed.push_front(batch);
    }

    /// Takes every call out that waits to leave for a profile, but for batches that must `stay`.
    pub(super) fn withdraw(&mut self, service: usize, stays: impl Fn(&Batch) -> bool) -> Vec<Member> {
        // What gathers is looked at as a whole, as it would leave.
        let keys: Vec<Key> = self.open.keys().filter(|key| key.service == service).cloned().collect();
        for key in keys {
            if let Some(open) = self.open.remove(&key) {
                self.close(service, key.step, open.members, key.waits);
            }
        }
        let all = std::mem::take(&mut self.closed);
        let (gone, kept): (VecDeque<Batch>, _) =
            all.into_iter().partition(|batch| batch.service == service && !stays(batch));
        self.closed = kept;
        gone.into_iter().flat_map(|batch| batch.members).collect()
    }

    /// Calls that wait to leave, with the profiles they go to.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (usize, &Member)> {
        let open = self.open.iter().map(|(key, open)| (key.service, &open.members));
        let open = open.flat_map(|(service, members)| members.iter().map(move |member| (service, member)));
        self.closed.iter().flat_map(Batch::calls).chain(open)
    }

    fn close(&mut self, service: usize, step: u32, members: Vec<Member>, waits: Waits) {
        if !members.is_empty() {
            let batch = self.apart(service, step, members, waits);
            self.closed.push_back(batch);
        }
    }

    /// A batch of these calls alone, that leaves when it is put back.
    pub(super) fn apart(&mut self, service: usize, step: u32, members: Vec<Member>, waits: Waits) -> Batch {
        let number = self.next_number;
        self.next_number += 1;
        Batch {
            number,
            attempt: 0,
            service,
            step,
            members,
            first_ms: None,
            left_ms: 0,
            tries: 0,
            unreadable: 0,
            may_be_made: false,
            is_abandoned: waits == Waits::Nobody,
            stays_in_the_air: false,
        }
    }

    /// The batch that would leave next: a closed one, or an open one that has lingered (or any open
    /// one when `quiet`, that is when nothing else is coming). Pools in `blocked` are passed over.
    pub(super) fn next(&self, now_ms: i64, quiet: bool, blocked: &[Gate]) -> Option<(Gate, Which)> {
        let closed = self.closed.iter().enumerate().find_map(|(index, batch)| {
            let gate = Gate::of(batch.service, batch.members.first()?);
            (!blocked.contains(&gate)).then_some((gate, Which::Closed(index)))
        });
        closed.or_else(|| {
            let (key, open) = self
                .open
                .iter()
                .filter(|(_, open)| quiet || now_ms >= open.since_ms + LINGER_MS)
                .filter(|(key, open)| {
                    let gate = open.members.first().map(|first| Gate::of(key.service, first));
                    gate.is_some_and(|gate| !blocked.contains(&gate))
                })
                .min_by_key(|(_, open)| open.since_ms)?;
            Some((Gate::of(key.service, open.members.first()?), Which::Open(key.clone())))
        })
    }

    /// Takes a batch out, to be sent.
    pub(super) fn take(&mut self, which: Which) -> Option<Batch> {
        match which {
            Which::Closed(index) => self.closed.remove(index),
            Which::Open(key) => {
                let open = self.open.remove(&key)?;
                let number = self.next_number;
                self.next_number += 1;
                Some(Batch {
                    number,
                    attempt: 0,
                    service: key.service,
                    step: key.step,
                    members: open.members,
                    first_ms: None,
                    left_ms: 0,
                    tries: 0,
                    unreadable: 0,
                    may_be_made: false,
                    is_abandoned: key.waits == Waits::Nobody,
                    stays_in_the_air: false,
                })
            }
        }
    }

    /// When the oldest open batch has lingered.
    pub(super) fn lingers_until(&self) -> Option<i64> {
        self.open.values().filter(|open| !open.members.is_empty()).map(|open| open.since_ms + LINGER_MS).min()
    }

    /// Whether nothing waits to leave.
    pub(super) fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.values().all(|open| open.members.is_empty())
    }
}

/// The limit a batch must pass: that of one pool of one profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gate {
    /// The profile.
    pub service: usize,
    /// The pool.
    pub pool: &'static str,
}

impl Gate {
    fn of(service: usize, member: &Member) -> Gate {
        Gate { service, pool: &member.call.action().pool }
    }
}

/// Names a batch that has not left.
#[derive(Debug)]
pub(super) enum Which {
    /// By its place among the closed ones.
    Closed(usize),
    /// By what its calls share.
    Open(Key),
}

#[cfg(test)]
mod tests;
