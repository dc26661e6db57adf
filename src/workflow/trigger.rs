//! What starts a workflow, how its file of requests is read, and how far it may go unasked.

use crate::request;
use crate::template::Tree;

/// What starts a workflow.
#[derive(Debug, Default)]
pub struct On {
    /// It can be run on a file.
    pub file: Option<FileTrigger>,
    /// Other triggers that stand in the file, by name; `serve` acts on them.
    pub others: Vec<String>,
}

/// How a file of requests is read.
#[derive(Debug, Default)]
pub struct FileTrigger {
    /// The kinds taken; `None` leaves it to the default (only `deletion` for irreversible actions).
    pub kinds: Option<Vec<request::Kind>>,
    /// `None`: by the file's name.
    pub format: Option<Format>,
    /// Of CSV and NDJSON; `None`: UTF-8.
    pub encoding: Option<String>,
    /// Templates over `row` that make a record, for files of another shape.
    pub map: Option<Tree>,
}

/// The format of a request file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Comma, semicolon or tab separated, first line names the columns.
    Csv,
}

/// How far a job may go before a person is asked: how many distinct people it may touch irreversibly,
/// and how much larger or smaller than the last one it may be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guard {
    /// In one job; default 500 for a workflow with an irreversible action.
    pub per_job: Option<u64>,
    /// In any rolling hour of the workspace; default none.
    pub per_hour: Option<u64>,
    /// By how many percent the requests of a file may be more or fewer than those of the last finished
    /// job of the workflow; default any.
    pub max_change: Option<u64>,
}
