//! How far each tenant was read.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::super::commit::Committer;
use super::super::error::{Doing, StoreError};
use super::super::{Reader, Store};
use super::key::Lock;

const DOING: &str = "write how far OneTrust's directory was read";

/// The syncs of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffSync {
    /// The tenant.
    pub tenant: String,
    /// Number of the newest one; grows with each.
    pub number: i64,
    /// When the newest one began, in Unix milliseconds.
    pub started_ms: i64,
    /// How far it came, in the words of whoever reads; `None` when none is under way.
    pub cursor: Option<String>,
    /// When one ended last.
    pub finished_ms: Option<i64>,
    /// What that came to, in the words of whoever reads; empty before the first.
    pub told: String,
}

impl Store {
    /// Begins a sync of a tenant: another one than is under way, if any. When the key of what was kept is
    /// gone, all of it is forgotten: nobody can read it, and OneTrust tells it again.
    pub fn begin_staff(&self, tenant: &str, cursor: String, now_ms: i64) -> Result<StaffSync, StoreError> {
        let tenant = tenant.to_owned();
        self.with_committer(move |committer| {
            let Committer { connection, ring, last_event, .. } = committer;
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begun.doing(DOING)?;
            if let Err(StoreError::StaffKey) = Lock::known(&transaction, ring) {
                tracing::warn!("the key of OneTrust's directory is gone: everything of it is read anew");
                transaction.execute("DELETE FROM staff", []).doing(DOING)?;
                transaction.execute("DELETE FROM staff_syncs", []).doing(DOING)?;
                Lock::next(&transaction, ring, *last_event)?;
            }
            let sql = "INSERT INTO staff_syncs (tenant, number, started_ms, cursor, told) \
                       VALUES (?1, 1, ?2, ?3, '') ON CONFLICT (tenant) \
                       DO UPDATE SET number = number + 1, started_ms = ?2, cursor = ?3";
            transaction.execute(sql, params![tenant, now_ms, cursor]).doing(DOING)?;
            let sync = one(&transaction, &tenant)?;
            transaction.commit().doing(DOING)?;
            sync.ok_or(StoreError::Damaged { what: "a sync that was begun is not there" })
        })
    }

    /// Moves on without rows.
    pub fn move_staff(&self, tenant: &str, cursor: String) -> Result<(), StoreError> {
        let tenant = tenant.to_owned();
        self.task(move |connection| set_cursor(connection, &tenant, Some(&cursor)))
    }

    /// Ends the sync that is under way.
    pub fn finish_staff(&self, tenant: &str, told: String, now_ms: i64) -> Result<(), StoreError> {
        let tenant = tenant.to_owned();
        self.task(move |connection| {
            let sql = "UPDATE staff_syncs SET cursor = NULL, finished_ms = ?2, told = ?3 WHERE tenant = ?1";
            connection.execute(sql, params![tenant, now_ms, told]).doing(DOING)?;
            Ok(())
        })
    }
}

impl Reader {
    /// The syncs of a tenant; `None` before the first.
    pub fn staff_sync(&self, tenant: &str) -> Result<Option<StaffSync>, StoreError> {
        one(&self.lock(), tenant)
    }
}

pub(super) fn number(connection: &Connection, tenant: &str) -> Result<i64, StoreError> {
    let sync = one(connection, tenant)?;
    sync.map(|sync| sync.number).ok_or(StoreError::Damaged { what: "rows of a sync that was not begun" })
}

pub(super) fn set_cursor(
    connection: &Connection,
    tenant: &str,
    cursor: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE staff_syncs SET cursor = ?2 WHERE tenant = ?1";
    connection.execute(sql, params![tenant, cursor]).doing(DOING)?;
    Ok(())
}

fn one(connection: &Connection, tenant: &str) -> Result<Option<StaffSync>, StoreError> {
    let doing = "read how far OneTrust's directory was read";
    let sql = "SELECT number, started_ms, cursor, finished_ms, told FROM staff_syncs WHERE tenant = ?1";
    let mut statement = connection.prepare_cached(sql).doing(doing)?;
    let found = statement.query_row([tenant], |row| {
        Ok(StaffSync {
            tenant: tenant.to_owned(),
            number: row.get(0)?,
            started_ms: row.get(1)?,
            cursor: row.get(2)?,
            finished_ms: row.get(3)?,
            told: row.get(4)?,
        })
    });
    found.optional().doing(doing)
}
