//! The one way into the inbox, for whatever brings requests: durable first, then the dispatcher hears.

use std::sync::Arc;

use tokio::sync::Notify;

use super::shelf::Shelf;
use crate::journal::{Accepted, Arrival, Cursor, Skipped, Store, StoreError};
use crate::workflow::Workflow;

/// Takes requests in. Clone it freely.
#[derive(Debug, Clone)]
pub struct Inbox {
    store: Arc<Store>,
    shelf: Arc<Shelf>,
    bell: Arc<Notify>,
}

impl Inbox {
    pub(super) fn new(store: Arc<Store>, shelf: Arc<Shelf>, bell: Arc<Notify>) -> Inbox {
        Inbox { store, shelf, bell }
    }

    /// The store it writes to.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The workflows that are enabled now.
    pub fn workflows(&self) -> Vec<Arc<Workflow>> {
        self.shelf.enabled()
    }

    /// Takes arrivals in, all or none, with a cursor that moves with them; on the disk when it returns.
    /// It blocks until then.
    pub fn take(&self, arrivals: Vec<Arrival>, moves: Option<Cursor>) -> Result<Vec<Accepted>, StoreError> {
        let accepted = self.store.accept(arrivals, moves)?;
        if accepted.contains(&Accepted::New) {
            self.bell.notify_one();
        }
        Ok(accepted)
    }

    /// Notes what was looked at and starts nothing. It blocks until that is on the disk.
    pub fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        self.store.note_skipped(skipped)
    }
}
