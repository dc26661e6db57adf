//! What a look asks for besides what its requests name, and what a run leaves for looks at its person.
//!
//! A run that is done after it erased somebody leaves what the erasure covered, sealed and with the event that
//! ends it. A look reads it of each request that it looks at; who was forgotten since is not looked for, and it
//! is not known whether they are gone.

use std::sync::Arc;

use super::driver::Driver;
use super::runs::About;
use crate::intake::Chosen;
use crate::job::{Position, Verdict};
use crate::journal::{Sealed, Store, StoreError};
use crate::run::Sought;

/// What is known of those whom a look looks at.
pub(super) struct Seeks {
    store: Arc<Store>,
    chosen: Arc<Chosen>,
}

/// It was destroyed, or cannot be read.
#[derive(Debug)]
pub(super) struct Destroyed;

impl Seeks {
    /// Of a look at these records.
    pub(super) fn at(store: Arc<Store>, chosen: Arc<Chosen>) -> Seeks {
        Seeks { store, chosen }
    }

    /// What is looked for besides what a record of the look names.
    pub(super) fn of(&self, position: Position) -> Result<Sought, Destroyed> {
        let Some(erased) = self.chosen.records.nth(position) else { return Ok(Sought::default()) };
        of_request(&self.store, &self.chosen, erased).map_err(|error| {
            tracing::error!(position, "what record {position} of a look asks for cannot be read: {error}");
            Destroyed
        })?
    }
}

fn of_request(
    store: &Store,
    chosen: &Chosen,
    erased: Position,
) -> Result<Result<Sought, Destroyed>, StoreError> {
    Ok(match store.sought(chosen.of, erased)? {
        crate::journal::Sought::Nothing => Ok(Sought::default()),
        crate::journal::Sought::Destroyed => Err(Destroyed),
        crate::journal::Sought::Kept(plain) => Sought::of_bytes(&plain).ok_or(Destroyed),
    })
}

impl std::fmt::Debug for Seeks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seeks").field("of", &self.chosen.of).finish_non_exhaustive()
    }
}

impl Driver {
    /// Seals what looks are to ask for of a request that ended so, behind what others left.
    pub(super) fn leave_sought(&self, about: &mut About, verdict: Verdict, sealed: &mut Sealed) {
        let is_looked_at = self.task.is_watched && verdict == Verdict::Done;
        let Some(sought) = about.sought.take().filter(|_| is_looked_at) else { return };
        let position = about.position;
        let Some(sealer) = &self.task.sealer else { return sealed.push((position, Vec::new())) };
        match sealer.seal_sought(position, &sought.to_bytes()) {
            Ok(one) => sealed.push((position, one)),
            Err(error) => {
                tracing::error!(position, "by what record {position} is looked for cannot be kept: {error}");
                sealed.push((position, Vec::new()));
            }
        }
    }
}
