//! Jobs on files: those that are due, and those that an earlier process left.
//!
//! Whatever a person began, and a kill, a stop or an outage interrupted, goes on when the server starts, with
//! the workflow as it was then, if its file is still what it was. What cannot go on by itself is said in the
//! log. Whoever asks for the same job meanwhile waits for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::carry::{Carrier, Ways, as_it_was};
use crate::engine::{EngineError, Patience};
use crate::host::{HostError, Job, Report, Talk, open_input};
use crate::intake::{Input, InputError};
use crate::job::{Pause, Status};
use crate::journal::{InputKind, JobRecord, StoreError};
use crate::workflow::Workflow;

/// When a file is gone on with that a service kept from being finished.
const AGAIN: Duration = Duration::from_secs(300);

/// Jobs of an earlier process that are driven at once: each has threads of its own.
const MOST_AT_ONCE: usize = 8;

/// A job on a file.
enum Work<'w> {
    /// One that is due.
    Due(&'w Arc<Workflow>, &'w Path),
    /// One that was begun before.
    Left(&'w JobRecord),
}

impl Carrier {
    /// Carries a file out as far as it goes, and comes back to it while only a service stands in the way.
    pub(super) async fn carry_file(&self, workflow: &Arc<Workflow>, path: &Path) {
        if let Err(error) = self.carry_through(&workflow.name, Work::Due(workflow, path)).await {
            let (name, why) = (&workflow.name, error.refusal().text);
            tracing::error!(workflow = name, "workflow {name} could not be carried out on its file: {why}");
        }
    }

    /// Goes on with the jobs on files that an earlier process left, until they are as far as they go.
    pub(super) async fn go_on_with_files(self) {
        let left = match self.left_files() {
            Ok(left) => left,
            Err(error) => {
                tracing::error!(%error, "jobs that are open cannot be read: {error}");
                return;
            }
        };
        let (places, mut tasks) = (Arc::new(Semaphore::new(MOST_AT_ONCE)), JoinSet::new());
        for record in left {
            let (carrier, places) = (self.clone(), Arc::clone(&places));
            tasks.spawn(async move {
                if let Ok(_place) = places.acquire_owned().await {
                    carrier.go_on_with(&record).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Open jobs whose input is no window of the inbox, and which are no looks.
    fn left_files(&self) -> Result<Vec<JobRecord>, StoreError> {
        let jobs = self.host.store().jobs()?.into_iter();
        let is_left = |record: &JobRecord| {
            let is_window = matches!(record.input_kind(), InputKind::Window(_));
            let is_look = record.looks_at().is_some();
            record.status == Status::Open && !record.sandbox && !is_window && !is_look
        };
        Ok(jobs.filter(is_left).collect())
    }

    /// Goes on with a job whose input is a file, until nothing but a person is waited for.
    pub(super) async fn go_on_with(&self, record: &JobRecord) {
        let (job, workflow) = (record.id, &record.workflow_name);
        if record.input_kind() == InputKind::StandardInput {
            tracing::warn!(
                %job,
                workflow,
                "{job} of workflow {workflow} cannot go on by itself, since its input was standard input: give it once more to `privaflow jobs resume {job} < FILE`, or `privaflow jobs cancel {job}`"
            );
            return;
        }
        if self.stop.is_cancelled() {
            return;
        }
        tracing::info!(%job, workflow, "{job} of workflow {workflow}, which was left, goes on");
        if let Err(error) = self.carry_through(workflow, Work::Left(record)).await {
            let why = error.refusal().text;
            tracing::warn!(
                %job,
                workflow,
                "{job} of workflow {workflow} cannot go on by itself: {why}; then `privaflow jobs resume {job}`, or `privaflow jobs cancel {job}`"
            );
        }
    }

    /// Carries a job out until nothing but a person is waited for, or behind another job that is in the way.
    async fn carry_through(&self, workflow: &str, work: Work<'_>) -> Result<(), HostError> {
        let who = match &work {
            Work::Due(workflow, _) => format!("a file for {}", workflow.name),
            Work::Left(record) => record.id.to_string(),
        };
        loop {
            let carried = Box::pin(self.carry_once(&work)).await;
            if let Err(error) = &carried
                && !self.stop.is_cancelled()
                && self.is_stopped(&who, workflow, error)
            {
                self.wait_behind(&who, AGAIN).await;
                if self.stop.is_cancelled() {
                    return Ok(());
                }
                continue;
            }
            self.in_the_way.passes(&who);
            let report = match carried {
                Ok(report) => report,
                Err(error) if self.stop.is_cancelled() => {
                    tracing::info!("a job of workflow {workflow} is left: {}", error.refusal().text);
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let summary = &report.summary;
            self.teller.note(summary);
            let counts = format!(
                "{} done, {} skipped, {} failed, {} waiting",
                summary.done, summary.skipped, summary.failed, summary.waiting
            );
            tracing::info!(job = summary.job, "{} of workflow {workflow}: {counts}", summary.job);
            let is_stuck = !report.stopped.is_empty() || summary.waiting_by.contains_key(Pause::Retry.word());
            if !is_stuck || report.held.is_some() {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => {}
                () = self.stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn carry_once(&self, work: &Work<'_>) -> Result<Report, HostError> {
        let goes_on_with = match work {
            Work::Due(..) => None,
            Work::Left(record) => Some(record.id),
        };
        let (workflow, input) = match work {
            Work::Due(workflow, path) => {
                let Some(workflow) = self.shelf.ready(self.host.store().reader(), &workflow.name)? else {
                    return Err(HostError::NotReady(workflow.name.clone()));
                };
                let input = open(&workflow, path, &path.display().to_string()).await?;
                (workflow, input)
            }
            Work::Left(record) => {
                let workflow = as_it_was(&self.host, record.id)?;
                let input = open(&workflow, &record.input_at(), &record.input_path).await?;
                if input.digest() != record.input_digest {
                    return Err(HostError::Input(InputError::Changed { name: input.name() }));
                }
                (workflow, input)
            }
        };
        let (services, virtual_clock) = match &self.ways {
            Ways::Settings => (self.host.clients().services(&workflow).await?, None),
            Ways::Sandbox { services, clock, seed, onetrust: _ } => {
                seed(&workflow, &input);
                (services.clone(), Some(Arc::clone(clock)))
            }
        };
        let stop = self.stop.child_token();
        let job =
            Job { workflow, input, services, patience: Patience::Endless, virtual_clock, stop, goes_on_with };
        // Nobody watches how far it is.
        let (talk, _) = tokio::sync::mpsc::unbounded_channel();
        self.host.carry_out(job, &Talk::to(talk)).await
    }
}

/// Opens a file where reading a large one holds nobody up.
async fn open(workflow: &Arc<Workflow>, path: &Path, name: &str) -> Result<Input, HostError> {
    let (workflow, path, name) = (Arc::clone(workflow), path.to_owned(), name.to_owned());
    let opened = tokio::task::spawn_blocking(move || open_input(&workflow, &path, &name)).await;
    opened.map_err(|_| EngineError::Stopped("opening a file"))?
}
