//! One segment: what of it is kept in memory, and how it is written.
//!
//! In memory stay the filter and the first key of every block, so that a question reads at most one
//! block. The row in `segments` is written last: blocks without it are leftovers of a crash.

use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, MAIN_DB, Row, params};

use super::block::{self, BLOCK_BYTES, BLOCK_RECORDS};
use super::filter::{Filter, Probe};
use super::packed::Packing;
use super::{Key, Value};
use crate::journal::checksum::{checksum, of_chunks};

/// Bytes of a filter that are written at once.
const WRITTEN_AT_ONCE: usize = 64 * 1024;

/// A finished segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub id: i64,
    pub tier: u8,
    pub records: u32,
    filter: Filter,
    fences: Box<[Key]>,
}

impl Segment {
    /// The row of the one block that can hold the key; `None` when the segment does not have it.
    pub(super) fn row_of(&self, key: Key, probe: Probe) -> Option<i64> {
        if !self.filter.may_contain(probe) {
            return None;
        }
        let number = self.fences.partition_point(|fence| *fence <= key).checked_sub(1)?;
        Some(block::row_of(self.id, u32::try_from(number).ok()?))
    }

    /// How many blocks it has.
    pub(super) fn blocks(&self) -> u32 {
        self.fences.len() as u32
    }

    /// Reads a row of `segments` with the columns of [`COLUMNS`]; `None` when it is damaged.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Option<Segment>> {
        let (filter, fences) = (row.get_ref(3)?.as_blob()?, row.get_ref(4)?.as_blob()?);
        let written: Option<u32> = row.get(5)?;
        let place = place(row.get(0)?, row.get(2)?, fences);
        if written.is_some_and(|written| written != checksum(place, filter)) {
            return Ok(None);
        }
        let (fences, rest) = fences.as_chunks::<16>();
        let (Some(filter), []) = (Filter::of_bytes(filter), rest) else { return Ok(None) };
        let fences = fences.iter().map(|fence| Key::from_be_bytes(*fence)).collect();
        Ok(Some(Segment { id: row.get(0)?, tier: row.get(1)?, records: row.get(2)?, filter, fences }))
    }
}

/// The columns that [`Segment::read`] reads.
pub(super) const COLUMNS: &str = "id, tier, records, filter, fences, sum";

/// Where a filter stands, for its sum: beside everything else of the segment.
fn place(id: i64, records: u32, fences: &[u8]) -> u64 {
    id.cast_unsigned() << 32 | u64::from(checksum(u64::from(records), fences))
}

/// Writes a segment, record by record in the order of their keys.
#[derive(Debug)]
pub(super) struct Builder {
    id: i64,
    tier: u8,
    records: u32,
    filter: Filter,
    fences: Vec<Key>,
    block: Packing,
}

impl Builder {
    /// `room` is the most records it will take.
    pub(super) fn new(id: i64, tier: u8, room: usize) -> Builder {
        Builder {
            id,
            tier,
            records: 0,
            filter: Filter::with_room(room),
            fences: Vec::with_capacity(room.div_ceil(BLOCK_RECORDS)),
            block: Packing::default(),
        }
    }

    /// Takes the next record; its key is greater than the one before.
    pub(super) fn push(&mut self, connection: &Connection, key: Key, value: Value) -> rusqlite::Result<()> {
        let is_first = self.block.is_empty();
        if !self.block.take(key, value, BLOCK_BYTES) {
            self.write_block(connection)?;
            self.block.take(key, value, BLOCK_BYTES);
            self.fences.push(key);
        } else if is_first {
            self.fences.push(key);
        }
        self.filter.insert(Probe::of(key));
        self.records += 1;
        Ok(())
    }

    /// Writes what is left and the row that makes the segment one.
    pub(super) fn finish(mut self, connection: &Connection, family: u8) -> rusqlite::Result<Segment> {
        if !self.block.is_empty() {
            self.write_block(connection)?;
        }
        let fences: Vec<u8> = self.fences.iter().flat_map(|fence| fence.to_be_bytes()).collect();
        let sum = of_chunks(place(self.id, self.records, &fences), self.filter.chunks(), &[]);
        // Filters grow to many megabytes: room for one is made, and it is written piece by piece.
        let room = ZeroBlob(self.filter.len_bytes() as u64);
        let sql = "INSERT INTO segments (family, id, tier, records, filter, fences, sum) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![family, self.id, self.tier, self.records, room, fences, sum];
        connection.prepare_cached(sql)?.execute(values)?;
        let mut blob = connection.blob_open(MAIN_DB, "segments", "filter", self.id, false)?;
        let (mut piece, mut offset) = (Vec::with_capacity(WRITTEN_AT_ONCE), 0);
        for chunk in self.filter.chunks() {
            piece.extend_from_slice(&chunk);
            if piece.len() == WRITTEN_AT_ONCE {
                blob.write_all_at(&piece, offset)?;
                offset += piece.len();
                piece.clear();
            }
        }
        blob.write_all_at(&piece, offset)?;
        blob.close()?;
        let Builder { id, tier, records, filter, fences, block: _ } = self;
        Ok(Segment { id, tier, records, filter, fences: fences.into_boxed_slice() })
    }

    fn write_block(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let number = self.fences.len().saturating_sub(1) as u32;
        block::insert(connection, block::row_of(self.id, number), &mut self.block)
    }
}
