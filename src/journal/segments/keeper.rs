//! The writer's side of one family: filling the table, making segments of it, merging them.
//!
//! [`super::Keepers`] says whose turn it is. What is done to the database inside the writer's
//! transaction is shown to those who ask by [`Keeper::committed`], once it is on the disk.

use std::sync::Arc;

use rusqlite::{Connection, params};

use super::keepers::Leftover;
use super::merge::Merge;
use super::segment::{Builder, COLUMNS, Segment};
use super::{Family, Key, Sorted, Value};
use crate::journal::error::{Doing, StoreError};

/// Segments of a tier that are merged into one of the next.
const FAN_IN: usize = 8;

/// Owns the changes to one family's records.
#[derive(Debug)]
pub(super) struct Keeper {
    family: Family,
    sorted: Arc<Sorted>,
    /// The last event that the segments cover.
    watermark: i64,
    merge: Option<Merge>,
    to_publish: Option<Publish>,
    recent_records: usize,
}

/// A change that questions may see once it is durable.
#[derive(Debug)]
enum Publish {
    Flushed(Segment, i64),
    /// Nothing was there to flush.
    Covered(i64),
    Merged(Segment, Vec<Arc<Segment>>),
}

impl Keeper {
    /// Reads the segments of a family. `recent_records` in memory become a segment.
    pub(super) fn open(
        connection: &Connection,
        family: Family,
        sorted: Arc<Sorted>,
        recent_records: usize,
    ) -> Result<Keeper, StoreError> {
        let mut segments = read_segments(connection, family)?;
        // Younger tiers hold younger records, and within a tier higher numbers do.
        segments.sort_by_key(|segment| (segment.tier, std::cmp::Reverse(segment.id)));
        sorted.change(|contents| contents.segments = segments.into_iter().map(Arc::new).collect());
        let sql = "SELECT ifnull(max(event), 0) FROM watermarks WHERE family = ?1";
        let watermark = connection.query_row(sql, [family.number], |row| row.get(0));
        let watermark = watermark.doing("look over its index")?;
        Ok(Keeper { family, sorted, watermark, merge: None, to_publish: None, recent_records })
    }

    pub(super) fn family(&self) -> u8 {
        self.family.number
    }

    pub(super) fn watermark(&self) -> i64 {
        self.watermark
    }

    /// Adds records whose events are durable.
    pub(super) fn insert(&self, records: impl Iterator<Item = (Key, Value)>) {
        let mut records = records.peekable();
        if records.peek().is_none() {
            return;
        }
        self.sorted.change(|contents| {
            contents.additions += 1;
            for (key, value) in records {
                let keep = self.family.keep;
                contents.recent.entry(key).and_modify(|older| *older = keep(*older, value)).or_insert(value);
            }
        });
    }

    /// Records that are in no segment yet.
    pub(super) fn recent(&self) -> usize {
        self.sorted.with(|contents| contents.recent.len())
    }

    pub(super) fn is_full(&self) -> bool {
        self.recent() >= self.recent_records
    }

    /// Whether a merge is on its way or could begin.
    pub(super) fn has_merge(&self) -> bool {
        self.merge.is_some() || self.to_merge().is_some()
    }

    /// Whether a merge is on its way.
    pub(super) fn is_merging(&self) -> bool {
        self.merge.is_some()
    }

    /// Makes a segment of the table. `covered` is the last event whose records were added.
    pub(super) fn flush(
        &mut self,
        connection: &Connection,
        covered: i64,
        next_segment: &mut i64,
    ) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO watermarks (family, event) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![self.family.number, covered])?;
        let mut records: Vec<(Key, Value)> =
            self.sorted.with(|contents| contents.recent.iter().map(|(key, value)| (*key, *value)).collect());
        if records.is_empty() {
            self.to_publish = Some(Publish::Covered(covered));
            return Ok(());
        }
        records.sort_unstable_by_key(|(key, _)| *key);
        let mut segment = Builder::new(take_number(next_segment), 0, records.len());
        for (key, value) in records {
            segment.push(connection, key, value)?;
        }
        let segment = segment.finish(connection, self.family.number)?;
        self.to_publish = Some(Publish::Flushed(segment, covered));
        Ok(())
    }

    /// Merges a slice of so many records, or begins to merge.
    pub(super) fn merge(
        &mut self,
        connection: &Connection,
        records: usize,
        next_segment: &mut i64,
    ) -> Result<(), StoreError> {
        if self.merge.is_none()
            && let Some(inputs) = self.to_merge()
        {
            let tier = inputs.first().map_or(0, |segment| segment.tier.saturating_add(1));
            self.merge = Some(Merge::new(&inputs, take_number(next_segment), tier));
        }
        if let Some(merge) = &mut self.merge
            && merge.go_on(connection, self.family, records)?
            && let Some(merge) = self.merge.take()
        {
            let (output, inputs) = merge.finish(connection, self.family)?;
            self.to_publish = Some(Publish::Merged(output, inputs));
        }
        Ok(())
    }

    /// Lets questions see what was done; its transaction is on the disk. Gives what is left over.
    pub(super) fn committed(&mut self) -> Vec<Leftover> {
        match self.to_publish.take() {
            Some(Publish::Flushed(segment, covered)) => {
                self.watermark = covered;
                self.sorted.change(|contents| {
                    contents.segments.insert(0, Arc::new(segment));
                    contents.recent.clear();
                    contents.flushes += 1;
                });
                Vec::new()
            }
            Some(Publish::Covered(covered)) => {
                self.watermark = covered;
                Vec::new()
            }
            Some(Publish::Merged(output, inputs)) => {
                self.sorted.change(|contents| {
                    let is_input = |segment: &Segment| inputs.iter().any(|input| input.id == segment.id);
                    contents.segments.retain(|segment| !is_input(segment));
                    let younger = contents.segments.partition_point(|segment| segment.tier < output.tier);
                    contents.segments.insert(younger, Arc::new(output));
                });
                inputs.iter().map(|input| Leftover::of(input)).collect()
            }
            None => Vec::new(),
        }
    }

    /// The oldest segments of the first tier that has enough of them, oldest first.
    fn to_merge(&self) -> Option<Vec<Arc<Segment>>> {
        self.sorted.with(|contents| {
            let tiers = contents.segments.chunk_by(|one, next| one.tier == next.tier);
            let mut full = tiers.filter(|tier| tier.len() >= FAN_IN);
            full.next().map(|tier| tier.iter().rev().take(FAN_IN).cloned().collect())
        })
    }
}

fn take_number(next_segment: &mut i64) -> i64 {
    let number = *next_segment;
    *next_segment += 1;
    number
}

fn read_segments(connection: &Connection, family: Family) -> Result<Vec<Segment>, StoreError> {
    let doing = "read its index";
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE family = ?1");
    let mut statement = connection.prepare(&sql).doing(doing)?;
    let segments = statement.query_map([family.number], Segment::read).doing(doing)?;
    let damaged = StoreError::Damaged { what: "a segment of its index is not whole" };
    let segments: Option<Vec<Segment>> = segments.collect::<rusqlite::Result<_>>().doing(doing)?;
    segments.ok_or(damaged)
}
