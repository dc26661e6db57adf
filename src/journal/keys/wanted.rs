//! Which master key a store is to be opened with, and which one it is wrapped with.
//!
//! They differ between a change of the settings and `keys rotate`, and after a rotation that a crash cut
//! short. Nothing is ever lost by a wrong one: without the one that wrapped the keys the store is not opened.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::super::directory::{file, hand_over, make_file_private, sync};
use super::super::error::StoreError;
use super::master::{Master, Masters, Print};

/// The master key of a store whose settings name none, and the one that is to replace it.
const FILE: &str = "master.key";
const NEXT: &str = "master.key.next";

/// The master key that wraps the keys.
pub(super) struct Found {
    pub master: Master,
    /// It is not the one that the settings want: rotation is due.
    pub is_previous: bool,
}

/// Finds the master key with this print; of a store that has none yet, the one to begin with.
pub(super) fn find(folder: &Path, masters: &Masters, print: Option<Print>) -> Result<Found, StoreError> {
    let found = |master, is_previous| Found { master, is_previous };
    let configured = masters.wanted.as_ref().map(|source| source.read()).transpose()?;
    let Some(print) = print else {
        let master = match configured {
            Some(master) => master,
            None => of_file(&folder.join(FILE))?.map_or_else(|| make(folder, FILE), Ok)?,
        };
        return Ok(found(master, false));
    };
    let is_it = |master: &Master| master.print() == print;
    let is_configured = configured.is_some();
    if let Some(master) = configured.filter(is_it) {
        return Ok(found(master, false));
    }
    if let Some(master) = of_file(&folder.join(FILE))?.filter(is_it) {
        return Ok(found(master, is_configured));
    }
    if let Some(master) = of_file(&folder.join(NEXT))?.filter(is_it) {
        // The keys were wrapped anew, and then a crash came.
        put_next_in_place(folder)?;
        return Ok(found(master, is_configured));
    }
    if let Some(previous) = &masters.previous {
        let master = previous.read()?;
        if is_it(&master) {
            return Ok(found(master, true));
        }
    }
    let tried = [&masters.wanted, &masters.previous].into_iter().flatten();
    let mut tried: Vec<String> = tried.map(|source| source.name().to_owned()).collect();
    if folder.join(FILE).exists() || tried.is_empty() {
        tried.push(folder.join(FILE).display().to_string());
    }
    Err(StoreError::MasterOther { folder: folder.to_owned(), tried: tried.join(", ") })
}

/// Makes the master key that is to replace the one of the file.
pub(super) fn make_next(folder: &Path) -> Result<Master, StoreError> {
    make(folder, NEXT)
}

/// The keys are wrapped with the next one: it takes the place of the one before, which is overwritten.
pub(super) fn put_next_in_place(folder: &Path) -> Result<(), StoreError> {
    overwrite(&folder.join(FILE))?;
    let path = folder.join(FILE);
    let put = || {
        fs::rename(folder.join(NEXT), &path)?;
        sync(folder)
    };
    put().map_err(file("write the key", &path))
}

/// Nobody needs the key of the file any more.
pub(super) fn destroy_file(folder: &Path) -> Result<(), StoreError> {
    for path in [folder.join(FILE), folder.join(NEXT)] {
        overwrite(&path)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(file("destroy the key", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Overwrites a file in its place, if it is there.
fn overwrite(path: &PathBuf) -> Result<(), StoreError> {
    let overwrite = || {
        let mut old = fs::OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(old.metadata()?.len().min(4096)).unwrap_or(4096);
        old.write_all(&vec![0; length])?;
        old.sync_all()
    };
    match overwrite() {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file("destroy the key", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn of_file(path: &Path) -> Result<Option<Master>, StoreError> {
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => Ok(Master::of(&text)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(file("read the key", path)(error)),
    }
}

/// Makes a key of 32 random bytes, as text, so that it can be moved into a vault as it stands.
fn make(folder: &Path, name: &str) -> Result<Master, StoreError> {
    let path = folder.join(name);
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).map_err(StoreError::Random)?;
    let text = Zeroizing::new(crate::ledger::to_hex(random.as_slice()) + "\n");
    make_file_private(&path)?;
    let write = || {
        let mut made = fs::OpenOptions::new().write(true).truncate(true).open(&path)?;
        made.write_all(text.as_bytes())?;
        made.sync_all()?;
        hand_over(&path, folder);
        sync(folder)
    };
    write().map_err(file("write the key", &path))?;
    Master::of(&text).ok_or(StoreError::Damaged { what: "a new key is too short" })
}
