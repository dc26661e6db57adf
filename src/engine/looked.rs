//! What the indexes hold of the records of a chunk, looked for by the worker that planned it.
//!
//! Asked one by one, each record waits for memory that no cache holds; asked together they wait once, and
//! not on the driver's time. What becomes durable between the two the driver sees: it asks what was
//! written since.

use std::sync::Arc;

use super::service::{Service, find};
use super::worker::{First, Planned};
use crate::catalogue::Effect;
use crate::job::MarkKind;
use crate::journal::{GateSeen, Ids, IdsLooked, Marks, Space, StoreError, TargetsLooked};
use crate::plan::PersonKey;
use crate::run::{Next, Prepared};

/// The indexes, and in whose space each profile's marks are.
#[derive(Debug)]
pub(super) struct Indexes {
    pub ids: Ids,
    pub marks: Marks,
    pub services: Vec<Arc<Service>>,
    /// By profile.
    pub spaces: Vec<Space>,
}

/// What the indexes hold of the records of a chunk.
#[derive(Debug)]
pub(super) struct Looked {
    pub ids: IdsLooked,
    pub targets: TargetsLooked,
    pub gate: GateLooked,
}

/// Who of the people whom the calls address is known to the gate.
#[derive(Debug)]
pub(super) struct GateLooked {
    /// Up to where that holds.
    pub seen: GateSeen,
    /// Few: in order.
    pub people: Vec<PersonKey>,
}

impl Indexes {
    /// Looks for every id and every state of a chunk. The calls have the keys of their states afterwards.
    pub(super) fn look(&self, records: &mut [Planned]) -> Result<Looked, StoreError> {
        let mut keys = Vec::with_capacity(records.len());
        // First: what becomes durable meanwhile is seen by the driver.
        let (seen, mut people) = (self.marks.gate_now(), Vec::new());
        for record in &mut *records {
            let First::Goes { next: Next::Call(Prepared { profile, call, .. }), .. } = &mut record.first
            else {
                continue;
            };
            if matches!(call.action().effect, Effect::Read | Effect::Irreversible) {
                continue;
            }
            // A profile that is not there is told when the call is to leave.
            let service = find(&self.services, &call.action().system, profile.as_deref()).ok();
            if let Some(space) = service.and_then(|service| self.spaces.get(service)) {
                call.key(|digest| space.key(MarkKind::Target, digest));
                keys.extend(call.targets().iter().map(|target| target.key));
                if !seen.is_empty() {
                    let key = |person: &PersonKey| space.key(MarkKind::Erased, person.digest());
                    people.extend(call.people().iter().map(|person| (*person, key(person))));
                    if let Some(since) = self.marks.earlier() {
                        let before = call.known_before(since).into_iter();
                        people.extend(before.map(|(person, before)| (person, key(&before))));
                    }
                }
            }
        }
        let ids = self.ids.look(records.iter().map(|record| record.about.id))?;
        let (people, erased): (Vec<PersonKey>, Vec<[u8; 16]>) = people.into_iter().unzip();
        let places = if seen.is_empty() { Vec::new() } else { self.marks.look_at_gate(&erased)? };
        let mut people: Vec<PersonKey> =
            places.into_iter().filter_map(|place| people.get(place).copied()).collect();
        people.sort_unstable();
        Ok(Looked { ids, targets: self.marks.look(&keys)?, gate: GateLooked { seen, people } })
    }
}
