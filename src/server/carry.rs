//! One window: from its records to a job that is driven as far as it goes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::board::{PATIENCE, Wake};
use super::in_the_way::InTheWay;
use super::shelf::Shelf;
use super::tell::Teller;
use crate::clock::VirtualClock;
use crate::engine::{EngineError, Patience, Service};
use crate::host::{Ending, Host, HostError, Job, Report, Talk};
use crate::intake::Input;
use crate::job::{JobId, Pause, Status, WindowId};
use crate::journal::{StoreError, Window, is_canary_queue};
use crate::onetrust::Api;
use crate::source::Source;
use crate::workflow::{Known, Workflow, load};

/// Sees the input of a window before it is carried out.
pub type Seed = Arc<dyn Fn(&Arc<Workflow>, &Input) + Send + Sync>;

/// Where calls go.
#[derive(Clone)]
pub enum Ways {
    /// To the profiles of the settings.
    Settings,
    /// To the sandbox in this process, in virtual time.
    Sandbox {
        /// Its profiles.
        services: Vec<Arc<Service>>,
        /// Its time.
        clock: Arc<VirtualClock>,
        /// Asks its OneTrust, whatever profile a workflow names.
        onetrust: Api,
        /// Makes a profile of everybody who is in a window.
        seed: Seed,
    },
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ways::Settings => "Settings",
            Ways::Sandbox { .. } => "Sandbox",
        })
    }
}

/// Carries windows out. Clone it freely.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    pub host: Arc<Host>,
    pub shelf: Arc<Shelf>,
    pub ways: Ways,
    pub stop: CancellationToken,
    pub teller: Teller,
    pub in_the_way: InTheWay,
}

/// How a window was left.
#[derive(Debug)]
pub(super) struct Left {
    pub window: Window,
    /// `None` when it is over.
    pub wake: Option<Wake>,
    /// The newest event of its job.
    pub event: i64,
}

impl Carrier {
    /// Carries a window out as far as it goes.
    pub(super) async fn carry(self, window: Window) -> Left {
        let (id, workflow) = (window.id, window.workflow.clone());
        let who = id.to_string();
        // One that waits for another job tries again and again.
        if !self.in_the_way.has(&who) {
            tracing::info!(window = %id, workflow, records = window.records, "{id} of workflow {workflow} is taken on");
        }
        let wake = match Box::pin(self.carry_out(&window)).await {
            Ok(report) => {
                self.in_the_way.passes(&who);
                // How a canary is, is told by whoever sent it.
                if !is_canary_queue(&workflow) {
                    self.teller.note(&report.summary);
                }
                self.told(&window, &report)
            }
            Err(error) if self.stop.is_cancelled() => {
                tracing::info!("{id} of workflow {workflow} is left: {}", error.refusal().text);
                Some(Wake::Later)
            }
            Err(error) if self.is_stopped(&who, &workflow, &error) => Some(Wake::Later),
            Err(error) => {
                self.in_the_way.passes(&who);
                let why = error.refusal().text;
                tracing::error!(window = %id, workflow, "{id} of workflow {workflow} cannot go on: {why}");
                Some(Wake::Later)
            }
        };
        let event = self.newest_event(id);
        Left { window, wake, event }
    }

    /// The newest event of a window's job; none when it has no job or the store does not say.
    fn newest_event(&self, window: WindowId) -> i64 {
        let newest = self.host.store().newest_events();
        newest.ok().and_then(|newest| newest.get(&window).copied()).unwrap_or_default()
    }

    async fn carry_out(&self, window: &Window) -> Result<Report, HostError> {
        let store = self.host.store();
        let workflow = match window.job {
            Some(job) => as_it_was(&self.host, job)?,
            None => match self.shelf.ready(store.reader(), &window.workflow)? {
                Some(workflow) => workflow,
                None => return Err(HostError::NotReady(window.workflow.clone())),
            },
        };
        let (reader, id) = (store.reader().clone(), window.id);
        let input = tokio::task::spawn_blocking(move || {
            let digest = reader.window_digest(id)?;
            Ok::<_, StoreError>(Input::of_window(id, reader.window_text(id)?).known_as(digest))
        });
        let input = input.await.map_err(|_| EngineError::Stopped("reading a window"))??;
        let input = if is_canary_queue(&window.workflow) { input.of_canary() } else { input };
        let (services, virtual_clock, patience) = match &self.ways {
            Ways::Settings => {
                let services = self.host.clients().services(&workflow).await?;
                (services, None, Patience::Until(PATIENCE))
            }
            Ways::Sandbox { services, clock, seed, onetrust: _ } => {
                seed(&workflow, &input);
                (services.clone(), Some(Arc::clone(clock)), Patience::Endless)
            }
        };
        let stop = self.stop.child_token();
        let job = Job { workflow, input, services, patience, virtual_clock, stop, goes_on_with: None };
        // Nobody watches how far a single window is.
        let (talk, _) = tokio::sync::mpsc::unbounded_channel();
        self.host.carry_out(job, &Talk::to(talk)).await
    }

    /// Says how a window was left; `None` when it is over.
    fn told(&self, window: &Window, report: &Report) -> Option<Wake> {
        let (id, workflow, summary) = (window.id, &window.workflow, &report.summary);
        let job = &summary.job;
        let counts = format!(
            "{} done, {} skipped, {} failed, {} waiting",
            summary.done, summary.skipped, summary.failed, summary.waiting
        );
        for (profile, why) in &report.stopped {
            tracing::error!(profile, job, "profile {profile} is stopped: {why}");
        }
        if !summary.unmapped.is_empty() {
            let names: Vec<_> = summary.unmapped.keys().map(String::as_str).take(10).collect();
            let names = names.join(", ");
            tracing::warn!(
                job,
                workflow,
                "{job} has purposes or statuses that no table of {workflow} maps: {names}"
            );
        }
        if report.held.is_some() {
            tracing::warn!(
                job,
                workflow,
                "{job} of workflow {workflow} is held by its guard: `privaflow jobs show {job}`, then approve or cancel it"
            );
            return Some(Wake::Person);
        }
        let state = summary.job.parse::<JobId>().ok().and_then(|job| {
            let status = self.host.store().job(job).ok()?.status;
            Some((status, self.host.store().state(job).ok()?))
        });
        let Some((status, state)) = state else { return Some(Wake::Later) };
        if status.is_closed() || matches!(report.ending, Ending::Cancelled | Ending::WasCancelled) {
            match summary.failed {
                0 => tracing::info!(job, workflow, "{job} of {id}, workflow {workflow}, is over: {counts}"),
                _ => tracing::warn!(
                    job,
                    workflow,
                    "{job} of {id}, workflow {workflow}, is over: {counts}; `privaflow runs list --job {job} --state failed`"
                ),
            }
            return None;
        }
        debug_assert!(status == Status::Open || status == Status::Held);
        let waiting = |pause: Pause| summary.waiting_by.get(pause.word()).copied().unwrap_or_default();
        let wake = match state.waits().values().map(|wait| wait.until_ms).min() {
            _ if !report.stopped.is_empty() || waiting(Pause::Retry) > 0 => Wake::Later,
            Some(until_ms) => Wake::At(until_ms),
            None if summary.waiting > 0 => Wake::Person,
            None => Wake::Later,
        };
        if waiting(Pause::Approval) > 0 {
            tracing::warn!(
                job,
                workflow,
                "{job} of workflow {workflow} waits for approval: `privaflow runs list --job {job} --state waiting`, then `runs approve` or `runs reject`"
            );
        }
        if waiting(Pause::NeedsAttention) > 0 {
            tracing::warn!(
                job,
                workflow,
                "{job} of workflow {workflow} waits for a person: `privaflow runs list --job {job} --state waiting`"
            );
        }
        tracing::info!(job, workflow, "{job} of {id}, workflow {workflow}, is left: {counts}");
        Some(wake)
    }
}

/// The workflow of a job as it was when the job began.
pub(super) fn as_it_was(host: &Host, job: JobId) -> Result<Arc<Workflow>, HostError> {
    let record = host.store().job(job)?;
    let name = format!("{} as it was when {} began", record.workflow_name, record.id);
    let source = Source::new(name, record.workflow_text);
    let (workflow, mistakes) = load(&source, &Known::default());
    workflow.map(Arc::new).ok_or_else(|| HostError::Mistakes { file: Box::new(source), mistakes })
}
