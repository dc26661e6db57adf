//! Who may be written to now: the queue of writes to one person, as the call addresses them.
//!
//! Braze promises no order over requests, so at most one write to a person is on its way at any
//! moment and the next one leaves only when the last one was answered. A call that names several
//! people goes when it is first in each of their lanes. Only people with a write in hand are here.

use std::collections::{HashMap, VecDeque};

use crate::plan::PersonKey;

/// The place of a run in the engine's table.
pub(super) type Slot = u32;

/// The lanes of one engine.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<(u32, PersonKey), Lane>,
}

/// Usually one call; a queue only for a person who is written to again and again.
#[derive(Debug)]
enum Lane {
    One(Slot),
    Many(VecDeque<Slot>),
}

impl Lane {
    fn first(&self) -> Option<Slot> {
        match self {
            Lane::One(slot) => Some(*slot),
            Lane::Many(queue) => queue.front().copied(),
        }
    }
}

impl Lanes {
    /// Puts a call at the end of its people's lanes; true when it may leave at once.
    pub(super) fn enter(&mut self, workspace: u32, people: &[PersonKey], slot: Slot) -> bool {
        let mut is_first = true;
        for person in people {
            match self.lanes.entry((workspace, *person)) {
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(Lane::One(slot));
                }
                std::collections::hash_map::Entry::Occupied(mut lane) => {
                    is_first = false;
                    let lane = lane.get_mut();
                    match lane {
                        Lane::One(first) => *lane = Lane::Many(VecDeque::from([*first, slot])),
                        Lane::Many(queue) => queue.push_back(slot),
                    }
                }
            }
        }
        is_first
    }

    /// Takes an answered call out of its people's lanes and tells which calls moved up to a front.
    pub(super) fn leave(&mut self, workspace: u32, people: &[PersonKey], moved_up: &mut Vec<Slot>) {
        for person in people {
            let key = (workspace, *person);
            let next = match self.lanes.get_mut(&key) {
                Some(Lane::Many(queue)) => {
                    queue.pop_front();
                    queue.front().copied()
                }
                Some(Lane::One(_)) | None => None,
            };
            match next {
                Some(slot) => moved_up.push(slot),
                None => drop(self.lanes.remove(&key)),
            }
        }
    }

    /// Whether nobody of these people has a call in hand.
    pub(super) fn are_free(&self, workspace: u32, people: &[PersonKey]) -> bool {
        self.lanes.is_empty() || people.iter().all(|person| !self.lanes.contains_key(&(workspace, *person)))
    }

    /// Whether a call is first in each of its people's lanes.
    pub(super) fn is_first(&self, workspace: u32, people: &[PersonKey], slot: Slot) -> bool {
        people.iter().all(|person| {
            self.lanes.get(&(workspace, *person)).is_some_and(|lane| lane.first() == Some(slot))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Identifier;

    fn person(number: u32) -> PersonKey {
        PersonKey::of(Identifier::ExternalId, &number.to_string())
    }

    #[test]
    fn a_second_write_to_a_person_waits_for_the_first() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(0, &[person(1)], 10));
        assert!(!lanes.enter(0, &[person(1)], 11));

        let mut moved_up = Vec::new();
        lanes.leave(0, &[person(1)], &mut moved_up);

        assert_eq!(moved_up, [11]);
        assert!(lanes.is_first(0, &[person(1)], 11));
    }

    #[test]
    fn the_same_person_in_two_workspaces_is_two_lanes() {
        let mut lanes = Lanes::default();

        assert!(lanes.enter(0, &[person(1)], 10));
        assert!(lanes.enter(1, &[person(1)], 11));
    }

    #[test]
    fn a_call_that_names_two_people_waits_for_both() {
        let mut lanes = Lanes::default();
        assert!(lanes.enter(0, &[person(1)], 10));
        assert!(lanes.enter(0, &[person(2)], 11));
        assert!(!lanes.enter(0, &[person(1), person(2)], 12));

        let mut moved_up = Vec::new();
        lanes.leave(0, &[person(1)], &mut moved_up);
        assert_eq!(moved_up, [12]);
        assert!(!lanes.is_first(0, &[person(1), person(2)], 12));

        lanes.leave(0, &[person(2)], &mut moved_up);
        assert!(lanes.is_first(0, &[person(1), person(2)], 12));
    }

    #[test]
    fn a_person_without_a_write_in_hand_takes_no_memory() {
        let mut lanes = Lanes::default();
        lanes.enter(0, &[person(1)], 10);
        lanes.leave(0, &[person(1)], &mut Vec::new());

        assert!(lanes.lanes.is_empty());
    }
}
