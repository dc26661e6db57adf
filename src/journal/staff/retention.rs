//! Forgetting staff in time, in such a way that no backup remembers them.
//!
//! Whoever was gone for long enough is removed, and so is everything of a tenant that nobody read for as
//! long. Then all that stays is sealed with a new key, and the old one is destroyed.

use rusqlite::{Transaction, TransactionBehavior, params};

use super::super::Store;
use super::super::commit::Committer;
use super::super::error::{Doing, StoreError};
use super::super::keys::Ring;
use super::StaffKind;
use super::key::{Lock, number};

const DOING: &str = "forget who worked in OneTrust";

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StaffRemoved {
    /// Users, groups and organisations, with all that was known of them.
    pub rows: u64,
    /// Tenants that nobody read for as long.
    pub tenants: u64,
}

impl Store {
    /// Removes who was gone before a moment in Unix milliseconds, and tenants whose last sync ended before
    /// it and of which none is under way.
    pub fn forget_staff(&self, before_ms: i64) -> Result<StaffRemoved, StoreError> {
        self.with_committer(move |committer| {
            let old = number(&committer.connection)?;
            let removed = forget(committer, before_ms)?;
            if removed.rows > 0 {
                committer.ring.over(old);
                committer.ring.destroy(committer.last_event)?;
                // What was removed must not stay readable in the log.
                let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
                committer.connection.query_row(sql, [], |_| Ok(())).doing(DOING)?;
            }
            Ok(removed)
        })
    }
}

fn forget(committer: &mut Committer, before_ms: i64) -> Result<StaffRemoved, StoreError> {
    let Committer { connection, ring, last_event, .. } = committer;
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = begun.doing(DOING)?;
    let mut removed = StaffRemoved::default();
    let sql = "SELECT tenant FROM staff_syncs WHERE max(started_ms, ifnull(finished_ms, 0)) < ?1";
    for tenant in texts(&transaction, sql, before_ms)? {
        removed.rows += count(transaction.execute("DELETE FROM staff WHERE tenant = ?1", [&tenant]))?;
        count(transaction.execute("DELETE FROM staff_syncs WHERE tenant = ?1", [&tenant]))?;
        removed.tenants += 1;
    }
    // What a user did goes with the user: both stand under the same digest of the id.
    let (user, of_users) = (StaffKind::User.number(), [StaffKind::SignIns, StaffKind::Activities]);
    for kind in of_users.map(StaffKind::number) {
        let sql = "DELETE FROM staff WHERE kind = ?1 AND EXISTS (SELECT 1 FROM staff AS who \
                   WHERE who.tenant = staff.tenant AND who.kind = ?2 AND who.id = staff.id AND who.gone_ms < ?3)";
        removed.rows += count(transaction.execute(sql, params![kind, user, before_ms]))?;
    }
    removed.rows += count(transaction.execute("DELETE FROM staff WHERE gone_ms < ?1", [before_ms]))?;
    if removed.rows > 0 {
        seal_again(&transaction, ring, *last_event)?;
    }
    transaction.commit().doing(DOING)?;
    Ok(removed)
}

/// Seals everything that is left with a new key; with nothing left, no key counts any more.
fn seal_again(transaction: &Transaction<'_>, ring: &Ring, last_event: i64) -> Result<(), StoreError> {
    let left: i64 = transaction.query_row("SELECT count(*) FROM staff", [], |row| row.get(0)).doing(DOING)?;
    let Some(old) = Lock::known(transaction, ring)?.filter(|_| left > 0) else {
        return Lock::none(transaction);
    };
    let new = Lock::next(transaction, ring, last_event)?;
    let mut statement = transaction.prepare("SELECT tenant, kind, id, record FROM staff").doing(DOING)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    // They are read before the first is written: a row that grows may move to where the reading still comes.
    let rows: Vec<(String, u8, Vec<u8>, Vec<u8>)> =
        rows.doing(DOING)?.collect::<rusqlite::Result<_>>().doing(DOING)?;
    let sql = "UPDATE staff SET record = ?4 WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
    let mut write = transaction.prepare(sql).doing(DOING)?;
    for (tenant, number, id, sealed) in rows {
        let unknown = StoreError::Damaged { what: "a row of OneTrust's directory is of no known kind" };
        let kind = StaffKind::of(number).ok_or(unknown)?;
        let record = new.close(&tenant, kind, &old.open(&tenant, kind, &sealed)?)?;
        write.execute(params![tenant, number, id, record]).doing(DOING)?;
    }
    Ok(())
}

fn texts(transaction: &Transaction<'_>, sql: &str, before_ms: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = transaction.prepare(sql).doing(DOING)?;
    let rows = statement.query_map([before_ms], |row| row.get(0)).doing(DOING)?;
    rows.collect::<rusqlite::Result<_>>().doing(DOING)
}

fn count(changed: rusqlite::Result<usize>) -> Result<u64, StoreError> {
    Ok(changed.doing(DOING)? as u64)
}
