//! Rows of a sync, written with how far was read.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use zeroize::Zeroizing;

use super::super::Store;
use super::super::commit::Committer;
use super::super::error::{Doing, StoreError};
use super::key::Lock;
use super::syncs;

const DOING: &str = "write who works in OneTrust";

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaffKind {
    /// A user.
    User,
    /// A group of users.
    Group,
    /// An organisation.
    Organization,
    /// How often and when a user signed in.
    SignIns,
    /// What was changed of a user's profile.
    Activities,
    /// What a credential of ours may do.
    Credential,
}

impl StaffKind {
    /// Its number in the store; never given to another.
    pub(super) fn number(self) -> u8 {
        match self {
            StaffKind::User => 1,
            StaffKind::Group => 2,
            StaffKind::Organization => 3,
            StaffKind::SignIns => 4,
            StaffKind::Activities => 5,
            StaffKind::Credential => 6,
        }
    }

    /// The kind of a number that the store gave.
    pub(super) fn of(number: u8) -> Option<StaffKind> {
        [
            StaffKind::User,
            StaffKind::Group,
            StaffKind::Organization,
            StaffKind::SignIns,
            StaffKind::Activities,
            StaffKind::Credential,
        ]
        .into_iter()
        .find(|kind| kind.number() == number)
    }
}

/// Something to be written. Its record is sealed.
#[derive(Clone)]
pub struct StaffRow {
    /// What it is about.
    pub kind: StaffKind,
    /// OneTrust's id; the store keeps a digest of it.
    pub id: String,
    /// The record.
    pub plain: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for StaffRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StaffRow").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What came of writing rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StaffWritten {
    /// Rows that were not there.
    pub new: u64,
    /// Rows that said something else, or were gone.
    pub changed: u64,
}

impl Store {
    /// Writes rows as seen by the sync that is under way, with how far was read; both are on the disk when
    /// this returns. A row that says the same as before is only marked as seen.
    pub fn put_staff(
        &self,
        tenant: &str,
        rows: Vec<StaffRow>,
        cursor: String,
        now_ms: i64,
    ) -> Result<StaffWritten, StoreError> {
        let tenant = tenant.to_owned();
        self.with_committer(move |committer| {
            let Committer { connection, ring, last_event, .. } = committer;
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begun.doing(DOING)?;
            let lock = match Lock::known(&transaction, ring)? {
                Some(lock) => lock,
                None => Lock::next(&transaction, ring, *last_event)?,
            };
            let number = syncs::number(&transaction, &tenant)?;
            let mut written = StaffWritten::default();
            for row in &rows {
                match put(&transaction, &lock, &tenant, row, (number, now_ms))? {
                    Became::New => written.new += 1,
                    Became::Changed => written.changed += 1,
                    Became::Same => {}
                }
            }
            syncs::set_cursor(&transaction, &tenant, Some(&cursor))?;
            transaction.commit().doing(DOING)?;
            Ok(written)
        })
    }

    /// Notes that something is no longer there.
    pub fn staff_is_gone(
        &self,
        tenant: &str,
        kind: StaffKind,
        id: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.with_committer(move |committer| {
            let Committer { connection, ring, .. } = committer;
            let Some(lock) = Lock::known(connection, ring)? else { return Ok(()) };
            let sql = "UPDATE staff SET gone_ms = ?4 WHERE tenant = ?1 AND kind = ?2 AND id = ?3 \
                       AND gone_ms IS NULL";
            let values = params![tenant, kind.number(), lock.id(&tenant, &id), now_ms];
            connection.execute(sql, values).doing(DOING)?;
            Ok(())
        })
    }
}

enum Became {
    New,
    Changed,
    Same,
}

fn put(
    transaction: &Transaction<'_>,
    lock: &Lock,
    tenant: &str,
    row: &StaffRow,
    (number, now_ms): (i64, i64),
) -> Result<Became, StoreError> {
    let (kind, id) = (row.kind.number(), lock.id(tenant, &row.id));
    let digest = lock.content(tenant, &row.plain);
    let sql = "SELECT digest, gone_ms IS NOT NULL FROM staff WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
    let mut find = transaction.prepare_cached(sql).doing(DOING)?;
    let found: Option<(Vec<u8>, bool)> = find
        .query_row(params![tenant, kind, id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .doing(DOING)?;
    match found {
        Some((was, false)) if was == digest => {
            let sql = "UPDATE staff SET seen = ?4 WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
            let mut see = transaction.prepare_cached(sql).doing(DOING)?;
            see.execute(params![tenant, kind, id, number]).doing(DOING)?;
            Ok(Became::Same)
        }
        Some(_) => {
            let sql = "UPDATE staff SET seen = ?4, changed_ms = ?5, gone_ms = NULL, digest = ?6, record = ?7 \
                       WHERE tenant = ?1 AND kind = ?2 AND id = ?3";
            let record = lock.close(tenant, row.kind, &row.plain)?;
            let mut change = transaction.prepare_cached(sql).doing(DOING)?;
            change.execute(params![tenant, kind, id, number, now_ms, digest, record]).doing(DOING)?;
            Ok(Became::Changed)
        }
        None => {
            let sql = "INSERT INTO staff (tenant, kind, id, seen, first_ms, changed_ms, digest, record) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)";
            let record = lock.close(tenant, row.kind, &row.plain)?;
            let mut insert = transaction.prepare_cached(sql).doing(DOING)?;
            insert.execute(params![tenant, kind, id, number, now_ms, digest, record]).doing(DOING)?;
            Ok(Became::New)
        }
    }
}
