//! One job from its first look at the input to its summary.
//!
//! A job is named by what it does and on what: (workflow digest, input digest). The same two again go
//! on with the same job, or only tell what it came to.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::cut::Cut;
use super::driver::Driver;
use super::guard::{self, Allowed, Found, LastJob};
use super::history::{Kept, parked_elsewhere};
use super::in_the_air::{Extent, InTheAir, Turn};
use super::kept_back::KeptBack;
use super::looked::Indexes;
use super::open::{JobError, Place, find_or_create};
use super::plan_record::Planner;
use super::progress::Progress;
use super::reader::Reader;
use super::seeks::Seeks;
use super::service::{Service, Services, Stopped, spaces_of};
use super::shared::Shared;
use super::summary::Summary;
use super::task::{EngineError, Past, Patience, Task, budgets, kinds_taken};
use super::timers::Now;
use super::worker::Workers;
use crate::clock::{Clock, VirtualClock};
use crate::intake::Input;
use crate::job::{Event, JobId, State, Status, WindowId};
use crate::journal::{JobRecord, Store, WATCH};
use crate::request::Warnings;
use crate::run::{Facts, Origin, Program};
use crate::workflow::{Policies, Workflow};

/// Everything a job needs from outside.
pub struct Order {
    /// What is carried out.
    pub workflow: Arc<Workflow>,
    /// On what.
    pub input: Input,
    /// Through which profiles.
    pub services: Vec<Arc<Service>>,
    /// How often and how long its calls are tried again.
    pub retries: Policies,
    /// Where it is written down.
    pub store: Arc<Store>,
    /// What it has in common with other jobs of this process.
    pub shared: Arc<Shared>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The same clock, when time is virtual.
    pub virtual_clock: Option<Arc<VirtualClock>>,
    /// How long to stay through pauses.
    pub patience: Patience,
    /// Asks the job to stop; what is under way is written down first.
    pub stop: CancellationToken,
    /// Once it is asked to stop: ends the wait for what has no answer.
    pub cut: Cut,
    /// Who watches.
    pub progress: Progress,
    /// Folder for the files of failed requests.
    pub failures: std::path::PathBuf,
    /// Where its calls go.
    pub place: Place,
    /// How far it is carried out.
    pub extent: Extent,
    /// Let go once what it left in the air is in its lanes.
    pub turn: Option<Turn>,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Over all processes.
    pub summary: Summary,
    /// Profiles that refused their credentials or could not be reached.
    pub stopped: Vec<Stopped>,
    /// Jobs behind whose calls its own still wait.
    pub behind: BTreeSet<JobId>,
    /// A person asked to stop before the end.
    pub interrupted: bool,
    /// The guard holds the job.
    pub held: Option<crate::job::Hold>,
    /// Members of records that were ignored.
    pub warnings: Warnings,
    /// Requests that are done although a step of theirs failed, as `continue_on_error` allows.
    pub tolerated: u64,
    /// It was finished before; nothing was done.
    pub was_finished: bool,
}

/// Carries a job out, from its start or from where it stopped.
pub async fn run(order: Order) -> Result<Outcome, JobError> {
    let Order { store, workflow, input, clock, .. } = &order;
    let record = find_or_create(store, workflow, input, clock.now_ms(), order.place)?;
    let state = order.store.reader().state(record.id)?;
    match state.status() {
        Status::Finished | Status::Cancelled | Status::Held => {
            let held = state.hold();
            let summary =
                super::report::summary(order.store.reader(), &record, &state, None, &order.failures)?;
            let was_finished = held.is_none();
            return Ok(Outcome {
                summary,
                stopped: Vec::new(),
                behind: BTreeSet::new(),
                interrupted: false,
                held,
                warnings: Warnings::default(),
                tolerated: 0,
                was_finished,
            });
        }
        Status::Open => {}
    }
    drive(order, record, state).await
}

async fn drive(order: Order, record: JobRecord, state: State) -> Result<Outcome, JobError> {
    let Order {
        workflow,
        input,
        services,
        retries,
        store,
        shared,
        clock,
        virtual_clock,
        patience,
        stop,
        cut,
        progress,
        failures,
        place,
        extent,
        turn,
    } = order;
    let began = std::time::Instant::now();
    let (opened_ms, opened_steady_ms) = (clock.now_ms(), clock.steady_ms());
    let facts = facts(&record);
    let marks_in: Vec<_> = services.iter().map(|service| store.marks().space(&service.workspace)).collect();
    let indexes = Indexes {
        ids: store.ids().clone(),
        marks: store.marks().clone(),
        services: services.clone(),
        spaces: marks_in.clone(),
    };
    let task = Arc::new(Task {
        job: record.id,
        kinds: kinds_taken(&workflow),
        budgets: budgets(&workflow, &retries),
        sets_states: workflow.lists().any(super::turns::sets_states),
        takes_turns: super::turns::are_needed(&workflow),
        indexes: Some(indexes),
        endings: Default::default(),
        program: Program::new(Arc::clone(&workflow), facts)
            .at_work_in(spaces_of(&services))
            .for_canary(record.is_canary()),
        is_canary: record.is_canary(),
        is_look: record.looks_at().is_some(),
        is_watched: record.format.get(WATCH).is_some(),
        seeks: input.chosen().map(|chosen| Seeks::at(Arc::clone(&store), Arc::clone(chosen))),
        input_digest: record.input_digest,
        started_ms: record.started_ms,
        opened_ms,
        past: Past::of(state.clone()),
        sealer: store.sealer(record.id).ok(),
        warnings: std::sync::Mutex::default(),
    });
    if let Some(sealer) = task.sealer.as_ref().filter(|_| task.past.abandoned().next().is_some()) {
        sealer.keep_all()?;
    }
    let (durable_sender, durable) = tokio::sync::mpsc::unbounded_channel();
    let writer = store.writer(record.id, durable_sender);
    let (sender, messages) = tokio::sync::mpsc::unbounded_channel();
    let workers = Workers::start(&task, &sender).map_err(EngineError::Thread)?;
    let queue = workers.queue().ok_or(EngineError::Stopped("the workers"))?;
    let engine = shared.join(sender.clone(), record.id);
    let spaces = services.iter().map(|service| shared.space(&service.workspace)).collect();
    let limits = shared.limits();
    // Made-up time says nothing of when a service may be asked.
    if virtual_clock.is_none() {
        limits.keep_to(store.reader().rests()?, Now { wall_ms: opened_ms, steady_ms: opened_steady_ms });
    }
    let services = Services::new(services, limits, opened_ms.unsigned_abs());

    let is_unasked = !state.is_approved() && state.next_batch() == 0;
    let last = if is_unasked { LastJob::of(store.reader(), &record, &workflow)? } else { None };
    let allowed = match is_unasked && workflow.irreversible && !record.is_canary() {
        true => Some(allowed(&workflow, &services, &store, opened_ms)?),
        false => None,
    };
    let found = look_ahead(&task, &input, last, allowed, stop.clone()).await?;
    let mut in_the_air = match task.past.is_any_in_the_air() {
        false => InTheAir::default(),
        true => InTheAir::of(&task, input.records()?).await?,
    };

    let erases = workflow.irreversible && task.past.is_any_in_the_air();
    let lost = if erases { store.reader().presumed(record.id, None, opened_ms)? } else { None };

    let reader = Reader::start(input.records()?, queue, sender.clone()).map_err(EngineError::Thread)?;
    let mut driver = Driver {
        services,
        clock,
        opened_steady_ms,
        virtual_clock,
        patience,
        writer,
        durable,
        ids: store.ids().clone(),
        batches: super::batches::Batches::starting_at(state.next_batch()),
        state,
        messages,
        sender,
        workers,
        reader,
        progress,
        stop,
        cut,
        extent,
        is_shadow: place == Place::Shadow,
        task: Arc::clone(&task),
        runs: Default::default(),
        looked: None,
        endings: Default::default(),
        engine,
        spaces,
        marks: store.marks().clone(),
        holds: store.hold_list().clone(),
        marks_in,
        broken: None,
        shared: Arc::clone(&shared),
        turns: Default::default(),
        timers: Default::default(),
        retrying: Default::default(),
        after: Default::default(),
        ended: Vec::new(),
        sought: Vec::new(),
        ended_unasked: Vec::new(),
        unwritten: 0,
        advancing: Default::default(),
        in_flight: 0,
        flights: Default::default(),
        gone: tokio_util::sync::CancellationToken::new().drop_guard(),
        abandoned_in_flight: 0,
        abandoned: Default::default(),
        taken_over: Default::default(),
        kept_back: KeptBack::of(lost),
        blind_halvings: 0,
        working: 0,
        stopping: false,
        waits: Default::default(),
        elsewhere: parked_elsewhere(store.reader(), &record)?,
        aside: 0,
        chunks: 0,
        chunks_read: 0,
        chunks_planned: 0,
        planned: Default::default(),
        next_chunk: 0,
        unmapped: Default::default(),
        records: None,
        tolerated: 0,
        read_bytes: 0,
        outside: Default::default(),
    };
    let (job, name) = (record.id, &record.workflow_name);
    tracing::info!(%job, workflow = name, "{job} of workflow {name} is opened");
    driver.write(Event::Opened { at_ms: opened_ms }, None);
    let settled = driver.take_over(&mut in_the_air);
    if let Some(held) = found.held() {
        driver.write(held, None);
        driver.stopping = true;
    }
    // Its guard has not seen all of it then, and nothing of it may leave.
    driver.stopping |= driver.stop.is_cancelled();
    let driven = async {
        // The marks among them count only once they are durable.
        driver.settle_journal(settled).await?;
        driver.take_abandoned(in_the_air.abandoned);
        driver.note_taken_over(&in_the_air.again);
        in_the_air.again.into_iter().try_for_each(|record| driver.take_record(record))?;
        driver.shared.begin(driver.task.job);
        drop(turn);
        driver.drive().await
    };
    let driven = driven.await;
    let interrupted = driver.stop.is_cancelled();
    let stopped = driver.services.stopped();
    let behind = std::mem::take(&mut driver.outside.behind);
    let tolerated = driver.tolerated;
    let in_the_air = driver.whom_it_leaves_in_the_air();
    let (waiting, last) = driver.leave(began.elapsed());
    let mut settled = driver.settle_journal(last).await;
    if driven.is_ok() && settled.is_ok() {
        let kept = Kept::of(&record, workflow, input);
        settled = driver.identify(store.reader().clone(), kept).await;
    }
    let state = std::mem::take(&mut driver.state);
    shared.part(driver.engine, record.id, &in_the_air);
    drop(driver);
    driven?;
    settled?;
    let summary = super::report::summary(store.reader(), &record, &state, Some(&waiting), &failures)?;
    tell_the_end(&record, &summary);
    let warnings =
        std::mem::take(&mut *task.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    Ok(Outcome {
        summary,
        stopped,
        behind,
        interrupted,
        held: state.hold(),
        warnings,
        tolerated,
        was_finished: false,
    })
}

/// Reads a file through before its first call, as far as its guard asks for that.
async fn look_ahead(
    task: &Arc<Task>,
    input: &Input,
    last: Option<LastJob>,
    allowed: Option<Allowed>,
    stop: CancellationToken,
) -> Result<Found, JobError> {
    if last.is_none() && allowed.is_none() {
        return Ok(Found::Within);
    }
    let (task, to_count) = (Arc::clone(task), input.records()?);
    let (to_measure, to_plan) = (input.records()?, input.records()?);
    let looked = tokio::task::spawn_blocking(move || {
        let found = last.map_or(Ok(Found::Within), |last| last.compare(to_count))?;
        match allowed {
            Some(allowed) if found == Found::Within && !allowed.is_enough_for(to_measure)? => {
                guard::look_ahead(&task, &Planner::new(&task), to_plan, allowed, &stop)
            }
            Some(_) | None => Ok(found),
        }
    });
    Ok(looked.await.map_err(|_| EngineError::Stopped("the guard"))??)
}

/// The story of a job ends with its counts.
fn tell_the_end(record: &JobRecord, summary: &Summary) {
    let Summary { requests, done, skipped, failed, waiting, http_requests, duration_ms, .. } = summary;
    let job = record.id;
    tracing::info!(
        %job, requests, done, skipped, failed, waiting, http_requests, duration_ms,
        "{job} is left after {duration_ms} ms: {done} done, {skipped} skipped, {failed} failed, {waiting} waiting"
    );
}

/// What every run of the job shares; the same again when the job goes on.
pub(super) fn facts(record: &JobRecord) -> Facts {
    let started = jiff::Timestamp::from_millisecond(record.started_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut seed = [0; 16];
    for (place, byte) in seed.iter_mut().zip(record.input_digest) {
        *place = byte;
    }
    for (place, byte) in seed.iter_mut().zip(record.id.0.to_be_bytes()) {
        *place ^= byte;
    }
    let origin = match record.input_path.parse::<WindowId>() {
        Ok(_) => Origin::Inbox,
        Err(_) => Origin::File,
    };
    Facts { job: record.id.to_string(), started_at: started.to_string(), seed, origin }
}

fn allowed(
    workflow: &Workflow,
    services: &Services,
    store: &Store,
    now_ms: i64,
) -> Result<Allowed, JobError> {
    let left_this_hour = match workflow.guard.per_hour {
        Some(most) => {
            let mut written = 0;
            for workspace in services.workspaces() {
                written += store.reader().irreversible(workspace, now_ms - 3_600_000)?;
            }
            Some(most.saturating_sub(written))
        }
        None => None,
    };
    Ok(Allowed { per_job: workflow.guard.per_job.unwrap_or(guard::DEFAULT_PER_JOB), left_this_hour })
}
