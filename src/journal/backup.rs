//! A copy of the store while it is in use, and the way back from one.
//!
//! A backup is one file: jobs, events, ids, freshness and erasures as they were at one moment. The keys
//! of jobs are not in it, so that whoever finds a backup cannot read what was sealed. Going back loses
//! what came later, but for what the store can be asked that is replaced (`carried`, `unfinished`); the restored
//! store says what else was there until a person has read it. The rule that keeps it right: there is never a
//! moment without a whole database in the store's place.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use serde::{Deserialize, Serialize};

use crate::job::JobId;
use crate::ledger::Fact;

use super::carried::{Carried, Lost, Taken, carry_over};
use super::commit::now_ms;
use super::directory::{Directory, file, sync};
use super::error::{Doing, StoreError};
use super::unfinished::{self, Unfinished};
use super::{Reader, Store, events, inbox, jobs, keys, ledger, schema, segments};

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// When it was made, in Unix milliseconds. What came later is not in it.
    pub at_ms: i64,
    /// How many jobs it holds.
    pub jobs: u64,
    /// Its size.
    pub bytes: u64,
}

/// What a person must know of a store that was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the backup was made, in Unix milliseconds. What was finished, accepted or erased since is
    /// not known to the store.
    pub backup_ms: i64,
    /// When it was put in place, in Unix milliseconds.
    pub restored_ms: i64,
    /// Jobs that were open when the backup was made: what they sent since may be sent again.
    pub open_jobs: Vec<JobId>,
    /// Requests that came in and were carried out or forgotten since: their keys are destroyed.
    #[serde(default)]
    pub lost_records: u64,
    /// Runs that were not over then and remember nothing, since their keys are destroyed: they begin anew.
    #[serde(default)]
    pub lost_runs: u64,
    /// Where the store is that stood there before.
    pub replaced: Option<PathBuf>,
    /// What was taken over from it.
    #[serde(default)]
    pub carried: Carried,
    /// What was not over in it.
    #[serde(default)]
    pub unfinished: Unfinished,
    /// Why it is not known who was erased since the backup was made; `None` when that is known.
    #[serde(default)]
    pub lost: Option<Lost>,
}

impl Restored {
    /// Up to when erasures may have been accepted of which the store knows nothing, in Unix milliseconds.
    pub(super) fn unknown_until_ms(&self) -> Option<i64> {
        self.lost.map(|_| self.restored_ms)
    }
}

/// Whether a store may be replaced that has more than the backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Only one that has nothing the backup has not.
    Older,
    /// Any.
    Newer,
}

const BACKUP: &str = "backup";
const RESTORED: &str = "restored";

#[derive(Serialize, Deserialize)]
struct MadeAt {
    at_ms: i64,
}

impl Reader {
    /// Copies the store as it is at this moment into a new file; others may go on writing.
    pub fn backup(&self, path: &Path) -> Result<Backup, StoreError> {
        if path.exists() {
            return Err(StoreError::BackupExists { path: path.to_owned() });
        }
        let doing = "make a backup";
        let part = with_ending(path, ".part");
        make_private(&part)?;
        let at_ms = now_ms();
        let source = self.beside()?;
        let name = part.to_string_lossy().into_owned();
        source.execute("VACUUM INTO ?1", [name]).doing(doing)?;
        let copy = Connection::open(&part).doing(doing)?;
        note(&copy, BACKUP, &MadeAt { at_ms }).doing(doing)?;
        let jobs =
            copy.query_row("SELECT count(*) FROM jobs", [], |row| row.get::<_, i64>(0)).doing(doing)?;
        drop(copy);
        put_in_place(&part, path)?;
        let bytes = fs::metadata(path).map_err(file("read", path))?.len();
        Ok(Backup { at_ms, jobs: jobs.cast_unsigned(), bytes })
    }

    /// What a person must know, if the store was restored and nobody has read it yet.
    pub fn restored(&self) -> Result<Option<Restored>, StoreError> {
        restored(&self.lock())
    }
}

impl Store {
    /// A person has read what the restored store may have forgotten; `false` when there was nothing.
    pub fn acknowledge_restore(&self) -> Result<bool, StoreError> {
        let was_there = self.task(|connection| {
            let sql = "DELETE FROM notes WHERE name = ?1";
            Ok(connection.execute(sql, [RESTORED]).doing("write what was read")? > 0)
        })?;
        self.marks().set_unknown_until(None);
        Ok(was_there)
    }
}

/// Puts a backup in the place of a store that nobody uses. What stood there is kept beside it.
pub fn restore(store: &Path, backup: &Path, replace: Replace) -> Result<Restored, StoreError> {
    let directory = Directory::take(store)?;
    let upgraded = upgraded(backup, &directory.database())?;
    let restored = restore_into(&directory, upgraded.as_deref().unwrap_or(backup), replace);
    if let Some(upgraded) = upgraded {
        remove(&upgraded)?;
    }
    restored
}

fn restore_into(directory: &Directory, backup: &Path, replace: Replace) -> Result<Restored, StoreError> {
    let (doing, store) = ("read the backup", directory.path());
    let made = verified(backup)?;
    let at = Connection::open_with_flags(backup, OpenFlags::SQLITE_OPEN_READ_ONLY).doing(doing)?;
    let newest = newest_event(&at).doing(doing)?;
    let open = jobs::all(&at)?.into_iter().filter(|job| !job.status.is_closed()).map(|job| job.id);
    let mut open_jobs: Vec<JobId> = open.collect();
    let lost = keys::lost(&at, &directory.keys())?;
    let database = directory.database();
    if replace == Replace::Older && has_more(&database, newest, &at)? {
        return Err(StoreError::WouldForget { path: store.to_owned(), backup_ms: made.at_ms });
    }
    if replace == Replace::Older && lost.is_foreign && lost.records > 0 {
        return Err(StoreError::KeysElsewhere { folder: directory.keys(), records: lost.records });
    }
    drop(at);
    let replaced_highest = highest_job(&database);
    let restored_ms = now_ms();
    let part = with_ending(&database, ".restoring");
    remove(&part)?;
    fs::copy(backup, &part).map_err(file("copy the backup to", &part))?;
    let copy = Connection::open(&part).doing(doing)?;
    let Taken { carried, jobs: goes_on, lost: forgotten } = carry_over(&database, &copy, &part)?;
    open_jobs.retain(|job| !goes_on.contains(job));
    // What was taken over may open still, and may be gone.
    let lost = keys::lost(&copy, &directory.keys())?;
    keys::take_out_lost(&copy, &directory.keys())?;
    let unfinished = unfinished::take_over(&database, &copy, &directory.keys(), (made.at_ms, &goes_on))?;
    let replaced = keep_beside(store, &database, restored_ms)?;
    let restored = Restored {
        backup_ms: made.at_ms,
        restored_ms,
        open_jobs,
        lost_records: lost.records,
        lost_runs: lost.runs,
        replaced,
        carried,
        unfinished,
        lost: forgotten,
    };
    note(&copy, RESTORED, &restored).doing(doing)?;
    let backup_at = jiff::Timestamp::from_millisecond(made.at_ms).unwrap_or_default().to_string();
    let Carried { erasures, holds, presumed, .. } = carried;
    let (requests, unknown) = (restored.unfinished.requests(), forgotten.is_some());
    let fact = Fact::Restored { backup_at, erasures, holds, presumed, requests, unknown };
    ledger::append_to(&copy, restored_ms, &fact)?;
    // A number that a lost job had is not given again: its keys and its failures may still be there.
    let highest = directory.highest_job()?.max(replaced_highest);
    let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'jobs'";
    copy.execute(sql, [highest]).doing(doing)?;
    drop(copy);
    // The log and its index belong to the old database; SQLite would play them into the new one.
    remove(&database.with_extension("db-wal"))?;
    remove(&database.with_extension("db-shm"))?;
    put_in_place(&part, &database)?;
    Ok(restored)
}

/// What a person must know, if the store was restored and nobody has read it yet.
pub(super) fn restored(connection: &Connection) -> Result<Option<Restored>, StoreError> {
    let text = text_of(connection, RESTORED).doing("read its notes")?;
    let read = |text: String| serde_json::from_str(&text);
    let damaged = |_| StoreError::Damaged { what: "the note of its restoring is not JSON" };
    text.map(read).transpose().map_err(damaged)
}

/// A copy of a backup that an earlier release made, brought up to date beside the store; `None` when it is.
fn upgraded(backup: &Path, database: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !matches!(schema::open_reader(backup), Err(StoreError::Older { .. })) {
        return Ok(None);
    }
    let part = with_ending(database, ".upgrading");
    remove(&part)?;
    fs::copy(backup, &part).map_err(file("copy the backup to", &part))?;
    let brought = schema::open_writer(&part).and_then(|connection| {
        let in_one_file = connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()));
        in_one_file.doing("bring the backup up to date")
    });
    match brought {
        Ok(()) => Ok(Some(part)),
        Err(error) => {
            remove(&part)?;
            Err(StoreError::NotABackup { path: backup.to_owned(), source: Some(Box::new(error)) })
        }
    }
}

/// When a backup was made, having looked at every page, sum and row of it.
fn verified(backup: &Path) -> Result<MadeAt, StoreError> {
    let refused = |source: Option<StoreError>| StoreError::NotABackup {
        path: backup.to_owned(),
        source: source.map(Box::new),
    };
    if !backup.is_file() {
        return Err(StoreError::NoFile { path: backup.to_owned() });
    }
    let connection = match schema::open_reader(backup) {
        Err(error @ StoreError::Newer { .. }) => return Err(error),
        opened => opened.map_err(|error| refused(Some(error)))?,
    };
    let check = || {
        let doing = "read the backup";
        let text = text_of(&connection, BACKUP).doing(doing)?;
        let found = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
        if found.doing(doing)? != "ok" {
            return Err(StoreError::Damaged { what: "its pages do not belong together" });
        }
        events::verify(&connection)?;
        ledger::verify(&connection)?;
        segments::verify(&connection)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    };
    check().map_err(|error| refused(Some(error)))?.ok_or_else(|| refused(None))
}

/// Whether the store has events, or requests that wait, that the backup has not. One that is too damaged to tell
/// has not.
fn has_more(database: &Path, newest: i64, backup: &Connection) -> Result<bool, StoreError> {
    if !database.exists() {
        return Ok(false);
    }
    let found = schema::open_writer(database).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(1)).doing("read it")?;
        Ok(newest_event(&connection).doing("read it")? > newest || inbox::has_newer(&connection, backup)?)
    });
    match found {
        Ok(has_more) => Ok(has_more),
        Err(StoreError::Newer { .. }) => Ok(true),
        Err(StoreError::Malformed { .. } | StoreError::Damaged { .. } | StoreError::Lost { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The highest number of a job that a store ever gave; 0 of one that is too damaged to tell.
fn highest_job(database: &Path) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'";
    let found = Connection::open_with_flags(database, flags)
        .and_then(|connection| connection.query_row(sql, [], |row| row.get(0)));
    found.unwrap_or(0)
}

/// Keeps the old database under another name too, with its log when it could not be taken in.
fn keep_beside(store: &Path, database: &Path, now_ms: i64) -> Result<Option<PathBuf>, StoreError> {
    if !database.exists() {
        return Ok(None);
    }
    let folder = store.join(format!("replaced-{now_ms}"));
    fs::create_dir(&folder).map_err(file("make the directory", &folder))?;
    for name in ["journal.db", "journal.db-wal"] {
        let (from, to) = (store.join(name), folder.join(name));
        if from.exists() && fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(file("keep", &from))?;
        }
    }
    Ok(Some(folder))
}

/// Brings a file to the disk and gives it its name.
fn put_in_place(part: &Path, path: &Path) -> Result<(), StoreError> {
    let bring = || {
        OpenOptions::new().write(true).open(part)?.sync_all()?;
        fs::rename(part, path)?;
        match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync(Path::new(".")),
            Some(parent) => sync(parent),
            None => Ok(()),
        }
    };
    bring().map_err(file("write", path))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    remove(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(file("write", path))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn newest_event(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT ifnull(max(id), 0) FROM events", [], |row| row.get(0))
}

fn note(connection: &Connection, name: &str, value: &impl Serialize) -> rusqlite::Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    connection.execute("INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)", [name, &text])?;
    Ok(())
}

fn text_of(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT value FROM notes WHERE name = ?1";
    connection.query_row(sql, [name], |row| row.get(0)).optional()
}
