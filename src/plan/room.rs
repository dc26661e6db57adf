//! How much more fits into one body.
//!
//! Counted as calls come, never by building the body: a call that was let in is never turned out. No
//! body names a person twice, because the service works through one body in no promised order.

use std::fmt;

use super::envelope::is_same;
use super::{Call, Envelope, PersonKey};
use crate::catalogue::Action;

/// Most arrays of any action; a test over the catalogue keeps it true.
pub(super) const MOST_ARRAYS: usize = 8;

/// What a body already holds.
#[derive(Clone)]
pub struct Room {
    action: &'static Action,
    envelope: Option<Envelope>,
    items: [usize; MOST_ARRAYS],
    total: usize,
    bytes: usize,
    people: Vec<PersonKey>,
    alone: bool,
}

impl Room {
    /// An empty body of this action.
    pub fn new(action: &'static Action) -> Room {
        let people = Vec::with_capacity(action.batch.as_ref().map_or(1, |batch| batch.total));
        Room { action, envelope: None, items: [0; MOST_ARRAYS], total: 0, bytes: 0, people, alone: false }
    }

    /// Whether the call may stand in the body beside what is there. Into an empty body every call of
    /// the action fits.
    pub fn can_take(&self, call: &Call) -> bool {
        let Some(envelope) = &self.envelope else { return is_same(call.action(), self.action) };
        let Some(batch) = self.action.batch.as_ref().filter(|_| !self.alone && call.mergeable()) else {
            return false;
        };
        if *envelope != call.envelope || self.bytes + call.own_bytes > self.action.max_bytes {
            return false;
        }
        let fits = match batch.groups {
            // Items are spread over objects, each with its own cap; the body is capped by people.
            Some(_) => self.people.len() + call.people.len() <= batch.total,
            None => {
                let mut arrays = batch.arrays.values().zip(self.items).enumerate();
                self.total + call.items.len() <= batch.total
                    && arrays.all(|(index, (array, held))| held + count(call, index) <= array.at_most)
            }
        };
        fits && !call.people.iter().any(|person| self.people.contains(person))
    }

    /// Counts a call in that [`can_take`](Room::can_take) let in.
    pub fn take(&mut self, call: &Call) {
        if self.envelope.is_none() {
            self.envelope = Some(call.envelope.clone());
            self.bytes = call.frame_bytes;
            self.alone = !call.mergeable();
        }
        self.bytes += call.own_bytes;
        self.total += call.items.len();
        for item in &call.items {
            if let Some(held) = self.items.get_mut(item.array()) {
                *held += 1;
            }
        }
        self.people.extend_from_slice(&call.people);
    }

    /// Whether no other call can fit, so that waiting for one is of no use.
    pub fn is_full(&self) -> bool {
        let Some(batch) = &self.action.batch else { return self.envelope.is_some() };
        let held = if batch.groups.is_some() { self.people.len() } else { self.total };
        self.alone || held >= batch.total
    }

    /// Most bytes the body has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everyone the body is about.
    pub fn people(&self) -> &[PersonKey] {
        &self.people
    }
}

fn count(call: &Call, array: usize) -> usize {
    call.items.iter().filter(|item| item.array() == array).count()
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Room");
        debug.field("action", &self.action.id).field("items", &self.total).field("bytes", &self.bytes);
        debug.finish_non_exhaustive()
    }
}
