//! The one way into the inbox, for whatever brings requests: durable first, then the dispatcher hears.

use std::sync::Arc;

use tokio::sync::Notify;

use super::hooks::{Intake, Kept, Look};
use super::shelf::Shelf;
use crate::clock::SharedClock;
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

    /// The same for hooks.
    pub fn for_hooks(&self, clock: SharedClock) -> impl Intake {
        let shelf = Arc::clone(&self.shelf);
        let kept = Kept::new(Arc::clone(&self.store), move || shelf.enabled(), clock);
        Ringing { kept, bell: Arc::clone(&self.bell) }
    }

    /// Notes what was looked at and starts nothing. It blocks until that is on the disk.
    pub fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        self.store.note_skipped(skipped)
    }
}

/// Rings when a hook took something in.
#[derive(Debug)]
struct Ringing<W> {
    kept: Kept<W>,
    bell: Arc<Notify>,
}

impl<W: Fn() -> Vec<Arc<Workflow>> + Send + Sync + 'static> Intake for Ringing<W> {
    fn workflows(&self) -> Vec<Arc<Workflow>> {
        self.kept.workflows()
    }

    fn pseudonym(&self, digest: u128) -> Result<[u8; 16], StoreError> {
        self.kept.pseudonym(digest)
    }

    fn take(&self, arrivals: Vec<Arrival>) -> Result<Vec<Accepted>, StoreError> {
        let accepted = self.kept.take(arrivals)?;
        self.bell.notify_one();
        Ok(accepted)
    }

    fn note_skipped(&self, skipped: Vec<Skipped>) -> Result<(), StoreError> {
        self.kept.note_skipped(skipped)
    }

    fn look_at(&self, look: Look) -> Result<Accepted, StoreError> {
        let accepted = self.kept.look_at(look)?;
        self.bell.notify_one();
        Ok(accepted)
    }
}
