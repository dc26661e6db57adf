//! Forgetting a person: their open runs end, and what waits of them cannot be read any more.
//!
//! A run is theirs by what its request names, by what its look-ups showed of its person, and by what looks ask for;
//! what look-ups showed of somebody else, too, is told and ends nothing. First the runs end, each job stopped in
//! order while its runs do; then records that came in and keys are destroyed, and the ledger says so by digests.
//! With the keys goes what is needed to look for them again: of whom they erased, or may have, that is told.
//! Done twice it does what is left: a crash in between is mended by the same command again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, EngineError, Fates, Shown, Theirs};
use crate::job::{JobId, Position, RunId, Status};
use crate::journal::{InputKind, JobRecord, WATCH};
use crate::run::Whose;

impl Host {
    /// Forgets whoever has one of these identifiers, by digests of them; what it came to, as the command's own
    /// result.
    pub(super) async fn forget(&self, like: Vec<u128>, by: String) -> Result<Value, HostError> {
        let _nobody_begins = self.opening().await;
        let with_keys: BTreeSet<JobId> = self.store().jobs_with_keys()?.into_iter().collect();
        let (mut ended, mut keys, mut files, mut not_looked_at) = (0, 0, Vec::new(), Vec::new());
        let (mut theirs, mut told, mut unwatched) = (Vec::new(), Told::default(), Vec::new());
        for record in self.store().reader().jobs()? {
            let job = record.id;
            let is_open = matches!(record.status, Status::Open | Status::Held);
            let is_window = self.store().reader().window_of(job)?.is_some();
            let is_watched = self.store().watches(Some(job))?.iter().any(|watch| watch.over_ms.is_none());
            if !is_open && !is_window && !is_watched && !with_keys.contains(&job) {
                continue;
            }
            let Found { runs: mut found, shown, sought } = self.theirs(&record, &like).await?;
            if let Some(gone) = found.gone.filter(|_| is_open) {
                not_looked_at.push(json!({ "job": job.to_string(), "why": gone.to_string() }));
            }
            told.all_by(job, "named", found.runs.keys());
            told.all_by(job, "revealed", shown.theirs.keys());
            found.runs.extend(shown.theirs);
            // What only a look-up showed of whoever the request named otherwise, and erased.
            let sought: Vec<Position> =
                sought.into_iter().filter(|position| !found.runs.contains_key(position)).collect();
            told.all_by(job, "sought", &sought);
            found.runs.extend(sought.into_iter().map(|position| (position, None)));
            let left = shown.left.into_iter().filter(|(position, _)| !found.runs.contains_key(position));
            told.left.extend(left.map(|(position, whose)| left_alone(job, position, whose)));
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
            let is_left_looks = fates.record().format.get(WATCH).is_some() && (is_open || is_watched);
            ended += engine::forget(self.store(), &fates, &found, self.now_ms()).await?;
            if is_left_looks {
                let erased = engine::erased_among(self.store().reader(), job, found.runs.keys())?;
                unwatched.extend(erased.into_iter().map(|position| RunId { job, position }.to_string()));
            }
            theirs.push((job, found.runs.into_keys().collect()));
            drop(stopped);
        }
        let store = Arc::clone(self.store());
        let destroyed = tokio::task::spawn_blocking(move || store.forget(&like, theirs, ended, by));
        let destroyed = destroyed.await.map_err(|_| EngineError::Stopped("destroying what is kept"))??;
        files.sort();
        files.dedup();
        Ok(json!({
            "runs": ended, "records": destroyed.records, "keys": keys + destroyed.records, "files": files,
            "not_looked_at": not_looked_at, "found": told.found, "left": told.left, "unwatched": unwatched,
        }))
    }

    async fn theirs(&self, record: &JobRecord, like: &[u128]) -> Result<Found, HostError> {
        let (store, record, like) = (Arc::clone(self.store()), record.clone(), like.to_vec());
        let look = move || {
            let runs = engine::runs_of(store.reader(), &record, &like)?;
            let shown = engine::shown_like(&store, &record, &like, &runs)?;
            let sought = engine::sought_like(&store, record.id, &like)?;
            Ok(Found { runs, shown, sought })
        };
        let found = tokio::task::spawn_blocking(look).await;
        found.map_err(|_| EngineError::Stopped("looking for a person"))?.map_err(EngineError::into)
    }
}

/// The runs of a person in one job.
struct Found {
    runs: Theirs,
    shown: Shown,
    sought: Vec<Position>,
}

/// By what runs were found, and which were left alone.
#[derive(Default)]
struct Told {
    found: Vec<Value>,
    left: Vec<Value>,
}

impl Told {
    fn all_by<'p>(&mut self, job: JobId, by: &str, positions: impl IntoIterator<Item = &'p Position>) {
        let runs = positions.into_iter().map(|position| RunId { job, position: *position });
        self.found.extend(runs.map(|run| json!({ "run": run.to_string(), "by": by })));
    }
}

fn left_alone(job: JobId, position: Position, whose: Whose) -> Value {
    let why = match whose {
        Whose::Shared | Whose::Theirs | Whose::Nobody => "shared",
        Whose::Another => "another",
    };
    json!({ "run": RunId { job, position }.to_string(), "why": why })
}
