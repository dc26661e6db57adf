//! The blocks of a segment: sorted records side by side, as they stand in one row.
//!
//! A record is its key, big-endian so that bytes sort as numbers do, and its value.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Key, Value};
use crate::journal::checksum::checksum;
use crate::journal::error::{Doing, StoreError};

/// Bytes of a record.
pub(super) const RECORD_BYTES: usize = 32;
/// Bytes of the sum behind the records of a block.
const SUM_BYTES: usize = 4;
/// Records in a block: two such rows fill a page of 8192 bytes with their headers.
pub(super) const BLOCK_RECORDS: usize = 126;
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

pub(super) fn put_record(key: Key, value: Value, block: &mut Vec<u8>) {
    block.extend_from_slice(&key.to_be_bytes());
    block.extend_from_slice(&value);
}

/// The record at a place of a block; `None` behind its end.
pub(super) fn record(block: &[u8], index: usize) -> Option<(Key, Value)> {
    let start = index.checked_mul(RECORD_BYTES)?;
    let (key, rest) = block.get(start..)?.split_first_chunk()?;
    Some((Key::from_be_bytes(*key), *rest.first_chunk()?))
}

/// The value of a key in a block.
pub(super) fn find(block: &[u8], key: Key) -> Option<Value> {
    let (records, _) = block.as_chunks::<RECORD_BYTES>();
    let wanted = key.to_be_bytes();
    let index = records.binary_search_by(|record| record.iter().take(16).cmp(&wanted)).ok()?;
    record(block, index).map(|(_, value)| value)
}

/// Writes a row; its sum is put behind the records.
pub(super) fn insert(connection: &Connection, row: i64, records: &mut Vec<u8>) -> rusqlite::Result<()> {
    let sum = checksum(row.cast_unsigned(), records);
    records.extend_from_slice(&sum.to_le_bytes());
    let mut statement = connection.prepare_cached("INSERT INTO blocks (id, records) VALUES (?1, ?2)")?;
    statement.execute(params![row, records.as_slice()])?;
    Ok(())
}

/// Hands the records of a row to `read`; `None` when it is not there.
pub(super) fn read<T>(
    connection: &Connection,
    row: i64,
    read: impl FnOnce(&[u8]) -> T,
) -> Result<Option<T>, StoreError> {
    let doing = "read its index";
    let mut statement = connection.prepare_cached("SELECT records FROM blocks WHERE id = ?1").doing(doing)?;
    let whole = |bytes: &[u8]| whole(row, bytes).map(read);
    let found = statement.query_row([row], |found| Ok(whole(found.get_ref(0)?.as_blob()?))).optional();
    match found.doing(doing)? {
        Some(None) => Err(StoreError::Damaged { what: "a block of its index is not as it was written" }),
        Some(Some(value)) => Ok(Some(value)),
        None => Ok(None),
    }
}

/// The records of a row whose sum is right; the first format wrote none.
fn whole(row: i64, bytes: &[u8]) -> Option<&[u8]> {
    match bytes.len() % RECORD_BYTES {
        0 => Some(bytes),
        SUM_BYTES => {
            let (records, sum) = bytes.split_last_chunk::<SUM_BYTES>()?;
            (u32::from_le_bytes(*sum) == checksum(row.cast_unsigned(), records)).then_some(records)
        }
        _ => None,
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
