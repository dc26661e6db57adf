//! Windows: rows of one workflow that one job carries out.
//!
//! A window takes the rows with the earliest deadlines, and for a quarter of its places those that wait
//! longest, so that what has no deadline is never left behind. Its bytes are its records, a line each,
//! by deadline and then by arrival: the same however often they are read, until the job is over. A
//! window without a job was never begun, and its rows can go back.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, TransactionBehavior, params};
use zeroize::Zeroizing;

use super::super::error::{Doing, StoreError};
use super::super::keys::ended_for_good;
use super::super::{Reader, Store, jobs};
use super::rows::Amount;
use crate::job::{JobId, Position, Status, WindowId};

/// One of so many places of a window is for a row that waits longest, whatever its deadline.
const FAIRNESS: usize = 4;

/// Stands in the text of a window for a record that was destroyed, so that the others keep their places.
pub const FORGOTTEN: &str = r#"{"forgotten":true}"#;

/// The numbers of jobs that are not over.
fn open() -> [u8; 2] {
    [Status::Open.number(), Status::Held.number()]
}

const DOING: &str = "make a window of what came in";

/// How much a window takes at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Records.
    pub records: usize,
    /// Bytes of sealed records; a single longer one is taken all the same.
    pub bytes: u64,
}

/// A window, and the job that carries it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its number.
    pub id: WindowId,
    /// Name of the workflow.
    pub workflow: String,
    /// When it was made, in Unix milliseconds.
    pub made_ms: i64,
    /// How many records it has.
    pub records: u64,
    /// The job, once there is one.
    pub job: Option<JobId>,
}

impl Store {
    /// Makes a window of rows of a workflow that wait; `None` when none do. It is on the disk when this
    /// returns.
    pub fn take_window(&self, workflow: &str, most: Most, now_ms: i64) -> Result<Option<Window>, StoreError> {
        let workflow = workflow.to_owned();
        self.task(move |connection| {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begun.doing(DOING)?;
            let rows = chosen(&transaction, &workflow, most).doing(DOING)?;
            if rows.is_empty() {
                return Ok(None);
            }
            let records = rows.len() as u64;
            let sql = "INSERT INTO windows (workflow, made_ms, records) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, params![workflow, now_ms, records.cast_signed()]).doing(DOING)?;
            let id = WindowId(transaction.last_insert_rowid());
            {
                let sql = "UPDATE inbox SET window = ?2 WHERE id = ?1";
                let mut assign = transaction.prepare_cached(sql).doing(DOING)?;
                for row in rows {
                    assign.execute([row, id.0]).doing(DOING)?;
                }
            }
            transaction.commit().doing(DOING)?;
            Ok(Some(Window { id, workflow, made_ms: now_ms, records, job: None }))
        })
    }

    /// Puts the rows of windows that have no job back into the queue: nothing of them was begun. Only
    /// for whoever makes windows, before it makes any. Gives how many windows.
    pub fn put_back_windows(&self) -> Result<u64, StoreError> {
        self.task(|connection| {
            let transaction = connection.transaction().doing(DOING)?;
            let sql =
                "UPDATE inbox SET window = NULL WHERE window IN (SELECT id FROM windows WHERE job IS NULL)";
            transaction.execute(sql, []).doing(DOING)?;
            let removed = transaction.execute("DELETE FROM windows WHERE job IS NULL", []).doing(DOING)?;
            transaction.commit().doing(DOING)?;
            Ok(removed as u64)
        })
    }
}

impl Reader {
    /// The records of a window as one text, a line each.
    pub fn window_text(&self, window: WindowId) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let doing = "read a window of what came in";
        let lock = self.inbox_lock();
        let connection = self.lock();
        let sql = "SELECT workflow, key, record FROM inbox WHERE window = ?1 ORDER BY due_ms, id";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let mut rows = statement.query([window.0]).doing(doing)?;
        let mut text = Zeroizing::new(Vec::new());
        while let Some(row) = rows.next().doing(doing)? {
            let workflow: String = row.get(0).doing(doing)?;
            let key: [u8; 32] = row.get(1).doing(doing)?;
            let record: Vec<u8> = row.get(2).doing(doing)?;
            match record.is_empty() {
                true => text.extend_from_slice(FORGOTTEN.as_bytes()),
                false => text.extend_from_slice(&lock.open(&workflow, &key, &record)?),
            }
            text.push(b'\n');
        }
        if text.is_empty() { Err(StoreError::NoSuchWindow(window)) } else { Ok(text) }
    }

    /// The digest under which a job knows a window of which records were destroyed since; `None` when none
    /// were, or it has no job yet: then its text has its own.
    pub fn window_digest(&self, window: WindowId) -> Result<Option<[u8; 32]>, StoreError> {
        let doing = "read a window of what came in";
        let connection = self.lock();
        let sql = "SELECT input_digest FROM windows JOIN jobs ON jobs.id = windows.job WHERE windows.id = ?1 \
                   AND EXISTS (SELECT 1 FROM inbox WHERE window = ?1 AND bytes = 0)";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        statement.query_row([window.0], |row| row.get(0)).optional().doing(doing)
    }

    /// The rows with a record that somebody looks for. What does not open is left out.
    pub(in crate::journal) fn inbox_rows(
        &self,
        mut is_wanted: impl FnMut(&[u8]) -> bool,
    ) -> Result<Vec<i64>, StoreError> {
        let doing = "read what came in";
        let (mut wanted, mut after) = (Vec::new(), 0);
        loop {
            let rows: Vec<(i64, String, [u8; 32], Vec<u8>)> = {
                let connection = self.lock();
                let sql = "SELECT id, workflow, key, record FROM inbox WHERE id > ?1 AND bytes > 0 \
                           ORDER BY id LIMIT 256";
                let mut statement = connection.prepare_cached(sql).doing(doing)?;
                let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
                let rows = statement.query_map([after], read).doing(doing)?;
                rows.collect::<rusqlite::Result<_>>().doing(doing)?
            };
            let Some((last, ..)) = rows.last() else { return Ok(wanted) };
            after = *last;
            for (id, workflow, key, record) in rows {
                let opened = self.inbox_lock().open(&workflow, &key, &record);
                if opened.is_ok_and(|record| is_wanted(&record)) {
                    wanted.push(id);
                }
            }
        }
    }

    /// The rows with the records that runs of a job carry out, as far as these are still kept.
    pub(in crate::journal) fn inbox_rows_of(
        &self,
        job: JobId,
        runs: &[Position],
    ) -> Result<Vec<i64>, StoreError> {
        let doing = "read a window of what came in";
        let wanted: HashSet<Position> = runs.iter().copied().collect();
        let connection = self.lock();
        let sql = "SELECT inbox.id, bytes > 0 FROM inbox JOIN windows ON windows.id = inbox.window \
                   WHERE windows.job = ?1 ORDER BY due_ms, inbox.id";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let rows = statement.query_map([job.0], |row| Ok((row.get(0)?, row.get(1)?))).doing(doing)?;
        let rows: Vec<(i64, bool)> = rows.collect::<rusqlite::Result<_>>().doing(doing)?;
        let theirs = (0..).zip(rows).filter(|(position, (_, is_kept))| *is_kept && wanted.contains(position));
        Ok(theirs.map(|(_, (row, _))| row).collect())
    }

    /// The newest event of the job of every window that is open; 0 without one.
    pub fn newest_events(&self) -> Result<BTreeMap<WindowId, i64>, StoreError> {
        let doing = "read the windows of what came in";
        let connection = self.lock();
        let sql = "SELECT windows.id, (SELECT ifnull(max(events.id), 0) FROM events WHERE events.job = windows.job) \
                   FROM windows LEFT JOIN jobs ON jobs.id = windows.job \
                   WHERE windows.job IS NULL OR status IN (?1, ?2)";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let found = statement.query_map(open(), |row| Ok((WindowId(row.get(0)?), row.get(1)?)));
        found.doing(doing)?.collect::<Result<_, _>>().doing(doing)
    }

    /// Windows whose jobs are not over, and those without a job, oldest first.
    pub fn open_windows(&self) -> Result<Vec<Window>, StoreError> {
        let doing = "read the windows of what came in";
        let connection = self.lock();
        let sql = "SELECT windows.id, workflow, made_ms, records, job FROM windows \
                   LEFT JOIN jobs ON jobs.id = windows.job \
                   WHERE job IS NULL OR status IN (?1, ?2) ORDER BY windows.id";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let found = statement.query_map(open(), read);
        found.doing(doing)?.collect::<Result<_, _>>().doing(doing)
    }

    /// Windows that are kept although their jobs are over, since something of them may be tried again; with
    /// the newest event of the job.
    pub fn ended_windows(&self) -> Result<Vec<(Window, i64)>, StoreError> {
        let doing = "read the windows of what came in";
        let connection = self.lock();
        let sql = "SELECT windows.id, workflow, made_ms, records, job, \
                   (SELECT ifnull(max(events.id), 0) FROM events WHERE events.job = windows.job) \
                   FROM windows JOIN jobs ON jobs.id = windows.job \
                   WHERE status NOT IN (?1, ?2) ORDER BY windows.id";
        let mut statement = connection.prepare_cached(sql).doing(doing)?;
        let found = statement.query_map(open(), |row| Ok((read(row)?, row.get(5)?)));
        found.doing(doing)?.collect::<Result<_, _>>().doing(doing)
    }
}

/// The rows of the next window of a workflow.
fn chosen(connection: &Connection, workflow: &str, most: Most) -> rusqlite::Result<Vec<i64>> {
    let mut rows: Vec<i64> = Vec::new();
    let mut bytes = 0;
    let mut gather = |mut statement: CachedStatement<'_>, places: usize| -> rusqlite::Result<()> {
        let mut found = statement.query([workflow])?;
        while let Some(row) = found.next()? {
            let (id, size): (i64, i64) = (row.get(0)?, row.get(1)?);
            if rows.len() >= places {
                break;
            }
            // The few of the first list are found in the second one again.
            if rows.contains(&id) {
                continue;
            }
            bytes += size.cast_unsigned();
            if bytes > most.bytes && !rows.is_empty() {
                break;
            }
            rows.push(id);
        }
        Ok(())
    };
    let places = most.records.max(1);
    let sql = "SELECT id, bytes FROM inbox WHERE workflow = ?1 AND window IS NULL ORDER BY id";
    gather(connection.prepare_cached(sql)?, places.div_ceil(FAIRNESS))?;
    let sql = "SELECT id, bytes FROM inbox WHERE workflow = ?1 AND window IS NULL ORDER BY due_ms, id";
    gather(connection.prepare_cached(sql)?, places)?;
    Ok(rows)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Window> {
    Ok(Window {
        id: WindowId(row.get(0)?),
        workflow: row.get(1)?,
        made_ms: row.get(2)?,
        records: row.get::<_, i64>(3)?.cast_unsigned(),
        job: row.get::<_, Option<i64>>(4)?.map(JobId),
    })
}

/// Removes what waits in a queue and is in no window; gives the number of the key and the bytes of each.
pub(in crate::journal) fn drop_waiting(
    connection: &Connection,
    queue: &str,
) -> rusqlite::Result<Vec<(Option<i64>, u64)>> {
    let sql = "DELETE FROM inbox WHERE workflow = ?1 AND window IS NULL RETURNING key_id, bytes";
    let mut delete = connection.prepare_cached(sql)?;
    let rows = delete.query_map([queue], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    rows.collect()
}

/// Notes the job of a window, in the transaction that writes the job down.
pub(in crate::journal) fn began(
    connection: &Connection,
    window: WindowId,
    job: JobId,
) -> rusqlite::Result<()> {
    connection.prepare_cached("UPDATE windows SET job = ?2 WHERE id = ?1")?.execute([window.0, job.0])?;
    Ok(())
}

/// Removes the window of a job that nobody needs any more, with its rows; of a job that is over and may be tried
/// again, what requests brought that ended for good. Gives how much that was. The numbers of their keys go to
/// `keys`: they are to be destroyed when this is on the disk.
pub(in crate::journal) fn job_is_gone(
    connection: &Connection,
    job: JobId,
    keys: &mut Vec<i64>,
) -> Result<Amount, StoreError> {
    let doing = "remove what came in";
    let sql = "SELECT id FROM windows WHERE job = ?1";
    let found = connection.prepare_cached(sql).doing(doing)?.query_row([job.0], |row| row.get(0)).optional();
    let Some(window): Option<i64> = found.doing(doing)? else { return Ok(Amount::default()) };
    if !jobs::needs_key(connection, job).doing(doing)? {
        return remove(connection, window, keys).doing(doing);
    }
    if jobs::may_only_be_tried_again(connection, job).doing(doing)? {
        let over = ended_for_good(connection, job, 0)?;
        return empty(connection, window, &over, keys).doing(doing);
    }
    Ok(Amount::default())
}

fn remove(connection: &Connection, window: i64, keys: &mut Vec<i64>) -> rusqlite::Result<Amount> {
    let sql = "DELETE FROM inbox WHERE window = ?1 RETURNING key_id, bytes";
    let mut gone = Amount::default();
    let mut delete = connection.prepare_cached(sql)?;
    let mut rows = delete.query([window])?;
    while let Some(row) = rows.next()? {
        keys.extend(row.get::<_, Option<i64>>(0)?);
        gone = gone.and(Amount { rows: 1, bytes: row.get::<_, i64>(1)?.cast_unsigned() });
    }
    connection.prepare_cached("DELETE FROM windows WHERE id = ?1")?.execute([window])?;
    Ok(gone)
}

/// Takes what some records of a window say; their places stay.
fn empty(
    connection: &Connection,
    window: i64,
    over: &HashSet<Position>,
    keys: &mut Vec<i64>,
) -> rusqlite::Result<Amount> {
    let sql = "SELECT id, key_id, bytes FROM inbox WHERE window = ?1 ORDER BY due_ms, id";
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map([window], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(i64, Option<i64>, i64)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update =
        connection.prepare_cached("UPDATE inbox SET record = x'', key_id = NULL, bytes = 0 WHERE id = ?1")?;
    let mut gone = Amount::default();
    for (_, (row, key, bytes)) in (0..).zip(rows).filter(|(position, _)| over.contains(position)) {
        update.execute([row])?;
        keys.extend(key);
        gone = gone.and(Amount { rows: 0, bytes: bytes.cast_unsigned() });
    }
    Ok(gone)
}
