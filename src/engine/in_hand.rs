//! The ids of requests that some job of this process works on and that are not finished yet.
//!
//! The index of ids knows what is finished; this knows the rest, over all jobs, so that the same request
//! in two files is carried out once although both are open. An id is given back only after the index
//! has it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::job::IdEntry;
use crate::journal::Seen;

/// Whose an id is, and what the request says.
type Taken = HashMap<[u8; 16], (u32, u64), foldhash::fast::RandomState>;

/// Ids in hand, with whose they are and what the request says.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<Taken>);

impl InHand {
    /// Takes an id in hand for an engine; tells if somebody has it, and then takes nothing.
    pub(super) fn take(&self, engine: u32, id: &IdEntry) -> Seen {
        match self.ids().entry(id.key) {
            Entry::Vacant(vacant) => {
                vacant.insert((engine, id.content));
                Seen::New
            }
            Entry::Occupied(taken) if taken.get().1 == id.content => Seen::Duplicate,
            Entry::Occupied(_) => Seen::Conflict,
        }
    }

    /// Gives ids back.
    pub(super) fn give_back<'k>(&self, keys: impl IntoIterator<Item = &'k [u8; 16]>) {
        let mut ids = self.ids();
        for key in keys {
            ids.remove(key);
        }
    }

    /// An engine is gone, and with it what it had in hand.
    pub(super) fn forget(&self, engine: u32) {
        self.ids().retain(|_, (whose, _)| *whose != engine);
    }

    fn ids(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_job_has_in_hand_another_does_not_take() {
        let in_hand = InHand::default();
        let id = |content| IdEntry { key: [7; 16], content };

        assert_eq!(in_hand.take(1, &id(5)), Seen::New);
        assert_eq!(in_hand.take(2, &id(5)), Seen::Duplicate);
        assert_eq!(in_hand.take(2, &id(6)), Seen::Conflict);
        in_hand.forget(2);
        assert_eq!(in_hand.take(2, &id(5)), Seen::Duplicate);
        in_hand.give_back([&[7; 16]]);
        assert_eq!(in_hand.take(2, &id(5)), Seen::New);
    }
}
