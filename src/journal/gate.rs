//! What people see of the gate, and whom they let through it again.
//!
//! The gate itself is the family of erasures, see [`super::marks`]. A release stands beside it and counts for
//! erasures up to its moment: a later one closes the gate again. Nothing here knows whom an entry is about: it
//! is found by the key of somebody who was typed, or by its moment and workspace.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, params};

use super::erasures::{self, ErasedBy};
use super::error::{Doing, StoreError};
use super::holds::Held;
use super::marks::Space;
use super::{Marks, Reader, Store};
use crate::job::{Attempts, JobId, MarkKind, Position, Presumed, Reason};
use crate::ledger::Fact;
use crate::request::Order;

/// How far apart the calls of one request are at most that erase: a week, in milliseconds. It deletes again what
/// is still there, for a day or as long as its workflow says.
const ONE_REQUEST_MS: u64 = 7 * 24 * 3_600_000;

/// Somebody who was let through the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// By whom, as the system knows them.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

/// An identifier of somebody who was erased, as the gate has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// Its key: a digest that says nothing without the store.
    pub key: [u8; 16],
    /// Stands for the workspace, see [`Space::tag`]; 0 of what an earlier release wrote.
    pub tag: u64,
    /// When the erasure was accepted, in Unix milliseconds.
    pub at_ms: i64,
    /// The request that erased them; `None` of what an earlier release wrote.
    pub by: Option<ErasedBy>,
    /// The newest release since.
    pub release: Option<Release>,
}

/// Which entries are asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Of these workspaces; `None` for all.
    pub tags: Option<Vec<u64>>,
    /// Erased at this moment or later, in Unix milliseconds.
    pub since_ms: Option<i64>,
    /// Erased before this moment.
    pub before_ms: Option<i64>,
    /// So many at most, the newest.
    pub limit: usize,
}

/// Everybody who was let through, by key. Few: each is a person's decision.
#[derive(Debug, Clone, Default)]
pub(super) struct Releases(Arc<RwLock<HashMap<[u8; 16], Release>>>);

impl Releases {
    /// Whether somebody was let through at this moment or later.
    pub(super) fn is_since(&self, key: [u8; 16], erased_ms: i64) -> bool {
        let releases = self.0.read().unwrap_or_else(PoisonError::into_inner);
        releases.get(&key).is_some_and(|release| release.at_ms >= erased_ms)
    }

    fn of(&self, key: [u8; 16], erased_ms: i64) -> Option<Release> {
        let releases = self.0.read().unwrap_or_else(PoisonError::into_inner);
        releases.get(&key).filter(|release| release.at_ms >= erased_ms).cloned()
    }

    pub(super) fn read_again(&self, connection: &Connection) -> Result<(), StoreError> {
        let doing = "read who was let through its gate";
        let sql = "SELECT key, at_ms, by, reason FROM gate_releases ORDER BY id";
        let mut statement = connection.prepare(sql).doing(doing)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, Release { at_ms: row.get(1)?, by: row.get(2)?, reason: row.get(3)? }))
        };
        let rows = statement.query_map([], read).doing(doing)?;
        let releases = rows.collect::<rusqlite::Result<HashMap<_, _>>>().doing(doing)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = releases;
        Ok(())
    }
}

impl Marks {
    /// What the gate has of somebody in a workspace, by any of the identifiers that were typed.
    pub fn gate_of(&self, space: &Space, person: &Held) -> Result<Vec<Erased>, StoreError> {
        let (_, releases) = self.gate();
        let mut found = Vec::new();
        for key in person.people.iter().map(|person| space.key(MarkKind::Erased, person.digest())) {
            if let Some(order) = self.newest(MarkKind::Erased, key)? {
                let (at_ms, (_, by)) = (order.at_ms(), erasures::parts(order));
                found.push(Erased { key, tag: space.tag(), at_ms, by, release: releases.of(key, at_ms) });
            }
        }
        Ok(found)
    }

    /// Entries of the gate, the newest first. Reads all of it.
    pub fn gate_entries(&self, asked: &Asked) -> Result<Vec<Erased>, StoreError> {
        let (erased, releases) = self.gate();
        let mut found: Vec<Erased> = Vec::new();
        let limit = asked.limit.max(1);
        erased.each(|key, value| {
            let order = Order::of_bytes(value);
            let ((tag, by), at_ms) = (erasures::parts(order), order.at_ms());
            let is_of = asked.tags.as_ref().is_none_or(|tags| tags.contains(&tag));
            let is_then = asked.since_ms.is_none_or(|since_ms| at_ms >= since_ms)
                && asked.before_ms.is_none_or(|before_ms| at_ms < before_ms);
            if is_of && is_then {
                found.push(Erased { key: key.to_be_bytes(), tag, at_ms, by, release: None });
                if found.len() >= limit.saturating_mul(4) {
                    newest(&mut found, limit);
                }
            }
        })?;
        newest(&mut found, limit);
        for entry in &mut found {
            entry.release = releases.of(entry.key, entry.at_ms);
        }
        Ok(found)
    }
}

impl Marks {
    /// Adds what else the same requests erased in a workspace; gives how many requests these are. Reads all of
    /// the gate.
    fn add_the_rest(&self, tag: u64, found: &mut Vec<Erased>) -> Result<u64, StoreError> {
        let mut requests: HashMap<ErasedBy, Vec<i64>> = HashMap::new();
        for entry in found.iter() {
            if let Some(by) = entry.by {
                requests.entry(by).or_default().push(entry.at_ms);
            }
        }
        if requests.is_empty() {
            return Ok(0);
        }
        let (erased, releases) = self.gate();
        erased.each(|key, value| {
            let order = Order::of_bytes(value);
            let (of, Some(by)) = erasures::parts(order) else { return };
            let at_ms = order.at_ms();
            let is_near = |known: &i64| known.abs_diff(at_ms) <= ONE_REQUEST_MS;
            if of == tag && requests.get(&by).is_some_and(|known| known.iter().any(is_near)) {
                found.push(Erased { key: key.to_be_bytes(), tag, at_ms, by: Some(by), release: None });
            }
        })?;
        for mut entry in std::mem::take(found) {
            // An older entry of somebody who was erased once more since says nothing any more.
            let newest = self.newest(MarkKind::Erased, entry.key)?;
            if newest.is_some_and(|order| order.at_ms() == entry.at_ms) {
                entry.release = releases.of(entry.key, entry.at_ms);
                found.push(entry);
            }
        }
        Ok(requests.len() as u64)
    }
}

/// Leaves so many, each key once, the newest first.
fn newest(found: &mut Vec<Erased>, limit: usize) {
    found.sort_by_key(|entry| (std::cmp::Reverse(entry.at_ms), entry.key));
    let mut seen = HashSet::new();
    found.retain(|entry| seen.insert(entry.key));
    found.truncate(limit);
}

impl Reader {
    /// What the gate counts as erased once requests of a job, or all of them, are given up: erasures that left
    /// and of which nobody knows what they did. `None` when there are none.
    pub fn presumed(
        &self,
        job: JobId,
        of: Option<&BTreeSet<Position>>,
        at_ms: i64,
    ) -> Result<Option<Presumed>, StoreError> {
        let mut attempts = Attempts::default();
        for recorded in self.events(job) {
            let recorded = recorded?;
            attempts.apply(recorded.at_ms, &recorded.event);
        }
        let left = attempts.unanswered(of);
        let mut positions: Vec<Position> = left.iter().map(|erasure| erasure.position).collect();
        positions.dedup();
        let marks = left.iter().map(|erasure| erasures::mark_of(job, erasure)).collect();
        Ok((!positions.is_empty()).then_some(Presumed { at_ms, positions, marks }))
    }
}

/// What letting people through came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Released {
    /// How many identifiers were let through.
    pub identifiers: u64,
    /// Of how many erasures they are, as far as that is known.
    pub erasures: u64,
    /// Identifiers among them of which it is not known what else was erased with them.
    pub alone: u64,
    /// Those of whom the gate keeps nothing, by their places among those who were named.
    pub unknown: Vec<usize>,
}

impl Store {
    /// Lets people through the gate of some workspaces: what was changed before their erasure passes again, by
    /// every identifier that the erasure covered.
    pub fn release(
        &self,
        workspaces: Vec<String>,
        people: Vec<Held>,
        reason: Reason,
        by: String,
        at_ms: i64,
    ) -> Result<Released, StoreError> {
        let mut released = Released { unknown: (0..people.len()).collect(), ..Released::default() };
        let mut opened = Vec::new();
        for workspace in workspaces {
            let space = self.marks().space(&workspace);
            let mut found: Vec<Erased> = Vec::new();
            for (place, person) in people.iter().enumerate() {
                let own = self.marks().gate_of(&space, person)?;
                if !own.is_empty() {
                    released.unknown.retain(|unknown| *unknown != place);
                }
                found.extend(own);
            }
            released.erasures += self.marks().add_the_rest(space.tag(), &mut found)?;
            found.sort_by_key(|entry| entry.key);
            found.dedup_by_key(|entry| entry.key);
            found.retain(|entry| entry.release.is_none());
            released.identifiers += found.len() as u64;
            released.alone += found.iter().filter(|entry| entry.by.is_none()).count() as u64;
            if !found.is_empty() {
                opened.push((workspace, found));
            }
        }
        if opened.is_empty() {
            return Ok(released);
        }
        let mut subject = Vec::new();
        for (place, person) in people.iter().enumerate() {
            if !released.unknown.contains(&place) {
                subject.extend(self.subject(person)?);
            }
        }
        self.audited(at_ms, move |transaction| {
            let mut facts = Vec::new();
            for (workspace, entries) in opened {
                for Erased { key, at_ms: erased_ms, .. } in entries {
                    let sql = "INSERT INTO gate_releases (at_ms, key, workspace, by, reason) VALUES (?1, ?2, ?3, ?4, ?5)";
                    // An erasure under a clock that was ahead is let through, too.
                    let values = params![at_ms.max(erased_ms), key, workspace, by, reason.as_str()];
                    transaction.execute(sql, values).doing("write who was let through its gate")?;
                }
                let (by, reason, subject) = (by.clone(), reason.as_str().to_owned(), subject.clone());
                facts.push(Fact::Released { workspace, by, reason, subject });
            }
            Ok((released, facts))
        })
    }
}
