//! Workflows that start at times of the day, week or month.
//!
//! What was started last is kept in the store, with what it started where that is a request. Times that
//! were missed, because nobody served or because the last start was not over, are made up for once.
//! Never are two starts of one workflow under way. [`due`] is the rule; the rest asks the clock now and
//! then, so a clock that is set, or a machine that slept, changes nothing of it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Inbox;
use super::carry::Carrier;
use crate::clock::SharedClock;
use crate::journal::{Arrival, Cursor, StoreError};
use crate::onetrust;
use crate::workflow::{Cron, Workflow};

/// Begins the names of the cursors that say what was started last.
const PREFIX: &str = "schedule:";
/// Where requests come from that a time started.
const ORIGIN: &str = "schedule";
/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Further ahead than this no start can have been: the clock was wrong then.
const AHEAD: SignedDuration = SignedDuration::from_hours(25);

/// The newest time at which a schedule was due after `last` and not after `now`.
pub fn due(cron: &Cron, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
    // Looked for near now first: of years of missed minutes only the last one counts.
    let spans = [1, 60, 24 * 60, 32 * 24 * 60, 400 * 24 * 60, 9 * 366 * 24 * 60];
    for minutes in spans {
        let from = now.checked_sub(SignedDuration::from_mins(minutes)).unwrap_or(last).max(last);
        let mut newest = None;
        let mut at = from;
        while let Some(next) = cron.next_after(at).filter(|next| *next <= now && *next > at) {
            newest = Some(next);
            at = next;
        }
        if newest.is_some() || from == last {
            return newest;
        }
    }
    None
}

/// Starts what is due until `stop`.
pub(super) async fn keep_starting(
    inbox: Inbox,
    carrier: Carrier,
    clock: SharedClock,
    stop: CancellationToken,
) {
    let starter =
        Starter { inbox, files: Some(carrier), clock, running: Arc::default(), tasks: TaskTracker::new() };
    starter.go_on();
    loop {
        starter.look().await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => break,
        }
    }
    starter.tasks.close();
    starter.tasks.wait().await;
}

/// What was started and is not over, by workflow.
type Running = Arc<Mutex<HashSet<String>>>;

struct Starter {
    inbox: Inbox,
    /// Carries files out; without it nothing on files is started.
    files: Option<Carrier>,
    clock: SharedClock,
    running: Running,
    tasks: TaskTracker,
}

impl Starter {
    /// Goes on with jobs on files that the last process left.
    fn go_on(&self) {
        for workflow in self.inbox.workflows() {
            let Some(input) = workflow.on.schedule.as_ref().and_then(|schedule| schedule.input.clone())
            else {
                continue;
            };
            let open = self.inbox.store().open_jobs(&workflow.name).unwrap_or_default();
            if open.iter().any(|job| Path::new(&job.input_path) == input) {
                self.start_file(&workflow, &input);
            }
        }
    }

    /// Starts whatever is due now.
    async fn look(&self) {
        for workflow in self.inbox.workflows() {
            if workflow.on.schedule.is_none() {
                continue;
            }
            let name = workflow.name.clone();
            if let Err(error) = self.look_at(workflow).await {
                tracing::error!(workflow = name, %error, "the schedule of workflow {name} cannot be kept: {error}");
            }
        }
    }

    async fn look_at(&self, workflow: Arc<Workflow>) -> Result<(), StoreError> {
        let Some(schedule) = &workflow.on.schedule else { return Ok(()) };
        let now_ms = self.clock.now_ms();
        let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
        let cursor = format!("{PREFIX}{}", workflow.name);
        let last = self.inbox.store().cursor(&cursor)?.and_then(|last| last.parse::<Timestamp>().ok());
        let Some(last) = last.filter(|last| last.duration_since(now) <= AHEAD) else {
            // Seen for the first time: what was due before nobody asked for.
            return self.write(Vec::new(), Cursor { name: cursor, value: now.to_string() }).await;
        };
        let Some(at) = due(&schedule.cron, last, now) else { return Ok(()) };
        let is_running = self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&workflow.name);
        if is_running || self.inbox.store().holds(&workflow.name, ORIGIN)? {
            return Ok(());
        }
        let moves = Cursor { name: cursor, value: at.to_string() };
        let name = &workflow.name;
        tracing::info!(workflow = name, "workflow {name} is started as it was due at {at}");
        match &schedule.input {
            None => self.write(vec![request(&workflow, at, now_ms)], moves).await,
            Some(input) => {
                self.write(Vec::new(), moves).await?;
                self.start_file(&workflow, input);
                Ok(())
            }
        }
    }

    /// Takes a request in and says what was started last, both or neither.
    async fn write(&self, arrivals: Vec<Arrival>, moves: Cursor) -> Result<(), StoreError> {
        let inbox = self.inbox.clone();
        let written = tokio::task::spawn_blocking(move || inbox.take(arrivals, Some(moves)));
        // A thread that ended otherwise wrote nothing, and the next look finds the same.
        written.await.map_or(Ok(()), |written| written.map(drop))
    }

    fn start_file(&self, workflow: &Arc<Workflow>, input: &Path) {
        let Some(carrier) = self.files.clone() else { return };
        let (running, workflow, input) = (Arc::clone(&self.running), Arc::clone(workflow), input.to_owned());
        running.lock().unwrap_or_else(PoisonError::into_inner).insert(workflow.name.clone());
        self.tasks.spawn(async move {
            carrier.carry_file(&workflow, &input).await;
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&workflow.name);
        });
    }
}

/// The request of a time: of nobody, and the same however often it is made.
fn request(workflow: &Workflow, at: Timestamp, now_ms: i64) -> Arrival {
    let id = format!("schedule:{}:{at}", workflow.name);
    let source = json!({"system": "schedule", "ref": at.to_string()});
    let record = json!({"id": id, "kind": "other", "occurred_at": at.to_string(), "source": source});
    Arrival {
        workflow: workflow.name.clone(),
        origin: ORIGIN.to_owned(),
        key: onetrust::key(&workflow.name, &id),
        turn: None,
        due_ms: None,
        received_ms: now_ms,
        record: record.to_string().into_bytes(),
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
