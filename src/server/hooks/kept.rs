//! What hooks take in goes the one way into the inbox, and rings the dispatcher.

use std::sync::Arc;

use super::intake::{Intake, Look};
use crate::journal::{Accepted, Arrival, Skipped, StoreError};
use crate::server::Inbox;
use crate::workflow::Workflow;

impl Intake for Inbox {
    fn workflows(&self) -> Vec<Arc<Workflow>> {
        Inbox::workflows(self)
    }

    fn pseudonym(&self, digest: u128) -> Result<[u8; 16], StoreError> {
        Ok(self.store().pseudonyms()?.of(digest))
    }

    fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, StoreError> {
        Inbox::take(self, arrivals, None)
    }

    fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        Inbox::note_skipped(self, skipped)
    }

    fn look_at(&self, look: Look) -> Result<Accepted, StoreError> {
        look.keep(self.store())
    }
}
