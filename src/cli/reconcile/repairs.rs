//! The records of a repair, as the input of a job.
//!
//! They stand in a private file of the store until their job is over: whoever goes on with a job that was
//! interrupted reads them again. The next `reconcile --repair` of the workflow goes on with what is left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::{Failure, setup};
use crate::drift::Direction;
use crate::host::HostError;
use crate::intake::REQUESTS;
use crate::job::Status;
use crate::journal::{Reader, StoreError};
use crate::reconcile::{Kept, ReconcileError, UNFINISHED};
use crate::workflow::Workflow;

/// The folder of the store where they stand.
const FOLDER: &str = "reconcile";

/// How long a comparison may take.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Which drift is repaired; each takes in the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Which {
    /// What OneTrust says no to.
    OptOuts,
    /// Everything.
    All,
}

/// A repair that is being gathered.
pub(super) struct Repair {
    which: Which,
    folder: PathBuf,
    workflow: String,
    path: PathBuf,
    kept: Kept,
}

impl Repair {
    /// As it is asked for; refused where no job on a file can be.
    pub(super) fn of(
        which: Option<Which>,
        workflow: &Workflow,
        store: &Path,
    ) -> Result<Option<Repair>, Failure> {
        let Some(which) = which else { return Ok(None) };
        if workflow.on.file.is_none() {
            return Err(HostError::NotOnFiles(workflow.name.clone()).into());
        }
        let folder = std::path::absolute(store).map_err(Failure::wrong)?.join(FOLDER);
        setup::private_folder(&folder)?;
        let name = format!("{}-{}{REQUESTS}", workflow.name, uuid::Uuid::now_v7().simple());
        let path = folder.join(name);
        let kept = Kept::begin(&path).map_err(Failure::wrong)?;
        Ok(Some(Repair { which, folder, workflow: workflow.name.clone(), path, kept }))
    }

    /// Adds a record, if it is of what is to be repaired.
    pub(super) fn add(
        &mut self,
        direction: Direction,
        record: &serde_json::Value,
    ) -> Result<(), ReconcileError> {
        match (direction, self.which) {
            (Direction::OptOut, _) | (Direction::OptIn, Which::All) => self.kept.add(record),
            (Direction::OptIn, Which::OptOuts) => Ok(()),
        }
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.kept.records()
    }

    /// Writes the file.
    pub(super) fn finish(self) -> Result<PathBuf, ReconcileError> {
        self.kept.finish()?;
        Ok(self.path)
    }

    /// Repairs of this workflow whose job is not over. Those whose job is over are removed, and in time those
    /// whose job never began.
    pub(super) fn left_over(&self, store: &Path) -> Result<Vec<PathBuf>, Failure> {
        let jobs = match Reader::open(store) {
            Ok(reader) => reader.jobs()?,
            Err(StoreError::Missing { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut left = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(Failure::wrong)? {
            let path = entry.map_err(Failure::wrong)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_ours = name.strip_prefix(&self.workflow).is_some_and(|rest| {
                rest.starts_with('-') && rest.len() == 33 + REQUESTS.len() && rest.ends_with(REQUESTS)
            });
            if name.starts_with(&self.workflow) && name.ends_with(UNFINISHED) && is_old(&path) {
                remove(&path);
            }
            if !is_ours {
                continue;
            }
            let job = jobs.iter().find(|job| Path::new(&job.input_path) == path);
            match job.map(|job| job.status) {
                Some(Status::Open | Status::Held) => left.push(path),
                Some(Status::Finished | Status::Cancelled) => remove(&path),
                None if is_old(&path) => remove(&path),
                // Somebody may be about to begin its job.
                None => {}
            }
        }
        left.sort();
        Ok(left)
    }
}

/// Whether nobody can be at work on a file any more.
fn is_old(path: &Path) -> bool {
    let written = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    written.ok().and_then(|written| written.elapsed().ok()).is_some_and(|age| age > DAY)
}

/// Removes a repair that is over.
pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!("{} could not be removed, and names people: {error}", path.display());
    }
}
