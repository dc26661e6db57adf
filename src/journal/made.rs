//! Whether a store was ever made, and whether its database is there.
//!
//! A database that is gone looks like one that was never made, and a new one in its place would know nobody who is
//! on hold or was erased, and nothing that was sent. What tells them apart is what stands beside it: keys and lists
//! of failures. The rule that keeps it right: nothing of that is written before the database is set up and on the
//! disk, so that a kill during the first start leaves nothing that looks like a store whose database is gone.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::directory::{database_in, file, keys_in};
use super::error::StoreError;
use super::keys::TABLE;

/// Whether a file has a database in it, as far as its length tells.
pub(super) fn is_filled(database: &Path) -> Result<bool, StoreError> {
    match fs::metadata(database) {
        Ok(found) => Ok(found.len() > 0),
        Err(error) if is_none(&error) => Ok(false),
        Err(error) => Err(file("look at", database)(error)),
    }
}

/// Whether what stands in a folder was written for a database that was set up. A `master.key` was not: people put
/// one there before the first start.
pub(super) fn was_made(store: &Path) -> Result<bool, StoreError> {
    let of_keys = |name: &str| {
        ["ledger.key", TABLE, "inbox.key"].contains(&name)
            || name.starts_with("job-") && name.ends_with(".key")
    };
    let database = database_in(store);
    // The log begins only after the first page of its database.
    let has_lost_all_but_the_log = || -> Result<bool, StoreError> {
        Ok(!is_filled(&database)? && is_filled(&database.with_extension("db-wal"))?)
    };
    Ok(names(&keys_in(store))?.iter().filter_map(|name| name.to_str()).any(of_keys)
        || !names(&store.join("failures"))?.is_empty()
        || has_lost_all_but_the_log()?)
}

/// What stands in a folder; nothing when there is none.
fn names(folder: &Path) -> Result<Vec<OsString>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_none(&error) => return Ok(Vec::new()),
        Err(error) => return Err(file("look into", folder)(error)),
    };
    let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
    names.collect::<std::io::Result<_>>().map_err(file("look into", folder))
}

fn is_none(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}
