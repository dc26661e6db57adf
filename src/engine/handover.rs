//! What one process leaves to the next: exchanges without an answer, and requests that are not over.

use std::collections::BTreeMap;
use std::time::Duration;

use super::driver::Driver;
use super::history::MAY_HAVE_BEEN_SENT;
use super::runs::About;
use crate::job::{Answered, Ended, Event, IdEntry, Pause, Position, State, Stopped, Verdict};

/// What settles the exchanges that an earlier process left in the air: one that may be repeated is
/// forgotten, so that its records are carried out again; those of one that must not be wait for a person.
pub(super) fn settled(state: &State, at_ms: i64) -> Vec<Event> {
    let mut events = Vec::new();
    for exchange in state.unresolved() {
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
    }
    events
}

impl Driver {
    /// Settles what an earlier process left in the air.
    pub(super) fn take_over(&mut self) {
        for event in settled(&self.state, self.clock.now_ms()) {
            self.write(event, None);
        }
    }

    /// Writes down how this process leaves the job; tells what is still open, by what it waits for.
    pub(super) fn leave(&mut self, elapsed: Duration) -> (BTreeMap<Pause, u64>, u64) {
        let mut waiting = BTreeMap::new();
        let mut held = Vec::new();
        for (slot, live) in self.runs.drain() {
            let pause = if self.held.contains(&slot) {
                held.push(sent_without_answer(&live.about, Some(live.run.path(&self.task.program))));
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
        let stopped = Stopped {
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
