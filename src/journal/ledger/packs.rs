//! Entries of the ledger as they are stored: the newest each in a row, those before them packed, many in one.
//!
//! An entry of a look-up says little in four hundred bytes of JSON, and what it says of one person is much like
//! what it says of the next: packed it takes its digests and a few bytes. Its bytes come back as they were written; their hashes are
//! made again, and the last must be the one that stands beside the pack. The rule that keeps it right: entries
//! are taken out of their rows in the transaction that packs them, and whoever reads sees one moment of both.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::super::codec::{self, Packed};
use super::super::error::{Doing, StoreError};
use super::{READING, Stored, signed};
use crate::ledger::{Chain, Hash};

/// Entries in a pack: about 40 kB of some 750.
const TOGETHER: u64 = 2048;
/// Bytes of them at most, unless one has more.
const MOST_BYTES: usize = 1 << 20;
/// Entries that keep a row of their own at least.
const NEWEST: u64 = 64;
/// Beyond so many, entries are packed while somebody writes.
const MANY: u64 = 262_144;
/// So many are enough when old jobs are removed: then room matters.
const FEW: u64 = 256;

const PACKING: &str = "pack its ledger";

/// When entries are packed: the more they disturb, the more there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::journal) enum Packing {
    /// Nobody writes.
    Idle,
    /// Somebody writes now.
    Busy,
    /// Room is to be made.
    Asked,
}

/// How far a ledger is packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packs {
    to: Chain,
}

impl Packs {
    pub(super) fn open(connection: &Connection) -> Result<Packs, StoreError> {
        let sql = "SELECT last, hash FROM ledger_packs ORDER BY last DESC LIMIT 1";
        let read = |row: &Row<'_>| {
            let last: i64 = row.get(0)?;
            Ok(Chain { seq: last.unsigned_abs(), hash: row.get(1)? })
        };
        let to = connection.query_row(sql, [], read).optional().doing(READING)?;
        Ok(Packs { to: to.unwrap_or_default() })
    }

    /// Whether there are entries to pack, of a ledger that ends there.
    pub(super) fn has_work(&self, end: Chain, packing: Packing) -> bool {
        let unpacked = end.seq.saturating_sub(self.to.seq);
        let least = match packing {
            Packing::Idle => TOGETHER,
            Packing::Busy => MANY,
            Packing::Asked => FEW,
        };
        unpacked >= least + NEWEST
    }

    /// Packs the oldest of those that are not packed, of a ledger that ends there.
    pub(super) fn work(&mut self, connection: &Connection, end_seq: u64) -> Result<(), StoreError> {
        let most = end_seq.saturating_sub(self.to.seq + NEWEST).clamp(1, TOGETHER);
        let (before, mut end) = (self.to, self.to);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        let mut newest_ms = i64::MIN;
        walk(connection, before.seq, |Stored { seq, at_ms, entry, hash }| {
            end = Chain { seq, hash };
            newest_ms = newest_ms.max(at_ms);
            bytes += entry.len();
            entries.push(Packed { id: signed(seq), at_ms, body: entry });
            (entries.len() as u64) < most && bytes < MOST_BYTES
        })?;
        let mut packed = Vec::new();
        codec::pack_texts(&entries, &mut packed);
        let sql =
            "INSERT INTO ledger_packs (last, newest_ms, before, hash, entries) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = params![signed(end.seq), newest_ms, before.hash, end.hash, packed];
        connection.execute(sql, values).doing(PACKING)?;
        let sql = "DELETE FROM ledger WHERE seq <= ?1";
        connection.execute(sql, [signed(end.seq)]).doing(PACKING)?;
        self.to = end;
        Ok(())
    }
}

/// What stands in a row: an entry, or a pack of them.
const ROWS: &str = "\
    SELECT last AS seq, newest_ms AS at_ms, entries, hash, before FROM ledger_packs WHERE last > ?1 AND newest_ms >= ?2 \
    UNION ALL \
    SELECT seq, at_ms, entry, hash, NULL FROM ledger WHERE seq > ?1 AND at_ms >= ?2 ORDER BY 1";

/// Shows the entries behind one, in order, as long as `see` wants more.
pub(super) fn walk(
    connection: &Connection,
    after: u64,
    see: impl FnMut(Stored) -> bool,
) -> Result<(), StoreError> {
    walk_since(connection, after, i64::MIN, see)
}

/// As [`walk`], and may leave out entries from before a moment.
pub(super) fn walk_since(
    connection: &Connection,
    after: u64,
    since_ms: i64,
    mut see: impl FnMut(Stored) -> bool,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(ROWS).doing(READING)?;
    let mut rows = statement.query(params![signed(after), since_ms]).doing(READING)?;
    while let Some(row) = rows.next().doing(READING)? {
        let read = || -> rusqlite::Result<(Stored, Option<Hash>)> {
            let seq: i64 = row.get(0)?;
            let stored =
                Stored { seq: seq.unsigned_abs(), at_ms: row.get(1)?, entry: row.get(2)?, hash: row.get(3)? };
            Ok((stored, row.get(4)?))
        };
        let (stored, before) = read().doing(READING)?;
        let entries = match before {
            None => vec![stored],
            Some(before) => unpacked(&stored, before)?,
        };
        for entry in entries.into_iter().filter(|entry| entry.seq > after) {
            if !see(entry) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The entries of a pack, of which the last ones number and hash stand in its row.
fn unpacked(pack: &Stored, before: Hash) -> Result<Vec<Stored>, StoreError> {
    let damaged = || StoreError::Damaged { what: "an entry of its ledger is not as it was written" };
    let entries = codec::unpack_texts(&pack.entry).map_err(|_| damaged())?;
    let first = pack.seq.checked_sub(entries.len() as u64).ok_or_else(damaged)?;
    let mut chain = Chain { seq: first, hash: before };
    let mut stored = Vec::with_capacity(entries.len());
    for Packed { id, at_ms, body } in entries {
        chain = chain.with(&body);
        if id != signed(chain.seq) {
            return Err(damaged());
        }
        stored.push(Stored { seq: chain.seq, at_ms, entry: body, hash: chain.hash });
    }
    if chain.hash == pack.hash { Ok(stored) } else { Err(damaged()) }
}
