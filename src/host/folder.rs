//! The workflow files of a folder.

use std::collections::BTreeMap;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use crate::config;

/// A folder that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the folder {}", path.display())]
pub struct FolderError {
    /// The folder.
    pub path: PathBuf,
    /// In the words of the system.
    #[source]
    pub source: std::io::Error,
}

/// The workflow files of a folder, those of its folders included, in the order of their names; settings
/// beside them are none. A folder that is reached again, by a link, is not read again: `again` hears of
/// it, and where it was reached first.
pub fn workflow_files(
    folder: &Path,
    again: &mut dyn FnMut(&Path, &Path),
) -> Result<Vec<PathBuf>, FolderError> {
    let mut files = Vec::new();
    gather(folder, &mut BTreeMap::new(), &mut files, again)?;
    files.sort();
    Ok(files)
}

/// Adds the files of a folder; `seen` holds the folders read so far, by where they really are.
fn gather(
    folder: &Path,
    seen: &mut BTreeMap<PathBuf, PathBuf>,
    files: &mut Vec<PathBuf>,
    again: &mut dyn FnMut(&Path, &Path),
) -> Result<(), FolderError> {
    let unreadable = |source| FolderError { path: folder.to_owned(), source };
    let real = folder.canonicalize().map_err(unreadable)?;
    if let Some(first) = seen.get(&real) {
        again(folder, first);
        return Ok(());
    }
    seen.insert(real, folder.to_owned());
    let entries = std::fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut paths: Vec<PathBuf> = entries.map_err(unreadable)?.iter().map(DirEntry::path).collect();
    // The same folder comes first whatever the order on the disk.
    paths.sort();
    for path in paths {
        if path.is_dir() {
            gather(&path, seen, files, again)?;
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml")
            && !path.ends_with(config::NAME)
        {
            files.push(path);
        }
    }
    Ok(())
}
