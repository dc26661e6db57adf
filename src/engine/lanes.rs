//! Who may be written to now: the queue of writes to one person, as the call addresses them.
//!
//! Braze promises no order over requests, so at most one write to a person is on its way at any
//! moment and the next one leaves only when the last one was answered. Of the writes that wait and set
//! a state, the newest goes first, so that what it replaces need never be sent; what must keep its
//! turn is overtaken by nothing and overtakes nothing. A call that names several people takes all of
//! their lanes at once or none, so that no two calls can wait for each other. Only people with a write
//! in hand are here.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use crate::plan::PersonKey;
use crate::request::Order;

/// The place of a run in its engine's table.
pub(super) type Slot = u32;

/// A call that wants to leave: of which engine, and in which slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    /// The number of the engine among those that share the lanes.
    pub engine: u32,
    /// The run.
    pub slot: Slot,
}

/// Whom a call goes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    /// Nobody: it keeps its turn.
    InTurn,
    /// Those that set an older state.
    Newest(Order),
    /// Everybody that waits: it may have been sent before, and is answered before a newer one leaves.
    Again,
}

impl Rank {
    fn keeps_its_turn(self) -> bool {
        matches!(self, Rank::InTurn)
    }

    /// Whether this one goes before another that came earlier.
    fn goes_before(self, other: Rank) -> bool {
        match (self, other) {
            (Rank::Again, Rank::Newest(_)) => true,
            (Rank::Newest(order), Rank::Newest(others)) => {
                others.yields_to(&order) && !order.yields_to(&others)
            }
            (Rank::InTurn | Rank::Newest(_) | Rank::Again, _) => false,
        }
    }
}

/// The lanes of all engines of a process.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<(u32, PersonKey), Lane, RandomState>,
    waiting: HashMap<Ticket, Waiting, RandomState>,
}

/// Usually one call; a queue only for a person who is written to again and again.
#[derive(Debug)]
enum Lane {
    Held(Ticket),
    Queue { holder: Option<Ticket>, queue: VecDeque<(Ticket, Rank)> },
}

impl Lane {
    fn is_free(&self) -> bool {
        matches!(self, Lane::Queue { holder: None, .. })
    }

    fn queue(&mut self, ticket: Ticket, rank: Rank) {
        match self {
            Lane::Held(holder) => {
                *self = Lane::Queue { holder: Some(*holder), queue: VecDeque::from([(ticket, rank)]) };
            }
            // What may have been sent before goes before whoever waits, also before one that keeps its turn.
            Lane::Queue { queue, .. } if rank == Rank::Again => {
                let place = queue.iter().take_while(|(_, other)| *other == Rank::Again).count();
                queue.insert(place, (ticket, rank));
            }
            Lane::Queue { queue, .. } => queue.push_back((ticket, rank)),
        }
    }

    /// Whether nothing that waits here must go before this one is even looked at.
    fn may_go(&self, ticket: Ticket) -> bool {
        let Lane::Queue { queue, .. } = self else { return false };
        front(queue).any(|(other, _)| *other == ticket)
    }

    fn take(&mut self, ticket: Ticket) {
        if let Lane::Queue { holder, queue } = self {
            queue.retain(|(other, _)| *other != ticket);
            if queue.is_empty() {
                *self = Lane::Held(ticket);
            } else {
                *holder = Some(ticket);
            }
        }
    }
}

/// Those of a queue that may go in any order: up to the first that keeps its turn, or only that one.
fn front(queue: &VecDeque<(Ticket, Rank)>) -> impl Iterator<Item = &(Ticket, Rank)> {
    let is_turn = queue.front().is_some_and(|(_, rank)| rank.keeps_its_turn());
    let many = queue.iter().take_while(|(_, rank)| !rank.keeps_its_turn()).count();
    queue.iter().take(if is_turn { 1 } else { many })
}

#[derive(Debug)]
struct Waiting {
    space: u32,
    people: Box<[PersonKey]>,
}

impl Lanes {
    /// Puts a call into its people's lanes; true when it may leave at once.
    pub(super) fn enter(&mut self, space: u32, people: &[PersonKey], ticket: Ticket, rank: Rank) -> bool {
        if self.are_free(space, people) {
            for person in people {
                self.lanes.insert((space, *person), Lane::Held(ticket));
            }
            return true;
        }
        for person in people {
            match self.lanes.entry((space, *person)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Lane::Queue { holder: None, queue: VecDeque::from([(ticket, rank)]) });
                }
                Entry::Occupied(mut lane) => lane.get_mut().queue(ticket, rank),
            }
        }
        self.waiting.insert(ticket, Waiting { space, people: people.into() });
        self.grant(ticket)
    }

    /// Takes an answered call out of its people's lanes and tells which calls may leave now.
    pub(super) fn leave(&mut self, space: u32, people: &[PersonKey], granted: &mut Vec<Ticket>) {
        for person in people {
            let Entry::Occupied(mut lane) = self.lanes.entry((space, *person)) else { continue };
            match lane.get_mut() {
                Lane::Held(_) => drop(lane.remove()),
                Lane::Queue { holder, .. } => *holder = None,
            }
        }
        for person in people {
            granted.extend(self.next(space, *person));
        }
    }

    /// Takes everything of an engine out that is gone, but the lanes of some people, which it holds whether
    /// it came so far or not; tells which calls of others may leave now.
    pub(super) fn forget(&mut self, engine: u32, but: &HashSet<(u32, PersonKey)>) -> Vec<Ticket> {
        let mut touched = Vec::new();
        self.waiting.retain(|ticket, _| ticket.engine != engine);
        self.lanes.retain(|key, lane| match lane {
            Lane::Held(ticket) => ticket.engine != engine || but.contains(key),
            Lane::Queue { holder, queue } => {
                queue.retain(|(ticket, _)| ticket.engine != engine);
                if holder.is_some_and(|ticket| ticket.engine == engine) && !but.contains(key) {
                    *holder = None;
                }
                match (queue.is_empty(), *holder) {
                    (true, None) => return false,
                    (true, Some(ticket)) => *lane = Lane::Held(ticket),
                    (false, _) => touched.push(*key),
                }
                true
            }
        });
        for key in but {
            // A call that went no further than its planning is in no lane yet.
            let held = Lane::Held(Ticket { engine, slot: Slot::MAX });
            self.lanes.entry(*key).or_insert(held);
        }
        touched.into_iter().filter_map(|(space, person)| self.next(space, person)).collect()
    }

    /// The other engines that have the lanes in which calls of an engine wait.
    pub(super) fn waits_for(&self, engine: u32) -> HashSet<u32> {
        let own = self.waiting.iter().filter(|(ticket, _)| ticket.engine == engine);
        let keys = own.flat_map(|(_, waiting)| waiting.people.iter().map(|person| (waiting.space, *person)));
        let holder = |key| match self.lanes.get(&key)? {
            Lane::Queue { holder, .. } => holder.map(|holder| holder.engine),
            Lane::Held(_) => None,
        };
        keys.filter_map(holder).filter(|other| *other != engine).collect()
    }

    /// Whether nobody of these people has a call in hand.
    pub(super) fn are_free(&self, space: u32, people: &[PersonKey]) -> bool {
        self.lanes.is_empty() || people.iter().all(|person| !self.lanes.contains_key(&(space, *person)))
    }

    /// The call that leaves next in a free lane, if it can.
    fn next(&mut self, space: u32, person: PersonKey) -> Option<Ticket> {
        let lane = self.lanes.get(&(space, person)).filter(|lane| lane.is_free())?;
        let Lane::Queue { queue, .. } = lane else { return None };
        let mut first: Option<(Ticket, Rank)> = None;
        for (ticket, rank) in front(queue) {
            if first.is_none_or(|(_, best)| rank.goes_before(best)) && self.may_go(*ticket) {
                first = Some((*ticket, *rank));
            }
        }
        let (ticket, _) = first?;
        self.grant(ticket).then_some(ticket)
    }

    /// Whether every lane of a waiting call is free, and it may go in each of them.
    fn may_go(&self, ticket: Ticket) -> bool {
        let Some(Waiting { space, people }) = self.waiting.get(&ticket) else { return false };
        let mut lanes = people.iter().map(|person| self.lanes.get(&(*space, *person)));
        lanes.all(|lane| lane.is_some_and(|lane| lane.is_free() && lane.may_go(ticket)))
    }

    fn grant(&mut self, ticket: Ticket) -> bool {
        if !self.may_go(ticket) {
            return false;
        }
        let Some(Waiting { space, people }) = self.waiting.remove(&ticket) else { return false };
        for person in people {
            if let Some(lane) = self.lanes.get_mut(&(space, person)) {
                lane.take(ticket);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
