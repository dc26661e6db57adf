//! All families of a store: whose turn it is to flush or merge, and what crashes left over.
//!
//! [`Keepers::work`] changes the database inside the writer's transaction; [`Keepers::committed`]
//! lets questions see the change once it is on the disk. The writer calls nothing in between, and
//! nothing ever again when the transaction failed. The rule that keeps it right: a family may lag
//! behind the newest event only so far, however few records it has, because the next start folds
//! every event that any family does not cover.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::Connection;

use super::keeper::Keeper;
use super::segment::Segment;
use super::{Family, Key, Sorted, Value, block};
use crate::journal::error::{Doing, StoreError};

/// Records in memory before they become a segment: two megabytes on the disk, four in memory.
pub(in crate::journal) const RECENT_RECORDS: usize = 65_536;
/// Events that a family may leave to be folded at the next start: a tenth of a second's worth.
const MOST_BEHIND: i64 = 4096;
/// Blocks of a merged segment that are removed at once.
const REMOVED_AT_ONCE: u32 = 64;

/// Owns the changes to the records of all families.
#[derive(Debug)]
pub(in crate::journal) struct Keepers {
    keepers: Vec<Keeper>,
    next_segment: i64,
    /// Rows of segments that are no more.
    leftovers: VecDeque<Leftover>,
}

/// Rows of a segment that is no more.
#[derive(Debug)]
pub(super) struct Leftover {
    segment: i64,
    next_block: u32,
    blocks: u32,
}

impl Leftover {
    pub(super) fn of(segment: &Segment) -> Leftover {
        Leftover { segment: segment.id, next_block: 0, blocks: segment.blocks() }
    }
}

impl Keepers {
    /// Reads the segments of all families, and finds what a crash left over. `recent_records` of a
    /// family in memory become a segment.
    pub(in crate::journal) fn open(
        connection: &Connection,
        families: &[(Family, &Arc<Sorted>)],
        recent_records: usize,
    ) -> Result<Keepers, StoreError> {
        let (leftovers, last) = find_leftovers(connection).doing("look over its index")?;
        let open = |(family, sorted): &(Family, &Arc<Sorted>)| {
            Keeper::open(connection, *family, Arc::clone(sorted), recent_records)
        };
        let keepers = families.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Keepers { keepers, next_segment: last + 1, leftovers })
    }

    /// The last event that a family's segments cover.
    pub(in crate::journal) fn watermark(&self, family: Family) -> i64 {
        let keeper = self.keepers.iter().find(|keeper| keeper.family() == family.number);
        keeper.map_or(0, Keeper::watermark)
    }

    /// The last event that the segments of every family cover.
    pub(in crate::journal) fn covered_by_all(&self) -> i64 {
        self.keepers.iter().map(Keeper::watermark).min().unwrap_or(0)
    }

    /// Adds records of a family whose events are durable.
    pub(in crate::journal) fn insert(&self, family: Family, records: impl Iterator<Item = (Key, Value)>) {
        if let Some(keeper) = self.keepers.iter().find(|keeper| keeper.family() == family.number) {
            keeper.insert(records);
        }
    }

    /// Whether there is something to do even when no event comes. `newest` is the last event.
    pub(in crate::journal) fn has_work(&self, newest: i64) -> bool {
        let is_due = |keeper: &Keeper| is_due(keeper, newest) || keeper.has_merge();
        !self.leftovers.is_empty() || self.keepers.iter().any(is_due)
    }

    /// Does a slice of what there is to do: one table is flushed, or else one family merges so many
    /// `records` for each that has segments to merge: as fast as if all of them did, with the memory of
    /// one. `covered` is the last event whose records were added.
    pub(in crate::journal) fn work(
        &mut self,
        connection: &Connection,
        covered: i64,
        records: usize,
    ) -> Result<(), StoreError> {
        let next = &mut self.next_segment;
        // The fullest first, so that no table outgrows its memory while another is flushed.
        let due = self.keepers.iter().filter(|keeper| is_due(keeper, covered));
        if let Some(due) = due.max_by_key(|keeper| keeper.recent()).map(Keeper::family) {
            // A table without records costs nothing to cover, so it never holds the others back.
            let is_next = |keeper: &&mut Keeper| keeper.family() == due || keeper.recent() == 0;
            for keeper in self.keepers.iter_mut().filter(is_next) {
                keeper.flush(connection, covered, next).doing("write its index")?;
            }
            return Ok(());
        }
        let merging = self.keepers.iter().filter(|keeper| keeper.has_merge()).count();
        // What was begun is ended first.
        let turn = self.keepers.iter_mut().filter(|keeper| keeper.has_merge());
        if let Some(keeper) = turn.max_by_key(|keeper| keeper.is_merging()) {
            return keeper.merge(connection, records * merging, next);
        }
        if let Some(leftover) = self.leftovers.front_mut() {
            let end = leftover.next_block.saturating_add(REMOVED_AT_ONCE).min(leftover.blocks);
            let row = |number| block::row_of(leftover.segment, number);
            block::remove(connection, row(leftover.next_block), row(end)).doing("tidy its index")?;
            leftover.next_block = end;
            if end == leftover.blocks {
                self.leftovers.pop_front();
            }
        }
        Ok(())
    }

    /// Flushes every table, whatever it holds, so that nothing is left to be folded.
    pub(in crate::journal) fn flush_all(
        &mut self,
        connection: &Connection,
        covered: i64,
    ) -> Result<(), StoreError> {
        for keeper in self.keepers.iter_mut().filter(|keeper| keeper.watermark() < covered) {
            keeper.flush(connection, covered, &mut self.next_segment).doing("write its index")?;
        }
        Ok(())
    }

    /// Makes segments of records that come from no event: up to which event segments go stays as it was. For
    /// whoever is alone with the database.
    pub(in crate::journal) fn flush_added(&mut self, connection: &Connection) -> Result<(), StoreError> {
        for keeper in self.keepers.iter_mut().filter(|keeper| keeper.recent() > 0) {
            let covered = keeper.watermark();
            keeper.flush(connection, covered, &mut self.next_segment).doing("write its index")?;
        }
        Ok(())
    }

    /// Lets questions see what was done; its transaction is on the disk.
    pub(in crate::journal) fn committed(&mut self) {
        for keeper in &mut self.keepers {
            self.leftovers.extend(keeper.committed());
        }
    }
}

fn is_due(keeper: &Keeper, newest: i64) -> bool {
    keeper.is_full() || newest - keeper.watermark() > MOST_BEHIND
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
