//! The requests of a job whose people are looked for again: done, and erased by a call that was accepted.
//!
//! One that failed, waits, or was skipped is never among them, whatever was sent for it. Which requests
//! these are follows from events that never change, so a look that is taken up again looks at the same.

use std::sync::Arc;

use crate::intake::{Chosen, Input};
use crate::job::{Event, Finished, JobId, Verdict};
use crate::journal::{JobRecord, Reader, StoreError};

/// The requests of a job that were done behind one event and up to another.
pub fn watched(reader: &Reader, job: JobId, from_event: i64, to_event: i64) -> Result<Finished, StoreError> {
    let (mut erased, mut watched) = (Finished::default(), Finished::default());
    for recorded in reader.events(job) {
        let recorded = recorded?;
        if recorded.number > to_event {
            break;
        }
        if let Event::Erased { positions } = &recorded.event {
            for position in positions {
                erased.insert(*position);
            }
        }
        if recorded.number > from_event {
            let done = recorded.event.ends().iter().filter(|ended| ended.verdict == Verdict::Done);
            done.filter(|ended| erased.contains(ended.position)).for_each(|ended| {
                watched.insert(ended.position);
            });
        }
    }
    Ok(watched)
}

/// The input of a job, of a look only what it looks at.
pub fn looked_at(reader: &Reader, record: &JobRecord, input: Input) -> Result<Input, StoreError> {
    let Some((of, from_event, to_event)) = record.looks_at() else { return Ok(input) };
    let records = Arc::new(watched(reader, of, from_event, to_event)?);
    Ok(input.only(Chosen { of, from_event, to_event, records }))
}
