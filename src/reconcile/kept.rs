//! The file of what was lost: one request record a line, ready to be the input of `run`.
//!
//! It names people, so nobody but its owner may read it. It stands under its name only when it is whole; an
//! earlier file of that name is replaced.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::ReconcileError;

/// A file that is being written.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    records: u64,
}

impl Kept {
    /// A file to be.
    pub fn begin(path: &Path) -> Result<Kept, ReconcileError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file is readable by its owner only, and stays so under its name.
        let file = tempfile::Builder::new().prefix(".reconcile-").tempfile_in(folder);
        let file = file.map_err(|source| ReconcileError::Keep { path: path.to_owned(), source })?;
        Ok(Kept { path: path.to_owned(), file: BufWriter::new(file), records: 0 })
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Value) -> Result<(), ReconcileError> {
        self.records += 1;
        writeln!(self.file, "{record}").map_err(|source| self.broken(source))
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Gives the file its name, once it is on the disk.
    pub fn finish(self) -> Result<(), ReconcileError> {
        let path = self.path.clone();
        let broken = |source| ReconcileError::Keep { path: path.clone(), source };
        let file = self.file.into_inner().map_err(|error| broken(error.into_error()))?;
        file.as_file().sync_all().map_err(broken)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        file.persist(&self.path).map_err(|error| broken(error.error))?;
        // The name is durable with its folder.
        let folder = OpenOptions::new().read(true).open(folder.unwrap_or(Path::new(".")));
        folder.and_then(|folder| folder.sync_all()).map_err(broken)
    }

    fn broken(&self, source: std::io::Error) -> ReconcileError {
        ReconcileError::Keep { path: self.path.clone(), source }
    }
}
