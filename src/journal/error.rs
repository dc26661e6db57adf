//! Why the store could not do what was asked.
//!
//! A message names the store, the job or the process to look at, never a person. After a failed
//! write the store stops for good: [`StoreError::Stopped`] then carries the first reason.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::job::{JobId, WindowId};

use super::codec::CodecError;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process owns the store.
    #[error("the store `{}` is in use by {}; wait for it to end, or stop it", path.display(), owner(*pid))]
    InUse {
        /// The store.
        path: PathBuf,
        /// The other process, when it said who it is.
        pid: Option<u32>,
    },
    /// A later release wrote the store.
    #[error(
        "the store `{}` has format {found} and this release knows formats up to {known}; use the newer \
         release, or name another store in the settings",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// An earlier release wrote the store, and it was only to be read.
    #[error(
        "the store `{}` has format {found} of an earlier release: `privaflow store backup FILE` copies it as it is, and then `privaflow store prune`, \
         or what else writes to it, brings it up to date; earlier releases cannot read it after that",
        path.display()
    )]
    Older {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: i64,
    },
    /// There is no store where one was to be read.
    #[error("there is no store `{}`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The database is gone, and other parts of the store are not.
    #[error(
        "the database of the store, `{}`, is gone or has nothing in it, while its keys or failures are there; \
         restore it from a backup (`privaflow store restore FILE`); to begin anew, and know neither who is on hold \
         or was erased nor what was sent, move the whole folder away",
        database.display()
    )]
    Lost {
        /// Where it was.
        database: PathBuf,
    },
    /// A file or directory of the store could not be made, read or removed.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full. What was reported durable is safe.
    #[error("no space is left for the store `{}`; make room and run the same command again", path.display())]
    Full {
        /// The store.
        path: PathBuf,
    },
    /// A fact cannot be written as an entry of the ledger.
    #[error("an entry of the ledger cannot be written")]
    Ledger(#[source] serde_json::Error),
    /// The key that signs the ledger is not there.
    #[error(
        "there is no key `{}`: it is made when the store is opened next, for `run`, `serve` or `store prune`",
        path.display()
    )]
    LedgerKey {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("the store cannot {doing}")]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// An event cannot be read.
    #[error("event {event} of {job} cannot be read")]
    Event {
        /// The job.
        job: JobId,
        /// Number of the event in the store.
        event: i64,
        /// What is wrong with it.
        #[source]
        source: CodecError,
    },
    /// SQLite says that the database is not whole.
    #[error(
        "the store is damaged and cannot {doing}; restore it from a backup (`privaflow store restore FILE`)"
    )]
    Malformed {
        /// What was tried.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Something in the store is not as this program writes it.
    #[error("the store is damaged: {what}; restore it from a backup (`privaflow store restore FILE`)")]
    Damaged {
        /// What was found.
        what: &'static str,
    },
    /// A backup is never written over another file.
    #[error("`{}` is there already; name a new file for the backup", path.display())]
    BackupExists {
        /// The file.
        path: PathBuf,
    },
    /// There is no file where a backup was to be read.
    #[error("there is no file `{}`", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// What was to be restored is no backup, or not a whole one.
    #[error("`{}` is no whole backup made by `privaflow store backup`; name another one", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Option<Box<StoreError>>,
    },
    /// The store has more than the backup that was to replace it.
    #[error(
        "the store `{}` has events that came after the backup of {}; --force replaces it all the same and \
         keeps it beside the new one",
        path.display(), moment(*backup_ms)
    )]
    WouldForget {
        /// The store.
        path: PathBuf,
        /// When the backup was made, in Unix milliseconds.
        backup_ms: i64,
    },
    /// There is no such job.
    #[error("there is no {0}; `privaflow jobs list` shows the jobs there are")]
    NoSuchJob(JobId),
    /// What was sealed does not open: other key, other place, or changed.
    #[error("a remembered answer of {job} does not open: its key is destroyed, or another one")]
    Sealed {
        /// The job.
        job: JobId,
    },
    /// More came in than the inbox holds.
    #[error(
        "the inbox is full: {rows} requests wait to be carried out; nothing was taken, bring it again later"
    )]
    InboxFull {
        /// What it holds.
        rows: u64,
    },
    /// A record that came in cannot be kept.
    #[error("a record of {origin} cannot be kept: {what}")]
    Arrival {
        /// Where it came from.
        origin: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The key of what came in is gone.
    #[error("the key of what came in, `{}`, is gone or cut; restore the file, without it nothing that waits can be carried out", path.display())]
    InboxKey {
        /// Where the key was.
        path: PathBuf,
    },
    /// A record that waits does not open: other key, or changed.
    #[error(
        "a record that came in does not open: its key is not in the folder `keys` of the store; put back the one that belongs to it"
    )]
    InboxSealed,
    /// The key of what is kept of staff is gone, or is not the one that sealed it.
    #[error(
        "what is kept of OneTrust's directory does not open any more; `privaflow directory sync` reads it anew"
    )]
    StaffKey,
    /// The file with the keys of what waits is gone, or is that of another store.
    #[error(
        "the keys of what waits in this store are not in `{}`: put back the folder that belongs to it; if it is \
         lost, `privaflow store backup FILE` and `privaflow store restore FILE --force` go on without what it opened",
        path.display()
    )]
    KeysLost {
        /// Where they were looked for.
        path: PathBuf,
    },
    /// A backup was to be put back where its keys are not.
    #[error(
        "{records} requests that waited when the backup was made open only with keys that are not in `{}`: put \
         that folder back first; --force gives these requests up",
        folder.display()
    )]
    KeysElsewhere {
        /// Where the keys were looked for.
        folder: PathBuf,
        /// How many requests.
        records: u64,
    },
    /// The master key could not be read.
    #[error("the keys of the store stay closed, and nothing is lost")]
    MasterUnread {
        /// Why, in the words of whoever read it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The master key is too short to be one.
    #[error("the master key ({from}) must have 32 characters or more; `openssl rand -hex 32` makes one")]
    MasterShort {
        /// Where it is found.
        from: String,
    },
    /// The keys are wrapped with another master key.
    #[error(
        "the keys in `{}` are wrapped with another master key than that of {tried}; nothing is lost: give the one \
         they were wrapped with, as `keys.master` or as `keys.previous`",
        folder.display()
    )]
    MasterOther {
        /// The folder with the keys.
        folder: PathBuf,
        /// Which were tried.
        tried: String,
    },
    /// The keys are wrapped with the master key of the settings already.
    #[error(
        "the keys are wrapped with the master key of {from} already; name the new one as `keys.master` and this \
         one as `keys.previous`, then rotate"
    )]
    NothingToRotate {
        /// Where it is found.
        from: String,
    },
    /// The records of a window are gone, or never were.
    #[error("the records of {0} are not kept any more: its job is over")]
    NoSuchWindow(WindowId),
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// The store stopped writing after an earlier failure, or because it was closed.
    #[error("the store stopped writing")]
    Stopped(#[source] Option<Arc<StoreError>>),
}

/// Whether something failed because the disk has no room, which time or a person may mend.
pub fn has_no_room(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|cause| {
        let of_system = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        let of_database =
            cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        let is_ours = matches!(cause.downcast_ref(), Some(StoreError::Full { .. }));
        is_ours
            || of_system == Some(std::io::ErrorKind::StorageFull)
            || of_database == Some(ErrorCode::DiskFull)
    })
}

fn moment(ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn owner(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// Whether an error says that the database is not whole: SQLite noticed, or a damaged length asked for
/// more memory than there is, or a value is not of the type that its column has.
fn is_malformed(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error.sqlite_error_code() {
        Some(code) => matches!(
            code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::OutOfMemory | ErrorCode::TooBig
        ),
        None => matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
        ),
    }
}

/// Turns SQLite's errors into ours, by what was tried.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| match source {
            source if is_malformed(&source) => StoreError::Malformed { doing, source },
            source => StoreError::Sqlite { doing, source },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_known_whoever_tells_of_it() {
        let path = PathBuf::from("store/lock");
        let of_system = |kind: std::io::ErrorKind| StoreError::File {
            doing: "lock",
            path: path.clone(),
            source: kind.into(),
        };
        let of_database = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(13), None);

        assert!(has_no_room(&of_system(std::io::ErrorKind::StorageFull)));
        assert!(has_no_room(&of_database));
        assert!(!has_no_room(&of_system(std::io::ErrorKind::PermissionDenied)));
    }
}
