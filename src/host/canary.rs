//! One canary: a person who does not exist is made, taken through a workflow, and must be gone.
//!
//! ```text
//! create ─ appear ─ act (inbox ─ window ─ job, like any request) ─ verify ─ over; what is left is erased
//! ```
//!
//! How far it is stands in the store before the next step is taken, so that a process that is killed leaves
//! neither a person nor a question. Making and looking are no writes of a job: they leave no marks behind, or
//! the gate would hold the next one up. When one is due, and who is told, is for others to decide.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::command::Talk;
use super::error::HostError;
use super::owner::{Host, Job};
use crate::catalogue;
use crate::clock::{Clock, SystemClock};
use crate::config::Canary;
use crate::engine::{Asker, Brake, Patience, Told};
use crate::intake::Input;
use crate::job::{JobId, Pause};
use crate::journal::{Arrival, CANARY_CURSOR, CANARY_ORIGIN, Most, Reader, StoreError, canary_queue};
use crate::ledger::Fact;
use crate::onetrust;
use crate::plan::Call;
use crate::workflow::{Policy, Workflow};

/// How many of the last ones are remembered.
const REMEMBERED: usize = 24;
/// How often is looked whether the job is over.
const LOOK: Duration = Duration::from_millis(250);
/// The first and the longest pause between two looks for the person.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A window with one record.
const ONE: Most = Most { records: 1, bytes: 1 << 20 };

/// How the canary stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanaryState {
    /// When the first one began, in Unix milliseconds.
    pub first_ms: i64,
    /// When the last good one began, in Unix milliseconds.
    pub good_ms: Option<i64>,
    /// The one that is under way.
    pub under_way: Option<UnderWay>,
    /// The last ones, the newest first.
    pub last: Vec<Beat>,
}

/// One that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// When it began, in Unix milliseconds.
    pub began_ms: i64,
    /// The newest job then: its own is a later one.
    pub after_job: JobId,
    /// The person is there, and the request is in the inbox or about to be.
    pub is_sent: bool,
}

/// One that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// When it began, in Unix milliseconds.
    pub began_ms: i64,
    /// When it was over, in Unix milliseconds.
    pub ended_ms: i64,
    /// Everything went as it should, and nobody was left.
    pub is_good: bool,
    /// How far it came: `create`, `appear`, `act`, `verify`.
    pub step: String,
    /// Why it came no further.
    pub why: Option<String>,
    /// The job, if it came to that.
    pub job: Option<String>,
}

/// Who carries the request of a canary out.
pub enum Act<'a> {
    /// Whoever carries out what comes in: this takes it in.
    Pipe(&'a (dyn Fn(Arrival) -> Result<(), StoreError> + Send + Sync)),
    /// This process, at once.
    Here,
}

impl Beat {
    /// For programs.
    pub fn json(&self) -> Value {
        let moment = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        json!({
            "began_at": moment(self.began_ms), "took_ms": self.ended_ms.saturating_sub(self.began_ms),
            "good": self.is_good, "step": self.step, "why": self.why, "job": self.job,
        })
    }
}

impl CanaryState {
    /// As the store has it; the beginning when there was none.
    pub fn of(reader: &Reader) -> Result<CanaryState, StoreError> {
        let value = reader.cursor(CANARY_CURSOR)?;
        Ok(value.and_then(|value| serde_json::from_str(&value).ok()).unwrap_or_default())
    }

    /// Since when there was no good one, in Unix milliseconds; `None` before the first one began.
    pub fn silent_since_ms(&self) -> Option<i64> {
        self.good_ms.or((self.first_ms > 0).then_some(self.first_ms))
    }
}

/// How far one came, and why no further.
struct Short(&'static str, String);

impl Host {
    /// Takes a canary through its workflow, or goes on with the one that a process left.
    pub async fn canary(
        &self,
        canary: &Canary,
        workflow: &Arc<Workflow>,
        act: Act<'_>,
        stop: &CancellationToken,
    ) -> Result<Beat, HostError> {
        let now_ms = SystemClock.now_ms();
        let mut state = CanaryState::of(self.store().reader())?;
        let under_way = match state.under_way.take() {
            Some(left) if now_ms.saturating_sub(left.began_ms) < millis(canary.alert_after) => left,
            Some(_) | None => {
                UnderWay { began_ms: now_ms, after_job: self.store().newest_job()?, is_sent: false }
            }
        };
        if state.first_ms == 0 {
            state.first_ms = under_way.began_ms;
        }
        state.under_way = Some(under_way.clone());
        self.note(&state, None)?;
        let bird = Bird { host: self, canary, asker: self.asker(canary)?, stop };
        let came = bird.fly(workflow, &mut state, act).await;
        let (is_good, step, why) = match came {
            Ok(()) => (true, "verify", None),
            Err(Stop::Short(Short(step, why))) => (false, step, Some(why)),
            Err(Stop::Host(error)) => return Err(error),
        };
        if !is_good {
            bird.clean_up().await;
        }
        let job = self.store().canary_job(under_way.after_job)?.map(|job| job.to_string());
        let (began_ms, ended_ms) = (under_way.began_ms, SystemClock.now_ms());
        let beat = Beat { began_ms, ended_ms, is_good, step: step.to_owned(), why, job };
        state.under_way = None;
        if is_good {
            state.good_ms = Some(began_ms);
        }
        state.last.insert(0, beat.clone());
        state.last.truncate(REMEMBERED);
        let fact = Fact::Canary {
            workflow: canary.workflow.clone(),
            began: Timestamp::from_millisecond(began_ms).unwrap_or_default().to_string(),
            carried_out: beat.job.clone(),
            good: is_good,
            step: beat.step.clone(),
            why: beat.why.clone(),
        };
        self.note(&state, Some(fact))?;
        Ok(beat)
    }

    fn note(&self, state: &CanaryState, fact: Option<Fact>) -> Result<(), StoreError> {
        // Numbers and words always serialize.
        self.store().note_canary(serde_json::to_string(state).unwrap_or_default(), fact)
    }

    fn asker(&self, canary: &Canary) -> Result<Asker, HostError> {
        let profile = self.settings().profiles.get(&canary.profile).ok_or(HostError::NoProfile)?;
        let service = Arc::new(self.clients().service(profile)?);
        // Longer than a moment of trouble; what lasts longer is what a canary is for.
        let policy = Policy { attempts: 5, at_most: canary.within, ..Policy::default() };
        let asker = Asker::new(vec![service], Arc::new(SystemClock), None, policy);
        Ok(asker.held_by(Brake::of(self.store().path())))
    }
}

enum Stop {
    Short(Short),
    Host(HostError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Host(error.into())
    }
}

fn short(step: &'static str, why: impl Into<String>) -> Stop {
    Stop::Short(Short(step, why.into()))
}

/// What takes one through.
struct Bird<'b> {
    host: &'b Host,
    canary: &'b Canary,
    asker: Asker,
    stop: &'b CancellationToken,
}

impl Bird<'_> {
    async fn fly(&self, workflow: &Arc<Workflow>, state: &mut CanaryState, act: Act<'_>) -> Result<(), Stop> {
        let Some(under_way) = state.under_way.clone() else { return Ok(()) };
        if !workflow.irreversible {
            return Err(short("create", "workflow_erases_nobody"));
        }
        if !under_way.is_sent {
            self.create().await?;
            if !self.comes_to(true, "appear").await? {
                return Err(short("appear", "never_seen"));
            }
            state.under_way = Some(UnderWay { is_sent: true, ..under_way.clone() });
            self.host.note(state, None)?;
        }
        let arrival = self.arrival(&under_way);
        match act {
            Act::Pipe(take) => take(arrival)?,
            Act::Here => {
                self.host.store().accept(vec![arrival], None)?;
                self.carry_out(workflow).await?;
            }
        }
        self.wait_for_job(&under_way).await?;
        match self.comes_to(false, "verify").await? {
            true => Ok(()),
            false => Err(short("verify", "still_there")),
        }
    }

    async fn create(&self) -> Result<(), Stop> {
        let mut attributes = json!({ "external_id": self.canary.external_id, "privaflow_canary": true });
        if let (Some(email), Some(members)) = (&self.canary.email, attributes.as_object_mut()) {
            members.insert("email".to_owned(), email.as_str().into());
        }
        self.ask("create", "braze/users.track", &json!({ "attributes": [attributes] })).await.map(drop)
    }

    /// Looks until the person is there, or is not; whether it came to that in time.
    async fn comes_to(&self, is_there: bool, step: &'static str) -> Result<bool, Stop> {
        let began = tokio::time::Instant::now();
        let with = json!({
            "external_ids": [self.canary.external_id], "fields_to_export": ["braze_id", "external_id"],
        });
        let mut pause = FIRST_PAUSE;
        loop {
            let answer = self.ask(step, "braze/users.export.ids", &with).await?;
            let is_found =
                answer.get("users").and_then(Value::as_array).is_some_and(|users| !users.is_empty());
            if is_found == is_there {
                return Ok(true);
            }
            if began.elapsed() + pause > self.canary.within {
                return Ok(false);
            }
            self.rest(pause).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The request, like any that comes in.
    fn arrival(&self, under_way: &UnderWay) -> Arrival {
        let at = Timestamp::from_millisecond(under_way.began_ms).unwrap_or_default().to_string();
        let id = format!("privaflow-canary:{at}");
        let mut subject = json!({ "external_id": self.canary.external_id });
        if let (Some(email), Some(members)) = (&self.canary.email, subject.as_object_mut()) {
            members.insert("email".to_owned(), email.as_str().into());
        }
        let record = json!({
            "id": id, "kind": "deletion", "received_at": at, "subject": subject,
            "source": { "system": "canary", "ref": id },
        });
        let workflow = canary_queue(&self.canary.workflow);
        Arrival {
            key: onetrust::key(&workflow, &id),
            workflow,
            origin: CANARY_ORIGIN.to_owned(),
            turn: None,
            due_ms: None,
            received_ms: under_way.began_ms,
            record: record.to_string().into_bytes(),
        }
    }

    /// Carries out what waits in the queue of the canary.
    async fn carry_out(&self, workflow: &Arc<Workflow>) -> Result<(), Stop> {
        let (store, queue) = (self.host.store(), canary_queue(&self.canary.workflow));
        let left = store.open_windows()?.into_iter().filter(|window| window.workflow == queue);
        let new = store.take_window(&queue, ONE, SystemClock.now_ms())?;
        for window in left.chain(new) {
            let input = Input::of_window(window.id, store.window_text(window.id)?).of_canary();
            let services = self.host.clients().services(workflow).await.map_err(Stop::Host)?;
            let job = Job {
                workflow: Arc::clone(workflow),
                input,
                services,
                patience: Patience::Until(self.canary.within),
                virtual_clock: None,
                stop: self.stop.child_token(),
                goes_on_with: None,
            };
            let (talk, _) = tokio::sync::mpsc::unbounded_channel();
            let carried = Box::pin(self.host.carry_out(job, &Talk::to(talk))).await;
            carried.map_err(Stop::Host)?;
        }
        Ok(())
    }

    /// Waits until the request is over, and well.
    async fn wait_for_job(&self, under_way: &UnderWay) -> Result<(), Stop> {
        let until_ms = under_way.began_ms.saturating_add(millis(self.canary.alert_after));
        loop {
            if let Some(job) = self.host.store().canary_job(under_way.after_job)? {
                let is_closed = self.host.store().job(job)?.status.is_closed();
                let totals = self.host.store().state(job)?.totals();
                // It is over only when a person says so, and that is the news.
                if !is_closed && totals.waiting_by.contains_key(&Pause::NeedsAttention) {
                    return Err(short("act", "needs_attention"));
                }
                if !is_closed {
                    self.rest_until(until_ms).await?;
                    continue;
                }
                let failed = totals.failed_by.keys().map(|fail| fail.word());
                let skipped = totals.skipped_by.keys().map(|skip| skip.word());
                let mut words = failed.chain(skipped);
                return match words.next() {
                    None if totals.done > 0 => Ok(()),
                    word => Err(short("act", word.unwrap_or("nothing_done"))),
                };
            }
            self.rest_until(until_ms).await?;
        }
    }

    /// Rests a little, unless it is too late for that.
    async fn rest_until(&self, until_ms: i64) -> Result<(), Stop> {
        match SystemClock.now_ms() >= until_ms {
            true => Err(short("act", "never_over")),
            false => self.rest(LOOK).await,
        }
    }

    /// Nobody is left behind, if that is possible now.
    async fn clean_up(&self) {
        let with = json!({ "external_ids": [self.canary.external_id] });
        if let Err(Stop::Short(Short(_, why))) = self.ask("clean_up", "braze/users.delete", &with).await {
            tracing::warn!("the canary that did not come through could not be erased: {why}");
        }
    }

    async fn ask(&self, step: &'static str, action: &str, with: &Value) -> Result<Value, Stop> {
        let action = catalogue::find(action).ok_or_else(|| short(step, "unknown_action"))?;
        let call = Call::new(action, with).map_err(|refusal| short(step, refusal.code))?;
        let asked = tokio::select! {
            asked = self.asker.ask(0, std::slice::from_ref(&call)) => asked,
            () = self.stop.cancelled() => return Err(Stop::Host(HostError::Interrupted)),
        };
        match asked.map_err(|stopped| short(step, stopped.why))?.pop() {
            Some(Told::Answer(answer)) => Ok(answer),
            Some(Told::Nothing(why)) => Err(short(step, why)),
            None => Err(short(step, "no_answer")),
        }
    }

    async fn rest(&self, pause: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stop.cancelled() => Err(Stop::Host(HostError::Interrupted)),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
