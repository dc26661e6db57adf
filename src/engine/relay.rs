//! From process to process: what an earlier one left in the air, and what this one leaves.
//!
//! A call of which no answer was written down may have been made. One that may be repeated is carried
//! out again before anything else; one that must not be waits for a person.

use std::sync::Arc;

use super::driver::Driver;
use super::open::JobError;
use super::plan_record::Planner;
use super::task::{EngineError, Task};
use super::worker::Planned;
use crate::intake::Records;
use crate::job::{Answered, Ended, Event, IdEntry, Pause, Verdict};

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

impl Driver {
    /// Settles what an earlier process left in the air: a call that may be repeated is forgotten, so
    /// that its record is carried out again; one that must not be waits for a person.
    pub(super) fn take_over(&mut self) {
        let unresolved: Vec<_> = self.state.unresolved().cloned().collect();
        let at_ms = self.clock.now_ms();
        for exchange in unresolved {
            if !exchange.repeatable {
                let ended = exchange.positions.iter().map(|position| needs_attention(*position)).collect();
                self.write(Event::Ended { ended }, None);
            }
            let answered = Answered {
                batch: exchange.batch,
                at_ms,
                status: 0,
                request_id: None,
                steps: Vec::new(),
                ended: Vec::new(),
                marks: Vec::new(),
            };
            self.write(Event::Answered(answered), None);
        }
    }

    /// Writes down how this process leaves the job; tells what is still open, by what it waits for.
    pub(super) fn leave(
        &mut self,
        elapsed: std::time::Duration,
    ) -> (std::collections::BTreeMap<Pause, u64>, u64) {
        let mut waiting = std::collections::BTreeMap::new();
        let mut held = Vec::new();
        for (slot, live) in self.runs.drain() {
            let pause = if self.held.contains(&slot) {
                held.push(needs_attention(live.about.position));
                Pause::NeedsAttention
            } else if live.run.waits_until().is_some() {
                Pause::Wait
            } else {
                Pause::Retry
            };
            *waiting.entry(pause).or_default() += 1;
        }
        if self.held_records > 0 {
            *waiting.entry(Pause::NeedsAttention).or_default() += self.held_records;
        }
        if !held.is_empty() {
            self.write(Event::Ended { ended: held }, None);
        }
        let finished =
            waiting.is_empty() && !self.stopping && self.reader.is_at_end() && self.state.hold().is_none();
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

fn needs_attention(position: u64) -> Ended {
    Ended {
        position,
        verdict: Verdict::Waiting(Pause::NeedsAttention),
        accepted: false,
        verified: false,
        id: IdEntry { key: [0; 16], content: 0 },
        failure: None,
    }
}
