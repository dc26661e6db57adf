//! The directory of a store, and the lock that gives it to one process.
//!
//! ```text
//! .privaflow/   journal.db   keys/{keys.db,master.key,ledger.key}   failures/job-7.ndjson   lock   pauses.json   control.sock
//! ```
//!
//! Only its owner may look inside. The lock is the system's, held by the open file, so it goes with
//! the process however that ends; the number written in it is only for the message.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::job::JobId;

use super::error::StoreError;
use super::keys::{Masters, Ring};
use super::seal::Keys;

/// A store's directory, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    // Closing the file gives the lock back.
    _lock: File,
    temporary: bool,
}

impl Directory {
    /// Takes the directory, making what is missing.
    pub(super) fn take(path: &Path) -> Result<Directory, StoreError> {
        make_private(path)?;
        make_private(&keys_in(path))?;
        let lock = lock(path)?;
        Ok(Directory { path: path.to_owned(), _lock: lock, temporary: false })
    }

    /// A new directory among the system's temporary ones, removed when this is dropped.
    pub(super) fn temporary() -> Result<Directory, StoreError> {
        let mut name = [0; 8];
        getrandom::fill(&mut name).map_err(StoreError::Random)?;
        let path = std::env::temp_dir().join(format!("privaflow-{:016x}", u64::from_le_bytes(name)));
        let mut directory = Directory::take(&path)?;
        directory.temporary = true;
        Ok(directory)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The database.
    pub(super) fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    /// The highest number of a job that has a key or a list of failures, 0 without any.
    pub(super) fn highest_job(&self) -> Result<i64, StoreError> {
        let with_keys = Ring::beside(self.keys(), Masters::default()).jobs()?;
        let lists = fs::read_dir(self.path.join("failures")).into_iter().flatten();
        let number = |name: &str| name.strip_prefix("job-")?.strip_suffix(".ndjson")?.parse().ok().map(JobId);
        let with_lists = lists.filter_map(|entry| number(entry.ok()?.file_name().to_str()?));
        let jobs = Keys::new(self.keys()).jobs()?.into_iter().chain(with_keys).chain(with_lists);
        Ok(jobs.map(|job| job.0).max().unwrap_or(0))
    }

    /// Where the keys stand.
    pub(super) fn keys(&self) -> PathBuf {
        keys_in(&self.path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(store = %self.path.display(), %error, "the throw-away store was not removed");
        }
    }
}

/// The database of a store's directory.
pub(super) fn database_in(path: &Path) -> PathBuf {
    path.join("journal.db")
}

/// The list of a job's failures, as the program writes it beside the database.
pub(super) fn failures_of(path: &Path, job: JobId) -> PathBuf {
    path.join("failures").join(format!("{job}.ndjson"))
}

/// The keys of a store's directory.
pub(super) fn keys_in(path: &Path) -> PathBuf {
    path.join("keys")
}

/// Makes a file that only its owner can look into, if it is not there.
pub(super) fn make_file_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(file("write", path))?;
    if let Some(folder) = path.parent() {
        hand_over(path, folder);
    }
    Ok(())
}

pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(file("make the directory", path))
}

/// Gives what root made to whoever the store belongs to: a service that runs as somebody else could not read
/// it. Nobody but root may do that, and nobody but root has to.
pub(super) fn hand_over(made: &Path, store: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let (Ok(at), Ok(of)) = (fs::metadata(made), fs::metadata(store)) else { return };
        if at.uid() != of.uid()
            && let Err(error) = chown(made, Some(of.uid()), Some(of.gid()))
        {
            tracing::debug!(%error, "a file of the store belongs to somebody else");
        }
    }
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let name = path.join("lock");
    let doing = file("lock", &name);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&name);
    let lock = match &mut file {
        Ok(file) => file,
        Err(_) => return file.map_err(doing),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(StoreError::InUse { path: path.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(doing(error)),
    }
    let written = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(lock, "{}", std::process::id()))
        .and_then(|()| lock.flush());
    written.map_err(doing)?;
    file.map_err(self::file("lock", &name))
}

/// Makes the names in a directory durable, where the system can.
pub(super) fn sync(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Names the file that the system refused.
pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { doing, path, source }
}
