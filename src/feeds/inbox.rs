//! One trigger's way into the inbox of the store, off the threads that serve sockets.

use std::sync::Arc;

use super::FeedError;
use super::poller::Polled;
use crate::clock::SharedClock;
use crate::journal::{Accepted, Arrival, Cursor, MOST_RECORD_BYTES, Skipped, Store};
use crate::onetrust::{Reason, Record, key};

/// Where records of one trigger go; clone it freely.
#[derive(Clone)]
pub(super) struct Inbox {
    store: Arc<Store>,
    clock: SharedClock,
    workflow: Arc<str>,
    origin: Arc<str>,
}

impl Inbox {
    /// `origin` is `subtask:PROFILE` or `consent:PROFILE`.
    pub fn new(store: Arc<Store>, clock: SharedClock, workflow: &str, origin: &str) -> Inbox {
        Inbox { store, clock, workflow: workflow.into(), origin: origin.into() }
    }

    /// What tells the start by a record apart.
    pub fn key(&self, id: &str) -> [u8; 32] {
        key(&self.workflow, id)
    }

    /// How far something was read.
    pub async fn cursor(&self, name: &str) -> Result<Option<String>, FeedError> {
        let (store, name) = (Arc::clone(&self.store), name.to_owned());
        blocking(move || Ok(store.cursor(&name)?)).await
    }

    /// Takes records in, and moves a cursor with them. Both are on the disk when this returns. A record
    /// that is longer than any is noted, and holds nobody up.
    pub async fn take(
        &self,
        records: Vec<Record>,
        moves: Option<Cursor>,
        polled: &mut Polled,
    ) -> Result<(), FeedError> {
        let (records, too_long): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.line().len() <= MOST_RECORD_BYTES);
        let skipped = too_long.iter().map(|record| (record.key(&self.workflow), Reason::TooLong)).collect();
        self.skip(skipped, polled).await?;
        if records.is_empty() && moves.is_none() {
            return Ok(());
        }
        let arrivals: Vec<Arrival> = records.into_iter().map(|record| self.arrival(record)).collect();
        let store = Arc::clone(&self.store);
        for accepted in blocking(move || Ok(store.accept(arrivals, moves)?)).await? {
            match accepted {
                Accepted::New => polled.new += 1,
                Accepted::Repeated => polled.repeated += 1,
                Accepted::Outdated => polled.skipped += 1,
            }
        }
        Ok(())
    }

    /// Notes what was looked at and starts nothing.
    pub async fn skip(&self, skipped: Vec<([u8; 32], Reason)>, polled: &mut Polled) -> Result<(), FeedError> {
        if skipped.is_empty() {
            return Ok(());
        }
        polled.skipped += skipped.len() as u64;
        let at_ms = self.clock.now_ms();
        let noted = skipped.into_iter().map(|(key, reason)| Skipped {
            workflow: self.workflow.to_string(),
            origin: self.origin.to_string(),
            key,
            reason: reason.word(),
            at_ms,
        });
        let (store, noted) = (Arc::clone(&self.store), noted.collect());
        blocking(move || Ok(store.note_skipped(noted)?)).await
    }

    fn arrival(&self, record: Record) -> Arrival {
        Arrival {
            workflow: self.workflow.to_string(),
            origin: self.origin.to_string(),
            key: record.key(&self.workflow),
            turn: None,
            due_ms: record.due().map(jiff::Timestamp::as_millisecond),
            received_ms: self.clock.now_ms(),
            record: record.into_line(),
        }
    }
}

/// The store blocks until the disk has it.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, FeedError> + Send + 'static,
) -> Result<T, FeedError> {
    tokio::task::spawn_blocking(act).await.map_err(|_| FeedError::Stopped)?
}
