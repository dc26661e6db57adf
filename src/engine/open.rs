//! The job that an order is about: found by what it does and on what, or begun.
//!
//! Finding and beginning are two steps; whoever opens several jobs in one process opens them one after
//! another, so that the same order is never begun twice.

use std::path::Path;

use serde_json::{Map, Value};

use super::task::EngineError;
use crate::intake::{Input, InputError};
use crate::job::JobId;
use crate::journal::{JobRecord, NewJob, Store, StoreError, WATCH};
use crate::workflow::Workflow;

/// Where a job's calls go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To the services of the settings.
    Services,
    /// To the stand-in in this process.
    Sandbox,
    /// Only reads go anywhere; what would be written is counted.
    Shadow,
}

/// Why a job could not be opened or driven.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The input cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The engine had to give up.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The workflow was edited while a job of it is open.
    #[error(
        "`{workflow}` was edited while {job} is open on this input; `privaflow jobs resume {job}` goes on with the workflow as it was, `privaflow jobs cancel {job}` gives it up"
    )]
    EditedWorkflow {
        /// Its name.
        workflow: String,
        /// The open job.
        job: JobId,
    },
    /// The input was edited while a job on it is open.
    #[error(
        "the input was edited while {job} of `{workflow}` is open on it; put it back and `privaflow jobs resume {job}`, or `privaflow jobs cancel {job}`"
    )]
    EditedInput {
        /// The workflow's name.
        workflow: String,
        /// The open job.
        job: JobId,
    },
    /// A job that began with other bytes on standard input is to go on.
    #[error(
        "standard input {}: {job} of `{workflow}` goes on with the very bytes that it began with, `privaflow jobs resume {job} < FILE`; without them, `privaflow jobs cancel {job}` gives it up",
        if *is_empty { "is empty" } else { "is not what it was" }
    )]
    OtherStandardInput {
        /// The workflow's name.
        workflow: String,
        /// The open job.
        job: JobId,
        /// Nothing at all came.
        is_empty: bool,
    },
}

/// What is kept of how a job was begun: that it only looks, where its file is for a process that runs
/// elsewhere, when its people are looked for again, how long what failed remembers, what it looks at if it is such a look, and that its
/// person does not exist.
fn format(place: Place, workflow: &Workflow, input: &Input) -> Value {
    let mut members = Map::new();
    // What was not sent erased nobody.
    if let Some(watch) = workflow.watch.as_ref().filter(|_| place != Place::Shadow && !input.is_canary()) {
        let after = watch.after.iter().map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        members.insert(WATCH.to_owned(), after.collect());
    }
    if let Some(retention) = workflow.retention {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        members.insert(JobRecord::RETENTION_MS.to_owned(), retention_ms.into());
    }
    if input.is_canary() {
        members.insert(JobRecord::CANARY.to_owned(), true.into());
    }
    if let Some(chosen) = input.chosen() {
        let parts = [chosen.of.0, chosen.from_event, chosen.to_event];
        members.insert(JobRecord::LOOKS_AT.to_owned(), parts.into_iter().collect());
    }
    if place == Place::Shadow {
        members.insert("shadow".to_owned(), true.into());
    }
    if let Some(at) = input.at().and_then(Path::to_str) {
        members.insert(JobRecord::AT.to_owned(), at.into());
    }
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

/// The job of this workflow on this input; it is written down now if there is none. Refused while a
/// job of another text of the workflow, or on another text of the input, is open.
pub fn find_or_create(
    store: &Store,
    workflow: &Workflow,
    input: &Input,
    started_ms: i64,
    place: Place,
) -> Result<JobRecord, JobError> {
    if let Some(record) = store.reader().find_job(&workflow.name, &workflow.digest, &input.digest())? {
        return Ok(record);
    }
    let path = input.path().to_owned();
    for open in store.reader().open_jobs(&workflow.name)? {
        if open.input_digest == input.digest() {
            return Err(JobError::EditedWorkflow { workflow: open.workflow_name, job: open.id });
        }
        if open.input_path == path && path != "-" && input.chosen().is_none() {
            return Err(JobError::EditedInput { workflow: open.workflow_name, job: open.id });
        }
    }
    let job = store.create_job(NewJob {
        workflow_name: workflow.name.clone(),
        workflow_digest: workflow.digest,
        workflow_text: workflow.text.clone(),
        input_path: path,
        input_digest: input.digest(),
        format: format(place, workflow, input),
        started_ms,
        sandbox: place == Place::Sandbox,
        // The window of a look is that of the job it looks at.
        window: input.window().filter(|_| input.chosen().is_none()),
    })?;
    Ok(store.reader().job(job)?)
}
