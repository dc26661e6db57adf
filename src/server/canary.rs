//! The canary: a person who does not exist is taken through a workflow again and again, through the very pipe
//! that carries everybody else, and somebody is told when it fails or nothing was heard of it for too long.
//!
//! Silence is counted from the last good one, also over restarts: a process that begins after it was off for
//! a day says so at once.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::intake::Inbox;
use super::shelf::Shelf;
use crate::clock::{Clock, SystemClock};
use crate::config::Canary;
use crate::host::{Act, Beat, CanaryState, Host, HostError, SOMEBODY_ELSE};
use crate::journal::Arrival;
use crate::notify::{Notifier, Standing};
use crate::workflow::{Notify, Occasion};

/// How often is looked whether one is due, and whether it is silent.
const LOOK: Duration = Duration::from_secs(5);
/// When one is tried again that could not begin.
const AGAIN_MS: i64 = 60_000;

/// Sends canaries.
pub(super) struct Sender {
    pub host: Arc<Host>,
    pub shelf: Arc<Shelf>,
    pub inbox: Inbox,
    pub notifier: Option<Arc<Notifier>>,
}

impl Sender {
    /// Sends one whenever it is due, until `stop`.
    pub(super) async fn keep_sending(self, canary: Canary, stop: CancellationToken) {
        let watching = self.keep_watching(&canary, stop.clone());
        let sending = self.send(&canary, &stop);
        tokio::join!(watching, sending);
    }

    async fn send(&self, canary: &Canary, stop: &CancellationToken) {
        let mut not_before_ms = 0;
        while !stop.is_cancelled() {
            let now_ms = SystemClock.now_ms();
            if now_ms >= not_before_ms && self.is_due(canary, now_ms) {
                not_before_ms = match self.send_one(canary, stop).await {
                    Ok(beat) => {
                        tell(canary, &beat);
                        0
                    }
                    Err(HostError::Interrupted) => 0,
                    Err(error) => {
                        let why = error.refusal().text;
                        tracing::error!("the canary cannot be sent through {}: {why}", canary.workflow);
                        SystemClock.now_ms().saturating_add(AGAIN_MS)
                    }
                };
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK.min(canary.every)) => {}
            }
        }
    }

    fn is_due(&self, canary: &Canary, now_ms: i64) -> bool {
        let Ok(state) = CanaryState::of(self.host.store().reader()) else { return false };
        let began = state.last.first().map(|beat| beat.began_ms);
        let next_ms = began.map(|began_ms| began_ms.saturating_add(millis(canary.every)));
        // Of a clock that was set back nothing is waited for.
        let is_wrong = began.is_some_and(|began_ms| began_ms > now_ms);
        state.under_way.is_some() || is_wrong || next_ms.is_none_or(|next_ms| next_ms <= now_ms)
    }

    async fn send_one(&self, canary: &Canary, stop: &CancellationToken) -> Result<Beat, HostError> {
        let Some(workflow) = self.shelf.ready(self.host.store().reader(), &canary.workflow)? else {
            return Err(HostError::NotReady(canary.workflow.clone()));
        };
        let inbox = self.inbox.clone();
        let take = move |arrival: Arrival| inbox.take(vec![arrival], None).map(drop);
        Box::pin(self.host.canary(canary, &workflow, Act::Pipe(&take), stop)).await
    }

    /// Tells when it fails, and when it is silent.
    async fn keep_watching(&self, canary: &Canary, stop: CancellationToken) {
        // Before the first one ever was under way, silence counts from the start of the process.
        let started_ms = SystemClock.now_ms();
        let mut said: Option<&'static str> = None;
        while !stop.is_cancelled() {
            if let Ok(state) = CanaryState::of(self.host.store().reader()) {
                let trouble = trouble(&state, canary, started_ms, SystemClock.now_ms());
                self.note(canary, trouble);
                if trouble != said && trouble == Some("silent") {
                    let since = state.silent_since_ms().unwrap_or(started_ms);
                    let since = jiff::Timestamp::from_millisecond(since).unwrap_or_default();
                    tracing::error!(
                        workflow = canary.workflow,
                        "no canary came through workflow {} since {since}: requests may be stuck; `privaflow canary show`",
                        canary.workflow
                    );
                }
                said = trouble;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK.min(canary.every)) => {}
            }
        }
    }

    fn note(&self, canary: &Canary, trouble: Option<&'static str>) {
        let Some(notifier) = self.notifier.as_ref().filter(|_| !canary.to.is_empty()) else { return };
        let notify = Notify { on: vec![Occasion::Failure], to: canary.to.clone(), before: Duration::ZERO };
        let troubles: Vec<(&str, u64)> = trouble.into_iter().map(|word| (word, 1)).collect();
        notifier.note(&notify, &Standing::of_canary(&canary.workflow, &troubles));
    }
}

/// What is to be told of it, in one word: `somebody_else`, `silent`, or how far the last one came that failed.
pub(super) fn trouble(
    state: &CanaryState,
    canary: &Canary,
    started_ms: i64,
    now_ms: i64,
) -> Option<&'static str> {
    let last = state.last.first().filter(|beat| !beat.is_good);
    // However long it lasts: somebody must find out whose profile that is.
    if last.is_some_and(|beat| beat.why.as_deref() == Some(SOMEBODY_ELSE)) {
        return Some(SOMEBODY_ELSE);
    }
    let since_ms = state.silent_since_ms().unwrap_or(started_ms);
    if now_ms.saturating_sub(since_ms) > millis(canary.alert_after) {
        return Some("silent");
    }
    Some(match last?.step.as_str() {
        "create" => "create",
        "appear" => "appear",
        "act" => "act",
        _ => "verify",
    })
}

fn tell(canary: &Canary, beat: &Beat) {
    let (workflow, took_ms) = (&canary.workflow, beat.ended_ms.saturating_sub(beat.began_ms));
    match &beat.why {
        None => {
            tracing::info!(workflow, took_ms, "a canary came through workflow {workflow} in {took_ms} ms")
        }
        Some(why) => tracing::error!(
            workflow,
            step = beat.step,
            "the canary did not come through workflow {workflow}: {} ({why}){}; `privaflow canary show`",
            beat.step,
            beat.explained()
        ),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary() -> Canary {
        Canary {
            workflow: "erase".into(),
            profile: "braze".into(),
            every: Duration::from_secs(3600),
            external_id: "privaflow-canary-1".into(),
            email: None,
            alert_after: Duration::from_secs(7200),
            within: Duration::from_secs(60),
            to: Vec::new(),
        }
    }

    #[test]
    fn silence_is_counted_from_the_last_good_one_and_a_failure_is_told_at_once() {
        const HOUR: i64 = 3_600_000;
        let beat = |is_good: bool| Beat {
            began_ms: HOUR,
            ended_ms: HOUR,
            is_good,
            step: if is_good { "verify" } else { "act" }.into(),
            why: None,
            job: None,
            cleaned_up: None,
        };
        let good = CanaryState { first_ms: 1, good_ms: Some(HOUR), under_way: None, last: vec![beat(true)] };
        let failed = CanaryState { last: vec![beat(false)], ..good.clone() };
        let never = CanaryState::default();

        assert_eq!(trouble(&good, &canary(), 0, 2 * HOUR), None);
        assert_eq!(trouble(&good, &canary(), 4 * HOUR, 4 * HOUR), Some("silent"), "also right at a start");
        assert_eq!(trouble(&failed, &canary(), 0, 2 * HOUR), Some("act"));
        assert_eq!(trouble(&never, &canary(), HOUR, 2 * HOUR), None);
        assert_eq!(trouble(&never, &canary(), HOUR, 4 * HOUR), Some("silent"));
    }
}
