//! Forgetting a person: their open runs end, and what waits of them cannot be read any more.
//!
//! First the runs end, each job stopped in order while its runs do; then records that came in and keys are
//! destroyed, and the ledger says so by digests. Done twice it does what is left: a crash in between is
//! mended by the same command again.

use std::collections::BTreeSet;

use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, EngineError, Fates, Theirs};
use crate::job::{JobId, Status};
use crate::journal::{InputKind, JobRecord};

impl Host {
    /// Forgets whoever has one of these identifiers, by digests of them; what it came to, as the command's own
    /// result.
    pub(super) async fn forget(&self, like: Vec<u128>, by: String) -> Result<serde_json::Value, HostError> {
        let _nobody_begins = self.opening().await;
        let with_keys: BTreeSet<JobId> = self.store().jobs_with_keys()?.into_iter().collect();
        let (mut ended, mut keys, mut files, mut not_looked_at) = (0, 0, Vec::new(), Vec::new());
        let mut theirs = Vec::new();
        for record in self.store().reader().jobs()? {
            let job = record.id;
            let is_open = matches!(record.status, Status::Open | Status::Held);
            let is_window = self.store().reader().window_of(job)?.is_some();
            let is_watched = self.store().watches(Some(job))?.iter().any(|watch| watch.over_ms.is_none());
            if !is_open && !is_window && !is_watched && !with_keys.contains(&job) {
                continue;
            }
            let mut found = self.theirs(&record, &like).await?;
            // What only a look-up showed of whoever the request named otherwise.
            let sought = engine::sought_like(self.store(), job, &like)?;
            for position in sought {
                found.runs.entry(position).or_default();
            }
            if let Some(gone) = found.gone.filter(|_| is_open) {
                not_looked_at.push(serde_json::json!({ "job": job.to_string(), "why": gone.to_string() }));
            }
            if found.runs.is_empty() {
                continue;
            }
            let stopped = self.stop_job(job).await;
            let record = self.store().reader().job(job)?;
            if record.input_kind() == InputKind::File {
                files.push(record.input_at().display().to_string());
            }
            keys += self.store().keys_of(job, found.runs.keys().copied())?;
            let fates = Fates::of(self.store().reader(), record)?;
            ended += engine::forget(self.store(), &fates, &found, self.now_ms()).await?;
            theirs.push((job, found.runs.into_keys().collect()));
            drop(stopped);
        }
        let store = std::sync::Arc::clone(self.store());
        let destroyed = tokio::task::spawn_blocking(move || store.forget(&like, theirs, ended, by));
        let destroyed = destroyed.await.map_err(|_| EngineError::Stopped("destroying what is kept"))??;
        files.sort();
        files.dedup();
        Ok(serde_json::json!({
            "runs": ended, "records": destroyed.records, "keys": keys + destroyed.records, "files": files,
            "not_looked_at": not_looked_at,
        }))
    }

    async fn theirs(&self, record: &JobRecord, like: &[u128]) -> Result<Theirs, HostError> {
        let (reader, record, like) = (self.store().reader().clone(), record.clone(), like.to_vec());
        let found = tokio::task::spawn_blocking(move || engine::runs_of(&reader, &record, &like));
        Ok(found.await.map_err(|_| EngineError::Stopped("looking for a person"))??)
    }
}
