//! The blocks of a segment: sorted records side by side, as they stand in one row.
//!
//! They are packed, see [`super::packed`]; earlier releases wrote them side by side, a key of 16 bytes,
//! big-endian so that bytes sort as numbers do, and a value of 16. Which of the two a row is tells its length:
//! a byte of filling sees to it that a packed one is never as long as one of theirs can be.

use rusqlite::{Connection, OptionalExtension, params};

use super::packed::{Packed, Packing};
use super::{Key, Value};
use crate::journal::checksum::checksum;
use crate::journal::error::{Doing, StoreError};

/// Bytes of a record as earlier releases wrote it.
const RECORD_BYTES: usize = 32;
/// Bytes of the sum behind the records of a block.
const SUM_BYTES: usize = 4;
/// Bytes of the records of a block: two rows with that, the sum and a byte of filling fill a page of 8192 bytes
/// with their headers.
pub(super) const BLOCK_BYTES: usize = 4064;
/// Records in a block at least, unless it is the last.
pub(super) const BLOCK_RECORDS: usize = 125;
/// Bits of a row's number that count blocks; the bits above are the segment's.
const NUMBER_BITS: u32 = 32;

/// The row of a block.
pub(super) fn row_of(segment: i64, number: u32) -> i64 {
    segment << NUMBER_BITS | i64::from(number)
}

/// The segment that a row belongs to.
pub(super) fn segment_of(row: i64) -> i64 {
    row >> NUMBER_BITS
}

/// The records of a block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Block<'a> {
    /// As they are written.
    Packed(Packed<'a>),
    /// As earlier releases wrote them.
    Plain(&'a [[u8; RECORD_BYTES]]),
}

impl Block<'_> {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        match self {
            Block::Packed(packed) => packed.count(),
            Block::Plain(records) => records.len(),
        }
    }

    /// All of them, in the order of their keys.
    pub(super) fn records(&self) -> impl Iterator<Item = (Key, Value)> {
        (0..).map_while(|index| match self {
            Block::Packed(packed) => packed.record(index),
            Block::Plain(records) => records.get(index).and_then(plain),
        })
    }

    /// The value of a key.
    pub(super) fn find(&self, key: Key) -> Option<Value> {
        match self {
            Block::Packed(packed) => packed.find(key),
            Block::Plain(records) => {
                let wanted = key.to_be_bytes();
                let found = records.binary_search_by(|record| record.iter().take(16).cmp(&wanted)).ok();
                found.and_then(|index| plain(records.get(index)?)).map(|(_, value)| value)
            }
        }
    }
}

fn plain(record: &[u8; RECORD_BYTES]) -> Option<(Key, Value)> {
    let (key, value) = record.split_first_chunk()?;
    Some((Key::from_be_bytes(*key), *value.first_chunk()?))
}

/// Writes a row with the records that were gathered; a sum is put behind them.
pub(super) fn insert(connection: &Connection, row: i64, records: &mut Packing) -> rusqlite::Result<()> {
    let mut bytes = Vec::new();
    records.put(&mut bytes);
    if is_plain(bytes.len() + SUM_BYTES) {
        bytes.push(0);
    }
    let sum = checksum(row.cast_unsigned(), &bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    let mut statement = connection.prepare_cached("INSERT INTO blocks (id, records) VALUES (?1, ?2)")?;
    statement.execute(params![row, bytes])?;
    Ok(())
}

/// Whether so many bytes are a row as earlier releases wrote it, without a sum or with one.
fn is_plain(bytes: usize) -> bool {
    matches!(bytes % RECORD_BYTES, 0 | SUM_BYTES)
}

/// Hands the records of a row to `read`; `None` when it is not there.
pub(super) fn read<T>(
    connection: &Connection,
    row: i64,
    read: impl FnOnce(&Block<'_>) -> T,
) -> Result<Option<T>, StoreError> {
    let doing = "read its index";
    let mut statement = connection.prepare_cached("SELECT records FROM blocks WHERE id = ?1").doing(doing)?;
    let whole = |bytes: &[u8]| whole(row, bytes).map(|block| read(&block));
    let found = statement.query_row([row], |found| Ok(whole(found.get_ref(0)?.as_blob()?))).optional();
    match found.doing(doing)? {
        Some(None) => Err(StoreError::Damaged { what: "a block of its index is not as it was written" }),
        Some(Some(value)) => Ok(Some(value)),
        None => Ok(None),
    }
}

/// The records of a row whose sum is right; the first format wrote none.
fn whole(row: i64, bytes: &[u8]) -> Option<Block<'_>> {
    if bytes.len().is_multiple_of(RECORD_BYTES) {
        return Some(Block::Plain(bytes.as_chunks().0));
    }
    let (records, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
    if u32::from_le_bytes(*sum) != checksum(row.cast_unsigned(), records) {
        return None;
    }
    match records.as_chunks() {
        (plain, []) => Some(Block::Plain(plain)),
        _ => Packed::read(records).map(Block::Packed),
    }
}

/// Removes the rows from `first` to before `end`.
pub(super) fn remove(connection: &Connection, first: i64, end: i64) -> rusqlite::Result<usize> {
    connection.prepare_cached("DELETE FROM blocks WHERE id >= ?1 AND id < ?2")?.execute(params![first, end])
}

/// The first row from `from` on.
pub(super) fn next_row(connection: &Connection, from: i64) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM blocks WHERE id >= ?1 ORDER BY id LIMIT 1";
    connection.prepare_cached(sql)?.query_row([from], |row| row.get(0)).optional()
}
