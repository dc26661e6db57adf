//! What is kept of staff, opened.

use rusqlite::{OptionalExtension, Row, params};
use zeroize::Zeroizing;

use super::super::Reader;
use super::super::error::{Doing, StoreError};
use super::StaffKind;
use super::key::Lock;

const DOING: &str = "read who works in OneTrust";

/// A row, opened.
#[derive(Clone)]
pub struct StaffRecord {
    /// The record.
    pub plain: Zeroizing<Vec<u8>>,
    /// When it was seen for the first time, in Unix milliseconds.
    pub first_ms: i64,
    /// When it said something else for the last time.
    pub changed_ms: i64,
    /// When it was no longer there.
    pub gone_ms: Option<i64>,
    /// Number of the sync that saw it last.
    pub seen: i64,
}

impl std::fmt::Debug for StaffRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaffRecord").field("gone_ms", &self.gone_ms).finish_non_exhaustive()
    }
}

struct Sealed {
    record: Vec<u8>,
    first_ms: i64,
    changed_ms: i64,
    gone_ms: Option<i64>,
    seen: i64,
}

impl Reader {
    /// All rows of a kind, gone ones too, in no order.
    pub fn staff(&self, tenant: &str, kind: StaffKind) -> Result<Vec<StaffRecord>, StoreError> {
        self.opened(tenant, kind, "", i64::MAX)
    }

    /// The rows of a kind that are not known to be gone and that the sync under way has not seen.
    pub fn unseen_staff(
        &self,
        tenant: &str,
        kind: StaffKind,
        number: i64,
    ) -> Result<Vec<StaffRecord>, StoreError> {
        self.opened(tenant, kind, "AND gone_ms IS NULL AND seen < ?3", number)
    }

    /// How many rows of a kind a sync has seen.
    pub fn seen_staff(&self, tenant: &str, kind: StaffKind, number: i64) -> Result<u64, StoreError> {
        let connection = self.lock();
        let sql =
            "SELECT count(*) FROM staff WHERE tenant = ?1 AND kind = ?2 AND seen = ?3 AND gone_ms IS NULL";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let count: i64 =
            statement.query_row(params![tenant, kind.number(), number], |row| row.get(0)).doing(DOING)?;
        Ok(count.unsigned_abs())
    }

    /// One row by OneTrust's id.
    pub fn staff_record(
        &self,
        tenant: &str,
        kind: StaffKind,
        id: &str,
    ) -> Result<Option<StaffRecord>, StoreError> {
        let connection = self.lock();
        let Some(lock) = Lock::known(&connection, self.inbox_lock().ring())? else { return Ok(None) };
        let sql = "SELECT record, first_ms, changed_ms, gone_ms, seen FROM staff \
                   WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let values = params![tenant, kind.number(), lock.id(tenant, id)];
        let found = statement.query_row(values, sealed).optional().doing(DOING)?;
        found.map(|found| open(&lock, tenant, kind, found)).transpose()
    }

    fn opened(
        &self,
        tenant: &str,
        kind: StaffKind,
        more: &str,
        number: i64,
    ) -> Result<Vec<StaffRecord>, StoreError> {
        let connection = self.lock();
        let Some(lock) = Lock::known(&connection, self.inbox_lock().ring())? else { return Ok(Vec::new()) };
        // The third place stands in every text, so that the values are always the same.
        let more = if more.is_empty() { "AND ?3 IS NOT NULL" } else { more };
        let sql = format!(
            "SELECT record, first_ms, changed_ms, gone_ms, seen FROM staff WHERE tenant = ?1 AND kind = ?2 {more}"
        );
        let mut statement = connection.prepare_cached(&sql).doing(DOING)?;
        let mut rows = statement.query(params![tenant, kind.number(), number]).doing(DOING)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().doing(DOING)? {
            all.push(open(&lock, tenant, kind, sealed(row).doing(DOING)?)?);
        }
        Ok(all)
    }
}

fn sealed(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed {
        record: row.get(0)?,
        first_ms: row.get(1)?,
        changed_ms: row.get(2)?,
        gone_ms: row.get(3)?,
        seen: row.get(4)?,
    })
}

fn open(lock: &Lock, tenant: &str, kind: StaffKind, sealed: Sealed) -> Result<StaffRecord, StoreError> {
    let Sealed { record, first_ms, changed_ms, gone_ms, seen } = sealed;
    Ok(StaffRecord { plain: lock.open(tenant, kind, &record)?, first_ms, changed_ms, gone_ms, seen })
}
