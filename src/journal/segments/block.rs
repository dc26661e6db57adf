//! The blocks of a segment: sorted records side by side, as they stand in one row.
//!
//! A record is its key, big-endian so that bytes sort as numbers do, and its value.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::{Key, Value};

/// Bytes of a record.
pub(super) const RECORD_BYTES: usize = 32;
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

pub(super) fn insert<'c>(connection: &'c Connection) -> rusqlite::Result<CachedStatement<'c>> {
    connection.prepare_cached("INSERT INTO blocks (id, records) VALUES (?1, ?2)")
}

/// Hands a row to `read`; `None` when it is not there.
pub(super) fn read<T>(
    connection: &Connection,
    row: i64,
    read: impl FnOnce(&[u8]) -> T,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached("SELECT records FROM blocks WHERE id = ?1")?;
    statement.query_row([row], |row| Ok(read(row.get_ref(0)?.as_blob()?))).optional()
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
