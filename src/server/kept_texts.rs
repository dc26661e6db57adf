//! The last good text of every workflow file, kept in the store, so that a file that is broken when the
//! server starts goes on as it was.
//!
//! What is kept is only a text: whether it may start by itself is decided by its digest, as for any other. A
//! file that is gone leaves nothing behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::journal::{Cursor, Reader, Store, StoreError};

/// Begins the names of the cursors that keep them; the file's path in its folder follows.
const PREFIX: &str = "workflow:";

/// What is kept of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// `None` once the file is gone.
    text: Option<String>,
}

/// Texts by file, relative to the folder of the workflows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeptTexts(BTreeMap<PathBuf, String>);

impl KeptTexts {
    /// Those of a store.
    pub fn of(reader: &Reader) -> Result<KeptTexts, StoreError> {
        let read = |cursor: &Cursor| {
            let file = cursor.name.strip_prefix(PREFIX)?;
            let kept: Kept = serde_json::from_str(&cursor.value).ok()?;
            Some((PathBuf::from(file), kept.text?))
        };
        Ok(KeptTexts(reader.cursors(PREFIX)?.iter().filter_map(read).collect()))
    }

    /// The last good text of a file.
    pub fn get(&self, file: &Path) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    /// Keeps these texts instead, on the disk when it returns; `broken` are files whose text stays.
    pub fn replace(
        &mut self,
        store: &Store,
        good: BTreeMap<PathBuf, String>,
        broken: &[PathBuf],
    ) -> Result<(), StoreError> {
        let gone = self.0.keys().filter(|file| !good.contains_key(*file) && !broken.contains(file));
        let gone: Vec<PathBuf> = gone.cloned().collect();
        for file in gone {
            write(store, &file, None)?;
            self.0.remove(&file);
        }
        for (file, text) in good {
            if self.0.get(&file) != Some(&text) {
                write(store, &file, Some(&text))?;
                self.0.insert(file, text);
            }
        }
        Ok(())
    }
}

fn write(store: &Store, file: &Path, text: Option<&str>) -> Result<(), StoreError> {
    // A struct of a text always becomes JSON; a path that is no text cannot be found again by its name.
    let Some(file) = file.to_str() else { return Ok(()) };
    let kept = Kept { text: text.map(str::to_owned) };
    let value = serde_json::to_string(&kept).unwrap_or_default();
    let name = format!("{PREFIX}{file}");
    store.accept(Vec::new(), Some(Cursor { name, value })).map(drop)
}
