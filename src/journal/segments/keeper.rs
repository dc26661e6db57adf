//! The writer's side of a family: filling the table, making segments of it, merging them.
//!
//! [`Keeper::work`] changes the database inside the writer's transaction; [`Keeper::committed`] lets
//! questions see the change once it is on the disk. The writer calls nothing in between, and nothing
//! ever again when the transaction failed.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::merge::Merge;
use super::segment::{Builder, COLUMNS, Segment};
use super::{Family, Key, Sorted, Value, block};
use crate::journal::error::{Doing, StoreError};

/// Records in memory before they become a segment: two megabytes on the disk, four in memory.
pub(in crate::journal) const RECENT_RECORDS: usize = 65_536;
/// Segments of a tier that are merged into one of the next.
const FAN_IN: usize = 8;
/// Blocks of a merged segment that are removed at once.
const REMOVED_AT_ONCE: u32 = 64;

/// Owns the changes to one family's records.
#[derive(Debug)]
pub(in crate::journal) struct Keeper {
    family: Family,
    sorted: Arc<Sorted>,
    next_segment: i64,
    merge: Option<Merge>,
    /// Rows of segments that are no more.
    leftovers: VecDeque<Leftover>,
    to_publish: Option<Publish>,
    recent_records: usize,
}

/// A change that questions may see once it is durable.
#[derive(Debug)]
enum Publish {
    Flushed(Segment),
    Merged(Segment, Vec<Arc<Segment>>),
}

#[derive(Debug)]
struct Leftover {
    segment: i64,
    next_block: u32,
    blocks: u32,
}

impl Keeper {
    /// Reads the segments of a family, and finds what a crash left over. `recent_records` in memory
    /// become a segment.
    pub(in crate::journal) fn open(
        connection: &Connection,
        family: Family,
        sorted: Arc<Sorted>,
        recent_records: usize,
    ) -> Result<Keeper, StoreError> {
        let mut segments = read_segments(connection, family)?;
        // Younger tiers hold younger records, and within a tier higher numbers do.
        segments.sort_by_key(|segment| (segment.tier, std::cmp::Reverse(segment.id)));
        let (leftovers, last) = find_leftovers(connection).doing("look over its index of ids")?;
        sorted.change(|contents| contents.segments = segments.into_iter().map(Arc::new).collect());
        Ok(Keeper {
            family,
            sorted,
            next_segment: last + 1,
            merge: None,
            leftovers,
            to_publish: None,
            recent_records,
        })
    }

    /// The last event that the segments cover.
    pub(in crate::journal) fn watermark(&self, connection: &Connection) -> Result<i64, StoreError> {
        let sql = "SELECT ifnull(max(event), 0) FROM watermarks WHERE family = ?1";
        connection.query_row(sql, [self.family.number], |row| row.get(0)).doing("look over its index of ids")
    }

    /// Adds records whose events are durable.
    pub(in crate::journal) fn insert(&self, records: impl Iterator<Item = (Key, Value)>) {
        self.sorted.change(|contents| {
            for (key, value) in records {
                let keep = self.family.keep;
                contents.recent.entry(key).and_modify(|older| *older = keep(*older, value)).or_insert(value);
            }
        });
    }

    /// Whether there is something to do even when no event comes.
    pub(in crate::journal) fn has_work(&self) -> bool {
        !self.leftovers.is_empty() || self.merge.is_some() || self.is_full() || self.to_merge().is_some()
    }

    /// Does a slice of what there is to do. `covered` is the last event whose records were added.
    pub(in crate::journal) fn work(
        &mut self,
        connection: &Connection,
        covered: i64,
        records: usize,
    ) -> Result<(), StoreError> {
        if self.is_full() {
            let segment = self.flush(connection, covered).doing("write its index of ids")?;
            self.to_publish = Some(Publish::Flushed(segment));
        } else if let Some(merge) = &mut self.merge {
            if merge.go_on(connection, self.family, records)?
                && let Some(merge) = self.merge.take()
            {
                let (output, inputs) = merge.finish(connection, self.family)?;
                self.to_publish = Some(Publish::Merged(output, inputs));
            }
        } else if let Some(inputs) = self.to_merge() {
            let tier = inputs.first().map_or(0, |segment| segment.tier.saturating_add(1));
            self.merge = Some(Merge::new(&inputs, self.take_number(), tier));
        } else if let Some(leftover) = self.leftovers.front_mut() {
            let end = leftover.next_block.saturating_add(REMOVED_AT_ONCE).min(leftover.blocks);
            let row = |number| block::row_of(leftover.segment, number);
            block::remove(connection, row(leftover.next_block), row(end)).doing("tidy its index of ids")?;
            leftover.next_block = end;
            if end == leftover.blocks {
                self.leftovers.pop_front();
            }
        }
        Ok(())
    }

    /// Lets questions see what [`Keeper::work`] did; its transaction is on the disk.
    pub(in crate::journal) fn committed(&mut self) {
        match self.to_publish.take() {
            Some(Publish::Flushed(segment)) => self.sorted.change(|contents| {
                contents.segments.insert(0, Arc::new(segment));
                contents.recent.clear();
            }),
            Some(Publish::Merged(output, inputs)) => {
                self.sorted.change(|contents| {
                    let is_input = |segment: &Segment| inputs.iter().any(|input| input.id == segment.id);
                    contents.segments.retain(|segment| !is_input(segment));
                    let younger = contents.segments.partition_point(|segment| segment.tier < output.tier);
                    contents.segments.insert(younger, Arc::new(output));
                });
                self.leftovers.extend(inputs.iter().map(|input| Leftover {
                    segment: input.id,
                    next_block: 0,
                    blocks: input.blocks(),
                }));
            }
            None => {}
        }
    }

    fn is_full(&self) -> bool {
        self.sorted.with(|contents| contents.recent.len()) >= self.recent_records
    }

    /// The oldest segments of the first tier that has enough of them, oldest first.
    fn to_merge(&self) -> Option<Vec<Arc<Segment>>> {
        self.sorted.with(|contents| {
            let tiers = contents.segments.chunk_by(|one, next| one.tier == next.tier);
            let mut full = tiers.filter(|tier| tier.len() >= FAN_IN);
            full.next().map(|tier| tier.iter().rev().take(FAN_IN).cloned().collect())
        })
    }

    fn flush(&mut self, connection: &Connection, covered: i64) -> rusqlite::Result<Segment> {
        let mut records: Vec<(Key, Value)> =
            self.sorted.with(|contents| contents.recent.iter().map(|(key, value)| (*key, *value)).collect());
        records.sort_unstable_by_key(|(key, _)| *key);
        let mut segment = Builder::new(self.take_number(), 0, records.len());
        for (key, value) in records {
            segment.push(connection, key, value)?;
        }
        let sql = "INSERT OR REPLACE INTO watermarks (family, event) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![self.family.number, covered])?;
        segment.finish(connection, self.family.number)
    }

    fn take_number(&mut self) -> i64 {
        let number = self.next_segment;
        self.next_segment += 1;
        number
    }
}

fn read_segments(connection: &Connection, family: Family) -> Result<Vec<Segment>, StoreError> {
    let doing = "read its index of ids";
    let sql = format!("SELECT {COLUMNS} FROM segments WHERE family = ?1");
    let mut statement = connection.prepare(&sql).doing(doing)?;
    let segments = statement.query_map([family.number], Segment::read).doing(doing)?;
    let damaged = StoreError::Damaged { what: "a segment of its index is not whole" };
    let segments: Option<Vec<Segment>> = segments.collect::<rusqlite::Result<_>>().doing(doing)?;
    segments.ok_or(damaged)
}

/// Blocks of segments that are not there, and the highest number a segment ever had.
fn find_leftovers(connection: &Connection) -> rusqlite::Result<(VecDeque<Leftover>, i64)> {
    let mut statement = connection.prepare("SELECT id FROM segments")?;
    let known = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut last = known.iter().copied().max().unwrap_or(0);
    let mut leftovers = VecDeque::new();
    let mut from = 0;
    while let Some(row) = block::next_row(connection, from)? {
        let segment = block::segment_of(row);
        from = block::row_of(segment + 1, 0);
        last = last.max(segment);
        if !known.contains(&segment) {
            let end = connection
                .query_row("SELECT max(id) FROM blocks WHERE id < ?1", [from], |row| row.get::<_, i64>(0))?;
            let number = |row: i64| (row - block::row_of(segment, 0)) as u32;
            leftovers.push_back(Leftover { segment, next_block: number(row), blocks: number(end) + 1 });
        }
    }
    Ok((leftovers, last))
}
