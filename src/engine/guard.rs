//! The brake on what cannot be undone: a file is planned through first.
//!
//! Counts the distinct people that would, or might, be written to irreversibly, and stops counting as
//! soon as there are too many, so that memory is bounded by the limit.

use std::collections::HashSet;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::plan_record::Planner;
use super::task::{EngineError, Task};
use crate::intake::Records;
use crate::job::Position;
use crate::run::preview;

/// Most irreversible writes of one job when the workflow's `guard` does not say (design section 2).
pub const DEFAULT_PER_JOB: u64 = 500;

/// What the guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Few enough.
    Within,
    /// More than allowed: at least this many.
    Beyond { subjects: u64, limit: u64 },
}

/// How many people may be written to irreversibly now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// In this job.
    pub per_job: u64,
    /// What is left of the rolling hour; `None` when the workflow sets no such limit.
    pub left_this_hour: Option<u64>,
}

/// Plans a file through without sending anything.
pub(super) fn look_ahead(
    task: &Task,
    planner: &Planner<'_>,
    mut records: Records,
    allowed: Allowed,
) -> Result<Found, EngineError> {
    let limit = allowed.left_this_hour.map_or(allowed.per_job, |left| left.min(allowed.per_job));
    let mut people = HashSet::new();
    while let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)? {
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
