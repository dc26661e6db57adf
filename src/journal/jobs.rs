//! The jobs of a store: what each carries out, on which input, and where it stands.
//!
//! The status is a cache of what the job's events say, changed in the transaction of the event that
//! changes it; everything else about a job is written once and never changed.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::job::{Ended, Event, Fail, JobId, Pause, Status, Verdict, WindowId};

use super::error::{Doing, StoreError};
use super::inbox;
use super::watches::IS_WATCHED;

/// What a new job carries out, and on which input.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Name of the workflow.
    pub workflow_name: String,
    /// SHA-256 of the workflow and what it calls.
    pub workflow_digest: [u8; 32],
    /// The workflow as it was, so that an open job goes on with what it began with.
    pub workflow_text: String,
    /// The input, for people: a path, or `-`.
    pub input_path: String,
    /// SHA-256 of the input as it was read.
    pub input_digest: [u8; 32],
    /// How the input is to be read.
    pub format: serde_json::Value,
    /// Unix milliseconds.
    pub started_ms: i64,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
    /// The window of the inbox that is its input, if it is one.
    pub window: Option<WindowId>,
}

/// A job of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Its number.
    pub id: JobId,
    /// Where it stands.
    pub status: Status,
    /// Name of the workflow.
    pub workflow_name: String,
    /// SHA-256 of the workflow and what it calls.
    pub workflow_digest: [u8; 32],
    /// The workflow as it was when the job began.
    pub workflow_text: String,
    /// The input, for people.
    pub input_path: String,
    /// SHA-256 of the input.
    pub input_digest: [u8; 32],
    /// How the input is to be read.
    pub format: serde_json::Value,
    /// Unix milliseconds.
    pub started_ms: i64,
    /// Whether it runs against the sandbox.
    pub sandbox: bool,
}

impl JobRecord {
    /// The member of `format` that says where the file is.
    pub const AT: &str = "at";

    /// Where the file of the input was when the job began; as it was given, if nothing more is known.
    pub fn input_at(&self) -> PathBuf {
        let at = self.format.get(JobRecord::AT).and_then(serde_json::Value::as_str);
        PathBuf::from(at.unwrap_or(&self.input_path))
    }

    /// The member of `format` that says what a look looks at: the job, and two events of it.
    pub const LOOKS_AT: &str = "looks_at";

    /// What it looks at, if it is a look: requests of this job that were done behind one event of it and up to
    /// another.
    pub fn looks_at(&self) -> Option<(JobId, i64, i64)> {
        let member = self.format.get(JobRecord::LOOKS_AT)?;
        let number = |index: usize| member.get(index)?.as_i64();
        Some((JobId(number(0)?), number(1)?, number(2)?))
    }

    /// The member of `format` that says for how many milliseconds what failed requests remember is kept.
    pub const RETENTION_MS: &str = "retention_ms";

    /// The member of `format` that says that its person does not exist.
    pub const CANARY: &str = "canary";

    /// Whether its person does not exist: then it counts in no summary and no guard.
    pub fn is_canary(&self) -> bool {
        self.format.get(JobRecord::CANARY).is_some_and(|canary| canary == true)
    }

    /// What kind of input it has.
    pub fn input_kind(&self) -> InputKind {
        match self.input_path.parse() {
            Ok(window) => InputKind::Window(window),
            Err(_) if self.input_path == "-" => InputKind::StandardInput,
            Err(_) => InputKind::File,
        }
    }
}

/// What the input of a job was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// A file, which may be gone or edited by now.
    File,
    /// Standard input, which nobody can read again.
    StandardInput,
    /// A window of the inbox, which is in the store.
    Window(WindowId),
}

const COLUMNS: &str = "id, status, workflow_name, workflow_digest, workflow_text, input_path, input_digest, \
                       format, started_ms, sandbox";

pub(super) fn insert(connection: &Connection, job: &NewJob) -> rusqlite::Result<JobId> {
    let sql = "INSERT INTO jobs (workflow_name, workflow_digest, workflow_text, input_path, input_digest, \
               format, started_ms, sandbox, status) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.execute(
        sql,
        params![
            job.workflow_name,
            job.workflow_digest,
            job.workflow_text,
            job.input_path,
            job.input_digest,
            job.format.to_string(),
            job.started_ms,
            job.sandbox,
            Status::Open.number(),
        ],
    )?;
    let id = JobId(connection.last_insert_rowid());
    if let Some(window) = job.window {
        inbox::began(connection, window, id)?;
    }
    Ok(id)
}

/// The status an event leaves its job in; `None` when it changes none. What is reopened is not closed
/// any more whatever it was: see [`reopen`].
pub(super) fn status_after(event: &Event) -> Option<Status> {
    match event {
        Event::Held { .. } => Some(Status::Held),
        Event::Approved { .. } => Some(Status::Open),
        Event::Cancelled { .. } => Some(Status::Cancelled),
        Event::Stopped(stopped) if stopped.finished => Some(Status::Finished),
        Event::Opened { .. }
        | Event::Intended(_)
        | Event::Answered(_)
        | Event::Ended { .. }
        | Event::Waiting { .. }
        | Event::Passed { .. }
        | Event::Reopened(_)
        | Event::Identified { .. }
        | Event::Decided(_)
        | Event::Erased { .. }
        | Event::Attempted(_)
        | Event::Presumed(_)
        | Event::Stopped(_) => None,
    }
}

/// Whether an event leaves something that a person may have tried again, so that the job's key must
/// outlive the job.
pub(super) fn leaves_something_to_try(event: &Event) -> bool {
    let ended: &[Ended] = match event {
        Event::Answered(answered) => &answered.ended,
        Event::Ended { ended } => ended,
        Event::Cancelled { .. } => return true,
        Event::Opened { .. }
        | Event::Intended(_)
        | Event::Waiting { .. }
        | Event::Held { .. }
        | Event::Approved { .. }
        | Event::Passed { .. }
        | Event::Reopened(_)
        | Event::Identified { .. }
        | Event::Decided(_)
        | Event::Erased { .. }
        | Event::Attempted(_)
        | Event::Presumed(_)
        | Event::Stopped(_) => &[],
    };
    ended.iter().any(|ended| match ended.verdict {
        Verdict::Failed(Fail::Forgotten) => false,
        Verdict::Failed(_) | Verdict::Waiting(Pause::NeedsAttention) => true,
        Verdict::Done | Verdict::Skipped(_) | Verdict::Waiting(_) => false,
    })
}

/// Notes that the job's key outlives the job.
pub(super) fn keep_key(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET keeps_key = 1 WHERE id = ?1 AND keeps_key = 0";
    connection.prepare_cached(sql)?.execute([job.0])?;
    Ok(())
}

/// Where a job stands, without what it carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outline {
    pub id: JobId,
    pub status: Status,
    pub started_ms: i64,
    /// Something of it may be tried again.
    pub keeps_key: bool,
}

pub(super) fn outlines(connection: &Connection) -> Result<Vec<Outline>, StoreError> {
    let doing = "read its jobs";
    let sql = "SELECT id, status, started_ms, keeps_key FROM jobs ORDER BY id";
    let mut statement = connection.prepare(sql).doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    let mut outlines = Vec::new();
    while let Some(row) = rows.next().doing(doing)? {
        let status = Status::of_number(row.get(1).doing(doing)?);
        let status = status.ok_or(StoreError::Damaged { what: "a job has an unknown status" })?;
        let id = JobId(row.get(0).doing(doing)?);
        let (started_ms, keeps_key) = (row.get(2).doing(doing)?, row.get(3).doing(doing)?);
        outlines.push(Outline { id, status, started_ms, keeps_key });
    }
    Ok(outlines)
}

/// Whether the job's key is still needed: the job is open, something in it may be tried again, or its people
/// are looked for again.
pub(super) fn needs_key(connection: &Connection, job: JobId) -> rusqlite::Result<bool> {
    let sql = format!("SELECT status IN (?2, ?3) OR keeps_key OR {IS_WATCHED} FROM jobs WHERE id = ?1");
    let open = (Status::Open.number(), Status::Held.number());
    let needed: Option<bool> =
        connection.prepare_cached(&sql)?.query_row((job.0, open.0, open.1), |row| row.get(0)).optional()?;
    Ok(needed.unwrap_or(false))
}

/// Whether a job is over, and only kept because something in it may be tried again.
pub(super) fn may_only_be_tried_again(connection: &Connection, job: JobId) -> rusqlite::Result<bool> {
    let sql = format!("SELECT status NOT IN (?2, ?3) AND NOT {IS_WATCHED} FROM jobs WHERE id = ?1");
    let open = (Status::Open.number(), Status::Held.number());
    let found: Option<bool> =
        connection.prepare_cached(&sql)?.query_row((job.0, open.0, open.1), |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(false))
}

/// Notes where a job stands after an event. A closed job stays closed until a person reopens it.
pub(super) fn set_status(connection: &Connection, job: JobId, status: Status) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET status = ?2 WHERE id = ?1 AND status NOT IN (?3, ?4)";
    let closed = (Status::Finished.number(), Status::Cancelled.number());
    connection.prepare_cached(sql)?.execute(params![job.0, status.number(), closed.0, closed.1])?;
    Ok(())
}

pub(super) fn one(connection: &Connection, job: JobId) -> Result<JobRecord, StoreError> {
    let mut found = select(connection, "WHERE id = ?1", params![job.0])?;
    found.pop().ok_or(StoreError::NoSuchJob(job))
}

pub(super) fn all(connection: &Connection) -> Result<Vec<JobRecord>, StoreError> {
    select(connection, "ORDER BY id", params![])
}

/// The newest job of this workflow text and input that was not cancelled.
pub(super) fn find(
    connection: &Connection,
    workflow_name: &str,
    workflow_digest: &[u8; 32],
    input_digest: &[u8; 32],
) -> Result<Option<JobRecord>, StoreError> {
    let filter = "WHERE workflow_name = ?1 AND workflow_digest = ?2 AND input_digest = ?3 AND status <> ?4 \
                  ORDER BY id DESC LIMIT 1";
    let cancelled = Status::Cancelled.number();
    Ok(select(connection, filter, params![workflow_name, workflow_digest, input_digest, cancelled])?.pop())
}

/// Closed jobs of which some event was not made small yet.
pub(super) fn to_compact(connection: &Connection) -> rusqlite::Result<Vec<JobId>> {
    let sql = "SELECT id FROM jobs WHERE compacted = 0 AND status IN (?1, ?2) ORDER BY id";
    let closed = (Status::Finished.number(), Status::Cancelled.number());
    let mut statement = connection.prepare(sql)?;
    statement.query_map(closed, |row| row.get(0).map(JobId))?.collect()
}

/// The last event of a job that was made small, and its last.
pub(super) fn span_to_compact(connection: &Connection, job: JobId) -> rusqlite::Result<(i64, i64)> {
    let sql =
        "SELECT compacted_to, (SELECT ifnull(max(id), 0) FROM events WHERE job = ?1) FROM jobs WHERE id = ?1";
    let span = connection.query_row(sql, [job.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(span.unwrap_or_default())
}

/// Notes how far a job's events were made small.
pub(super) fn compacted(connection: &Connection, job: JobId, to: i64, all: bool) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET compacted_to = ?2, compacted = ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![job.0, to, all])?;
    Ok(())
}

/// Notes that keys of a job were let go: what they open is to be left out of its events, too.
pub(super) fn compact_again(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET compacted = 0, compacted_to = 0 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([job.0])?;
    Ok(())
}

/// Notes that a job goes on, also one that was closed. When it is over again, all its events are looked at: what
/// was kept of a request that failed is needed no more if it was done since.
pub(super) fn reopen(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    let sql = "UPDATE jobs SET status = ?2, compacted = 0, compacted_to = 0 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![job.0, Status::Open.number()])?;
    Ok(())
}

/// The jobs of a workflow that are open or held, oldest first.
pub(super) fn open(connection: &Connection, workflow_name: &str) -> Result<Vec<JobRecord>, StoreError> {
    let filter = "WHERE workflow_name = ?1 AND status IN (?2, ?3) ORDER BY id";
    select(connection, filter, params![workflow_name, Status::Open.number(), Status::Held.number()])
}

/// All open jobs.
pub(super) fn all_open(connection: &Connection) -> Result<Vec<JobId>, StoreError> {
    let doing = "read its jobs";
    let sql = "SELECT id FROM jobs WHERE status = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql).doing(doing)?;
    let rows = statement.query_map([Status::Open.number()], |row| row.get(0).map(JobId)).doing(doing)?;
    rows.map(|row| row.doing(doing)).collect()
}

fn select(
    connection: &Connection,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<JobRecord>, StoreError> {
    let doing = "read its jobs";
    let sql = format!("SELECT {COLUMNS} FROM jobs {filter}");
    let mut statement = connection.prepare_cached(&sql).doing(doing)?;
    let rows = statement.query_map(values, read).doing(doing)?;
    rows.map(|row| row.doing(doing)?).collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<JobRecord, StoreError>> {
    let damaged = |what| Ok(Err(StoreError::Damaged { what }));
    let Some(status) = Status::of_number(row.get(1)?) else {
        return damaged("a job has an unknown status");
    };
    let format: String = row.get(7)?;
    let Ok(format) = serde_json::from_str(&format) else {
        return damaged("the input format of a job is not JSON");
    };
    Ok(Ok(JobRecord {
        id: JobId(row.get(0)?),
        status,
        workflow_name: row.get(2)?,
        workflow_digest: row.get(3)?,
        workflow_text: row.get(4)?,
        input_path: row.get(5)?,
        input_digest: row.get(6)?,
        format,
        started_ms: row.get(8)?,
        sandbox: row.get(9)?,
    }))
}
