//! Looking again whether the people whom a job erased are still gone.
//!
//! A look is a job on the same input, of which it reads only the requests that were done and erased, with a
//! workflow made of the one that erased (`workflow::look`). So it is journaled, limited, guarded and taken up
//! again after a crash as any job is; here is only which one, and what it found. What is due, and who is told,
//! is for others to decide.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::error::HostError;
use super::look_said::after;
use super::look_said::{said, watch_line};
use super::owner::{Host, Job};
use super::prepare::open_input;
use super::report::Report;
use crate::catalogue::Effect;
use crate::clock::{Clock, SystemClock, VirtualClock};
use crate::engine::{EngineError, Fate, Fates, Patience, Service, looked_for_by, watched, watched_given_up};
use crate::intake::{Chosen, Input, InputError};
use crate::job::{JobId, Pause, Position, Skip, Status, Verdict};
use crate::journal::{Found, InputKind, JobRecord, Reader, Store, StoreError, Watch};
use crate::source::Source;
use crate::workflow::{CAME_BACK, Known, Rules, Step, StepKind, Workflow, load, look, look_and_tell};

/// How long a look is tried whose input is not there: somebody may put it back.
const INPUT_MAY_COME_MS: i64 = 24 * 3_600_000;

/// Where the calls of a look go.
pub enum Through {
    /// To the profiles of the settings.
    Settings,
    /// To these profiles, by a clock of their own.
    Sandbox(Vec<Arc<Service>>, Arc<VirtualClock>),
}

/// How a look was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It is over, and written down.
    Over(Found),
    /// It goes on later.
    Open {
        /// When, in Unix milliseconds, if it waits for a moment; `None` when it waits for a person.
        wake_ms: Option<i64>,
        /// Why, for people.
        why: String,
    },
}

impl Host {
    /// Carries a look out as far as it goes.
    pub async fn look_again(
        &self,
        watch: &Watch,
        through: Through,
        patience: Patience,
        stop: CancellationToken,
        talk: &Talk,
    ) -> Result<Looked, HostError> {
        let (services, virtual_clock) = match through {
            Through::Settings => (None, None),
            Through::Sandbox(services, clock) => (Some(services), Some(clock)),
        };
        let now_ms = virtual_clock.as_ref().map_or_else(|| SystemClock.now_ms(), |clock| clock.now_ms());
        let is_real = services.is_none();
        let reader = self.store().reader().clone();
        let (of, known) = (watch.clone(), self.known().clone());
        let prepared = tokio::task::spawn_blocking(move || prepared(&reader, &of, &known)).await;
        let prepared = prepared.map_err(|_| EngineError::Stopped("reading what is looked at"))?;
        let (workflow, input, people) = match prepared {
            Ok(prepared) => prepared,
            Err(Missing::Store(error)) => return Err(error.into()),
            Err(Missing::Input(why)) if now_ms < watch.due_ms.saturating_add(INPUT_MAY_COME_MS) => {
                let why = why.to_owned();
                return Ok(Looked::Open {
                    wake_ms: Some(now_ms.saturating_add(INPUT_MAY_COME_MS / 24)),
                    why,
                });
            }
            Err(Missing::Input(why) | Missing::ForGood(why)) => {
                let found = Found { why: Some(why.to_owned()), ..Found::default() };
                return self.over(watch, found, now_ms);
            }
        };
        if people == 0 {
            return self.over(watch, Found::default(), now_ms);
        }
        if let Some(look) = watch.look
            && self.store().reader().job(look).is_ok_and(|record| record.status == Status::Cancelled)
        {
            return self.cancelled(watch, people, now_ms);
        }
        let services = match services {
            Some(services) => services,
            None => self.clients().services(&workflow).await?,
        };
        let order = Job {
            workflow: Arc::clone(&workflow),
            input,
            services,
            patience,
            virtual_clock,
            stop,
            goes_on_with: None,
        };
        let report = Box::pin(self.carry_out(order, talk)).await?;
        let Ok(look) = report.summary.job.parse::<JobId>() else {
            return Err(EngineError::Stopped("the look").into());
        };
        let watch = Watch { look: Some(look), ..watch.clone() };
        self.store().note_look(watch.id, look)?;
        match self.store().reader().job(look)?.status {
            Status::Finished => {
                let (found, again) = found(self.store(), &watch, look, &workflow, people)?;
                let owed = if is_real { self.owed_after(&watch, again)? } else { Vec::new() };
                self.store().end_watch_owing(&watch, found.clone(), owed, now_ms)?;
                self.write_certificates_anew().await;
                Ok(Looked::Over(found))
            }
            Status::Cancelled => self.cancelled(&watch, people, now_ms),
            Status::Open | Status::Held => self.left(look, &report),
        }
    }

    fn over(&self, watch: &Watch, found: Found, now_ms: i64) -> Result<Looked, HostError> {
        self.store().end_watch(watch, found.clone(), now_ms)?;
        Ok(Looked::Over(found))
    }

    fn cancelled(&self, watch: &Watch, people: u64, now_ms: i64) -> Result<Looked, HostError> {
        let found = Found { people, unknown: people, why: Some("cancelled".to_owned()), ..Found::default() };
        self.over(watch, found, now_ms)
    }

    /// When a look that is not over goes on.
    fn left(&self, look: JobId, report: &Report) -> Result<Looked, HostError> {
        let waiting = |pause: Pause| report.summary.waiting_by.get(pause.word()).copied().unwrap_or_default();
        let state = self.store().state(look)?;
        let soon_ms = SystemClock.now_ms().saturating_add(INPUT_MAY_COME_MS / 144);
        let (wake_ms, why) = match state.waits().values().map(|wait| wait.until_ms).min() {
            _ if report.held.is_some() => (None, format!("{look} is held by its guard")),
            _ if !report.stopped.is_empty() || waiting(Pause::Retry) > 0 => {
                (Some(soon_ms), format!("{look} could not be finished now"))
            }
            Some(until_ms) => (Some(until_ms), format!("{look} waits")),
            None if report.summary.waiting > 0 => (None, format!("{look} waits for a person")),
            None => (Some(soon_ms), format!("{look} was left")),
        };
        Ok(Looked::Open { wake_ms, why })
    }

    /// The looks that are due at a moment in Unix milliseconds, of each job's requests the last one alone: where
    /// nobody served for long, looking twice at once tells nothing more. The others end as missed.
    pub fn due_looks(&self, now_ms: i64) -> Result<Vec<Watch>, StoreError> {
        self.store().leave_looks()?;
        let mut due = self.store().due_watches(now_ms)?;
        let mut newest: HashMap<(JobId, i64), u32> = HashMap::new();
        for watch in &due {
            let newest = newest.entry((watch.job, watch.to_event)).or_default();
            *newest = watch.number.max(*newest);
        }
        let is_newest = |watch: &Watch| newest.get(&(watch.job, watch.to_event)) == Some(&watch.number);
        // One that a kill interrupted began all the same, and what it did must be told.
        for watch in due.iter_mut().filter(|watch| watch.look.is_none() && !is_newest(watch)) {
            watch.look = self.begun(watch)?;
            if let Some(look) = watch.look {
                self.store().note_look(watch.id, look)?;
            }
        }
        for missed in due.iter().filter(|watch| watch.look.is_none() && !is_newest(watch)) {
            let found = Found { why: Some("missed".to_owned()), ..Found::default() };
            self.store().end_watch(missed, found, now_ms)?;
        }
        due.retain(|watch| watch.look.is_some() || is_newest(watch));
        // One that is under way comes to its end first.
        let mut seen = HashSet::new();
        due.retain(|watch| seen.insert((watch.job, watch.to_event)));
        Ok(due)
    }

    /// The job of a look of which nobody noted yet that it began.
    fn begun(&self, watch: &Watch) -> Result<Option<JobId>, StoreError> {
        let reader = self.store().reader();
        let name = match reader.job(watch.job) {
            Err(StoreError::NoSuchJob(_)) => return Ok(None),
            record => format!("{}-watch-{}", record?.workflow_name, after(watch)),
        };
        let span = (watch.job, watch.from_event, watch.to_event);
        let own = reader
            .jobs()?
            .into_iter()
            .find(|record| record.looks_at() == Some(span) && record.workflow_name == name);
        Ok(own.map(|record| record.id))
    }

    /// Carries out the looks that are due, or with `is_early` the next one of each job; of these jobs, or of
    /// all. What came of them, as the command's own result.
    pub(super) async fn watch(
        &self,
        jobs: &[JobId],
        is_early: bool,
        patience: Patience,
        talk: &Talk,
        stop: CancellationToken,
    ) -> Result<Value, HostError> {
        self.store().leave_looks()?;
        let mut looks: Vec<Watch> = match is_early {
            false => self.due_looks(self.now_ms())?,
            true => self.store().watches(None)?.into_iter().filter(|watch| watch.over_ms.is_none()).collect(),
        };
        looks.retain(|watch| jobs.is_empty() || jobs.contains(&watch.job));
        if is_early {
            let mut seen = HashSet::new();
            looks.retain(|watch| seen.insert((watch.job, watch.to_event)));
        }
        let mut results = Vec::with_capacity(looks.len());
        for watch in looks {
            if stop.is_cancelled() {
                return Err(HostError::Interrupted);
            }
            let looked = self.look_again(&watch, Through::Settings, patience, stop.clone(), talk).await?;
            talk.say(said(&watch, &looked));
            let mut lines = self.store().watches(Some(watch.job))?.into_iter();
            let line = lines.find(|line| line.id == watch.id).unwrap_or(watch);
            let name = self.store().reader().job(line.job)?.workflow_name;
            let mut line = watch_line(&line, &name, self.now_ms());
            if let (Looked::Open { why, .. }, Some(members)) = (&looked, line.as_object_mut()) {
                members.insert("why".to_owned(), why.as_str().into());
            }
            results.push(line);
        }
        Ok(Value::Array(results))
    }
}

/// Why a look has nothing to look at.
enum Missing {
    Store(StoreError),
    /// Somebody may put it back.
    Input(&'static str),
    ForGood(&'static str),
}

/// The workflow of a look, what it reads, and how many people that is.
fn prepared(reader: &Reader, watch: &Watch, known: &Known) -> Result<(Arc<Workflow>, Input, u64), Missing> {
    let record = match reader.job(watch.job) {
        Err(StoreError::NoSuchJob(_)) => return Err(Missing::ForGood("job_gone")),
        record => record.map_err(Missing::Store)?,
    };
    let given_up = watched_given_up(reader, watch.job, (watch.from_event, watch.to_event));
    let look = if given_up.map_err(Missing::Store)?.count() > 0 { look_and_tell } else { look };
    let source = look(&record.workflow_name, &record.workflow_text, watch.number as usize);
    let source = source.map_err(|_| Missing::ForGood("workflow"))?;
    let source = as_begun(reader, watch, source).map_err(Missing::Store)?;
    // Profiles may have changed since; what it calls is known when it calls.
    let known = Known { profiles: None, ..known.clone() };
    let workflow = load(&source, &known).0.map(Arc::new).ok_or(Missing::ForGood("workflow"))?;
    let input = input(reader, &record, &workflow)?;
    if input.digest() != record.input_digest {
        return Err(Missing::Input("input_edited"));
    }
    let records = watched(reader, watch.job, watch.from_event, watch.to_event).map_err(Missing::Store)?;
    let people = records.count();
    let chosen = Chosen {
        of: watch.job,
        from_event: watch.from_event,
        to_event: watch.to_event,
        records: Arc::new(records),
    };
    Ok((workflow, input.only(chosen), people))
}

/// The text of a look that an earlier release began, if it did: it goes on as it was.
fn as_begun(reader: &Reader, watch: &Watch, source: Source) -> Result<Source, StoreError> {
    let name = load(&source, &Known::default()).0.map(|workflow| workflow.name);
    let open = name.map_or(Ok(Vec::new()), |name| reader.open_jobs(&name))?;
    let at = Some((watch.job, watch.from_event, watch.to_event));
    let begun = open.into_iter().find(|open| open.looks_at() == at);
    Ok(begun.map_or(source, |begun| Source::new(begun.workflow_name, begun.workflow_text)))
}

fn input(reader: &Reader, record: &JobRecord, workflow: &Workflow) -> Result<Input, Missing> {
    match record.input_kind() {
        InputKind::StandardInput => Err(Missing::ForGood("standard_input")),
        InputKind::Window(window) => match reader.window_text(window) {
            // Of who was forgotten since only the place is there.
            Ok(text) => match reader.window_digest(window) {
                Ok(digest) => Ok(Input::of_window(window, text).known_as(digest)),
                Err(error) => Err(Missing::Store(error)),
            },
            Err(StoreError::NoSuchWindow(_) | StoreError::InboxSealed) => Err(Missing::ForGood("input_gone")),
            Err(error) => Err(Missing::Store(error)),
        },
        InputKind::File => {
            open_input(workflow, &record.input_at(), &record.input_path).map_err(|error| match error {
                HostError::Input(InputError::Changed { .. }) => Missing::Input("input_edited"),
                _ => Missing::Input("input_gone"),
            })
        }
    }
}

/// What a look found that is finished, and its records of whom it found again.
fn found(
    store: &Store,
    watch: &Watch,
    look: JobId,
    workflow: &Workflow,
    people: u64,
) -> Result<(Found, Vec<Position>), HostError> {
    let reader = store.reader();
    let erases = workflow.irreversible;
    let mut erasing = vec![CAME_BACK.to_owned()];
    erasing_steps(&workflow.steps, &mut erasing);
    let span = (watch.from_event, watch.to_event);
    // Where a profile that depends on the request erased, nothing more is asked than what the request names.
    let asks = workflow.steps.iter().any(|step| match &step.kind {
        StepKind::Composed(composed) => matches!(composed.rules, Rules::Find(_)),
        _ => false,
    });
    let named_only = !asks || !store.keeps_sought(watch.job, watch.from_event, watch.to_event)?;
    let by = looked_for_by(store, &reader.job(watch.job)?, span, asks)?;
    let mut found = Found { people, by, named_only, ..Found::default() };
    let fates = Fates::of(reader, reader.job(look)?)?;
    let mut again = Vec::new();
    let went = fates.each(|fate| {
        let came_to = came_to(&fate, erases, &erasing);
        if matches!(came_to, CameTo::CameBack | CameTo::ErasedAgain | CameTo::Returned) {
            again.push(fate.position);
        }
        let count = match came_to {
            CameTo::Gone => &mut found.gone,
            CameTo::CameBack => &mut found.came_back,
            CameTo::ErasedAgain => &mut found.erased_again,
            CameTo::Returned => &mut found.returned,
            CameTo::Unknown => return Ok::<_, StoreError>(ControlFlow::Continue(())),
        };
        *count += 1;
        Ok(ControlFlow::Continue(()))
    });
    went.map(|_: ControlFlow<()>| ())?;
    let known = found.gone + found.came_back + found.erased_again + found.returned;
    found.unknown = people.saturating_sub(known);
    Ok((found, again))
}

enum CameTo {
    Gone,
    CameBack,
    ErasedAgain,
    Returned,
    Unknown,
}

/// What a request of a look came to; `erasing` are the ids of steps to which it comes only with somebody found.
fn came_to(fate: &Fate, erases: bool, erasing: &[String]) -> CameTo {
    let stood_at = |fate: &Fate| {
        let last = fate.step().and_then(|step| step.rsplit('.').next()).unwrap_or_default();
        let last = last.split('#').next().unwrap_or_default();
        erasing.iter().any(|id| last == id) || last.starts_with(CAME_BACK)
    };
    match fate.verdict {
        Verdict::Done if erases && fate.accepted => CameTo::ErasedAgain,
        Verdict::Done => CameTo::Gone,
        Verdict::Skipped(Skip::NoProfile | Skip::Condition | Skip::NoMatch) => CameTo::Gone,
        Verdict::Skipped(Skip::Superseded) => CameTo::Returned,
        Verdict::Failed(_) if fate.accepted || stood_at(fate) => CameTo::CameBack,
        Verdict::Skipped(_) | Verdict::Failed(_) | Verdict::Waiting(_) => CameTo::Unknown,
    }
}

/// The labels of the steps that erase.
fn erasing_steps(steps: &[Step], found: &mut Vec<String>) {
    for step in steps {
        match &step.kind {
            StepKind::Action { action, .. } if action.effect == Effect::Irreversible => {
                found.push(step.label.clone());
            }
            StepKind::ForEach { steps, .. } => erasing_steps(steps, found),
            _ => {}
        }
    }
}
