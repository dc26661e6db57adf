//! The file of what was lost: one request record a line, ready to be the input of `run`.
//!
//! It names people, so nobody but its owner may read it. It stands under its name only when it is whole; until
//! then under the same name with `.part` behind it, so that a kill leaves nothing that nobody knows of. An
//! earlier file of that name is replaced.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ReconcileError;

/// What stands behind the name of a file that is not whole.
pub const UNFINISHED: &str = ".part";

/// A file that is being written.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
    records: u64,
}

impl Kept {
    /// A file to be.
    pub fn begin(path: &Path) -> Result<Kept, ReconcileError> {
        let mut part = path.as_os_str().to_owned();
        part.push(UNFINISHED);
        let part = PathBuf::from(part);
        let broken = |source| ReconcileError::Keep { path: part.clone(), source };
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(error)),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = BufWriter::new(options.open(&part).map_err(broken)?);
        Ok(Kept { path: path.to_owned(), part, file: Some(file), records: 0 })
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Value) -> Result<(), ReconcileError> {
        self.add_line(record.to_string().as_bytes())
    }

    /// Adds a record that is a line already, without its end.
    pub fn add_line(&mut self, line: &[u8]) -> Result<(), ReconcileError> {
        self.records += 1;
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.write_all(line).and_then(|()| file.write_all(b"\n"));
        written.map_err(|source| self.broken(source))
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Gives the file its name, once it is on the disk.
    pub fn finish(mut self) -> Result<(), ReconcileError> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let named = file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| {
            file.sync_all()?;
            std::fs::rename(&self.part, &self.path)?;
            // The name is durable with its folder.
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        });
        named.map_err(|source| self.broken(source))
    }

    fn broken(&self, source: std::io::Error) -> ReconcileError {
        ReconcileError::Keep { path: self.path.clone(), source }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.file.take().is_some()
            && let Err(error) = std::fs::remove_file(&self.part)
        {
            tracing::warn!("{} could not be removed, and names people: {error}", self.part.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lost.ndjson");
        std::fs::write(folder.path().join("lost.ndjson.part"), "from a kill").unwrap();

        let mut kept = Kept::begin(&path).unwrap();
        kept.add(&serde_json::json!({ "id": "r" })).unwrap();
        drop(kept);

        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
