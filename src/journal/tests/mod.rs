//! The store with real files: what is kept, what is refused, and what a crash leaves.

mod again;
mod backup;
mod compaction;
mod crash;
mod idempotency;
mod inbox;
mod keys;
mod ledger;
mod looks;
mod made;
mod marks;
mod masters;
mod measure;
mod outputs;
mod owner;
mod prune;
mod torn;
mod unfinished;
mod use_of;
mod watches;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::job::{Answered, Ended, Event, Fail, IdEntry, Intended, JobId, Mark, Stopped, Verdict};

/// Records in a batch of these tests.
const BATCH: u64 = 75;

fn new_job(name: &str) -> NewJob {
    NewJob {
        workflow_name: name.to_owned(),
        workflow_digest: [1; 32],
        workflow_text: format!("workflow: {name}\n"),
        input_path: "requests.ndjson".to_owned(),
        input_digest: [2; 32],
        format: serde_json::json!({"format": "ndjson"}),
        started_ms: 1_800_000_000_000,
        sandbox: false,
        window: None,
    }
}

fn id_of(position: u64) -> IdEntry {
    let digest = Sha256::digest(position.to_le_bytes());
    IdEntry { key: *digest.first_chunk().unwrap(), content: position }
}

fn ended(position: u64, verdict: Verdict) -> Ended {
    let accepted = verdict == Verdict::Done;
    Ended { position, verdict, accepted, verified: false, id: id_of(position), failure: None }
}

fn intended(batch: u64) -> Event {
    Event::Intended(Intended {
        batch,
        attempt: 0,
        repeatable: true,
        step: 0,
        positions: (batch * BATCH..(batch + 1) * BATCH).collect(),
        calls: BATCH as u32,
    })
}

fn answered(batch: u64) -> Event {
    Event::Answered(Answered {
        batch,
        at_ms: 1_800_000_000_000,
        status: 201,
        request_id: None,
        steps: Vec::new(),
        ended: (batch * BATCH..(batch + 1) * BATCH).map(|position| ended(position, Verdict::Done)).collect(),
        marks: Vec::new(),
    })
}

/// As [`answered`], with marks.
fn answered_with(batch: u64, marks: Vec<Mark>) -> Event {
    match answered(batch) {
        Event::Answered(answered) => Event::Answered(Answered { marks, ..answered }),
        other => other,
    }
}

fn stopped(finished: bool) -> Event {
    let unmapped = vec![("Newsletter".to_owned(), 3)];
    Event::Stopped(Stopped { at_ms: 2, elapsed_ms: 10, finished, records: Some(BATCH), unmapped })
}

/// A writer with the channel that says what is durable.
struct Listening {
    writer: Writer,
    durable: UnboundedReceiver<u64>,
    heard: u64,
}

impl Listening {
    fn on(store: &Store, job: JobId) -> Listening {
        let (sender, durable) = unbounded_channel();
        Listening { writer: store.writer(job, sender), durable, heard: 0 }
    }

    /// Appends and waits until it is durable; `false` when it will never be.
    fn write(&mut self, event: Event) -> bool {
        let number = self.writer.append(event);
        self.wait_for(number)
    }

    fn wait_for(&mut self, number: u64) -> bool {
        while self.heard < number {
            match self.durable.blocking_recv() {
                Some(heard) => self.heard = heard,
                None => return false,
            }
        }
        true
    }
}

fn events_of(reader: &Reader, job: JobId) -> Vec<Event> {
    reader.events(job).map(|recorded| recorded.unwrap().event).collect()
}
