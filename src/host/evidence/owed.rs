//! Which certificates are owed, and when they are written by themselves.
//!
//! Whoever carries a job out writes those of its requests that are over. When a look finds somebody again of whom a
//! page says that they are gone, or a request is given up or was tried again, its page is written anew. Which pages
//! are owed is durable before anything ends, is found or is decided, so that a kill leaves none out and none as it
//! was: whoever has the store next writes them. One lock keeps a note from being taken away between it and what it
//! was made for.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::MutexGuard;

use super::certificates::{CertifyError, MOST, certify_again, certify_job, is_few, wants_certificates};
use crate::engine::{Fates, watched, watched_given_up};
use crate::host::owner::Host;
use crate::job::{JobId, Position, State};
use crate::journal::{JobRecord, OwedPages, Store, StoreError, Watch};

impl Host {
    /// Writes the certificates of a job's requests that are over and have none yet, and anew those that are owed, once
    /// it is carried out as far as may be: what else of it ends is owed by whoever goes on with it.
    pub(in crate::host) async fn write_certificates(&self, job: JobId) {
        self.certify(job, true).await;
    }

    async fn certify(&self, job: JobId, is_left: bool) {
        let _certifying = self.certifying().await;
        let (store, folder, now_ms) =
            (Arc::clone(self.store()), self.settings().certificates(), self.now_ms());
        let write = move || {
            let owed = store.reader().owed_pages()?;
            let mut written = 0;
            for owed in owed.iter().filter(|owed| owed.job == job) {
                written += pay(&store, &folder, owed, now_ms)?;
            }
            let (first, are_all_written) = certify_job(store.reader(), &folder, job, now_ms)?;
            if is_left || are_all_written {
                store.first_pages_are_written(job)?;
            }
            Ok(written + first)
        };
        self.say_written(job, write).await;
    }

    /// Writes the first certificates that a process owed that was killed before it had written them.
    async fn write_first_certificates(&self) {
        let _certifying = self.certifying().await;
        // Who goes on with a job owes its pages again, afterwards.
        let _nobody_begins = self.opening().await;
        let owed = match self.store().reader().owed_first_pages() {
            Ok(owed) => owed,
            Err(error) => return say_unreadable(&error),
        };
        for job in owed {
            if self.running().contains_key(&job) {
                continue;
            }
            let (store, folder, now_ms) =
                (Arc::clone(self.store()), self.settings().certificates(), self.now_ms());
            let write = move || {
                let (written, are_all_written) = match certify_job(store.reader(), &folder, job, now_ms) {
                    Err(CertifyError::Store(StoreError::NoSuchJob(_))) => (0, true),
                    certified => certified?,
                };
                if are_all_written {
                    store.first_pages_are_written(job)?;
                }
                Ok(written)
            };
            self.say_written(job, write).await;
        }
    }

    /// The requests whose certificates a look makes untrue, or that wait for it: those whose people it found again, by
    /// their records in the look, and those that were given up, of which nobody else learns what became of them.
    pub(in crate::host) fn owed_after(
        &self,
        watch: &Watch,
        again: Vec<Position>,
    ) -> Result<Vec<Position>, StoreError> {
        let reader = self.store().reader();
        let record = match reader.job(watch.job) {
            Err(StoreError::NoSuchJob(_)) => return Ok(Vec::new()),
            record => record?,
        };
        if !wants_certificates(&record) || !is_few(&Fates::of(reader, record)?) {
            return Ok(Vec::new());
        }
        let (from, to) = (watch.from_event, watch.to_event);
        let looked_at = watched(reader, watch.job, from, to)?;
        let given_up = watched_given_up(reader, watch.job, (from, to))?;
        let again: BTreeSet<Position> =
            again.into_iter().filter_map(|position| looked_at.nth(position)).chain(given_up.iter()).collect();
        Ok(again.into_iter().collect())
    }

    /// Notes which certificates are to be written once requests of a job are given up; before they are. What this gives
    /// is held until that is on the disk.
    pub(in crate::host) async fn owe_given_up(
        &self,
        record: &JobRecord,
        state: &State,
        given_up: &BTreeSet<Position>,
    ) -> Result<Option<MutexGuard<'_, ()>>, StoreError> {
        let is_of_few = state.totals().records.is_none_or(|records| records <= MOST);
        let are_few = !given_up.is_empty() && given_up.len() as u64 <= MOST;
        if !(is_of_few || are_few) || !wants_certificates(record) {
            return Ok(None);
        }
        let certifying = self.certifying().await;
        if is_of_few {
            self.store().owe_first_pages(record.id)?;
        }
        if are_few {
            let positions = given_up.iter().copied().collect();
            self.store().owe_pages(OwedPages { job: record.id, positions, watch: 0 })?;
        }
        Ok(Some(certifying))
    }

    /// The same of requests that were over and are tried again: their pages are written anew.
    pub(in crate::host) async fn owe_reopened(
        &self,
        fates: &Fates,
        positions: &[Position],
    ) -> Result<Option<MutexGuard<'_, ()>>, StoreError> {
        if !is_few(fates) || !wants_certificates(fates.record()) {
            return Ok(None);
        }
        let certifying = self.certifying().await;
        let (job, positions) = (fates.record().id, positions.to_vec());
        self.store().owe_pages(OwedPages { job, positions, watch: 0 })?;
        Ok(Some(certifying))
    }

    /// Writes the certificates of requests that were given up: anew where the page says something else.
    pub(in crate::host) async fn certify_given_up(&self, record: &JobRecord) {
        if wants_certificates(record) {
            self.certify(record.id, false).await;
        }
    }

    /// Writes the certificates that are owed by a process that was killed before it had.
    pub async fn write_owed_certificates(&self) {
        self.write_certificates_anew().await;
        self.write_first_certificates().await;
    }

    /// Writes the certificates anew that no longer say what is so.
    pub(in crate::host) async fn write_certificates_anew(&self) {
        let _certifying = self.certifying().await;
        let owed = match self.store().reader().owed_pages() {
            Ok(owed) => owed,
            Err(error) => return say_unreadable(&error),
        };
        for owed in owed {
            let (store, folder, now_ms) =
                (Arc::clone(self.store()), self.settings().certificates(), self.now_ms());
            self.say_written(owed.job, move || pay(&store, &folder, &owed, now_ms)).await;
        }
    }

    async fn say_written(
        &self,
        job: JobId,
        write: impl FnOnce() -> Result<u64, CertifyError> + Send + 'static,
    ) {
        let shown = self.settings().certificates().display().to_string();
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(0)) => {}
            Ok(Ok(written)) => tracing::info!(%job, "{written} certificates of {job} are in {shown}"),
            Ok(Err(error)) => tracing::warn!(
                %job, %error,
                "the certificates of {job} cannot be written; `privaflow ledger certificate` makes them when that is mended: {error}"
            ),
            Err(error) => tracing::error!(%job, %error, "writing certificates ended in a defect"),
        }
    }
}

/// Writes certificates that are owed, and notes that unless some request of them is not over; gives how many.
fn pay(store: &Store, folder: &Path, owed: &OwedPages, now_ms: i64) -> Result<u64, CertifyError> {
    let (written, are_all_over) = certify_again(store.reader(), folder, owed, now_ms)?;
    if are_all_over {
        store.pages_are_written(owed)?;
    }
    Ok(written)
}

fn say_unreadable(error: &StoreError) {
    tracing::warn!(%error, "which certificates are to be written cannot be read: {error}");
}
