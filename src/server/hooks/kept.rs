//! The intake of a store: what hooks take in stands in its inbox.

use std::sync::{Arc, OnceLock};

use super::intake::{Intake, Look};
use crate::clock::SharedClock;
use crate::journal::{Accepted, Arrival, Pseudonyms, Skipped, Store, StoreError};
use crate::workflow::Workflow;

/// Hands what hooks take in over to the inbox of a store.
pub struct Kept<W> {
    store: Arc<Store>,
    workflows: W,
    clock: SharedClock,
    pseudonyms: OnceLock<Pseudonyms>,
}

impl<W> std::fmt::Debug for Kept<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("store", &self.store.path()).finish_non_exhaustive()
    }
}

impl<W: Fn() -> Vec<Arc<Workflow>> + Send + Sync + 'static> Kept<W> {
    /// In a store, for the workflows that `workflows` gives whenever a hook is called.
    pub fn new(store: Arc<Store>, workflows: W, clock: SharedClock) -> Kept<W> {
        Kept { store, workflows, clock, pseudonyms: OnceLock::new() }
    }
}

impl<W: Fn() -> Vec<Arc<Workflow>> + Send + Sync + 'static> Intake for Kept<W> {
    fn workflows(&self) -> Vec<Arc<Workflow>> {
        (self.workflows)()
    }

    fn pseudonym(&self, digest: u128) -> Result<[u8; 16], StoreError> {
        if let Some(known) = self.pseudonyms.get() {
            return Ok(known.of(digest));
        }
        let made = self.store.pseudonyms()?;
        Ok(self.pseudonyms.get_or_init(|| made).of(digest))
    }

    fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, StoreError> {
        self.store.accept(arrivals, None)
    }

    fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        self.store.note_skipped(skipped)
    }

    fn look_at(&self, look: Look) -> Result<Accepted, StoreError> {
        look.keep(&self.store, self.clock.now_ms())
    }
}
