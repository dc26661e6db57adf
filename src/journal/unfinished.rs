//! What was not over in a store that is replaced by an older copy of it.
//!
//! Requests that hooks, feeds and schedules brought come only once: those that came after the copy was made wait
//! again in the restored store. Jobs are not gone on with, since their events are not in it; those whose input is
//! a file are named, so that somebody runs them again. Whose erasure was in the air is told to whoever fills the
//! gate. The rule that keeps it right: what is not taken over is counted and named.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::job::{Attempts, Event, Fail, JobId, Mark, Position, State, Status, Verdict};

use super::carried::{Lost, relation};
use super::error::{Doing, StoreError};
use super::inbox::{self, Came, Leave};
use super::jobs::{self, Outline};
use super::{backup, codec, erasures, events, keys, schema};

const DOING: &str = "read what was not over";

/// What was not over in the store that was replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Unfinished {
    /// Requests that came in after the backup, and wait again.
    pub queued: Vec<Came>,
    /// Requests that came in and are not taken over: nobody carries them out.
    pub lost: Vec<Came>,
    /// Requests that came in after the backup and were given up since: they stay so.
    pub given_up: u64,
    /// Jobs that are not gone on with.
    pub jobs: Vec<LeftJob>,
    /// Jobs that were taken over whole and are open.
    pub open: Vec<JobId>,
    /// Jobs that were cancelled after the backup, and are open again.
    pub cancelled: Vec<JobId>,
    /// It was not there, or could not be read to its end: more may have come in.
    pub is_partial: bool,
}

/// A job with something left to do that is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftJob {
    /// Its number in the store that was replaced.
    pub job: JobId,
    /// Name of the workflow.
    pub workflow: String,
    /// The input, for people.
    pub input: String,
    /// Requests that were not over; `None` when the input was not read to its end, or its process was killed.
    pub open: Option<u64>,
    /// Requests that were over.
    pub over: u64,
    /// Requests that had failed.
    pub failed: u64,
    /// The restored store knows the job as it was before it was opened again.
    pub is_known: bool,
}

impl Unfinished {
    /// How many requests wait again.
    pub fn requests(&self) -> u64 {
        self.queued.iter().map(|came| came.requests).sum()
    }

    /// Adds what an earlier restore did not take over, each once.
    fn with(mut self, earlier: Unfinished) -> Unfinished {
        self.lost
            .extend(earlier.lost.into_iter().filter(|lost| !self.lost.contains(lost)).collect::<Vec<_>>());
        self.jobs.extend(earlier.jobs.into_iter().filter(|job| !self.jobs.contains(job)).collect::<Vec<_>>());
        let cancelled = earlier.cancelled.into_iter().filter(|job| !self.cancelled.contains(job));
        self.cancelled.extend(cancelled.collect::<Vec<_>>());
        self.is_partial |= earlier.is_partial;
        self
    }
}

/// Whose erasure left and was not answered, in jobs that are not over: they count as erased.
pub(super) fn presumed(known: &Connection) -> Result<Vec<Mark>, StoreError> {
    let mut marks = Vec::new();
    for job in jobs::outlines(known)?.into_iter().filter(|job| !job.status.is_closed()) {
        let mut attempts = Attempts::default();
        each_event(known, job.id, |at_ms, event| attempts.apply(at_ms, event))?;
        marks.extend(attempts.unanswered(None).iter().map(|erasure| erasures::mark_of(job.id, erasure)));
    }
    Ok(marks)
}

/// Takes over into a copy what came in, from the database of the store that it replaces; `folder` has the keys.
/// The copy was made at `since_ms`, and has these jobs whole by now.
pub(super) fn take_over(
    from: &Path,
    to: &Connection,
    folder: &Path,
    (since_ms, whole): (i64, &HashSet<JobId>),
) -> Result<Unfinished, StoreError> {
    let partial = || Unfinished { is_partial: true, ..Unfinished::default() };
    if !from.exists() {
        return Ok(partial());
    }
    let Ok(known) = schema::open_writer(from) else { return Ok(partial()) };
    let Ok(relation) = relation(&known, to) else { return Ok(partial()) };
    if matches!(relation, Some(Lost::Foreign | Lost::Branched)) {
        let (lost, left) = (inbox::waiting(&known), Left::of(&known, Vec::new()));
        let is_partial = lost.is_err() || left.is_err();
        let (lost, jobs) = (lost.unwrap_or_default(), left.map(|left| left.jobs).unwrap_or_default());
        return Ok(Unfinished { lost, jobs, is_partial, ..Unfinished::default() });
    }
    let found = Left::of(&known, jobs::outlines(to)?);
    let mut is_partial = found.is_err();
    let left = found.unwrap_or_default();
    let opens = keys::numbers(folder)?;
    let taken = inbox::take_over(&known, to, &left.rows, |number| opens.contains(&number), since_ms)?;
    is_partial |= taken.is_partial;
    let is_open = |job: &Outline| !job.status.is_closed() && whole.contains(&job.id);
    let open = jobs::outlines(to)?.into_iter().filter(is_open).map(|job| job.id).collect();
    let unfinished = Unfinished {
        open,
        queued: taken.queued,
        lost: taken.lost,
        given_up: taken.given_up,
        jobs: left.jobs,
        cancelled: left.cancelled,
        is_partial,
    };
    // What nobody has read yet of an earlier restore.
    let earlier = [&known, to].map(|of| backup::restored(of).ok().flatten());
    Ok(earlier.into_iter().flatten().fold(unfinished, |all, earlier| all.with(earlier.unfinished)))
}

/// What jobs left.
#[derive(Default)]
struct Left {
    /// Rows that do not wait again.
    rows: HashMap<i64, Leave>,
    jobs: Vec<LeftJob>,
    cancelled: Vec<JobId>,
}

impl Left {
    /// Of a store, beside the jobs of a copy.
    fn of(known: &Connection, copied: Vec<Outline>) -> Result<Left, StoreError> {
        let copied: HashMap<JobId, Outline> = copied.into_iter().map(|job| (job.id, job)).collect();
        let windows: HashMap<JobId, i64> =
            inbox::windows(known).doing(DOING)?.into_iter().map(|(window, job)| (job, window)).collect();
        let mut left = Left::default();
        for job in jobs::outlines(known)? {
            // A number is given once, but by each of two stores that went apart.
            let same = copied.get(&job.id).filter(|copy| copy.started_ms == job.started_ms);
            let is_open_there = same.is_some_and(|copy| !copy.status.is_closed());
            if let Some(window) = windows.get(&job.id).filter(|_| same.is_some()) {
                let rows = inbox::rows_of(known, *window).doing(DOING)?;
                left.rows.extend(rows.into_iter().map(|row| (row, Leave::Over)));
            }
            match windows.get(&job.id) {
                Some(window) if same.is_none() => left.note_rows(known, job, *window)?,
                _ if is_open_there => {
                    left.cancelled.extend((job.status == Status::Cancelled).then_some(job.id));
                }
                _ => left.jobs.extend(left_job(known, job, same.is_some())?),
            }
        }
        Ok(left)
    }

    /// Notes which rows of a window do not wait again.
    fn note_rows(&mut self, known: &Connection, job: Outline, window: i64) -> Result<(), StoreError> {
        let mut ended: HashMap<Position, Verdict> = HashMap::new();
        let state = state_of(known, job.id, |event| {
            ended.extend(event.ends().iter().map(|one| (one.position, one.verdict)));
            if let Event::Reopened(reopened) = event {
                ended.retain(|position, _| !reopened.positions.contains(position));
            }
        })?;
        let is_cancelled = job.status == Status::Cancelled;
        for (position, row) in (0..).zip(inbox::rows_of(known, window).doing(DOING)?) {
            let leave = match ended.get(&position) {
                Some(Verdict::Done | Verdict::Skipped(_) | Verdict::Failed(Fail::Forgotten)) => Leave::Over,
                Some(Verdict::Failed(Fail::Cancelled)) => Leave::GivenUp,
                _ if is_cancelled || state.is_given_up(position) => Leave::GivenUp,
                _ => continue,
            };
            self.rows.insert(row, leave);
        }
        Ok(())
    }
}

/// A job of which something is left that a person may want, if it is one.
fn left_job(known: &Connection, job: Outline, is_known: bool) -> Result<Option<LeftJob>, StoreError> {
    let is_open = !job.status.is_closed();
    let may_have_failed = job.status == Status::Finished && !is_known && job.keeps_key;
    if !is_open && !may_have_failed {
        return Ok(None);
    }
    let record = jobs::one(known, job.id)?;
    if record.sandbox || record.is_canary() || record.looks_at().is_some() {
        return Ok(None);
    }
    let state = state_of(known, job.id, |_| {})?;
    let totals = state.totals();
    let (over, failed) = (state.finished(), totals.failed());
    let open = if is_open { totals.records.map(|records| records.saturating_sub(over)) } else { Some(0) };
    let (workflow, input) = (record.workflow_name, record.input_path);
    let left = LeftJob { job: job.id, workflow, input, open, over, failed, is_known };
    Ok((is_open || failed > 0).then_some(left))
}

/// Folds the events of a job, and shows each.
fn state_of(known: &Connection, job: JobId, mut seen: impl FnMut(&Event)) -> Result<State, StoreError> {
    let mut again = HashSet::new();
    each_event(known, job, |_, event| {
        if let Event::Reopened(reopened) = event {
            again.extend(reopened.positions.iter().copied());
        }
        seen(event);
    })?;
    let mut state = State::expecting(again);
    each_event(known, job, |_, event| state.apply(event))?;
    Ok(state)
}

fn each_event(known: &Connection, job: JobId, mut with: impl FnMut(i64, &Event)) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let rows = events::rows(known, job, after, 64)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        for row in &rows {
            let event = codec::decode(&row.body);
            let damaged = |source| StoreError::Event { job, event: row.id, source };
            with(row.at_ms, &event.map_err(damaged)?);
        }
    }
}
