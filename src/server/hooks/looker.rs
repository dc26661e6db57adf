//! Looks at the subtasks that hooks were told of, in the way of the pollers.
//!
//! A look ends in the transaction that takes in what was found. One that OneTrust did not answer stays,
//! and is tried again later, less and less often.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::intake::Look;
use super::looks::Found;
use crate::clock::{Clock, SystemClock};
use crate::feeds;
use crate::host::Host;
use crate::journal::{Arrival, Skipped, StoreError};
use crate::onetrust::{self, Api, Judged, Reason, Subtask};
use crate::server::Inbox;

/// How often it is seen whether there is anything to look at, and how long it rests after failures.
const EVERY: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);

/// Looks until `stop`.
pub async fn keep_looking(host: Arc<Host>, inbox: Inbox, stop: CancellationToken) {
    let mut pause = EVERY;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        let looked = tokio::select! {
            looked = look_at_all(&host, &inbox) => looked,
            () = stop.cancelled() => return,
        };
        pause = match looked {
            Ok(true) => EVERY,
            Ok(false) => (pause * 2).min(LONGEST),
            Err(error) => {
                tracing::error!(%error, "what hooks were told of cannot be read from the store: {error}");
                LONGEST
            }
        };
    }
}

/// Looks at everything that waits once; `false` when something of it could not be looked at.
async fn look_at_all(host: &Host, inbox: &Inbox) -> Result<bool, StoreError> {
    let store = Arc::clone(inbox.store());
    let waiting =
        tokio::task::spawn_blocking(move || Look::waiting(store.reader(), SystemClock.now_ms())).await;
    let waiting = waiting.unwrap_or_else(|_| Ok(Vec::new()))?;
    let mut is_all = true;
    for look in waiting {
        let Some(profile) = host.clients().settings().profiles.get(&look.profile) else {
            tracing::error!("hook {} waits for profile {}, which is gone", look.hook, look.profile);
            is_all = false;
            continue;
        };
        let api = match host.clients().api(profile, Arc::new(SystemClock)) {
            Ok(api) => api,
            Err(error) => {
                tracing::error!("profile {} cannot be used: {}", look.profile, error.refusal().text);
                is_all = false;
                continue;
            }
        };
        match look_at(&api, inbox, &look).await {
            Ok(()) => {}
            Err(feeds::FeedError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a subtask that hook {} named could not be looked at, which is tried again: {error}", look.hook);
                is_all = false;
            }
        }
    }
    Ok(is_all)
}

async fn look_at(api: &Api, inbox: &Inbox, look: &Look) -> Result<(), feeds::FeedError> {
    let (origin, now_ms) = (format!("hook:{}", look.hook), SystemClock.now_ms());
    let (mut arrivals, mut skipped, mut is_early) = (Vec::new(), Vec::new(), false);
    for workflow in inbox.workflows() {
        let Some(trigger) = workflow.on.webhook.as_ref().filter(|trigger| trigger.hook == look.hook) else {
            continue;
        };
        let (id, profile) = (look.subtask.clone(), Some(look.profile.clone()));
        let subtask = Subtask { id, profile, ..Subtask::default() };
        let (workflow, origin) = (workflow.name.clone(), origin.clone());
        let skip = |reason: Reason| {
            let key = onetrust::key(&workflow, &format!("subtask:{}", look.subtask));
            Skipped {
                workflow: workflow.clone(),
                origin: origin.clone(),
                key,
                reason: reason.word(),
                at_ms: now_ms,
            }
        };
        match feeds::look(api, &trigger.subtask, subtask).await? {
            Judged::Start(record) if record.line().len() > crate::journal::MOST_RECORD_BYTES => {
                skipped.push(skip(Reason::TooLong));
            }
            Judged::Start(record) => arrivals.push(Arrival {
                key: record.key(&workflow),
                turn: None,
                due_ms: record.due().map(jiff::Timestamp::as_millisecond),
                received_ms: now_ms,
                workflow: workflow.clone(),
                origin: origin.clone(),
                record: record.into_line(),
            }),
            Judged::Skip(reason) => {
                is_early |= reason.may_pass();
                skipped.push(skip(reason));
            }
        }
    }
    let found = match (arrivals.is_empty(), is_early) {
        // Another workflow may take it later; what was taken starts nothing again then.
        (_, true) => Found::Early,
        (false, false) => Found::Taken,
        (true, false) => Found::Passed,
    };
    let (inbox, over) = (inbox.clone(), look.over(found, now_ms));
    let written = tokio::task::spawn_blocking(move || {
        inbox.note_skipped(skipped)?;
        inbox.take(arrivals, Some(over))
    });
    // Whatever ended the thread left the look as it was.
    if let Ok(written) = written.await {
        written?;
    }
    Ok(())
}
