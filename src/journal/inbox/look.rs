//! Reading the inbox: how far feeds were read, what waits, what is due, what was skipped and why.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, params};

use super::super::Reader;
use super::super::error::{Doing, StoreError};
use super::rows::NEVER;
use super::{Cursor, SkipCount};
use crate::job::{JobId, Position, Status, WindowId};

const DOING: &str = "read what came in";

/// What waits of one workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Its name.
    pub workflow: String,
    /// Rows that are in no window yet.
    pub rows: u64,
    /// The earliest deadline among them, in Unix milliseconds.
    pub due_ms: Option<i64>,
    /// When the oldest of them came, in Unix milliseconds.
    pub oldest_ms: i64,
}

/// A request that has a deadline and is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Number of its row.
    pub row: i64,
    /// Name of the workflow.
    pub workflow: String,
    /// Where it came from.
    pub origin: String,
    /// Unix milliseconds.
    pub due_ms: i64,
    /// Unix milliseconds.
    pub received_ms: i64,
    /// Where it is carried out.
    pub standing: Standing,
}

/// Where a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits in the queue, or in a window that is about to begin.
    Queued,
    /// It is a record of a job.
    Run {
        /// Which job.
        job: JobId,
        /// Its place in the input.
        position: Position,
    },
}

impl Reader {
    /// How far something was read, in the words of who reads it.
    pub fn cursor(&self, name: &str) -> Result<Option<String>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT value FROM cursors WHERE name = ?1";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        statement.query_row([name], |row| row.get(0)).optional().doing(DOING)
    }

    /// Whether something of a workflow that came from there is not over.
    pub fn holds(&self, workflow: &str, origin: &str) -> Result<bool, StoreError> {
        let connection = self.lock();
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox WHERE workflow = ?1 AND origin = ?2)";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        statement.query_row([workflow, origin], |row| row.get(0)).doing(DOING)
    }

    /// The cursors whose names begin so, by name.
    pub fn cursors(&self, prefix: &str) -> Result<Vec<Cursor>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT name, value FROM cursors WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let rows = statement.query_map([prefix], |row| Ok(Cursor { name: row.get(0)?, value: row.get(1)? }));
        rows.doing(DOING)?.collect::<rusqlite::Result<_>>().doing(DOING)
    }

    /// What waits, a line for each workflow, by name.
    pub fn queue(&self) -> Result<Vec<Queued>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT workflow, count(*), min(due_ms) FROM inbox WHERE window IS NULL \
                   GROUP BY workflow ORDER BY workflow";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let found = statement.query_map([], |row| {
            let due_ms = Some(row.get(2)?).filter(|due_ms| *due_ms != NEVER);
            let rows = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(Queued { workflow: row.get(0)?, rows, due_ms, oldest_ms: 0 })
        });
        let mut queued: Vec<Queued> = found.doing(DOING)?.collect::<Result<_, _>>().doing(DOING)?;
        let sql = "SELECT received_ms FROM inbox WHERE workflow = ?1 AND window IS NULL ORDER BY id LIMIT 1";
        let mut oldest = connection.prepare_cached(sql).doing(DOING)?;
        for queued in &mut queued {
            // They may be in a window by now.
            let found = oldest.query_row([&queued.workflow], |row| row.get(0)).optional().doing(DOING)?;
            queued.oldest_ms = found.unwrap_or_default();
        }
        Ok(queued)
    }

    /// As [`Reader::queue`], but counts no further than to a number of rows.
    pub fn queue_heads(&self, most: usize) -> Result<Vec<Queued>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT workflow FROM inbox WHERE workflow > ?1 ORDER BY workflow LIMIT 1";
        let mut next = connection.prepare_cached(sql).doing(DOING)?;
        let sql = "SELECT due_ms, \
                     (SELECT count(*) FROM (SELECT 1 FROM inbox WHERE workflow = ?1 AND window IS NULL LIMIT ?2)), \
                     (SELECT received_ms FROM inbox WHERE workflow = ?1 AND window IS NULL ORDER BY id LIMIT 1) \
                   FROM inbox WHERE workflow = ?1 AND window IS NULL ORDER BY due_ms LIMIT 1";
        let mut head = connection.prepare_cached(sql).doing(DOING)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let (mut queued, mut name) = (Vec::new(), String::new());
        while let Some(workflow) =
            next.query_row([&name], |row| row.get::<_, String>(0)).optional().doing(DOING)?
        {
            let found = head.query_row(params![workflow, most], |row| {
                let due_ms = Some(row.get(0)?).filter(|due_ms| *due_ms != NEVER);
                let rows = row.get::<_, i64>(1)?.cast_unsigned();
                Ok(Queued { workflow: workflow.clone(), rows, due_ms, oldest_ms: row.get(2)? })
            });
            queued.extend(found.optional().doing(DOING)?);
            name = workflow;
        }
        Ok(queued)
    }

    /// The earliest deadlines of what waits of a workflow, in order.
    pub fn queued_deadlines(&self, workflow: &str, most: u32) -> Result<Vec<i64>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT due_ms FROM inbox WHERE workflow = ?1 AND window IS NULL AND due_ms < ?2 \
                   ORDER BY due_ms LIMIT ?3";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let found = statement.query_map(params![workflow, NEVER, most], |row| row.get(0));
        found.doing(DOING)?.collect::<Result<_, _>>().doing(DOING)
    }

    /// Deadlines before a moment of what was begun and is not over, in order, by workflow. A record that
    /// is over while its job is not is among them.
    pub fn open_deadlines(&self, before_ms: i64) -> Result<BTreeMap<String, Vec<i64>>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT inbox.workflow, due_ms FROM windows JOIN inbox ON inbox.window = windows.id \
                   LEFT JOIN jobs ON jobs.id = windows.job \
                   WHERE due_ms < ?1 AND (job IS NULL OR status IN (?2, ?3)) ORDER BY due_ms";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let values = params![before_ms, Status::Open.number(), Status::Held.number()];
        let mut rows = statement.query(values).doing(DOING)?;
        let mut deadlines: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        while let Some(row) = rows.next().doing(DOING)? {
            let workflow = row.get(0).doing(DOING)?;
            deadlines.entry(workflow).or_default().push(row.get(1).doing(DOING)?);
        }
        Ok(deadlines)
    }

    /// Requests that are due before a moment in Unix milliseconds and not over, the earliest first. A
    /// record of a job that is open is among them whether or not it is over itself.
    pub fn due_before(&self, before_ms: i64) -> Result<Vec<Due>, StoreError> {
        let connection = self.lock();
        // The place in a window is counted over the whole of it.
        let sql = "SELECT inbox.id, inbox.workflow, origin, due_ms, received_ms, job, status, \
                     CASE WHEN window IS NULL THEN 0 ELSE (SELECT count(*) FROM inbox AS other \
                       WHERE other.window = inbox.window AND (other.due_ms, other.id) < (inbox.due_ms, inbox.id)) END \
                   FROM inbox LEFT JOIN windows ON windows.id = window LEFT JOIN jobs ON jobs.id = job \
                   WHERE due_ms < ?1 AND due_ms <> ?2 AND (job IS NULL OR status IN (?3, ?4)) \
                   ORDER BY due_ms, inbox.id";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let (open, held) = (Status::Open.number(), Status::Held.number());
        let found = statement.query_map(params![before_ms, NEVER, open, held], |row| {
            let standing = match row.get::<_, Option<i64>>(5)? {
                None => Standing::Queued,
                Some(job) => {
                    Standing::Run { job: JobId(job), position: row.get::<_, i64>(7)?.cast_unsigned() }
                }
            };
            Ok(Due {
                row: row.get(0)?,
                workflow: row.get(1)?,
                origin: row.get(2)?,
                due_ms: row.get(3)?,
                received_ms: row.get(4)?,
                standing,
            })
        });
        found.doing(DOING)?.collect::<Result<_, _>>().doing(DOING)
    }

    /// What was looked at and started nothing, counted by workflow, origin and reason.
    pub fn skipped(&self) -> Result<Vec<SkipCount>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT workflow, origin, reason, count(*), max(at_ms) FROM skips \
                   GROUP BY workflow, origin, reason ORDER BY workflow, origin, reason";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        let found = statement.query_map([], |row| {
            Ok(SkipCount {
                workflow: row.get(0)?,
                origin: row.get(1)?,
                reason: row.get(2)?,
                count: row.get::<_, i64>(3)?.cast_unsigned(),
                last_ms: row.get(4)?,
            })
        });
        found.doing(DOING)?.collect::<Result<_, _>>().doing(DOING)
    }

    /// The name of the input of a job made of what came in, while its records are kept.
    pub fn window_of(&self, job: JobId) -> Result<Option<WindowId>, StoreError> {
        let connection = self.lock();
        let sql = "SELECT id FROM windows WHERE job = ?1";
        let mut statement = connection.prepare_cached(sql).doing(DOING)?;
        statement.query_row([job.0], |row| row.get(0).map(WindowId)).optional().doing(DOING)
    }
}
