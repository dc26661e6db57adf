//! Forgetting a person: their open runs end, and what waits of them cannot be read any more.
//!
//! A run is theirs by what its request names, by what its look-ups showed of its person, and by what looks ask for;
//! what look-ups showed of somebody else, too, is told and ends nothing. First the runs end, each job stopped in
//! order while its runs do; then records that came in and keys are destroyed, and the ledger says so by digests.
//! With the keys goes what is needed to look for them again: of whom they erased, or may have, that is told.
//! Done twice it does what is left: a crash in between is mended by the same command again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::command::Talk;
use super::deciding::{Decider, GivesUp};
use super::error::HostError;
use super::owner::Host;
use crate::engine::{self, EngineError, Fates, Shown, Theirs};
use crate::job::{JobId, Position, RunId};
use crate::journal::{InputKind, JobRecord, WATCH};
use crate::run::Whose;

impl Host {
    /// Forgets whoever has one of these identifiers, by digests of them; what it came to, as the command's own
    /// result.
    pub(super) async fn forget(&self, like: Vec<u128>, by: String, talk: &Talk) -> Result<Value, HostError> {
        let _one_at_a_time = self.forgetting().lock().await;
        let (mut all, mut stopped) = (self.all_theirs(&like, BTreeMap::new()).await?, BTreeMap::new());
        // What may take its time is done while others begin; whoever they begin with is found once they cannot.
        let _nobody_begins = loop {
            self.stop_jobs_of(&all, &mut stopped, talk).await?;
            let nobody_begins = self.opening().await;
            all = self.all_theirs(&like, all).await?;
            if all.iter().all(|(job, found)| found.runs.runs.is_empty() || stopped.contains_key(job)) {
                break nobody_begins;
            }
        };
        let (mut ended, mut keys, mut files, mut not_looked_at) = (0, 0, Vec::new(), Vec::new());
        let (mut theirs, mut told, mut unwatched) = (Vec::new(), Told::default(), Vec::new());
        for (job, Found { runs: found, by, left, is_closed, is_watched }) in all {
            if let Some(gone) = found.gone.filter(|_| !is_closed) {
                not_looked_at.push(json!({ "job": job.to_string(), "why": gone.to_string() }));
            }
            told.found.extend(by);
            told.left.extend(left);
            if found.runs.is_empty() {
                continue;
            }
            let record = self.store().reader().job(job)?;
            if record.input_kind() == InputKind::File {
                files.push(record.input_at().display().to_string());
            }
            keys += self.store().keys_of(job, found.runs.keys().copied())?;
            let fates = Fates::of(self.store().reader(), record)?;
            let is_left_looks = fates.record().format.get(WATCH).is_some() && (!is_closed || is_watched);
            ended += engine::forget(self.store(), &fates, &found, self.now_ms()).await?;
            if is_left_looks {
                let erased = engine::erased_among(self.store().reader(), job, found.runs.keys())?;
                unwatched.extend(erased.into_iter().map(|position| RunId { job, position }.to_string()));
            }
            self.free_lanes(job)?;
            theirs.push((job, found.runs.into_keys().collect()));
            drop(stopped.remove(&job));
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

    /// Every job that may have something of a person, with their runs in it. Of jobs that were over when they were
    /// looked at before, that stands.
    async fn all_theirs(
        &self,
        like: &[u128],
        mut before: BTreeMap<JobId, Found>,
    ) -> Result<BTreeMap<JobId, Found>, HostError> {
        let with_keys: BTreeSet<JobId> = self.store().jobs_with_keys()?.into_iter().collect();
        let mut all = BTreeMap::new();
        for record in self.store().reader().jobs()? {
            let job = record.id;
            let is_closed = record.status.is_closed();
            if let Some(found) = before.remove(&job).filter(|found| is_closed && found.is_closed) {
                all.insert(job, found);
                continue;
            }
            let is_window = self.store().reader().window_of(job)?.is_some();
            let is_watched = self.store().watches(Some(job))?.iter().any(|watch| watch.over_ms.is_none());
            if !is_closed || is_window || is_watched || with_keys.contains(&job) {
                all.insert(job, self.theirs(record, like, is_watched).await?);
            }
        }
        Ok(all)
    }

    async fn theirs(&self, record: JobRecord, like: &[u128], is_watched: bool) -> Result<Found, HostError> {
        let (store, like) = (Arc::clone(self.store()), like.to_vec());
        let look = move || {
            let runs = engine::runs_of(store.reader(), &record, &like)?;
            let shown = engine::shown_like(&store, &record, &like, &runs)?;
            let sought = engine::sought_like(&store, record.id, &like)?;
            Ok(Found { is_watched, ..Found::of(&record, runs, shown, sought) })
        };
        let found = tokio::task::spawn_blocking(look).await;
        found.map_err(|_| EngineError::Stopped("looking for a person"))?.map_err(EngineError::into)
    }

    /// Stops every job in which a person was found, all at once.
    async fn stop_jobs_of<'h>(
        &'h self,
        all: &BTreeMap<JobId, Found>,
        stopped: &mut BTreeMap<JobId, Decider<'h>>,
        talk: &Talk,
    ) -> Result<(), HostError> {
        let theirs = all.iter().filter(|(_, found)| !found.runs.runs.is_empty());
        let theirs = theirs.filter(|(job, _)| !stopped.contains_key(*job));
        // All are asked before the first is waited for.
        let asked: Vec<_> = theirs.map(|(job, found)| (*job, found, self.ask_to_leave(*job))).collect();
        for (job, found, leaving) in asked {
            let positions: BTreeSet<Position> = found.runs.runs.keys().copied().collect();
            stopped.insert(job, self.stopped(leaving, GivesUp::Runs(&positions), talk).await?);
        }
        Ok(())
    }
}

/// The runs of a person in one job.
struct Found {
    runs: Theirs,
    /// By what each was found.
    by: Vec<Value>,
    /// Which were left alone.
    left: Vec<Value>,
    is_closed: bool,
    /// It is still looked whether its people are gone.
    is_watched: bool,
}

impl Found {
    fn of(record: &JobRecord, mut runs: Theirs, shown: Shown, sought: Vec<Position>) -> Found {
        let (job, mut by) = (record.id, Vec::new());
        let mut told = |how: &str, positions: &mut dyn Iterator<Item = Position>| {
            let told = positions.map(|position| RunId { job, position });
            by.extend(told.map(|run| json!({ "run": run.to_string(), "by": how })));
        };
        told("named", &mut runs.runs.keys().copied());
        told("revealed", &mut shown.theirs.keys().copied());
        runs.runs.extend(shown.theirs);
        // What only a look-up showed of whoever the request named otherwise, and erased.
        let sought: Vec<Position> =
            sought.into_iter().filter(|position| !runs.runs.contains_key(position)).collect();
        told("sought", &mut sought.iter().copied());
        runs.runs.extend(sought.into_iter().map(|position| (position, None)));
        let left = shown.left.into_iter().filter(|(position, _)| !runs.runs.contains_key(position));
        let left = left.map(|(position, whose)| left_alone(job, position, whose)).collect();
        Found { runs, by, left, is_closed: record.status.is_closed(), is_watched: false }
    }
}

/// By what runs were found, and which were left alone.
#[derive(Default)]
struct Told {
    found: Vec<Value>,
    left: Vec<Value>,
}

fn left_alone(job: JobId, position: Position, whose: Whose) -> Value {
    let why = match whose {
        Whose::Shared | Whose::Theirs | Whose::Nobody => "shared",
        Whose::Another => "another",
    };
    json!({ "run": RunId { job, position }.to_string(), "why": why })
}
