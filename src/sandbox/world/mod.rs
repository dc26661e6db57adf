//! What the sandbox knows: its profiles, how they are found, and what waits to happen to them.
//!
//! Nothing here knows HTTP. Every entry takes the present moment or is called after
//! [`World::settle`], which carries out the deletions that have become visible by then. The same
//! calls in the same order with the same seed give the same world.

mod holders;
mod kept;
mod lookup;
mod names;
mod profile;
mod seeded;
mod write;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use holders::Holders;
pub(super) use holders::Place;
use kept::Kept;
pub(super) use lookup::{Priority, Who};
pub(super) use names::Names;
pub(super) use profile::{Alias, Choice, Membership, Occurrence, Presence, Profile};
pub(super) use seeded::mixed;

/// Every profile and what is known about addresses without one.
pub(super) struct World {
    profiles: Vec<Profile>,
    external_ids: HashMap<Arc<str>, Place>,
    emails: HashMap<Arc<str>, Holders>,
    phones: HashMap<Arc<str>, Holders>,
    aliases: HashMap<Box<str>, Place>,
    given_braze_ids: HashMap<Box<str>, Place>,
    /// Everybody who was ever seen on a device.
    devices: HashMap<Box<str>, Vec<Place>>,
    /// Names of custom and standard attributes.
    pub attribute_names: Names,
    /// Ids of subscription groups.
    pub group_names: Names,
    kept_for_emails: Kept,
    kept_for_phones: Kept,
    doomed: BinaryHeap<Reverse<(i64, Place)>>,
    /// Who is made anew, and when.
    returning: BinaryHeap<Reverse<(i64, Place)>>,
    updates: u64,
    deletions: u64,
    seed: u64,
    longest_lag: Duration,
}

impl World {
    /// An empty world.
    pub fn new(seed: u64, longest_lag: Duration) -> World {
        World {
            profiles: Vec::new(),
            external_ids: HashMap::new(),
            emails: HashMap::new(),
            phones: HashMap::new(),
            aliases: HashMap::new(),
            given_braze_ids: HashMap::new(),
            devices: HashMap::new(),
            attribute_names: Names::default(),
            group_names: Names::default(),
            kept_for_emails: Kept::default(),
            kept_for_phones: Kept::default(),
            doomed: BinaryHeap::new(),
            returning: BinaryHeap::new(),
            updates: 0,
            deletions: 0,
            seed,
            longest_lag,
        }
    }

    /// Carries out the deletions and returns that are visible at this moment.
    pub fn settle(&mut self, now_ms: i64) {
        while let Some(Reverse((due_ms, place))) = self.doomed.peek().copied() {
            if due_ms > now_ms {
                break;
            }
            self.doomed.pop();
            self.remove(place, Presence::Deleted);
        }
        while let Some(Reverse((due_ms, place))) = self.returning.peek().copied() {
            if due_ms > now_ms {
                return;
            }
            self.returning.pop();
            self.make_anew(place, due_ms);
        }
    }

    /// Has a profile made anew at a moment, if it is erased by then: an app that still sends, or a backup
    /// that somebody put back.
    pub fn comes_back(&mut self, place: Place, at_ms: i64) {
        self.returning.push(Reverse((at_ms, place)));
    }

    /// Accepts a deletion, which becomes visible after a lag drawn from the seed: between a
    /// fifteenth of the longest lag and all of it.
    pub fn doom(&mut self, place: Place, now_ms: i64) {
        let longest_ms = u64::try_from(self.longest_lag.as_millis()).unwrap_or(u64::MAX);
        let shortest_ms = longest_ms / 15;
        let drawn = mixed(self.seed ^ 0x00de_1e7e, self.deletions) % (longest_ms - shortest_ms + 1);
        self.deletions += 1;
        let lag_ms = i64::try_from(shortest_ms + drawn).unwrap_or(i64::MAX);
        self.doomed.push(Reverse((now_ms.saturating_add(lag_ms), place)));
        self.settle(now_ms);
    }

    /// How many places were ever given, deleted profiles included.
    pub fn places(&self) -> Place {
        Place::try_from(self.profiles.len()).unwrap_or(Place::MAX)
    }

    /// The profile at a place.
    pub fn profile(&self, place: Place) -> Option<&Profile> {
        self.profiles.get(place as usize)
    }
}
