//! Who let which text of a workflow write what cannot be undone.
//!
//! What lies on the disk when a store is served for the very first time counts as approved; from then
//! on a text is approved by a person or not at all.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::error::{Doing, StoreError};
use super::super::{Reader, Store};

const DOING: &str = "write who approved a workflow";

/// The note that a store was served before.
pub(super) const SERVED: &str = "served";

/// That a text of a workflow may start by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Name of the workflow.
    pub workflow: String,
    /// SHA-256 of the workflow and what it calls.
    pub digest: [u8; 32],
    /// Who, as the system names them.
    pub by: String,
    /// Unix milliseconds.
    pub at_ms: i64,
}

impl Store {
    /// Approves texts of workflows; one that was approved before stays so, by whom it was.
    pub fn approve_workflows(&self, approvals: Vec<Approval>) -> Result<(), StoreError> {
        self.task(move |connection| {
            let transaction = connection.transaction().doing(DOING)?;
            approvals.iter().try_for_each(|approval| insert(&transaction, approval)).doing(DOING)?;
            transaction.commit().doing(DOING)
        })
    }

    /// Approves texts of workflows if this store was never served before; `false` when it was.
    pub fn approve_at_first_start(&self, approvals: Vec<Approval>, now_ms: i64) -> Result<bool, StoreError> {
        self.task(move |connection| {
            let transaction = connection.transaction().doing(DOING)?;
            let sql = "INSERT INTO notes (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            let is_first = transaction.execute(sql, params![SERVED, now_ms.to_string()]).doing(DOING)? > 0;
            if is_first {
                approvals.iter().try_for_each(|approval| insert(&transaction, approval)).doing(DOING)?;
            }
            transaction.commit().doing(DOING)?;
            Ok(is_first)
        })
    }
}

impl Reader {
    /// Whether the store was ever served.
    pub fn was_served(&self) -> Result<bool, StoreError> {
        let doing = "read its notes";
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT 1 FROM notes WHERE name = ?1").doing(doing)?;
        Ok(statement.query_row([SERVED], |_| Ok(())).optional().doing(doing)?.is_some())
    }

    /// Who approved a text of a workflow, if anybody did.
    pub fn approval(&self, workflow: &str, digest: &[u8; 32]) -> Result<Option<Approval>, StoreError> {
        let doing = "read who approved a workflow";
        let connection = self.lock();
        let sql = "SELECT approver, at_ms FROM approvals WHERE workflow = ?1 AND digest = ?2";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let found = statement.query_row(params![workflow, digest], |row| {
            let (workflow, digest) = (workflow.to_owned(), *digest);
            Ok(Approval { workflow, digest, by: row.get(0)?, at_ms: row.get(1)? })
        });
        found.optional().doing(doing)
    }
}

fn insert(connection: &Connection, approval: &Approval) -> rusqlite::Result<()> {
    let sql = "INSERT INTO approvals (workflow, digest, approver, at_ms) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT DO NOTHING";
    let values = params![approval.workflow, approval.digest, approval.by, approval.at_ms];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
