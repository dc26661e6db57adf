//! From process to process: what an earlier one left in the air, and what this one leaves.
//!
//! A call of which no answer was written down may have been made. One that may be repeated is carried
//! out again before anything else; one that must not be waits for a person.

use std::sync::Arc;

use super::driver::Driver;
use super::history::{Kept, MAY_HAVE_BEEN_SENT, PARKED_ELSEWHERE, identify};
use super::open::JobError;
use super::plan_record::Planner;
use super::runs::About;
use super::task::{EngineError, Task};
use super::worker::Planned;
use crate::intake::Records;
use crate::job::{Answered, Ended, Event, IdEntry, Pause, Position, RunId, Unresolved, Verdict};
use crate::journal::Reader;

/// Plans the records of which an earlier process may have sent a call: they go before all others, so
/// that the same state is answered before a newer one leaves.
pub(super) async fn first_again(task: &Arc<Task>, mut records: Records) -> Result<Vec<Planned>, JobError> {
    let task = Arc::clone(task);
    let planned = tokio::task::spawn_blocking(move || {
        let mut planner = Planner::new(&task);
        let mut planned = Vec::with_capacity(task.past.again());
        while planned.len() < task.past.again()
            && let Some(chunk) = records.next_chunk(512, 1 << 20).map_err(EngineError::Input)?
        {
            let again = chunk.records().filter(|record| task.past.is_again(record.position()));
            planned.extend(again.map(|record| planner.plan_again(record)));
        }
        Ok::<_, EngineError>(planned)
    });
    Ok(planned.await.map_err(|_| EngineError::Stopped("the reader"))??)
}

/// What settles an exchange that an earlier process left in the air: one that may be repeated is
/// forgotten, so that its records are carried out again; those of one that must not be wait for a person.
pub(super) fn settled(exchange: &Unresolved, at_ms: i64) -> Vec<Event> {
    let mut events = Vec::with_capacity(2);
    if !exchange.repeatable {
        let ended = exchange.positions.iter().map(|position| unnamed(*position)).collect();
        events.push(Event::Ended { ended });
    }
    events.push(Event::Answered(Answered {
        batch: exchange.batch,
        at_ms,
        status: 0,
        request_id: None,
        steps: Vec::new(),
        ended: Vec::new(),
        marks: Vec::new(),
    }));
    events
}

impl Driver {
    /// Settles what an earlier process left in the air.
    pub(super) fn take_over(&mut self) {
        let at_ms = self.clock.now_ms();
        let looks = self.task.looks;
        let stays = |exchange: &&Unresolved| looks && exchange.repeatable && exchange.calls == 1;
        let (open, over): (Vec<&Unresolved>, Vec<&Unresolved>) = self.state.unresolved().partition(stays);
        let events: Vec<Event> = over.into_iter().flat_map(|exchange| settled(exchange, at_ms)).collect();
        self.left_open = open.into_iter().cloned().collect();
        for event in events {
            self.write(event, None);
        }
    }

    /// Settles what an earlier process left in the air of records that were answered now.
    pub(super) fn settle_left_open(&mut self, positions: &[Position]) {
        let at_ms = self.clock.now_ms();
        let is_answered = |exchange: &mut Unresolved| {
            exchange.positions.iter().all(|position| positions.contains(position))
        };
        let answered: Vec<Unresolved> = self.left_open.extract_if(.., is_answered).collect();
        for event in answered.iter().flat_map(|exchange| settled(exchange, at_ms)) {
            self.write(event, None);
        }
    }

    /// Writes down how this process leaves the job; tells what is still open, by what it waits for.
    pub(super) fn leave(
        &mut self,
        elapsed: std::time::Duration,
    ) -> (std::collections::BTreeMap<Pause, u64>, u64) {
        let mut waiting = std::collections::BTreeMap::new();
        for (_, live) in self.runs.drain() {
            let pause = if live.run.waits_until().is_some() { Pause::Wait } else { Pause::Retry };
            *waiting.entry(pause).or_default() += 1;
        }
        if self.aside > 0 {
            *waiting.entry(Pause::Retry).or_default() += self.aside;
        }
        if self.held_records > 0 {
            *waiting.entry(Pause::NeedsAttention).or_default() += self.held_records;
        }
        let finished =
            waiting.is_empty() && !self.stopping && self.reader.is_at_end() && self.state.hold().is_none();
        if finished {
            let positions: Vec<Position> =
                self.left_open.iter().flat_map(|exchange| exchange.positions.iter().copied()).collect();
            self.settle_left_open(&positions);
        }
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
        if totals.failed() == 0 && !waits(Pause::NeedsAttention) && !waits(Pause::Wait) {
            return Ok(());
        }
        let identified = tokio::task::spawn_blocking(move || identify(&reader, &kept)).await;
        match identified.map_err(|_| EngineError::Stopped("the reader"))? {
            Ok(events) => {
                let last = events.into_iter().map(|event| self.write(event, None)).last();
                self.settle_journal(last.unwrap_or(0)).await
            }
            Err(error) => {
                tracing::warn!(
                    "people of requests that failed can be looked up only while the input is there: {error}"
                );
                Ok(())
            }
        }
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
fn unnamed(position: Position) -> Ended {
    Ended {
        position,
        verdict: Verdict::Waiting(Pause::NeedsAttention),
        accepted: false,
        verified: false,
        id: IdEntry { key: [0; 16], content: 0 },
        failure: None,
    }
}
