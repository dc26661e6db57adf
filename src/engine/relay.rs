//! From process to process: how this one leaves a job, and what it says of requests that wait.
//!
//! What an earlier one left without an answer is the work of `in_the_air`.

use super::driver::Driver;
use super::history::{Kept, MAY_HAVE_BEEN_SENT, PARKED_ELSEWHERE, identify};
use super::lanes::Slot;
use super::runs::About;
use super::task::EngineError;
use crate::job::{ASKED, Ended, Event, IdEntry, Pause, Position, RunId, Verdict};
use crate::journal::Reader;

/// Events of people that may be ahead of the disk.
const IDENTIFIED_AHEAD: usize = 64;

/// How many records wait for a person.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// Somebody must look.
    pub attention: u64,
    /// Somebody must say yes or no.
    pub approval: u64,
}

impl Driver {
    /// Leaves a run waiting until somebody says yes or no: that takes no memory, however long it takes.
    pub(super) fn ask(&mut self, slot: Slot, message: String) {
        let Some(live) = self.runs.take(slot) else { return };
        let step = Some(self.path_of(&live.run));
        let asked = Ended {
            verdict: Verdict::Waiting(Pause::Approval),
            accepted: self.endings.has_written(&live.run),
            ..parked(&live.about, step, ASKED, message)
        };
        self.waits.approval += 1;
        self.ended.push(asked);
        self.free(slot);
    }
}

impl Driver {
    /// Writes down how this process leaves the job; tells what is still open, by what it waits for.
    pub(super) fn leave(
        &mut self,
        elapsed: std::time::Duration,
    ) -> (std::collections::BTreeMap<Pause, u64>, u64) {
        let now_ms = self.clock.steady_ms();
        for (_, (gate, left_ms)) in std::mem::take(&mut self.flights) {
            self.services.settle(gate, left_ms, now_ms);
        }
        let mut waiting = std::collections::BTreeMap::new();
        for (_, live) in self.runs.drain() {
            let pause = if live.run.run().is_some_and(|run| run.waits_until().is_some()) {
                Pause::Wait
            } else {
                Pause::Retry
            };
            *waiting.entry(pause).or_default() += 1;
        }
        if self.aside > 0 {
            *waiting.entry(Pause::Retry).or_default() += self.aside;
        }
        for (pause, records) in
            [(Pause::NeedsAttention, self.waits.attention), (Pause::Approval, self.waits.approval)]
        {
            if records > 0 {
                *waiting.entry(pause).or_default() += records;
            }
        }
        if !self.abandoned.is_empty() {
            tracing::warn!(
                "{} is left with calls that got no answer within the `timeout` of their step: whoever goes on with it asks for them again, and nothing newer leaves before",
                self.task.job
            );
        }
        let is_done = waiting.is_empty() && self.abandoned.is_empty();
        let finished = is_done && !self.stopping && self.reader.is_at_end() && self.state.hold().is_none();
        let stopped = crate::job::Stopped {
            at_ms: self.clock.now_ms(),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            finished,
            records: self.records,
            unmapped: std::mem::take(&mut self.unmapped).into_iter().collect(),
        };
        let last = self.write(Event::Stopped(stopped), None);
        (waiting, last)
    }
}

impl Driver {
    /// Writes down, as digests, whose requests failed or wait for a person. It costs nothing where all
    /// went well; where it cannot be done, those requests are found only while their input is there.
    pub(super) async fn identify(&mut self, reader: Reader, kept: Kept) -> Result<(), EngineError> {
        let totals = self.state.totals();
        let waits = |pause| totals.waiting_by.get(&pause).is_some_and(|count| *count > 0);
        if totals.failed() == 0
            && ![Pause::NeedsAttention, Pause::Approval, Pause::Wait].into_iter().any(waits)
        {
            return Ok(());
        }
        let (sender, mut events) = tokio::sync::mpsc::channel(IDENTIFIED_AHEAD);
        let identified = tokio::task::spawn_blocking(move || {
            // Nobody takes them any more where the journal failed, which is told below.
            identify(&reader, &kept, |event| drop(sender.blocking_send(event)))
        });
        let (mut last, mut unwritten) = (0, 0);
        while let Some(event) = events.recv().await {
            last = self.write(event, None);
            unwritten += 1;
            if unwritten == IDENTIFIED_AHEAD {
                self.settle_journal(last).await?;
                (last, unwritten) = (0, 0);
            }
        }
        self.settle_journal(last).await?;
        if let Err(error) = identified.await.map_err(|_| EngineError::Stopped("the reader"))? {
            tracing::warn!(
                "people of requests that failed can be looked up only while the input is there: {error}"
            );
        }
        Ok(())
    }
}

/// A request that waits for a person, as the journal keeps it.
pub(super) fn parked(about: &About, step: Option<String>, code: &str, message: String) -> Ended {
    let failure = Some(about.failure(step, code, message));
    Ended { id: about.id, failure, ..unnamed(about.position) }
}

/// A request whose call must not be repeated, may have been sent, and got no answer.
pub(super) fn sent_without_answer(about: &About, step: Option<String>) -> Ended {
    let message = "nobody knows whether its call took effect, and it must not be repeated unasked: look at the service, then `privaflow runs retry --even-if-sent` or `privaflow runs cancel`";
    parked(about, step, MAY_HAVE_BEEN_SENT, message.to_owned())
}

/// A request that waits until a person has decided about the same request in another job.
pub(super) fn waits_for(about: &About, run: RunId) -> Ended {
    let message = format!(
        "a request under the same id waits for a person in another job: `privaflow runs show {run}` says what can be done about that one; then `privaflow runs retry` looks again at this one"
    );
    parked(about, None, PARKED_ELSEWHERE, message)
}

/// The same of a request of which only the place is known.
pub(super) fn unnamed(position: Position) -> Ended {
    Ended {
        position,
        verdict: Verdict::Waiting(Pause::NeedsAttention),
        accepted: false,
        verified: false,
        id: IdEntry { key: [0; 16], content: 0 },
        failure: None,
    }
}
