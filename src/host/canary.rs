//! One canary: a person who does not exist is made, taken through a workflow, and must be gone.
//!
//! ```text
//! create ─ appear ─ act (inbox ─ window ─ job, like any request) ─ verify ─ over; what is left is erased
//! ```
//!
//! How far it is stands in the store before the next step is taken, so that a process that is killed leaves
//! neither a person nor a question. Making and looking are no writes of a job: they leave no marks behind, or
//! the gate would hold the next one up. One that failed is closed: its job is given up and its person erased, so
//! that it hinders nobody. How one is taken through is the work of `canary_flight`; when one is due, and who is told,
//! is for others to decide.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::canary_flight::{Bird, Short, Stop};
use super::command::Talk;
use super::error::HostError;
use super::owner::Host;
use crate::clock::{Clock, SystemClock};
use crate::config::Canary;
use crate::engine::{Asker, Brake};
use crate::job::JobId;
use crate::journal::{Arrival, CANARY_CURSOR, Reader, StoreError, canary_queue};
use crate::ledger::Fact;
use crate::workflow::{Policy, Workflow};

/// How many of the last ones are remembered.
const REMEMBERED: usize = 24;
/// Who gives up the job of one that failed.
const BY: &str = "canary";
/// Why one came no further that found somebody else under what it is known by: nobody is erased then.
pub const SOMEBODY_ELSE: &str = "somebody_else";

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
    /// The person was made, or is about to be.
    #[serde(default)]
    pub is_made: bool,
    /// The person is there, and the request is in the inbox or about to be.
    pub is_sent: bool,
    /// The Braze ids of its own profiles: nobody else may be erased.
    #[serde(default)]
    pub profiles: Vec<String>,
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
    /// The job, if it came to that. Of one that failed it is given up.
    pub job: Option<String>,
    /// Of one that failed and had made the person: whether Braze took the deletion.
    #[serde(default)]
    pub cleaned_up: Option<bool>,
}

/// Who carries the request of a canary out.
pub enum Act<'a> {
    /// Whoever carries out what comes in: this takes it in.
    Pipe(&'a (dyn Fn(Arrival) -> Result<(), StoreError> + Send + Sync)),
    /// This process, at once.
    Here,
}

/// What is to be said of a canary that failed, besides why.
pub fn explain(why: Option<&str>, cleaned_up: Option<bool>) -> String {
    let whose = match why {
        Some(SOMEBODY_ELSE) => {
            ": a profile that is not the canary's is known by its name or address, or the workflow reaches for one; nobody \
             else is erased, find out whose it is"
        }
        Some(_) | None => "",
    };
    let left = if cleaned_up == Some(false) { "; the canary's own profile could not be erased" } else { "" };
    format!("{whose}{left}")
}

impl Beat {
    /// What is to be said of one that failed, besides why.
    pub fn explained(&self) -> String {
        explain(self.why.as_deref(), self.cleaned_up)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let moment = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default().to_string();
        json!({
            "began_at": moment(self.began_ms), "took_ms": self.ended_ms.saturating_sub(self.began_ms),
            "good": self.is_good, "step": self.step, "why": self.why, "job": self.job,
            "cleaned_up": self.cleaned_up,
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
                let after_job = self.store().newest_job()?;
                UnderWay { began_ms: now_ms, after_job, is_made: false, is_sent: false, profiles: Vec::new() }
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
        let job = self.store().canary_job(under_way.after_job)?;
        if !is_good {
            self.close(canary, job).await;
        }
        let is_left = !is_good && state.under_way.as_ref().is_some_and(|one| one.is_made || one.is_sent);
        let cleaned_up = if is_left { Some(bird.clean_up().await) } else { None };
        let job = job.map(|job| job.to_string());
        let (began_ms, ended_ms) = (under_way.began_ms, SystemClock.now_ms());
        let beat = Beat { began_ms, ended_ms, is_good, step: step.to_owned(), why, job, cleaned_up };
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

    /// One that failed hinders nobody: its job is given up, and what of it waits is gone.
    async fn close(&self, canary: &Canary, job: Option<JobId>) {
        if let Err(error) = self.store().drop_waiting_canary(&canary_queue(&canary.workflow)) {
            tracing::warn!("the request of the canary that did not come through still waits: {error}");
        }
        let Some(job) = job.filter(|job| self.store().job(*job).is_ok_and(|job| !job.status.is_closed()))
        else {
            return;
        };
        let (talk, _) = tokio::sync::mpsc::unbounded_channel();
        let talk = Talk::to(talk);
        match Box::pin(self.cancel(job, PathBuf::new(), BY.to_owned(), &talk)).await {
            Ok(_) | Err(HostError::NothingToDecide { .. }) => {}
            Err(error) => {
                tracing::warn!("{job} of the canary that did not come through could not be given up: {error}")
            }
        }
    }

    pub(super) fn note(&self, state: &CanaryState, fact: Option<Fact>) -> Result<(), StoreError> {
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

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
