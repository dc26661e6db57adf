//! The brake on what cannot be undone: a file is planned through first.
//!
//! Counts the distinct people that would, or might, be written to irreversibly, and stops counting as
//! soon as there are too many, so that memory is bounded by the limit. Where a workflow says by how much
//! its files may change, their requests are counted too: an export that is twice as long, or half, as
//! the last one is seldom what somebody meant.

use std::collections::HashSet;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::plan_record::Planner;
use super::task::{EngineError, Task};
use crate::intake::Records;
use crate::job::{Event, Position, State, Status, WindowId};
use crate::journal::{JobRecord, Reader, StoreError};
use crate::run::preview;
use crate::workflow::Workflow;

/// Most irreversible writes of one job when the workflow's `guard` does not say (design section 2).
pub const DEFAULT_PER_JOB: u64 = 500;

/// What the guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Few enough.
    Within,
    /// More than allowed: at least this many.
    Beyond { subjects: u64, limit: u64 },
    /// The file has so many requests, the last finished job had so many, and that is a greater change
    /// than so many percent.
    Changed { requests: u64, last: u64, percent: u64 },
}

impl Found {
    /// That the guard holds the job, as the journal keeps it; `None` when it does not.
    pub(super) fn held(self) -> Option<Event> {
        match self {
            Found::Within => None,
            Found::Beyond { subjects, limit } => Some(Event::Held { subjects, limit, max_change: None }),
            Found::Changed { requests, last, percent } => {
                Some(Event::Held { subjects: requests, limit: last, max_change: Some(percent) })
            }
        }
    }
}

/// The last finished job that a file is compared to, and by how much it may differ.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastJob {
    /// Requests in its input; at least one.
    pub requests: u64,
    /// How much more or fewer are allowed.
    pub percent: u64,
}

impl LastJob {
    /// The newest finished job of a workflow that had requests; `None` without one, or when the
    /// workflow takes files of any size.
    pub(super) fn of(
        reader: &Reader,
        job: &JobRecord,
        workflow: &Workflow,
    ) -> Result<Option<LastJob>, StoreError> {
        let Some(percent) = workflow.guard.max_change else { return Ok(None) };
        // How much comes in at a time says nothing about a file, and no file about it.
        let is_window = |job: &JobRecord| job.input_path.parse::<WindowId>().is_ok();
        if is_window(job) {
            return Ok(None);
        }
        let mut jobs = reader.jobs()?;
        jobs.retain(|other| {
            other.workflow_name == job.workflow_name
                && other.status == Status::Finished
                && other.id != job.id
                && !is_window(other)
        });
        for last in jobs.iter().rev() {
            let mut state = State::default();
            for recorded in reader.events(last.id) {
                state.apply(&recorded?.event);
            }
            if let Some(requests) = state.totals().records.filter(|requests| *requests > 0) {
                return Ok(Some(LastJob { requests, percent }));
            }
        }
        Ok(None)
    }

    /// Counts a file and compares.
    pub(super) fn compare(self, mut records: Records) -> Result<Found, EngineError> {
        let mut requests = 0_u64;
        while let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)? {
            requests += chunk.len() as u64;
        }
        let LastJob { requests: last, percent } = self;
        let change = u128::from(requests.abs_diff(last)) * 100;
        match change > u128::from(last) * u128::from(percent) {
            true => Ok(Found::Changed { requests, last, percent }),
            false => Ok(Found::Within),
        }
    }
}

/// How many people may be written to irreversibly now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// In this job.
    pub per_job: u64,
    /// What is left of the rolling hour; `None` when the workflow sets no such limit.
    pub left_this_hour: Option<u64>,
}

impl Allowed {
    fn limit(self) -> u64 {
        self.left_this_hour.map_or(self.per_job, |left| left.min(self.per_job))
    }

    /// Whether a file has no more requests than people are allowed: then it need not be planned, since each
    /// request counts for one person at most. Reads no further than the limit.
    pub(super) fn is_enough_for(self, mut records: Records) -> Result<bool, EngineError> {
        let mut requests = 0_u64;
        while requests <= self.limit() {
            let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)? else {
                return Ok(true);
            };
            requests += chunk.len() as u64;
        }
        Ok(false)
    }
}

/// Plans a file through without sending anything; nothing is found once it is asked to stop.
pub(super) fn look_ahead(
    task: &Task,
    planner: &Planner<'_>,
    mut records: Records,
    allowed: Allowed,
    stop: &CancellationToken,
) -> Result<Found, EngineError> {
    let limit = allowed.limit();
    let mut people = HashSet::new();
    while !stop.is_cancelled()
        && let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)?
    {
        for record in chunk.records() {
            let Some(request) = planner.request(record) else { continue };
            let person = person_of(&request, record.position());
            if people.contains(&person) {
                continue;
            }
            if preview(&task.program, record.position(), request).may_be_irreversible() {
                people.insert(person);
            }
            if people.len() as u64 > limit {
                return Ok(Found::Beyond { subjects: people.len() as u64, limit });
            }
        }
    }
    Ok(Found::Within)
}

/// A digest of the surest identifier a record gives and of its aliases: the same identifiers are the
/// same person, and a record without any is a person of its own.
fn person_of(request: &Map<String, Value>, position: Position) -> [u8; 16] {
    let mut digest = Sha256::new();
    let subject = request.get("subject");
    let mut is_named = false;
    for member in ["external_id", "braze_id", "email", "phone"] {
        if let Some(value) = subject.and_then(|subject| subject.get(member)).and_then(Value::as_str) {
            is_named = true;
            digest.update(member);
            digest.update([0]);
            digest.update(value);
            digest.update([0]);
            break;
        }
    }
    let aliases = subject.and_then(|subject| subject.get("aliases")).and_then(Value::as_array);
    if let Some(aliases) = aliases.filter(|aliases| !aliases.is_empty()) {
        is_named = true;
        aliases.iter().for_each(|alias| digest.update(alias.to_string()));
    }
    if !is_named {
        digest.update(position.to_be_bytes());
    }
    let full: [u8; 32] = digest.finalize().into();
    let mut short = [0; 16];
    short.copy_from_slice(full.split_at(16).0);
    short
}

#[cfg(test)]
mod tests;
